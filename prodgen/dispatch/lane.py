"""One place with its orders under way, and what was measured of it: its speed, its faults, its idle time."""

from __future__ import annotations

import math
import statistics
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field

from prodgen.dispatch.place import Place, Step
from prodgen.ledger import Claim, PictureRecord

REMEMBERED = 5
"""Drawings whose median is a place's speed: one among them that also loaded a model does not count."""

FAULTS_IN_A_ROW = 3
"""Suspect faults in a row that lose a place: if one order in ten is at fault by itself, three in a row are
chance once in a thousand."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
"""Seconds between a loss and the first probe, doubled up to the longest: a server that starts again takes a
minute at least, and a probe a minute costs it nothing."""

OVERDUE = 10.0
"""Times the usual time after which a drawing counts as hanging. Renders of one size on one card differ by a
few per cent; a GPU that somebody else uses too is two or three times slower, not ten."""

SHORTEST_PATIENCE_S = 10.0
"""Seconds that a drawing may always take: below, a network's hiccup would look like a hanging server."""

LOADING_S = 180.0
"""Seconds more where a server may have to load a model first: 7 GB from a disk of 50 MB/s take 140."""


@dataclass(eq=False, slots=True)
class Flight:
    """An order under way at a place."""

    claim: Claim
    future: Future[PictureRecord]
    begun: float
    may_load: bool
    """Whether the place may have to load another model for it."""
    step: Step | None = None
    step_begun: float = 0.0

    @property
    def is_drawn(self) -> bool:
        """Whether the backend is done with it."""
        return self.step in ("complete", "enlarge")


@dataclass(eq=False, slots=True)
class Lane:
    """A place and its measures; times are seconds of a monotonic clock."""

    place: Place
    opened: float
    flights: dict[str, Flight] = field(default_factory=dict)
    """Orders under way, by slot."""
    kin: str = ""
    """Kin of the last order, whose models the place has loaded."""
    pictures: int = 0
    faults: int = 0
    """Suspect faults in a row."""
    lost_at: float | None = None
    useless_since: float | None = None
    """When it was lost without a picture since; None: it is of use. A place may answer each probe, and refuse
    each order."""
    probe_at: float | None = None
    """When to probe; None while it is probed or not lost."""
    pause_s: float = field(default_factory=lambda: FIRST_PAUSE_S)
    is_on_trial: bool = False
    """Came back, and has made no picture since: it gets one order at a time."""
    tells_steps: bool = False
    """Whether it says how far it is with its orders."""
    last_drawn: float | None = None
    _draws: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _wholes: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _busy_s: float = 0.0
    _lost_s: float = 0.0

    @property
    def name(self) -> str:
        """The place's name."""
        return self.place.name

    @property
    def is_lost(self) -> bool:
        """Whether it gets no orders until it answers a probe."""
        return self.lost_at is not None

    @property
    def undrawn(self) -> list[Flight]:
        """Orders that its backend has not finished with."""
        return [flight for flight in self.flights.values() if not flight.is_drawn]

    @property
    def draw_s(self) -> float | None:
        """Seconds that it draws, by measure; None before the first picture."""
        return statistics.median(self._draws) if self._draws else None

    @property
    def whole_s(self) -> float | None:
        """Seconds from order to picture, waiting included; None before the first picture."""
        return statistics.median(self._wholes) if self._wholes else None

    def room(self) -> int:
        """Say how many more orders it should get now."""
        if self.is_lost:
            return 0
        return min(self.place.room(), 1 - len(self.flights)) if self.is_on_trial else self.place.room()

    def enlarging(self) -> Flight | None:
        """Return the order whose scene its backend enlarges now, if it says so."""
        return next((flight for flight in self.flights.values() if flight.step == "enlarge"), None)

    def drawing(self) -> Flight | None:
        """Return the order that its backend draws now, if it says so."""
        return next((flight for flight in self.flights.values() if flight.step == "draw"), None)

    def free_in(self, now: float, draw_s: float) -> float:
        """Return the seconds until its backend is free, if a drawing takes `draw_s`."""
        drawing = self.drawing()
        elapsed = 0.0 if drawing is None else min(draw_s, now - drawing.step_begun)
        return len(self.undrawn) * draw_s - elapsed

    def step(self, flight: Flight, step: Step, now: float) -> None:
        """Note that a step begins, and with it that the one before has ended."""
        if flight.step == "draw":
            self._draws.append(now - flight.step_begun)
        self._leave(flight, now)
        flight.step, flight.step_begun, self.tells_steps = step, now, True

    def land(self, flight: Flight, now: float, *, is_picture: bool) -> None:
        """Note that an order has left the place."""
        self._leave(flight, now)
        self.flights.pop(flight.claim.order.slot, None)
        if not is_picture:
            return
        self._wholes.append(now - flight.begun)
        if not self.tells_steps:
            self._draws.append(now - flight.begun)
        self.pictures += 1
        self.faults, self.pause_s, self.is_on_trial = 0, FIRST_PAUSE_S, False
        self.useless_since = None

    def _leave(self, flight: Flight, now: float) -> None:
        if flight.step in ("draw", "enlarge"):
            self._busy_s += now - flight.step_begun
            self.last_drawn = now

    def lose(self, now: float, *, for_good: bool = False) -> None:
        """Give it no more orders until it answers a probe; each loss without a picture waits longer.

        Args:
            now: The present.
            for_good: Whether it is not even probed, and a run that has no other place ends.
        """
        self.lost_at, self.probe_at = now, now + self.pause_s
        self.useless_since = now if self.useless_since is None else self.useless_since
        self.pause_s = min(LONGEST_PAUSE_S, 2 * self.pause_s)
        if for_good:
            self.probe_at, self.useless_since = None, -math.inf

    def probed(self, now: float, *, answers: bool) -> None:
        """Note what a probe said."""
        if self.lost_at is None:
            return
        if answers:
            self._lost_s += now - self.lost_at
            self.lost_at, self.is_on_trial, self.faults = None, True, 0
        else:
            self.probe_at = now + self.pause_s
            self.pause_s = min(LONGEST_PAUSE_S, 2 * self.pause_s)

    def patience_s(self, flight: Flight, usual_s: float | None, *, others_idle: bool) -> float | None:
        """Return how long an order may be drawn before the place counts as hanging; None: for ever.

        Args:
            flight: The order.
            usual_s: How long the slowest of the other places draws; for a place without measure.
            others_idle: Whether nothing waits and another place is free: then waiting has no advantage.
        """
        expected = self.draw_s if self.draw_s is not None else usual_s
        if expected is None:
            return None
        loading = LOADING_S if flight.may_load and not others_idle else 0.0
        return max(SHORTEST_PATIENCE_S, OVERDUE * expected) + loading

    def idle_share(self, now: float, *, is_over: bool) -> float:
        """Return the share of the time in which its backend could have worked and did not, 0 to 1.

        Args:
            now: The present.
            is_over: Whether nothing is left to be drawn, so that the time since its last work is no loss.
        """
        working = self.drawing() or self.enlarging()
        end = self.last_drawn if is_over and working is None and self.last_drawn is not None else now
        lost = self._lost_s + (0.0 if self.lost_at is None else max(0.0, end - self.lost_at))
        busy = self._busy_s + (0.0 if working is None else now - working.step_begun)
        could = end - self.opened - lost
        return min(1.0, max(0.0, 1 - busy / could)) if could > 0 else 0.0
