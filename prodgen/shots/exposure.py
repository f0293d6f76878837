"""How bright the scene around a product is, and how a drawn one is brought to the brightness of another."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from prodgen.color import luminance, to_linear, to_srgb
from prodgen.images import Matte, RgbImage, resize

MEASURED_PX = 256
"""Longer side of the copy that is measured. Speed: a median over a picture does not depend on its size."""

SURELY_NOT = 0.05
"""Matte below which a pixel of the small copy is scene alone. By definition 0, less 8-bit rounding."""

MOST_STOPS = 1.0
"""Most by which a drawn scene is made brighter or darker, in stops. Chosen: beyond it a night becomes a
grey day, and 8 bit show steps in what was dark."""

UNSEEN_L = 1.0
"""Difference in L* up to which a scene stays as it was drawn.

Source: a CIELAB difference of 1 is about the least that is seen side by side."""


def scene_lightness(scene: RgbImage, matte: Matte) -> float | None:
    """Return the median lightness L*, 0 to 100, of a scene around the product; None if there is nothing.

    Args:
        scene: (H, W, 3), sRGB, [0, 1].
        matte: The product on its canvas, of any size, 1 = product.
    """
    values = _around(scene, matte)
    return round(_lightness(float(np.median(values))), 2) if values.size else None


def exposed(
    scene: RgbImage, relit: RgbImage, matte: Matte, lightness: float
) -> tuple[RgbImage, RgbImage, str | None]:
    """Return a scene and the product in its light as bright as asked, and a sentence if that is too far.

    Both are multiplied in linear light, as by another exposure time, so the product goes along.

    Args:
        scene: (H, W, 3), sRGB, [0, 1].
        relit: The picture of the product in that light, of the same kind; may be `scene` itself.
        matte: The product on its canvas, of any size, 1 = product.
        lightness: The median L* that the scene is to have around the product, 0 to 100.
    """
    values = _around(scene, matte)
    now = float(np.median(values)) if values.size else 0.0
    if now <= 0 or abs(_lightness(now) - lightness) <= UNSEEN_L:
        return scene, relit, None
    stops = math.log2(max(_luminance(lightness), 1e-4) / now)
    gain = np.float32(2 ** float(np.clip(stops, -MOST_STOPS, MOST_STOPS)))
    brighter = to_srgb(np.clip(to_linear(scene) * gain, 0, 1))
    lit = brighter if relit is scene else to_srgb(np.clip(to_linear(relit) * gain, 0, 1))
    if abs(stops) <= MOST_STOPS:
        return brighter, lit, None
    way = "darker" if stops > 0 else "brighter"
    return (
        brighter,
        lit,
        f"the scene was drawn {abs(stops):.1f} stops {way} than its exposure was asked; it was brought"
        f" {MOST_STOPS:.0f} stop nearer; words for such a light would bring it nearer still",
    )


def _around(scene: RgbImage, matte: Matte) -> NDArray[np.float32]:
    """Return the linear luminance of the pixels that are scene alone, on a small copy."""
    factor = min(1.0, MEASURED_PX / max(scene.shape[:2]))
    size = max(1, round(scene.shape[1] * factor)), max(1, round(scene.shape[0] * factor))
    small, product = resize(scene, *size), resize(matte, *size)
    return np.asarray(luminance(to_linear(small))[product < SURELY_NOT])


def _lightness(value: float) -> float:
    """Return L* of a linear luminance (CIE 1976)."""
    return 116 * math.cbrt(value) - 16 if value > (6 / 29) ** 3 else value * (29 / 3) ** 3


def _luminance(lightness: float) -> float:
    """Return the linear luminance of an L* (CIE 1976)."""
    return ((lightness + 16) / 116) ** 3 if lightness > 8 else lightness / (29 / 3) ** 3
