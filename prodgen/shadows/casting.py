"""What a product hides of the light on the floor: contact, sky and cast shadow.

Contact shadow, ambient occlusion and cast shadow are three choices of lights over one set of slices,
not three tricks. Knows no scene; which light there is comes from the caller.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.images import Matte
from prodgen.masks import blur
from prodgen.shadows.slices import Slices, Transmission, cut, enlarge, hidden_share

CAMERA_PITCH_DEG = 18.0
"""How far a product camera usually looks down; used where the picture does not tell."""

FLOOR_BOUNCE = 0.1
"""Share of the blocked sky light that the product's own surface gives back to the floor."""

UNSEEN = 0.008
"""Darkening under which a shadow is taken as none: under one step of 8-bit sRGB."""

FAINT = 0.07
"""Darkening around which a shadow fades out. The faint skirt of a sky's shadow reaches over half the picture,
where no eye misses it and a given background should stay as it is."""

CONTACT_DEPTH = 0.5
"""Opacity of the thin dark line at the contact, on top of the sky's occlusion."""


def ground_shadow(
    matte: Matte,
    *,
    azimuth_deg: float,
    elevation_deg: float,
    softness: float = 0.5,
    strength: float = 0.4,
    camera_pitch_deg: float = CAMERA_PITCH_DEG,
    floor_top: float | None = None,
) -> Transmission:
    """Return the whole shadow of a product under one light and the sky around it.

    Args:
        matte: (H, W), 1 = product.
        azimuth_deg: Where the light comes from: 0 camera, 90 right, -90 left, 180 behind.
        elevation_deg: Height of the light over the horizon.
        softness: 0 (sun) to 1 (wide window); widens the shadow with distance.
        strength: Share of the floor's light that comes from this light, 0 to 1; the rest is
            an even sky.
        camera_pitch_deg: How far the camera looks down.
        floor_top: Row, in pixels of `matte`, where the floor ends (horizon, table edge);
            nothing above it is darkened.

    Returns:
        (H, W) transmission, to be multiplied onto the scene in linear light.

    Raises:
        PlacementError: If the matte is empty.
    """
    slices = cut(matte, camera_pitch_deg)
    strength = float(np.clip(strength, 0, 1)) if elevation_deg > 0 else 0.0
    sun = _cone(azimuth_deg, elevation_deg, softness)
    sky_hidden = _sky_hidden(slices)
    sun_hidden = hidden_share(slices, sun, np.ones(len(sun), np.float32))
    hidden = strength * sun_hidden + (1 - strength) * (1 - FLOOR_BOUNCE) * sky_hidden
    return _finish(slices, hidden, floor_top)


def cast_shadow(
    matte: Matte,
    *,
    azimuth_deg: float,
    elevation_deg: float,
    softness: float = 0.3,
    camera_pitch_deg: float = CAMERA_PITCH_DEG,
) -> Transmission:
    """Return the shadow of one light: sharp at the foot, softer with distance.

    Args:
        matte: (H, W), 1 = product.
        azimuth_deg: Where the light comes from: 0 camera, 90 right, -90 left, 180 behind.
        elevation_deg: Its height over the horizon; taken as at least 8 degrees.
        softness: 0 (sun, half a degree wide) to 1 (a light 60 degrees wide).
        camera_pitch_deg: How far the camera looks down.

    Returns:
        (H, W): 0 where the light is hidden entirely, 1 where it is seen whole.

    Raises:
        PlacementError: If the matte is empty.
    """
    slices = cut(matte, camera_pitch_deg)
    lights = _cone(azimuth_deg, elevation_deg, softness)
    hidden = hidden_share(slices, lights, np.ones(len(lights), np.float32))
    return enlarge(1 - hidden, slices)


def ambient_occlusion(
    matte: Matte,
    *,
    bounce: float = FLOOR_BOUNCE,
    camera_pitch_deg: float = CAMERA_PITCH_DEG,
) -> Transmission:
    """Return how much of an even sky each floor point sees past the product.

    Args:
        matte: (H, W), 1 = product.
        bounce: Share of the hidden light that the product reflects onto the floor.
        camera_pitch_deg: How far the camera looks down.

    Returns:
        (H, W) transmission; reaches about one product width around the product.

    Raises:
        PlacementError: If the matte is empty.
    """
    slices = cut(matte, camera_pitch_deg)
    hidden = _sky_hidden(slices)
    return enlarge(1 - (1 - bounce) * hidden, slices)


def contact_shadow(
    matte: Matte,
    *,
    opacity: float = CONTACT_DEPTH,
    camera_pitch_deg: float = CAMERA_PITCH_DEG,
) -> Transmission:
    """Return the thin dark line where product and floor meet.

    Args:
        matte: (H, W), 1 = product.
        opacity: Darkness at the contact, 0 to 1.
        camera_pitch_deg: How far the camera looks down.

    Returns:
        (H, W) transmission, 1 a few per cent of the product's size away from the footprint.

    Raises:
        PlacementError: If the matte is empty.
    """
    slices = cut(matte, camera_pitch_deg)
    return enlarge(_contact_line(slices, opacity), slices)


def shadow_under(
    matte: Matte,
    directions: NDArray[np.float32],
    weights: NDArray[np.float32],
    *,
    camera_pitch_deg: float = CAMERA_PITCH_DEG,
    floor_top: float | None = None,
) -> Transmission:
    """Return the shadow of a product under any set of lights, a whole sky for instance.

    Args:
        matte: (H, W), 1 = product.
        directions: (N, 3) unit vectors to the lights; X right, Y up, Z to the camera.
        weights: (N,) radiance times solid angle of each; those below the floor are left out.
        camera_pitch_deg: How far the camera looks down.
        floor_top: Row where the floor ends, as for `ground_shadow`.

    Returns:
        (H, W) transmission.

    Raises:
        PlacementError: If the matte is empty.
    """
    slices = cut(matte, camera_pitch_deg)
    hidden = (1 - FLOOR_BOUNCE) * hidden_share(slices, directions, weights)
    return _finish(slices, hidden, floor_top)


def sky_directions(count: int = 64) -> NDArray[np.float32]:
    """Return `count` directions spread evenly over the upper half sphere, (count, 3).

    A Fibonacci spiral: equal steps in height are equal solid angles (Archimedes).
    """
    index = np.arange(count, dtype=np.float32)
    height = (index + 0.5) / count
    around = index * math.pi * (3 - math.sqrt(5))
    across = np.sqrt(1 - height**2)
    return np.stack([across * np.sin(around), height, across * np.cos(around)], axis=1).astype(np.float32)


def _sky_hidden(slices: Slices) -> NDArray[np.float32]:
    """Return the share of an ordinary sky that the product hides, (h, w).

    A sky of single directions leaves faint streaks far from the foot, where a real one has none: there it
    is blurred, near the foot not.
    """
    lights = sky_directions()
    hidden = hidden_share(slices, lights, _sky_weights(lights))
    clear = (slices.planes[0] < 128).astype(np.uint8)
    away = np.asarray(cv2.distanceTransform(clear, cv2.DIST_L2, 5), np.float32) / (0.35 * slices.long_side)
    for sigma, near in ((0.02, 0.15), (0.05, 0.6), (0.1, 1.4)):
        share = np.clip((away - near) / near, 0, 1)
        hidden = hidden * (1 - share) + blur(hidden, sigma * slices.long_side) * share
    return np.asarray(hidden, np.float32)


def _sky_weights(directions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the radiance of an ordinary surrounding: brighter towards the horizon than overhead.

    Windows, lit walls and the low sky make it so; against path-traced tables this fits better
    than an even dome.
    """
    return np.asarray(1 / (directions[:, 1] + 0.3), np.float32)


def _cone(azimuth_deg: float, elevation_deg: float, softness: float, count: int = 24) -> NDArray[np.float32]:
    """Return directions filling the disc of one light, (count, 3)."""
    azimuth, elevation = math.radians(azimuth_deg), math.radians(float(np.clip(elevation_deg, 8, 90)))
    to_light = np.array(
        [
            math.cos(elevation) * math.sin(azimuth),
            math.sin(elevation),
            math.cos(elevation) * math.cos(azimuth),
        ]
    )
    side = np.cross(to_light, [0.0, 1.0, 0.0] if abs(to_light[1]) < 0.95 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    over = np.cross(side, to_light)
    radius = math.tan(math.radians(1.0 + 29 * float(np.clip(softness, 0, 1)) ** 1.5))
    index = np.arange(count)
    out, turn = radius * np.sqrt((index + 0.5) / count), index * math.pi * (3 - math.sqrt(5))
    lights = to_light + (out * np.cos(turn))[:, None] * side + (out * np.sin(turn))[:, None] * over
    lights[:, 1] = np.maximum(lights[:, 1], 0.1)
    return np.asarray(lights / np.linalg.norm(lights, axis=1, keepdims=True), np.float32)


def _contact_line(slices: Slices, opacity: float) -> NDArray[np.float32]:
    """Return the transmission of the thin dark line around the lowest slice."""
    foot = slices.planes[0].astype(np.float32) / 255
    tight = cv2.GaussianBlur(foot, (0, 0), max(0.012 * slices.long_side, 0.6))
    return np.asarray(1 - opacity * tight, np.float32)


def _finish(slices: Slices, hidden: NDArray[np.float32], floor_top: float | None) -> Transmission:
    """Add the contact line, end the floor where it ends, and enlarge."""
    hidden = hidden * hidden**3 / (hidden**3 + FAINT**3)
    small = (1 - hidden) * _contact_line(slices, CONTACT_DEPTH)
    small = 1 - np.maximum(1 - small - UNSEEN, 0) / (1 - UNSEEN)
    if floor_top is not None:
        window = slices.window
        rows = window.top + (np.arange(len(small)) + 0.5) * window.height / len(small)
        floor = np.clip((rows - floor_top) / max(0.03 * slices.shape[0], 1), 0, 1)[:, None]
        small = 1 - (1 - small) * floor
    return enlarge(small.astype(np.float32), slices)
