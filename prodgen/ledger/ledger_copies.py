"""The ledger of an output that is no folder, such as a bucket: it lives on this machine, and copies go there.

A bucket has no locks that end with their holder, so an object that only one run can make stands for it.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from prodgen import files
from prodgen.errors import ImageError, LedgerError, OutputInUseError, ProdgenError, StorageError
from prodgen.ledger.run_lock import NAME as LOCK_NAME
from prodgen.ledger.run_lock import Holder
from prodgen.ledger.sqlite_ledger import NAME, SqliteLedger
from prodgen.storage import Store, state_folder

EVERY_S = 300.0
"""Seconds between copies. What is made since the last one is found again by the pictures' sidecars, so a lost
machine costs reading, not drawing."""

_VERSION = "ledger.version"
"""File beside the ledger with the version of the copy that it last put or took."""


def folder_of(store: Store) -> Path:
    """Return the folder on this machine with ledger and lock of a run that has its pictures in a store."""
    return state_folder(store.address) if store.folder is None else store.folder


class LedgerCopies:
    """Holds an output that is no folder for this run, takes the ledger from there, and puts copies there."""

    def __init__(self, store: Store, folder: Path, holder: Holder) -> None:
        self._store, self._folder, self._holder = store, folder, holder
        self._next = time.monotonic() + EVERY_S
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Hold the output, and take the ledger from there if another machine was the last to write it.

        Raises:
            OutputInUseError: If another run has it.
            StorageError: If the output does not answer.
        """
        said = json.dumps(asdict(self._holder)).encode()
        if not self._store.put_new(LOCK_NAME, said):
            other = self._other()
            # The lock of the folder here is ours already: an earlier run of this machine cannot be alive.
            if other is None or other.host != self._holder.host:
                remedy = f"stop it; if that machine is gone, remove {LOCK_NAME} there"
                found = (other.pid, other.host, other.since) if other else (0, "", "")
                raise OutputInUseError(self._store.address, *found, remedy)
            self._store.put(LOCK_NAME, said)
        self._take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the output up."""
        if self._thread is not None:
            self._thread.join()
        with suppress(StorageError):
            self._store.delete(LOCK_NAME)

    def put(self, ledger: SqliteLedger) -> None:
        """Put a copy there; where that fails the next one will do, as the ledger itself is here."""
        with suppress(ProdgenError):
            self._store.put(NAME, ledger.copy())
            self._note()

    def put_sometimes(self, ledger: SqliteLedger) -> None:
        """Put a copy there beside the work, if the last one is old enough."""
        if time.monotonic() < self._next or (self._thread is not None and self._thread.is_alive()):
            return
        self._next = time.monotonic() + EVERY_S
        self._thread = threading.Thread(target=self.put, args=(ledger,), name="copy of the ledger")
        self._thread.start()

    def _take(self) -> None:
        there = self._store.stat(NAME)
        noted = self._folder / _VERSION
        if there is None or (noted.is_file() and noted.read_text("utf-8") == there.version):
            return
        try:
            for ending in ("-wal", "-shm", "-journal"):
                (self._folder / f"{NAME}{ending}").unlink(missing_ok=True)
            files.write_bytes(self._folder / NAME, self._store.get(NAME))
        except (OSError, ImageError) as error:
            raise LedgerError(
                str(self._folder / NAME), f"the ledger cannot be copied here ({error})"
            ) from error
        self._note()

    def _note(self) -> None:
        there = self._store.stat(NAME)
        if there is not None:
            with suppress(OSError):
                (self._folder / _VERSION).write_text(there.version, "utf-8")

    def _other(self) -> Holder | None:
        try:
            return Holder(**json.loads(self._store.get(LOCK_NAME)))
        except (StorageError, ValueError, TypeError):
            return None
