"""Which place gets the next order: the one that will be done with it first, by measured speed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from prodgen.dispatch.lane import Lane

UNMEASURED_S = 1.0
"""Seconds of a drawing while no place is measured; any number gives the same order of places."""


def soonest_first(lanes: Sequence[Lane], now: float) -> list[Lane]:
    """Return the places that have room, the one first that would be done first with an order."""
    usual_s = _usual_s(lanes)
    return sorted((lane for lane in lanes if lane.room() > 0), key=lambda lane: _done_in(lane, usual_s, now))


def takers(lanes: Sequence[Lane], left: int, now: float) -> Iterator[Lane]:
    """Give the places that should get an order now, best first.

    A slow place gets none of the last orders if faster ones would be done with all of them sooner; one of
    several places whose speed is unknown shows it with one order first.

    Args:
        lanes: All places.
        left: How many orders wait.
        now: Seconds of the monotonic clock.
    """
    live, usual_s = [lane for lane in lanes if not lane.is_lost], _usual_s(lanes)
    for lane in soonest_first(lanes, now):
        if lane.draw_s is None:
            if not lane.undrawn or len(live) == 1:
                yield lane
            continue
        done_in = _done_in(lane, usual_s, now)
        if sum(_orders_within(done_in, other, now) for other in live if other is not lane) < left:
            yield lane


def _usual_s(lanes: Sequence[Lane]) -> float:
    measured = [lane.draw_s for lane in lanes if lane.draw_s is not None and not lane.is_lost]
    return max(measured, default=UNMEASURED_S)


def _done_in(lane: Lane, usual_s: float, now: float) -> float:
    draw_s = usual_s if lane.draw_s is None else lane.draw_s
    return lane.free_in(now, draw_s) + draw_s


def _orders_within(seconds: float, lane: Lane, now: float) -> int:
    """Return how many further orders a place would have drawn in less than so many seconds."""
    if lane.draw_s is None or lane.is_on_trial:
        return 0
    return max(0, math.ceil((seconds - lane.free_in(now, lane.draw_s)) / max(lane.draw_s, 1e-9)) - 1)
