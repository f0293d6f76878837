"""How much memory there is, and how many pictures may be worked on in it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

SHARE = 0.5
"""Share of the free memory that a run takes by itself: the rest is for whoever else works there."""

UNKNOWN = 4 << 30
"""Bytes taken to be free on a system that does not say; the smallest machine that is sold as a server."""

_CGROUP = Path("/sys/fs/cgroup")


def default_memory() -> int:
    """Return the bytes that a run may use if nobody says: half of what is free, to this container at most."""
    return int(SHARE * min(_free_of_machine(), _free_of_container()))


def _free_of_machine() -> float:
    with suppress(OSError):
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return float(line.split()[1]) * 1024
    with suppress(ValueError, OSError, AttributeError):  # macOS says how much there is, not what is free
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")) / 2
    return UNKNOWN


def _free_of_container() -> float:
    try:
        most = (_CGROUP / "memory.max").read_text("ascii").strip()
        used = int((_CGROUP / "memory.current").read_text("ascii"))
        return float("inf") if most == "max" else float(max(0, int(most) - used))
    except (OSError, ValueError):
        return float("inf")
