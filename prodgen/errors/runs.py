"""Errors of catalogue runs: their sheets, ledgers, stores and workers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from prodgen.errors.own import ProdgenError


class LedgerError(ProdgenError):
    """The ledger of a catalogue run at `path` cannot be used, for `reason`; `remedy` says what to do."""

    def __init__(self, path: str, reason: str, remedy: str = "") -> None:
        super().__init__(path, reason, remedy)
        self.path = path
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" + (f"; {self.remedy}" if self.remedy else "")


class OutputInUseError(LedgerError):
    """Another run works on the folder `path`: process `pid` on machine `host`, since `since`.

    `pid` is 0 and the texts are empty where the other run has not said it yet.
    """

    def __init__(
        self,
        path: str,
        pid: int = 0,
        host: str = "",
        since: str = "",
        remedy: str = "stop it or wait for its end, or choose another output",
    ) -> None:
        who = f" (process {pid} on {host}, since {since})" if pid else ""
        super().__init__(path, f"another run works on this folder{who}", remedy)
        self.args = (path, pid, host, since, remedy)
        self.pid = pid
        self.host = host
        self.since = since


StorageCause = Literal["missing", "refused", "full", "unreachable", "other"]
"""Why a store did not do what was asked: no such object, folder or bucket; no right to it; no space left;
nobody answers, or only with faults; anything else."""


class StorageError(ProdgenError):
    """What lies at `address` cannot be read or written, for `reason`; `cause` says in which way."""

    def __init__(self, address: str, reason: str, *, cause: StorageCause = "other") -> None:
        super().__init__(address, reason)
        self.address = address
        self.reason = reason
        self.cause: StorageCause = cause

    def __str__(self) -> str:
        return f"{self.address!r} {self.reason}"


class WorkerLostError(ProdgenError):
    """The process of `worker` ended while it worked on `what`, for `reason`."""

    def __init__(self, worker: str, what: str, reason: str) -> None:
        super().__init__(worker, what, reason)
        self.worker = worker
        self.what = what
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.worker} ended while it worked on {self.what!r}: {self.reason}"


class NoWorkerError(ProdgenError):
    """No process for the work of this machine's CPU lives long enough to do anything, for `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"no process for this machine's CPU work stays alive: {self.reason}; "
            "`prodgen doctor` checks the installation, and fewer --workers need less memory"
        )


class ClusterError(ProdgenError):
    """The cluster at `address` cannot do the work, for `reason`, which says the remedy."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(address, reason)
        self.address = address
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.address}: {self.reason}"


class RemoteWorkerLostError(ClusterError):
    """A worker of the cluster at `address` ended, or cannot be reached, while it had orders to make."""


@dataclass(frozen=True, slots=True)
class SheetFault:
    """What is wrong in one place of a sheet."""

    row: int
    """The row as the sheet's user counts, from 1 with the header; 0 if it concerns the whole sheet."""
    column: str
    """The column's name as the sheet spells it, or "" if it concerns the whole row."""
    what: str
    """What is wrong."""
    remedy: str = ""
    """What to do about it, where `what` does not say so already."""

    def __str__(self) -> str:
        place = ", ".join(filter(None, [f"row {self.row}" if self.row else "", self.column]))
        sentence = f"{self.what}; {self.remedy}" if self.remedy else self.what
        return f"{place}: {sentence}" if place else sentence


class SheetError(ProdgenError):
    """The sheet `source` cannot be run as it is; `faults` has the first of its faults, `total` counts all."""

    def __init__(self, source: str, faults: Iterable[SheetFault], total: int = 0) -> None:
        self.source = source
        self.faults = tuple(faults)
        self.total = max(total, len(self.faults))
        super().__init__(source, self.faults, self.total)

    def __str__(self) -> str:
        if self.total == 1:
            return f"{self.source}: {self.faults[0]}"
        lines = [f"{self.source} has {self.total:,} faults:", *(f"  {fault}" for fault in self.faults)]
        if more := self.total - len(self.faults):
            lines.append(f"  ... and {more:,} more")
        return "\n".join(lines)
