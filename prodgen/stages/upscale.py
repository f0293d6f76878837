"""The scene is brought to the final size; the product is taken from the photograph again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from prodgen import placement
from prodgen.errors import SettingError
from prodgen.images import RgbImage, resize
from prodgen.schema import Upscale as UpscaleRequest
from prodgen.stages.frame import Frame, Stage, Tools

if TYPE_CHECKING:
    from prodgen.client import Client

WORTH_A_MODEL = 1.3
"""Below this factor interpolation is as good, and takes no turn on the backend."""

PREFERRED = ("R-ESRGAN 4x+", "RealESRGAN_x4plus", "prodgen-sharp", "ESRGAN_4x", "Lanczos")
"""Upscalers in the order in which `auto` takes them, if the backend has them."""


class Upscale(Stage):
    """Enlarge the scene with the backend's upscaler; the product never goes through one."""

    stage: Literal["upscale"] = "upscale"

    to: str | None = None
    """A factor ("2", "1.5") or a size ("4096x4096"); unset: just the canvas."""

    upscaler: str = Field(default="auto", min_length=1)
    """As `/sdapi/v1/upscalers` lists it; auto takes the best known; "none" interpolates."""

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with product, matte and scene at the final size."""
        frame = self._at_final_size(frame)
        scene = frame.in_scene("upscale")
        _, matte = frame.on_canvas("upscale")
        height, width = matte.shape
        factor = max(width / scene.shape[1], height / scene.shape[0])
        is_little = factor < WORTH_A_MODEL and self.upscaler == "auto"
        if factor <= 1 or is_little or self.upscaler.lower() == "none" or frame.origin.backend == "none":
            return frame.replace(scene=resize(scene, width, height))
        tools.progress("upscale", 0.0)
        large, _ = enlarge(scene, width, height, upscaler=self.upscaler, client=tools.client())
        return frame.replace(scene=large)

    def _at_final_size(self, frame: Frame) -> Frame:
        _, matte = frame.on_canvas("upscale")
        width, height = target_size(self.to, matte.shape[1], matte.shape[0])
        if (height, width) == matte.shape or frame.placement is None:
            return frame
        foreground, photo_matte = frame.cut_out("upscale")
        placed = frame.placement.at_size(width, height)
        original, matte = placement.apply(placed, foreground, photo_matte)
        notice = None
        if placed.scale > 1.02:
            notice = (
                f"the product is shown at {placed.scale:.1f} times the photograph's size: it was"
                " interpolated, no detail was invented"
            )
        return frame.replace(placement=placed, original=original, matte=matte).noting(notice)


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
