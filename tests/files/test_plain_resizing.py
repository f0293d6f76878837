"""An enlargement by a formula is told from one by a network, whichever program resized."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from prodgen.codecs import is_plainly_resized
from prodgen.engines.ibl.sharpening import enlarge
from prodgen.images import from_uint8

SMALL = np.random.default_rng(7).integers(0, 256, (40, 30, 3), np.uint8)

WAYS = {
    **{
        f"Pillow's {name}": Image.Resampling[name]
        for name in ("LANCZOS", "BICUBIC", "BILINEAR", "NEAREST", "BOX")
    },
    "OpenCV's Lanczos": cv2.INTER_LANCZOS4,
    "OpenCV's bicubic": cv2.INTER_CUBIC,
    "OpenCV's bilinear": cv2.INTER_LINEAR,
}


def resized(name: str, width: int, height: int) -> np.ndarray:
    if name.startswith("Pillow"):
        return np.asarray(Image.fromarray(SMALL).resize((width, height), WAYS[name]))
    return cv2.resize(SMALL, (width, height), interpolation=WAYS[name])


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("size", [(60, 80), (120, 160), (72, 96)])
def test_plain_resizing_is_recognised_to_the_pixel(name, size):
    large = resized(name, *size)

    assert is_plainly_resized(from_uint8(SMALL), from_uint8(large))
    assert is_plainly_resized(from_uint8(SMALL), from_uint8(np.clip(large, 1, 255) - 1))


def test_what_a_better_upscaler_makes_is_not_taken_for_it():
    assert not is_plainly_resized(from_uint8(SMALL), from_uint8(enlarge(SMALL, 60, 80)))


def test_a_few_other_pixels_are_enough_to_tell():
    large = resized("Pillow's LANCZOS", 60, 80).copy()
    large[10:12, 10:12] ^= 64

    assert not is_plainly_resized(from_uint8(SMALL), from_uint8(large))
