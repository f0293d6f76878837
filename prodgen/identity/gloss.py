"""Whether the product mirrors its surroundings: chrome, lacquer, glass.

Light falling on paint, paper or leather is smooth where the surface is plain. A mirror shows windows and
walls, which have edges. So edges of light in plain places identify a mirror, whose colours are its
surroundings' as much as its own. Owns that one share; judges no likeness.
"""

from __future__ import annotations

import numpy as np

from prodgen.color import LUMA, to_linear
from prodgen.identity.detail import gradient
from prodgen.images import Matte, RgbImage, resize
from prodgen.masks import dilate, erode, normalised_blur
from prodgen.shading.register import EDGE_FLOOR
from prodgen.shading.working_pair import INSIDE

SMOOTH_LIGHT = 0.05
"""Sigma, in product extents (square root of area), below which light on a matte plain surface is constant.

Chosen: half the size at which a window's reflection has its edges.
"""

RIPPLE = 0.15
"""Deviation of log light, below `SMOOTH_LIGHT`, from which on it shows edges.

Measured on path-traced products: at a seventh of a stop lacquer and chrome show 60 to 82 % of such places,
glazed stoneware, board and leather at most 17 %.
"""

PLAIN = 12.0
"""Change of the photograph's log luminance per product extent up to which it is plain. Chosen."""

FLOOR = 0.01
"""Linear light added before dividing. Guard: noise in the dark is no reflection."""

SIDE_PX = 400
"""Longest side while looking. Speed: a mirrored window is larger than a letter."""

LEAST_PLAIN = 0.05
"""Share of the product that must be plain for a mirror to be recognised. Guard."""

RIM = 0.02
"""Product extents around print, and inside the outline, that are not plain either.

Guard: blurred edges; edges of light are averaged over as much.
"""

SOFTENING = 0.005
"""Sigma, in product extents, of a blur of both pictures: noise and displacement are no edges. Chosen."""


def mirrored_percent(photo: RgbImage, found: RgbImage, inside: Matte) -> float | None:
    """Share of the product's plain places that show sharp reflections the photograph does not, %.

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
    slope = gradient(np.log(before + EDGE_FLOOR)) * extent
    busy = dilate((slope > PLAIN).astype(np.float32), max(1.0, RIM * extent))
    core = erode(inside, max(1.0, RIM * extent))
    plain = (core > 0) & (busy == 0)
    if plain.sum() < max(50, LEAST_PLAIN * float(inside.sum())):
        return None
    soft = max(1.0, SOFTENING * extent)
    gain = np.log(normalised_blur(after, inside, soft) + FLOOR) - np.log(
        normalised_blur(before, inside, soft) + FLOOR
    )
    ripple = (gain - normalised_blur(gain, inside, SMOOTH_LIGHT * extent)) ** 2
    strength = np.sqrt(normalised_blur(ripple, plain.astype(np.float32), RIM * extent))
    return 100 * float((strength[plain] > RIPPLE).mean())
