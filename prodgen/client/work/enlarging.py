"""A finished picture enlarged by the backend to an exact size, by the best upscaler that it has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from prodgen import placement
from prodgen.errors import SettingError
from prodgen.images import RgbImage, resize
from prodgen.schema import Upscale as UpscaleRequest

if TYPE_CHECKING:
    from prodgen.client.client import Client

PREFERRED = ("R-ESRGAN 4x+", "RealESRGAN_x4plus", "prodgen-sharp", "ESRGAN_4x", "Lanczos")
"""Upscalers in the order in which `auto` takes them, if the backend has them."""


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
            raise SettingError(f"upscale {to!r}: a factor must be between 1 and 8")
        target = round(width * factor), round(height * factor)
    else:
        target = placement.parse_size(to, (width, height))
    if max(target) > placement.MOST_SIDE:
        raise SettingError(
            f"upscale {to!r} gives {target[0]}x{target[1]}; at most {placement.MOST_SIDE} px a side"
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
    name = upscaler
    if name == "auto":
        known = client.capabilities.upscalers
        name = next((wanted for wanted in PREFERRED if wanted in known), "Lanczos")
    large = client.upscale(
        UpscaleRequest(
            image=picture,
            upscaler_1=name,
            upscaling_resize_w=width,
            upscaling_resize_h=height,
            upscaling_crop=True,
        )
    )
    return resize(large, width, height), name
