"""What the crew tells a bench, and what it hears back; small, and pickled on the way to another process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from prodgen.catalogue import Order
from prodgen.ledger import PictureRecord
from prodgen.places.workplace import Backend


@dataclass(frozen=True, slots=True)
class Prepare:
    """Bring an order's product onto its canvas."""

    job: int
    order: Order
    backend: Backend
    packed: bytes | None = None
    """The preparation of another order of that product, if there is one."""


@dataclass(frozen=True, slots=True)
class Go:
    """Do the next step of an order."""

    job: int
    step: Literal["draw", "complete", "deliver"]
    is_cpu_work: bool
    """Whether it keeps the CPU busy; otherwise a backend."""


@dataclass(frozen=True, slots=True)
class Enter:
    """Let an order's call go to its backend: it is its turn."""

    job: int


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop an order; what a backend draws for it is interrupted."""

    job: int


Command = Prepare | Go | Enter | Forget


@dataclass(frozen=True, slots=True)
class Prepared:
    """The product is on its canvas."""

    job: int
    pixels: int
    """Size of the photograph or of the canvas, whichever is larger."""
    asks_backend: bool
    """Whether a backend draws the scene; otherwise the CPU does."""
    packed: bytes | None
    """The preparation for other orders of that product, if it was made anew."""


@dataclass(frozen=True, slots=True)
class AtTheGate:
    """A call is encoded, and could be sent to the backend at once."""

    job: int


@dataclass(frozen=True, slots=True)
class Left:
    """The backend has answered, and is free; the answer is yet to be decoded."""

    job: int


@dataclass(frozen=True, slots=True)
class Done:
    """A step is done."""

    job: int
    step: Literal["draw", "complete"]
    is_kept: bool = True
    """False after "complete" if another seed is to be drawn."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """All files of an order are on the disk."""

    job: int
    record: PictureRecord


@dataclass(frozen=True, slots=True)
class Failed:
    """An order cannot be made here."""

    job: int
    error: Exception


Report = Prepared | AtTheGate | Left | Done | Delivered | Failed
