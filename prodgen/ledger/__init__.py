"""The ledger of a run: what is asked, who works on it until when, what is done, what failed and why."""

from __future__ import annotations

from prodgen.ledger.records import Claim, Counts, OrderFailure, Ledger, Planned, PictureRecord, State

__all__ = ["Claim", "Counts", "OrderFailure", "Ledger", "Planned", "PictureRecord", "State"]
