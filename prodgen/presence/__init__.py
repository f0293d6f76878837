"""Whether a product stands in a picture: at its place, and whether there is a second or a larger one."""

from __future__ import annotations

from prodgen.presence.agreement import ABSENT, FAINT, PRESENT, UNTOLD, Presence, find
from prodgen.presence.duplicates import Duplicate, find_duplicate

__all__ = ["ABSENT", "FAINT", "PRESENT", "UNTOLD", "Duplicate", "Presence", "find", "find_duplicate"]
