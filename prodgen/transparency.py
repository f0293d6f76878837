"""Pictures with transparency: what nobody can see in them is never looked at.

A file keeps a colour under every pixel of its alpha, also where alpha is 0: an old backdrop, black, or
whatever a program left there. `without_hidden_colours` replaces those on reading, `seen` makes of such a
picture what a camera would have seen: the product before a flat ground.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from prodgen.images import STRIPE_PX, Matte, Photo, Pixels, RgbImage, as_floats, reduced, resize, to_uint8

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
    height = len(matte)
    spread = _spread(photo.pixels, matte)
    pixels = photo.pixels.copy()
    for top in range(0, height, STRIPE_PX):
        rows = np.s_[top : top + STRIPE_PX]
        hidden = matte[rows] <= 0
        if hidden.any():
            found = _rows_of(spread, top, hidden.shape, height)[hidden]
            pixels[rows][hidden] = to_uint8(found) if pixels.dtype == np.uint8 else found
    return replace(photo, pixels=pixels)


def _spread(pixels: Pixels, matte: Matte) -> RgbImage:
    """A small picture of the visible colours, each transparent place with that of the nearest visible one."""
    scale = min(1.0, SPREAD_PX / max(matte.shape))
    size = (max(1, round(matte.shape[1] * scale)), max(1, round(matte.shape[0] * scale)))
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


def _rows_of(small: RgbImage, top: int, shape: tuple[int, ...], height: int) -> RgbImage:
    """The rows from `top` on of a small picture enlarged to a `height`, without the rest of it."""
    across, along = small.shape[1] / shape[1], small.shape[0] / height
    x = ((np.arange(shape[1], dtype=np.float32) + 0.5) * across - 0.5)[None].repeat(shape[0], axis=0)
    y = ((np.arange(top, top + shape[0], dtype=np.float32) + 0.5) * along - 0.5)[:, None]
    y = y.repeat(shape[1], axis=1)
    return np.asarray(cv2.remap(small, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


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
    scale = min(1.0, SPREAD_PX / max(matte.shape))
    size = (max(1, round(matte.shape[1] * scale)), max(1, round(matte.shape[0] * scale)))
    solid = (resize(matte, *size) > 0.5).astype(np.uint8)
    rim = (solid > 0) & (cv2.erode(solid, np.ones((5, 5), np.uint8), borderValue=0) == 0)
    if not rim.any():
        return GROUNDS[0]
    grey = float(np.median(reduced(pixels, size)[rim].mean(axis=1)))
    return max(GROUNDS, key=lambda ground: abs(ground - grey))
