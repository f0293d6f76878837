"""A small shop with real photographs, and backends that draw a plain scene: behind sockets, counted."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from prodgen import files
from prodgen.batching import batch
from prodgen.dispatch import Event
from prodgen.engines import engine_server
from prodgen.server import Behaviour, socket_server

SCRIPT = Path(__file__).with_name("counting_server.py")


class Shop:
    """A sheet of photographs with mattes, and the folder of its run."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out, self.sheet = folder, folder / "out", folder / "products.csv"
        self.rows: list[dict[str, str]] = []

    def fill(self, count: int) -> None:
        for number in range(1, count + 1):
            self.add(number)
        self.write()

    def add(self, number: int, prompt: str = "") -> None:
        y, x = np.mgrid[:120, :100]
        matte = np.clip(30.5 - np.hypot(x - 50, y - 60), 0, 1).astype(np.float32)
        stripes = 0.1 * np.sin(x / 5 + 1) + 0.1 * np.cos(y / 7)
        product = np.array([0.5, 0.7, 0.3]) + stripes[..., None] + number / 1000
        photo = 0.95 * (1 - matte[..., None]) + product.clip(0, 1) * matte[..., None]
        files.save(self.folder / f"{number:03}.png", photo.astype(np.float32))
        files.save_matte(self.folder / f"{number:03}-matte.png", matte)
        self.rows.append(
            {
                "photo": f"{number:03}.png",
                "sku": f"{number:05}",
                "matte": f"{number:03}-matte.png",
                "prompt": prompt or f"a mug on table {number}",
            }
        )

    def write(self) -> None:
        with self.sheet.open("w", newline="") as sheet:
            table = csv.DictWriter(sheet, ["photo", "sku", "matte", "prompt"])
            table.writeheader()
            table.writerows(self.rows)

    def pictures(self) -> list[str]:
        return sorted(path.relative_to(self.out).as_posix() for path in self.out.glob("0*/*.png"))

    def run(self, *backends: str, **how: object) -> list[Event]:
        """Make what is to be made in a thread of this process."""
        return list(batch(self.sheet, self.out, backends=backends, workers=0, **how))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


class Servers:
    """Backends in this process, each behind a socket of its own."""

    def __init__(self, held: ExitStack) -> None:
        self._held = held
        self.asked: dict[str, int] = {}

    def start(self, delay_s: float = 0.0, faults=lambda _: None) -> str:
        """Start one and return its address; `faults` as in `Behaviour`."""
        said: list[str] = []

        def note(path: str):
            if path.endswith("2img"):
                self.asked[said[0]] += 1
            return faults(path)

        server = engine_server("load-test", behaviour=Behaviour(delay_s=delay_s, faults=note))
        said.append(self._held.enter_context(socket_server.listening(server)))
        self.asked[said[0]] = 0
        return said[0]

    @property
    def renders(self) -> int:
        """How many pictures all were asked for."""
        return sum(self.asked.values())


@pytest.fixture
def servers() -> Iterator[Servers]:
    with ExitStack() as held:
        yield Servers(held)


class Process:
    """A backend in a process of its own, which can be killed, stopped and started again on its port."""

    def __init__(self, book: Path, port: int = 0, delay_s: float = 0.2) -> None:
        self._book, self._delay_s = book, delay_s
        self.port = port
        self.start()

    def start(self) -> None:
        command = [sys.executable, SCRIPT, str(self.port), str(self._delay_s), self._book]
        self.running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.running.stdout is not None
        self.url = self.running.stdout.readline().strip()
        self.port = int(self.url.rpartition(":")[2])

    def signal(self, number: int) -> None:
        os.kill(self.running.pid, number)

    def kill(self) -> None:
        self.running.kill()
        self.running.wait()
        if self.running.stdout is not None:
            self.running.stdout.close()

    @property
    def asked(self) -> int:
        """How many pictures it was asked for, in all its lives."""
        return len(self._book.read_text().split()) if self._book.exists() else 0


@pytest.fixture
def processes(tmp_path: Path) -> Iterator:
    started: list[Process] = []

    def start(**how: float) -> Process:
        started.append(Process(tmp_path / f"book {len(started)}", **how))
        return started[-1]

    yield start
    for process in started:
        process.kill()
