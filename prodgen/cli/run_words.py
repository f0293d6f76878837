"""How a catalogue run stands, in words: for the live view, for plain lines, and for `prodgen status`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

NAMED = 5
"""Most pictures that a line names; the report has all."""

LINE = 160
"""Most characters of a line about one picture."""

if TYPE_CHECKING:
    from prodgen.dispatch import Event, Standing
    from prodgen.ledger import Counts, OrderFailure, PlaceState, Planned


def total(counts: Counts) -> int:
    """Return how many pictures are asked for."""
    return counts.waiting + counts.claimed + counts.done + counts.failed


def left(counts: Counts) -> int:
    """Return how many pictures are still to be made."""
    return counts.waiting + counts.claimed


def number(count: int) -> str:
    """Return a number with its thousands apart."""
    return f"{count:,}"


def many(count: int, what: str) -> str:
    """Return a number and what it counts, such as "1 picture" or "2,000 pictures"."""
    return f"{number(count)} {what}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return a time span in two units at most: "42 s", "5 min 10 s", "2 h 05 min", "3 d 4 h"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def clock(seconds_since_1970: float) -> str:
    """Return the local time, with the day where it is not today."""
    then, now = time.localtime(seconds_since_1970), time.localtime()
    return time.strftime("%H:%M" if then[:3] == now[:3] else "%a %d %b %H:%M", then)


def counted(counts: Counts) -> str:
    """Return how many pictures are done, failed and left."""
    said = f"{number(counts.done)} of {number(total(counts))} done"
    return f"{said}, {number(counts.failed)} failed, {number(left(counts))} left"


def speed(pictures_a_minute: float, eta_s: float | None) -> str:
    """Return the pace, and when the run will be through."""
    if not pictures_a_minute:
        return "no pace yet"
    said = f"{pictures_a_minute:.1f} a minute"
    if eta_s is None:
        return said
    return f"{said}, {duration(eta_s)} to go, done about {clock(time.time() + eta_s)}"


def share(part: float) -> str:
    """Return a share in percent, with a decimal where it is small."""
    return f"{100 * part:.1f} %" if part < 0.0995 else f"{100 * part:.0f} %"


def doing(place: PlaceState, reasons: Mapping[str, str]) -> str:
    """Return what a place does; `reasons` says by name why it is lost."""
    if place.is_lost:
        return f"lost: {reasons.get(place.name, 'it does not answer')}"
    return place.doing or "nothing"


def plan(planned: Planned) -> str:
    """Return what the sheet asks for, and why what is to be made is made."""
    to_make = planned.total - planned.done
    said = f"{many(planned.total, 'picture')}: {number(planned.done)} done already, {number(to_make)} to make"
    whys = ", ".join(f"{number(count)} {why}" for why, count in planned.reasons.items() if count)
    return f"{said} ({whys})" if whys else said


def verdicts(slots: Mapping[str, list[str]]) -> str:
    """Return how many pictures have each verdict, and the first names of those that need a look."""
    return ", ".join(
        f"{number(len(slots[status]))} {status}" + ("" if status == "pass" else f" ({_some(slots[status])})")
        for status in ("pass", "warn", "fail")
        if slots.get(status)
    )


def _some(names: list[str]) -> str:
    more = ", ..." if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


def one_line(text: str) -> str:
    """Return a text cut to what a line of a terminal or a log has room for."""
    line = " ".join(text.split())
    return line if len(line) <= LINE else f"{line[: LINE - 4]} ..."


def failure(slot: str, failed: OrderFailure) -> str:
    """Return a failure in one line."""
    return f"{slot}: {' '.join(failed.reason.split())}"


def event(happened: Event, *, verbose: bool = False) -> str:
    """Return the line that an event is worth where lines are printed, or ""."""
    from prodgen.dispatch import (
        Notice,
        PictureDone,
        PictureFailed,
        PlaceBack,
        PlaceLost,
        PlanMade,
        StillWaiting,
    )

    match happened:
        case Notice():
            return f"note: {happened.text}"
        case PlanMade():
            return plan(happened.planned)
        case PictureFailed():
            again = "" if happened.is_final else "  (it is tried again)"
            return f"failed: {failure(happened.order.slot, happened.failure)}{again}"
        case PlaceLost():
            return f"{happened.place} is lost: {happened.reason}; others take its pictures"
        case PlaceBack():
            return f"{happened.place} is back"
        case StillWaiting():
            return f"waiting since {duration(happened.seconds)} for {happened.what}"
        case PictureDone() if verbose:
            record = happened.record
            took = duration(sum(record.seconds.values()))
            return f"done: {record.output}, {record.status}, {took}, {record.place}"
    return ""


def standing(now: Standing) -> str:
    """Return how a run stands and what its backends lack, in one line."""
    places = (
        f"{place.name} {'lost' if place.is_lost else f'idle {share(place.idle_share)}'}"
        for place in now.places
    )
    return "; ".join((counted(now.counts), speed(now.pictures_a_minute, now.eta_s), *places))
