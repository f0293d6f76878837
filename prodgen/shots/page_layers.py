"""A picture under way as layers of a page: what is behind the product, its shadow, the product."""

from __future__ import annotations

import numpy as np

from prodgen.codecs import PageLayer
from prodgen.color import to_linear, to_srgb
from prodgen.images import RgbImage, from_uint8, to_uint8
from prodgen.shots.frame import Frame
from prodgen.shots.layers import FinalScene, Placed, Shade
from prodgen.shots.see_through import product_alone, shadow_alone
from prodgen.shots.shadow_words import read_hex

DARKEST = 1 / 64
"""Least share of light by which a shadow is taken out of a scene again.

Guard: below, 8-bit steps of the scene would become bands."""


def page_layers(frame: Frame, *, transparent: bool) -> list[PageLayer]:
    """Return the layers, the lowest one first, all of the canvas' size.

    Laid on each other in sRGB, as page programs do, they are the picture to two steps of 8 bit: the shadow
    multiplies what is below it, and is the quotient of both as they are stored. On transparency there is
    nothing to multiply, so that the shadow is a colour of some alpha, which is exact on white. Through glass
    one sees the scene, and on transparency the page.
    """
    if transparent:
        return [PageLayer("shadow", *shadow_alone(frame)), PageLayer("product", *product_alone(frame))]
    scene, shade = frame[FinalScene].image, frame.get(Shade)
    product = PageLayer("product", frame.product, frame[Placed].matte)
    if shade is None:
        return [PageLayer("ground", scene), product]
    lit = _without(scene, shade)
    # Outside the shadow the quotient would be the rounding of the scene's own 8 bits.
    is_shaded = (shade.by_channel < 1) & (lit > 0)
    darker = np.where(is_shaded, scene / np.maximum(lit, 1e-6), 1)
    shadow = PageLayer("shadow", np.clip(darker, 0, 1).astype(np.float32), multiplies=True)
    return [PageLayer("ground", lit), shadow, product]


def _without(scene: RgbImage, shade: Shade) -> RgbImage:
    """Return a scene as it was before its shadow was multiplied onto it, in the 8 bits that a page stores."""
    factor = shade.by_channel
    factor = factor + (1 - factor) * to_linear(read_hex(shade.color))
    lit = to_srgb(np.asarray(to_linear(scene) / np.maximum(factor, DARKEST), np.float32))
    return from_uint8(to_uint8(np.asarray(np.clip(lit, 0, 1), np.float32)))
