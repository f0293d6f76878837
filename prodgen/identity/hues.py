"""Whether each colour of the product kept its hue, which gloss and light leave alone.

A reflection adds white, or the scene's light, to a lacquer's colour: chroma and lightness change over most
of the product, the hue over little of it. A model that redraws the product turns the hue everywhere. Owns
that one comparison; how light and dark a colour became is in `prodgen.shading.materials`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prodgen.images import Matte, Plane
from prodgen.shading.materials import HUE_WIDTH_DEG, SMALLEST_SHARE, degrees_apart, main_hues
from prodgen.shading.veil_model import COLOURED

FAINT = 6.0
"""L*a*b* chroma below which a pixel's hue is noise. Chosen: JPEG and sensors move a* and b* by 1 to 2."""

REFLECTING_PERCENT = 75
"""Percentage of a colour's pixels that may be off.

Measured on path-traced products: coloured walls mirrored in a jar reach as far.
"""

GONE_DEG = 90.0
"""Degrees that count where a colour is gone. Chosen: beyond the failure limit of any profile."""


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
    off[np.abs(found) < FAINT] = GONE_DEG
    hue = np.degrees(np.angle(photo)) % 360
    errors = [
        float(
            np.percentile(
                off[has_hue & (np.abs(degrees_apart(hue, main)) < HUE_WIDTH_DEG)], 100 - REFLECTING_PERCENT
            )
        )
        for main in main_hues(hue[has_hue], SMALLEST_SHARE * len(hue))
    ]
    return max(errors, default=None)


def _complex(lab: Plane) -> NDArray[np.complex64]:
    """a* + i b*, whose angle is the hue and whose size is the chroma."""
    return np.asarray(lab[:, 1] + 1j * lab[:, 2], np.complex64)
