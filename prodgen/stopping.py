"""How a program ends before its work is done: Ctrl-C, SIGTERM, SIGHUP, and output that nobody reads any more.

Whatever line of whatever library a signal hits, one sentence on stderr and the exit code say what ended it.
The first signal raises KeyboardInterrupt in the main thread, so that everything cleans up behind itself;
further ones are ignored meanwhile, but where the program only waits (`breaking_off`). Work that knows a
better end takes signals itself (`answered_by`): Ctrl-C may finish what runs, while SIGTERM, which systemd and
`docker stop` send some seconds before they kill, and SIGHUP of a closed terminal ask for the quick end. What
then comes out of the program, in whatever thread, is a consequence of the wish to stop and no fault: other
threads lose their connection, an import ends half-way.

Only programs heed signals so (`heeded`, `run`): nothing here acts in a library's user's program. Standard
library only, and little of it: until it is imported, Ctrl-C ends in a traceback.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress
from functools import partial

TYPE_CHECKING = False  # as typing has it, whose import would take longer than this module's
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType
    from typing import Any, NoReturn

ENDING = tuple(
    signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if name in signal.Signals.__members__
)
"""The signals that end a program; Windows has no SIGHUP."""

UNREAD = 141
"""Exit code where the reader of a pipe has gone, as in `| head`: 128 and the number of SIGPIPE."""

PATIENCE_S = 3.0
"""How long the embedded backend is given to come to the end of the step that it is in."""

TWICE_S = 0.05
"""Seconds within which a signal that comes again is still the one before: `timeout` and service managers send
theirs to the process, and once more to its group; no hand presses a key so soon again."""

AGAIN_S = 0.01
"""Seconds after which a signal that hit a destructor is repeated: the destructor has ended by then."""


class _Wish:
    """Whether the program is to end, by which signal, and whether that was answered."""

    def __init__(self) -> None:
        self.number: int = signal.SIGINT
        """The signal that the exit code tells: the one that interrupted, else the last that was answered."""
        self.is_pressed = False
        """Whether a signal has interrupted the work."""
        self.is_told = False
        self.answer: Callable[[], bool] | None = None
        """What takes a Ctrl-C in place of the interrupt."""
        self.at_once: Callable[[], bool] | None = None
        """What takes the other signals in place of the interrupt."""
        self.is_waiting = False
        """Whether the program only waits for something before it ends, which one more signal breaks off."""
        self.is_urgent = False
        """Whether such a signal came."""
        self.heard = -math.inf
        """When the last signal came."""
        self.terminals: tuple[int, ...] = ()
        """Standard outputs that were a terminal at the start."""


_wish = _Wish()


def exit_code() -> int:
    """Return the code with which a stopped program ends: as shells have it, 128 and the signal's number."""
    return 128 + _wish.number


def tell(who: str = "prodgen: ", *, why: BaseException | None = None) -> None:
    """Say, once, that the work was stopped, when nothing works any more.

    Python must not end while a thread is inside OpenCV: the whole process would abort, exit code 134.

    Args:
        who: What the sentence begins with.
        why: The exception that ended the work; a KeyboardInterrupt below it may say what could not be ended.
    """
    if _wish.is_told:
        return
    _wish.is_told = True
    with breaking_off():
        until = time.monotonic() + (0 if _wish.is_urgent else PATIENCE_S)
        for thread in threading.enumerate():
            if thread.daemon and thread is not threading.current_thread():
                with suppress(RuntimeError):  # it has not begun: the signal came in the middle of its start
                    thread.join(max(0.0, until - time.monotonic()))
    said = f"{who}stopped; nothing was left half-written{_but(why)}\n"
    if sys.stderr is not None:
        with suppress(OSError, ValueError):  # its reader has gone too
            sys.stderr.write(said)
            sys.stderr.flush()


def _but(error: BaseException | None) -> str:
    """Return what an interrupt says of work that goes on elsewhere."""
    seen = set()
    while error is not None and error not in seen:
        if isinstance(error, KeyboardInterrupt) and str(error):
            return f", but {error}"
        seen.add(error)
        error = error.__cause__ or error.__context__
    return ""


@contextmanager
def heeded() -> Iterator[None]:
    """While the block runs, answer signals as this module says; SystemExit ends a stopped block.

    Without effect off the main thread, on a signal that is ignored (nohup, a shell's background) or that the
    program answers itself, and inside another such block.
    """
    usual = {number: found for number in ENDING if (found := signal.getsignal(number)) == _usual(number)}
    if threading.current_thread() is not threading.main_thread() or not usual:
        with _read_to_the_end():
            yield
        return
    hooks = threading.excepthook, sys.unraisablehook
    vars(_wish).update(vars(_Wish()), terminals=tuple(filter(os.isatty, (1, 2))))
    try:
        _listen()
        for number in usual:
            signal.signal(number, _hear)
        try:
            with _read_to_the_end():
                yield
        except BaseException as error:
            if not _wish.is_pressed:
                raise
            tell(why=error)
        if _wish.is_pressed:
            tell()
            raise SystemExit(exit_code())
    finally:
        for number, answer in usual.items():
            signal.signal(number, answer)
        threading.excepthook, sys.unraisablehook = hooks


@contextmanager
def answered_by(answer: Callable[[], bool], at_once: Callable[[], bool]) -> Iterator[None]:
    """While the block runs, let `answer` take each Ctrl-C and `at_once` each other signal.

    Where one returns False, the work is interrupted. They are called in the signal handler, in the middle of
    anything: they may set flags, and neither print nor wait for a lock. Without effect outside of `heeded`.
    """
    before, (_wish.answer, _wish.at_once) = (_wish.answer, _wish.at_once), (answer, at_once)
    try:
        yield
    finally:
        _wish.answer, _wish.at_once = before


@contextmanager
def breaking_off() -> Iterator[None]:
    """While the block only waits for something before the program ends, let one more signal end the waiting.

    The program goes on ending after the block. Outside of `heeded` it is Python's own Ctrl-C that ends it.
    """
    _wish.is_waiting = True
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        _wish.is_waiting = False


def run(program: str) -> NoReturn:
    """Run a program's main function, named as "package.module:name", as this process; never returns.

    Signals are heeded during its import already. Once one has interrupted it, the process ends without
    another line of Python: threads that still work would speak again while Python takes itself down.
    """
    code: object = 0
    try:
        with heeded():
            from pkgutil import resolve_name

            resolve_name(program)()
    except SystemExit as error:
        code = error.code
    finally:
        for number in ENDING:
            if signal.getsignal(number) == _usual(number):
                signal.signal(number, signal.SIG_IGN if _wish.is_pressed else partial(_leave_with, code))
    if _wish.is_pressed:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                with suppress(OSError, ValueError):  # nobody reads it
                    stream.flush()
        os._exit(exit_code())
    sys.exit(code)  # type: ignore[arg-type]  # as SystemExit had it


@contextmanager
def _read_to_the_end() -> Iterator[None]:
    """End the program quietly where what it says goes into a pipe that nobody reads any more."""
    try:
        yield
    except BrokenPipeError:
        raise SystemExit(UNREAD) from None


def _listen() -> None:
    usual_hook, usual_unraisable = threading.excepthook, sys.unraisablehook

    def of_thread(fault: threading.ExceptHookArgs) -> None:
        if not _wish.is_pressed:
            usual_hook(fault)

    def of_destructor(fault: Any) -> None:
        if not _wish.is_pressed:
            usual_unraisable(fault)
        elif isinstance(fault.exc_value, KeyboardInterrupt):
            # Raised in a place that swallows everything, such as __del__: repeated, outside of it.
            _wish.is_pressed, _wish.heard = False, -math.inf
            threading.Timer(AGAIN_S, signal.raise_signal, (_wish.number,)).start()

    threading.excepthook, sys.unraisablehook = of_thread, of_destructor


def _hear(number: int, _frame: FrameType | None) -> None:
    before, _wish.heard = _wish.heard, time.monotonic()
    if _wish.heard - before < TWICE_S and number == _wish.number:
        return
    if _wish.is_pressed:
        _wish.is_urgent = True
        if _wish.is_waiting:
            _wish.is_waiting = False
            raise KeyboardInterrupt
        return
    _wish.number = number
    _leave_a_dead_terminal()
    answer = _wish.answer if number == signal.SIGINT else _wish.at_once
    if answer is not None and answer():
        return
    _wish.is_pressed = True
    raise KeyboardInterrupt


def _leave_with(code: object, _number: int, _frame: FrameType | None) -> NoReturn:
    """End with the work's code by a signal that comes when it is done, while Python takes itself down."""
    os._exit(code if isinstance(code, int) else int(code is not None))


def _leave_a_dead_terminal() -> None:
    """Let what is still said go nowhere where the terminal was closed: writing to it would be an error."""
    for number in _wish.terminals:
        if not os.isatty(number):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)


def _usual(number: int) -> object:
    """Return what Python does at a signal by itself."""
    return signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
