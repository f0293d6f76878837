"""The last hand: the look's grade on the scene, and how the file is written."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from prodgen.color import luminance, to_linear, to_srgb
from prodgen.images import RgbImage
from prodgen.shots.frame import Frame, Grade, Stage, Tools


class Finish(Stage):
    """Grade the scene (never the product), and say how the file is written."""

    stage: Literal["finish"] = "finish"

    quality: int = Field(default=95, ge=1, le=100)
    """Of JPEG and WebP files; a WebP of 100 is lossless."""

    metadata: bool = True
    """Whether the picture carries its story: recipe, seed, backend, measured identity, AI marking."""

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with a graded scene."""
        if frame.grade == Grade() or frame.scene is None:
            return frame
        return frame.replace(scene=graded(frame.scene, frame.grade))


def graded(picture: RgbImage, grade: Grade) -> RgbImage:
    """Return a picture with contrast, saturation, warmth and lift changed.

    Contrast is a power around middle grey (0.18) in linear light, so black and its neighbours keep
    their order; saturation scales the distance to the luminance; warmth trades blue for red at equal
    luminance; lift raises sRGB black.

    Args:
        picture: (H, W, 3), sRGB, [0, 1].
        grade: The look.

    Returns:
        A new picture, sRGB, [0, 1].
    """
    linear = to_linear(picture)
    light = luminance(linear)[..., None]
    toned = 0.18 * np.power(np.maximum(light, 1e-6) / 0.18, grade.contrast)
    balance = np.array([1 + grade.warmth, 1.0, 1 - grade.warmth], np.float32)
    saturated = toned + (linear * (toned / np.maximum(light, 1e-6)) - toned) * grade.saturation
    result: RgbImage = to_srgb((saturated * balance).astype(np.float32)) * (1 - grade.lift) + grade.lift
    return result.astype(np.float32)
