"""How much of the product that the photograph shows is not in the picture, such as a foot cut off with it."""

from __future__ import annotations

import numpy as np

from prodgen.color import delta_e, linear_to_lab, to_lab, to_linear
from prodgen.images import Matte, Plane, RgbImage, resize
from prodgen.masks import dilate, erode, fill

COMPARED_SIDE_PX = 512
"""Longest side of the pictures at which it is looked for. Speed."""


def missing_percent(
    original: RgbImage, result: RgbImage, matte: Matte, left_out: Plane, light: tuple[float, float, float]
) -> float:
    """Compare what lies beside the matte, and belongs to the product, with what the result shows there.

    A pixel is missing where the result is nearer to what surrounds it there than to the photograph in the
    result's light.

    Args:
        original: The photograph, (H, W, 3), sRGB.
        result: The picture in the same framing, (h, w, 3), of any size.
        matte: (H, W), 1 = product.
        left_out: (n, m), of any size, 1 where the photograph shows product that is not in the matte.
        light: What the result's light does to each channel, a factor in linear light.

    Returns:
        Percent of the whole product.
    """
    if not left_out.any():
        return 0.0
    scale = min(1.0, COMPARED_SIDE_PX / max(matte.shape))
    size = max(8, round(matte.shape[1] * scale)), max(8, round(matte.shape[0] * scale))
    before, after, product = resize(original, *size), to_lab(resize(result, *size)), resize(matte, *size)
    beside = resize(left_out, *size) > 0.5
    expected = linear_to_lab(np.clip(to_linear(before) * np.asarray(light, np.float32), 0, 1))
    hole = dilate((beside | (product > 0.05)).astype(np.float32), max(size) / 100)
    around = fill(after, hole)
    inner = erode(beside.astype(np.float32), max(size) / 200) > 0  # at the rim colours are mixed
    judged = inner if inner.any() else beside
    is_missing = delta_e(after[judged], around[judged]) < delta_e(after[judged], expected[judged])
    lost = float(is_missing.mean() * beside.sum()) if judged.any() else 0.0
    return 100 * lost / (lost + float(product.sum()))
