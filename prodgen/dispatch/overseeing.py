"""The overseer of a run: how it stands, what it waits for when nothing happens, and when to give up."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from prodgen.dispatch.events import Event, Standing, StillWaiting
from prodgen.dispatch.lane import Lane
from prodgen.dispatch.place import Step
from prodgen.dispatch.rules import Rules
from prodgen.ledger import Counts, Ledger, PlaceState

STANDING_S = 1.0
"""Seconds between two views of the run: as often as a person's eye follows numbers."""

SHOWN = 5
"""Most places that a sentence names."""

_VERBS: dict[Step | None, str] = {
    None: "begins",
    "prepare": "prepares",
    "draw": "draws",
    "complete": "completes",
    "enlarge": "enlarges",
}

PACE_S = 300.0
"""Seconds over which the pace is measured: 5 minutes even out products that take longer than others."""


class Overseer:
    """Sees how a run stands, and says so when it is time."""

    def __init__(
        self, rules: Rules, ledger: Ledger, lanes: Sequence[Lane], now: float, waits_for: str = ""
    ) -> None:
        self.reasons: dict[str, str] = {}
        """Why each lost place was lost, by its name."""
        self._rules, self._ledger, self._lanes = rules, ledger, lanes
        self._waits_for = waits_for
        """What a run without any place waits for."""
        self._begun = self._last = now
        self._warned_s = 0.0
        self._standing_at = now
        self._made: deque[float] = deque()

    def something_happened(self, now: float) -> None:
        """Note that the run goes on."""
        self._last, self._warned_s = now, 0.0

    def picture_made(self, now: float) -> None:
        """Note a picture, for the pace."""
        self._made.append(now)

    def due_at(self) -> float:
        """Return when there is something to say again."""
        return min(self._standing_at, self._last + self._patience_s)

    @property
    def _patience_s(self) -> float:
        return max(self._rules.still_waiting_s, 2 * self._warned_s)

    def due(self, now: float, left: int) -> Iterator[Event]:
        """Give what is to be said now."""
        if now >= self._standing_at:
            self._standing_at = now + STANDING_S
            yield self.standing(self._ledger.counts(), now, is_over=False, left=left)
        if now >= self._last + self._patience_s:
            self._warned_s = now - self._last
            yield StillWaiting(self._warned_s, self._waited_for(now))

    def standing(self, counts: Counts, now: float, *, is_over: bool, left: int = 0) -> Standing:
        """Return how the run stands."""
        while self._made and self._made[0] < now - PACE_S:
            self._made.popleft()
        seconds = min(PACE_S, now - self._begun)
        pace = len(self._made) / seconds if seconds > 0 else 0.0
        places = tuple(
            PlaceState(
                lane.name,
                self._doing(lane, now),
                lane.idle_share(now, is_over=is_over or (left == 0 and not lane.undrawn)),
                lane.pictures,
                lane.is_lost,
            )
            for lane in self._lanes
        )
        eta_s = (counts.waiting + counts.claimed) / pace if pace else None
        return Standing(counts, places, 60 * pace, eta_s)

    def give_up_at(self) -> Iterator[float]:
        """Give the time at which the run ends for want of any place, if all are lost."""
        if all(lane.is_lost for lane in self._lanes):
            useless = (lane.useless_since or 0.0 for lane in self._lanes)
            yield max(useless, default=self._begun) + self._rules.give_up_s

    def is_given_up(self, now: float) -> bool:
        """Whether all places have been lost for too long."""
        return any(now >= at for at in self.give_up_at())

    def _waited_for(self, now: float) -> str:
        if not self._lanes:
            return self._waits_for
        busy = [lane for lane in self._lanes if lane.is_lost or lane.flights] or self._lanes
        told = "; ".join(f"{lane.name}: {self._doing(lane, now)}" for lane in busy[:SHOWN])
        return f"{told}; and {len(busy) - SHOWN} places more" if len(busy) > SHOWN else told

    def _doing(self, lane: Lane, now: float) -> str:
        """Say in words what a place does."""
        if lane.is_lost:
            return f"lost: {self.reasons.get(lane.name, '')}"
        drawing = lane.drawing()
        if drawing is not None:
            return f"draws {drawing.claim.order.slot}, for {now - drawing.step_begun:.0f} s"
        for flight in lane.flights.values():
            return f"{_VERBS[flight.step]} {flight.claim.order.slot}"
        return "waits for orders"
