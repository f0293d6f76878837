"""What a worker makes its place with: processes of its machine, and one backend, for a run elsewhere."""

from __future__ import annotations

import tempfile
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

from prodgen.catalogue import Order
from prodgen.dispatch import OnStep, Place
from prodgen.ledger import PictureRecord
from prodgen.places import Crew, LocalPlace, Workplace
from prodgen.storage import FetchedFiles


@dataclass(frozen=True, slots=True)
class HiredCrew:
    """Travels to workers, and makes a place of each."""

    workplace: Workplace
    dialect: str | None = None

    def __call__(self, backend: str, workers: int | None, memory: int | None) -> Place:
        """Make the worker's place; what it fetches lies on its own disk.

        Args:
            backend: The backend's address.
            workers: Processes; None: one for each core.
            memory: Bytes that they may take; None: half of what is free.
        """
        scratch = FetchedFiles(Path(tempfile.gettempdir()), base=self.workplace.pictures.base)
        crew = Crew(replace(self.workplace, pictures=scratch), workers=workers, memory=memory)
        return _WholeCrew(crew, crew.place(backend, dialect=self.dialect))


class _WholeCrew:
    """The one place of a crew, which ends with it."""

    def __init__(self, crew: Crew, place: LocalPlace) -> None:
        self.name = place.name
        self._crew, self._place = crew, place

    def room(self) -> int:
        return self._place.room()

    def submit(self, order: Order, on_step: OnStep) -> Future[PictureRecord]:
        return self._place.submit(order, on_step)

    def probe(self) -> None:
        self._place.probe()

    def close(self, *, now: bool = False) -> None:
        self._place.close(now=now)
        self._crew.close()
