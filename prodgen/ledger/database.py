"""One SQLite file that one process writes: grouped commits, a journal for the disk, faults as sentences.

Writers of several threads that wait at the same time share one commit, so one wait for the disk (fsync). A
verb returns when its commit is durable: synchronous=FULL everywhere, as with NORMAL a loss of power may take
the last commits back. The write-ahead log (WAL) is used on local disks; elsewhere the journal is TRUNCATE.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from prodgen.errors import LedgerError
from prodgen.ledger import file_systems

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

BUSY_S = 10.0
"""How long a verb waits for another program that holds the file; `prodgen status` reads for milliseconds."""

FORMAT = 1
"""Number of the tables' layout, kept as SQLite's user_version."""

TABLES = """
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    slot TEXT NOT NULL UNIQUE,
    position INTEGER NOT NULL,              -- in the sheet
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,    -- in this run
    kin TEXT NOT NULL,                      -- checkpoint and LoRAs: orders of one kin need no reload
    why TEXT NOT NULL,
    holder TEXT NOT NULL DEFAULT '',
    asked TEXT NOT NULL,                    -- the order, as JSON
    stamps TEXT NOT NULL,                   -- [[size, version], ...] of order.pictures when it was planned
    failure TEXT NOT NULL DEFAULT ''        -- the last one, as JSON
);
CREATE INDEX orders_in_sheet ON orders (position);
CREATE INDEX orders_in_state ON orders (state, attempts, position);
CREATE INDEX orders_of_kin ON orders (kin, attempts, position) WHERE state = 'waiting';
CREATE TABLE pictures (
    id INTEGER PRIMARY KEY,                 -- of the order
    digest TEXT NOT NULL,                   -- of the order that it was made for
    output TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    version TEXT NOT NULL,
    made_of TEXT NOT NULL,                  -- [[name, sha256, size, version], ...] of order.pictures
    finished_at REAL NOT NULL,
    record TEXT NOT NULL                    -- as JSON
);
"""


class DamagedError(LedgerError):
    """What lies in the ledger's place is no database, or a broken one."""


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn SQLite's faults into sentences.

    Raises:
        LedgerError: If SQLite failed; a DamagedError if the file is broken.
    """
    try:
        yield
    except sqlite3.Error as error:
        kind = (getattr(error, "sqlite_errorname", "") or "SQLITE_ERROR").split("_")[1]
        again = "start the same command again: nothing that is done is lost"
        place = str(path)
        if kind in ("CORRUPT", "NOTADB"):
            remedy = "start the same command again: it is set aside, and rebuilt from the pictures"
            raise DamagedError(place, "the ledger is damaged", remedy) from error
        reason, remedy = {
            "FULL": ("the disk is full", f"make room, and {again}"),
            "BUSY": ("another program holds the ledger", f"close it (a database viewer?), and {again}"),
            "LOCKED": ("another program holds the ledger", f"close it (a database viewer?), and {again}"),
            "READONLY": ("the ledger may not be written", "allow it, or choose another output"),
            "CANTOPEN": ("the ledger cannot be opened", "check that the folder is there and may be written"),
        }.get(kind, (f"the ledger cannot be used ({error})", f"check the disk, and {again}"))
        raise LedgerError(place, reason, remedy) from error


@dataclass(frozen=True, slots=True)
class _Change:
    work: Work[Any]
    outcome: Future[Any]


class Database:
    """An open ledger file; any thread may write and read."""

    def __init__(self, path: Path) -> None:
        """Open a file, or make it.

        Raises:
            LedgerError: If it cannot be used; a DamagedError if it is broken.
        """
        self.path = path
        self.kind = file_systems.kind_of(path.parent)
        self._queue: deque[_Change] = deque()
        self._lock = threading.RLock()
        with told(path):
            self._connection = sqlite3.connect(
                path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )
        try:
            with told(path):
                self._set_up()
            self._identity = self._identify()
        except BaseException:
            self._connection.close()
            raise

    @property
    def is_on_network(self) -> bool:
        """Whether the file lies where a write-ahead log is not safe."""
        return not file_systems.is_local(self.kind)

    def _set_up(self) -> None:
        run = self._connection.execute
        if (fault := run("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise DamagedError(str(self.path), f"the ledger is damaged ({fault})")
        run(f"PRAGMA journal_mode={'TRUNCATE' if self.is_on_network else 'WAL'}")
        run("PRAGMA synchronous=FULL")
        found = run("PRAGMA user_version").fetchone()[0]
        if found > FORMAT:
            raise LedgerError(str(self.path), "a newer prodgen wrote this ledger", "update prodgen")
        if found == 0:
            if run("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise LedgerError(
                    str(self.path), "this is a database of another program", "choose another output"
                )
            self._connection.executescript(f"BEGIN;{TABLES}PRAGMA user_version={FORMAT};COMMIT;")

    def write(self, work: Work[T]) -> T:
        """Do work on the tables in a transaction, shared with other threads that wait; durable on return.

        Work may be done a second time, if another's in the same transaction fails.

        Raises:
            LedgerError: If it was not done; then nothing of it was.
        """
        change = _Change(work, Future())
        self._queue.append(change)
        with self._lock:
            if not change.outcome.done():
                self._commit(change)
        outcome: T = change.outcome.result()
        return outcome

    def read(self, work: Work[T]) -> T:
        """Do work that only reads.

        Raises:
            LedgerError: If the file cannot be read.
        """
        with self._lock, told(self.path):
            return work(self._connection)

    def copy(self) -> bytes:
        """Return a consistent copy of the file, in one piece.

        Raises:
            LedgerError: If it cannot be made.
        """
        place = self.path.with_suffix(".copy")
        try:
            with self._lock, told(place), closing(sqlite3.connect(place, isolation_level=None)) as copied:
                self._connection.backup(copied)
                copied.execute("PRAGMA journal_mode=DELETE")
            return place.read_bytes()
        except OSError as error:
            raise LedgerError(str(place), f"the ledger cannot be copied ({error.strerror})") from error
        finally:
            with suppress(OSError):
                place.unlink(missing_ok=True)

    def close(self) -> None:
        """Close it, and leave one plain file that can be read where nothing may be written.

        Without effect the second time.
        """
        with self._lock:
            with suppress(sqlite3.Error):  # somebody reads it just now: the journal stays, to no harm
                self._connection.execute("PRAGMA busy_timeout=0")
                self._connection.execute("PRAGMA journal_mode=DELETE")
            with suppress(sqlite3.Error):
                self._connection.close()

    def _commit(self, mine: _Change) -> None:
        """Commit all that waits; where that fails, each change alone: none suffers for another's fault."""
        batch = [self._queue.popleft() for _ in range(len(self._queue))]
        try:
            results = self._transact(batch)
        except Exception as error:  # noqa: BLE001 - it is handed to whoever asked for the change
            if len(batch) == 1:
                mine.outcome.set_exception(error)
                return
            for change in batch:
                try:
                    change.outcome.set_result(self._transact([change])[0])
                except Exception as own:  # noqa: BLE001 - as above
                    change.outcome.set_exception(own)
        except BaseException:
            self._queue.extendleft(change for change in reversed(batch) if change is not mine)
            raise
        else:
            for change, result in zip(batch, results, strict=True):
                change.outcome.set_result(result)

    def _transact(self, batch: list[_Change]) -> list[Any]:
        if self._identify() != self._identity:
            raise LedgerError(
                str(self.path),
                "the folder was removed or replaced while the run worked on it",
                "start the same command again",
            )
        with told(self.path):
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                results = [change.work(self._connection) for change in batch]
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        return results

    def _identify(self) -> tuple[int, int] | None:
        """Return what tells this file from another of its name: a removed one can be written to no use."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return (found.st_dev, found.st_ino)


def open_database(path: Path) -> tuple[Database, str]:
    """Open a ledger file, or make it; set a broken one aside first.

    Returns:
        The database, and where a broken one was put ("": there was none).

    Raises:
        LedgerError: If it cannot be used.
    """
    try:
        return Database(path), ""
    except DamagedError:
        kept = set_aside(path)
    return Database(path), kept


def set_aside(path: Path) -> str:
    """Give a broken ledger another name, its journals too, and return that name.

    Raises:
        LedgerError: If it cannot be renamed.
    """
    number = 1
    while (aside := path.with_name(f"{path.stem}.damaged-{number}{path.suffix}")).exists():
        number += 1
    try:
        path.rename(aside)
        for ending in ("-wal", "-shm", "-journal"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + ending).rename(aside.with_name(aside.name + ending))
    except OSError as error:
        raise LedgerError(
            str(path),
            f"the ledger is damaged and cannot be set aside ({error.strerror})",
            "rename it yourself",
        ) from error
    return aside.name


def open_read_only(path: Path) -> sqlite3.Connection:
    """Open a ledger file to look into it, also while a run writes it.

    What a killed process left half-done in the file is undone first, for which SQLite has to write.

    Raises:
        LedgerError: If it is not there or cannot be read.
    """
    with told(path):
        try:
            return _look_into(path, "ro")
        except sqlite3.OperationalError as error:
            if not str(getattr(error, "sqlite_errorname", "")).startswith("SQLITE_READONLY"):
                raise
        _look_into(path, "rw").close()
        return _look_into(path, "ro")


def _look_into(path: Path, mode: str) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(address, uri=True, timeout=BUSY_S, isolation_level=None)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection
