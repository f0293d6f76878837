"""A run on a folder: its lock, its ledger and what it says about itself, from begin to end."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from prodgen.catalogue import Order
from prodgen.errors import LedgerError
from prodgen.ledger import entering, run_status
from prodgen.ledger.database import TABLES, Work, open_read_only, told
from prodgen.ledger.ledger_copies import LedgerCopies, folder_of
from prodgen.ledger.planning import Planner
from prodgen.ledger.records import Planned
from prodgen.ledger.run_lock import Holder, held
from prodgen.ledger.run_status import PlaceState
from prodgen.ledger.sqlite_ledger import NAME, SqliteLedger
from prodgen.storage import Store, open_store

T = TypeVar("T")

SAY_S = 1.0
"""Least seconds between two looks that the run gives to those outside."""


class Run:
    """A run that works on a folder; made by `open_run`."""

    def __init__(
        self, folder: Path, ledger: SqliteLedger, holder: Holder, copies: LedgerCopies | None = None
    ) -> None:
        self.ledger = ledger
        self._copies = copies
        self.notices = ledger.notices
        """What was done another way than usual, a sentence each."""
        self._path = folder / run_status.NAME
        self._said: dict[str, Any] = {**asdict(holder), "ended": None, "end": "", "places": []}
        self._next = 0.0
        self._lock = threading.Lock()
        self._say()

    def tell_places(self, places: Iterable[PlaceState]) -> None:
        """Let `prodgen status` know what each place does; it is cheap, and written once a second at most."""
        self._said["places"] = [asdict(place) for place in places]
        if time.monotonic() < self._next:
            return  # it is in what is said next
        self._say()
        if self._copies is not None:
            self._copies.put_sometimes(self.ledger)

    def end(self, why: str) -> None:
        """Say why the run ended; only the first time counts."""
        if not self._said["end"]:
            self._said |= {"ended": time.time(), "end": why}
            self._say()
            if self._copies is not None:
                self._copies.put(self.ledger)

    def _say(self) -> None:
        with self._lock:
            self._next = time.monotonic() + SAY_S
            part = self._path.with_suffix(".part")
            # Nobody's work depends on it: where it cannot be written, the ledger will say so.
            with suppress(OSError):
                part.write_text(json.dumps(self._said), "utf-8")
                os.replace(part, self._path)  # noqa: PTH105


@contextmanager
def open_run(out: Path | Store) -> Iterator[Run]:
    """Begin a run on an output, which is made if it is not there, and end it with the block.

    An output that is no folder of this machine has its ledger in a folder of this machine's state, and a copy
    every few minutes and at the end.

    Raises:
        OutputInUseError: If another run works on it.
        LedgerError: If the folder or its ledger cannot be used.
        StorageError: If the output does not answer.
    """
    store = open_store(out) if isinstance(out, Path) else out
    folder = folder_of(store)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerError(
            str(folder), f"the folder cannot be made ({error.strerror})", "choose another output"
        ) from error
    holder = Holder.of_this_process()
    with held(folder, holder), _away(store, folder, holder) as copies:
        ledger = SqliteLedger(folder / NAME, store)
        run = Run(folder, ledger, holder, copies)
        try:
            yield run
        finally:
            is_wish = isinstance(sys.exception(), KeyboardInterrupt | GeneratorExit | None)
            run.end("interrupted" if is_wish else "error")
            ledger.close()


def _away(store: Store, folder: Path, holder: Holder) -> AbstractContextManager[LedgerCopies | None]:
    return nullcontext() if store.folder is not None else LedgerCopies(store, folder, holder)


def preview(out: Path | Store, orders: Iterable[Order], *, verify: bool = False) -> Planned:
    """Say what a plan would find, and write nothing; the folder need not be there.

    Raises:
        LedgerError: If two orders have one slot or one output, or the ledger cannot be read.
    """
    store = open_store(out) if isinstance(out, Path) else out
    path, tally = folder_of(store) / NAME, entering.Tally()
    planner = Planner(store, verify=verify, is_new_run=True)
    with told(path), closing(_look(path)) as connection:

        def read(work: Work[T]) -> T:
            return work(connection)

        entering.begin(connection)
        for judged in entering.judge(read, orders, planner):
            connection.execute("BEGIN")
            entering.refuse_taken(connection, judged)
            connection.execute("COMMIT")
            for decision, _ in judged:
                tally.add(decision)
    return tally.planned()


def _look(path: Path) -> sqlite3.Connection:
    if path.is_file():
        return open_read_only(path)
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(TABLES)
    return connection
