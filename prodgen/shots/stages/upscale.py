"""The scene is brought to the final size; the product is taken from the photograph again."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prodgen import placement
from prodgen.client import enlarge, target_size
from prodgen.images import resize
from prodgen.shots.frame import Frame, Stage, Tools

WORTH_A_MODEL = 1.3
"""Below this factor interpolation is as good, and takes no turn on the backend."""


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
