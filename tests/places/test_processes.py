"""Workers in processes of their own: they die, and others do not die with them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from prodgen.engines import embedded_server
from prodgen.errors import WorkerLostError
from prodgen.places import memory
from prodgen.server import Behaviour
from prodgen.server.socket_server import listening

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")


def children_of(pid: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(is_so, seconds=30.0):
    end = time.monotonic() + seconds
    while not is_so() and time.monotonic() < end:
        time.sleep(0.02)
    return is_so()


def test_a_worker_that_is_killed_loses_the_order_it_works_on_and_no_other(shop, steps):
    with listening(embedded_server(Behaviour(delay_s=3), engine="load-test")) as url:
        place = shop.crew(workers=1).place(url)
        before = set(children_of(os.getpid()))
        drawn, other = (place.submit(shop.order(number), steps) for number in (1, 2))
        assert wait_until(lambda: ("disc1", "draw") in steps and ("disc2", "prepare") in steps)
        time.sleep(0.5)
        (worker,) = set(children_of(os.getpid())) - before
        os.kill(worker, signal.SIGKILL)

        with pytest.raises(WorkerLostError, match="signal 9"):
            drawn.result(30)
        assert other.result(60).seed == 2


def test_orders_of_one_product_in_two_processes_are_cut_out_once(shop, steps):
    crew, cut = shop.crew(workers=2), []
    keep = crew._keep_packed
    crew._keep_packed = lambda product, packed: cut.append(packed is not None) or keep(product, packed)
    place = crew.place("embedded://")

    futures = [place.submit(shop.order(number), steps) for number in range(1, 5)]
    for future in futures:
        future.result(60)

    assert (len(cut), sum(cut)) == (4, 1)
    assert all(member.link is not None for member in crew._workers)


def test_workers_hear_no_ctrl_c_and_die_with_a_coordinator_that_is_killed(shop, tmp_path):
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("sku,photo\n1,disc0.png\n2,disc1.png\n")
    with listening(embedded_server(Behaviour(delay_s=60), engine="load-test")) as url:
        code = f"""
            from prodgen import batch
            given = dict(prompt="a table", backends=[{url!r}], workers=1)
            for event in batch({str(sheet)!r}, {str(shop.out)!r}, **given):
                print(type(event).__name__, getattr(event, "step", ""), flush=True)
        """
        run = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        with run.stdout:
            for line in run.stdout:
                if line.strip() == "StepBegun draw":
                    break
            (worker,) = children_of(run.pid)
            assert os.getsid(worker) != os.getsid(run.pid)  # so the terminal's Ctrl-C does not reach it
            run.kill()
            run.wait()
            assert wait_until(lambda: not is_alive(worker), 10)
    assert not list(shop.out.rglob("*.png"))


def test_memory_is_half_of_what_is_free_and_never_more_than_the_containers(monkeypatch, tmp_path):
    assert 0 < memory.default_memory() < 1 << 50
    (tmp_path / "memory.max").write_text("300000000\n")
    (tmp_path / "memory.current").write_text("100000000\n")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    monkeypatch.setattr(memory, "_free_of_machine", lambda: 1e12)

    assert memory.default_memory() == 100_000_000
