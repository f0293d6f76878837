"""Keeps the files that people look at up to date: report.html, report.csv and failed.csv."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from prodgen.catalogue import Catalogue, write_failed
from prodgen.catalogue.columns import FAILED_ROWS
from prodgen.dispatch import Standing
from prodgen.errors import ProdgenError
from prodgen.ledger import Ledger
from prodgen.report import PlaceFacts, RunFacts, write_report
from prodgen.storage import Store

EVERY_S = 60.0
"""Seconds between two reports of a run that goes on."""

NAMES = ("report.html", "report.csv", FAILED_ROWS)


class Reporter:
    """Writes the reports: now and then in a thread, so that no backend waits for it, and at the end."""

    def __init__(self, ledger: Ledger, catalogue: Catalogue, store: Store, folder: Path) -> None:
        self._ledger, self._catalogue, self._store, self._folder = ledger, catalogue, store, folder
        self._started = time.time()
        self._next = time.monotonic() + EVERY_S
        self._places: tuple[PlaceFacts, ...] = ()
        self._thread: threading.Thread | None = None

    def look(self, standing: Standing) -> None:
        """Note how the run stands, and begin a report if one is due."""
        self._places = tuple(PlaceFacts(x.name, x.pictures, x.idle_share) for x in standing.places)
        is_busy = self._thread is not None and self._thread.is_alive()
        if time.monotonic() >= self._next and not is_busy:
            self._next = time.monotonic() + EVERY_S
            self._thread = threading.Thread(target=self._write, name="prodgen-report", daemon=True)
            self._thread.start()

    def close(self, why: str) -> list[str]:
        """Write the last report; return what stands out in it, or why there is none, a sentence each."""
        if self._thread is not None:
            self._thread.join()
        return self._write(RunFacts(self._started, time.time(), why, self._places))

    def _write(self, facts: RunFacts | None = None) -> list[str]:
        facts = facts or RunFacts(self._started, None, "", self._places)
        try:
            rows = self._ledger.rows()
            told = write_report(self._folder, rows, title=Path(self._catalogue.source).stem, run=facts)
            failed = (
                (order, failure.reason)
                for order, state, _, failure in self._ledger.rows()
                if state == "failed" and failure is not None
            )
            is_moved = self._store.folder is None
            write_failed(self._catalogue, failed, self._folder / FAILED_ROWS, is_moved=is_moved)
            if is_moved:
                for name in NAMES:
                    self._put(name)
        except (ProdgenError, OSError) as error:
            return [f"the report could not be written: {error}"]
        return list(told)

    def _put(self, name: str) -> None:
        """Bring a report to where the pictures are; or take it away there, if there is none any more."""
        path = self._folder / name
        if path.is_file():
            self._store.put(name, path.read_bytes())
        elif self._store.stat(name) is not None:
            self._store.delete(name)
