"""A real Dask scheduler and real workers in processes of their own, on this machine's loopback."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prodgen.catalogue import Order
from prodgen.cluster import open_cluster
from prodgen.dispatch import Event, PictureDone, Rules, RunEnded, run
from prodgen.ledger import open_run
from prodgen.storage import open_store

HERE = Path(__file__).parent


class Farm:
    """A scheduler and workers that a test starts and kills."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as unused:
            self.port = unused.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []

    def _start(self, *command: str, cwd: Path | None = None) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{len(self.processes)}.log").open("wb")
        with log:
            process = subprocess.Popen([sys.executable, "-m", *command], stdout=log, stderr=log, cwd=cwd)
        self.processes.append(process)
        return process

    def scheduler(self) -> subprocess.Popen[bytes]:
        return self._start(
            "distributed.cli.dask_scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--no-dashboard",
        )

    def worker(self, name: str, cwd: Path | None = None) -> subprocess.Popen[bytes]:
        return self._start("prodgen", "worker", "--scheduler", self.address, "--name", name, cwd=cwd)

    def said(self, number: int) -> str:
        return (self.folder / f"{number}.log").read_text()

    def wait_until_said(self, number: int, words: str) -> None:
        until = time.monotonic() + 90
        while words not in self.said(number):
            assert time.monotonic() < until, self.said(number)
            time.sleep(0.05)

    def close(self) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()


@pytest.fixture
def farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Farm]:
    pytest.importorskip("distributed", reason="a cluster needs Dask: pip install '.[cluster]'")
    monkeypatch.syspath_prepend(HERE)
    monkeypatch.setenv(
        "PYTHONPATH", str(HERE)
    )  # for the workers: a test's own modules are no part of prodgen
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    folder = tmp_path / "logs"
    folder.mkdir()
    farm = Farm(folder)
    yield farm
    farm.close()


class Shop:
    """A run's folder, its orders, and what was drawn."""

    def __init__(self, folder: Path, orders: int) -> None:
        self.out = folder / "out"
        self.out.mkdir()
        self.photo = folder / "mug.jpg"
        self.photo.write_bytes(b"pixels")
        self.orders = [
            Order(f"mug{one}/table", f"mug{one}", one, str(self.photo), "a table", one, f"mug{one}/table.png")
            for one in range(1, orders + 1)
        ]

    def go(
        self,
        address: str,
        *,
        draw_s: float = 0.1,
        rules: Rules | None = None,
        on_event: Callable[[Event, int], None] = lambda event, done: None,
    ) -> list[Event]:
        """Run to the end; `on_event` hears each event with the number of pictures until then."""
        from toy_crew import ToyCrew

        events, done = [], 0
        with (
            open_run(self.out) as opened,
            open_cluster(
                address,
                outputs=open_store(self.out),
                make_place=ToyCrew(str(self.out), draw_s),
                photo=str(self.photo),
            ) as cluster,
        ):
            opened.ledger.plan(self.orders)
            for event in run(opened.ledger, cluster.places, rules or Rules(), newcomers=cluster.newcomers):
                events.append(event)
                done += isinstance(event, PictureDone)
                on_event(event, done)
        return events

    @property
    def drawn(self) -> Counter[str]:
        """How often each order was drawn."""
        file = self.out / "drawn"
        return (
            Counter(line.split()[0] for line in file.read_text().splitlines()) if file.exists() else Counter()
        )

    def is_whole(self, events: list[Event]) -> bool:
        end = events[-1]
        assert isinstance(end, RunEnded)
        there = all((self.out / order.output).read_bytes() == order.slot.encode() for order in self.orders)
        return there and end.end == "complete" and end.counts.done == len(self.orders)


@pytest.fixture
def shop(tmp_path: Path) -> Callable[[int], Shop]:
    return lambda orders: Shop(tmp_path, orders)
