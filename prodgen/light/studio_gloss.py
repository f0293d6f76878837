"""Tells what a product mirrors of its photo studio from the colour of its paint.

Source: Shafer, "Using color to separate reflection components", 1985: what a coloured surface that is no
metal sends to the camera is paint, in its own colour, plus a mirror image in the colour of the light. So the
colours of one material lie in a plane with white, and its purest ones show the paint alone. Print stays:
where the share of the paint falls, the surface is another one. Colourless parts show no difference; there
the mirror image is that of their neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.images import Matte, Plane
from prodgen.masks import blur, normalised_blur

SIDE_PX = 640
"""Long side of a picture, in pixels, at which paint and mirror image are told apart. Speed."""

HUE_BINS, HUE_SPAN_DEG = 72, 15.0
"""Classes of hue, and the degrees of hue to both sides of a material's own that still are its.

Chosen: 5 degrees a class; materials nearer than 20 degrees count as one, which finds less to mirror."""

LEAST_SHARE = 0.03
"""Share of the product that one material, and twice that all materials, must cover. Guard: less is print."""

DARKEST_CHROMA, PALEST_CHROMA = 0.03, 0.1
"""Least chroma in linear light, alone and over the brightest channel, of a colour. Guard against noise."""

PUREST_PERCENT = 5
"""Percentile of paleness that is taken for the paint alone. Chosen: below is noise."""

PALEST_PAINT = 1.0
"""Ratio of the darkest channel to chroma, in the purest parts, up to which a paint is strong enough to tell.

Measured: 0.04 to 0.3 on strong paints, 5.7 on an ivory label, whose shades are no mirror images."""

PAINT_LOST = (0.35, 0.2)
"""Share of the paint lost against its surroundings from which on a pixel is another surface.

Applied one after the other. Chosen: half covered print loses half."""

AROUND = (0.3, 0.06)
"""Sigmas of those surroundings, in product extents (square root of its area).

Chosen: wider than a field of a paler tint of the same hue, then several letters wide."""

FILLED_FROM = (0.3, 0.1, 0.03, 0.01)
"""Sigmas, coarse to fine and in product extents, of what fills the rest from its neighbours. Chosen."""

LEAST_NEAR = 0.02
"""Weight of the coarser filling against the neighbours of the finer one. Guard: it decides far from any."""


@dataclass(frozen=True)
class StudioGloss:
    """What a product mirrors of its studio; linear light, in the studio's own exposure, colourless."""

    seen: Plane
    """(h, w): the mirror image as it is, soft boxes and all, at most the darkest channel."""

    smooth: Plane
    """(h, w): its mean over the neighbourhood: how strongly the product mirrors there."""


def separate_gloss(linear: NDArray[np.float32], matte: Matte) -> StudioGloss | None:
    """Tell the mirror image from the paint; None if too little of the product has a strong colour.

    Args:
        linear: (h, w, 3), linear light, the product photographed in white light.
        matte: (h, w), 1 = product.
    """
    inside = matte > 0.95
    area = float(inside.sum())
    extent = float(np.sqrt(max(area, 1.0)))
    red, green, blue = np.moveaxis(linear, -1, 0)
    across, along = (2 * red - green - blue) / 3, (green - blue) / np.sqrt(np.float32(3))
    chroma, darkest = np.hypot(across, along), linear.min(axis=-1)
    hue = np.degrees(np.arctan2(along, across)) % 360
    coloured = inside & (chroma > np.maximum(DARKEST_CHROMA, PALEST_CHROMA * linear.max(axis=-1)))
    seen, known = np.zeros_like(chroma), np.zeros_like(chroma)
    for centre in _materials(hue[coloured], LEAST_SHARE * area):
        is_near = np.abs((hue - centre + 180) % 360 - 180) < HUE_SPAN_DEG
        material = (coloured & is_near).astype(np.float32)
        paint = float(np.percentile((darkest / np.maximum(chroma, 1e-4))[material > 0], PUREST_PERCENT))
        if paint > PALEST_PAINT:
            continue
        for lost, around in zip(PAINT_LOST, AROUND, strict=True):
            material *= chroma > (1 - lost) * normalised_blur(chroma, material, around * extent)
        # A pixel at the border of print is a mixture of both.
        material = np.asarray(cv2.erode(material, np.ones((3, 3))), np.float32)
        seen = np.where(material > 0, np.maximum(darkest - paint * chroma, 0), seen)
        known = np.maximum(known, material)
    if known.sum() < 2 * LEAST_SHARE * area:
        return None
    smooth = np.full_like(seen, np.median(seen[known > 0]))
    for scale in FILLED_FROM:
        near = blur(known, scale * extent)
        smooth = (blur(seen * known, scale * extent) + LEAST_NEAR * smooth) / (near + LEAST_NEAR)
    return StudioGloss(np.minimum(np.where(known > 0, seen, smooth), darkest), np.asarray(smooth, np.float32))


def _materials(hues: NDArray[np.float32], fewest: float) -> list[float]:
    """Return the hues, in degrees, around which at least so many pixels gather, the most frequent first."""
    step = 360 / HUE_BINS
    count = np.bincount((hues / step).astype(int) % HUE_BINS, minlength=HUE_BINS).astype(float)
    count = count + np.roll(count, 1) + np.roll(count, -1)
    centres = (np.arange(HUE_BINS) + 0.5) * step
    found: list[float] = []
    while count.max() >= max(fewest, 1):
        found.append(float(centres[int(np.argmax(count))]))
        count[np.abs((centres - found[-1] + 180) % 360 - 180) < HUE_SPAN_DEG + step] = 0
    return found
