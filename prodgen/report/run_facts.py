"""What a report says about the run itself: when, why it ended, and who made how much."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlaceFacts:
    """What one backend or worker did in a run."""

    name: str
    pictures: int
    """How many it made."""
    idle_share: float | None = None
    """Share of the time in which its backend could have drawn and did not, 0 to 1; None: not known."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the head of a report says. Times are seconds since 1970."""

    started: float | None = None
    ended: float | None = None
    """None: it is still going on, and the page says so."""
    why: str = ""
    """Why it ended, in the words of `prodgen.dispatch.events.End`: "complete", "stopped", "deadline", ..."""
    places: tuple[PlaceFacts, ...] = ()
