"""Pictures in memory: the array types that all of prodgen works on, and their arithmetic of size and depth.

Inside prodgen a picture is an `RgbImage`, always sRGB and upright. Files and their formats are the business
of `codecs` (bytes) and `files` (paths).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.errors import ImageError

RgbImage = NDArray[np.float32]
"""(H, W, 3) float32, sRGB, [0, 1]: the only kind of picture inside prodgen."""

Matte = NDArray[np.float32]
"""(H, W) float32, 1 = product, 0 = not, soft in between."""

Plane = NDArray[np.float32]
"""Any float32 array of pixels, (H, W), (H, W, C) or (n, C); the docstring at hand says what it holds."""


Pixels = NDArray[np.uint8] | NDArray[np.float32]
"""Colours or shares in 8 bit, or as float32 in [0, 1]."""


@dataclass(frozen=True)
class Photo:
    """A picture as read: upright, sRGB; with the matte that the file's alpha held, if any."""

    pixels: Pixels
    """(H, W, 3), colours not multiplied by alpha, as far as possible as the file has them: in 8 bit a picture
    takes a quarter of the memory."""

    matte: Matte | None = None
    notices: tuple[str, ...] = ()
    """What had to be guessed on reading, a sentence each."""

    @cached_property
    def rgb(self) -> RgbImage:
        """The colours as (H, W, 3) float32; made when they are first asked for."""
        return as_floats(self.pixels)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.pixels.shape[1], self.pixels.shape[0]


def from_uint8(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """8-bit values as float32 in [0, 1]."""
    return np.multiply(pixels, np.float32(1 / 255), dtype=np.float32)


def as_floats(pixels: Pixels) -> NDArray[np.float32]:
    """8-bit values as float32 in [0, 1]; floats as they are, not copied."""
    if pixels.dtype == np.uint8:
        return from_uint8(np.asarray(pixels, np.uint8))
    return np.asarray(pixels, np.float32)


def from_array(pixels: NDArray[Any], *, name: str = "the array") -> Photo:
    """Make a picture of an array of pixels, with a fourth channel as its matte where that is not opaque.

    Args:
        pixels: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), sRGB, RGB order: 8 or 16 bit unsigned, booleans,
            or floats from 0 to 1. It is copied.
        name: Stands for it in errors.

    Raises:
        ImageError: If its shape, type or values are others.
    """
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or not pixels.size:
        raise ImageError(
            f"{name} has the shape {pixels.shape}; a picture is (height, width) or (height, width, 1, 3 or 4)"
        )
    if pixels.dtype in (np.uint8, np.uint16):
        values = np.multiply(pixels, np.float32(1 / np.iinfo(pixels.dtype).max), dtype=np.float32)
    elif pixels.dtype == np.bool_:
        values = pixels.astype(np.float32)
    elif np.issubdtype(pixels.dtype, np.floating):
        values = pixels.astype(np.float32)
        if not (values.min() >= 0 and values.max() <= 1):  # also if any is not a number
            raise ImageError(
                f"{name} has values from {values.min():g} to {values.max():g}; floats go from 0 to 1:"
                " divide by the largest value, or give 8-bit values as uint8"
            )
    else:
        raise ImageError(f"{name} holds {pixels.dtype}; give uint8, uint16, or floats from 0 to 1")
    colours = values[..., :3] if values.shape[2] > 1 else np.repeat(values, 3, axis=2)
    return Photo(np.ascontiguousarray(colours), useful_alpha(values[..., 3:]))


def channel_sum(picture: Plane) -> Plane:
    """Add up the channels of (H, W, C) to (H, W). NumPy's sum over so short an axis is 30 times as slow."""
    return np.asarray(cv2.transform(picture, np.ones((1, picture.shape[2]), np.float32)), np.float32)


STRIPE_PX = 256
"""Rows of a large picture that are worked on at a time. Memory."""

OPAQUE = 240 / 255
"""Alpha from which a pixel counts as opaque: lossy and careless alpha of an opaque picture stays above it.

What shows through at 240 of 255 moves a value by at most 15 of 255, if black lies under white.
"""

STRAY_SHARE = 1e-4
"""Share of pixels below `OPAQUE` up to which alpha is noise: a ground takes hundreds of times as many."""


def is_opaque(alpha: NDArray[np.float32]) -> bool:
    """Whether alpha values say that there is nothing to see through, but for a little noise."""
    return float(alpha.min()) >= OPAQUE or int(np.count_nonzero(alpha < OPAQUE)) <= STRAY_SHARE * alpha.size


def useful_alpha(alpha: NDArray[np.float32]) -> Matte | None:
    """The matte that a last channel (H, W, 1) holds, or None if there is none or it is opaque."""
    return np.ascontiguousarray(alpha[..., 0]) if alpha.size and not is_opaque(alpha) else None


def to_uint8(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Float values as 8 bit, rounded, clipped to [0, 1]."""
    result = np.empty(picture.shape, np.uint8)
    for top in range(0, len(picture), STRIPE_PX):  # no second float picture of its size
        scaled = np.clip(picture[top : top + STRIPE_PX], 0, 1) * np.float32(255)
        scaled += np.float32(0.5)
        result[top : top + STRIPE_PX] = scaled
    return result


def reduced(pixels: Pixels, size: tuple[int, int]) -> NDArray[np.float32]:
    """A smaller version, (width, height), of a picture or matte, by area; the whole is not made floats."""
    if pixels.shape[1::-1] == size:
        return as_floats(pixels)
    return as_floats(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))  # type: ignore[arg-type]


def part_enlarged(small: Plane, window: tuple[slice, slice], shape: tuple[int, ...]) -> Plane:
    """Rows and columns of what a small picture would be at (height, width), without the rest of it."""
    y, x = (
        (np.arange(span.start, span.stop, dtype=np.float32) + 0.5) * (few / many) - 0.5
        for span, few, many in zip(window, small.shape, shape, strict=False)
    )
    across, down = np.meshgrid(x, y)
    return np.asarray(
        cv2.remap(small, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


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
    return result if shrinks else np.clip(result, 0, 1, out=result)


def cut_to(picture: RgbImage, width: int, height: int) -> RgbImage:
    """Return the middle of a picture that has these proportions, (H, W, 3), at this size in pixels."""
    scale = max(width / picture.shape[1], height / picture.shape[0])
    across, down = round(width / scale), round(height / scale)
    left, top = (picture.shape[1] - across) // 2, (picture.shape[0] - down) // 2
    return resize(picture[top : top + down, left : left + across], width, height)
