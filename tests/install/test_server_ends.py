"""The GPU server ends when it is told to: by systemd, by Docker, and as a container's first process.

A first process ignores every signal that it has no handler for, so what `docker stop` sends must be one
that the web UI handles, and the script before it too.
"""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

WEB_UI = '''
"""Handles SIGINT as the web UI does, and no other signal; its threads never end by themselves."""
import os, signal, threading, time

signal.signal(signal.SIGINT, lambda *_: os._exit(0))
threading.Thread(target=time.sleep, args=(1000,)).start()
open(os.environ["STARTED"], "w").close()
while True:
    time.sleep(5)
'''


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A server's folder with the real scripts and a stand-in web UI."""
    folder = tmp_path / "my backend"
    (folder / "webui/venv/bin").mkdir(parents=True)
    (folder / "webui/venv/bin/python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (folder / "webui/venv/bin/python").chmod(0o755)
    (folder / "webui/models").mkdir()
    (folder / "models.image").mkdir()
    (folder / "webui/launch.py").write_text(WEB_UI)
    (folder / "backend.conf").write_text(f"WEBUI={shlex.quote(str(folder / 'webui'))}\nFLAGS=--api\n")
    shutil.copy(ROOT / "deploy/start_backend.sh", folder)
    entry = (ROOT / "deploy/backend_entry.sh").read_text()
    (folder / "backend_entry.sh").write_text(entry.replace("/srv/backend", shlex.quote(str(folder))))
    return folder


def hear_ctrl_c() -> None:
    """Undo what a shell does to commands in its background, as these tests may be: they ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def started(command: list[str | Path], folder: Path) -> subprocess.Popen[bytes]:
    """Begin a server and wait until its web UI runs."""
    mark = folder / "started"
    environment = {"PATH": "/usr/bin:/bin", "STARTED": str(mark), "PRODGEN_BACKEND_AUTH": "shop:geheim"}
    process = subprocess.Popen(command, env=environment, preexec_fn=hear_ctrl_c)
    end = time.monotonic() + 60
    while not mark.exists():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    return process


def setting(file: str, pattern: str, usual: str) -> str:
    """What a unit or a Dockerfile says, or what holds where it says nothing."""
    found = re.search(pattern, (ROOT / "deploy" / file).read_text(), re.MULTILINE)
    return found[1] if found else usual


def test_systemd_s_signal_ends_the_server_well_within_its_time(installed: Path):
    number = getattr(signal, setting("prodgen-backend.service", r"^KillSignal=(\w+)", "SIGTERM"))
    grace_s = int(setting("prodgen-backend.service", r"^TimeoutStopSec=(\d+)", "90"))
    process = started([installed / "start_backend.sh"], installed)

    process.send_signal(number)

    assert process.wait(grace_s / 3) in (0, -number)  # systemd counts both as a clean end


def test_docker_s_signal_ends_the_server_although_it_is_the_first_process(installed: Path):
    if subprocess.run(["unshare", "-Ur", "--pid", "--fork", "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody make a process namespace")
    number = getattr(signal, setting("backend.Dockerfile", r"^STOPSIGNAL (\w+)", "SIGTERM"))
    outside = ["unshare", "-Ur", "--pid", "--fork", "--kill-child"]
    process = started([*outside, "bash", installed / "backend_entry.sh"], installed)
    (first,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    try:
        subprocess.run(["kill", f"-{int(number)}", first], check=True)
        status = process.wait(50)
    finally:
        process.kill()
        process.wait()

    assert status == 0


def test_the_script_before_the_web_ui_ends_too(installed: Path):
    if subprocess.run(["unshare", "-Ur", "--pid", "--fork", "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody make a process namespace")
    entry = (installed / "backend_entry.sh").read_text()
    waiting = entry.replace("if ! cp ", f"touch {shlex.quote(str(installed / 'started'))}; sleep 2\nif ! cp ")
    (installed / "backend_entry.sh").write_text(waiting)
    (installed / "start_backend.sh").write_text("#!/bin/sh\nexit 99\n")
    outside = ["unshare", "-Ur", "--pid", "--fork", "--kill-child"]
    process = started([*outside, "bash", installed / "backend_entry.sh"], installed)
    (first,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    subprocess.run(["kill", "-INT", first], check=True)

    assert process.wait(50) == 130
