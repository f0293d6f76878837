"""The soft edge between product and background, on arrays: where it lies and what colour it has.

`refine` fits the edge of a matte to the photograph's own pixels, `estimate_foreground` takes the old
background's colour out of it. Finding the product is the segmenters' work.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.errors import ImageError
from prodgen.images import Matte, RgbImage
from prodgen.masks import Box, bounding_box

CLOSE_COLOURS = 0.03**2
"""Squared distance in sRGB between the colours of product and background at which photograph and matte have
equal weight in deciding the edge. Chosen: a distance of 0.03, or 8 grey levels."""

UNEVENNESS_WEIGHT = 50.0
"""How much the variance of the colours beside the edge lowers the photograph's weight: a rim that shines
pale is still product. Chosen."""

REDUCTION = 4
"""Factor by which a picture is reduced to look for colours far away. Speed: the result is blurred anyway."""


def estimate_foreground(rgb: RgbImage, matte: Matte) -> RgbImage:
    """Product colours at the soft edge, free of the old background's.

    Two passes of blur fusion: Forte, "Approximate fast foreground colour estimation", ICIP 2021; the
    second pass with a small radius brings the detail back. Only a band around the soft edge is
    worked on.

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
    soft = (matte > 0) & (matte < 1)
    if not soft.any():
        return result
    wide = max(8, round(max(matte.shape) * 0.02))
    box = _grow(bounding_box(soft.astype(np.float32)), 2 * wide, matte.shape)
    window = np.s_[box.top : box.bottom, box.left : box.right]
    image, alpha = rgb[window], matte[window]
    reduced = (max(1, box.width // REDUCTION), max(1, box.height // REDUCTION))
    small, small_alpha = resized(image, reduced), resized(alpha, reduced)
    guess = _blur_fusion(small, small, small, small_alpha, max(2, wide // REDUCTION))
    colour, behind = (resized(x, (box.width, box.height)) for x in guess)
    colour, _ = _blur_fusion(image, colour, behind, alpha, max(2, wide // 8))
    result[window] = np.where(soft[window][..., None], colour, image)
    return result


def _blur_fusion(
    image: RgbImage, colour: RgbImage, behind: RgbImage, alpha: Matte, radius_px: int
) -> tuple[RgbImage, RgbImage]:
    """One pass of blur fusion: the new product colours, and the mean background colours near by."""
    size = (2 * radius_px + 1, 2 * radius_px + 1)
    weight = alpha[..., None]
    near, far = cv2.blur(alpha, size)[..., None], cv2.blur(1 - alpha, size)[..., None]
    mean = cv2.blur(colour * weight, size) / (near + 1e-5)
    mean_behind = cv2.blur(behind * (1 - weight), size) / (far + 1e-5)
    fitted = mean + weight * (image - weight * mean - (1 - weight) * mean_behind)
    return np.clip(fitted, 0, 1, out=fitted), mean_behind


def refine(rgb: RgbImage, matte: Matte, *, band_px: float | None = None) -> Matte:
    """Fit the soft edge of a matte to the photograph, inside a narrow band around it only.

    Near the edge a pixel is a mixture of the product's colour beside it and the background's; its share
    is the projection of the pixel on the line between the two (the compositing equation solved for
    alpha, as in Chuang et al., "A Bayesian approach to digital matting", 2001, with local means in
    place of Gaussians). The more alike, or the more uneven, the two colours are, the more the matte stays
    as it was.

    Args:
        rgb: (H, W, 3), sRGB, [0, 1].
        matte: (H, W), 1 = product.
        band_px: How far from the matte's outline the edge may be. Default: 0.2 % of the longer side.

    Returns:
        (H, W), 1 = product; beyond the band it equals `matte` to the bit.

    Raises:
        ImageError: If the sizes differ.
    """
    require_same_size(matte, rgb)
    band = max(1.5, 0.002 * max(matte.shape)) if band_px is None else band_px
    known = _band(matte, band)
    if not known.unknown.any():
        return matte.copy()
    box = _grow(bounding_box(known.unknown.astype(np.float32)), round(4 * band) + 2, matte.shape)
    window = np.s_[box.top : box.bottom, box.left : box.right]
    image, before = rgb[window], matte[window]
    product, uneven = _near_mean(image, known.inside[window], band)
    behind, uneven_behind = _near_mean(image, known.outside[window], band)
    axis = product - behind
    length = np.einsum("yxc,yxc->yx", axis, axis)
    share = np.einsum("yxc,yxc->yx", image - behind, axis) / np.maximum(length, 1e-6)
    trust = length / (length + CLOSE_COLOURS + UNEVENNESS_WEIGHT * (uneven + uneven_behind))
    mixed = before + (np.clip(share, 0, 1) - before) * trust
    result = matte.copy()
    result[window] = np.where(known.unknown[window], mixed, before)
    return result


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


def _near_mean(image: RgbImage, where: NDArray[np.bool_], band_px: float) -> tuple[RgbImage, Matte]:
    """Mean and variance of the nearest colours inside a mask, for every pixel of the picture."""
    weight = where.astype(np.float32)[..., None]
    features = np.concatenate([image * weight, (image * image).sum(axis=2, keepdims=True) * weight], axis=2)
    size = (image.shape[1], image.shape[0])
    if band_px >= 3:  # means of so many pixels are the same in a picture half as large
        half = (max(1, size[0] // 2), max(1, size[1] // 2))
        features, weight = resized(features, half), resized(weight, half)
        band_px /= 2
    small = 2 * round(band_px) + 1
    total = np.zeros(features.shape, np.float32)
    share = np.full(features.shape[:2], 1e-12, np.float32)
    # A small window where it holds anything, else a wider one: weights a thousand times lower.
    for side, importance in ((small, 1.0), (2 * small + 1, 1e-3), (6 * small + 1, 1e-6)):
        total += importance * cv2.blur(features, (side, side))
        share += importance * cv2.blur(weight, (side, side))
    total /= share[..., None]
    total = resized(total, size)
    mean = total[..., :3]
    return mean, np.maximum(total[..., 3] - (mean * mean).sum(axis=2), 0)


def resized(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Values at another size: by area to shrink; linear to grow, which does not overshoot at edges."""
    shrinks = size[0] <= values.shape[1] and size[1] <= values.shape[0]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, size, interpolation=way), np.float32)


def _grow(box: Box, margin: int, shape: tuple[int, ...]) -> Box:
    return Box(
        max(0, box.left - margin),
        max(0, box.top - margin),
        min(shape[1], box.right + margin),
        min(shape[0], box.bottom + margin),
    )


def require_same_size(matte: Matte, rgb: RgbImage) -> None:
    """Refuse a matte of another size than its photograph.

    Raises:
        ImageError: If the sizes differ.
    """
    if matte.shape != rgb.shape[:2]:
        raise ImageError(
            f"the matte is {matte.shape[1]}x{matte.shape[0]} but the photo is {rgb.shape[1]}x{rgb.shape[0]};"
            " they must have the same size"
        )
