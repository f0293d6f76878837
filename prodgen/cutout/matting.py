"""The soft edge between product and background, on arrays: where it lies and what colour it has.

`refine` fits the edge of a matte to the photograph's own pixels, `estimate_foreground` takes the old
background's colour out of it. Finding the product is the segmenters' work.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen import masks
from prodgen.errors import ImageError
from prodgen.images import (
    Matte,
    Pixels,
    Plane,
    RgbImage,
    as_floats,
    channel_sum,
    part_enlarged,
    reduced,
    resize,
)

CLOSE_COLOURS = 0.03**2
"""Squared distance in sRGB between the colours of product and background at which photograph and matte have
equal weight in deciding the edge. Chosen: a distance of 0.03, or 8 grey levels."""

UNEVENNESS_WEIGHT = 50.0
"""How much the variance of the colours beside the edge lowers the photograph's weight: a rim that shines
pale is still product. Chosen."""

LEAST_BAND_PX = 1.5
"""Width of the band, in pixels of the reduced picture, at which the mean colours beside the edge are taken.
Speed: they are means over several bands, the same in a picture reduced until its band has this width."""

MOVED_PX = 1.5
"""How far the edge may lie from where it was found in a reduced picture, in pixels of that. Chosen: its own
error there, where it was fitted already."""

REDUCTION = 4
"""Least factor by which a picture is reduced to look for colours far away. Speed: they are blurred anyway."""

REDUCED_PX = 1024
"""Longest side of the picture in which colours far away are looked for, where `REDUCTION` leaves more.
Speed."""

TILE_PX = 256
"""Side of the squares in which the soft edge gets its colours.
Speed: only those that hold an edge are worked on."""

CELLS = 4096
"""Pixels of the reduced picture's band whose full pixels are fitted at a time.
Speed: more take memory for nothing."""


def estimate_foreground(rgb: RgbImage, matte: Matte) -> RgbImage:
    """Product colours at the soft edge, free of the old background's.

    Two passes of blur fusion: Forte, "Approximate fast foreground colour estimation", ICIP 2021; the
    second pass with a small radius brings the detail back. Only tiles that hold a piece of the soft
    edge are worked on at full size.

    Args:
        rgb: (H, W, 3), sRGB, [0, 1]. A photograph mixes its edge in these values, not in linear light.
        matte: (H, W), 1 = product.

    Returns:
        (H, W, 3), sRGB, [0, 1]. Where the matte is 1 it equals `rgb` to the bit.

    Raises:
        ImageError: If the sizes differ.
    """
    require_same_size(matte, rgb)
    result = rgb.copy()
    tiles = list(_soft_tiles(matte))
    if not tiles:
        return result
    longest = max(matte.shape)
    wide = max(8, round(longest * 0.02))
    factor = max(REDUCTION, math.ceil(longest / REDUCED_PX))
    size = (max(1, matte.shape[1] // factor), max(1, matte.shape[0] // factor))
    small, small_alpha = resized(rgb, size), resized(matte, size)
    guess = _blur_fusion(small, small, small, small_alpha, max(2, wide // factor))
    radius = max(2, wide // 8)
    for rows, columns in tiles:
        window = _grown(rows, radius, matte.shape[0]), _grown(columns, radius, matte.shape[1])
        colour, behind = (part_enlarged(plane, window, matte.shape) for plane in guess)
        colour, _ = _blur_fusion(rgb[window], colour, behind, matte[window], radius)
        inner = (
            slice(rows.start - window[0].start, rows.stop - window[0].start),
            slice(columns.start - window[1].start, columns.stop - window[1].start),
        )
        alpha = matte[rows, columns]
        soft = (alpha > 0) & (alpha < 1)
        result[rows, columns][soft] = colour[inner][soft]
    return result


def _soft_tiles(matte: Matte) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of each tile that holds pixels between product and background."""
    height, width = matte.shape
    for top in range(0, height, TILE_PX):
        for left in range(0, width, TILE_PX):
            rows, columns = slice(top, min(height, top + TILE_PX)), slice(left, min(width, left + TILE_PX))
            tile = matte[rows, columns]
            if ((tile > 0) & (tile < 1)).any():
                yield rows, columns


def _grown(span: slice, margin: int, size: int) -> slice:
    return slice(max(0, span.start - margin), min(size, span.stop + margin))


def _blur_fusion(
    image: RgbImage, colour: RgbImage, behind: RgbImage, alpha: Matte, radius_px: int
) -> tuple[RgbImage, RgbImage]:
    """One pass of blur fusion: the new product colours, and the mean background colours near by."""
    size = (2 * radius_px + 1, 2 * radius_px + 1)
    # In place and step by step, for the sake of memory.
    weight, rest = masks.across(alpha, image), masks.across(1 - alpha, image)
    mean = np.asarray(cv2.blur(colour * weight, size), np.float32)
    mean /= masks.across(cv2.blur(alpha, size) + np.float32(1e-5), image)
    mean_behind = np.asarray(cv2.blur(behind * rest, size), np.float32)
    mean_behind /= masks.across(cv2.blur(1 - alpha, size) + np.float32(1e-5), image)
    fitted = image - weight * mean
    fitted -= rest * mean_behind
    fitted *= weight
    fitted += mean
    return np.clip(fitted, 0, 1, out=fitted), mean_behind


def refine(rgb: Pixels, matte: Matte, *, band_px: float | None = None) -> Matte:
    """Fit the soft edge of a matte to the photograph, inside a narrow band around it only.

    Near the edge a pixel is a mixture of the product's colour beside it and the background's; its share
    is the projection of the pixel on the line between the two (the compositing equation solved for
    alpha, as in Chuang et al., "A Bayesian approach to digital matting", 2001, with local means in
    place of Gaussians). The more alike, or the more uneven, the two colours are, the more the matte stays
    as it was. The means are taken in a reduced picture; only the band's own pixels are read at full size, so
    that the work grows with the outline and not with the picture.

    Args:
        rgb: (H, W, 3), sRGB: 8 bit, or floats in [0, 1].
        matte: (H, W), 1 = product.
        band_px: How far from the matte's outline the edge may be. Default: 0.2 % of the longer side.

    Returns:
        (H, W), 1 = product; beyond the band it equals `matte` to the bit.

    Raises:
        ImageError: If the sizes differ.
    """
    require_same_size(matte, rgb)
    result = matte.copy()
    band = max(LEAST_BAND_PX, 0.002 * max(matte.shape)) if band_px is None else band_px
    _fit_edge(rgb, result, band, factor=int(band / LEAST_BAND_PX))
    return result


def refine_enlarged(rgb: Pixels, matte: Matte) -> Matte:
    """Bring a matte that was found in a reduced picture to the photograph's size, and fit its edge there.

    Args:
        rgb: (H, W, 3), sRGB: 8 bit, or floats in [0, 1].
        matte: (h, w), 1 = product; smaller, of the same shape.

    Returns:
        (H, W), 1 = product. The edge lies within `MOVED_PX` of where it was found.
    """
    height, width = rgb.shape[:2]
    result = resize(matte, width, height)
    ratio = max(height, width) / max(matte.shape)
    _fit_edge(rgb, result, MOVED_PX * ratio, factor=round(ratio))
    return result


def _fit_edge(rgb: Pixels, matte: Matte, band: float, *, factor: int) -> None:
    """Fit the edge of a matte within its band, in place, in a picture reduced by about the factor."""
    factor = max(1, min(factor, *matte.shape))  # a strip of few rows keeps one
    whole = tuple(side // factor * factor for side in matte.shape)
    size = (whole[1] // factor, whole[0] // factor)
    image = reduced(rgb[: whole[0], : whole[1]], size)
    known = _band(resized(matte[: whole[0], : whole[1]], size), band / factor)
    if not known.unknown.any():
        return
    near = _window_around(known.unknown, round(4 * band / factor) + 2)
    product = _near_mean(image[near], known.inside[near], band / factor)
    behind = _near_mean(image[near], known.outside[near], band / factor)
    # What a division by the factor leaves over belongs to the last row and column.
    left_over = [(0, int(side % factor > 0)) for side in matte.shape]
    cells = np.argwhere(np.pad(known.unknown, left_over, mode="edge"))[..., None]
    within = np.indices((factor, factor)).reshape(2, -1)
    for first in range(0, len(cells), CELLS):
        places = cells[first : first + CELLS] * factor + within
        y, x = (np.minimum(places[:, axis], matte.shape[axis] - 1) for axis in range(2))
        down, across = (
            ((at + 0.5) / factor - 0.5 - window.start).astype(np.float32)
            for at, window in zip((y, x), near, strict=True)
        )
        beside = _sampled(product, down, across), _sampled(behind, down, across)
        matte[y, x] = _fitted(as_floats(rgb[y, x]), matte[y, x], *beside)


def _sampled(values: Plane, y: Plane, x: Plane) -> Plane:
    """Values (h, w, c) at places between its pixels, each (n, m), as (n, m, c); linear."""
    found = cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


def _window_around(where: NDArray[np.bool_], margin: int) -> tuple[slice, slice]:
    """The smallest window that holds every place of a mask, with a margin."""
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    return (
        _grown(slice(rows[0], rows[-1] + 1), margin, where.shape[0]),
        _grown(slice(columns[0], columns[-1] + 1), margin, where.shape[1]),
    )


def _fitted(pixels: RgbImage, before: Plane, product: Plane, behind: Plane) -> Plane:
    """The shares of product in pixels (h, w, 3), by means and mean squares (h, w, 4) of what lies beside."""
    axis = product[..., :3] - behind[..., :3]
    length = channel_sum(axis * axis)
    share = channel_sum((pixels - behind[..., :3]) * axis) / np.maximum(length, 1e-6)
    uneven = sum(np.maximum(near[..., 3] - channel_sum(near[..., :3] ** 2), 0) for near in (product, behind))
    trust = length / (length + CLOSE_COLOURS + UNEVENNESS_WEIGHT * uneven)
    return np.asarray(before + (np.clip(share, 0, 1) - before) * trust, np.float32)


class _EdgeBand(NamedTuple):
    """Where is surely product, where surely background, and the band between."""

    inside: NDArray[np.bool_]
    outside: NDArray[np.bool_]
    unknown: NDArray[np.bool_]


def _band(matte: Matte, band_px: float) -> _EdgeBand:
    solid = (matte > 0.5).astype(np.uint8)
    to_outside = cv2.distanceTransform(solid, cv2.DIST_L2, 5)
    to_inside = cv2.distanceTransform(1 - solid, cv2.DIST_L2, 5)
    inside = (to_outside > band_px) & (matte > 0.9)
    outside = (to_inside > band_px) & (matte < 0.1)
    return _EdgeBand(inside, outside, (to_outside <= band_px) & (to_inside <= band_px))


def _near_mean(image: RgbImage, where: NDArray[np.bool_], band_px: float) -> Plane:
    """Mean colours and mean squared length, (h, w, 4), of the nearest pixels inside a mask."""
    weight = where.astype(np.float32)
    features = np.dstack([image, channel_sum(image * image)])
    features *= masks.across(weight, features)
    small = 2 * round(band_px) + 1
    total = np.zeros(features.shape, np.float32)
    share = np.full(weight.shape, 1e-12, np.float32)
    # A small window where it holds anything, else a wider one: weights a thousand times lower.
    for side, importance in ((small, 1.0), (2 * small + 1, 1e-3), (6 * small + 1, 1e-6)):
        cv2.scaleAdd(cv2.blur(features, (side, side)), importance, total, total)
        cv2.scaleAdd(cv2.blur(weight, (side, side)), importance, share, share)
    return np.asarray(total / masks.across(share, total), np.float32)


def resized(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Values at another size: by area to shrink; linear to grow, which does not overshoot at edges."""
    shrinks = size[0] <= values.shape[1] and size[1] <= values.shape[0]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, size, interpolation=way), np.float32)


def require_same_size(matte: Matte, rgb: Pixels) -> None:
    """Refuse a matte of another size than its photograph.

    Raises:
        ImageError: If the sizes differ.
    """
    if matte.shape != rgb.shape[:2]:
        raise ImageError(
            f"the matte is {matte.shape[1]}x{matte.shape[0]} but the photo is {rgb.shape[1]}x{rgb.shape[0]};"
            " they must have the same size"
        )
