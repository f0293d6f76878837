"""Pictures with transparency: what nobody can see in them is never looked at.

A file keeps a colour under every pixel of its alpha, also where alpha is 0: an old backdrop, black, or
whatever a program left there. `without_hidden_colours` replaces those on reading, `seen` makes of such a
picture what a camera would have seen: the product before a flat ground.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from prodgen.images import (
    STRIPE_PX,
    Matte,
    Photo,
    Pixels,
    RgbImage,
    as_floats,
    part_enlarged,
    reduced,
    resize,
    to_uint8,
)

SPREAD_PX = 512
"""Longest side at which colours are spread into what is transparent. Speed: nobody ever sees them."""

GROUNDS = (0.9, 0.2)
"""sRGB greys that a transparent picture is put on: a studio's light and its dark backdrop. Chosen."""


def without_hidden_colours(photo: Photo) -> Photo:
    """Return the picture with the colours under alpha 0 replaced by those of the nearest visible pixels.

    What is visible stays to the bit. A picture with nothing visible, or without alpha, comes back as it is.
    """
    matte = photo.matte
    if matte is None or matte.min() > 0 or matte.max() <= 0:
        return photo
    height, width = matte.shape
    spread = _spread(photo.pixels, matte)
    pixels = photo.pixels.copy()
    for top in range(0, height, STRIPE_PX):
        rows = slice(top, min(height, top + STRIPE_PX))
        hidden = matte[rows] <= 0
        if hidden.any():
            found = part_enlarged(spread, (rows, slice(0, width)), matte.shape)[hidden]
            pixels[rows][hidden] = to_uint8(found) if pixels.dtype == np.uint8 else found
    return replace(photo, pixels=pixels)


def _small_size(matte: Matte) -> tuple[int, int]:
    """Width and height of the small picture in which hidden colours and grounds are worked out."""
    scale = min(1.0, SPREAD_PX / max(matte.shape))
    return max(1, round(matte.shape[1] * scale)), max(1, round(matte.shape[0] * scale))


def _spread(pixels: Pixels, matte: Matte) -> RgbImage:
    """A small picture of the visible colours, each transparent place with that of the nearest visible one."""
    size = _small_size(matte)
    visible = (matte > 0).astype(np.float32)
    share = resize(visible, *size)
    colours = np.dstack([resize(as_floats(pixels[..., k]) * visible, *size) for k in range(3)])
    colours /= np.maximum(share, 1e-6)[..., None]
    _, labels = cv2.distanceTransformWithLabels(
        (share <= 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    by_label = np.zeros((labels.max() + 1, 3), np.float32)
    by_label[labels[share > 0]] = colours[share > 0]
    return np.ascontiguousarray(by_label[labels])


def seen(photo: Photo, *, ground: float | None = None) -> RgbImage:
    """Return what a camera would have seen: (H, W, 3), sRGB; a transparent picture before a flat grey ground.

    Args:
        photo: The picture.
        ground: sRGB grey. None: the one of `GROUNDS` that differs more from the colours along the edge of
            what is visible.
    """
    matte = photo.matte
    if matte is None or (ground is None and matte.max() <= 0):
        return photo.rgb
    level = np.float32(_ground(photo.pixels, matte) if ground is None else ground)
    result = np.empty(photo.pixels.shape, np.float32)
    for top in range(0, len(matte), STRIPE_PX):
        rows = np.s_[top : top + STRIPE_PX]
        alpha = matte[rows][..., None]
        colours = as_floats(photo.pixels[rows])
        result[rows] = np.where(alpha >= 1, colours, level + (colours - level) * alpha)
    return result


def on_white(rgb: RgbImage, matte: Matte) -> RgbImage:
    """Return a transparent picture on white, for formats without alpha; opaque places stay to the bit."""
    return seen(Photo(rgb, matte), ground=1.0)


def with_product(alpha: Matte | None, product: Matte, shape: tuple[int, ...]) -> Matte | None:
    """Return the alpha, of `shape`, of a transparent picture that got a product; None if it had none.

    What was transparent stays so, but for the product.
    """
    if alpha is None:
        return None
    return np.maximum(*(resize(matte, shape[1], shape[0]) for matte in (alpha, product)))


def _ground(pixels: Pixels, matte: Matte) -> float:
    size = _small_size(matte)
    solid = (resize(matte, *size) > 0.5).astype(np.uint8)
    rim = (solid > 0) & (cv2.erode(solid, np.ones((5, 5), np.uint8), borderValue=0) == 0)
    if not rim.any():
        return GROUNDS[0]
    grey = float(np.median(reduced(pixels, size)[rim].mean(axis=1)))
    return max(GROUNDS, key=lambda ground: abs(ground - grey))
