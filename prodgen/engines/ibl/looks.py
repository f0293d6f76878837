"""What the embedded renderer makes of the LoRAs it lists: fixed filters, in place of learned ones.

A LoRA that is listed and reported as applied must do something. These two do, roughly, what their
namesakes are used for: more fine detail, and a more contrasty, saturated rendering.
"""

from __future__ import annotations

import re

import cv2
import numpy as np

from prodgen import color
from prodgen.images import RgbImage
from prodgen.server.inventory import ModelFile

LORAS = (ModelFile("more_details"), ModelFile("SDXLrender_v2.0"))

_TAG = re.compile(r"<(\w+):([^:>]+)(?::([^:>]*))?[^>]*>")
_DETAIL_SIGMA = 1 / 300
"""Of the shorter side: what counts as fine detail."""


def split_prompt(prompt: str, known: tuple[ModelFile, ...]) -> tuple[str, list[tuple[ModelFile, float]]]:
    """Return a prompt without extra-network tags, and the known LoRAs in it with their weights.

    Unknown ones vanish, as on the real server.
    """
    found = []
    for kind, name, weight in _TAG.findall(prompt):
        model = next((model for model in known if model.name == name), None)
        if kind == "lora" and model is not None:
            found.append((model, _number(weight)))
    return _TAG.sub("", prompt), found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0


def apply_looks(image: RgbImage, loras: list[tuple[ModelFile, float]]) -> RgbImage:
    """Return a picture with the filters of its LoRAs, (H, W, 3), sRGB, [0, 1].

    Args:
        image: The picture.
        loras: Models and weights; 0 does nothing, a weight below it the opposite.
    """
    for model, weight in loras:
        if model.name == "more_details":
            sigma = max(0.8, min(image.shape[:2]) * _DETAIL_SIGMA)
            fine = image - cv2.GaussianBlur(image, (0, 0), sigma)
            image = image + np.float32(0.8 * weight) * fine
        elif model.name == "SDXLrender_v2.0":
            grey = color.luminance(image)[..., None]
            image = grey + (image - grey) * np.float32(1 + 0.15 * weight)
            image = image + np.float32(0.25 * weight) * image * (1 - image) * (2 * image - 1)
        image = np.clip(image, 0, 1)
    return image
