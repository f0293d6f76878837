"""Pictures in memory: the array types that all of prodgen works on, and their arithmetic of size and depth.

Inside prodgen a picture is an `RgbImage`, always sRGB and upright. Files and their formats are the business
of `codecs` (bytes) and `files` (paths).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.errors import ImageError

RgbImage = NDArray[np.float32]
"""(H, W, 3) float32, sRGB, [0, 1]: the only kind of picture inside prodgen."""

Matte = NDArray[np.float32]
"""(H, W) float32, 1 = product, 0 = not, soft in between."""


@dataclass(frozen=True)
class Photo:
    """A picture as read: upright, sRGB; with the matte that the file's alpha held, if any."""

    rgb: RgbImage
    matte: Matte | None = None
    notices: tuple[str, ...] = ()
    """What had to be guessed on reading, a sentence each."""


def from_uint8(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """8-bit values as float32 in [0, 1]."""
    return pixels.astype(np.float32) * np.float32(1 / 255)


def to_uint8(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Float values as 8 bit, rounded, clipped to [0, 1]."""
    scaled = np.clip(picture, 0, 1) * np.float32(255)
    scaled += np.float32(0.5)
    return scaled.astype(np.uint8)


def resize(picture: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """A picture or matte at another size: by area to shrink, bicubic and clipped to [0, 1] to grow."""
    if picture.shape[:2] == (height, width):
        return picture
    if width < 1 or height < 1:
        raise ImageError(f"a picture cannot be {width}x{height}")
    shrinks = width <= picture.shape[1] and height <= picture.shape[0]
    result = cv2.resize(
        picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    ).astype(np.float32, copy=False)
    return result if shrinks else np.clip(result, 0, 1)
