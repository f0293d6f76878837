"""Computes how much of the floor's light a product hides: contact shadow, ambient occlusion, cast shadow.

All three use the same slices of the product with different sets of lights. The light comes from the caller;
no scene is looked at. How far each number moves the result: docs/calibration/shadows.md.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.images import Matte
from prodgen.masks import blur
from prodgen.shadows.slices import (
    REACH,
    Slices,
    Transmission,
    bounds,
    cut,
    enlarge,
    hidden_share,
    lifted,
)

CAMERA_PITCH_DEG = 18.0
"""Angle, in degrees, by which the camera looks down, where the picture does not show it.

Chosen: a usual tripod."""

FLOOR_BOUNCE = 0.1
"""Share of the hidden sky light that the product's own surface reflects onto the floor. Chosen by eye."""

INVISIBLE = 0.008
"""Darkening below which there is no shadow. Standard: under one step of 8-bit sRGB in the mid tones."""

FADE_OUT = 0.037
"""Darkening around which a shadow fades out.

Chosen: the faint skirt of a sky's shadow reaches over half the picture, where a background that was given
should stay as it is. Measured on path-traced tables: a quarter of it brings the shadow nearer to the truth by
a fiftieth and changes half as many pixels again; twice as much leaves it off by a twentieth."""

CONTACT_OPACITY, CONTACT_WIDTH = 0.5, 0.012
"""Opacity of the thin dark line at the contact, and its sigma in product sizes. Chosen by eye."""

CREVICE_WIDTH = 3.0
"""Distance from the foot, in overhangs of its rounded edge, at which the darkness under it is down to 37 %.

Measured on path-traced tables: half of it makes the shadow of four products worse by a twenty-fifth, and that
of twelve others better by a hundredth."""

BACKDROP_TO_DEG, SKY_FROM_DEG = 15.0, 60.0
"""Elevations up to which the light from behind is the backdrop's, and from which it is the sky's.

Chosen: a picture shows what stands behind a table up to about 15 degrees."""

RAYS = 24
"""Number of directions in which one light is taken. Speed; a shadow on which all depends takes more."""

MIN_ELEVATION_DEG = 8.0
"""Lowest elevation of a light, in degrees. Guard: a shadow grows without bound towards the horizon."""

SUN_RADIUS_DEG, SOFTEST_RADIUS_DEG, SOFTNESS_POWER = 1.0, 30.0, 1.5
"""Angular radius of a light of softness 0 and 1, in degrees, and the power of softness in between.

Chosen by eye: the sun with its halo, and a window wall."""

HORIZON_GLOW = 0.3
"""Sine of elevation added in 1 / (sine + glow), the radiance of a usual surrounding over elevation.

Chosen: on path-traced tables it fits better than an even dome; windows, lit walls and low sky are bright."""

FLOAT_BLUR = 0.08
"""Sigma of the blur under a floating product, in its gap.

Chosen: the 24 directions of a wide light lie so far apart on the floor."""

FLOOR_FADE = 0.03
"""Rows, as a share of the picture's height, over which a shadow ends at the floor's end. Chosen by eye."""


def ground_shadow(
    matte: Matte,
    *,
    azimuth_deg: float,
    elevation_deg: float,
    softness: float = 0.5,
    strength: float = 0.4,
    camera_pitch_deg: float = CAMERA_PITCH_DEG,
    lies_flat: bool = False,
    floor_top: float | None = None,
    gap: float = 0.0,
    reach: float = REACH,
    rays: int = RAYS,
    behind: float = 1.0,
    bounce: float = FLOOR_BOUNCE,
) -> Transmission:
    """Return the whole shadow of a product under one light and an even sky.

    Args:
        matte: (H, W), 1 = product.
        azimuth_deg: Azimuth of the light: 0 camera, 90 right, -90 left, 180 behind.
        elevation_deg: Elevation of the light over the horizon.
        softness: 0 (sun) to 1 (wide window); widens the shadow with distance.
        strength: Share of the floor's light that comes from this light, 0 to 1; the rest is
            an even sky.
        camera_pitch_deg: How far the camera looks down.
        lies_flat: Whether the product lies on the floor as a thin slab; its shadow falls all round it.
        floor_top: Row, in pixels of `matte`, where the floor ends (horizon, table edge);
            nothing above it is darkened.
        gap: Height of the product's foot over the floor, in its long sides; above 0 it floats: the floor
            under it lies lower in the picture, penumbras are wider, and there is no line of contact.
        reach: How far the shadow may fall, in the product's long sides.
        rays: Number of directions that the light is taken in; a wide light far from the floor needs more.
        behind: Radiance of the backdrop over that of the rest of the surroundings, 0 to 1: a product that
            hides a dark wall takes little light from the floor before it.
        bounce: Share of the hidden surroundings' light that the product's own surface sends to the floor
            instead: next to none from black glass, half from a white carton.

    Returns:
        (H, W) transmission, to be multiplied onto the scene in linear light.

    Raises:
        PlacementError: If the matte is empty.
    """
    rows = matte.shape[0]
    if gap > 0:  # the floor under it may lie below the picture, and its shadow still reach into it
        product = bounds(matte)
        room = math.ceil(gap * max(product.width, product.height))
        matte = np.pad(matte, ((0, room), (0, 0)))
    slices = cut(matte, camera_pitch_deg, lies_flat=lies_flat, reach=reach)
    if gap > 0:
        slices = lifted(slices, gap)
    strength = float(np.clip(strength, 0, 1)) if elevation_deg > 0 else 0.0
    sun = _cone(azimuth_deg, elevation_deg, softness, rays)
    sky_hidden = _sky_hidden(slices, behind)
    sun_hidden = hidden_share(slices, sun, np.ones(len(sun), np.float32))
    hidden = strength * sun_hidden + (1 - strength) * (1 - bounce) * sky_hidden
    if gap > 0:
        # The single directions of a light leave steps, which grow with the distance to the floor.
        hidden = blur(hidden, FLOAT_BLUR * gap * slices.long_side)
    line = (
        np.ones_like(hidden) if gap > 0 else _contact_line(slices) if lies_flat else _crevice(slices, bounce)
    )
    return _finish(slices, hidden, floor_top, line)[:rows]


def cast_shadow(
    matte: Matte,
    *,
    azimuth_deg: float,
    elevation_deg: float,
    softness: float = 0.3,
    camera_pitch_deg: float = CAMERA_PITCH_DEG,
    lies_flat: bool = False,
) -> Transmission:
    """Return the shadow of one light: sharp at the foot, softer with distance.

    Args:
        matte: (H, W), 1 = product.
        azimuth_deg: Azimuth of the light: 0 camera, 90 right, -90 left, 180 behind.
        elevation_deg: Elevation over the horizon; at least `MIN_ELEVATION_DEG` is used.
        softness: 0 (sun) to 1 (a light 60 degrees wide).
        camera_pitch_deg: How far the camera looks down.
        lies_flat: Whether the product lies on the floor as a thin slab; its shadow falls all round it.

    Returns:
        (H, W): 0 where the light is hidden entirely, 1 where all of it is visible.

    Raises:
        PlacementError: If the matte is empty.
    """
    slices = cut(matte, camera_pitch_deg, lies_flat=lies_flat)
    lights = _cone(azimuth_deg, elevation_deg, softness)
    hidden = hidden_share(slices, lights, np.ones(len(lights), np.float32))
    return enlarge(1 - hidden, slices)


def ambient_occlusion(
    matte: Matte,
    *,
    bounce: float = FLOOR_BOUNCE,
    camera_pitch_deg: float = CAMERA_PITCH_DEG,
    lies_flat: bool = False,
) -> Transmission:
    """Return the share of an even sky that each floor point sees past the product.

    Args:
        matte: (H, W), 1 = product.
        bounce: Share of the hidden light that the product reflects onto the floor.
        camera_pitch_deg: How far the camera looks down.
        lies_flat: Whether the product lies on the floor as a thin slab; its shadow falls all round it.

    Returns:
        (H, W) transmission; reaches about one product width around the product.

    Raises:
        PlacementError: If the matte is empty.
    """
    slices = cut(matte, camera_pitch_deg, lies_flat=lies_flat)
    hidden = _sky_hidden(slices)
    return enlarge(1 - (1 - bounce) * hidden, slices)


def contact_shadow(
    matte: Matte,
    *,
    opacity: float = CONTACT_OPACITY,
    camera_pitch_deg: float = CAMERA_PITCH_DEG,
    lies_flat: bool = False,
) -> Transmission:
    """Return the thin dark line where product and floor meet.

    Args:
        matte: (H, W), 1 = product.
        opacity: Darkness at the contact, 0 to 1.
        camera_pitch_deg: How far the camera looks down.
        lies_flat: Whether the product lies on the floor as a thin slab; its shadow falls all round it.

    Returns:
        (H, W) transmission, 1 a few per cent of the product's size away from the footprint.

    Raises:
        PlacementError: If the matte is empty.
    """
    slices = cut(matte, camera_pitch_deg, lies_flat=lies_flat)
    return enlarge(_contact_line(slices, opacity), slices)


def shadow_under(
    matte: Matte,
    directions: NDArray[np.float32],
    weights: NDArray[np.float32],
    *,
    camera_pitch_deg: float = CAMERA_PITCH_DEG,
    lies_flat: bool = False,
    floor_top: float | None = None,
) -> Transmission:
    """Return the shadow of a product under any set of lights, a whole sky for instance.

    Args:
        matte: (H, W), 1 = product.
        directions: (N, 3) unit vectors to the lights; X right, Y up, Z to the camera.
        weights: (N,) radiance times solid angle of each; those below the floor are left out.
        camera_pitch_deg: How far the camera looks down.
        lies_flat: Whether the product lies on the floor as a thin slab; its shadow falls all round it.
        floor_top: Row where the floor ends, as for `ground_shadow`.

    Returns:
        (H, W) transmission.

    Raises:
        PlacementError: If the matte is empty.
    """
    slices = cut(matte, camera_pitch_deg, lies_flat=lies_flat)
    hidden = (1 - FLOOR_BOUNCE) * hidden_share(slices, directions, weights)
    return _finish(slices, hidden, floor_top, _contact_line(slices))


def sky_directions(count: int = 64) -> NDArray[np.float32]:
    """Return `count` directions spread evenly over the upper half sphere, (count, 3).

    A Fibonacci spiral: equal steps in height are equal solid angles (Archimedes).
    """
    index = np.arange(count, dtype=np.float32)
    height = (index + 0.5) / count
    around = index * math.pi * (3 - math.sqrt(5))
    across = np.sqrt(1 - height**2)
    return np.stack([across * np.sin(around), height, across * np.cos(around)], axis=1).astype(np.float32)


def _sky_hidden(slices: Slices, behind: float = 1.0) -> NDArray[np.float32]:
    """Return the share of an ordinary sky that the product hides, (h, w).

    A sky of single directions leaves faint streaks far from the foot, which are blurred away; near the foot
    nothing is blurred. The three blurs are chosen by eye.
    """
    lights = sky_directions()
    hidden = hidden_share(slices, lights, _sky_weights(lights, behind))
    clear = (slices.planes[0] < 128).astype(np.uint8)
    away = np.minimum(
        cv2.distanceTransform(clear, cv2.DIST_L2, 5), max(clear.shape)
    )  # infinite without a foot
    away = np.asarray(away, np.float32) / (0.35 * slices.long_side)
    for sigma, near in ((0.02, 0.15), (0.05, 0.6), (0.1, 1.4)):
        share = np.clip((away - near) / near, 0, 1)
        hidden = hidden * (1 - share) + blur(hidden, sigma * slices.long_side) * share
    return np.asarray(hidden, np.float32)


def _sky_weights(directions: NDArray[np.float32], behind: float) -> NDArray[np.float32]:
    """Return the radiance of a usual surrounding, which is brighter towards the horizon than overhead.

    Low down behind the product it is that of the backdrop, `behind` times as bright.
    """
    x, up, near = directions.T
    away = np.clip(0.5 - 2 * near / np.maximum(np.hypot(x, near), 1e-6), 0, 1)
    share = (np.degrees(np.arcsin(up)) - BACKDROP_TO_DEG) / (SKY_FROM_DEG - BACKDROP_TO_DEG)
    share = np.clip(share, 0, 1)
    low = away * (1 - share * share * (3 - 2 * share))
    return np.asarray((1 - low * (1 - np.clip(behind, 0, 1))) / (up + HORIZON_GLOW), np.float32)


def _cone(
    azimuth_deg: float, elevation_deg: float, softness: float, count: int = RAYS
) -> NDArray[np.float32]:
    """Return directions filling the disc of one light, (count, 3)."""
    azimuth = math.radians(azimuth_deg)
    elevation = math.radians(float(np.clip(elevation_deg, MIN_ELEVATION_DEG, 90)))
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
    widening = (SOFTEST_RADIUS_DEG - SUN_RADIUS_DEG) * float(np.clip(softness, 0, 1)) ** SOFTNESS_POWER
    radius = math.tan(math.radians(SUN_RADIUS_DEG + widening))
    index = np.arange(count)
    out, turn = radius * np.sqrt((index + 0.5) / count), index * math.pi * (3 - math.sqrt(5))
    lights = to_light + (out * np.cos(turn))[:, None] * side + (out * np.sin(turn))[:, None] * over
    lights[:, 1] = np.maximum(lights[:, 1], 0.1)
    return np.asarray(lights / np.linalg.norm(lights, axis=1, keepdims=True), np.float32)


def _crevice(slices: Slices, bounce: float) -> NDArray[np.float32]:
    """Return the transmission of the dark gap under a body that overhangs its foot; 1 where none does.

    Each pixel has the mean over its width, so that a narrower gap is as much fainter; a pixel that the foot
    covers in part has the gap on the rest.
    """
    foot = slices.planes[0].astype(np.float32) / 255
    away = cv2.distanceTransform((foot < 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    away = np.minimum(away, max(away.shape))  # infinite without a foot
    width = max(CREVICE_WIDTH * slices.rounding * slices.long_side, 1e-3)
    first = np.maximum(away - 1, 0) / width
    # The guessed foot may show beside the product: there it is as dark as the floor right at it.
    dark = width * (1 - math.exp(-1 / width)) * (foot + (1 - foot) * np.exp(-first))
    return np.asarray(1 - (1 - bounce) * dark, np.float32)


def _contact_line(slices: Slices, opacity: float = CONTACT_OPACITY) -> NDArray[np.float32]:
    """Return the transmission of the thin dark line around the lowest slice."""
    foot = slices.planes[0].astype(np.float32) / 255
    tight = cv2.GaussianBlur(foot, (0, 0), max(CONTACT_WIDTH * slices.long_side, 0.6))
    return np.asarray(1 - opacity * tight, np.float32)


def _finish(
    slices: Slices, hidden: NDArray[np.float32], floor_top: float | None, line: NDArray[np.float32]
) -> Transmission:
    """Fade out faint shadow, add the line of contact, end at the floor's end, and enlarge."""
    hidden = hidden * hidden**3 / (hidden**3 + FADE_OUT**3)
    small = (1 - hidden) * line
    small = 1 - np.maximum(1 - small - INVISIBLE, 0) / (1 - INVISIBLE)
    if floor_top is not None:
        window = slices.window
        rows = window.top + (np.arange(len(small)) + 0.5) * window.height / len(small)
        floor = np.clip((rows - floor_top) / max(FLOOR_FADE * slices.shape[0], 1), 0, 1)[:, None]
        small = 1 - (1 - small) * floor
    return enlarge(small.astype(np.float32), slices)
