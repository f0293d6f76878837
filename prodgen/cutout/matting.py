"""The edge between product and background: is a matte usable, how soft is it, what colour has it.

Pure arrays. Owns what can be said about any matte, whoever made it: `check` refuses the useless
ones, `refine` fits the soft edge to the photograph's own pixels, `estimate_foreground` takes the old
background's colour out of the edge. Finding the product is the segmenters' work.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen import color
from prodgen.errors import ImageError, SegmentationError
from prodgen.images import Matte, RgbImage
from prodgen.masks import Box, bounding_box

SMALLEST_SHARE = 0.0005
"""A product below this share of the picture is taken for dust: nothing can be shown of it."""

LARGEST_SHARE = 0.98
"""Above this there is no background left, which is what failed segmentation looks like."""

SMALL_SHARE = 0.01
"""Below this the product is usable, but so small that the user should know."""

SOFT_SHARE = 0.3
"""Above this share of half-sure pixels, of the product's area, the segmenter has been guessing."""

WIDE_SHARE = 0.9
"""Above this a matte is more likely wrong than a product so large: a palette's one transparent colour."""

OUTLINE_PX = 512
"""Longest side at which the outline is compared with the photograph's edges."""

FAINT_EDGE = 0.8
"""L*a*b* units per pixel at that size, below which the photograph shows no edge."""

UNSEEN_SHARE, UNSEEN_RAGGED_SHARE, RAGGED = 0.4, 0.15, 0.28
"""Shares of the outline without an edge from which it is doubted: any, and one that is ragged there by more
than so many pixels. Four products with true mattes have up to 0.25 (a white lid before white, smooth); cut
out with their shadows they have 0.24 to 0.86, ragged by 0.30 to 0.71."""

REMEDY = "name another --model, draw a --box around the product, or give your own cut-out with --matte"
"""What to try when segmentation fails."""

_CLOSE = 0.03**2
"""Squared distance in sRGB between product and background colours from which they decide the edge."""

_REDUCTION = 4
"""How much smaller the picture is in which far colours are looked for."""

_UNEVEN = 50.0
"""How much an uneven colour beside the edge takes from that: a rim that shines pale is still product."""


def check(matte: Matte, rgb: RgbImage) -> list[str]:
    """Refuse a useless matte and tell what is doubtful about a usable one.

    Args:
        matte: (H, W), 1 = product.
        rgb: (H, W, 3), the photograph that it belongs to.

    Returns:
        Sentences for the user, none for a sound matte.

    Raises:
        ImageError: If the sizes differ.
        SegmentationError: If the matte is empty or full.
    """
    _same_size(matte, rgb)
    share = float(matte.mean())
    if share < SMALLEST_SHARE or float(matte.max()) < 0.5:
        raise SegmentationError(f"no product was found: the matte is empty; {REMEDY}")
    if share > LARGEST_SHARE:
        raise SegmentationError(f"no background was found: the matte is full; {REMEDY}")
    notices = []
    if share < SMALL_SHARE:
        notices.append(f"the product fills only {share:.1%} of the photo; crop the photo to it")
    if share > WIDE_SHARE:
        notices.append(
            f"{share:.0%} of the photo is taken for product: check the cut-out; if wrong, {REMEDY}"
        )
    soft = float(((matte > 0.06) & (matte < 0.94)).mean())
    if soft > SOFT_SHARE * share:
        notices.append(f"{soft / share:.0%} of the matte is half-sure; look at it, or {REMEDY}")
    touched = [side for side, line in _borders(matte) if float((line > 0.5).mean()) > 0.02]
    if touched:
        notices.append(f"the product touches the photo's {' and '.join(touched)} and is cut off there")
    if {"left", "right"} <= set(touched) or {"top", "bottom"} <= set(touched):
        notices[-1] += f"; if it is whole, the backdrop was taken for it: {REMEDY}"
    return notices


def doubt_outline(matte: Matte, rgb: RgbImage) -> list[str]:
    """Tell when a large part of a found outline lies where the photograph shows no edge.

    That is what it looks like when a shadow or a piece of the backdrop was taken for product. It says
    nothing of a matte that a person made: retouched transparent pictures have no backdrop to compare with.

    Args:
        matte: (H, W), 1 = product, as a segmenter found it.
        rgb: (H, W, 3), sRGB, the photograph.

    Returns:
        Sentences for the user, none for an outline that is seen.

    Raises:
        ImageError: If the sizes differ.
    """
    _same_size(matte, rgb)
    scale = min(1.0, OUTLINE_PX / max(matte.shape))
    size = (max(16, round(matte.shape[1] * scale)), max(16, round(matte.shape[0] * scale)))
    solid = (_scaled(matte, size) > 0.5).astype(np.uint8)
    side = np.ones((3, 3), np.uint8)
    rim = (solid > 0) & (cv2.erode(solid, side) == 0)
    rim[[0, -1]] = rim[:, [0, -1]] = False
    unseen = rim & (_edge_strength(_scaled(rgb, size)) < FAINT_EDGE)
    if not unseen.any():
        return []
    share = float(unseen.sum() / rim.sum())
    smooth = cv2.GaussianBlur(solid.astype(np.float32), (0, 0), 4) > 0.5
    near = cv2.dilate(unseen.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    ragged = float(((smooth != (solid > 0)) & near).sum() / unseen.sum())
    if share < UNSEEN_SHARE and not (share > UNSEEN_RAGGED_SHARE and ragged > RAGGED):
        return []
    return [
        f"{share:.0%} of the outline is not seen in the photograph: check the cut-out; if wrong, {REMEDY}"
    ]


def _edge_strength(rgb: RgbImage) -> NDArray[np.float32]:
    """The strongest step within two pixels, L*a*b* units per pixel, (H, W)."""
    lab = cv2.GaussianBlur(color.to_lab(rgb), (0, 0), 1.0)
    x, y = (cv2.Sobel(lab, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1)))
    strength = np.sqrt((x * x + y * y).sum(axis=2))
    return np.asarray(cv2.dilate(strength, np.ones((5, 5), np.uint8)), np.float32)


def _borders(matte: Matte) -> list[tuple[str, Matte]]:
    return [("left", matte[:, 0]), ("top", matte[0]), ("right", matte[:, -1]), ("bottom", matte[-1])]


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
    _same_size(matte, rgb)
    result = rgb.copy()
    soft = (matte > 0) & (matte < 1)
    if not soft.any():
        return result
    wide = max(8, round(max(matte.shape) * 0.02))
    box = _grow(bounding_box(soft.astype(np.float32)), 2 * wide, matte.shape)
    window = np.s_[box.top : box.bottom, box.left : box.right]
    image, alpha = rgb[window], matte[window]
    # The first pass looks for colours far away, so it may do so in a smaller picture.
    reduced = (max(1, box.width // _REDUCTION), max(1, box.height // _REDUCTION))
    small, small_alpha = _scaled(image, reduced), _scaled(alpha, reduced)
    guess = _blur_fusion(small, small, small, small_alpha, max(2, wide // _REDUCTION))
    colour, behind = (_scaled(x, (box.width, box.height)) for x in guess)
    colour, _ = _blur_fusion(image, colour, behind, alpha, max(2, wide // 8))
    result[window] = np.where(soft[window][..., None], colour, image)
    return result


def _blur_fusion(
    image: RgbImage, colour: RgbImage, behind: RgbImage, alpha: Matte, radius_px: int
) -> tuple[RgbImage, RgbImage]:
    """One pass: mean product and background colours near by, then the share of the misfit for each."""
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
    place of Gaussians). Where the two colours are too alike, or too uneven, to tell, the matte stays as
    it was. Nothing is thresholded.

    Args:
        rgb: (H, W, 3), sRGB, [0, 1].
        matte: (H, W), 1 = product.
        band_px: How far from the matte's outline the edge may be. Default: 0.2 % of the longer side.

    Returns:
        (H, W), 1 = product; beyond the band it equals `matte` to the bit.

    Raises:
        ImageError: If the sizes differ.
    """
    _same_size(matte, rgb)
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
    trust = length / (length + _CLOSE + _UNEVEN * (uneven + uneven_behind))
    mixed = before + (np.clip(share, 0, 1) - before) * trust
    result = matte.copy()
    result[window] = np.where(known.unknown[window], mixed, before)
    return result


class _Band(NamedTuple):
    """What is surely product, surely background, and the band between."""

    inside: NDArray[np.bool_]
    outside: NDArray[np.bool_]
    unknown: NDArray[np.bool_]


def _band(matte: Matte, band_px: float) -> _Band:
    solid = (matte > 0.5).astype(np.uint8)
    to_outside = cv2.distanceTransform(solid, cv2.DIST_L2, 5)
    to_inside = cv2.distanceTransform(1 - solid, cv2.DIST_L2, 5)
    inside = (to_outside > band_px) & (matte > 0.9)
    outside = (to_inside > band_px) & (matte < 0.1)
    return _Band(inside, outside, (to_outside <= band_px) & (to_inside <= band_px))


def _near_mean(image: RgbImage, where: NDArray[np.bool_], band_px: float) -> tuple[RgbImage, Matte]:
    """Mean and variance of the nearest colours `where` something is known, for all pixels."""
    weight = where.astype(np.float32)[..., None]
    features = np.concatenate([image * weight, (image * image).sum(axis=2, keepdims=True) * weight], axis=2)
    size = (image.shape[1], image.shape[0])
    if band_px >= 3:  # means of so many pixels are the same in a picture half as large
        half = (max(1, size[0] // 2), max(1, size[1] // 2))
        features, weight = _scaled(features, half), _scaled(weight, half)
        band_px /= 2
    small = 2 * round(band_px) + 1
    total = np.zeros(features.shape, np.float32)
    share = np.full(features.shape[:2], 1e-12, np.float32)
    # A small window where it holds anything, else a wider one: weights a thousand times lower.
    for side, importance in ((small, 1.0), (2 * small + 1, 1e-3), (6 * small + 1, 1e-6)):
        total += importance * cv2.blur(features, (side, side))
        share += importance * cv2.blur(weight, (side, side))
    total /= share[..., None]
    total = _scaled(total, size)
    mean = total[..., :3]
    return mean, np.maximum(total[..., 3] - (mean * mean).sum(axis=2), 0)


def _scaled(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """By area when it shrinks; linear, so without overshoot at edges, when it grows."""
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


def _same_size(matte: Matte, rgb: RgbImage) -> None:
    if matte.shape != rgb.shape[:2]:
        raise ImageError(
            f"the matte is {matte.shape[1]}x{matte.shape[0]}, the photo {rgb.shape[1]}x{rgb.shape[0]};"
            " make it in the photo's size"
        )
