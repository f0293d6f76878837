"""A finished picture enlarged by the backend to an exact size, by the best upscaler that it has."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from prodgen import placement
from prodgen.errors import UnknownNameError, WrongValueError
from prodgen.images import RgbImage, resize
from prodgen.schema import Enlargement

if TYPE_CHECKING:
    from prodgen.client.client import Client

GRID_PX = 8
"""A1111's enlarged pictures have sides that are multiples of it."""


def target_size(to: str | None, width: int, height: int) -> tuple[int, int]:
    """Return the size that `to` ("2", "4096x4096", None) makes of a picture of this size.

    Raises:
        SettingError: If it cannot be read, or is out of range.
    """
    if to is None:
        return width, height
    if re.fullmatch(r"\d+(\.\d+)?", to.strip()) and float(to) < placement.LEAST_SIDE:
        factor = float(to)
        if not 1 <= factor <= 8:
            raise WrongValueError("upscale", to, "must be a factor from 1 to 8, or a size")
        target = round(width * factor), round(height * factor)
    else:
        target = placement.parse_size(to, (width, height), setting="upscale")
    if max(target) > placement.MOST_SIDE:
        raise WrongValueError("upscale", to, f"must give at most {placement.MOST_SIDE} pixels a side")
    if target[0] < width and target[1] < height:
        raise WrongValueError(
            "upscale", to, f"must not be smaller than the picture, which is {width}x{height}"
        )
    return target


def enlarge(picture: RgbImage, width: int, height: int, *, upscaler: str, client: Client) -> Enlargement:
    """Return the picture at this size by an upscaler of the backend, with that upscaler's name.

    Args:
        picture: (H, W, 3), sRGB, [0, 1].
        width: Of the result, in pixels.
        height: Of the result, in pixels.
        upscaler: A name from the backend's list; "auto" takes the best that works.
        client: Of the backend.

    Raises:
        UnknownNameError: If the backend has no upscaler of that name.
        NotAppliedError: If an upscaler that was named only resizes.
        BackendError: If it cannot do it.
    """
    asked = _without_black_rim((picture.shape[1], picture.shape[0]), (width, height))
    try:
        large = client.upscale(
            image=picture,
            upscaler_1=None if upscaler == "auto" else upscaler,
            upscaling_resize_w=asked[0],
            upscaling_resize_h=asked[1],
            upscaling_crop=True,
        )
    except (UnknownNameError, WrongValueError) as error:
        error.setting = "upscaler"
        raise
    return replace(large, image=resize(large.image, width, height))


def _without_black_rim(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int]:
    """Return the least size to ask for that covers the target and that an A1111 fills.

    A1111 takes both sides of what its upscaler made down to a multiple of 8 (its modules/upscaler.py), and
    leaves a black rim where that is less than was asked for.
    """
    wide, high = (-(-side // GRID_PX) * GRID_PX for side in target)
    while True:
        # Its own arithmetic, in which 19 * (424 / 19) is less than 424.
        scale = max(wide / size[0], high / size[1])
        lacking = int(size[0] * scale) < wide, int(size[1] * scale) < high
        if not any(lacking):
            return wide, high
        wide, high = wide + GRID_PX * lacking[0], high + GRID_PX * lacking[1]
