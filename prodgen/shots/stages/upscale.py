"""The scene is brought to the final size; the product is taken from the photograph again."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field

from prodgen import placement
from prodgen.client import enlarge, target_size
from prodgen.images import resize
from prodgen.shots.frame import Frame, Stage, Tools
from prodgen.shots.layers import NO_BACKEND, CutOut, Drawn, FinalScene, Kept, Placed
from prodgen.shots.magnified import told_enlarged

WORTH_A_MODEL = 1.3
"""Below this factor interpolation is as good, and takes no turn on the backend."""


class UpscaleStage(Stage):
    """Enlarge the scene with the backend's upscaler; the product never goes through one."""

    takes = (CutOut, Placed, Drawn)
    gives = (Placed, FinalScene)
    precedes = (FinalScene, Kept)

    stage: Literal["upscale"] = "upscale"

    upscale: str | None = None
    """A factor ("2", "1.5") or a size ("4096x4096"); unset: just the canvas."""

    upscaler: str = Field(default="auto", min_length=1)
    """A name from `/sdapi/v1/upscalers`; auto takes the best known; "none" interpolates."""

    def check(self) -> None:
        """Refuse a factor or size that cannot be read, before a scene is drawn that is to get it."""
        target_size(self.upscale, placement.LEAST_SIDE, placement.LEAST_SIDE)

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with product, matte and scene at the final size."""
        frame = self._at_final_size(frame)
        placed, drawn = frame[Placed], frame[Drawn]
        scene = drawn.scene
        height, width = placed.matte.shape
        factor = max(width / scene.shape[1], height / scene.shape[0])
        is_little = factor < WORTH_A_MODEL and self.upscaler == "auto"
        is_interpolated = self.upscaler.lower() == "none" or drawn.origin.backend == NO_BACKEND
        if factor <= 1 or is_little or is_interpolated:
            return frame.holding(FinalScene(resize(scene, width, height)))
        large = enlarge(scene, width, height, upscaler=self.upscaler, client=tools.client())
        return frame.holding(FinalScene(large.image)).noting(*large.notices)

    def _at_final_size(self, frame: Frame) -> Frame:
        placed, cut = frame[Placed], frame[CutOut]
        width, height = target_size(self.upscale, placed.matte.shape[1], placed.matte.shape[0])
        if (height, width) == placed.matte.shape:
            return frame
        larger = placed.placement.at_size(width, height)
        original, matte = placement.apply(
            larger, cut.seen if placed.keeps_surroundings else cut.foreground, cut.matte
        )
        # The backdrop keeps its size: it is a scene to enlarge, as a drawn one is.
        made = replace(placed, placement=larger, original=original, matte=matte)
        return frame.holding(made).noting(told_enlarged(larger.scale))
