"""Goes on with a plain backdrop beyond a picture's edges, without a model.

Out there is what is at the edge: its colour runs on, its slope dies away, and what differs along the edge is
smoothed with the distance, as light on a backdrop does; the grain is the picture's own. A pattern or a room
cannot be continued so; `is_plain` tells.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.images import Matte, RgbImage
from prodgen.masks import blur, dilate, fill
from prodgen.outpainting.expansion import Expansion

SMOOTH_SHARE = 0.012
"""Sigma that parts a backdrop's light from its grain, as a share of the long side. Chosen by eye."""

SLOPE_SHARE = 0.025
"""Length over which a backdrop's slope dies away outside, as a share of the long side.

Measured: four extensions of a quarter in a row drift by 0.3 to 0.9 (CIEDE2000) on four studio sweeps; with
0.12 by 1.1 to 3.3."""

EDGE_PX = 4
"""Outermost pixels from which no light is read.

Measured: where a side is no multiple of 16, a JPEG's last three or four rows have colours of the padding that
its blocks were filled up with, up to 4 of 255 off."""

SPREAD = 0.35
"""Sigma of the smoothing along the edge for each pixel of distance from it. Chosen by eye."""

MARGIN_SHARE = 0.015
"""How far from the product a pixel must be to be backdrop, as a share of the long side. Chosen."""

GRAIN_SPREADS = 2.5
"""Robust standard deviations beyond which what differs from the light is a shadow's edge, and no grain.

Chosen: 99 % of noise is within."""

PLAIN = 0.02
"""Detail of a backdrop (mean distance from its smoothed self, sRGB) above which it is no plain one.

Measured: four studio sweeps have 0.003 to 0.006, nine rooms, streets and forests out of focus 0.029 to
0.052."""

_LEVELS = 4
"""Widths of the smoothing along the edge that are computed; between them is mixed. Speed."""


def is_plain(picture: RgbImage, matte: Matte) -> bool:
    """Return whether what is around the product is smooth enough to be continued without a model.

    Args:
        picture: (H, W, 3), sRGB.
        matte: (H, W), 1 = product.
    """
    free = _free(matte)
    if not free.any():
        return False
    detail = np.abs(picture - blur(fill(picture, 1 - free), 2 * _sigma(matte)))
    return float(detail[free > 0].mean()) < PLAIN


def continue_backdrop(picture: RgbImage, matte: Matte, expansion: Expansion) -> RgbImage:
    """Return the picture on its larger canvas, with its backdrop continued.

    Args:
        picture: (H, W, 3), sRGB.
        matte: (H, W), 1 = product; nothing of it is continued.
        expansion: Pixels to be added on each side.

    Returns:
        The expanded picture, sRGB; the old pixels are there to the bit.
    """
    free = _free(matte)
    clean = fill(picture, 1 - free)
    light = _smoothed(clean, _sigma(matte))
    grain = _grain(clean - light, free)
    for side, pixels in zip(("left", "right", "top", "bottom"), _in_order(expansion), strict=True):
        light = _beyond(light, side, pixels)
        grain = _mirrored(grain, side, pixels)
    whole = np.asarray(np.clip(light + grain, 0, 1), np.float32)
    whole[expansion.inner(picture.shape[1], picture.shape[0])] = picture
    return whole


def _in_order(expansion: Expansion) -> tuple[int, int, int, int]:
    return expansion.left, expansion.right, expansion.top, expansion.bottom


def _sigma(matte: Matte) -> float:
    return float(max(SMOOTH_SHARE * max(matte.shape), 1.0))


def _free(matte: Matte) -> Matte:
    """Return 1 where there is surely backdrop."""
    return 1 - dilate((matte > 0.02).astype(np.float32), max(MARGIN_SHARE * max(matte.shape), 1))


def _smoothed(picture: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Blur a picture whose slope goes on beyond its edges; reflected, it would end level there."""
    rim = min(math.ceil(3 * sigma), min(picture.shape[:2]) - 1)
    for axis in (0, 1):
        turned = picture.swapaxes(0, axis)
        turned = _with_rim(_with_rim(turned, rim)[::-1], rim)[::-1]
        picture = turned.swapaxes(0, axis)
    whole = blur(np.ascontiguousarray(picture), sigma)
    return np.ascontiguousarray(whole[rim : len(whole) - rim, rim : whole.shape[1] - rim])


def _with_rim(picture: NDArray[np.float32], rim: int) -> NDArray[np.float32]:
    """Put `rim` rows before a picture on the line of its first ones; the outermost go on that line too."""
    odd = min(EDGE_PX, rim // 2)
    there = np.arange(odd, odd + 2 * max(rim, 1), dtype=np.float32)
    there = there[there < len(picture)]
    values = picture[odd : odd + len(there)]
    from_middle = there - there.mean()
    slope = np.tensordot(from_middle, values, 1) / max(float((from_middle**2).sum()), 1.0)
    rows = np.arange(-rim, odd, dtype=np.float32).reshape(-1, 1, 1) - there.mean()
    line = values.mean(axis=0) + rows * slope
    return np.asarray(np.concatenate([line, picture[odd:]]), np.float32)


def _grain(rest: NDArray[np.float32], free: Matte) -> NDArray[np.float32]:
    """Return the backdrop's grain; where the product is it is drawn from all of it, by a fixed seed."""
    pool: NDArray[np.float32] = rest[free > 0]
    if not len(pool):
        return rest * 0
    spread = 1.4826 * np.median(np.abs(pool), axis=0)
    drawn = pool[np.random.default_rng(0).integers(len(pool), size=rest.shape[:2])]
    most = GRAIN_SPREADS * spread
    return np.asarray(np.clip(np.where(free[..., None] > 0, rest, drawn), -most, most), np.float32)


def _beyond(light: NDArray[np.float32], side: str, pixels: int) -> NDArray[np.float32]:
    """Return the light with `pixels` more of it on one side."""
    if not pixels:
        return light
    turned = _upright(light, side)
    reach = max(round(SMOOTH_SHARE * max(light.shape[:2])), 2)
    edge, inside = turned[0], turned[min(reach, len(turned) - 1)]
    slope = (edge - inside) / reach
    length = SLOPE_SHARE * max(light.shape[:2])
    away = np.arange(pixels, 0, -1, dtype=np.float32)
    # The colours along the edge, ever smoother: between a few sigmas the rows are mixed.
    sigmas = np.linspace(0, SPREAD * pixels, _LEVELS)
    both = np.stack([_along(np.stack([edge, slope], axis=1), float(sigma)) for sigma in sigmas])
    level = away / pixels * (_LEVELS - 1)
    low = np.minimum(level.astype(int), _LEVELS - 2)
    share = (level - low)[:, None, None, None]
    mixed = both[low] * (1 - share) + both[low + 1] * share
    run = (length * (1 - np.exp(-away / length)))[:, None, None]
    outside = (mixed[:, :, 0] + run * mixed[:, :, 1]).astype(np.float32)
    return _turned_back(np.concatenate([outside, turned]), side)


def _along(line: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Smooth (length, 2, 3) along its first axis."""
    flat = np.ascontiguousarray(line.reshape(1, len(line), -1))
    return np.stack([blur(flat[..., k], sigma)[0] for k in range(flat.shape[2])], -1).reshape(line.shape)


def _mirrored(grain: NDArray[np.float32], side: str, pixels: int) -> NDArray[np.float32]:
    top, bottom, left, right = (pixels if side == name else 0 for name in ("top", "bottom", "left", "right"))
    return np.asarray(cv2.copyMakeBorder(grain, top, bottom, left, right, cv2.BORDER_REFLECT_101), np.float32)


def _upright(picture: NDArray[np.float32], side: str) -> NDArray[np.float32]:
    """Return the picture turned so that `side` is its top."""
    if side in ("left", "right"):
        picture = picture.swapaxes(0, 1)
    return picture[::-1] if side in ("right", "bottom") else picture


def _turned_back(picture: NDArray[np.float32], side: str) -> NDArray[np.float32]:
    picture = picture[::-1] if side in ("right", "bottom") else picture
    return np.ascontiguousarray(picture.swapaxes(0, 1) if side in ("left", "right") else picture)
