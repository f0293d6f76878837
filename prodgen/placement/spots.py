"""Where on the canvas a product goes: spots with a name, or as shares of the canvas.

A product stands with its foot on a line, as a scene wants it, or its box lies against the sides of the
room that the padding leaves, as a packshot wants it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from prodgen.errors import UnknownNameError, WrongValueError


@dataclass(frozen=True)
class OnGround:
    """The product's middle and its contact line, as shares of the canvas."""

    across: float
    """0 is the canvas' left edge, 1 its right edge."""

    ground_line: float
    """The row on which the product stands: 0 is the canvas' top edge, 1 its bottom edge."""


@dataclass(frozen=True)
class Anchored:
    """Where the product's box lies in the room that the padding leaves."""

    across: float
    """0 touches the room's left side, 1 its right side, 0.5 is in the middle."""

    down: float
    """0 touches the room's top, 1 its bottom, 0.5 is in the middle."""


Spot = OnGround | Anchored

PLACES: dict[str, Spot] = {
    "auto": OnGround(0.5, 0.70),
    "center": OnGround(0.5, 0.70),
    "left": OnGround(0.27, 0.70),
    "right": OnGround(0.73, 0.70),
    "left-third": OnGround(1 / 3, 0.70),
    "right-third": OnGround(2 / 3, 0.70),
    "low": OnGround(0.5, 0.84),
    "high": OnGround(0.5, 0.60),
    "top-left": Anchored(0, 0),
    "top": Anchored(0.5, 0),
    "top-right": Anchored(1, 0),
    "middle-left": Anchored(0, 0.5),
    "middle": Anchored(0.5, 0.5),
    "middle-right": Anchored(1, 0.5),
    "bottom-left": Anchored(0, 1),
    "bottom": Anchored(0.5, 1),
    "bottom-right": Anchored(1, 1),
}
"""Name -> spot. The first eight stand in a scene, the other nine are anchors.

Chosen by eye: a contact line at 0.6 to 0.7 looks like eye level in most scenes and leaves floor for a
shadow."""

VARIANTS = ("auto", "left-third", "right-third", "low", "left", "right", "high")
"""The spots of `--variants`, in their order: those of a scene, the most different ones first."""

ORIGINAL = "original"
"""The product stays where it is in the photograph."""

_OTHER_SPELLINGS = {
    "centre": "center",
    "top-center": "top",
    "bottom-center": "bottom",
    "center-left": "middle-left",
    "center-right": "middle-right",
    "upper-left": "top-left",
    "upper-right": "top-right",
    "lower-left": "bottom-left",
    "lower-right": "bottom-right",
}
"""What other tools call the same spots."""


def read_spot(where: str, *, ground_line: float | None = None) -> Spot | None:
    """Return the spot that `where` asks for.

    Args:
        where: A name of `PLACES`, "original", or "X,Y": the product's middle and contact line as shares of
            the canvas, such as "0.4,0.8".
        ground_line: The contact line as a share of the canvas' height, in place of the spot's own.

    Returns:
        The spot; None for "original".

    Raises:
        UnknownNameError: If there is no such spot.
        WrongValueError: If a share is out of range, or "original" is to stand on another line.
    """
    word = where.strip().lower().replace("_", "-").replace("centre", "center")
    word = _OTHER_SPELLINGS.get(word, word)
    if ground_line is not None and not 0 < ground_line <= 1:
        raise WrongValueError("ground_line", ground_line, "must be a share of the canvas, over 0 and up to 1")
    if word == ORIGINAL:
        if ground_line is not None:
            raise WrongValueError("ground_line", ground_line, "cannot be chosen where place is original")
        return None
    spot = PLACES.get(word) or _by_shares(word, where)
    if ground_line is None:
        return spot
    if isinstance(spot, Anchored):
        return OnGround(0.5 if spot.across == 0.5 else 0.27 + 0.46 * spot.across, ground_line)
    return replace(spot, ground_line=ground_line)


def _by_shares(word: str, where: str) -> Spot:
    if match := re.fullmatch(r"(-?\d*\.?\d+)\s*,\s*(-?\d*\.?\d+)", word):
        across, down = float(match[1]), float(match[2])
        if 0 <= across <= 1 and 0 < down <= 1:
            return OnGround(across, down)
        raise WrongValueError("place", where, "must be two shares of the canvas, 0 to 1, such as 0.5,0.7")
    names = [*PLACES, ORIGINAL]
    raise UnknownNameError(
        "place", where, names, "(or X,Y as shares of the canvas: 0.4,0.8)", setting="place"
    )
