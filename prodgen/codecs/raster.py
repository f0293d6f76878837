"""Pixels as a file holds them, and the one way from there to a picture: upright, sRGB, straight alpha.

The way goes strip by strip, so that beside the file's pixels and the finished picture nothing large is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prodgen.codecs.colour_spaces import ColourSpace, Conversion, Values
from prodgen.codecs.icc_profiles import Model
from prodgen.images import Photo, is_opaque

_STRIP_PIXELS = 1 << 18
"""Pixels worked on at a time: 3 MB a copy, which stays in the cache."""


@dataclass
class Raster:
    """What was read of a file."""

    pixels: NDArray[Any]
    """(H, W, C) values of `model`, unsigned integers or floats."""

    model: Model = "rgb"
    alpha: NDArray[Any] | None = None
    """(H, W), in the same values."""

    is_premultiplied: bool = False
    """Colours were multiplied by alpha (associated alpha)."""

    orientation: int = 1
    """How the picture is to be turned, as in Exif: 1 to 8."""

    space: ColourSpace | None = None
    """None: sRGB (or CMYK that nobody described)."""

    top: float = 0
    """Value that stands for 1; 0: the largest of its type, or 1.0 of floats."""

    notices: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.top:
            is_float = np.issubdtype(self.pixels.dtype, np.floating)
            self.top = 1.0 if is_float else float(np.iinfo(self.pixels.dtype).max)


def develop(raster: Raster) -> Photo:
    """Make the picture of what was read.

    Raises:
        ImageError: If its values mean nothing.
    """
    pixels = _upright(raster.pixels, raster.orientation)
    alpha = None if raster.alpha is None else _upright(raster.alpha, raster.orientation)
    matte = None
    if alpha is not None:
        matte = np.clip(_scaled(alpha, raster.top), 0, 1)
        if not raster.is_premultiplied and is_opaque(matte):
            matte = None
    convert = _conversion(raster)
    height, width = pixels.shape[:2]
    if convert is None and pixels.dtype == np.uint8 and raster.top == 255:
        colours = pixels if pixels.shape[2] == 3 else pixels.repeat(3, axis=2)
        return Photo(np.ascontiguousarray(colours), matte, tuple(dict.fromkeys(raster.notices)))
    rgb = np.empty((height, width, 3), np.float32)
    for rows in _strips(height, width):
        if convert is None:  # one grey value goes to all three
            np.multiply(pixels[rows], np.float32(1 / raster.top), out=rgb[rows])
            continue
        values = _scaled(pixels[rows], raster.top)
        if raster.is_premultiplied and matte is not None:
            with np.errstate(divide="ignore", invalid="ignore"):
                values = np.clip(np.nan_to_num(values / matte[rows][..., None]), 0, 1)
        rgb[rows] = convert(values)
    if matte is not None and is_opaque(matte):
        matte = None
    return Photo(rgb, matte, tuple(dict.fromkeys(raster.notices)))


def _conversion(raster: Raster) -> Conversion | None:
    """The way of one strip's values to sRGB; None: they only have to be scaled."""
    space, plain = raster.space, raster.pixels.dtype.kind == "u"
    if space is None and raster.model == "cmyk":
        return lambda values: (1 - values[..., :3]) * (1 - values[..., 3:])
    if space is None:
        return None if plain and not raster.is_premultiplied else lambda values: np.clip(values, 0, 1)
    convert = space.conversion(lambda: _brightest(raster))
    if raster.model == "grey" and space.channels == 3:
        return lambda values: convert(np.repeat(values, 3, axis=-1))[..., 1:2]
    return convert


def _brightest(raster: Raster) -> float:
    """The largest value that can be seen."""
    seen = raster.pixels if raster.alpha is None else raster.pixels[raster.alpha > 0]
    return float(np.fmax.reduce(seen, axis=None, initial=0)) / raster.top  # passes over what is no number


def _scaled(pixels: NDArray[Any], top: float) -> Values:
    if pixels.dtype.kind != "f":
        return np.asarray(np.multiply(pixels, np.float32(1 / top), dtype=np.float32))
    values = np.nan_to_num(pixels.astype(np.float32), posinf=1)
    values /= np.float32(top)
    return values


def _upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """A view of the pixels as they are to be seen. Source: Exif 2.32, tag 274."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def _strips(height: int, width: int) -> Iterator[slice]:
    rows = max(1, _STRIP_PIXELS // width)
    for start in range(0, height, rows):
        yield slice(start, start + rows)
