"""The ledger of a run: what is asked, who works on it until when, what is done, what failed and why."""

from __future__ import annotations

from prodgen.ledger.records import Claim, Counts, Ledger, OrderFailure, PictureRecord, Planned, State

__all__ = ["Claim", "Counts", "Ledger", "OrderFailure", "PictureRecord", "Planned", "State"]
