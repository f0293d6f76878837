"""What the embedded renderer makes of the LoRAs it lists: fixed filters, in place of learned ones.

A LoRA that is listed and reported as applied must do something. These two do, roughly, what their namesakes
are used for: more fine detail, and a more contrasty, saturated rendering. Their strengths are chosen by eye,
so that a weight of 1 shows without looking filtered.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from prodgen import color
from prodgen.images import RgbImage
from prodgen.server.engine import ModelFile

_METADATA = {"ss_base_model_version": "prodgen-ibl", "prodgen": "a fixed filter of the embedded renderer"}

MORE_DETAILS = ModelFile("more_details", metadata=_METADATA)
RENDER_LOOK = ModelFile("SDXLrender_v2.0", metadata=_METADATA)
LORAS = (MORE_DETAILS, RENDER_LOOK)

DETAIL_SIGMA = 1 / 300
"""Scale of fine detail, as a share of the shorter side. Chosen by eye."""

DETAIL_GAIN = 0.8
"""Gain of the unsharp mask at a weight of 1. Chosen by eye."""

SATURATION_GAIN = 0.15
"""Added to the saturation at a weight of 1. Chosen by eye."""

CONTRAST_GAIN = 0.25
"""Strength of the S-curve at a weight of 1. Chosen by eye."""


def apply_looks(image: RgbImage, loras: Sequence[tuple[ModelFile, float]]) -> RgbImage:
    """Return a picture with the filters of its LoRAs, (H, W, 3), sRGB, [0, 1].

    Args:
        image: The picture.
        loras: Models and weights; 0 does nothing, a weight below it the opposite.
    """
    for model, weight in loras:
        if model == MORE_DETAILS:
            sigma = max(0.8, min(image.shape[:2]) * DETAIL_SIGMA)
            fine = image - cv2.GaussianBlur(image, (0, 0), sigma)
            image = image + np.float32(DETAIL_GAIN * weight) * fine
        elif model == RENDER_LOOK:
            grey = color.luminance(image)[..., None]
            image = grey + (image - grey) * np.float32(1 + SATURATION_GAIN * weight)
            image = image + np.float32(CONTRAST_GAIN * weight) * image * (1 - image) * (2 * image - 1)
        image = np.clip(image, 0, 1)
    return image
