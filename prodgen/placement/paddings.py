"""Free space around a product on its canvas, side by side: read from a text, and resolved to pixels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from prodgen.errors import WrongValueError
from prodgen.placement.canvas_sizes import MOST_SIDE

MOST_SHARE = 0.49
"""Largest padding of one side, as a share of the canvas: two of them still leave room. Guard."""

SIDES = ("left", "top", "right", "bottom")
"""The sides, in the order in which boxes have them."""

_EXAMPLES = "must be like 5%, 40 (pixels) or left=5%,top=40"

_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)(%|px)?")


@dataclass(frozen=True)
class Amount:
    """So many pixels and such a share of the canvas; one of the two is 0."""

    pixels: float = 0.0
    share: float = 0.0

    def on(self, side_px: float) -> float:
        """Return pixels on a canvas whose side in this direction has so many."""
        return self.pixels + self.share * side_px


class Edges(NamedTuple):
    """A rectangle, its edges between pixels: a product's extent, or the room that a padding leaves."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Pixels from left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Pixels from top to bottom."""
        return self.bottom - self.top


@dataclass(frozen=True)
class Padding:
    """Free space on each side."""

    left: Amount
    top: Amount
    right: Amount
    bottom: Amount

    @classmethod
    def even(cls, share: float) -> Padding:
        """Return the same share of the canvas on every side."""
        return cls(*(Amount(share=share) for _side in SIDES))

    @classmethod
    def parse(cls, text: str) -> Padding:
        """Return the padding that a text asks for.

        Args:
            text: One amount for all sides, or amounts by side, such as "left=5%,top=40"; sides that are not
                named have none. An amount is pixels, or a percentage of the canvas' side.

        Raises:
            WrongValueError: If it cannot be read, or leaves no room.
        """
        return cls(*read_sides(text, setting="padding", most_share=MOST_SHARE))

    def without(self, sides: frozenset[str]) -> Padding:
        """Return the padding with none on these sides."""
        return Padding(*(Amount() if side in sides else getattr(self, side) for side in SIDES))

    def room(self, width: int, height: int) -> Edges:
        """Return what is left of a canvas.

        Raises:
            WrongValueError: If nothing is.
        """
        room = Edges(
            self.left.on(width),
            self.top.on(height),
            width - self.right.on(width),
            height - self.bottom.on(height),
        )
        if room.width < 1 or room.height < 1:
            raise WrongValueError("padding", "", f"leaves no room on a canvas of {width}x{height}; give less")
        return room

    def around(self, width: float, height: float) -> tuple[float, float]:
        """Return the (width, height) of the canvas on which a product of this size fills the room."""
        shares_across, shares_down = self.left.share + self.right.share, self.top.share + self.bottom.share
        return (
            (width + self.left.pixels + self.right.pixels) / (1 - shares_across),
            (height + self.top.pixels + self.bottom.pixels) / (1 - shares_down),
        )


def read_sides(text: str, *, setting: str, most_share: float) -> tuple[Amount, Amount, Amount, Amount]:
    """Return an amount for each side: left, top, right, bottom.

    Args:
        text: One amount for all, or amounts by side; see `Padding.parse`.
        setting: What it is the value of, for the error.
        most_share: The largest share of a side that is possible.

    Raises:
        WrongValueError: If it cannot be read, or an amount is too large.
    """
    word = text.strip().lower().replace(" ", "")
    if "=" not in word:
        every = _amount(word, text, setting, most_share)
        return every, every, every, every
    found: dict[str, Amount] = {}
    for part in word.split(","):
        side, _, amount = part.partition("=")
        if side not in SIDES or side in found:
            raise WrongValueError(setting, text, _EXAMPLES)
        found[side] = _amount(amount, text, setting, most_share)
    left, top, right, bottom = (found.get(side, Amount()) for side in SIDES)
    return left, top, right, bottom


def _amount(word: str, text: str, setting: str, most_share: float) -> Amount:
    match = _AMOUNT.fullmatch(word)
    if match is None:
        raise WrongValueError(setting, text, _EXAMPLES)
    number = float(match[1])
    if match[2] != "%":
        if number > MOST_SIDE:
            raise WrongValueError(setting, text, f"must be at most {MOST_SIDE} pixels a side")
        return Amount(pixels=number)
    if number / 100 > most_share:
        raise WrongValueError(setting, text, f"must be at most {most_share:.0%} a side")
    return Amount(share=number / 100)
