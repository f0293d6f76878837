"""Whether each colour of the product kept its hue: what gloss and light leave alone.

A reflection adds white, or the scene's light, to a lacquer's colour: its chroma and its lightness
change over most of the product, its hue over little of it. A model that redraws the product turns
the hue everywhere. Owns that one comparison; how light and dark a colour became is in `materials`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

COLOURED = 20.0
"""L*a*b* chroma from which on a colour of the photograph has a hue to keep."""

FAINT = 6.0
"""Chroma below which a pixel's hue is noise."""

SAME_HUE = 25
"""Degrees to either side that are one colour of the product."""

MOST_COLOURS, SMALLEST_COLOUR = 5, 0.015
"""How many are judged, and the share of the product that makes one: a logo, not a letter."""

TOUCHED_BY_REFLECTIONS = 75
"""Per cent of a colour's pixels that may be off: coloured walls mirrored in a jar reach as far."""

LOST, LOST_SHARE = 90.0, 0.2
"""Degrees that count where the colour is gone, and the share of its chroma below which it is."""


def hue_error_deg(photo_lab: Plane, expected_lab: Plane, found_lab: Plane, inside: Plane) -> float | None:
    """How far the hue of the worst colour is off, even where it is nearest.

    Args:
        photo_lab: (h, w, 3), L*a*b*, the photograph; says which pixels are one colour.
        expected_lab: (h, w, 3), the photograph in the result's light.
        found_lab: (h, w, 3), the result.
        inside: (h, w), 1 where the pixel is certainly product.

    Returns:
        Degrees in the a*b* plane, lower quartile over the colour's pixels; None without colours.
    """
    where = inside > 0
    photo, expected, found = (_color(lab[where]) for lab in (photo_lab, expected_lab, found_lab))
    told = (np.abs(photo) > COLOURED) & (np.abs(expected) > FAINT)
    off = np.abs(np.degrees(np.angle(found * np.conj(expected))))
    off[np.abs(found) < np.maximum(FAINT, LOST_SHARE * np.abs(expected))] = LOST
    hue = np.degrees(np.angle(photo)) % 360
    left = np.bincount((hue[told] / 10).astype(int) % 36, minlength=36).astype(float)
    errors: list[float] = []
    for _ in range(MOST_COLOURS):
        around = np.convolve(np.r_[left[-2:], left, left[:2]], (0.25, 0.75, 1, 0.75, 0.25), "valid")
        peak = int(around.argmax())
        one = told & (np.abs((hue - (10 * peak + 5) + 180) % 360 - 180) < SAME_HUE)
        if one.sum() < max(20, SMALLEST_COLOUR * len(hue)):
            break
        errors.append(float(np.percentile(off[one], 100 - TOUCHED_BY_REFLECTIONS)))
        left[[(peak + k) % 36 for k in range(-3, 4)]] = 0
    return max(errors, default=None)


def _color(lab: Plane) -> NDArray[np.complex64]:
    return np.asarray(lab[:, 1] + 1j * lab[:, 2], np.complex64)
