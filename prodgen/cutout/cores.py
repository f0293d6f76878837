"""How many processor cores this process may keep busy, so that a network asks for no more threads than that.

onnxruntime by itself takes a thread for each core of the machine, also inside a container that was given
two of its sixty-four: the threads then wait for each other.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

_CPUS = Path("/sys/devices/system/cpu")
_QUOTAS = (
    (Path("/sys/fs/cgroup/cpu.max"), None),
    (Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")),
)
"""Where Linux says how much time a container gets: control groups version 2, then version 1."""


def usable_cores() -> int:
    """Physical cores that this process may use: its CPU affinity and its container's quota are respected.

    Two threads of one core (hyper-threading) share the arithmetic that a network needs, so they count once.
    Where the system does not tell, every logical processor counts.
    """
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    processors = os.sched_getaffinity(0)
    cores = {_text(_CPUS / f"cpu{cpu}/topology/thread_siblings_list") or str(cpu) for cpu in processors}
    return max(1, math.ceil(min(len(cores), _quota())))


def _quota() -> float:
    """Processors' worth of time that the container grants; infinite where there is no limit."""
    for quota, period in _QUOTAS:
        fields = f"{_text(quota)} {_text(period) if period else ''}".split()
        if len(fields) == 2 and all(field.isdecimal() for field in fields):  # not "max", not -1
            return int(fields[0]) / max(1, int(fields[1]))
    return math.inf


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
