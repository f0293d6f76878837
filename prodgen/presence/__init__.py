"""Whether a product is in a picture: at its place, on a floor, and whether a second or larger one is."""

from __future__ import annotations

from prodgen.presence.agreement import ABSENT, FAINT, PRESENT, UNTOLD, Presence, find
from prodgen.presence.duplicates import Duplicate, find_duplicate
from prodgen.presence.missing_floor import MissingFloor, find_missing_floor

__all__ = [
    "ABSENT",
    "FAINT",
    "PRESENT",
    "UNTOLD",
    "Duplicate",
    "MissingFloor",
    "Presence",
    "find",
    "find_duplicate",
    "find_missing_floor",
]
