"""Whether each colour of the product kept its hue, which gloss and light leave alone.

A reflection adds white, or the scene's light, to a lacquer's colour: chroma and lightness change over most
of the product, the hue over little of it. A model that redraws the product turns the hue everywhere. Owns
that one comparison; how light and dark a colour became is in `prodgen.shading.materials`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prodgen.images import Matte, Plane
from prodgen.shading.materials import hue_histogram, smooth_histogram

COLOURED = 20.0
"""L*a*b* chroma from which on a colour of the photograph has a hue to keep. Chosen: duller ones look grey."""

FAINT = 6.0
"""L*a*b* chroma below which a pixel's hue is noise. Chosen: JPEG and sensors move a* and b* by 1 to 2."""

SAME_HUE_DEG = 25
"""Degrees to either side that are one colour of the product. Chosen as `materials.HUE_WIDTH_DEG`."""

MOST_COLOURS, SMALLEST_COLOUR = 5, 0.015
"""How many colours are judged, and the share of the product that makes one. Chosen: a logo, not a letter."""

REFLECTING_PERCENT = 75
"""Percentage of a colour's pixels that may be off.

Measured on path-traced products: coloured walls mirrored in a jar reach as far.
"""

GONE_DEG, GONE_SHARE = 90.0, 0.2
"""Degrees that count where a colour is gone, and the share of its chroma below which it is. Chosen."""


def hue_error_deg(photo_lab: Plane, expected_lab: Plane, found_lab: Plane, inside: Matte) -> float | None:
    """How far the hue of the worst colour is off, at the pixels where it is nearest.

    Args:
        photo_lab: (h, w, 3), L*a*b*, the photograph; says which pixels are one colour.
        expected_lab: (h, w, 3), the photograph in the result's light.
        found_lab: (h, w, 3), the result.
        inside: (h, w), 1 where the pixel is certainly product.

    Returns:
        Degrees in the a*b* plane, lower quartile over the colour's pixels; None without colours.
    """
    where = inside > 0
    photo, expected, found = (_complex(lab[where]) for lab in (photo_lab, expected_lab, found_lab))
    has_hue = (np.abs(photo) > COLOURED) & (np.abs(expected) > FAINT)
    off = np.abs(np.degrees(np.angle(found * np.conj(expected))))
    off[np.abs(found) < np.maximum(FAINT, GONE_SHARE * np.abs(expected))] = GONE_DEG
    hue = np.degrees(np.angle(photo)) % 360
    left = hue_histogram(hue[has_hue])
    errors: list[float] = []
    for _ in range(MOST_COLOURS):
        peak = int(smooth_histogram(left).argmax())
        one = has_hue & (np.abs((hue - (10 * peak + 5) + 180) % 360 - 180) < SAME_HUE_DEG)
        if one.sum() < max(20, SMALLEST_COLOUR * len(hue)):
            break
        errors.append(float(np.percentile(off[one], 100 - REFLECTING_PERCENT)))
        left[[(peak + k) % 36 for k in range(-3, 4)]] = 0
    return max(errors, default=None)


def _complex(lab: Plane) -> NDArray[np.complex64]:
    """a* + i b*, whose angle is the hue and whose size is the chroma."""
    return np.asarray(lab[:, 1] + 1j * lab[:, 2], np.complex64)
