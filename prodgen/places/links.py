"""How a crew reaches a bench: in a process of its own, or in a thread of this one.

A process is started as a program, not forked and not by importing the caller's script: no lock of this
process is copied, and a script needs no `if __name__ == "__main__"`. Its standard input is its life line:
when that ends, because this process closed it or was killed, it interrupts what backends draw and ends.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, Protocol

from prodgen import stopping
from prodgen.places.bench import Bench
from prodgen.places.messages import Command, Report
from prodgen.places.workplace import Workplace

LAST_WORDS_S = 3.0
"""Seconds for a process to interrupt its backends and end before it is killed."""

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables by which libraries start no threads of their own: there is a process for each core already."""

OnReport = Callable[[Report], None]
OnEnd = Callable[[str, bool], None]
"""Called when a process has ended, with the reason, and whether it had got as far as taking orders."""

UP = "up"
"""What a process says first: from now on it takes orders."""


class Link(Protocol):
    """The way to one bench."""

    def send(self, command: Command) -> None:
        """Tell it to do something; never waits for it to be done."""

    def hang_up(self) -> None:
        """Tell it to end, and wait for nothing."""

    def close(self) -> None:
        """End it."""


class ThreadLink:
    """A bench in this process: nothing to start, but all share one interpreter."""

    def __init__(self, workplace: Workplace, on_report: OnReport, on_end: OnEnd) -> None:
        self._bench = Bench(workplace, on_report)
        self.send = self._bench.take
        self.hang_up = self._bench.close

    def close(self) -> None:
        """End it, and wait for what is no backend's."""
        self._bench.close()
        self._bench.wait(LAST_WORDS_S)
        self._bench.tell_what_is_left()
        self._bench.wait_for_cpu()


class ProcessLink:
    """A bench in a process of its own."""

    def __init__(self, workplace: Workplace, on_report: OnReport, on_end: OnEnd) -> None:
        code = f"import sys; sys.path[:] = {sys.path!r}; from prodgen.places.links import serve; serve()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **dict.fromkeys(ONE_THREAD, "1")},
            # Ctrl-C in a terminal goes to its whole group: what it means is decided in one process.
            start_new_session=True,
        )
        self._lock = threading.Lock()
        self._on_report, self._on_end = on_report, on_end
        self.send(workplace)
        try:
            threading.Thread(target=self._listen, name="prodgen-listen", daemon=True).start()
        except RuntimeError:  # no thread can be started
            self.close()
            raise

    def send(self, command: Command | Workplace) -> None:
        """Tell it to do something; that it has ended is reported by its listener."""
        if self._process.stdin is not None:
            with self._lock, suppress(BrokenPipeError, ValueError):
                _send(self._process.stdin, command)

    def close(self) -> None:
        """Close its life line, and wait a little."""
        self.hang_up()
        try:
            self._process.wait(LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listen(self) -> None:
        is_up = False
        if self._process.stdout is not None:
            with self._process.stdout as stream:
                is_up = _receive(stream) == UP
                while (report := _receive(stream)) is not None:
                    self._on_report(report)
        self.hang_up()  # one that lives, and whose report could not be read, is to end too
        code = self._process.wait()
        self._on_end(_reason(code), is_up)

    def hang_up(self) -> None:
        """Close its life line."""
        if self._process.stdin is not None:
            with self._lock, suppress(BrokenPipeError):
                self._process.stdin.close()


def serve() -> None:
    """Be a bench that is told by standard input and reports on standard output, until the input ends."""
    for ending in stopping.ENDING:  # systemd sends it to all: the life line says when to end
        signal.signal(ending, signal.SIG_IGN)
    # What a library prints must not get between the reports.
    reports = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _let_libraries_be_quiet()
    commands, lock = sys.stdin.buffer, threading.Lock()
    workplace: Workplace = _receive(commands)

    def report(said: Report) -> None:
        with lock:
            _send(reports, said)

    bench = Bench(workplace, report)
    with lock:
        _send(reports, UP)
    while (command := _receive(commands)) is not None:
        bench.take(command)
    bench.close()
    bench.wait(LAST_WORDS_S - 1)
    bench.tell_what_is_left()
    workplace.pictures.close()
    os._exit(0)  # without waiting for threads: one may hang at a backend for half an hour


def _let_libraries_be_quiet() -> None:
    import logging

    import cv2

    cv2.setNumThreads(1)
    logging.getLogger("prodgen").addHandler(logging.NullHandler())


def _send(stream: IO[bytes], value: object) -> None:
    pickle.dump(value, stream, pickle.HIGHEST_PROTOCOL)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    """Return the next value; None at the end, also in the middle of one."""
    try:
        return pickle.load(stream)  # noqa: S301 - from our own process
    except Exception:  # noqa: BLE001 - a torn pickle may be anything, says pickle's documentation
        return None


def _reason(code: int) -> str:
    if code == -signal.SIGKILL:
        return "it was killed (signal 9), as a machine does whose memory is full"
    return f"it was ended by signal {-code}" if code < 0 else f"it ended with code {code}"
