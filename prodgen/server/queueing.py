"""Who runs, who waits, how far it is: the global lock, the tasks, and the progress that all share.

One job at a time, in order of arrival. The flaws are the real server's: progress knows no caller, a
failed task stays "active" until the next one begins, one that failed before it began stays pending.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from prodgen.server.wire import Pixels

REMEMBERED = 16
"""Finished tasks that are remembered, as many as the real server keeps."""


KEPT_PENDING = 1000
"""Names of waiting tasks that are kept; the oldest go first. Guard: ten times the calls that may wait, as the
names of those that failed before they began stay."""


class CallerLeft(Exception):  # noqa: N818 - named after what happened
    """Whoever waited for the lock has hung up meanwhile."""


class Served(Exception):  # noqa: N818 - named after what happened
    """What waited for the lock was done by another one that had it."""


class FifoLock:
    """A lock that is given in order of arrival."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()

    @contextmanager
    def held(
        self, left: threading.Event | None = None, served: threading.Event | None = None
    ) -> Iterator[None]:
        """Wait for one's turn, and have the lock inside.

        Args:
            left: Set once nobody waits for the answer any more; see `recheck`.
            served: Set by whoever has the lock and does the work as well.

        Raises:
            CallerLeft: If nobody waits any more before the turn comes.
            Served: If there is nothing left to do.
        """
        ticket = object()
        left, served = left or threading.Event(), served or threading.Event()
        try:
            with self._changed:
                self._waiting.append(ticket)
                self._changed.wait_for(lambda: left.is_set() or served.is_set() or self._waiting[0] is ticket)
                if served.is_set():
                    raise Served
                if self._waiting[0] is not ticket:
                    raise CallerLeft
            yield
        finally:
            with self._changed:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def recheck(self) -> None:
        """Have all that wait look whether their caller has left, or their work is done."""
        with self._changed:
            self._changed.notify_all()

    @property
    def is_held(self) -> bool:
        """Whether somebody has it."""
        return bool(self._waiting)


class Stopped(Exception):  # noqa: N818 - not an error: the picture as it is comes back
    """Raised through the engine when a running job is interrupted or skipped."""


@dataclass
class JobState:
    """The one state that /progress shows, stale leftovers included."""

    skipped: bool = False
    interrupted: bool = False
    job: str = ""
    job_count: int = 0
    job_timestamp: str = field(default_factory=lambda: timestamp())
    job_no: int = 0
    sampling_step: int = 0
    sampling_steps: int = 0
    started: float = 0.0
    expected_s: float | None = None
    """Seconds that the job will take, where that is known before its first step."""
    preview: Pixels | None = None
    preview_id: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def begin(self, job: str) -> None:
        """Start afresh for a job whose size is not known yet."""
        self.job, self.job_count, self.job_no, self.sampling_step = job, -1, 0, 0
        self.skipped = self.interrupted = False
        self.preview, self.preview_id = None, 0
        self.expected_s = None
        self.job_timestamp = timestamp()
        self.started = time.monotonic()
        self.stop.clear()

    def end(self) -> None:
        """Leave the job; the other values stay as they are."""
        self.job, self.job_count, self.sampling_step = "", 0, 0
        self.preview = None

    def fraction(self) -> float:
        """Share of the running job that is done, 0 to 1."""
        if self.job_count <= 0:
            return 0.0
        done = self.job_no / self.job_count
        if self.sampling_steps > 0:
            done += self.sampling_step / self.sampling_steps / self.job_count
        return min(done, 1.0)

    def next_picture(self) -> None:
        """Count one iteration as done."""
        self.job_no += 1
        self.sampling_step = 0
        self.skipped = False
        self.stop.clear()  # an interrupt is remembered in `interrupted`

    def advance(self, step: int, preview: Pixels | None = None) -> None:
        """Note the step that is being done, and stop there if somebody asked for it.

        Raises:
            Stopped: If the job was interrupted or skipped.
        """
        self.sampling_step = min(step, max(self.sampling_steps, 0))
        if preview is not None:
            self.preview, self.preview_id = preview, self.preview_id + 1
        if self.stop.is_set():
            raise Stopped

    def ask_to_stop(self, *, skip: bool) -> None:
        """Interrupt or skip whatever runs, whoever's it is."""
        if skip:
            self.skipped = True
        else:
            self.interrupted = True
        self.stop.set()  # while idle it means nothing: the next job begins afresh


def timestamp() -> str:
    """Return the time of day as the real server writes it in `job_timestamp`."""
    return time.strftime("%Y%m%d%H%M%S")


class Tasks:
    """The identifiers of calls that wait, run, and were finished."""

    def __init__(self) -> None:
        self._pending: dict[str, float] = {}
        self._finished: deque[str] = deque(maxlen=REMEMBERED)
        self.current: str | None = None
        self._beside: set[str] = set()
        self._given_up: set[str] = set()
        self._lock = threading.Lock()

    def add(self, task: str) -> None:
        """Put a call into the queue."""
        with self._lock:
            self._pending[task] = time.monotonic()
            while len(self._pending) > KEPT_PENDING:
                del self._pending[next(iter(self._pending))]

    def start(self, task: str) -> None:
        """Take a call out of the queue and make it the running one."""
        with self._lock:
            self.current = task
            self._given_up = set()
            self._pending.pop(task, None)

    def start_beside(self, tasks: Iterable[str]) -> bool:
        """Take calls that are drawn with the running one out of the queue; False if that is given up."""
        with self._lock:
            if self.current in self._given_up:
                return False
            self._beside = set(tasks)
            for task in self._beside:
                self._pending.pop(task, None)
            return True

    def finish_beside(self, *, are_done: bool) -> None:
        """End what was drawn with the running call, or put it back into the queue."""
        with self._lock:
            for task in sorted(self._beside):
                if are_done:
                    self._finished.append(task)
                else:
                    self._pending[task] = time.monotonic()
            self._beside = set()

    def goes_on_without(self, task: str) -> bool:
        """Give up one call, and return whether what runs is wanted by another one all the same."""
        with self._lock:
            running = {self.current, *self._beside}
            if task not in running:
                return True
            self._given_up.add(task)
            return bool(running - self._given_up)

    def is_running(self, task: str | None) -> bool:
        """Whether it is the running call or is drawn with it; None is what runs while nothing does."""
        with self._lock:
            return task == self.current or task in self._beside

    def drop(self, task: str) -> None:
        """Take a call out of the queue that will not run."""
        with self._lock:
            self._pending.pop(task, None)

    def finish(self, task: str) -> None:
        """Mark the running call as done; a failed one is never marked."""
        with self._lock:
            self.current = None
            self._finished.append(task)

    def pending(self) -> list[str]:
        """Return the waiting ones, oldest first."""
        with self._lock:
            return list(self._pending)

    def is_finished(self, task: str | None) -> bool:
        """Whether the call is among those last finished."""
        with self._lock:
            return task in self._finished


def progress_answer(state: JobState, picture: str | None) -> dict[str, Any]:
    """Return the answer of GET /progress; `picture` is the encoded preview, if it is wanted."""
    shown = {
        "skipped": state.skipped,
        "interrupted": state.interrupted,
        "stopping_generation": False,
        "job": state.job,
        "job_count": state.job_count,
        "job_timestamp": state.job_timestamp,
        "job_no": state.job_no,
        "sampling_step": state.sampling_step,
        "sampling_steps": state.sampling_steps,
    }
    progress = eta = 0.0
    if state.job_count:
        progress = min(0.01 + state.fraction(), 1.0)
        elapsed = time.monotonic() - state.started
        eta = elapsed / progress - elapsed
        if state.expected_s is not None and not state.fraction():
            eta = max(state.expected_s - elapsed, 0.0)
    return {
        "progress": progress,
        "eta_relative": eta,
        "state": shown,
        "current_image": picture if state.job_count else None,
        "textinfo": None,
    }


def task_progress_answer(
    state: JobState, tasks: Tasks, asked: dict[str, Any], preview: Callable[[], str | None]
) -> dict[str, Any]:
    """Return the answer of POST /internal/progress.

    Args:
        state: The shared state.
        tasks: The calls.
        asked: The request's fields; `id_task` None equals "nothing runs", hence active while idle.
        preview: Called for the data URI of the picture so far, if it is newer than the caller's.
    """
    task = asked["id_task"]
    is_active = tasks.is_running(task)
    waiting = tasks.pending()
    result: dict[str, Any] = {
        "active": is_active,
        "queued": task in waiting,
        "completed": tasks.is_finished(task),
        "progress": None,
        "eta": None,
        "live_preview": None,
        "id_live_preview": -1,
        "textinfo": "Waiting...",
    }
    if not is_active:
        if task in waiting:
            result["textinfo"] = f"In queue: {waiting.index(task) + 1}/{len(waiting)}"
        return result
    done = state.fraction()
    elapsed = time.monotonic() - state.started
    result |= {"progress": done, "eta": elapsed / done - elapsed if done > 0 else None, "textinfo": None}
    is_newer = state.preview is not None and state.preview_id != asked["id_live_preview"]
    if asked["live_preview"] and is_newer:
        result |= {"live_preview": preview(), "id_live_preview": state.preview_id}
    return result
