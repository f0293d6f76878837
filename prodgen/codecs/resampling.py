"""Plain resizing as other programs do it: so an enlargement without a network is recognised."""

from __future__ import annotations

from typing import NamedTuple

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

LEAST_STRUCTURE = 1.0
"""Mean 8-bit levels between Lanczos and bilinear below which all ways of enlarging look alike.

They are whole numbers: below one level rounding is compared.
"""

_LANCZOS_AND_BILINEAR = (Image.Resampling.LANCZOS, Image.Resampling.BILINEAR)


class _Geometry(NamedTuple):
    """How a result lies over the picture that it was made of: position x * scale - offset."""

    scale: tuple[float, float]
    offset: tuple[int, int]


def distance_from_formulas(small: RgbImage, large: RgbImage, *, is_cropped: bool) -> float | None:
    """Return how far a picture is from the nearest formula, measured where it has the finest structure.

    Args:
        small: (H, W, 3), sRGB, [0, 1].
        large: Made of it in whatever way, (h, w, 3), sRGB, [0, 1].
        is_cropped: Whether `small` covered the size of `large` and was cut about its centre, as A1111 cuts.

    Returns:
        0 = to the bit, 1 = as far as Lanczos from bilinear; None if it is no larger, or has no structure.
    """
    source, result = to_uint8(small), to_uint8(large)
    geometry = _geometry(source.shape, result.shape, is_cropped=is_cropped)
    if min(geometry.scale) <= 1:
        return None
    left, top = _finest(source, result.shape, geometry)
    part = result[top : top + TILE_PX, left : left + TILE_PX]
    whole = Image.fromarray(source)
    plain = [
        _part_by_pillow(whole, geometry, (left, top), part.shape, formula)
        for formula in (*_LANCZOS_AND_BILINEAR, *_PILLOW)
    ]
    structure = _distance(plain[0], plain[1])
    plain += _part_by_opencv(source, geometry, (left, top), part.shape)
    if structure < LEAST_STRUCTURE:
        return None
    return min(_distance(part, formula) for formula in plain) / structure


def _finest(source: NDArray[np.uint8], shape: tuple[int, ...], geometry: _Geometry) -> tuple[int, int]:
    """Return left and top of the part of the result in which the source has the finest structure."""
    fine = np.abs(cv2.Laplacian(cv2.cvtColor(source, cv2.COLOR_RGB2GRAY), cv2.CV_32F))
    reach = [max(1, round(TILE_PX / scale)) for scale in geometry.scale]
    around = cv2.blur(fine, (reach[0], reach[1]))
    row, column = np.unravel_index(int(around.argmax()), around.shape)
    centre = [place * scale - offset for place, scale, offset in zip((column, row), *geometry, strict=True)]
    limits = shape[1] - TILE_PX, shape[0] - TILE_PX
    left, top = (max(0, min(int(at - TILE_PX / 2), most)) for at, most in zip(centre, limits, strict=True))
    return left, top


def _distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(np.float32) - other).mean())


def _geometry(small: tuple[int, ...], large: tuple[int, ...], *, is_cropped: bool) -> _Geometry:
    """Return how the result was resized and cut, as A1111 does: about its centre."""
    (height, width), (high, wide) = small[:2], large[:2]
    if not is_cropped:
        return _Geometry((wide / width, high / height), (0, 0))
    scale = max(wide / width, high / height)
    whole = round(width * scale), round(height * scale)
    return _Geometry((whole[0] / width, whole[1] / height), ((whole[0] - wide) // 2, (whole[1] - high) // 2))


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
