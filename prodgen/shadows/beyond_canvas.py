"""What of a shadow or a mirror image falls outside the canvas, and how much room it would need."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

VISIBLE = 0.03
"""Darkening from which a shadow counts. Chosen: about three steps of 8-bit sRGB on white, just visible."""


@dataclass(frozen=True)
class CanvasRoom:
    """Free space added on each side of a canvas, in pixels."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    @property
    def sides(self) -> tuple[str, ...]:
        """The sides at which there is any."""
        return tuple(side for side in ("left", "top", "right", "bottom") if getattr(self, side) > 0)

    def times(self, factor: float) -> CanvasRoom:
        """Return the room on a canvas so many times as large, rounded up."""
        return CanvasRoom(
            *(math.ceil(side * factor) for side in (self.left, self.top, self.right, self.bottom))
        )

    def around(self, array: NDArray[np.float32], *, by_edge: bool = False) -> NDArray[np.float32]:
        """Return a picture with this room around it: zeros, or the colours of its edge."""
        width = ((self.top, self.bottom), (self.left, self.right), (0, 0))[: array.ndim]
        return np.asarray(np.pad(array, width, mode="edge" if by_edge else "constant"), np.float32)


@dataclass(frozen=True)
class Overhang:
    """What falls outside a canvas."""

    share: float
    """Share of the visible darkness that falls outside, 0 to 1."""
    room: CanvasRoom
    """How much larger the canvas would have to be to hold all that is visible."""


def overhang(darkness: NDArray[np.float32], room: CanvasRoom) -> Overhang:
    """Measure what falls outside a canvas.

    Args:
        darkness: (H, W) on the canvas with `room` around it: 0 = untouched, 1 = black or wholly covered.
        room: The space around the canvas, in pixels.

    Returns:
        What is outside; nothing where nothing is visible at all.
    """
    height, width = darkness.shape
    seen = np.where(darkness > VISIBLE, darkness, 0)
    total = float(seen.sum())
    if total <= 0:
        return Overhang(0.0, CanvasRoom())
    bottom, right = height - room.bottom, width - room.right
    inside = float(seen[room.top : bottom, room.left : right].sum())
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    needed = CanvasRoom(
        max(room.left - int(columns[0]), 0),
        max(room.top - int(rows[0]), 0),
        max(int(columns[-1]) + 1 - right, 0),
        max(int(rows[-1]) + 1 - bottom, 0),
    )
    return Overhang(max(1 - inside / total, 0.0), needed)
