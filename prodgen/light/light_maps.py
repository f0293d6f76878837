"""Light maps: the pictures that IC-Light starts from, bright where light comes from; drawn and read.

Source: the extension's own maps are ramps from white to black (left, right, top, bottom), and mid grey for
ambient light. Several lights are the sum of their ramps in linear light, as lamps add up on a wall.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from prodgen.color import to_linear, to_srgb
from prodgen.images import RgbImage
from prodgen.light.setting import Light

USUAL_ELEVATION_DEG = 30.0
"""Elevation, in degrees, of a light whose height is not given. Chosen: a lamp or window beside a table."""

LEAST_SHARE = 0.1
"""Share with which a light of strength 0, an even one, counts beside others.

Chosen: it lifts the dark side."""


def light_map(lights: Sequence[Light], width: int, height: int) -> RgbImage:
    """Return the light map of one to four lights.

    Each ramp follows its light's direction, is flatter the nearer the light is to the camera's axis, and has
    the light's colour; the sum is as bright as the brightest one alone.

    Args:
        lights: The lights; each counts by its strength.
        width: Pixels.
        height: Pixels.

    Returns:
        (height, width, 3), sRGB.
    """
    ramps = [to_linear(_ramp(light, width, height)) for light in lights]
    shares = [max(light.strength, LEAST_SHARE) for light in lights]
    total = np.sum([share * ramp for share, ramp in zip(shares, ramps, strict=True)], axis=0)
    brightest = max(float(ramp.max()) for ramp in ramps)
    return to_srgb((total * (brightest / max(float(total.max()), 1e-6))).astype(np.float32))


def _ramp(light: Light, width: int, height: int) -> NDArray[np.float32]:
    """Return one light's ramp, (height, width, 3), sRGB."""
    x, _y, _z = light.direction
    # Up to the usual elevation a light counts as level, so that "left" gives the extension's own map.
    y = math.sin(math.radians(max(light.elevation_deg - USUAL_ELEVATION_DEG, -90)))
    v, u = np.meshgrid(np.linspace(1, -1, height), np.linspace(-1, 1, width), indexing="ij")
    sideways = math.hypot(x, y)
    # An oblique ramp reaches its ends in the corners, a level one at the sides.
    length = max(abs(x) + abs(y), 1e-6)
    slope = min(1.0, 2 * light.strength) * min(1.0, 1.2 * sideways)
    spread = 0.75 + 0.5 * light.softness
    ramp = np.clip(0.5 + 0.5 * slope * (u * x + v * y) / length / spread, 0, 1).astype(np.float32)
    tint = to_srgb(light.tint / np.float32(light.tint.max()))
    return np.asarray(ramp[..., None] * tint, np.float32)
