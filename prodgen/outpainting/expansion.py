"""How much room is added on each side, read from a ratio or from amounts by side, and in which steps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from prodgen.errors import PlacementError, WrongValueError
from prodgen.placement import MOST_SIDE, parse_ratio, read_sides

MOST_SHARE = 4.0
"""Most that one side may be given, as a share of the picture's side. Guard."""

STEP_SHARE = 0.5
"""Most that one side grows by in one step, as a share of the picture so far.

Source: practice with masked img2img; beyond a half the model loses what it is continuing."""


class Expansion(NamedTuple):
    """Pixels that are added on each side."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return (width, height) of a picture of this size, expanded."""
        return width + self.left + self.right, height + self.top + self.bottom

    def inner(self, width: int, height: int) -> tuple[slice, slice]:
        """Return rows and columns of a picture of this size in its expanded one."""
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    def steps(self, width: int, height: int) -> Iterator[Expansion]:
        """Give the expansions, one after another, that make this one of a picture of this size."""
        rest = self
        while any(rest):
            across, down = math.ceil(STEP_SHARE * width), math.ceil(STEP_SHARE * height)
            step = Expansion(*(min(side, most) for side, most in zip(rest, (across, down) * 2, strict=True)))
            yield step
            rest = Expansion(*(side - done for side, done in zip(rest, step, strict=True)))
            width, height = step.size(width, height)


def read_expansion(outpaint: str | None, expand: str | None, *, width: int, height: int) -> Expansion:
    """Return the expansion that is asked for.

    Args:
        outpaint: The ratio that the picture is to have, such as "16:9": it grows evenly on two sides.
        expand: Amounts by side, such as "left=20%,top=100", or one for all; percent of the picture's side, or
            pixels.
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.

    Raises:
        WrongValueError: If neither or both are given, or one cannot be read.
        PlacementError: If the picture would be larger than `placement.MOST_SIDE`.
    """
    if (outpaint is None) == (expand is None):
        raise WrongValueError("outpaint", "", "or expand says how much room is added: give one of the two")
    grown = (
        _to_ratio(outpaint, width, height) if outpaint is not None else _by_side(str(expand), width, height)
    )
    if max(grown.size(width, height)) > MOST_SIDE:
        wide, tall = grown.size(width, height)
        raise PlacementError(
            f"the picture would be {wide}x{tall}; at most {MOST_SIDE} pixels a side are possible"
        )
    if not any(grown):
        raise PlacementError(
            f"the picture of {width}x{height} has that shape already: there is no room to add"
        )
    return grown


def check_ratio(text: str) -> None:
    """Refuse what is no ratio.

    Raises:
        WrongValueError: If it cannot be read.
    """
    _to_ratio(text, 1000, 1000)


def check_sides(text: str) -> None:
    """Refuse what names no room by side.

    Raises:
        WrongValueError: If it cannot be read.
    """
    _by_side(text, 1000, 1000)


def _to_ratio(text: str, width: int, height: int) -> Expansion:
    ratio = parse_ratio(text)
    if ratio is None:
        raise WrongValueError("outpaint", text, "must be a ratio, such as 16:9")
    across, down = max(round(height * ratio) - width, 0), max(round(width / ratio) - height, 0)
    return Expansion(across // 2, down // 2, across - across // 2, down - down // 2)


def _by_side(text: str, width: int, height: int) -> Expansion:
    sides = read_sides(text, setting="expand", most_share=MOST_SHARE)
    return Expansion(
        *(round(side.on(length)) for side, length in zip(sides, (width, height) * 2, strict=True))
    )
