"""The last hand: the look's grade on the scene."""

from __future__ import annotations

from typing import Literal

import numpy as np

from prodgen.color import luminance, to_linear, to_srgb
from prodgen.images import RgbImage
from prodgen.shots.frame import Frame, Stage, Tools
from prodgen.shots.layers import Brief, FinalScene, Grade


class FinishStage(Stage):
    """Grade the scene, never the product."""

    takes = (Brief, FinalScene)
    gives = (FinalScene,)

    stage: Literal["finish"] = "finish"

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with a graded scene."""
        grade = frame[Brief].grade
        return (
            frame if grade == Grade() else frame.holding(FinalScene(graded(frame[FinalScene].image, grade)))
        )


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
