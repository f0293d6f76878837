"""Plain resizing as other programs do it: so an enlargement without a network is recognised."""

from __future__ import annotations

from typing import Any, NamedTuple

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

TILE_PX = 64
"""Side of the part that is compared, in pixels of the result: small, so that an edge or two fill it."""

GRID_PX = 8
"""A1111's enlarged pictures have sides that are multiples of it."""

LEAST_STRUCTURE = 1.0
"""Mean 8-bit levels between Lanczos and bilinear below which all ways of enlarging look alike.

They are whole numbers: below one level rounding is compared.
"""

_LANCZOS_AND_BILINEAR = (Image.Resampling.LANCZOS, Image.Resampling.BILINEAR)

RIM_PX = 8
"""Rim of the compared part that a fit leaves out: twice the widest blur, which knows nothing beyond it."""

_SIGMAS_PX = (1.0, 2.0, 4.0)
"""Blurs of which a fit makes up a sharpening filter: an unsharp mask takes one blur from the picture."""

_GREATEST_NEIGHBOUR = 1
"""Reach in pixels of a fit beside its blurs: kernels of 3x3, and shifts by less than a pixel."""


class _Geometry(NamedTuple):
    """How a result lies over the picture that it was made of: position x * scale - offset."""

    scale: tuple[float, float]
    offset: tuple[int, int]


class Distance(NamedTuple):
    """How far an enlarged picture is from plain resizing: 0 = to the bit, 1 = as Lanczos is from bilinear."""

    from_formulas: float
    """From the nearest formula as it is."""
    from_filtered: float
    """From the nearest formula with whatever linear filter behind it: sharpening, blur, a shift."""


def distance_from_formulas(small: RgbImage, large: RgbImage) -> Distance | None:
    """Return how far a picture is from plain resizing, measured where it has the finest structure.

    It may have been stretched to its size, or made to cover it and cut about its centre.

    Args:
        small: (H, W, 3), sRGB, [0, 1].
        large: Made of it in whatever way, (h, w, 3), sRGB, [0, 1].

    Returns:
        None if it is no larger, or has no structure.
    """
    source, result = to_uint8(small), to_uint8(large)
    found = [
        _distance_in(source, result, geometry)
        for geometry in _geometries(source.shape, result.shape)
        if min(geometry.scale) > 1
    ]
    told = [distance for distance in found if distance is not None]
    return Distance(*map(min, zip(*told, strict=True))) if told else None


def _distance_in(
    source: NDArray[np.uint8], result: NDArray[np.uint8], geometry: _Geometry
) -> Distance | None:
    left, top = _finest(source, result.shape, geometry)
    right, bottom = (
        min(edge, round(side * scale) - offset)
        for edge, side, scale, offset in zip(
            (left + TILE_PX, top + TILE_PX), source.shape[1::-1], *geometry, strict=True
        )
    )
    part = result[top:bottom, left:right]
    whole = Image.fromarray(source)
    plain = [_part_by_pillow(whole, geometry, (left, top), part.shape, formula) for formula in _PILLOW]
    lanczos, bilinear = (plain[_PILLOW.index(formula)] for formula in _LANCZOS_AND_BILINEAR)
    structure = _distance(lanczos, bilinear)
    if structure < LEAST_STRUCTURE:
        return None
    plain += _part_by_opencv(source, geometry, (left, top), part.shape)
    return Distance(
        min(_distance(part, formula) for formula in plain) / structure,
        min(_distance_when_filtered(part, formula) for formula in plain) / structure,
    )


def _distance_when_filtered(part: NDArray[np.uint8], formula: NDArray[np.uint8]) -> float:
    """Return how far a part is from what the best linear filter makes of a formula's; 0 if that is open."""
    inner = np.s_[RIM_PX:-RIM_PX, RIM_PX:-RIM_PX]
    plain, wanted = formula.astype(np.float32), part[inner].astype(np.float32)
    # A filter's sum is cut off at black and white: there it is no longer linear.
    uncut = (wanted > 0) & (wanted < 255)
    steps = range(-_GREATEST_NEIGHBOUR, _GREATEST_NEIGHBOUR + 1)
    terms: list[NDArray[Any]] = [np.roll(plain, (down, right), (0, 1)) for down in steps for right in steps]
    terms += [cv2.GaussianBlur(plain, (0, 0), sigma) for sigma in _SIGMAS_PX]
    columns = np.stack(
        [term[inner][uncut] for term in terms] + [np.ones(int(uncut.sum()), np.float32)], axis=1
    )
    if len(columns) < 10 * columns.shape[1]:
        return 0.0
    weights = np.linalg.lstsq(columns, wanted[uncut], rcond=None)[0]
    return float(np.abs(columns @ weights - wanted[uncut]).mean())


def _finest(source: NDArray[np.uint8], shape: tuple[int, ...], geometry: _Geometry) -> tuple[int, int]:
    """Return left and top of the part of the result in which the source has the finest structure."""
    fine = np.abs(cv2.Laplacian(cv2.cvtColor(source, cv2.COLOR_RGB2GRAY), cv2.CV_32F))
    reach = [max(1, round(TILE_PX / scale)) for scale in geometry.scale]
    around = cv2.blur(fine, (reach[0], reach[1]))
    row, column = np.unravel_index(int(around.argmax()), around.shape)
    centre = [place * scale - offset for place, scale, offset in zip((column, row), *geometry, strict=True)]
    limits = shape[1] - TILE_PX, shape[0] - TILE_PX
    left, top = (
        max(0, -offset, min(int(at - TILE_PX / 2), most))
        for at, most, offset in zip(centre, limits, geometry.offset, strict=True)
    )
    return left, top


def _distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(np.float32) - other).mean())


def _geometries(small: tuple[int, ...], large: tuple[int, ...]) -> list[_Geometry]:
    """Return the ways in which servers resize and cut: stretched, or to cover the size, about its centre.

    A1111 takes both sides of what covers the size down to a multiple of 8 (its modules/upscaler.py), and
    leaves black what is then lacking.
    """
    (height, width), (high, wide) = small[:2], large[:2]
    scale = max(wide / width, high / height)
    whole = round(width * scale), round(height * scale)
    grid = int(width * scale) // GRID_PX * GRID_PX, int(height * scale) // GRID_PX * GRID_PX
    laid = [
        ((wide, high), (0, 0)),
        (whole, ((whole[0] - wide) // 2, (whole[1] - high) // 2)),
        (grid, (grid[0] // 2 - wide // 2, grid[1] // 2 - high // 2)),
    ]
    return [_Geometry((size[0] / width, size[1] / height), offset) for size, offset in dict.fromkeys(laid)]


def _part_by_pillow(
    whole: Image.Image,
    geometry: _Geometry,
    corner: tuple[int, int],
    shape: tuple[int, ...],
    formula: Image.Resampling,
) -> NDArray[np.uint8]:
    """Return a part of the picture that the formula makes of `whole`, as it is in all of that picture."""
    first = [(corner[i] + geometry.offset[i]) / geometry.scale[i] for i in (0, 1)]
    last = [first[0] + shape[1] / geometry.scale[0], first[1] + shape[0] / geometry.scale[1]]
    box = (first[0], first[1], min(last[0], whole.width), min(last[1], whole.height))
    return np.asarray(whole.resize((shape[1], shape[0]), formula, box=box))


def _part_by_opencv(
    source: NDArray[np.uint8], geometry: _Geometry, corner: tuple[int, int], shape: tuple[int, ...]
) -> list[NDArray[np.uint8]]:
    """Return a part of what OpenCV's formulas make of `source`; they are others than Pillow's."""
    x, y = (
        ((np.arange(side, dtype=np.float32) + corner[i] + geometry.offset[i] + 0.5) / geometry.scale[i] - 0.5)
        for i, side in ((0, shape[1]), (1, shape[0]))
    )
    maps = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    return [
        np.asarray(cv2.remap(source, *maps, formula, borderMode=cv2.BORDER_REPLICATE), np.uint8)
        for formula in (cv2.INTER_CUBIC, cv2.INTER_LANCZOS4, cv2.INTER_NEAREST)
    ]
