"""A backend with its share of this machine's CPU, as dispatch sees it."""

from __future__ import annotations

import math
import statistics
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING

from prodgen.catalogue import Order
from prodgen.client import Client
from prodgen.dispatch import OnStep
from prodgen.ledger import PictureRecord
from prodgen.places.backend_doors import Door
from prodgen.places.job import Job
from prodgen.places.workplace import Backend

if TYPE_CHECKING:
    from prodgen.places.crew import Crew

REMEMBERED = 5
"""Drawings whose median is the backend's speed: one that also loaded a model does not count."""


PROBE_S = 10.0
"""Seconds for each answer to a probe. Chosen: a server that draws answers questions in less than one, and one
that accepts connections and never answers must not keep a run from its end."""


class LocalPlace:
    """A backend; the crew does its work and keeps its books under its lock."""

    def __init__(self, crew: Crew, backend: Backend, door: Door | None = None) -> None:
        self.name = backend.name
        self.backend = backend
        self.drawing: Job | None = None
        """The order that its backend draws."""
        self.to_draw: deque[Job] = deque()
        """Orders that wait for its backend, prepared."""
        self.jobs: set[Job] = set()
        """All its orders."""
        self._crew, self._door = crew, door
        self._draws: deque[float] = deque(maxlen=REMEMBERED)
        self._leads: deque[float] = deque(maxlen=REMEMBERED)

    def room(self) -> int:
        """Say how many more orders it can take: one waits prepared while one is drawn.

        Where preparing takes longer than drawing, as many more are begun as keep the backend busy.
        """
        return self._crew.room(self)

    def submit(self, order: Order, on_step: OnStep) -> Future[PictureRecord]:
        """Have the picture made by the crew."""
        return self._crew.submit(self, order, on_step)

    def probe(self) -> None:
        """Ask what the server has, over a new connection.

        Raises:
            BackendError: If it does not say.
        """
        if self._door is not None:
            self._door.open()
        with Client(self.backend.address, dialect=self.backend.dialect, timeout_s=PROBE_S) as client:
            if self._door is not None:  # the engine has the program that draws for it say it again
                client.service.refresh("checkpoints")
            client.refresh()

    def close(self, *, now: bool = False) -> None:
        """End its work: `now` interrupts it, otherwise there must be none."""
        if now:
            self._crew.interrupt(self)

    # What the crew keeps of it, under its lock.

    def next_to_draw(self) -> Job | None:
        """Take the next order for its backend, if that is free."""
        if self.drawing is not None or not self.to_draw:
            return None
        self.drawing = self.to_draw.popleft()
        return self.drawing

    def at_the_gate(self, job: Job) -> None:
        """Let an order wait for its backend: a scene that is to be enlarged before those to be drawn."""
        if job.is_drawn:
            self.to_draw.appendleft(job)
        else:
            self.to_draw.append(job)

    def drew(self, seconds: float) -> None:
        """Note how long its backend has drawn."""
        self._draws.append(seconds)

    def came_to_gate(self, seconds: float) -> None:
        """Note how long an order took from its coming to its call, the waiting for the CPU included."""
        self._leads.append(seconds)

    def leave(self, job: Job) -> None:
        """Note that an order has left."""
        self.jobs.discard(job)
        if job in self.to_draw:
            self.to_draw.remove(job)
        if self.drawing is job:
            self.drawing = None

    def window(self, workers: int) -> int:
        """Return how many orders it should have that are not drawn yet.

        One is drawn, and as many are under way as reach the gate while it is, with half a drawing to spare,
        since no two products take equally long.

        Args:
            workers: Processes that may prepare at once.
        """
        if self.backend.is_inside:
            return workers + 1
        if not self._leads or not self._draws:
            return 2
        drawings = statistics.median(self._leads) / max(statistics.median(self._draws), 1e-3)
        return 1 + min(1 + workers, math.ceil(drawings + 0.5))
