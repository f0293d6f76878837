"""A finished picture enlarged by the backend to an exact size, by the best upscaler that it has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from prodgen import placement
from prodgen.client.knowledge.names import best_upscaler
from prodgen.errors import UnknownNameError, WrongValueError
from prodgen.images import RgbImage, resize
from prodgen.schema import Upscale

if TYPE_CHECKING:
    from prodgen.client.client import Client


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


def enlarge(
    picture: RgbImage, width: int, height: int, *, upscaler: str, client: Client
) -> tuple[RgbImage, str]:
    """Return the picture at this size by an upscaler of the backend, and that upscaler's name.

    Raises:
        UnknownNameError: If the backend has no upscaler of that name.
        BackendError: If it cannot do it.
    """
    name = best_upscaler(client.capabilities) if upscaler == "auto" else upscaler
    request = Upscale(
        image=picture,
        upscaler_1=name,
        upscaling_resize_w=width,
        upscaling_resize_h=height,
        upscaling_crop=True,
    )
    try:
        large = client.upscale(request).image
    except (UnknownNameError, WrongValueError) as error:
        error.setting = "upscaler"
        raise
    return resize(large, width, height), name
