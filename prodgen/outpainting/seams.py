"""Measures whether a joint can be seen: as a line, or as a step in colour."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.color import delta_e, to_lab
from prodgen.images import RgbImage
from prodgen.outpainting.expansion import Expansion

PARALLEL_PX = (8, 16, 32)
"""Distances of the lines that the border is compared with, on both sides, in pixels."""

LEAST_RATIO, MOST_RATIO = 0.8, 1.25
"""Range of the gradient across the border over that across parallel lines in which no line is seen.

Chosen: a quarter more or less."""

LEAST_GRADIENT = 1 / 255
"""Mean gradient that counts as none. By definition: the least step that an 8-bit file holds."""

MOST_STEP = 1.0
"""Colour difference (CIEDE2000) of the two sides that is not seen.

Standard: the just noticeable difference."""

STEP_PX = 4
"""Pixels on each side of the border over which colours are averaged before they are compared. Chosen."""


class Seam(NamedTuple):
    """How an old border looks in a picture."""

    ratio: float
    """Gradient across the border over that across parallel lines; 1 is no line."""
    step_share: float
    """Share of the border without a step in colour above `MOST_STEP`, or above the steps beside it."""

    @property
    def is_seen(self) -> bool:
        """Whether a line shows."""
        return not LEAST_RATIO <= self.ratio <= MOST_RATIO


def measure_seam(picture: RgbImage, expansion: Expansion) -> Seam:
    """Return how the old border shows in an expanded picture; the worst of its sides.

    Args:
        picture: The expanded picture, (H, W, 3), sRGB.
        expansion: Pixels that were added on each side.
    """
    height, width = picture.shape[:2]
    ratios, shares = [], []
    inner = (slice(expansion.top, height - expansion.bottom), slice(expansion.left, width - expansion.right))
    for side, pixels in zip(Expansion._fields, expansion, strict=True):
        if not pixels:
            continue
        part = picture[inner[0]] if side in ("left", "right") else picture[:, inner[1]]
        turned = part.swapaxes(0, 1) if side in ("left", "right") else part
        turned = turned[::-1] if side in ("right", "bottom") else turned
        ratio, share = _across(turned, pixels)
        ratios.append(ratio)
        shares.append(share)
    return Seam(max(ratios, key=lambda ratio: abs(np.log(max(ratio, 1e-6)))), min(shares))


def _across(picture: NDArray[np.float32], border: int) -> tuple[float, float]:
    """Return ratio and share for the level line above row `border`."""
    rows = [border + sign * away for away in PARALLEL_PX for sign in (-1, 1)]
    beside = [row for row in rows if STEP_PX <= row <= len(picture) - STEP_PX]
    usual = float(np.mean([_gradient(picture, row) for row in beside])) if beside else 0.0
    ratio = max(_gradient(picture, border), LEAST_GRADIENT) / max(usual, LEAST_GRADIENT)
    # What a picture has of its own is no step.
    own = np.quantile(np.concatenate([_steps(picture, row) for row in beside]), 0.95) if beside else 0.0
    return ratio, float((_steps(picture, border) < max(MOST_STEP, float(own))).mean())


def _gradient(picture: NDArray[np.float32], row: int) -> float:
    return float(np.abs(picture[row] - picture[row - 1]).mean())


def _steps(picture: NDArray[np.float32], row: int) -> NDArray[np.float32]:
    """Return the colour difference of the two sides of the line above `row`, along it."""
    reach = max(min(STEP_PX, row, len(picture) - row), 1)
    lab = to_lab(np.ascontiguousarray(picture[row - reach : row + reach]))
    # Along the line colours are averaged as well: grain is no step.
    above, below = (
        cv2.blur(part.mean(axis=0)[None], (2 * STEP_PX + 1, 1)) for part in (lab[:reach], lab[reach:])
    )
    steps: NDArray[np.float32] = delta_e(np.asarray(above, np.float32), np.asarray(below, np.float32))[0]
    return steps
