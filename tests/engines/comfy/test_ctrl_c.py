"""Ctrl-C on the command line ends our prompt on a ComfyUI server, and leaves others' alone."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from prodgen.engines.comfy.comfy_server import ComfyServer

from .fake_comfy import FakeComfy
from .graphs_to_run import ignored, txt2img


def generating(comfy: FakeComfy, folder: Path) -> subprocess.Popen[str]:
    address = comfy.address.replace("http://", "comfy://")
    words = [
        "generate",
        "--prompt",
        "a lamp",
        "--backend",
        address,
        "--steps",
        "2",
        "--output",
        str(folder / "lamp.png"),
    ]
    # A program that a shell starts with "&" ignores SIGINT, and so would what it starts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "prodgen", *words],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_prompt_that_runs_is_interrupted(comfy, tmp_path, number):
    comfy.gate.clear()
    program = generating(comfy, tmp_path)
    comfy.wait_for(lambda: comfy.running is not None, 60)

    program.send_signal(number)
    _, said = program.communicate(timeout=30)

    assert program.returncode == 128 + number, said
    comfy.wait_for(lambda: comfy.running is None)
    assert comfy.history == {}
    assert "Traceback" not in said


def test_a_prompt_that_waits_is_taken_out_and_the_one_before_it_comes_to_its_end(comfy, tmp_path):
    comfy.gate.clear()
    other, found = ComfyServer(comfy.settings, poll_s=0.02), {}

    def draw():
        found["run"] = other.run(txt2img(seed=1), ignored)

    thread = threading.Thread(target=draw, daemon=True)
    thread.start()
    comfy.wait_for(lambda: comfy.running is not None)
    program = generating(comfy, tmp_path)
    comfy.wait_for(lambda: len(comfy.pending) == 1, 60)

    program.send_signal(signal.SIGINT)
    program.communicate(timeout=30)

    assert comfy.pending == []
    comfy.gate.set()
    thread.join(20)
    assert found["run"].pictures
    other.close()
