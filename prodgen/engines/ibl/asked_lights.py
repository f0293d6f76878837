"""Which lights an order asks for: the words of its prompt and its light map, each for what it can say.

Words tell front from behind and name one of eight sides; a map tells left from right, heights, colours, and
how many lights there are. Degrees beside the words, which prodgen sends, are taken as they are. Owns only how
these go together.
"""

from __future__ import annotations

import math

import numpy as np

from prodgen.engines.ibl.prompt_reading import Reading
from prodgen.images import RgbImage, to_uint8
from prodgen.light import MOST_LIGHTS, Light
from prodgen.light.light_maps import lights_of_map

SECTOR_DEG = 45.0
"""Width of the sides that a prompt names. By definition: eight of them go round."""

NEAR_DEG = 60.0
"""Angle in the picture plane within which a light of the map may be the one that the prompt names. Chosen."""


def asked_lights(reading: Reading, light_map: RgbImage | None) -> tuple[Light, ...]:
    """Return the lights that are asked for, the key light first; none leaves the light to the scene.

    Args:
        reading: What was read of the prompt.
        light_map: The picture that the drawing starts from, if it stands for light.
    """
    found = () if light_map is None else lights_of_map(light_map)
    if reading.light is None:
        return found
    named = Light(
        azimuth_deg=reading.light[0],
        elevation_deg=reading.light[1],
        color=None
        if reading.gel is None
        else "#" + to_uint8(np.array(reading.gel, np.float32)).tobytes().hex(),
    )
    if light_map is None:
        return (named,)
    seen = min(found, key=lambda light: _apart(light, named), default=None)
    if seen is None or _apart(seen, named) > NEAR_DEG:
        # The map shows no side: the light is in the middle of what the prompt names.
        even = named.model_copy(update={"azimuth_deg": _azimuth(named, 0.0)})
        return (named if reading.is_light_exact else even, *found)[:MOST_LIGHTS]
    exact = {"azimuth_deg": named.azimuth_deg, "elevation_deg": named.elevation_deg}
    rounded = {"azimuth_deg": _azimuth(named, seen.azimuth_deg)}
    key = seen.model_copy(update=exact if reading.is_light_exact else rounded)
    return (key, *(light for light in found if light is not seen))


def _apart(one: Light, other: Light) -> float:
    """Return the angle between two lights as a map has them, where front and behind are one."""
    flat = [np.array([x, y, abs(z)]) for x, y, z in (one.direction, other.direction)]
    return math.degrees(math.acos(float(np.clip(flat[0] @ flat[1], -1, 1))))


def _azimuth(named: Light, seen_deg: float) -> float:
    """Return the azimuth within the named sector that the map's left and right agree with.

    The map says little of a light at the side, where its sine hardly changes: there the sector's middle
    counts.
    """
    middle = round(named.azimuth_deg / SECTOR_DEG) * SECTOR_DEG
    exact = seen_deg if abs(middle) <= 90 else 180 - seen_deg
    away = float(np.clip(math.remainder(exact - middle, 360), -SECTOR_DEG / 2, SECTOR_DEG / 2))
    return math.remainder(middle + away * math.cos(math.radians(exact)) ** 2, 360)
