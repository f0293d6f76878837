"""What a process has to know to make pictures, beside its orders; small, and travels to any machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prodgen.storage import FetchedFiles, Store


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where pictures come from and where they go."""

    store: Store
    """The run's folder."""
    pictures: FetchedFiles
    """Photographs by path or URL."""

    @property
    def root(self) -> Path:
        """The run's folder as a path; for a store that has none, a path that only its errors show."""
        return self.store.folder or Path(self.store.address)


@dataclass(frozen=True, slots=True)
class Backend:
    """Where scenes are drawn."""

    name: str
    """What people and the ledger call it; without a password."""
    address: str
    """What `Client` takes; it may hold a password."""
    dialect: str | None = None
    """The kind of server, if it should not be found out."""
    is_inside: bool = False
    """Whether it draws in the very process, by its CPU."""
