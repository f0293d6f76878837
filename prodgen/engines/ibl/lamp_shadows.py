"""The shadows that the lights beside the key light throw on the floor, each in its own colour.

Owns how much of the floor's light each of them gives; how one light's shadow falls is `floor_view`'s.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from prodgen.engines.ibl.camera import Camera
from prodgen.engines.ibl.floor_view import LOWEST_SHADOW_DEG, FloorLight, Product, thrown
from prodgen.engines.ibl.panorama import Array, KeyLight
from prodgen.engines.ibl.standing_shadow import paled

MOST_OF_REST = 0.8
"""Share of the light beside the key light that lamps give at most. Chosen: that of the key light in all."""


def rest_shadow(
    camera: Camera,
    light: FloorLight,
    product: Product | None,
    sky: Array,
    *,
    lamps: Sequence[KeyLight],
    let_through: Sequence[Array | None],
    gain: Array,
    first: int,
) -> Array:
    """Return the share of all light but the key light that reaches the floor.

    Args:
        camera: The camera.
        light: What lights the floor.
        product: What stands on it.
        sky: (h, W), what the product leaves of light from all around.
        lamps: The lights beside the key light.
        let_through: (h, W) for each of them, what a pattern before it leaves; None: all of it.
        gain: (3,) exposure.
        first: First row of the floor.

    Returns:
        (h, W, 3); (h, W, 1) where nothing stands in any of these lights.
    """
    share = sky[..., None]
    cast = [
        (lamp, through)
        for lamp, through in zip(lamps, let_through, strict=True)
        if lamp.elevation_deg > 0 and not (product is None and through is None)
    ]
    if not cast:
        return share
    parts = _parts([lamp for lamp, _ in cast], gain, light.rest)
    left = share * (1 - np.sum(parts, axis=0))
    for (lamp, through), part in zip(cast, parts, strict=True):
        one = replace(
            light,
            azimuth_deg=lamp.azimuth_deg,
            elevation_deg=max(lamp.elevation_deg, LOWEST_SHADOW_DEG),
            softness=lamp.softness,
        )
        arrives = np.ones_like(sky) if product is None else thrown(camera, one, product, first)
        arrives = arrives if through is None else arrives * through
        left = left + arrives[..., None] * part
    return np.asarray(left, np.float32)


def _parts(lamps: Sequence[KeyLight], gain: Array, rest: Array) -> list[Array]:
    """Return what each lamp gives of the rest, (3,) each: Lambert's cosine of its light."""
    parts = []
    for lamp in lamps:
        height = math.sin(math.radians(max(lamp.elevation_deg, LOWEST_SHADOW_DEG)))
        given = np.array(lamp.colour, np.float32) * gain * np.float32(height * lamp.irradiance / math.pi)
        parts.append(np.asarray(paled(given) / np.maximum(rest, 1e-6), np.float32))
    over = np.maximum(np.sum(parts, axis=0) / MOST_OF_REST, 1)
    return [np.asarray(part / over, np.float32) for part in parts]
