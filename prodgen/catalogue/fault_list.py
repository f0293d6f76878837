"""Collects what is wrong with a sheet: the first faults by themselves, the others by their number."""

from __future__ import annotations

from dataclasses import dataclass, field

from prodgen.errors import SheetError, SheetFault

MOST_SHOWN = 200
"""Most faults of a sheet that are told one by one. Chosen: more than anybody reads before the next try."""


@dataclass
class FaultList:
    """Faults in the order in which they were found."""

    shown: list[SheetFault] = field(default_factory=list)
    total: int = 0
    _told: set[tuple[str, str]] = field(default_factory=set)

    def add(self, fault: SheetFault) -> None:
        """Add a fault; one of the whole sheet (row 0) counts once."""
        if fault.row == 0:
            if (fault.column, fault.what) in self._told:
                return
            self._told.add((fault.column, fault.what))
        self.total += 1
        if len(self.shown) < MOST_SHOWN:
            self.shown.append(fault)

    def raise_any(self, source: str) -> None:
        """Raise a SheetError if there is a fault.

        Raises:
            SheetError: With all of them.
        """
        if self.total:
            raise SheetError(source, sorted(self.shown, key=lambda fault: fault.row), self.total)
