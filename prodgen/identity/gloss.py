"""Whether the product is seen to mirror its surroundings: chrome, lacquer, glass.

Light falling on paint, paper or leather is smooth where the surface is plain. What a mirror shows
is not: windows and walls have edges. So edges of light in plain places tell a mirror, whose
colours are its surroundings' as much as its own. Owns that one share; judges no likeness.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.color import LUMA, to_linear
from prodgen.images import Matte, RgbImage, resize
from prodgen.masks import normalised_blur
from prodgen.shading.working_pair import INSIDE

Plane = NDArray[np.float32]

SMOOTH_LIGHT = 0.05
"""Sigma, in product extents, below which light on a matte plain surface does not change."""

RIPPLE = 0.15
"""Deviation of log light, below that scale, from which on it shows edges: a seventh of a stop and more."""

PLAIN = 12.0
"""Change of log luminance per product extent up to which the photograph is plain."""

FLOOR = 0.01
"""Linear light added before dividing: noise in the dark is no reflection."""

SIDE_PX = 400
"""Longest side while looking: a mirrored window is larger than a letter."""

LEAST_PLAIN = 0.05
"""Share of the product that must be plain for anything to be told."""


def mirrored_percent(photo: RgbImage, found: RgbImage, inside: Matte) -> float | None:
    """Share of the product's plain places that show sharp reflections the other picture does not, %.

    Path-traced products: lacquer and chrome 60 to 82, glazed stoneware, board and leather at most 17.

    Args:
        photo: (h, w, 3), sRGB, the photograph.
        found: (h, w, 3), sRGB, the result.
        inside: (h, w), 1 where the pixel is certainly product.

    Returns:
        None where too little of the product is plain.
    """
    height, width = inside.shape
    scale = min(1.0, SIDE_PX / max(height, width))
    size = max(8, round(width * scale)), max(8, round(height * scale))
    photo, found = resize(photo, *size), resize(found, *size)
    inside = (resize(inside, *size) > INSIDE).astype(np.float32)
    extent = float(np.sqrt(max(float(inside.sum()), 1.0)))
    before, after = (to_linear(picture) @ LUMA for picture in (photo, found))
    slope = _slope(np.log(before + 3 * FLOOR)) * extent
    busy = cv2.dilate((slope > PLAIN).astype(np.float32), _disc(0.012 * extent))
    core = cv2.erode(inside, _disc(0.02 * extent))
    plain = (core > 0) & (busy == 0)
    if plain.sum() < max(50, LEAST_PLAIN * float(inside.sum())):
        return None
    # Softened alike, so that noise and a pixel's displacement are no edges of light.
    soft = max(1.0, 0.005 * extent)
    gain = np.log(normalised_blur(after, inside, soft) + FLOOR) - np.log(
        normalised_blur(before, inside, soft) + FLOOR
    )
    ripple = (gain - normalised_blur(gain, inside, SMOOTH_LIGHT * extent)) ** 2
    strength = np.sqrt(normalised_blur(ripple, plain.astype(np.float32), 0.02 * extent))
    return 100 * float((strength[plain] > RIPPLE).mean())


def _slope(values: Plane) -> Plane:
    across = cv2.Sobel(values, cv2.CV_32F, 1, 0, ksize=3) / 8
    return np.asarray(np.hypot(across, cv2.Sobel(values, cv2.CV_32F, 0, 1, ksize=3) / 8), np.float32)


def _disc(radius_px: float) -> NDArray[np.uint8]:
    side = 2 * max(1, round(radius_px)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)
