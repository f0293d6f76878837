"""Ctrl-C, SIGTERM and SIGHUP at any moment of the command line: exit code, last words, and what is left."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import random
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from unittest import mock

import httpx
import numpy as np
import pytest
from PIL import Image

from prodgen.engines import engine_server
from prodgen.server import Behaviour
from prodgen.server.queueing import FifoLock
from prodgen.server.socket_server import listening

PROGRAM = """
import signal, sys
for name in sys.argv.pop(1).split():  # as they are for a program that a shell starts
    signal.signal(signal.Signals[name], signal.SIG_IGN)
for name in sys.argv.pop(1).split():
    number = signal.Signals[name]
    signal.signal(number, signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL)
patience = sys.argv.pop(1)
from prodgen import stopping

def main():
    print("ready", flush=True)
    if patience:
        from prodgen.client.work import calling
        calling.LEAVING_S = float(patience)
    from prodgen.cli import main
    main()

stopping.run("__main__:main")
"""

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
STOPPED = "prodgen: stopped; nothing was left half-written\n"
SOON_S = 40.0
"""Seconds after which a test has failed: a machine may be slow."""


def start(*asked, ignored="", leaving_s="", **options):
    """Start the command line in a session of its own, and wait until it heeds signals.

    `leaving_s` is for how long it asks after a call that it leaves in a queue; unset: as ever.
    """
    heeded = " ".join(name for name in NAMES if name not in ignored)
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    command = [sys.executable, "-c", PROGRAM, ignored, heeded, leaving_s, *map(str, asked)]
    program = subprocess.Popen(command, text=True, start_new_session=True, **options)
    if program.stdout is not None:
        assert program.stdout.readline() == "ready\n"
    return program


def ended(program):
    """Wait for the end, and return exit code and stderr."""
    try:
        _, said = program.communicate(timeout=SOON_S)
    finally:
        program.kill()
    return program.returncode, said


def wait_until(is_so):
    end = time.monotonic() + SOON_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


def leftovers(folder):
    return [path for path in Path(folder).rglob("*") if path.name.endswith(".part")]


class Slow:
    """A server that draws for a minute, with what can be asked of it from within."""

    def __init__(self, server, url):
        self.machine, self.url = server.machine, url
        self.log = server.render_log

    def draws(self):
        """Whether a call of prodgen's runs."""
        return (self.machine.tasks.current or "").startswith("prodgen-")

    def queue(self):
        return self.machine.tasks.pending()

    def was_interrupted(self):
        return self.machine.state.interrupted

    @contextlib.contextmanager
    def asked_after(self):
        """Wait behind the block until a program asks after its call, as it does when it leaves it."""
        asked, pending = threading.Event(), type(self.machine.tasks).pending
        with mock.patch.object(
            type(self.machine.tasks), "pending", lambda tasks: asked.set() or pending(tasks)
        ):
            yield
            assert asked.wait(SOON_S)
        time.sleep(0.5)  # it has sent the question, and begins to wait for the answer

    @contextlib.contextmanager
    def busy(self):
        """Work for somebody else while the block runs."""
        body = {"prompt": "a boat", "steps": 1, "width": 64, "height": 64, "force_task_id": "other"}
        address = f"{self.url}/sdapi/v1/txt2img"
        other = threading.Thread(target=lambda: httpx.post(address, json=body, timeout=90), daemon=True)
        other.start()
        wait_until(lambda: self.machine.tasks.current == "other")
        yield
        self.machine.state.ask_to_stop(skip=False)
        other.join(SOON_S)


@pytest.fixture
def draws_for_those_who_left(monkeypatch):
    """Have the server draw for callers who hung up, as A1111 does; `prodgen serve` drops them."""
    held = FifoLock.held
    monkeypatch.setattr(FifoLock, "held", lambda self, left=None, served=None: held(self, served=served))


@pytest.fixture
def slow(draws_for_those_who_left):
    server = engine_server("load-test", behaviour=Behaviour(delay_s=60))
    with listening(server) as url:
        yield Slow(server, url)
        server.stop()


def generate(url, folder, *more):
    return [
        "generate",
        "--prompt",
        "a table",
        "--size",
        "64x64",
        "--backend",
        url,
        "-o",
        folder / "a.png",
        *more,
    ]


CODES = [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)]


@pytest.mark.parametrize(("name", "code"), CODES)
def test_while_the_server_draws_its_work_is_interrupted_and_one_sentence_said(slow, name, code, tmp_path):
    program = start(*generate(slow.url, tmp_path))
    wait_until(slow.draws)
    program.send_signal(signal.Signals[name])

    assert ended(program) == (code, STOPPED)
    assert slow.was_interrupted()
    assert list(tmp_path.iterdir()) == []


def test_what_waits_in_the_queue_is_told_with_its_task_and_another_callers_work_goes_on(slow, tmp_path):
    with slow.busy():
        program = start(*generate(slow.url, tmp_path), leaving_s="1")
        wait_until(slow.queue)
        (task,) = slow.queue()
        program.send_signal(signal.SIGTERM)
        code, said = ended(program)

        assert (slow.machine.tasks.current, slow.was_interrupted()) == ("other", False)
    assert code == 143
    assert said == (
        f"prodgen: stopped; nothing was left half-written, but {slow.url} takes nothing out of its queue and"
        f" will still draw task {task}; prodgen cancel {task} --backend {slow.url} ends it when it begins\n"
    )


def test_what_waits_in_the_queue_of_prodgen_serve_is_dropped_there_and_nothing_is_left(
    slow, tmp_path, monkeypatch
):
    monkeypatch.undo()
    with slow.busy():
        program = start(*generate(slow.url, tmp_path))
        wait_until(slow.queue)
        program.send_signal(signal.SIGTERM)

        assert ended(program) == (143, STOPPED)
        assert slow.machine.tasks.current == "other"


def test_what_begins_while_the_program_leaves_is_interrupted_and_nothing_is_left(slow, tmp_path):
    with slow.busy():
        program = start(*generate(slow.url, tmp_path), leaving_s="30")
        wait_until(slow.queue)
        program.send_signal(signal.SIGTERM)
        time.sleep(0.7)
    wait_until(slow.draws)

    assert ended(program) == (143, STOPPED)
    wait_until(slow.was_interrupted)


def test_a_second_press_leaves_the_queue_at_once(slow, tmp_path):
    with slow.busy():
        program = start(*generate(slow.url, tmp_path), leaving_s="200")
        wait_until(slow.queue)
        with slow.asked_after():
            program.send_signal(signal.SIGINT)
        program.send_signal(signal.SIGINT)
        code, said = ended(program)

    assert (code, said.count("\n")) == (130, 1)
    assert "will still draw task prodgen-" in said


def test_a_call_that_was_left_in_the_queue_can_be_cancelled_later(slow):
    with slow.busy():
        body = {"prompt": "a cup", "steps": 1, "width": 64, "height": 64, "force_task_id": "prodgen-1"}
        address = f"{slow.url}/sdapi/v1/txt2img"
        left = threading.Thread(target=lambda: httpx.post(address, json=body, timeout=90), daemon=True)
        left.start()
        wait_until(slow.queue)
        program = start("cancel", "prodgen-1", "--backend", slow.url)
        time.sleep(0.5)
    out, said = program.communicate(timeout=SOON_S)
    left.join(SOON_S)

    assert (program.returncode, out, said) == (0, "stopped\n", "")
    assert not left.is_alive()
    again = start("cancel", "prodgen-2", "--backend", slow.url)
    assert ended(again)[0] == 1


def test_one_more_press_leaves_a_server_that_hangs_at_once(slow, tmp_path, monkeypatch):
    hangs = threading.Event()
    monkeypatch.setattr(type(slow.machine.tasks), "pending", lambda self: hangs.wait(100) or [])
    program = start(*generate(slow.url, tmp_path), leaving_s="200")
    wait_until(slow.draws)
    with slow.asked_after():
        program.send_signal(signal.SIGINT)
    program.send_signal(signal.SIGINT)
    code, said = ended(program)
    hangs.set()

    assert (code, said.count("\n")) == (130, 1)
    assert f"but {slow.url} does not answer and may still draw task prodgen-" in said


def test_while_it_enlarges_on_a_server_that_cannot_stop_that_it_is_told(slow, tmp_path):
    Image.new("RGB", (64, 64), "red").save(tmp_path / "a.png")
    with slow.busy():
        program = start(
            "upscale", tmp_path / "a.png", "--backend", slow.url, "-o", tmp_path / "b.png", leaving_s="1"
        )
        wait_until(lambda: len(slow.machine.lock._waiting) == 2)
        program.send_signal(signal.SIGTERM)
        code, said = ended(program)

    assert (code, said.count("\n")) == (143, 1)
    assert f"but {slow.url} does not tell whose work it does" in said
    assert not (tmp_path / "b.png").exists()


def test_while_it_connects_to_a_server_that_says_nothing_it_ends_at_once(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        program = start(*generate(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path))
        accepted, _ = silent.accept()
        program.send_signal(signal.SIGTERM)

        assert ended(program) == (143, STOPPED)
        accepted.close()


def test_signals_that_are_ignored_at_the_start_stay_ignored(slow, tmp_path):
    program = start(*generate(slow.url, tmp_path), ignored="SIGINT SIGHUP")
    wait_until(slow.draws)
    program.send_signal(signal.SIGHUP)
    program.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert program.poll() is None
    program.send_signal(signal.SIGTERM)

    assert ended(program) == (143, STOPPED)


@pytest.fixture
def shop(tmp_path):
    y, x = np.mgrid[:200, :200]
    inside = ((x - 100) ** 2 + (y - 100) ** 2 < 80**2)[..., None]
    picture = np.where(inside, (200, 40, 40), 240).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "mug.png")
    Image.fromarray((inside[..., 0] * 255).astype(np.uint8)).save(tmp_path / "mug-matte.png")
    (tmp_path / "sheet.csv").write_text("sku,photo,matte\n1,mug.png,mug-matte.png\n")
    return tmp_path


def batch(url, folder):
    return ["batch", folder / "sheet.csv", "-o", folder / "out", "--prompt", "a table", "--backend", url]


def test_a_run_that_gets_sigterm_twice_as_from_timeout_ends_once_and_well(slow, shop):
    program = start(*batch(slow.url, shop), "--workers", "0")
    wait_until(slow.draws)
    for _ in range(2):
        program.send_signal(signal.SIGTERM)
    code, said = ended(program)

    assert (code, said.splitlines()[-1].split(";")[:2]) == (
        143,
        ["prodgen: stopped", " 1 picture left, nothing half-written"],
    )
    assert slow.was_interrupted()
    assert (shop / "out" / "report.html").is_file()
    assert leftovers(shop) == []


def test_a_run_says_which_of_its_calls_wait_in_a_queue(slow, shop):
    with slow.busy():
        program = start(*batch(slow.url, shop), "--workers", "1")
        wait_until(slow.queue)
        (task,) = slow.queue()
        program.send_signal(signal.SIGHUP)
        code, said = ended(program)

        assert slow.machine.tasks.current == "other"
    assert code == 129
    assert f"will still draw task {task}; prodgen cancel {task}" in said
    assert "Traceback" not in said


def is_at_rest(program):
    """Whether a process has begun, and does nothing for a while."""

    def worked():
        return sum(map(int, Path(f"/proc/{program.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))

    before = worked()
    time.sleep(1.5)
    return before > 20 and worked() - before < 3


WATCH = ("watch", "in", "-o", "out", "--prompt", "a table", "--backend", "embedded://")
SERVE = ("serve", "--port", "0")
WORKER = ("worker", "--scheduler", "tcp://127.0.0.1:9", "--backend", "embedded://")


@pytest.mark.parametrize(
    ("asked", "name"), [(WATCH, "SIGINT"), (WATCH, "SIGTERM"), (SERVE, "SIGHUP"), (WORKER, "SIGTERM")]
)
def test_what_runs_until_it_is_ended_has_not_failed_when_a_signal_ends_it(asked, name, tmp_path):
    if asked is WORKER:
        pytest.importorskip("distributed")
    (tmp_path / "in").mkdir()
    program = start(*asked, cwd=tmp_path)
    if asked is WATCH:
        wait_until(lambda: is_at_rest(program))
    else:
        program.stdout.readline()
    program.send_signal(signal.Signals[name])

    assert ended(program) == (0, "")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_at_any_moment_of_drawing_and_writing_every_file_is_whole_or_not_there(name, tmp_path):
    moment = random.Random(f"ending by {name}").uniform(0.0, 0.5)
    asked = [
        "generate",
        "--prompt",
        "a table",
        "--size",
        "64x64",
        "--backend",
        "embedded://",
        "--count",
        "800",  # more than are drawn before the signal
    ]
    program = start(*asked, "-q", "-o", tmp_path / "a.png")
    wait_until(lambda: any(tmp_path.iterdir()))
    time.sleep(moment)
    program.send_signal(signal.Signals[name])

    assert ended(program) == (128 + signal.Signals[name], STOPPED), f"after {moment} s"
    assert leftovers(tmp_path) == []
    for path in tmp_path.iterdir():
        with Image.open(path) as picture:
            picture.load()


def start_on_a_terminal(*asked):
    """Start the command line with a terminal of its own, and return our end of it, too."""
    ours, its = pty.openpty()
    options = dict.fromkeys(("stdin", "stdout", "stderr"), its)
    program = start(*asked, preexec_fn=lambda: fcntl.ioctl(its, termios.TIOCSCTTY, 0), **options)
    os.close(its)
    return ours, program


DONE = """
import signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from prodgen import stopping

def main():
    threading.Thread(target=time.sleep, args=(300,)).start()
    print("done", flush=True)

stopping.run("__main__:main")
"""


def test_a_signal_after_the_work_is_done_ends_what_is_left_of_the_program_with_the_works_code():
    program = subprocess.Popen(
        [sys.executable, "-c", DONE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert program.stdout.readline() == "done\n"
    time.sleep(0.3)
    program.send_signal(signal.SIGINT)

    assert ended(program) == (0, "")


LIBRARY = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
mine = signal.signal(signal.SIGTERM, lambda *_: print("mine", flush=True))
from prodgen import Client

with Client(sys.argv[1]) as client:
    try:
        client.txt2img(prompt="a table", width=64, height=64)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


def test_a_program_that_uses_the_library_keeps_its_own_signals_and_ctrl_c_ends_the_servers_work(slow):
    program = subprocess.Popen(
        [sys.executable, "-c", LIBRARY, slow.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_until(slow.draws)
    program.send_signal(signal.SIGTERM)
    assert program.stdout.readline() == "mine\n"
    assert not slow.was_interrupted()
    program.send_signal(signal.SIGINT)
    assert program.stdout.readline() == "interrupted\n"

    assert ended(program) == (0, "")
    assert slow.was_interrupted()


def read_all(terminal):
    said = b""
    with contextlib.suppress(OSError):  # EIO: the other side has ended
        while part := os.read(terminal, 4096):
            said += part
    return said.decode()


def test_on_a_terminal_the_cursor_is_seen_again_and_the_progress_bar_gone(slow, tmp_path):
    ours, program = start_on_a_terminal(*generate(slow.url, tmp_path))
    wait_until(slow.draws)
    program.send_signal(signal.SIGINT)
    said = read_all(ours)
    os.close(ours)

    assert program.wait(SOON_S) == 130
    assert said.rfind("\x1b[?25h") > said.rfind("\x1b[?25l") > 0
    assert said.endswith(STOPPED.replace("\n", "\r\n"))


def test_a_terminal_that_is_closed_ends_the_program_and_its_work(slow, tmp_path):
    ours, program = start_on_a_terminal(*generate(slow.url, tmp_path))
    wait_until(slow.draws)
    os.close(ours)  # the kernel sends SIGHUP

    assert program.wait(SOON_S) == 129
    assert slow.was_interrupted()


def test_a_run_whose_terminal_is_closed_gives_back_what_it_claimed(slow, shop):
    ours, program = start_on_a_terminal(*batch(slow.url, shop), "--workers", "0")
    threading.Thread(target=read_all, args=(ours,), daemon=True).start()
    wait_until(slow.draws)
    os.close(ours)

    assert program.wait(SOON_S) == 129
    status = subprocess.run(
        [sys.executable, "-m", "prodgen", "status", str(shop / "out"), "--json"],
        capture_output=True,
        check=True,
    )
    assert json.loads(status.stdout)["end"] == "stopped"
