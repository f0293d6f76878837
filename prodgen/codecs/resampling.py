"""Plain resizing as other programs do it, to the bit: so an enlargement without a network is recognised."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prodgen.images import RgbImage, to_uint8

_PILLOW = (
    Image.Resampling.LANCZOS,
    Image.Resampling.BICUBIC,
    Image.Resampling.BILINEAR,
    Image.Resampling.NEAREST,
    Image.Resampling.BOX,
)
_OPENCV = (cv2.INTER_LANCZOS4, cv2.INTER_CUBIC, cv2.INTER_LINEAR, cv2.INTER_NEAREST, cv2.INTER_AREA)

SAME_LEVELS = 1
"""Largest difference, in 8-bit levels, at which two pictures count as one.

The same program gives the very same bits; one level is left for another version's rounding.
"""


def is_plainly_resized(small: RgbImage, large: RgbImage) -> bool:
    """Whether `large` is what Pillow or OpenCV make of `small` by a formula, such as Lanczos.

    Servers whose upscaler lacks its weights fall back to that and do not say so. A picture without any
    structure is enlarged alike by everything, and counts as plainly resized.

    Args:
        small: (H, W, 3), sRGB, [0, 1].
        large: Another size of it, (H, W, 3), sRGB, [0, 1].
    """
    pixels = to_uint8(large).astype(np.int16)
    height, width = large.shape[:2]
    return any(
        np.abs(pixels - resized).max() <= SAME_LEVELS for resized in _resized(to_uint8(small), width, height)
    )


def _resized(pixels: NDArray[np.uint8], width: int, height: int) -> Iterator[NDArray[np.uint8]]:
    picture = Image.fromarray(pixels)
    for way in _PILLOW:
        yield np.asarray(picture.resize((width, height), way))
    for flag in _OPENCV:
        yield np.asarray(cv2.resize(pixels, (width, height), interpolation=flag), np.uint8)
