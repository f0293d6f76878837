"""Console blocks of the README and of docs/ are run, line by line, as a reader would type them.

Each page gets a folder with the pictures that its lines name. `prodgen` runs in this process; a server that a
line names is a stand-in, `prodgen serve`. A line that is not run stands in `NOT_RUN`, with the reason.
"""

from __future__ import annotations

import os
import re
import runpy
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import cv2
import pytest
from click.testing import CliRunner

from prodgen.cli import main

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]

NOT_RUN = {
    r"make |tar |unzip ": "the checks on a clean machine run make; tests do not install",
    r"pip (un)?install|uv |python3? -m venv|source |\. |\.venv|py -": "installs from the network",
    r"nvidia-smi|docker|cp \.env": "needs a GPU or Docker; tests/install checks those files",
    r"\./install_backend\.sh|.*\./download_weights\.sh|.*start_backend\.sh": "tests/install runs it",
    r"python3 deploy/healthcheck\.py": "run by tests/install against a stand-in",
    r"prodgen serve|PRODGEN_SERVE_AUTH=\S+ prodgen serve": "serves until it is stopped; tests/server runs it",
    r"prodgen (batch|watch|status) (?!examples|outputs)": "needs a catalogue; those of the README are run",
    r"prodgen weights get": "downloads; tests/cli runs it against a stand-in",
    r"prodgen generate .*engine://": "draws by diffusion; tests/engines/diffusers runs it on tiny networks",
    r"prodgen (generate|replay) .*comfy://": "needs a ComfyUI; tests/engines/comfy runs them on a stand-in",
    r"prodgen (segment|shoot) .*(isnet|u2net|birefnet)": "needs the weights of a segmenter",
}
"""A line that matches is not run, for this reason. Of prodgen's own lines the options are still checked."""

STAND_INS = {
    "2048x2048": "256x256",
    "1024x1024": "256x256",
    "2000x2000": "320x320",
    "sd_xl_base_1.0": "prodgen-ibl (no diffusion)",
}
"""Sizes that only cost time here, and names of models that the stand-in does not have."""

PICTURES = {
    "mug": "examples/photos/mug.png",
    "jar": "examples/photos/jar.png",
    "box": "examples/photos/box.png",
    "bottle": "tests/data/mattes/clearbottle_colour.jpg",
    "reference": "tests/data/truth/plate_small_night.jpg",
    "my-kitchen": "tests/data/truth/plate_small_interior.jpg",
    "agency-picture": "tests/data/truth/mug_city.jpg",
    "mug-beach": "tests/data/truth/mug_city.jpg",
    "relit": "tests/data/truth/mug_city.jpg",
    "matte": "tests/data/truth/mug_matte.png",
    "mask": "tests/data/truth/mug_matte.png",
}
"""Name of a picture that a line reads, and nothing before it wrote; and what it is a copy of."""

MAY_FAIL = {"inspect": {0, 1}, "doctor": {0, 1}, "licences": {0, 1}}
"""Commands whose exit code is an answer: 1 says "not the same product", "something is wrong" and the like."""


def lines(page: Path) -> list[str]:
    found: list[str] = []
    for block in re.findall(r"```console\n(.*?)```", page.read_text("utf-8"), flags=re.DOTALL):
        found += [line.strip() for line in block.replace("\\\n", " ").splitlines() if line.strip()]
    return [line for line in found if not line.startswith("#")]


@pytest.fixture(scope="module")
def stand_in() -> Iterator[str]:
    """Address of a server, in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "prodgen", "serve", "--port", str(port)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            for _ in range(200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()


def shrunk(source: Path, target: Path) -> None:
    picture = cv2.imread(str(source), cv2.IMREAD_UNCHANGED)
    assert cv2.imwrite(str(target), cv2.resize(picture, (352, 352), interpolation=cv2.INTER_AREA))


class Reader:
    """Types a page's lines, in a folder that has what they need."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, stand_in: str) -> None:
        self.folder, self._patch, self._stand_in = folder, monkeypatch, stand_in

    def type(self, line: str) -> None:
        """Run one line; it must end as it should."""
        line = re.sub(r"(https?|comfys?)://[\w.]+(:\d+)?|engine://(?=[ ]|$)", self._stand_in, line)
        line = re.sub(r"\$\(cat [^)]*\)", "a-token", line)
        words = [STAND_INS.get(word, word) for word in shlex.split(line, comments=True)]
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            self._patch.setenv(*words.pop(0).split("=", 1))
        if words[:1] == ["export"]:
            for word in words[1:]:
                self._patch.setenv(*word.split("=", 1))
        elif words[:1] == ["prodgen"]:
            self._run(words[1:], line)
        elif words[:1] == ["python"] and words[1].endswith(".py"):
            self._patch.setattr(sys, "argv", words[1:])
            try:
                runpy.run_path(str(ROOT / words[1]), run_name="__main__")
            except SystemExit as ended:
                assert not ended.code, line  # noqa: PT017 (a program may end by itself or by exit(0))
        else:
            raise AssertionError(f"nobody runs this line, and NOT_RUN does not say why: {line}")

    def _run(self, words: list[str], line: str) -> None:
        to_file = words[words.index(">") + 1] if ">" in words else None
        words = words[: words.index(">")] if ">" in words else words
        for word in words:
            self._provide(word)
        result = CliRunner().invoke(main, words)
        allowed = MAY_FAIL.get(words[0], {0})
        assert result.exit_code in allowed, f"{line}\n{result.output}\n{result.exception!r}"
        if to_file:
            Path(to_file).write_text(result.stdout, "utf-8")

    def _provide(self, word: str) -> None:
        """Put there what a word names, if it is a picture that no line before made."""
        path = Path(word)
        if path.suffix not in (".png", ".jpg") or path.exists() or path.parent.name == "outputs":
            return
        source = next((source for name, source in PICTURES.items() if path.stem.endswith(name)), None)
        if source is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            shrunk(ROOT / source, path)


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: str) -> Reader:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    for photo in (tmp_path / "examples" / "photos").iterdir():
        shrunk(photo, photo)
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "place.txt").write_text("on a table\nin a courtyard\n", "utf-8")
    (tmp_path / "ca.pem").write_text(os.environ.get("SSL_CERT_FILE", ""), "utf-8")
    return Reader(tmp_path, monkeypatch, stand_in)


WITH_LINES = [page for page in PAGES if lines(page)]


@pytest.mark.timeout(300)  # a page of a dozen pictures takes its time on a busy machine
@pytest.mark.parametrize("page", WITH_LINES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_reader_can_type_the_lines_of_a_page(page, reader):
    for name, text in re.findall(r"```toml\n# (\S+)\n(.*?)```", page.read_text("utf-8"), flags=re.DOTALL):
        for there, here in STAND_INS.items():
            text = text.replace(there, here)
        Path(name).write_text(text, "utf-8")
    for line in lines(page):
        if not any(re.match(pattern, line) for pattern in NOT_RUN):
            reader.type(line)


def test_the_options_of_lines_that_are_not_run_exist(monkeypatch):
    for line in (line for page in PAGES for line in lines(page) if line.startswith("prodgen ")):
        if any(re.match(pattern, line) for pattern in NOT_RUN):
            name, *words = shlex.split(line, comments=True)[1:]
            command = main.get_command(click.Context(main), name)
            assert command is not None, line
            for option in command.params:  # what a line names need not be there
                if isinstance(option.type, click.Path):
                    monkeypatch.setattr(option.type, "exists", False)
            command.make_context(name, words)


def test_every_reason_not_to_run_a_line_is_still_needed():
    everything = [line for page in PAGES for line in lines(page)]
    idle = [pattern for pattern in NOT_RUN if not any(re.match(pattern, line) for line in everything)]
    assert idle == []
