"""A real server process that is ended again and again while it draws: every picture comes, and each once."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress

import numpy as np
import pytest

from prodgen.client import Client
from prodgen.client.work import tasks
from prodgen.schema import Txt2Img

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")

DRAWS_FOR_S = 1.0


def free_port():
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return listener.getsockname()[1]


class Served:
    """`prodgen serve` as a service manager runs it: started again whenever it has ended."""

    def __init__(self):
        self.port = free_port()
        self.process = self._start()

    def _start(self):
        command = [sys.executable, "-m", "prodgen", "serve", "--port", str(self.port)]
        process = subprocess.Popen(
            [*command, "--delay", str(DRAWS_FOR_S)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(600):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return process
            time.sleep(0.1)
        raise AssertionError("the server did not start")

    def end_and_start(self, number):
        self.process.send_signal(number)
        self.process.wait(30)
        self.process = self._start()

    def close(self):
        self.process.kill()
        self.process.wait(30)


@pytest.fixture
def served():
    server = Served()
    yield server
    server.close()


def cat(seed):
    return Txt2Img(prompt="a cat", steps=8, width=64, height=64, seed=seed)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_is_ended_while_it_draws_costs_no_picture(served, number, monkeypatch):
    monkeypatch.setattr(tasks, "POLL_S", 0.05)
    address = f"http://127.0.0.1:{served.port}"
    with Client(address) as client:
        wanted = {seed: client.txt2img(cat(seed)).images[0] for seed in range(2)}
        assert all(picture.any() for picture in wanted.values())
        for seed in wanted:
            ending = threading.Timer(DRAWS_FOR_S / 2, served.end_and_start, (number,))
            ending.start()
            drawn = client.txt2img(cat(seed))
            ending.join()

            np.testing.assert_array_equal(drawn.images[0], wanted[seed])
            assert any("asked again" in notice for notice in drawn.notices)
