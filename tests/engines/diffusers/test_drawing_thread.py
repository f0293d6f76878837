"""One thread draws for all, and is left by who no longer waits."""

from __future__ import annotations

import threading
import time

import pytest

from prodgen.engines.diffusers.drawing_thread import DrawingThread, StoppableProgress
from prodgen.server.queueing import Stopped


@pytest.fixture
def thread():
    made = DrawingThread(lambda: None)
    yield made
    made.close()


def test_all_callers_are_served_by_one_thread(thread):
    seen: list[int] = []
    callers = [
        threading.Thread(target=lambda: thread.run(lambda: seen.append(threading.get_ident())))
        for _ in range(5)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert len(seen) == 5
    assert len(set(seen)) == 1
    assert threading.get_ident() not in seen


def test_what_the_work_raises_reaches_its_caller_and_the_next_one_is_served(thread):
    def fail() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        thread.run(fail)

    assert thread.run(lambda: 7) == 7


def test_models_are_put_away_once_when_there_was_nothing_to_do():
    rests: list[float] = []
    thread = DrawingThread(lambda: rests.append(time.monotonic()), idle_s=0.05)
    thread.run(lambda: None)
    deadline = time.monotonic() + 5
    while not rests and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)

    assert len(rests) == 1
    assert thread.run(lambda: 7) == 7
    thread.close()


def test_a_thread_that_was_closed_begins_anew(thread):
    thread.run(lambda: None)
    thread.close()

    assert thread.run(lambda: 7) == 7


def test_progress_goes_to_the_caller_until_the_caller_has_left():
    told: list[tuple[float, object]] = []
    report = StoppableProgress(lambda share, preview=None: told.append((share, preview)))

    report(0.5)
    report.leave()

    with pytest.raises(Stopped):
        report(0.6)
    assert told == [(0.5, None)]


def test_models_that_cannot_be_put_away_end_no_drawing(caplog):
    has_failed = threading.Event()

    def fails() -> None:
        has_failed.set()
        raise MemoryError("no room to copy")

    thread = DrawingThread(fails, idle_s=0.01)
    thread.run(lambda: None)
    assert has_failed.wait(5)
    found: list[int] = []
    caller = threading.Thread(target=lambda: found.append(thread.run(lambda: 7)), daemon=True)
    caller.start()
    caller.join(5)

    assert found == [7]
    assert "no room to copy" in caplog.text
    thread.close()
