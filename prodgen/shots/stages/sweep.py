"""A plain colour behind the product: the packshot. Needs no backend."""

from __future__ import annotations

from typing import Literal

import numpy as np
from PIL import ImageColor
from pydantic import Field, field_validator

from prodgen.shots.frame import Frame, Stage, Tools
from prodgen.shots.layers import NO_BACKEND, Drawn, Origin, Placed


class SweepStage(Stage):
    """Put the product on one even colour; white is 255 everywhere, as marketplaces ask."""

    takes = (Placed,)
    gives = (Drawn,)

    stage: Literal["sweep"] = "sweep"

    color: str = Field(default="white")
    """A CSS colour: a name or #rrggbb."""

    @field_validator("color")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            ImageColor.getrgb(value)
        except ValueError as error:
            raise ValueError(f"{value!r} is no colour; give a CSS name or #rrggbb") from error
        return value

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with an even scene."""
        matte = frame[Placed].matte
        red, green, blue = ImageColor.getrgb(self.color)[:3]
        scene = np.empty((*matte.shape, 3), np.float32)
        scene[:] = np.array([red, green, blue], np.float32) / 255
        return frame.holding(Drawn(scene, None, Origin(NO_BACKEND, is_generated=False)))
