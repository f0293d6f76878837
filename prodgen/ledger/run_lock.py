"""The lock of a run on its folder: the system holds it, so that it ends with the process however that ends.

The file `run.lock` stays. What is written in it only names the holder for whom it keeps out.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from prodgen.errors import LedgerError, OutputInUseError

NAME = "run.lock"
"""File of the lock in the run's folder."""

PATIENCE_S = 1.0
"""How long a run waits for the lock: `prodgen status` tries it too, for an instant."""

_LOCKED_BYTE = 1 << 30
"""On Windows a locked byte cannot be read by others; this one is far behind the text."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock."""

    pid: int
    host: str
    boot: str
    """The machine's start, which tells a pid from the same one of an earlier day; "" where it is unknown."""
    started: float
    """Seconds since 1970."""

    @classmethod
    def of_this_process(cls) -> Self:
        """Return this process as holder from now on."""
        boot = ""
        with suppress(OSError):
            boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return cls(os.getpid(), platform.node(), boot, time.time())

    @property
    def since(self) -> str:
        """When it started, for people, in local time."""
        return datetime.fromtimestamp(self.started).astimezone().strftime("%d %b %Y, %H:%M:%S")


@contextmanager
def held(folder: Path, holder: Holder) -> Iterator[None]:
    """Hold the lock of a folder while the block runs, and write down who holds it.

    Raises:
        OutputInUseError: If another run has it.
        LedgerError: If the folder cannot be written, or its file system knows no locks.
    """
    path = folder / NAME
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise LedgerError(
            str(path), f"the folder cannot be written ({error.strerror})", "choose another output"
        ) from error
    _held.add(file)
    try:
        _take(file, folder)
        _write_down(file, path, holder)
        yield
    finally:
        _held.discard(file)
        os.close(file)


def _write_down(file: int, path: Path, holder: Holder) -> None:
    try:
        os.ftruncate(file, 0)
        os.write(file, json.dumps(asdict(holder)).encode())
    except OSError as error:
        reason = f"the lock cannot be written ({error.strerror})"
        raise LedgerError(
            str(path), reason, "make room on the disk, and start the same command again"
        ) from error


def _take(file: int, folder: Path) -> None:
    until = time.monotonic() + PATIENCE_S
    try:
        while not try_lock(file):
            if time.monotonic() > until:
                found = read_holder(folder)
                raise OutputInUseError(str(folder), *((found.pid, found.host, found.since) if found else ()))
            time.sleep(0.05)
    except OSError as error:
        raise LedgerError(
            str(folder),
            f"the folder cannot be locked for this run ({error.strerror})",
            "choose an output on another file system",
        ) from error


_held: set[int] = set()


def _drop_in_child() -> None:
    """Close in a forked child what locks a folder, as it may outlive a run that is killed."""
    while _held:
        os.close(_held.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_drop_in_child)


def read_holder(folder: Path) -> Holder | None:
    """Return who holds or last held the lock of a folder; None if nobody ever did."""
    try:
        return Holder(**json.loads((folder / NAME).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def is_held(folder: Path) -> bool:
    """Whether a run has the lock of a folder."""
    try:
        file = os.open(folder / NAME, os.O_RDWR)
    except OSError:
        return False
    try:
        return not try_lock(file)
    except OSError:
        return False
    finally:
        os.close(file)


if sys.platform == "win32":
    import msvcrt

    def try_lock(file: int) -> bool:
        """Lock an open file for this process; False if another has it."""
        os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        finally:
            os.lseek(file, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def try_lock(file: int) -> bool:
        """Lock an open file for this process; False if another has it."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
