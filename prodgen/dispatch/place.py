"""A place where pictures are made, as dispatch sees it: a window for orders, and answers that come back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Literal, Protocol

from prodgen.catalogue import Order
from prodgen.ledger import PictureRecord

Step = Literal["prepare", "draw", "complete", "enlarge"]
"""How far a place is with an order; its backend may enlarge the scene while it completes the picture."""

OnStep = Callable[[str, Order, Step], None]
"""Called from any thread with the place's name, the order, and the step that begins."""


class Place(Protocol):
    """A backend with its share of the CPU, or a worker on another machine with a backend of its own."""

    name: str
    """What people and the ledger call it, such as "box:7860" or "embedded"."""

    def room(self) -> int:
        """Say how many more orders it can take without one waiting behind another for long."""

    def submit(self, order: Order, on_step: OnStep) -> Future[PictureRecord]:
        """Make the picture; its files are on the disk, synced, when the future has its record.

        The future fails with a ProdgenError; whatever else comes out is a fault of prodgen. It can be
        cancelled until its scene is drawn, and then writes nothing; from then on it cannot.
        """

    def probe(self) -> None:
        """Ask cheaply whether it can work.

        Raises:
            ProdgenError: If it cannot.
        """

    def close(self, *, now: bool = False) -> None:
        """End: `now` interrupts what runs, otherwise what runs is finished first."""
