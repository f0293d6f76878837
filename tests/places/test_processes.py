"""Workers in processes of their own: they die, and others do not die with them."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from prodgen import stopping
from prodgen.dispatch import PictureFailed, Rules, RunEnded, run
from prodgen.engines import engine_server
from prodgen.errors import ImageError, NoWorkerError, WorkerLostError
from prodgen.ledger import open_run
from prodgen.places import Crew, crew, memory
from prodgen.places.messages import Failed, Prepared
from prodgen.server import Behaviour
from prodgen.server.socket_server import listening
from prodgen.storage import open_store

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")


PIPES = ("stdin", "stdout", "stderr")


@contextmanager
def program(command, **given):
    """A program that ends with the block, whatever happens in it, and leaves no open pipe to later tests."""
    with subprocess.Popen(command, text=True, **given) as running:
        try:
            yield running
        finally:
            running.kill()


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


def wait_until(is_so, seconds=60.0):
    end = time.monotonic() + seconds
    while not is_so() and time.monotonic() < end:
        time.sleep(0.02)
    return is_so()


def test_a_worker_that_is_killed_loses_the_order_it_works_on_and_no_other(shop, steps):
    server = engine_server("load-test", behaviour=Behaviour(delay_s=10))
    with listening(server) as url:
        place = shop.crew(workers=1).place(url)
        before = set(children_of(os.getpid()))
        futures = {place.submit(shop.order(number), steps) for number in (1, 2)}
        assert wait_until(lambda: server.machine.tasks.current and place.to_draw)
        drawn = place.drawing.future
        (other,) = futures - {drawn}
        (worker,) = set(children_of(os.getpid())) - before
        os.kill(worker, signal.SIGKILL)

        with pytest.raises(WorkerLostError, match="signal 9"):
            drawn.result(60)
        assert other.result(120).seed in (1, 2)


class DyingLink:
    """A process that notes what it is told, and ends when a test says so."""

    def __init__(self, ends):
        self.ends, self.told = ends, []
        self.send = self.told.append

    def hang_up(self):
        pass

    def close(self):
        pass


@pytest.fixture
def doomed(monkeypatch):
    """Processes that do nothing, as they are started."""
    started = []

    def start(crew, worker):
        started.append(DyingLink(lambda *, is_up: crew._on_end(worker, "it was killed", is_up)))
        return started[-1]

    monkeypatch.setattr(Crew, "_start", start)
    return started


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_that_end_at_their_start_blame_no_row_and_end_the_run(shop, monkeypatch, workers):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    place = shop.crew(workers=workers).place("embedded://")
    with open_run(open_store(shop.out)) as opened:
        opened.ledger.plan([shop.order(number, number % 3) for number in range(6)])

        begun = time.monotonic()
        *events, ended = run(opened.ledger, [place], Rules())

        assert not any(isinstance(event, PictureFailed) for event in events)
        assert isinstance(ended, RunEnded)
        assert ended.end == "no place"
        assert (ended.counts.waiting, ended.counts.failed) == (6, 0)
        assert time.monotonic() - begun < 50
    with pytest.raises(NoWorkerError, match="ended with code 1"):
        place.submit(shop.order(1), print).result(1)


def test_processes_that_end_at_their_first_step_blame_no_row_while_nobody_has_done_one(shop, steps, doomed):
    place = shop.crew(workers=1).place("embedded://")
    futures = [place.submit(shop.order(number, number), steps) for number in range(3)]

    for _ in range(crew.DEATHS):
        doomed[-1].ends(is_up=True)

    assert [type(future.exception(1)) for future in futures] == [NoWorkerError] * 3
    assert len(doomed) == crew.DEATHS


def test_a_first_row_that_kills_its_process_is_found_out_by_the_others(shop, steps, doomed):
    place = shop.crew(workers=1).place("embedded://")
    poison, sound, waiting = (place.submit(shop.order(number, number), steps) for number in range(3))

    doomed[-1].ends(is_up=True)  # nobody knows yet whether it is the row's fault
    assert doomed[-1].told[0].order.slot == "disc1"
    place._crew._on_report(Prepared(2, 100, asks_backend=True, packed=None))
    place._crew._on_report(Failed(3, ImageError("broken")))
    assert [command.order.slot for command in doomed[-1].told if hasattr(command, "order")][1:] == [
        "disc2",
        "disc0",
    ]
    place.submit(shop.order(3), steps)
    doomed[-1].ends(is_up=True)

    assert isinstance(poison.exception(1), WorkerLostError)
    assert not sound.done()
    assert waiting.done()


def test_a_process_that_ends_at_its_start_in_the_midst_of_a_run_blames_no_row(shop, steps, doomed):
    place = shop.crew(workers=1).place("embedded://")
    future = place.submit(shop.order(1), steps)

    for _ in range(crew.DEATHS + 1):
        place._crew._on_report(Prepared(0, 100, asks_backend=True, packed=None))
        doomed[-1].ends(is_up=False)

    assert not future.done()


@pytest.mark.parametrize("number", [errno.ENOMEM, errno.EAGAIN])
def test_where_no_process_can_be_started_the_orders_wait(shop, steps, monkeypatch, number):
    def refuse(*_given, **_more):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(subprocess, "Popen", refuse)
    place = shop.crew(workers=2).place("embedded://")

    with pytest.raises(NoWorkerError, match="none can be started"):
        place.submit(shop.order(1), steps).result(1)


def test_where_no_second_process_can_be_started_the_first_one_does_the_work(shop, steps, monkeypatch):
    start, started = subprocess.Popen, []

    def refuse_the_second(*given, **more):
        if started:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        started.append(start(*given, **more))
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", refuse_the_second)
    place = shop.crew(workers=2).place("embedded://")
    futures = [place.submit(shop.order(number, number), steps) for number in range(3)]

    assert [future.result(60).seed for future in futures] == [0, 1, 2]


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
    with listening(engine_server("load-test", behaviour=Behaviour(delay_s=60))) as url:
        code = f"""
            from prodgen import batch
            given = dict(prompt="a table", backends=[{url!r}], workers=1)
            for event in batch({str(sheet)!r}, {str(shop.out)!r}, **given):
                print(type(event).__name__, getattr(event, "step", ""), flush=True)
        """
        command = [sys.executable, "-c", textwrap.dedent(code)]
        with program(command, stdout=subprocess.PIPE, start_new_session=True) as run:
            for line in run.stdout:
                if line.strip() == "StepBegun draw":
                    break
            (worker,) = children_of(run.pid)
            assert os.getsid(worker) != os.getsid(run.pid)  # so the terminal's Ctrl-C does not reach it
            run.kill()
            run.wait()
            assert wait_until(lambda: not is_alive(worker))
    assert not list(shop.out.rglob("*.png"))


def answers(port: int) -> bool:
    with socket.socket() as asking:
        return not asking.connect_ex(("127.0.0.1", port))


CLOSED = """
from prodgen import batch
events = batch("sheet.csv", "out", prompt="a table", backends=[BACKEND], workers=0)
for event in events:
    step = getattr(event, "step", "")
    print(step, flush=True)
    if step == "draw":
        input()
        break
events.close()
"""

PRESSED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored where the tests are run
from prodgen import stopping
asked = "batch sheet.csv -o out --prompt table --workers 0 --json-lines --backend"
sys.argv[1:] = [*asked.split(), BACKEND]
stopping.run("prodgen.cli:main")
"""


@pytest.mark.timeout(180)  # two programs start, one of them with a server's whole library
@pytest.mark.parametrize("script", [CLOSED, PRESSED], ids=["closed", "pressed"])
def test_a_thread_at_a_server_that_answers_nothing_does_not_keep_python_from_its_end(shop, tmp_path, script):
    (tmp_path / "sheet.csv").write_text("sku,photo\n1,disc0.png\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve = [sys.executable, "-m", "prodgen", "serve", "--port", str(port), "--delay", "600", "-q"]
    code = script.replace("BACKEND", repr(f"http://127.0.0.1:{port}"))
    with program(serve, stdout=subprocess.DEVNULL) as server:
        assert wait_until(lambda: answers(port))
        with program(
            [sys.executable, "-c", code], cwd=tmp_path, **dict.fromkeys(PIPES, subprocess.PIPE)
        ) as run:
            for line in run.stdout:
                if line.strip() == "draw" or '"draw"' in line:
                    break
            time.sleep(0.5)  # for the call to reach the server: without it the test has less to find
            server.send_signal(signal.SIGSTOP)
            if script is CLOSED:
                run.stdin.write("\n")
                run.stdin.flush()
            else:
                run.send_signal(signal.SIGINT)
                # Two signals that a busy machine delivers together are one press.
                heard = next(line for line in run.stderr if "press Ctrl-C again" in line)
                assert heard.startswith("finishing 1 picture")
                time.sleep(4 * stopping.TWICE_S)  # sooner it would be the same press still
                run.send_signal(signal.SIGINT)
            _, said = run.communicate(timeout=60)  # the server would answer after ten minutes

    assert run.returncode == (0 if script is CLOSED else 130), said
    assert "Traceback" not in said


def test_memory_is_half_of_what_is_free_and_never_more_than_the_containers(monkeypatch, tmp_path):
    assert 0 < memory.default_memory() < 1 << 50
    (tmp_path / "memory.max").write_text("300000000\n")
    (tmp_path / "memory.current").write_text("100000000\n")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    monkeypatch.setattr(memory, "_free_of_machine", lambda: 1e12)

    assert memory.default_memory() == 100_000_000
