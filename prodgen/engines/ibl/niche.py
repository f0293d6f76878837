"""An arched niche in the studio's wall behind the product.

The wall stands where `shadow_patterns` puts it; the niche is as deep as a hand is long, its rim lit by where
it faces, its back by what the key light lets through the opening. Owns its outline and light; sizes are
chosen by eye.
"""

from __future__ import annotations

import math

import numpy as np

from prodgen.engines.ibl.camera import Camera
from prodgen.engines.ibl.panorama import Array, Environment
from prodgen.engines.ibl.shadow_patterns import WALL_DEPTH, unit_of

BACK_DEPTH = WALL_DEPTH + 0.16
"""Where the niche's back stands, in depths of the product."""

NARROWEST, WIDEST = 0.46, 0.68
"""Bounds of half the opening's width, picture sides on the wall."""

HEADROOM = 0.06
"""Space above the opening's top, as a share of the picture's height, where there is room for it."""

IN_SHADE = 0.58
"""Light on the part of the back that the key light does not reach, 1 = lit."""

FLOOR = 1.06
"""Light on the floor, compared with that on the wall."""

CORNER = 0.20
"""How much darker the wall is where it meets the floor."""


def carve(
    camera: Camera,
    rows: Array,
    columns: Array,
    environment: Environment,
    *,
    gain: Array,
    light: Array,
    outside: Array,
    inside: Array,
    product_half: float,
) -> Array:
    """Draw wall, niche and floor.

    Args:
        camera: Where they are seen from.
        rows: (h,) rows of the picture.
        columns: (w,) its columns.
        environment: Lights the rim of the opening.
        gain: (3,) exposure.
        light: (h, w, 3) light on wall and floor.
        outside: (3,) or (h, 1, 3), linear colour of wall and floor.
        inside: Linear colour of the niche's back, of the same shape.
        product_half: Half the product's width, picture sides; the opening is wider.

    Returns:
        (h, w, 3), linear.
    """
    side, unit = np.float32(camera.side), float(unit_of(camera))
    below = rows[:, None] - np.float32(camera.horizon)
    across = (columns[None] - np.float32(camera.width / 2)) / side
    half = float(np.clip(1.25 * product_half * WALL_DEPTH, NARROWEST, WIDEST))
    foot, far_foot = camera.drop / WALL_DEPTH, camera.drop / BACK_DEPTH
    room = (camera.horizon + foot - HEADROOM * camera.height) * WALL_DEPTH / camera.side
    straight = max(room - half, 0.25)
    pixel = float(rows[1] - rows[0]) * WALL_DEPTH / camera.side

    def outline(x: Array, y: Array) -> Array:
        """Distance from the opening's outline, below 0 inside."""
        return np.where(y < straight, np.abs(x), np.hypot(x, y - straight)) - np.float32(half)

    x, y = across * np.float32(WALL_DEPTH), (foot - below) * np.float32(WALL_DEPTH) / side
    opening = np.clip(0.5 - outline(x, y) / pixel, 0, 1)[..., None] * (below < foot)[..., None]
    back_x, back_y = across * np.float32(BACK_DEPTH), (far_foot - below) * np.float32(BACK_DEPTH) / side
    on_back = np.clip(0.5 - outline(back_x, back_y) / pixel, 0, 1)[..., None] * (below < far_foot)[..., None]
    depth = np.float32(camera.drop) / np.maximum(below, np.float32(far_foot))
    on_ground = (np.clip(0.5 - (np.abs(across * depth) - half) / pixel, 0, 1) * (below >= far_foot))[
        ..., None
    ]

    key = environment.key
    turn = math.radians(float(np.clip(key.azimuth_deg, -75, 75)))
    thickness = (BACK_DEPTH - WALL_DEPTH) * unit
    shift_x = thickness * math.tan(turn)
    shift_y = thickness * math.tan(math.radians(min(key.elevation_deg, 60))) / math.cos(turn)
    edge = outline(back_x + np.float32(shift_x), back_y + np.float32(shift_y))
    reached = np.clip(0.5 - edge / (0.05 + 0.25 * key.softness), 0, 1)[..., None]
    radius = np.maximum(np.hypot(x, y - straight), 1e-3)
    facing = np.stack(
        [
            np.where(y < straight, -np.sign(x), -x / radius),
            np.where(y < straight, 0, -(y - straight) / radius),
            np.zeros_like(radius),
        ],
        axis=-1,
    ).astype(np.float32)
    rim = environment.irradiance(facing) * gain * np.float32(0.9) * outside
    corner = 1 - CORNER * np.exp(-np.abs(foot - below) * np.float32(WALL_DEPTH) / side / 0.06)[..., None]
    far_corner = 1 - CORNER * np.exp(-np.abs(far_foot - below) / side / 0.03)[..., None]
    back = inside * light * (IN_SHADE + (1 - IN_SHADE) * reached) * far_corner
    ground = outside * light * FLOOR
    niche = rim + (back - rim) * on_back
    niche = niche + (ground * np.float32(0.85) * far_corner - niche) * on_ground
    seam = np.clip((below - foot) / float(rows[1] - rows[0]) + 0.5, 0, 1)[..., None]
    plain = (outside * light * (1 - seam) + ground * seam) * corner
    return np.asarray(plain + (niche - plain) * opening, np.float32)
