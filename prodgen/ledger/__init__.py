"""The ledger of a run: what is asked, who works on it until when, what is done, what failed and why."""

from __future__ import annotations

from prodgen.ledger.opening import Run, open_run, preview
from prodgen.ledger.planning import made_before
from prodgen.ledger.records import (
    Claim,
    Counts,
    Ledger,
    OrderFailure,
    Others,
    PictureRecord,
    Planned,
    State,
)
from prodgen.ledger.run_status import PlaceState, RunStatus, read_status
from prodgen.ledger.sidecars import Sidecar, read_sidecar, sidecar_bytes, sidecar_name, thumbnail_names
from prodgen.ledger.sqlite_ledger import SqliteLedger

__all__ = [
    "Claim",
    "Counts",
    "Ledger",
    "OrderFailure",
    "Others",
    "PictureRecord",
    "PlaceState",
    "Planned",
    "Run",
    "RunStatus",
    "Sidecar",
    "SqliteLedger",
    "State",
    "made_before",
    "open_run",
    "preview",
    "read_sidecar",
    "read_status",
    "sidecar_bytes",
    "sidecar_name",
    "thumbnail_names",
]
