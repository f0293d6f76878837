"""How a run is doing, for whoever looks from outside: during it, after its end, and after it was killed.

What is done and failed comes from the ledger. What the places are doing comes from `run.json`, which the run
replaces as a whole about once a second; nothing depends on it, so it is not synced.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prodgen.errors import LedgerError
from prodgen.ledger import run_lock
from prodgen.ledger.database import open_read_only, told
from prodgen.ledger.ledger_copies import folder_of
from prodgen.ledger.records import Counts, OrderFailure
from prodgen.ledger.sqlite_ledger import NAME as LEDGER_NAME
from prodgen.ledger.sqlite_ledger import count, failure_of
from prodgen.storage import Store, open_store

NAME = "run.json"
"""File in the run's folder with what its places are doing."""

WINDOW_S = 600.0
"""Over how long pictures a minute are counted: many renders even of a slow GPU."""


@dataclass(frozen=True, slots=True)
class PlaceState:
    """What a place is doing."""

    name: str
    doing: str = ""
    """In words, such as "draw 00123/kitchen/2"; "" if nothing."""
    idle_share: float = 0.0
    """The share of the time in which its backend could have drawn and did not, 0 to 1."""
    pictures: int = 0
    """How many it made in this run."""
    is_lost: bool = False
    """It does not answer."""


@dataclass(frozen=True, slots=True)
class RunStatus:
    """The state of a catalogue run."""

    counts: Counts
    is_running: bool
    """Whether a process works on it now."""
    started: float
    """When the last run started, in seconds since 1970."""
    ended: float | None
    """When it ended; None: it goes on, or was killed."""
    end: str
    """One of `dispatch.End`, "interrupted", "error", or "killed" if it could not say; "" if it goes on."""
    pid: int
    host: str
    pictures_a_minute: float
    """In the last ten minutes of the run."""
    places: tuple[PlaceState, ...] = ()
    last_failure: OrderFailure | None = None
    last_failed: str = ""
    """Slot of the order that failed last."""
    report: Mapping[str, Any] = field(default_factory=dict)
    """What else the run says about itself."""

    @property
    def total(self) -> int:
        """How many pictures are asked for."""
        return self.counts.waiting + self.counts.claimed + self.counts.done + self.counts.failed

    @property
    def left(self) -> int:
        """How many are still to be made."""
        return self.counts.waiting + self.counts.claimed


def read_status(out: Path | Store) -> RunStatus:
    """Say how the run on an output is doing; nothing is changed.

    Raises:
        LedgerError: If there never was a run, or its ledger cannot be read.
    """
    folder = folder_of(open_store(out) if isinstance(out, Path) else out)
    path = folder / LEDGER_NAME
    if not path.is_file():
        raise LedgerError(
            str(folder),
            f"there is no {LEDGER_NAME}, so no catalogue run has begun here",
            "check the folder's name",
        )
    is_running = run_lock.is_held(folder)
    said = _said(folder)
    holder = run_lock.read_holder(folder)
    started = float(said.get("started") or (holder.started if holder else 0.0))
    ended = said.get("ended")
    until = time.time() if is_running else float(ended or path.stat().st_mtime)
    with told(path), closing(open_read_only(path)) as run:
        counts = count(run)
        last = max(started, until - WINDOW_S)
        (made,) = run.execute(
            "SELECT count(*) FROM pictures WHERE finished_at BETWEEN ? AND ?", (last, until)
        ).fetchone()
        failed = _last_failure(run, started)
    return RunStatus(
        counts=counts,
        is_running=is_running,
        started=started,
        ended=None if is_running else ended,
        end="" if is_running else str(said.get("end") or "killed"),
        pid=holder.pid if holder else 0,
        host=holder.host if holder else "",
        pictures_a_minute=60 * made / max(until - last, 1.0),
        places=tuple(PlaceState(**place) for place in said.get("places", ())),
        last_failure=failed[1] if failed else None,
        last_failed=failed[0] if failed else "",
    )


def _said(folder: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        said = json.loads((folder / NAME).read_text("utf-8"))
        if isinstance(said, dict):
            return said
    return {}


def _last_failure(run: sqlite3.Connection, since: float) -> tuple[str, OrderFailure] | None:
    row = run.execute(
        "SELECT slot, failure FROM orders WHERE failure != '' AND state IN ('failed', 'waiting', 'claimed')"
        " AND json_extract(failure, '$.at') >= ? ORDER BY json_extract(failure, '$.at') DESC LIMIT 1",
        (since,),
    ).fetchone()
    return (row[0], failure_of(row[1])) if row else None
