"""Give the product in a relit picture its own pixels back: read, blend and measure in one call."""

from __future__ import annotations

from typing import NamedTuple

from prodgen.identity.blended_regions import product_with
from prodgen.identity.blending import Blending
from prodgen.identity.measure import Measurement, measure
from prodgen.images import Matte, Plane, RgbImage, resize
from prodgen.masks import composite
from prodgen.ocr import Reader
from prodgen.shading import LightField, blend, edge_colors, pair_pictures, scene_behind


class Restored(NamedTuple):
    """The picture, and what was measured on it."""

    picture: RgbImage
    measurement: Measurement
    notice: str | None = None
    """What of the blending had to be done otherwise than asked; None if nothing."""


def restore(
    original: RgbImage,
    relit: RgbImage,
    matte: Matte,
    *,
    blending: Blending | None = None,
    reader: Reader | None = None,
    left_out: Plane | None = None,
) -> Restored:
    """Blend the photograph's product into the relit picture, and measure the likeness.

    Args:
        original: The photograph, (H, W, 3), sRGB, [0, 1].
        relit: The same framing in new light, (h, w, 3), of any size.
        matte: (H, W), 1 = product.
        blending: How much is taken of the relit product, and in which way; None takes all of its light.
        reader: What reads print; see `measure`.
        left_out: What of the product is not in the matte; see `measure`.

    Raises:
        ImageError: If photograph and matte differ in size.
        IdentityError: If the matte holds no product to speak of, or `relit` does not show it there.
    """
    blending = blending or Blending()
    pair = pair_pictures(original, relit, matte)
    taken, notice = blending.of(pair, original, relit, matte)
    if isinstance(taken, LightField):
        picture = blend(original, relit, matte, field=taken)
    else:
        height, width = matte.shape
        scene = relit if relit.shape[:2] == (height, width) else resize(relit, width, height)
        product = product_with(taken, edge_colors(original, matte), matte)
        picture = composite(product, scene_behind(scene, matte), matte)
    measured = measure(
        original,
        picture,
        matte,
        relit=blending.light_of(taken, pair),
        reader=reader,
        is_registered=not blending.takes_pixels,
        left_out=left_out,
    )
    return Restored(picture, measured, notice)
