"""The product's rough outline: everything that the backdrop does not reach. Pure arrays.

The backdrop is flooded from the picture's border, by a disc too large for the small gaps in an outline. A
place that the disc cannot enter is an enclosure, which is product or a hole: the view through a handle
looks like the backdrop around the product, a white label does not. Last, the dark strip where the product
touches the floor is taken off, as far as it fades softly and ends at a sharp edge.

Lengths are in units of 1/640 of the picture's longer side.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.cutout.contrast import Contrast, Mask
from prodgen.masks import disc

Binary = NDArray[np.uint8]

FLOOD_RADIUS = 14.0
"""Radius of the disc that floods the backdrop: larger than the gaps in an outline. Chosen."""

NOOK_RADIUS = 3.0
"""Radius of the smaller disc that can still enter a nook, but no closed hole. Chosen."""

SMALLEST_HOLE = 0.0003
"""Share of the picture below which an enclosure is filled: the inside of a printed letter. Chosen."""

LEAST_DIFFERENCE = 6.0
"""A smaller piece nearer in colour to the backdrop than this many of its deviations is a speck. Chosen."""

SMALLEST_PIECE = 0.02
"""Share of the largest piece below which a piece is a speck. Chosen."""

CONTACT_REACH = 24.0
"""How far a contact shadow reaches inwards from the floor around it. Chosen."""

CONTACT_DEPTH = 10.0
"""L* units below the backdrop from which a shadow may be a contact shadow. Chosen."""


def silhouette(contrast: Contrast, *, background: Mask, product: Mask, has_shadow: bool = True) -> Binary:
    """The product, roughly: (H, W), 1 = product, right to a few pixels.

    Args:
        contrast: The picture's, measured.
        background: (H, W); where the user knows that there is none.
        product: (H, W); where the user knows that there is some.
        has_shadow: Whether to take a contact shadow off; without clear edges it cannot be recognised.
    """
    unit = max(background.shape) / 640
    like_backdrop = (~(contrast.edges | contrast.off_backdrop) & ~product | background).astype(np.uint8)
    around = _flood(like_backdrop, FLOOD_RADIUS * unit) | background
    behind = around | _holes(contrast, like_backdrop, around.astype(np.uint8), background, product, unit)
    outline = (~behind).astype(np.uint8)
    outline = _without_thin_parts(outline, contrast.off_backdrop, 5 * unit)
    outline = _without_specks(outline, contrast)
    if has_shadow:
        outline[_contact_shadow(contrast, outline, unit) & ~product] = 0
    vivid = (contrast.chroma > 12) | (contrast.difference[..., 0] > 8)
    return _without_thin_parts(outline, vivid, 4 * unit) | product


def _flood(like_backdrop: Binary, radius: float) -> Mask:
    """What a disc covers that comes in from the border and stays on `like_backdrop`."""
    pad = round(radius) + 2
    wide = cv2.copyMakeBorder(like_backdrop, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    centres = cv2.erode(wide, disc(radius), borderType=cv2.BORDER_REPLICATE)
    _, labels = cv2.connectedComponents(centres, connectivity=4)
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    reached = np.isin(labels, np.setdiff1d(rim, [0])).astype(np.uint8)
    return np.asarray((cv2.dilate(reached, disc(radius))[pad:-pad, pad:-pad] > 0) & (like_backdrop > 0))


def _holes(
    contrast: Contrast, like_backdrop: Binary, around: Binary, background: Mask, product: Mask, unit: float
) -> Mask:
    """Places like the backdrop that the flood did not reach, and through which the backdrop is seen."""
    nooks = _flood(like_backdrop, NOOK_RADIUS * unit)
    inner = cv2.erode(like_backdrop & (1 - around), disc(1))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inner, connectivity=4)
    result = np.zeros(around.shape, np.bool_)
    for label in range(1, count):
        left, top, width, height, area = stats[label]
        if area < SMALLEST_HOLE * around.size:
            continue
        window = np.s_[top : top + height, left : left + width]
        inside = labels[window] == label
        if product[window][inside].any():
            continue
        difference = contrast.difference[window][inside]
        is_nook = bool(nooks[window][inside].mean() > 0.5)
        is_alike = _dissimilarity(difference, is_nook=is_nook) < max(1.0, contrast.backdrop.spread)
        if is_alike or background[window][inside].any():
            result[window] |= inside
    grown = cv2.dilate(result.astype(np.uint8), disc(1))
    return np.asarray((grown > 0) & (like_backdrop > 0))


def _dissimilarity(off: NDArray[np.float32], *, is_nook: bool) -> float:
    """How unlike the backdrop an enclosure's pixels are; below 1 is alike.

    Darker counts less than brighter or coloured, since it may be a shadow, and least in a nook, which is
    open to the floor. Unevenness counts too: a backdrop is smooth.

    Args:
        off: (N, 3), the pixels' L*a*b* less the backdrop's.
        is_nook: Whether the smaller disc can enter from outside.
    """
    middle = np.median(off, axis=0)
    uneven = float(np.median(np.abs(off - middle), axis=0).sum())
    brighter = float(middle[0]) / 4 if middle[0] > 0 else -float(middle[0]) / (12 if is_nook else 6)
    return float(np.hypot(middle[1], middle[2])) / 2.5 + uneven / 3 + brighter


def _contact_shadow(contrast: Contrast, outline: Binary, unit: float) -> Mask:
    """The dark strip along the inside of the outline that fades softly: the product's shadow.

    It may have some of the product's colour, reflected onto the floor, the more the darker it is. The
    product itself begins with an edge that is sharp for its height.
    """
    height = cv2.GaussianBlur(contrast.edge_strength, (0, 0), 1.0)
    sharp = (contrast.sharpness > 0.35 * height) & (contrast.sharpness > 2 * contrast.noise_floor)
    below = -contrast.difference[..., 0]
    near = cv2.distanceTransform(outline, cv2.DIST_L2, 5) < CONTACT_REACH * unit
    dim = near & ~sharp & (below > CONTACT_DEPTH) & (contrast.chroma < 8 + 0.27 * below)
    outside = outline == 0
    zone = (dim | outside).astype(np.uint8)
    centres = cv2.erode(zone, disc(2 * unit))
    _, labels = cv2.connectedComponents(centres, connectivity=4)
    connected = np.isin(labels, np.setdiff1d(labels[outside], [0])).astype(np.uint8)
    return np.asarray((cv2.dilate(connected, disc(2 * unit)) > 0) & (zone > 0) & ~outside)


def _without_thin_parts(outline: Binary, vivid: Mask, radius: float) -> Binary:
    """The outline less its thin parts, unless they are vivid: a shadow's rim goes, a strap stays."""
    solid = cv2.morphologyEx(outline, cv2.MORPH_OPEN, disc(radius)) > 0
    near_vivid = cv2.dilate(vivid.astype(np.uint8), disc(2)) > 0
    return np.asarray(solid | ((outline > 0) & near_vivid), np.uint8)


def _without_specks(outline: Binary, contrast: Contrast) -> Binary:
    """The largest piece, and those others that are large or plainly not backdrop."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(outline, connectivity=8)
    if count < 3:
        return outline
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept = areas >= SMALLEST_PIECE * areas.max()
    distance = np.abs(contrast.difference).sum(axis=2)
    for label in np.flatnonzero(kept & (areas < areas.max())):
        left, top, width, height, _ = stats[label]
        window = np.s_[top : top + height, left : left + width]
        middle = float(np.median(distance[window][labels[window] == label]))
        kept[label] = middle > LEAST_DIFFERENCE * max(0.6, contrast.backdrop.spread)
    return np.asarray(kept[labels], np.uint8)
