"""Give the product in a relit picture its own pixels back: light field, blend and measurement in one call."""

from __future__ import annotations

from typing import NamedTuple

from prodgen.identity.measure import Measurement, measure
from prodgen.images import Matte, Plane, RgbImage
from prodgen.ocr import Reader
from prodgen.shading import blend, pair_pictures, read_field


class Restored(NamedTuple):
    """The picture, and what was measured on it."""

    picture: RgbImage
    measurement: Measurement


def restore(
    original: RgbImage,
    relit: RgbImage,
    matte: Matte,
    *,
    strength: float = 1.0,
    ambience: float = 1.0,
    reader: Reader | None = None,
    left_out: Plane | None = None,
) -> Restored:
    """Blend the photograph's product into the relit picture, in its light, and measure the likeness.

    Args:
        original: The photograph, (H, W, 3), sRGB, [0, 1].
        relit: The same framing in new light, (h, w, 3), of any size.
        matte: (H, W), 1 = product.
        strength: 0 (the photograph's own light, exactly) to 1 (all the new light).
        ambience: Share of the light's colour, 0 (white light) to 1 (as found).
        reader: What reads print; see `measure`.
        left_out: What of the product is not in the matte; see `measure`.

    Raises:
        ImageError: If photograph and matte differ in size.
        IdentityError: If the matte holds no product to speak of, or `relit` does not show it there.
    """
    pair = pair_pictures(original, relit, matte)
    field = read_field(pair, strength=strength, ambience=ambience)
    # Without strength nothing of the relit light is in the field; how much of it was kept is still asked.
    light = field if strength > 0 else read_field(pair)
    picture = blend(original, relit, matte, field=field)
    measured = measure(
        original, picture, matte, relit=light, reader=reader, is_registered=True, left_out=left_out
    )
    return Restored(picture, measured)
