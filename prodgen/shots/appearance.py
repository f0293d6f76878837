"""How a finished picture looks beside others on a shop page, in numbers; and its photograph to compare.

Both work on a small copy: they cost milliseconds, and what they tell is read at a glance.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen import placement
from prodgen.color import luminance, to_lab, to_linear
from prodgen.images import Pixels, RgbImage, as_floats, reduced
from prodgen.shots.frame import Frame
from prodgen.shots.layers import Given, Placed

MEASURED_PX = 256
"""Longer side of the copy that is measured. Speed: means over a picture do not depend on its size."""

SURELY, SURELY_NOT = 0.95, 0.05
"""Matte beyond which a pixel of the small copy is product alone, or scene alone.

By definition 1 and 0, less the rounding of 8-bit mattes and of soft edges."""

DARKEST = 0.005
"""Linear luminance below which a pixel tells nothing about exposure.

By arithmetic: it is 15 of 255 in sRGB, where two steps of 8 bit are a third of a stop."""


def appearance(frame: Frame) -> dict[str, float]:
    """Measure what should be alike in the pictures of a catalogue, on a finished frame.

    Returns:
        `fill`: the longer side of the product's box as a share of the canvas, 0 to 1. `exposure_l` and
        `warmth_b`: mean L* and b* (D65) of the scene outside the product; missing where there is no scene.
        `product_stops`: median of the product's luminance over that in the photograph, in stops; missing
        where the product is too dark.
    """
    placed = frame[Placed]
    box = placed.placement
    look = {"fill": max((box.right - box.left) / box.width, (box.bottom - box.top) / box.height)}
    size = _within(box.width, box.height, MEASURED_PX)
    picture, matte = reduced(frame.picture, size), reduced(placed.matte, size)
    scene = matte < SURELY_NOT
    if scene.any():
        lab = to_lab(picture[scene][None])[0]
        look |= {"exposure_l": float(lab[:, 0].mean()), "warmth_b": float(lab[:, 2].mean())}
    before = luminance(to_linear(reduced(placed.original, size)))
    after = luminance(to_linear(picture))
    product = (matte > SURELY) & (before > DARKEST) & (after > DARKEST)
    if product.any():
        look["product_stops"] = float(np.median(np.log2(after[product] / before[product])))
    return {name: round(value, 4) for name, value in look.items()}


def photo_as_placed(frame: Frame, longer_side: int) -> RgbImage:
    """Return the photograph moved and scaled as its product was, so that it lies under the picture.

    Args:
        frame: It has the photograph and the product's place.
        longer_side: Of the result, pixels.

    Returns:
        (H, W, 3), sRGB, [0, 1], in the canvas' ratio; around the photograph its border's usual colour.
    """
    photo, place = frame[Given].photo, frame[Placed].placement
    width, height = _within(place.width, place.height, longer_side)
    factor = width / place.width
    scale = place.scale * factor
    there = max(1, round(place.photo_width * scale)), max(1, round(place.photo_height * scale))
    small = _resized(photo.pixels, there)
    if photo.matte is not None:
        alpha = _resized(photo.matte, there)[..., None]
        small = small * alpha + (1 - alpha)  # as a shop page shows a picture with alpha: on white
    reduced_place = place.model_copy(
        update={
            "width": width,
            "height": height,
            "photo_width": there[0],
            "photo_height": there[1],
            "scale": 1.0,
            "offset_x": round(place.offset_x * factor),
            "offset_y": round(place.offset_y * factor),
        }
    )
    red, green, blue = map(float, np.median(_border(small), axis=0))
    everywhere = np.ones(small.shape[:2], np.float32)
    return placement.apply(reduced_place, small, everywhere, fill=(red, green, blue))[0]


def _within(width: int, height: int, longer_side: int) -> tuple[int, int]:
    factor = min(1.0, longer_side / max(width, height))
    return max(1, round(width * factor)), max(1, round(height * factor))


def _resized(pixels: Pixels, size: tuple[int, int]) -> NDArray[np.float32]:
    if size[0] < pixels.shape[1]:
        return reduced(pixels, size)
    return np.clip(cv2.resize(as_floats(pixels), size, interpolation=cv2.INTER_LINEAR), 0, 1)


def _border(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
