"""An order on its way through the crew, and a worker that does its steps."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from prodgen.catalogue import Order
from prodgen.dispatch import OnStep, Step
from prodgen.errors import Interrupted
from prodgen.ledger import PictureRecord
from prodgen.places.links import Link

if TYPE_CHECKING:
    from prodgen.places.local_place import LocalPlace

CpuStep = Literal["deliver", "complete", "draw"]

CPU_STEPS: tuple[CpuStep, ...] = ("deliver", "complete", "draw")
"""Steps after the preparation that the CPU does, what is nearest to its end first."""

OF_THE_SCENE = frozenset({"negative_prompt", "light", "loras"})
"""What an order may ask for without another preparation; see `prodgen.shots.preparation`."""


@dataclass(eq=False, slots=True)
class Job:
    """An order on its way."""

    number: int
    order: Order
    place: LocalPlace
    on_step: OnStep
    product: str = ""
    """What it shares with orders that can have its preparation; see `product_of`."""
    future: Future[PictureRecord] = field(default_factory=Future)
    worker: CrewMember | None = None
    """Who holds its pictures; None before it is begun."""
    asks_backend: bool = True
    is_prepared: bool = False
    is_drawn: bool = False
    is_enlarging: bool = False
    """Its completion had to ask the backend, and is not at its end: it works beside the CPU's next step."""
    is_committed: bool = False
    """Its files are being written; it cannot be taken back."""
    pixels: int = 0
    """Size of its photograph or canvas, whichever is larger; 0 until it is prepared."""
    submitted: float = 0.0
    """When it came, by the monotonic clock."""
    begun: float = 0.0
    """When its present step began, by the monotonic clock."""

    @property
    def draws_by_cpu(self) -> bool:
        """Whether its scene keeps this machine's CPU busy, and no backend elsewhere."""
        return self.place.backend.is_inside or not self.asks_backend

    @property
    def holder(self) -> CrewMember:
        """Who holds its pictures, once it is begun."""
        if self.worker is None:
            raise RuntimeError(f"order {self.order.slot!r} is not begun")
        return self.worker

    def tell(self, step: Step) -> None:
        """Say that a step begins."""
        self.on_step(self.place.name, self.order, step)

    def fail(self, error: Exception) -> None:
        """End it with an error, unless it has ended."""
        if not self.future.done():
            self.future.set_exception(error)

    def give_up(self) -> None:
        """End it because it was interrupted."""
        if not self.future.cancel():
            self.fail(Interrupted("the work was stopped, as asked"))


@dataclass(eq=False, slots=True)
class CrewMember:
    """A process, or a thread, that does one step of the CPU's work at a time."""

    name: str
    start: Callable[[CrewMember], Link]
    jobs: set[Job] = field(default_factory=set)
    """Orders whose pictures it holds."""
    works_on: Job | None = None
    """The order that its CPU works on."""
    ready: dict[CpuStep, deque[Job]] = field(default_factory=lambda: {step: deque() for step in CPU_STEPS})
    """Orders whose next step only it can do, by the step."""
    products: deque[str] = field(default_factory=lambda: deque(maxlen=2))
    """Products that it has prepared last, and still holds."""
    link: Link | None = None

    def reach(self) -> Link:
        """Return the way to it; it is started at the first call."""
        if self.link is None:
            self.link = self.start(self)
        return self.link

    def behind(self) -> int:
        """Return how many orders wait for it alone."""
        return sum(map(len, self.ready.values()))

    def dismiss(self, job: Job) -> None:
        """Take an order off its books."""
        self.jobs.discard(job)
        for waiting in self.ready.values():
            if job in waiting:
                waiting.remove(job)


def product_of(order: Order) -> str:
    """Return what an order has in common with those that can share its preparation."""
    asked = {name: value for name, value in order.asked_for.items() if name not in OF_THE_SCENE}
    return json.dumps([order.photo, asked], sort_keys=True)
