"""A plain colour behind the product: the packshot. Needs no backend."""

from __future__ import annotations

from typing import Literal

import numpy as np
from PIL import ImageColor
from pydantic import Field, field_validator

from prodgen.shots.frame import Frame, Stage, Tools


class Sweep(Stage):
    """Put the product on one even colour; white is 255 everywhere, as marketplaces ask."""

    stage: Literal["sweep"] = "sweep"

    color: str = Field(default="white")
    """A CSS colour: a name or #rrggbb."""

    @field_validator("color")
    @classmethod
    def _known(cls, value: str) -> str:
        ImageColor.getrgb(value)  # says "unknown color specifier" by itself
        return value

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with an even scene."""
        _, matte = frame.on_canvas("sweep")
        red, green, blue = ImageColor.getrgb(self.color)[:3]
        scene = np.empty((*matte.shape, 3), np.float32)
        scene[:] = np.array([red, green, blue], np.float32) / 255
        return frame.replace(scene=scene, relit=None)
