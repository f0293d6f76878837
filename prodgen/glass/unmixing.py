"""How much of a photograph's backdrop is seen through each part of a glass product.

What a camera sees of glass is light from behind, as much of it as comes through, and light of its own:
highlights and prints. Before one known backdrop these are two unknowns for each number seen (environment
matting: Zongker, Werner, Curless and Salesin, 1999, section 3, needs several backdrops). So the parts that
show the backdrop are found first, by what glass does and paper does not, and everything there that is not
brighter than the backdrop is taken for light that came through. All else stays opaque.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen import masks
from prodgen.color import from_lab_linear, luminance, to_lab, to_linear
from prodgen.cutout.backdrop import fit_backdrop
from prodgen.identity.blended_regions import print_region
from prodgen.images import Matte, Plane, RgbImage, resize
from prodgen.shading.working_pair import Region

WORKING_SIDE_PX = 640
"""Long side of the photograph at which clear parts are found. Speed: letters are still several pixels."""

WHOLE = Region(0.0, 0.0, 1.0, 1.0)
"""The whole frame."""

LEAST_EXTENT_PX = 8
"""Square root of a product's area, in working pixels, below which nothing is told. Guard."""

DARKEST_BACKDROP = 0.004
"""Linear light of a backdrop below which nothing can be seen through by it. Guard: 8-bit noise."""

MOST_SPREAD = 1.5
"""Robust deviation of a plain backdrop's border, L*a*b*, at most. Measured: plain ones have up to 1.05."""

CLEAREST, CLEAR = 1.06, 0.75
"""Light over the backdrop's, of what surely shows the backdrop.

Measured: panes, bottles and glasses have medians from 0.91 to 0.99; their walls are darker, which growing
takes in. Above the upper one it is a highlight."""

NEUTRAL, GREYISH = 1.25, 1.35
"""Largest ratio of two channels of that light: of what surely shows the backdrop, and of what belongs to it.

Measured: clear glass has 1.00 to 1.09, its edges up to 1.3; a pale candle has 1.23."""

COLOURED = 1.5
"""Ratio of two channels from which on something coloured is in or on the glass. Chosen: a pale straw."""

STEEP = 0.03
"""Change of log light over a hundredth of the product's extent that is an edge. Chosen: a 23rd of a stop."""

LEAST_PART = 0.01
"""Share of the product below which a clear part proves nothing. Guard: sheen and pinholes."""

PRINTED = 0.05
"""Print in a part, as a share of it, from which on the part is a label. Measured: labels have 0.17 and more,
glass has 0."""

REACH = 0.025
"""How far outlines of labels are closed, in extents; those of coloured things thrice as far.

Chosen: wider than the gap between a label and the product's outline; a stripe of a straw is twice that."""

RIM = 0.05
"""Height of a rim over what is clear below it, in extents, that is glass too. Chosen: a lid is higher."""

MOST = 0.5
"""Share of its rows in which a lid reaches the outline. Chosen: a majority."""

COLOURED_BACKDROP = 1.25
"""Ratio of two channels of a backdrop from which on nothing but glass is of its hue. By `NEUTRAL`."""

EDGE_PX = 0.8
"""Sigma of the blur of clear parts' outlines, working pixels. Chosen: antialiasing."""


@dataclass(frozen=True, eq=False)
class Unmixed:
    """What one sees through a product, at its photograph's size."""

    through: RgbImage
    """(H, W, 3), linear: the share of the light from behind that comes through, by channel; 0 is opaque."""
    own: RgbImage
    """(H, W, 3), linear: the share of the photographed light that is the product's own; opaque has 1."""
    share: float
    """Share of the light from behind that comes through the product as a whole, 0 to 1."""


def unmix(seen: RgbImage, matte: Matte) -> Unmixed | None:
    """Return what is seen through a glass product; None if that cannot be told.

    Args:
        seen: The photograph before its own backdrop, (H, W, 3), sRGB, [0, 1].
        matte: (H, W), 1 = product, clear parts included.

    Returns:
        None where the backdrop is not plain, or no part of the product shows it.
    """
    height, width = matte.shape
    scale = min(1.0, WORKING_SIDE_PX / max(height, width))
    size = max(8, round(width * scale)), max(8, round(height * scale))
    small, cut = resize(seen, *size), resize(matte, *size)
    extent = float(np.sqrt((cut > 0.5).sum()))
    if extent < LEAST_EXTENT_PX:
        return None
    outside = cv2.dilate((cut > 0.02).astype(np.uint8), masks.disc(0.03 * extent)) == 0
    backdrop = fit_backdrop(to_lab(small), outside=outside)
    if backdrop.spread > MOST_SPREAD:
        return None
    behind = np.maximum(from_lab_linear(backdrop.lab), DARKEST_BACKDROP)
    clear = _clear_parts(small, cut, behind, extent)
    if not clear.any():
        return None
    through, own = np.zeros(seen.shape, np.float32), np.ones(seen.shape, np.float32)
    box = masks.bounding_box(matte, threshold=0)
    part = slice(box.top, box.bottom), slice(box.left, box.right)
    shown = (_part(masks.blur(clear, EDGE_PX), matte.shape, box) * (matte[part] > 0))[..., None]
    ratio = to_linear(seen[part]) / _part(behind, matte.shape, box)
    through[part] = shown * np.minimum(ratio, 1)
    own[part] -= shown * np.minimum(1, 1 / np.maximum(ratio, np.float32(1e-3)))
    share = float((luminance(through[part]) * matte[part]).sum() / matte.sum())
    return Unmixed(through, own, share)


def _part(small: NDArray[np.float32], shape: tuple[int, ...], box: masks.Box) -> NDArray[np.float32]:
    """Return the part of a field in a box of a larger picture, (h, w) or (h, w, 3)."""
    down, across = small.shape[0] / shape[0], small.shape[1] / shape[1]
    to_small = np.array(
        [
            [across, 0, (box.left + 0.5) * across - 0.5],
            [0, down, (box.top + 0.5) * down - 0.5],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = box.width, box.height
    return np.asarray(
        cv2.warpAffine(small, to_small, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def _clear_parts(photo: RgbImage, matte: Matte, behind: RgbImage, extent: float) -> Matte:
    """Return (h, w), 1 where the backdrop is seen: smooth parts that show it, and what is around them.

    Args:
        photo: (h, w, 3), sRGB.
        matte: (h, w), 1 = product.
        behind: (h, w, 3), linear: the backdrop.
        extent: Square root of the product's area, pixels.
    """
    smooth = masks.blur(to_linear(photo) / behind, max(0.6, 0.003 * extent))
    level, hues = luminance(smooth), _hues(smooth)
    sure = (matte > 0.95) & (level > CLEAR) & (level < CLEAREST) & (hues < NEUTRAL)
    sure &= _steepness(level) * extent / 100 < STEEP
    printed = resize(print_region(photo, matte, WHOLE), matte.shape[1], matte.shape[0]) > 0.3
    inside, reach = matte > 0.5, REACH * extent
    seeds, labels = _told_apart(sure, printed, inside, extent)
    if not seeds.any():
        return np.zeros(matte.shape, np.float32)
    kept = _closed(labels | ~inside, reach) & inside & ~_closed(~inside, reach)
    kept |= _closed(labels, reach) | _closed((hues > COLOURED) & inside, 3 * reach)
    # Grain and gleams in a pane are no lid: what goes on from a clear part as bright is clear too.
    goes_on = _grown(seeds, (level > CLEAR) & (hues < NEUTRAL) & inside & ~kept)
    may = (matte > 0.02) & (hues < GREYISH) & _below_lid(goes_on, inside, extent) & ~kept | goes_on
    is_coloured = float(np.median(_hues(behind)[inside])) > COLOURED_BACKDROP
    if not is_coloured:
        # On white and grey, what is grey and apart from all that is clear may as well be paint.
        return _grown(seeds, may).astype(np.float32)
    _, parts, measures, _ = cv2.connectedComponentsWithStats(may.astype(np.uint8), connectivity=4)
    is_large = measures[:, cv2.CC_STAT_AREA] >= LEAST_PART * extent**2
    return np.asarray(is_large[parts] & may, np.float32)


def _told_apart(
    sure: NDArray[np.bool_], printed: NDArray[np.bool_], inside: NDArray[np.bool_], extent: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Part what looks like the backdrop into clear parts, and labels and lids.

    What is printed on is a label. What lies above the largest clear part and reaches the outline at both
    sides, without a wall that is seen from the side, is a lid.
    """
    clear: list[NDArray[np.bool_]] = []
    labels = printed.copy()
    count, parts, measures, _ = cv2.connectedComponentsWithStats(sure.astype(np.uint8), connectivity=4)
    for part in range(1, count):
        if measures[part, cv2.CC_STAT_AREA] < LEAST_PART * extent**2:
            continue
        here = parts == part
        is_label = (printed & _closed(here, 2 * REACH * extent)).sum() > PRINTED * here.sum()
        if is_label:
            labels |= here
        else:
            clear.append(here)
    seeds = np.zeros_like(sure)
    largest = max(clear, key=np.count_nonzero, default=seeds)
    for here in clear:
        target = labels if _is_lid(here, largest, inside, REACH * extent) else seeds
        target |= here
    return seeds, labels


def _is_lid(
    part: NDArray[np.bool_], largest: NDArray[np.bool_], inside: NDArray[np.bool_], near_px: float
) -> bool:
    rows = np.flatnonzero(part.any(axis=1))
    if rows[-1] > largest.any(axis=1).argmax():
        return False
    part, inside = part[rows], inside[rows]
    left = part.argmax(axis=1) - inside.argmax(axis=1)
    right = part[:, ::-1].argmax(axis=1) - inside[:, ::-1].argmax(axis=1)
    return float(((left < near_px) & (right < near_px)).mean()) > MOST


def _below_lid(seeds: NDArray[np.bool_], inside: NDArray[np.bool_], extent: float) -> NDArray[np.bool_]:
    """Return where no lid is: a lid is above all that is clear, a foot of thick glass is below it.

    A narrow rim above what is clear, with nothing of the product above it, is glass.
    """
    is_clear = seeds.any(axis=1)
    below = np.logical_or.accumulate(is_clear)[:, None]
    top = np.where(inside.any(axis=0), inside.argmax(axis=0), 0)
    return below | (is_clear.argmax() - top < RIM * extent)[None]


def _grown(seeds: NDArray[np.bool_], within: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the connected parts of a mask in which seeds are."""
    _, parts = cv2.connectedComponents(within.astype(np.uint8), connectivity=4)
    return np.isin(parts, np.unique(parts[seeds & within])) & within


def _hues(light: RgbImage) -> Plane:
    return np.asarray(light.max(axis=2) / np.maximum(light.min(axis=2), 1e-3), np.float32)


def _steepness(level: Plane) -> Plane:
    log = np.log(np.maximum(level, 0.02))
    across, down = (cv2.Sobel(log, cv2.CV_32F, *axis, ksize=3) / 8 for axis in ((1, 0), (0, 1)))
    return np.asarray(np.hypot(across, down), np.float32)


def _closed(mask: NDArray[np.bool_], radius_px: float) -> NDArray[np.bool_]:
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, masks.disc(radius_px)) > 0
