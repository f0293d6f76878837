"""What provably ran when a picture was enlarged on the server: no formula, and to the size asked for.

A server whose upscaler lacks its weights resizes by Lanczos instead, and answers 200 in the upscaler's name.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prodgen.client.knowledge import upscalers
from prodgen.client.reaching import encoding
from prodgen.errors import NotAppliedError
from prodgen.images import RgbImage
from prodgen.schema import Capabilities, Proof, Upscale
from prodgen.schema.request import size_text

UPSCALER = "upscaler"
"""The `feature` of a NotAppliedError about enlarging."""

TILE_PX = 64
"""Side of the part that is compared, in pixels of the result: small, so that an edge or two fill it."""

LEAST_STRUCTURE = 1.0
"""Mean 8-bit levels between Lanczos and bilinear below which all ways of enlarging look alike.

They are whole numbers: below one level rounding is compared.
"""

PLAIN = 0.35
"""Distance from the nearest formula below which a picture counts as resized: 1 = from Lanczos to bilinear.

Measured on six pictures enlarged 1.5, 2 and 4 times: Pillow's and OpenCV's Lanczos, cubic and linear at most
0.20, "prodgen-sharp" 0.70 to 1.24, Lanczos with an unsharp mask 0.49 to 2.39.
"""

BEYOND_JPEG = 2.0
"""Distance from which on a picture in a lossy format is more than resized; a Lanczos picture as
JPEG of quality 75 to 95 was at most 1.81 away.
"""

_FORMULAS = (
    Image.Resampling.LANCZOS,
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.NEAREST,
    Image.Resampling.BOX,
)


class _Geometry(NamedTuple):
    """How a result lies over the picture that it was made of: position x * scale - offset."""

    scale: tuple[float, float]
    offset: tuple[int, int]


def wanted_size(request: Upscale) -> tuple[float, float]:
    """Width and height that an enlarged picture is to have."""
    factor = request.upscaling_resize or 1.0
    height, width = request.image.shape[:2]
    return request.upscaling_resize_w or width * factor, request.upscaling_resize_h or height * factor


def check_enlarged(url: str, request: Upscale, picture: RgbImage) -> None:
    """Refuse a picture that was not enlarged as asked.

    Raises:
        NotAppliedError: If so.
    """
    wanted_w, wanted_h = wanted_size(request)
    height, width = picture.shape[:2]
    # One side may end smaller where a size was asked for: the server keeps the proportions.
    if width < 0.98 * wanted_w and height < 0.98 * wanted_h:
        raise NotAppliedError(
            url,
            f"upscaler {request.upscaler_1!r} made {width}x{height} of {size_text(request.image)}, "
            f"not {wanted_w:.0f}x{wanted_h:.0f}",
            feature=UPSCALER,
        )


def only_resized(
    url: str, name: str, capabilities: Capabilities, *, without: Collection[str]
) -> NotAppliedError:
    """Return the error that an upscaler resized by a formula, with the name of one to try instead."""
    other = upscalers.in_turn(capabilities, without=without)[0]
    return NotAppliedError(
        url,
        f"upscaler {name!r} only resized the picture by a formula, though the server lists and names it: its "
        "weights are missing there",
        feature=UPSCALER,
        remedy="Put its weights into the server's models folder (its console says which and where), or take "
        f"another: {other!r}.",
    )


def told(name: str, idle: Collection[str], *, is_named: bool) -> tuple[str, ...]:
    """Return a sentence on the upscalers that were passed over because they only resize, if there are any."""
    if is_named or not idle:
        return ()
    listed = " and ".join(repr(other) for other in sorted(idle))
    instead = f"{name!r} enlarged the picture"
    if upscalers.is_resampling(name):
        instead = f"the picture was enlarged by a formula ({name}), which invents no detail"
    return (
        f"The upscalers {listed} are listed by the server but only resize, their weights being missing: "
        f"{instead}",
    )


def judge(request: Upscale, picture: RgbImage, *, is_lossless: bool = True) -> Proof | None:
    """Return how it is known that an upscaler ran; None if the picture was resized by a formula.

    Upscalers that are formulas by their name are believed, and so is a server where nothing could be seen:
    in pictures without structure, or mixed of two upscalers, or with faces restored.
    """
    faces = request.gfpgan_visibility or request.codeformer_visibility
    if upscalers.is_resampling(request.upscaler_1) or request.upscaler_2 or faces:
        return Proof("words")
    # Unset, the server's own default holds, which cuts.
    is_cropped = request.upscaling_resize is None and request.upscaling_crop is not False
    difference = _beyond_formulas(request.image, picture, is_cropped=is_cropped)
    if difference is None or PLAIN <= difference < (PLAIN if is_lossless else BEYOND_JPEG):
        return Proof("words")
    return None if difference < PLAIN else Proof("picture", round(min(1.0, difference), 3))


def _beyond_formulas(small: RgbImage, large: RgbImage, *, is_cropped: bool) -> float | None:
    """Return how far `large` is from every formula, 1 = as Lanczos from bilinear; None without structure."""
    source, result = encoding.to_uint8(small), encoding.to_uint8(large)
    geometry = _geometry(source.shape, result.shape, is_cropped=is_cropped)
    if min(geometry.scale) <= 1:
        return None
    left, top = _finest(source, result.shape, geometry)
    part = result[top : top + TILE_PX, left : left + TILE_PX]
    whole = Image.fromarray(source)
    plain = [_resized(whole, geometry, (left, top), part.shape, formula) for formula in _FORMULAS]
    structure = _distance(plain[0], plain[1])
    plain += _resized_by_opencv(source, geometry, (left, top), part.shape)
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


def _resized(
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


def _resized_by_opencv(
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
