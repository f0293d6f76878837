"""The published blend modes: what a relit pixel laid over a photographed one gives, in linear light.

The photograph lies below (the backdrop, Cb) and the relit picture above (the source, Cs), as layers of an
image editor do. A mode says what is taken from above; an opacity, how much. Pixel by pixel; knows nothing
of products and places.

Source: W3C, "Compositing and Blending Level 1": compositing after Porter and Duff (1984), and non-separable
blend modes. It weighs channels by 0.3, 0.59, 0.11, for values of old screens; linear sRGB has the weights of
BT.709 (`prodgen.color.LUMA`), and these are taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from prodgen.color import brightest, luminance
from prodgen.images import Plane

BlendMode = Callable[[Plane, Plane], Plane]
"""B(Cb, Cs): photographed and relit linear light, (..., 3) each, to that of the mode in full."""

TINY = 1e-6
"""Least difference that is divided by. Guard: float32 near 1 has steps of 1e-7."""


def alpha(photo: Plane, relit: Plane) -> Plane:
    """Take the relit picture as it is: "normal" in the standard's words."""
    return relit


def color(photo: Plane, relit: Plane) -> Plane:
    """Take hue and saturation of the relit picture; the luminance stays the photograph's."""
    return set_luminance(relit, luminance(photo))


def luminosity(photo: Plane, relit: Plane) -> Plane:
    """Take the luminance of the relit picture; hue and saturation stay the photograph's."""
    return set_luminance(photo, luminance(relit))


MODES: Mapping[str, BlendMode] = {"alpha": alpha, "color": color, "luminosity": luminosity}
"""The modes that a formula for each pixel decides, by their names."""


def set_luminance(linear: Plane, wanted: Plane) -> Plane:
    """Give colours another luminance by adding grey: SetLum of the standard.

    Args:
        linear: (..., 3), linear light.
        wanted: (...), luminance, 0 to 1.

    Returns:
        (..., 3), within 0 to 1 by `clip_color`; their luminance is `wanted`.
    """
    return clip_color(linear + (wanted - luminance(linear))[..., None])


def clip_color(linear: Plane) -> Plane:
    """Draw colours towards the grey of their luminance until all channels are in 0 to 1: ClipColor.

    Hue and luminance stay; saturation falls, where it must.
    """
    grey = luminance(linear)[..., None]
    lowest = -brightest(-linear)[..., None]
    highest = brightest(linear)[..., None]
    apart = linear - grey
    raised = grey + apart * grey / np.maximum(grey - lowest, TINY)
    result = np.where(lowest < 0, raised, linear)
    lowered = grey + (result - grey) * (1 - grey) / np.maximum(highest - grey, TINY)
    return np.asarray(np.where(highest > 1, lowered, result), np.float32)


def over(photo: Plane, blended: Plane, opacity: Plane) -> Plane:
    """Lay the blended colours over the photograph: (1 - opacity) Cb + opacity B(Cb, Cs).

    Args:
        photo: (H, W, 3), linear light; opaque.
        blended: (H, W, 3), linear light.
        opacity: (H, W), 0 to 1; where it is 0 the photograph stays to the bit.
    """
    return np.asarray(photo + opacity[..., None] * (blended - photo), np.float32)
