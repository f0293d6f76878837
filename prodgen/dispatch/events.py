"""What happens during a catalogue run, as values: for the live view, for programs, for the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from prodgen.catalogue import Order
from prodgen.dispatch.place import Step
from prodgen.ledger import Counts, OrderFailure, PictureRecord, PlaceState, Planned

End = Literal["complete", "stopped", "deadline", "failures", "no place", "storage"]
"""Why a run ended: all is made or set aside; Ctrl-C; `--deadline`; `--max-failures`; no backend came back;
nothing can be written, such as on a full disk."""


@dataclass(frozen=True, slots=True)
class PlanMade:
    """The sheet is read and compared with the ledger."""

    planned: Planned


@dataclass(frozen=True, slots=True)
class Notice:
    """Something is done another way than one may expect, or had to be guessed."""

    text: str


@dataclass(frozen=True, slots=True)
class StepBegun:
    """A place begins a step of an order."""

    place: str
    order: Order
    step: Step


@dataclass(frozen=True, slots=True)
class PictureDone:
    """A picture is on the disk and in the ledger."""

    order: Order
    record: PictureRecord


@dataclass(frozen=True, slots=True)
class PictureFailed:
    """An order was not made this time."""

    order: Order
    failure: OrderFailure
    place: str
    is_final: bool
    """Set aside, and in failed.csv; otherwise it will be tried again, or elsewhere."""


@dataclass(frozen=True, slots=True)
class PlaceLost:
    """A place does not answer or only fails; its orders go elsewhere, and it is probed from time to time."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class PlaceBack:
    """A place that was lost answers again."""

    place: str


@dataclass(frozen=True, slots=True)
class StillWaiting:
    """Nothing has happened for a while, and this is what the run waits for."""

    seconds: float
    what: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How the run stands; at most once a second, also while nothing happens."""

    counts: Counts
    places: tuple[PlaceState, ...]
    pictures_a_minute: float
    """In the last minutes of this run."""
    eta_s: float | None
    """Seconds until all is made, at that pace; None before it can be said."""


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The last event."""

    end: End
    counts: Counts
    idle_share: Mapping[str, float]
    """By place: the share of the time in which its backend could have worked and did not, 0 to 1."""


Event = (
    Notice
    | PlanMade
    | StepBegun
    | PictureDone
    | PictureFailed
    | PlaceLost
    | PlaceBack
    | StillWaiting
    | Standing
    | RunEnded
)
