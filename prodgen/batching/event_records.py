"""Events of a run as JSON objects with stable names, for programs that read them as lines.

Names and meanings are a promise: docs/catalogue.md lists them, and they do not follow what the classes call
their fields.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from prodgen.catalogue import Order
from prodgen.dispatch import (
    Event,
    Notice,
    PictureDone,
    PictureFailed,
    PlaceBack,
    PlaceLost,
    PlanMade,
    RunEnded,
    Standing,
    StepBegun,
    StillWaiting,
)
from prodgen.ledger import PlaceState


def event_record(event: Event) -> dict[str, Any]:
    """Return an event, ready for JSON: "event" is its name, "at" the time in seconds since 1970."""
    name, facts = _named(event)
    return {"event": name, "at": round(time.time(), 3), **facts}


def _named(event: Event) -> tuple[str, dict[str, Any]]:
    match event:
        case Notice():
            return "notice", {"text": event.text}
        case PlanMade(planned):
            return "plan", {"total": planned.total, "done": planned.done, "reasons": dict(planned.reasons)}
        case StepBegun():
            return "step", {**_named_order(event.order), "step": event.step, "backend": event.place}
        case PictureDone():
            record = event.record
            return "done", {
                **_named_order(event.order),
                "file": record.output,
                "sha256": record.sha256,
                "seed": record.seed,
                "status": record.status,
                "headline": record.headline,
                "notices": list(record.notices),
                "seconds": _rounded(record.seconds),
                "backend": record.place,
            }
        case PictureFailed():
            return "failed", {
                **_named_order(event.order),
                "final": event.is_final,
                **asdict(event.failure),
                "backend": event.place,
            }
        case PlaceLost():
            return "backend-lost", {"backend": event.place, "reason": event.reason}
        case PlaceBack():
            return "backend-back", {"backend": event.place}
        case StillWaiting():
            return "waiting", {"seconds": round(event.seconds, 1), "for": event.what}
        case Standing():
            return "standing", {
                "counts": asdict(event.counts),
                "pictures_a_minute": round(event.pictures_a_minute, 2),
                "eta_s": None if event.eta_s is None else round(event.eta_s),
                "backends": [place_record(place) for place in event.places],
            }
        case RunEnded():
            shares = _rounded(event.idle_share, 4)
            return "end", {"end": event.end, "counts": asdict(event.counts), "idle_share": shares}


def place_record(place: PlaceState) -> dict[str, Any]:
    """Return what a backend is doing, ready for JSON."""
    return {
        "backend": place.name,
        "doing": place.doing,
        "idle_share": round(place.idle_share, 4),
        "pictures": place.pictures,
        "lost": place.is_lost,
    }


def _named_order(order: Order) -> dict[str, Any]:
    return {"slot": order.slot, "sku": order.sku, "row": order.row}


def _rounded(numbers: Mapping[str, float], digits: int = 3) -> dict[str, float]:
    return {name: round(number, digits) for name, number in numbers.items()}
