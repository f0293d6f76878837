"""Ctrl-C and SIGTERM: one sentence and exit code 130 or 143, whatever line of whatever library they hit.

The first press raises KeyboardInterrupt in the main thread, so that everything cleans up behind itself;
further ones are ignored meanwhile. Work that knows a better end takes presses itself (`answered_by`).
SIGTERM, which `docker stop` and systemd send some seconds before they kill, asks for the quick end. What then
comes out of the program, in whatever thread, is a consequence of the wish to stop and no fault: other threads
lose their connection, an import ends half-way. Standard library only, so that it works from the first line.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, NoReturn

log = logging.getLogger(__name__)

EXIT_CODE = 130
"""What shells give a program that Ctrl-C ended: 128 and the signal's number."""

TERMINATED = 143
"""What shells give a program that SIGTERM ended."""

PATIENCE_S = 3.0
"""How long the embedded backend is given to come to the end of the step that it is in."""


AGAIN_S = 0.01
"""Seconds after which a press that hit a destructor is repeated: the destructor has ended by then."""


@dataclass
class _Wish:
    """Whether the user wants to stop, and whether that was answered."""

    is_pressed: bool = False
    is_told: bool = False
    is_terminated: bool = False
    """Whether SIGTERM came."""
    answer: Callable[[], bool] | None = None
    """What takes a press in place of the interrupt."""
    at_once: Callable[[], bool] | None = None
    """What takes a SIGTERM in place of the interrupt."""


_wish = _Wish()


def exit_code() -> int:
    """Return the code with which a stopped program ends."""
    return TERMINATED if _wish.is_terminated else EXIT_CODE


def tell(who: str = "prodgen: ") -> None:
    """Say, once, that the user stopped the work, when nothing works any more.

    Python must not end while a thread is inside OpenCV: the whole process would abort, exit code 134.
    """
    if _wish.is_told:
        return
    _wish.is_told = True
    until = time.monotonic() + PATIENCE_S
    for thread in threading.enumerate():
        if thread.daemon and thread is not threading.current_thread():
            thread.join(max(0.0, until - time.monotonic()))
    if sys.stderr is not None:
        sys.stderr.write(f"{who}stopped; nothing was left half-written\n")


@contextmanager
def heeded() -> Iterator[None]:
    """While the block runs, answer Ctrl-C and SIGTERM as this module says.

    SystemExit with code 130 or 143 ends a stopped block; 143 also one that answered SIGTERM by a better end.
    Without effect off the main thread, on a signal that is ignored (nohup), and inside another such block.
    """
    is_main = threading.current_thread() is threading.main_thread()
    usual = {number: answer for number, answer in _USUAL.items() if signal.getsignal(number) == answer}
    if not is_main or not usual:
        yield
        return
    hooks = threading.excepthook, sys.unraisablehook
    _wish.is_pressed = _wish.is_told = _wish.is_terminated = False
    try:
        _listen()
        for number in usual:
            signal.signal(number, _press if number == signal.SIGINT else _terminate)
        yield
    except BaseException as error:
        has_ended_itself = _wish.is_terminated and isinstance(error, SystemExit)
        if not (_wish.is_pressed or has_ended_itself):
            raise
        log.debug("stopped at %r", error)
    finally:
        for number, answer in usual.items():
            signal.signal(number, answer)
        threading.excepthook, sys.unraisablehook = hooks
    if _wish.is_pressed:
        tell()
    if _wish.is_pressed or _wish.is_terminated:
        raise SystemExit(exit_code())


@contextmanager
def answered_by(answer: Callable[[], bool], at_once: Callable[[], bool]) -> Iterator[None]:
    """While the block runs, let `answer` take each press and `at_once` each SIGTERM.

    Where one returns False, the work is interrupted. They are called in the signal handler, in the middle of
    anything: they may set flags, and neither print nor wait for a lock. Without effect outside of `heeded`.
    """
    before, (_wish.answer, _wish.at_once) = (_wish.answer, _wish.at_once), (answer, at_once)
    try:
        yield
    finally:
        _wish.answer, _wish.at_once = before


def run(program: str) -> NoReturn:
    """Run a program's main function, named as "package.module:name", as this process; never returns.

    Ctrl-C and SIGTERM are heeded during its import already. Once one has interrupted it, the process ends
    without another line of Python: threads that still work would speak again while Python takes itself down.
    """
    code: object = 0
    try:
        with heeded():
            from pkgutil import resolve_name

            resolve_name(program)()
    except SystemExit as error:
        code = error.code
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the work is done
    if _wish.is_pressed:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(exit_code())
    sys.exit(code)  # type: ignore[arg-type]  # as SystemExit had it


def _listen() -> None:
    usual_hook, usual_unraisable = threading.excepthook, sys.unraisablehook

    def of_thread(fault: threading.ExceptHookArgs) -> None:
        if not _wish.is_pressed:
            usual_hook(fault)

    def of_destructor(fault: Any) -> None:
        if not _wish.is_pressed:
            usual_unraisable(fault)
        elif isinstance(fault.exc_value, KeyboardInterrupt):
            # Raised in a place that swallows everything, such as __del__: pressed once more, outside of it.
            _wish.is_pressed = False
            threading.Timer(AGAIN_S, signal.raise_signal, (signal.SIGINT,)).start()

    threading.excepthook, sys.unraisablehook = of_thread, of_destructor


def _press(_number: int, _frame: FrameType | None) -> None:
    _interrupt_unless(_wish.answer)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    _wish.is_terminated = True
    _interrupt_unless(_wish.at_once)


def _interrupt_unless(answer: Callable[[], bool] | None) -> None:
    if _wish.is_pressed or (answer is not None and answer()):
        return
    _wish.is_pressed = True
    raise KeyboardInterrupt


_USUAL = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
"""The signals that are heeded, and what Python does at them by itself."""
