"""What `install_backend.sh` refuses, leaves alone, takes over and takes away."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

needs_old_python = pytest.mark.skipif(
    sys.version_info[:2] not in ((3, 10), (3, 11)), reason="the web UI runs with Python 3.10 or 3.11 only"
)


def test_uninstall_keeps_models_and_a_new_install_takes_them_over(box):
    box.run("--sources-only")
    weights = box.webui / "models" / "ic-light" / "mine.safetensors"
    weights.write_text("weights")

    removed = box.run("--uninstall")
    left = sorted(path.name for path in box.webui.iterdir())
    back = box.run("--sources-only")

    assert removed.returncode == back.returncode == 0, removed.stderr + back.stderr
    assert left == ["models"]
    assert weights.read_text() == "weights"
    assert (box.webui / "launch.py").is_file()


def test_purge_leaves_nothing(box):
    box.run("--sources-only")

    assert box.run("--uninstall", "--purge").returncode == 0
    assert not box.target.exists()


def test_uninstall_touches_no_folder_that_it_did_not_make(box):
    box.target.mkdir()
    (box.target / "letter.txt").write_text("dear")

    assert box.run("--uninstall", "--purge").returncode == 1
    assert (box.target / "letter.txt").read_text() == "dear"


def test_an_unknown_installation_is_not_touched(box):
    box.target.mkdir()
    (box.target / "webui.py").write_text("mine")

    result = box.run("--sources-only")

    assert result.returncode == 1
    assert "nothing in it was touched" in result.stderr
    assert [path.name for path in box.target.iterdir()] == ["webui.py"]


def test_adopting_adds_extensions_only_and_uninstalling_takes_only_them(box):
    own_web_ui(box.target, "## 1.10.0\n")
    (box.target / "requirements_versions.txt").write_text("setuptools==69.5.1  # fix\ntorch\nnumpy==1.26.2\n")
    before = tree(box.target)

    added = box.run("--adopt")
    pins = (box.target / ".prodgen-constraints.txt").read_text()
    extensions = sorted(path.name for path in (box.target / "extensions").iterdir())
    removed = box.run("--uninstall")

    assert added.returncode == removed.returncode == 0, added.stderr + removed.stderr
    assert extensions == ["a-sd-webui-model-patcher", "own", "sd-forge-ic-light", "zz-prodgen-bridge"]
    assert pins == "setuptools==69.5.1\nnumpy==1.26.2\n"
    assert "PIP_CONSTRAINT=file:///" in added.stdout
    assert "my%20backend/.prodgen-constraints.txt" in added.stdout
    assert tree(box.target) == before


@pytest.mark.parametrize(
    "line", ["added=", "added=extensions", "added=extensions/", "added=models", "added=./"]
)
def test_a_marker_that_was_cut_short_takes_nothing_of_the_users_away(box, line):
    own_web_ui(box.target, "## 1.10.0\n")
    before = tree(box.target)
    box.run("--adopt")
    with (box.target / ".prodgen-backend").open("a") as marker:
        marker.write(f"{line}\n")

    box.run("--uninstall")

    assert tree(box.target) == before


def test_adopting_leaves_an_ic_light_of_the_users_own_alone(box):
    own_web_ui(box.target, "## 1.10.1\n")
    (box.target / "extensions" / "my-ic-light").mkdir()

    result = box.run("--adopt")

    assert "left as it is" in result.stdout
    assert not (box.target / "extensions" / "sd-forge-ic-light").exists()


def test_a_web_ui_too_old_for_ic_light_is_not_adopted(box):
    own_web_ui(box.target, "## 1.9.4\n")

    result = box.run("--adopt")

    assert result.returncode == 1
    assert "1.10 or later" in result.stderr


def own_web_ui(folder: Path, changelog: str) -> None:
    """Make a web UI of the user's own."""
    (folder / "extensions" / "own").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "launch.py").write_text("")
    (folder / "CHANGELOG.md").write_text(changelog)


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder, with its content, and every folder."""
    return {
        str(path.relative_to(folder)): path.read_text() if path.is_file() else "/"
        for path in folder.rglob("*")
    }


def test_a_clone_that_was_cut_off_is_finished_by_the_next_run(box, upstream):
    broken = upstream.folder / "github" / "me" / "ic-light-v2.git"
    broken.rename(broken.with_suffix(".away"))
    failed = box.run("--sources-only")
    broken.with_suffix(".away").rename(broken)

    done = box.run("--sources-only")

    assert failed.returncode == 1
    assert (
        "cannot fetch ic-light-v2 from https://github.com/me/ic-light-v2.git: is the network up"
        in failed.stderr
    )
    assert not (box.webui / "extensions/sd-forge-ic-light.partial").exists()
    assert done.returncode == 0, done.stderr


def test_an_install_stopped_in_the_middle_says_so_and_goes_on(box):
    git = shutil.which("git")
    box.program(
        "git",
        # The sleep first: a shell that is signalled while `touch` runs goes on.
        f'case "$*" in *ic-light*fetch*) (sleep 0.3; touch "$HOME/fetching") & exec sleep 30;; esac\n'
        f'exec {git} "$@"',
    )
    command = [str(ROOT / "install_backend.sh"), "--dir", str(box.target), "--pins", str(box.upstream.pins)]
    command += ["--mirror", f"file://{box.upstream.folder / 'github'}", "--sources-only"]
    environment = {"PATH": str(box.folder / "bin"), "HOME": str(box.folder), "LC_ALL": "C"}

    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    ) as process:
        end = time.monotonic() + 50
        while not (box.folder / "fetching").exists():
            assert time.monotonic() < end, "it never came to IC-Light"
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=50)
    half_made = (box.webui / "extensions/sd-forge-ic-light").exists()
    box.without("git")
    (box.folder / "bin/git").symlink_to(str(git))
    again = box.run("--sources-only")

    assert process.returncode == 130
    assert "Run the same command again: it goes on from here" in said
    assert not half_made
    assert again.returncode == 0, again.stderr
    assert "webui is at" in again.stdout


def test_a_commit_that_upstream_no_longer_has_is_named(box, tmp_path: Path, upstream):
    pins = tmp_path / "pins.txt"
    pins.write_text(f"a1111 webui https://github.com/me/webui.git {'0' * 40} - .\n")

    result = box.run("--sources-only", "--pins", str(pins))

    assert result.returncode == 1
    assert f"https://github.com/me/webui.git has no commit {'0' * 40}" in result.stderr


def test_changes_of_the_users_own_in_a_clone_are_not_overwritten(box):
    box.run("--sources-only")
    edited = box.webui / "extensions" / "sd-forge-ic-light"
    (edited / "a.py").write_text("mine")
    subprocess.run(
        ["git", "-C", edited, "-c", "user.email=a@example.org", "-c", "user.name=a", "commit", "-qam", "x"],
        check=True,
    )
    (edited / "a.py").write_text("mine again")

    result = box.run("--sources-only")

    assert result.returncode == 1
    assert "is in the way" in result.stderr
    assert (edited / "a.py").read_text() == "mine again"


def no_git(box) -> None:
    box.without("git")


def new_python_only(box) -> None:
    box.program("python3", "exit 1")


def stale_driver(box) -> None:
    box.program("nvidia-smi", "echo 'Driver/library version mismatch'; exit 18")


def file_in_the_way(box) -> None:
    box.target.write_text("a file")


def as_it_is(box) -> None:
    """Change nothing."""


def gpu(answer: str) -> Callable[[Any], None]:
    return lambda box: box.gpu(answer)


@pytest.mark.parametrize(
    ("prepare", "options", "said"),
    [
        (no_git, [], "git is missing: apt install git"),
        (file_in_the_way, [], "cannot write in"),
        (new_python_only, [], "the web UI needs Python 3.10 or 3.11"),
        (new_python_only, ["--python", "python3"], "python3 is not Python 3.10 or 3.11"),
        (as_it_is, ["--ca", "/no/such.pem"], "--ca /no/such.pem is no file"),
        (as_it_is, ["--flavour", "comfy"], "--flavour is a1111, forge-classic or engine"),
        (as_it_is, ["--flavour", "engine", "--adopt"], "--adopt and --sources-only are for a web UI"),
        (as_it_is, ["--flavour", "forge-classic", "--ic-light", "v1"], "Forge Classic has IC-Light v2 only"),
        (as_it_is, ["--dir", "/"], "must be a folder of its own"),
        (as_it_is, ["--frobnicate"], "unknown option --frobnicate"),
    ],
)
def test_what_is_missing_on_the_machine_is_said_with_its_remedy(
    box, prepare: Callable[[Any], None], options: list[str], said: str
):
    prepare(box)

    result = box.run(*options)

    assert result.returncode in (1, 2)
    assert said in result.stderr
    assert not box.webui.exists()


@needs_old_python
@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (as_it_is, "no NVIDIA driver: nvidia-smi is missing"),
        (stale_driver, "restart the machine"),
        (gpu("NVIDIA GeForce RTX 3090, 8.6, 24576, 470.82.01"), "needs 525.60.13 or later"),
        (gpu("NVIDIA GeForce RTX 5090, 12.0, 32607, 550.54.15"), "needs 570.26 or later"),
        (gpu("Tesla K80, 3.7, 11441, 470.82.01"), "is too old for any torch"),
        (gpu("Field compute_cap is not a valid field"), "nvidia-smi is too old to be asked"),
    ],
)
def test_a_gpu_that_cannot_do_it_is_said_before_anything_is_fetched(
    box, prepare: Callable[[Any], None], said: str
):
    prepare(box)

    result = box.run("--python", sys.executable)

    assert result.returncode == 1
    assert said in result.stderr
    assert not box.webui.exists()


@needs_old_python
def test_a_python_that_only_uv_knows_is_found(box):
    box.program("python3", "exit 1")
    box.program("uv", f'[ "$*" = "python find 3.10" ] && echo "{sys.executable}"')

    assert f"at {sys.executable}" in box.run().stdout


def test_a_certificate_authority_reaches_git(box, tmp_path: Path):
    authority = tmp_path / "ca.pem"
    authority.write_text("a certificate")
    box.program("git", f'echo "$GIT_SSL_CAINFO" > "$HOME/told"; exec {shutil.which("git")} "$@"')

    box.run("--sources-only", "--ca", str(authority))

    assert (box.folder / "told").read_text().strip() == str(authority)


def test_a_certificate_authority_beside_the_user_reaches_git_in_every_folder(
    box, tmp_path: Path, monkeypatch
):
    (tmp_path / "ca.pem").write_text("a certificate")
    box.program("git", f'echo "$GIT_SSL_CAINFO" > "$HOME/told"; exec {shutil.which("git")} "$@"')
    monkeypatch.chdir(tmp_path)

    box.run("--sources-only", "--ca", "ca.pem")

    assert (box.folder / "told").read_text().strip() == str(tmp_path / "ca.pem")


def test_too_little_disk_is_noticed_before_anything_is_fetched(box):
    result = box.run("--cpu", PRODGEN_NEEDED_GB="9999999")

    assert result.returncode == 1
    assert "about 9999999 GB are needed" in result.stderr
    assert not box.webui.exists()


@pytest.mark.parametrize(
    ("capability", "torch", "attention"),
    [
        ("cpu", "--index-url https://download.pytorch.org/whl/cpu", "--opt-sdp-attention"),
        ("6.1", "cu121", "--xformers"),
        ("8.9", "cu121", "--xformers"),
        ("9.0", "cu121", "--xformers"),
        ("10.0", "cu128", "--opt-sdp-attention"),
        ("12.0", "cu128", "--opt-sdp-attention"),
    ],
)
def test_the_torch_build_fits_the_gpu(capability: str, torch: str, attention: str):
    script = f'. "{ROOT}/deploy/torch.sh"; torch_choice {capability}'

    choice = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout

    assert torch in choice.split("|")[1]
    assert choice.split("|")[2] == attention


def test_the_pins_are_whole_commits_over_https_and_in_loading_order():
    lines = [line.split() for line in (ROOT / "deploy/pins.txt").read_text().splitlines()]
    pins = [line for line in lines if line and not line[0].startswith("#")]

    for _, _, url, commit, _, _ in pins:
        assert url.startswith("https://github.com/")
        assert len(commit) == 40
        assert set(commit) <= set("0123456789abcdef")
    folders = [place for flavour, *_, place in pins if flavour == "a1111" and place.startswith("extensions/")]
    assert sorted({*folders, "extensions/zz-prodgen-bridge"}) == list(
        dict.fromkeys([*folders, "extensions/zz-prodgen-bridge"])
    )
