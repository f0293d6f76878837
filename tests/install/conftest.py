"""A loopback mirror that behaves, or misbehaves, as hubs do; and the two scripts run against it."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import shutil
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LOG_IN_PAGE = b"<!DOCTYPE html><html><head><title>Log in</title></head><body>members only</body></html>"


def safetensors(payload: bytes) -> bytes:
    """Return a well-formed safetensors file with one tensor of these bytes."""
    tensor = {"dtype": "U8", "shape": [len(payload)], "data_offsets": [0, len(payload)]}
    header = json.dumps({"a": tensor}).encode()
    return struct.pack("<Q", len(header)) + header + payload


GOOD = safetensors(bytes(range(256)) * 2048)  # half a megabyte: several blocks


@dataclass
class Mirror:
    """What a source does, by path; `requests` are (path, Range, Authorization) as they came."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    cut_after: dict[str, list[int]] = field(default_factory=dict)
    """For each of the next answers: how many bytes to send before the connection breaks."""
    statuses: dict[str, list[int]] = field(default_factory=dict)
    """For each of the next answers: a status instead of the file."""
    types: dict[str, str] = field(default_factory=dict)
    needs_token: dict[str, str] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    slow_s: float = 0.0
    """Pause after each block, until `hurry` is set."""
    hurry: threading.Event = field(default_factory=threading.Event)
    server: http.server.HTTPServer | None = None

    def encrypt(self, certificate: Path, key: Path) -> None:
        """Speak TLS from now on."""
        assert self.server
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")


class _Handler(http.server.BaseHTTPRequestHandler):
    mirror: Mirror

    def do_GET(self) -> None:
        mirror, path = self.mirror, self.path
        mirror.requests.append((path, self.headers.get("Range"), self.headers.get("Authorization")))
        if path in mirror.redirects:
            self._answer(302, b"", {"Location": mirror.redirects[path]})
        elif mirror.statuses.get(path):
            self._answer(mirror.statuses[path].pop(0), b"no", {"Retry-After": "0"})
        elif mirror.needs_token.get(path, "") not in (self.headers.get("Authorization") or ""):
            self._answer(401, b'{"error": "Unauthorized"}', {"Content-Type": "application/json"})
        elif path not in mirror.files:
            self._answer(404, b"nothing here")
        else:
            self._send(path, mirror.files[path])

    def _send(self, path: str, content: bytes) -> None:
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
        headers = {"Content-Type": self.mirror.types.get(path, "application/octet-stream")}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        cut = self.mirror.cut_after.get(path)
        body = content[start:]
        self._answer(206 if start else 200, body, headers, cut=cut.pop(0) if cut else None)

    def _answer(
        self, status: int, body: bytes, headers: dict[str, str] | None = None, *, cut: int | None = None
    ) -> None:
        self.send_response(status)
        for key, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(key, value)
        self.end_headers()
        sent = body if cut is None else body[:cut]
        for at in range(0, len(sent), 65536):
            self.wfile.write(sent[at : at + 65536])
            if self.mirror.slow_s:
                self.wfile.flush()
                self.mirror.hurry.wait(self.mirror.slow_s)
        if cut is not None:
            self.close_connection = True

    def log_message(self, *_args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """A web server on loopback whose behaviour the test sets."""
    state = Mirror(files={"/good": GOOD, "/page": LOG_IN_PAGE})
    handler = type("Handler", (_Handler,), {"mirror": state})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.handle_error = lambda *_args: None  # a client that was told to stop breaks its connection
    state.server = server
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    state.hurry.set()
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Downloads:
    """`download_weights.sh` with a list of our own and a models folder of its own."""

    list_file: Path
    models: Path
    entries: list[str] = field(default_factory=list)

    def add(
        self,
        name: str,
        *urls: str,
        content: bytes = GOOD,
        sha256: str | None = None,
        size: int | None = None,
        extra: str = "",
        token: str = "",
    ) -> Path:
        """Put a file into the list; returns where it will be."""
        digest = sha256 or hashlib.sha256(content).hexdigest()
        sources = "".join(f'[[weights.sources]]\nurl = "{url}"\n{token}\n' for url in urls)
        self.entries.append(
            f'[[weights]]\nname = "{name}"\ntitle = "a stand-in"\nfile = "Lora/{name}.safetensors"\n'
            f'kind = "safetensors"\nsize = {size or len(content)}\nsha256 = "{digest}"\nhash_from = "here"\n'
            'default = true\nlicence = "MIT"\nlicence_url = "https://example.org"\ncommercial = "yes"\n'
            f"{extra}\n{sources}"
        )
        self.list_file.write_text("schema = 1\n" + "\n".join(self.entries), encoding="utf-8")
        return self.models / f"Lora/{name}.safetensors"

    def command(self, *options: str) -> list[str]:
        """Return the command line."""
        fixed = ["--weights", str(self.list_file), "--dir", str(self.models), "--retry-pause", "0.01"]
        return [str(ROOT / "download_weights.sh"), *fixed, *options]

    def run(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(
            self.command(*options),
            capture_output=True,
            text=True,
            env=clean_environment(**environment),
            timeout=60,
        )


def clean_environment(**more: str) -> dict[str, str]:
    """Return this environment without proxies, tokens and paths that would change what is tested."""
    unwanted = (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "HF_TOKEN",
        "CIVITAI_TOKEN",
        "PYTHONPATH",
        "PRODGEN_PYTHON",
    )
    kept = {key: value for key, value in os.environ.items() if key.upper() not in unwanted}
    # Naming the interpreter saves looking for one, which a test of its own covers.
    return kept | {"NO_PROXY": "*", "PRODGEN_PYTHON": sys.executable} | more


@pytest.fixture
def downloads(tmp_path: Path) -> Downloads:
    """`download_weights.sh` with an empty list and an empty models folder, whose path has a blank in it."""
    return Downloads(tmp_path / "list.toml", tmp_path / "models of mine")


@pytest.fixture
def good() -> bytes:
    """A well-formed model file."""
    return GOOD


@pytest.fixture
def environment() -> Callable[..., dict[str, str]]:
    """`clean_environment`, for tests that run programs themselves."""
    return clean_environment


LAUNCH = """
import os, sys
print("stand-in", sys.argv[1:], os.environ.get("COMMANDLINE_ARGS", ""))
"""

TOOLS = (
    "awk bash basename cat chmod cp date df dirname env find flock git grep head ls mkdir mv printf realpath "
    "rm rmdir sed sh sleep sort tail tee touch uname"
)


@dataclass
class Upstream:
    """Bare stand-in repositories, laid out as below https://github.com/, and a list of pins for them."""

    folder: Path
    pins: Path
    lines: list[str] = field(default_factory=list)

    def add(self, name: str, place: str, files: dict[str, str], *, tag: str = "-") -> str:
        """Make a repository with one commit; returns the commit."""
        work, bare = self.folder / "work" / name, self.folder / "github" / f"me/{name}.git"
        for file, text in files.items():
            (work / file).parent.mkdir(parents=True, exist_ok=True)
            (work / file).write_text(text)
        git = ["git", "-C", str(work), "-c", "user.email=a@example.org", "-c", "user.name=a"]
        subprocess.run(["git", "init", "-q", work], check=True)
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-qm", "stand-in"], check=True)
        subprocess.run(["git", "clone", "-q", "--bare", work, bare], check=True)
        subprocess.run(["git", "-C", bare, "update-server-info"], check=True)
        commit = subprocess.run(
            [*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
        ).stdout.strip()
        self.lines.append(f"a1111 {name} https://github.com/me/{name}.git {commit} {tag} {place}")
        self.pins.write_text("# stand-ins\n\n" + "\n".join(self.lines) + "\n")
        return commit


def stand_ins(folder: Path, *, webui: dict[str, str], ic_light: dict[str, str]) -> Upstream:
    """Make stand-ins for the web UI, a repository it needs, the model patcher and IC-Light."""
    made = Upstream(folder, folder / "pins.txt")
    usual = {
        "launch.py": LAUNCH,
        "CHANGELOG.md": "## 1.10.1\n",
        "models/Put models here.txt": "",
        ".gitignore": "/venv\n/extensions\n/repositories\n",
    }
    made.add("webui", ".", usual | webui, tag="v1.10.1")
    made.add("stable-diffusion", "repositories/stable-diffusion-stability-ai", {"a.py": ""})
    made.add("model-patcher", "extensions/a-sd-webui-model-patcher", {"a.py": ""})
    made.add("ic-light-v2", "extensions/sd-forge-ic-light", {"a.py": ""} | ic_light)
    return made


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Upstream:
    """Stand-ins that install no packages."""
    return stand_ins(tmp_path_factory.mktemp("upstream"), webui={}, ic_light={})


@pytest.fixture(scope="session")
def new_upstream() -> Callable[..., Upstream]:
    """`stand_ins`, for tests with files of their own in them."""
    return stand_ins


@pytest.fixture(scope="session")
def web_mirror(upstream: Upstream) -> Iterator[str]:
    """The stand-ins behind a plain web server, which cannot give single commits."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_args: object) -> None:
            """Keep the test's output clean."""

    handler = functools.partial(Quiet, directory=str(upstream.folder / "github"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Box:
    """A machine as the script sees it: its commands are links in one folder, so any can be missing."""

    folder: Path
    upstream: Upstream

    @property
    def target(self) -> Path:
        """Where the backend goes; with a blank in its path."""
        return self.folder / "my backend"

    @property
    def webui(self) -> Path:
        """Where the web UI goes."""
        return self.target / "webui"

    def program(self, name: str, text: str) -> None:
        """Put a program of our own on the machine."""
        path = self.folder / "bin" / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def gpu(self, answer: str) -> None:
        """Put in a GPU: what nvidia-smi answers."""
        self.program("nvidia-smi", f"echo '{answer}'")

    def without(self, name: str) -> None:
        """Take a program off the machine."""
        (self.folder / "bin" / name).unlink(missing_ok=True)

    def run(self, *options: str, mirror: str | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the script to its end."""
        github = mirror or f"file://{self.upstream.folder / 'github'}"
        command = [
            str(ROOT / "install_backend.sh"),
            "--dir",
            str(self.target),
            "--pins",
            str(self.upstream.pins),
        ]
        return subprocess.run(
            [*command, "--mirror", github, *options],
            capture_output=True,
            text=True,
            env={"PATH": str(self.folder / "bin"), "HOME": str(self.folder), "NO_PROXY": "*", "LC_ALL": "C"}
            | more,
            timeout=120,
        )


def new_box(folder: Path, upstream: Upstream) -> Box:
    """Return a machine with the usual tools, Python 3.11 if this is one, and no GPU."""
    (folder / "bin").mkdir(parents=True)
    for tool in TOOLS.split():
        if found := shutil.which(tool):
            (folder / "bin" / tool).symlink_to(found)
    (folder / "bin" / "python3").symlink_to(sys.executable)
    return Box(folder, upstream)


@pytest.fixture
def box(tmp_path: Path, upstream: Upstream) -> Box:
    """A fresh machine."""
    return new_box(tmp_path / "box", upstream)


@pytest.fixture(scope="session")
def new_machine(upstream: Upstream) -> Callable[..., Box]:
    """Makes a fresh machine in a folder, which installs from the usual stand-ins or from others."""
    return lambda folder, source=upstream: new_box(folder, source)
