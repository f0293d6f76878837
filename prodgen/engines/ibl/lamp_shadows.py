"""The shadows that the lights beside the key light throw on the floor, each in its own colour.

Owns how much of the floor's light each of them gives; how one light's shadow falls is `floor_view`'s.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from prodgen.color import LUMA
from prodgen.engines.ibl.camera import Camera
from prodgen.engines.ibl.floor_view import LOWEST_SHADOW_DEG, FloorLight, Product, thrown
from prodgen.engines.ibl.panorama import Array
from prodgen.light import Light

MOST_OF_REST = 0.8
"""Share of the light beside the key light that lamps give at most. Chosen: that of the key light in all."""


def rest_shadow(
    camera: Camera,
    light: FloorLight,
    product: Product | None,
    sky: Array,
    *,
    lights: Sequence[Light],
    key: Array,
    first: int,
) -> Array:
    """Return the share of all light but the key light that reaches the floor.

    Args:
        camera: The camera.
        light: What lights the floor.
        product: What stands on it.
        sky: (h, W), what the product leaves of light from all around.
        lights: The lights that are asked for, the key light first.
        key: (3,) radiance of a white surface that faces the key light, were that white; exposed.
        first: First row of the floor.

    Returns:
        (h, W, 3); (h, W, 1) where there is no light beside the key light, or no product.
    """
    share = sky[..., None]
    lamps = [one for one in lights[1:] if one.strength > 0 and one.elevation_deg > 0]
    if product is None or not lamps:
        return share
    parts = _parts(lamps, lights[0].strength, key, light.rest)
    left = share * (1 - np.sum(parts, axis=0))
    for lamp, part in zip(lamps, parts, strict=True):
        one = replace(
            light,
            azimuth_deg=lamp.azimuth_deg,
            elevation_deg=max(lamp.elevation_deg, LOWEST_SHADOW_DEG),
            softness=lamp.softness,
        )
        left = left + thrown(camera, one, product, first)[..., None] * part
    return np.asarray(left, np.float32)


def _parts(lamps: Sequence[Light], key_strength: float, key: Array, rest: Array) -> list[Array]:
    """Return what each lamp gives of the rest, (3,) each: Lambert's cosine of its strength and colour."""
    parts = []
    for lamp in lamps:
        height = math.sin(math.radians(max(lamp.elevation_deg, LOWEST_SHADOW_DEG)))
        given = lamp.tint * key * np.float32(height * lamp.strength / max(key_strength, lamp.strength))
        # As pale as the floor's light itself, whose camera is balanced for the product.
        given = 0.6 * given + 0.4 * float(given @ LUMA)
        parts.append(np.asarray(given / np.maximum(rest, 1e-6), np.float32))
    over = np.maximum(np.sum(parts, axis=0) / MOST_OF_REST, 1)
    return [np.asarray(part / over, np.float32) for part in parts]
