"""The one thread that talks to the GPU, whoever asks for a picture.

CUDA graphs, the workspaces of NVIDIA's libraries and PyTorch's switches belong to a thread, and a server
answers each caller in another one. Two threads that draw at once were measured slower than one: 0.99 pictures
a second against 1.15.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from prodgen.server.engine import ReportProgress
from prodgen.server.queueing import Stopped
from prodgen.server.wire import Pixels

T = TypeVar("T")

_log = logging.getLogger(__name__)

IDLE_S = 600.0
"""Seconds without work after which models leave the GPU. They come back within 0.3 s (measured on an H100),
so that any time serves which is longer than the pauses of somebody who looks at pictures and asks again."""


class DrawingThread:
    """Runs one call after the other in one thread, which begins with the first call.

    Args:
        when_idle: Called in that thread once there was nothing to do for `idle_s`.
        idle_s: Seconds.
    """

    def __init__(self, when_idle: Callable[[], None], *, idle_s: float = IDLE_S) -> None:
        self._when_idle, self._idle_s = when_idle, idle_s
        self._orders: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, or raise what it raises, once it has run in the thread.

        A KeyboardInterrupt of the caller is raised at once, while the work goes on: `StoppableProgress` ends
        it at its next step.
        """
        with self._starting:
            if self._thread is None:  # a daemon: the end of the program does not wait for a picture
                self._thread = threading.Thread(target=self._serve, name="prodgen drawing", daemon=True)
                self._thread.start()
        done: Future[T] = Future()
        self._orders.put((work, done))
        return done.result()

    def close(self) -> None:
        """End the thread after what was asked for before."""
        with self._starting:
            if self._thread is not None:
                self._orders.put(None)
                self._thread.join()
                self._thread = None

    def _serve(self) -> None:
        is_idle = False
        while True:
            try:
                order = self._orders.get(timeout=None if is_idle else self._idle_s)
            except queue.Empty:
                is_idle = True
                try:
                    self._when_idle()
                except Exception as error:  # noqa: BLE001 - a GPU that fails tells whoever draws next
                    _log.warning("models were not put away: %s: %s", type(error).__name__, error)
                continue
            if order is None:
                return
            is_idle = False
            work, done = order
            try:
                done.set_result(work())
            except BaseException as error:  # noqa: BLE001 - raised again, for whoever asked
                done.set_exception(error)
            del order, work, done  # else the last pictures stay in memory until the next call


class StoppableProgress:
    """A caller's progress report that also ends the drawing once the caller itself was stopped (Ctrl-C)."""

    def __init__(self, report: ReportProgress) -> None:
        self._report = report
        self._is_left = False

    def leave(self) -> None:
        """Have the next report raise `Stopped`."""
        self._is_left = True

    def __call__(self, share: float, preview: Pixels | None = None) -> None:
        """Report a share of the batch, 0 to 1, and a small preview.

        Raises:
            Stopped: If the call was interrupted, or its caller is gone.
        """
        if self._is_left:
            raise Stopped
        self._report(share, preview)
