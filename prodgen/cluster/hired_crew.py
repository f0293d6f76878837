"""What a worker makes its place with: processes of its machine, and one backend, for a run elsewhere."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from prodgen.dispatch import Place
from prodgen.places import Crew, Workplace
from prodgen.storage import FetchedFiles


@dataclass(frozen=True, slots=True)
class HiredCrew:
    """Travels to workers, and opens a place with each."""

    workplace: Workplace
    dialect: str | None = None

    @contextmanager
    def __call__(self, backend: str, workers: int | None, memory: int | None) -> Iterator[Place]:
        """Open the worker's place; what it fetches lies on its own disk.

        Args:
            backend: The backend's address.
            workers: Processes; None: one for each core.
            memory: Bytes that they may take; None: half of what is free.
        """
        scratch = FetchedFiles(Path(tempfile.gettempdir()), base=self.workplace.pictures.base)
        crew = Crew(replace(self.workplace, pictures=scratch), workers=workers, memory=memory)
        try:
            yield crew.place(backend, dialect=self.dialect)
        finally:
            crew.close()
