"""Light maps: the pictures that IC-Light starts from, bright where light comes from; drawn and read.

Source: the extension's own maps are ramps from white to black (left, right, top, bottom), and mid grey for
ambient light. Several lights are the sum of their ramps in linear light, as lamps add up on a wall.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.color import LUMA, to_linear, to_srgb
from prodgen.images import RgbImage
from prodgen.light.setting import MOST_LIGHTS, Light

USUAL_ELEVATION_DEG = 30.0
"""Elevation, in degrees, of a light whose height is not given. Chosen: a lamp or window beside a table."""

SIDE = 12
"""Pixels a side on which a map is read. Speed: ramps hold nothing finer."""

UNEXPLAINED = 0.1
"""Deviation of a map from the ramps found in it, as a share of its mean, that is no other light. Chosen."""

LEAST_GAIN = 0.75
"""Share of the squared deviation that one more light may leave at most. Chosen."""

COLOURLESS = 0.04
"""Difference of sRGB channels below which a light counts as white. Chosen: ten steps of 8 bits."""

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


def lights_of_map(picture: RgbImage) -> tuple[Light, ...]:
    """Return the lights whose ramps add up to a light map best, the strongest first; none if it is even.

    A map cannot tell a light in front from one behind: all that are found are in front.

    Args:
        picture: (H, W, 3), sRGB: any picture that is bright where light comes from.
    """
    small = to_linear(np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32))
    seen = small.reshape(-1, 3)
    angles, ramps = _known_ramps()
    even = np.ones((len(seen), 1), np.float32)
    chosen: list[int] = []
    weights = np.zeros((0, 3), np.float32)
    left = seen - seen.mean(axis=0)
    while len(chosen) < MOST_LIGHTS and float(np.sqrt((left**2).mean())) > UNEXPLAINED * max(
        float(seen.mean()), 1e-3
    ):
        trials = [_fit(seen, np.hstack([even, ramps[:, [*chosen, one]]])) for one in range(ramps.shape[1])]
        best = int(np.argmin([float((rest**2).sum()) for _found, rest in trials]))
        found, rest = trials[best]
        if best in chosen or float((rest**2).sum()) > LEAST_GAIN * float((left**2).sum()):
            break
        chosen, weights, left = [*chosen, best], found[1:], rest
    strongest = max((float(weight @ LUMA) for weight in weights), default=1.0)
    order = np.argsort([-float(weight @ LUMA) for weight in weights])
    return tuple(
        Light(
            azimuth_deg=angles[chosen[index]][0],
            elevation_deg=angles[chosen[index]][1],
            strength=float(np.clip(0.5 * float(weights[index] @ LUMA) / strongest, 0.05, 1)),
            color=_hex(weights[index]),
        )
        for index in order
    )


@cache
def _known_ramps() -> tuple[list[tuple[float, float]], NDArray[np.float32]]:
    """Return azimuth and elevation of lights in front, and their maps in linear light, one a column."""
    angles = [(float(a), float(e)) for e in (-45, 10, 20, 30, 45, 60, 85) for a in range(-90, 91, 10)]
    ramps = [to_linear(_ramp(Light(azimuth_deg=a, elevation_deg=e), SIDE, SIDE)) for a, e in angles]
    return angles, np.stack([ramp[..., 0].reshape(-1) for ramp in ramps], axis=1)


def _fit(
    seen: NDArray[np.float32], parts: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return how much of each part a map holds, channel by channel and never below 0, and what is left."""
    found = np.zeros((parts.shape[1], seen.shape[1]), np.float32)
    for channel in range(seen.shape[1]):
        held = np.arange(parts.shape[1])
        while held.size:
            share = np.linalg.lstsq(parts[:, held], seen[:, channel], rcond=None)[0]
            if (share >= 0).all():
                found[held, channel] = share
                break
            held = held[share >= 0]
    return found, np.asarray(seen - parts @ found, np.float32)


def _hex(linear: NDArray[np.float32]) -> str | None:
    """Return a light's colour; None if it has next to none."""
    display = to_srgb(linear / max(float(linear.max()), 1e-6))
    if float(display.max() - display.min()) < COLOURLESS:
        return None
    return "#" + bytes(np.round(display * 255).astype(np.uint8).tolist()).hex()


def _ramp(light: Light, width: int, height: int) -> NDArray[np.float32]:
    """Return one light's ramp, (height, width, 3), sRGB."""
    x, _y, _z = light.direction
    # A light of the usual elevation counts as level, so that "left" gives the extension's own map.
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
