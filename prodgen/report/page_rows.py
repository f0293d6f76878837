"""One order of a run as the page keeps it: an array of values in the order of `COLUMNS`, ready for JSON."""

from __future__ import annotations

import math
import os
import posixpath
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from prodgen import identity
from prodgen.catalogue import Order
from prodgen.errors import UnknownNameError
from prodgen.identity import NUMBERS, Limit
from prodgen.ledger import OrderFailure, PictureRecord, State

COLUMNS = (
    *("status", "sku", "slot", "prompt", "scene", "picture", "thumbs", "photo", "verdict", "reasons"),
    *("notices", "worst", "strain", "cutOut", "profile", "numbers", "place", "seed", "at", "seconds"),
    "whose",
)
"""Names of a row's values, by which the page's script finds them."""

STATUSES = ("pass", "warn", "fail", "failed", "waiting", "working")
"""What can be the matter with a row: the verdict on its picture, or why there is none."""

MOST_WORDS = 4096
"""Texts that are kept once and referred to by number. Bounds memory; what comes later is written out."""

THUMBNAIL_ENDS = ("-before.jpg", "-after.jpg")
"""How the two thumbnails of a picture are named; others are written out."""


class Words:
    """Texts that repeat from row to row, each kept once."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int | str:
        """Return the number of a text, or the text itself if there are too many."""
        if len(self._numbers) >= MOST_WORDS:
            return self._numbers.get(text, text)
        return self._numbers.setdefault(text, len(self._numbers))

    @property
    def texts(self) -> list[str]:
        """The texts by their numbers."""
        return list(self._numbers)


def row_of(
    order: Order,
    state: State,
    record: PictureRecord | None,
    failure: OrderFailure | None,
    *,
    worst: tuple[str, float] | None,
    scene: str,
    words: Words,
    out: Path,
) -> list[Any]:
    """Return an order as the values of `COLUMNS`; `worst` is what `worst_of` says of its picture."""
    status, word = status_of(state, record), words.number
    row: dict[str, Any] = {
        "status": STATUSES.index(status),
        "sku": order.sku,
        "slot": order.slot,
        "prompt": word(order.prompt),
        "scene": word(scene),
        "photo": _link(order.photo, out),
        "seed": order.seed,
    }
    if record is not None and status in ("pass", "warn", "fail"):
        row |= _of_picture(record, worst, word)
    elif failure is not None:
        row |= {
            "verdict": word(failure.kind),
            "reasons": [word(failure.reason)],
            "whose": word(failure.whose),
        }
    return [row.get(name) for name in COLUMNS]


def _of_picture(
    record: PictureRecord, worst: tuple[str, float] | None, word: Callable[[str], int | str]
) -> dict[str, Any]:
    numbers = list(NUMBERS)
    return {
        "picture": record.output,
        "thumbs": _thumbnails(record),
        "verdict": word(record.headline),
        "reasons": [word(text) for text in record.reasons],
        "notices": [word(text) for text in record.notices if text not in record.reasons],
        "worst": None if worst is None else numbers.index(worst[0]) if worst[0] in numbers else None,
        "strain": None if worst is None else round(worst[1], 3),
        "cutOut": _cut_out(record),
        "profile": word(record.profile),
        "numbers": [_short(record.identity.get(name)) for name in numbers] if record.identity else None,
        "place": word(record.place),
        "seed": record.seed,
        "at": round(record.finished_at) or None,
        "seconds": _short(sum(record.seconds.values())) if record.seconds else None,
    }


def status_of(state: State, record: PictureRecord | None) -> str:
    """Return which of `STATUSES` an order has."""
    if state == "done" and record is not None:
        return record.status
    return {"failed": "failed", "claimed": "working"}.get(state, "waiting")


def worst_of(record: PictureRecord | None) -> tuple[str, float] | None:
    """Return the number that is nearest to its failure limit, and how near, 1 = there; None: unknown."""
    if record is None:
        return None
    try:
        return identity.tightest(record.identity, record.profile)
    except UnknownNameError:  # a record of a profile that this version does not have
        return None


def sidecar_of(picture: str) -> str:
    """Return the file that tells a picture's story in JSON, beside it."""
    return posixpath.splitext(picture)[0] + ".json"


def limits_of(profiles: tuple[str, ...]) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Return the limits of profiles, for the page's table of numbers."""

    def told(limit: Limit) -> Mapping[str, Any]:
        return limit.model_dump(exclude_defaults=True)

    return {
        profile: {name: told(limit) for name, limit in identity.profile_limits(profile).items()}
        for profile in profiles
    }


def _thumbnails(record: PictureRecord) -> str | list[str] | None:
    before, after = record.before, record.after
    stem = before.removesuffix(THUMBNAIL_ENDS[0])
    if before and (before, after) == (stem + THUMBNAIL_ENDS[0], stem + THUMBNAIL_ENDS[1]):
        return stem
    return [before, after] if before or after else None


def _link(photo: str, out: Path) -> str | None:
    """Return the way from the report to a photograph beside the run's folder or in it; a URL is not fetched.

    A way that is longer would not survive moving the folder, and would tell whoever gets the page where else
    things are on this machine.
    """
    if "://" in photo:
        return None
    there, folder = Path(os.path.abspath(photo)), Path(os.path.abspath(out))  # noqa: PTH100 - asks no disk
    return Path(os.path.relpath(there, folder)).as_posix() if there.is_relative_to(folder.parent) else None


def _cut_out(record: PictureRecord) -> tuple[float | int, str] | None:
    """Return how likely the cut-out is right, 0 to 1, and what that means; None: it was not judged."""
    score, status = _short(record.cut_out.get("score")), record.cut_out.get("status")
    return None if score is None or not isinstance(status, str) else (score, status)


def _short(value: object) -> float | int | None:
    """Return a number with three digits, which is more than a person reads."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    short = float(f"{value:.3g}")
    return int(short) if short.is_integer() else short
