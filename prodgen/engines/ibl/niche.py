"""An arched niche in the studio's wall behind the product.

The wall stands where `shadow_patterns` puts it; the niche is as deep as a hand is long, its rim lit by where
it faces, its back by what each light sends through the opening. Owns its outline and light; sizes are
chosen by eye.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from prodgen.engines.ibl.camera import Camera
from prodgen.engines.ibl.panorama import Array, Environment, KeyLight
from prodgen.engines.ibl.plane import Pattern
from prodgen.engines.ibl.shadow_patterns import WALL_DEPTH, unit_of

BACK_DEPTH = WALL_DEPTH + 0.16
"""Where the niche's back stands, in depths of the product. Chosen by eye."""

WIDER = 1.6
"""Width of the opening in widths of the product before it. Chosen by eye: as much of it is seen on each side
as of a picture beside its mount."""

NARROWEST, WIDEST = 0.46, 0.78
"""Bounds of half the opening's width, picture sides on the wall. Chosen by eye."""

LEAST_STRAIGHT = 0.1
"""Height of the sides below the arch at least, sides on the wall. Chosen by eye: it stands on them."""

FLATTEST = 0.45
"""Least rise of the arch, in halves of its width. Chosen by eye: a flatter one is a doorway."""

HEADROOM = 0.06
"""Space above the opening's top where there is room for it, share of the picture's height. Chosen by eye."""

IN_SHADE = 0.58
"""Light on the part of the back that the key light does not reach, 1 = lit. Chosen by eye."""

FLOOR = 1.06
"""Light on the floor, compared with that on the wall. Chosen by eye."""

CORNER = 0.20
"""How much darker the wall is where it meets the floor. Chosen by eye."""


@dataclass(frozen=True)
class Foreground:
    """Where the product is in the picture, in picture sides."""

    middle: float = 0.0
    """Right of the picture's middle."""
    half: float = 0.2
    """Half its width."""
    top: float | None = None
    """Its highest point under the picture's upper edge; None: it hides nothing."""


@dataclass(frozen=True)
class Opening:
    """Where wall, niche and its parts are in a picture."""

    camera: Camera
    below: Array
    """(h, 1): rows under the horizon."""
    across: Array
    """(1, w): picture sides from the middle."""
    half: float
    """Half the opening's width, sides on the wall."""
    straight: float
    """Height from which the sides bend into the arch, sides on the wall."""
    rise: float
    """Height of the arch above that, sides on the wall; `half` makes it round."""
    middle: float
    """Where its middle is on the wall, sides."""
    row_step: float
    """Canvas rows of a row of this picture."""

    def outline(self, x: Pattern, y: Pattern) -> Pattern:
        """Distance from the opening's outline at points of a wall, below 0 inside."""
        y = (y - np.float32(self.straight)) * np.float32(self.half / self.rise)
        return np.asarray(np.where(y < 0, np.abs(x), np.hypot(x, y)) - np.float32(self.half))

    def on(self, depth: float) -> tuple[Array, Array]:
        """(1, w) and (h, 1): coordinates on a wall at a depth, sides from the opening's middle."""
        height = (np.float32(self.foot(depth)) - self.below) * np.float32(depth / self.camera.side)
        return self.across * np.float32(depth) - np.float32(self.middle), height

    def foot(self, depth: float) -> float:
        """Rows from the horizon down to the foot of a wall at a depth."""
        return self.camera.drop / depth

    def within(self, distance: Pattern) -> Array:
        """(h, w, 1): share of each pixel on the inner side of an outline, by the distance from it."""
        pixel = self.row_step * WALL_DEPTH / self.camera.side
        return np.asarray(np.clip(0.5 - distance / pixel, 0, 1), np.float32)[..., None]

    def shares(self) -> tuple[Array, Array, Array]:
        """(h, w, 1) each: share of a pixel in the opening, and there on the niche's back and on its floor."""
        below, far_foot = self.below[..., None], np.float32(self.foot(BACK_DEPTH))
        opening = self.within(self.outline(*self.on(WALL_DEPTH))) * (below < self.foot(WALL_DEPTH))
        on_back = self.within(self.outline(*self.on(BACK_DEPTH))) * (below < far_foot)
        depth = np.float32(self.camera.drop) / np.maximum(self.below, far_foot)
        on_ground = self.within(np.abs(self.across * depth - self.middle) - self.half) * (below >= far_foot)
        return opening, on_back, on_ground

    def facing(self) -> Array:
        """(h, w, 3): where the inner side of the arch faces, next to each point of the wall."""
        x, y = self.on(WALL_DEPTH)
        bent = np.float32(self.half / self.rise)  # of an ellipse, x / a² and y / b² are its normal
        y = (y - np.float32(self.straight)) * bent * bent
        radius = np.maximum(np.hypot(x, y), 1e-3)
        aside = np.where(y < 0, -np.sign(x), -x / radius)
        return np.stack([aside, np.where(y < 0, 0, -y / radius), np.zeros_like(radius)], -1).astype(
            np.float32
        )

    def reached(self, light: KeyLight) -> Array:
        """(h, w, 1): share of a light that comes through the opening to the niche's back."""
        turn = math.radians(float(np.clip(light.azimuth_deg, -75, 75)))
        thickness = (BACK_DEPTH - WALL_DEPTH) * float(unit_of(self.camera))
        x, y = self.on(BACK_DEPTH)
        rise = thickness * math.tan(math.radians(min(light.elevation_deg, 60))) / math.cos(turn)
        edge = self.outline(x + np.float32(thickness * math.tan(turn)), y + np.float32(rise))
        return np.asarray(np.clip(0.5 - edge / (0.05 + 0.25 * light.softness), 0, 1), np.float32)[..., None]

    def corner(self, depth: float, reach: float) -> Array:
        """(h, 1, 1): the darkness where a wall at a depth meets the floor; `reach` in picture sides."""
        away = np.abs(np.float32(self.foot(depth)) - self.below) / np.float32(self.camera.side)
        return np.asarray(1 - CORNER * np.exp(-away / np.float32(reach)), np.float32)[..., None]


def opening_for(camera: Camera, rows: Array, columns: Array, product: Foreground) -> Opening:
    """An opening behind the product and wider than it, as high as the picture has room for.

    Its arch is round, or as flat as lets the product's upper corners stay within it.

    Args:
        camera: Where it is seen from.
        rows: (h,) rows of the picture.
        columns: (w,) its columns.
        product: What stands before it.
    """
    below = rows[:, None] - np.float32(camera.horizon)
    across = (columns[None] - np.float32(camera.width / 2)) / np.float32(camera.side)
    half = float(np.clip(WIDER * product.half * WALL_DEPTH, NARROWEST, WIDEST))
    foot = camera.horizon + camera.drop / WALL_DEPTH
    room = (foot - HEADROOM * camera.height) * WALL_DEPTH / camera.side
    rise = min(half, room - LEAST_STRAIGHT)
    if product.top is not None:
        above = (product.top - HEADROOM * camera.height / camera.side) * WALL_DEPTH
        bend = 1 - math.sqrt(max(1 - (product.half * WALL_DEPTH / half) ** 2, 0))
        rise = min(rise, above / max(bend, 1e-3))
    rise = max(rise, FLATTEST * half)
    return Opening(
        camera,
        below,
        across,
        half,
        straight=max(room - rise, 0.0),
        rise=rise,
        middle=product.middle * WALL_DEPTH,
        row_step=float(rows[1] - rows[0]),
    )


def carve(
    opening: Opening, environment: Environment, *, gain: Array, light: Array, outside: Array, inside: Array
) -> Array:
    """Draw wall, niche and floor.

    Args:
        opening: Where they are.
        environment: Lights the rim of the opening.
        gain: (3,) exposure.
        light: (h, w, 3) light on wall and floor.
        outside: (3,) or (h, 1, 3), linear colour of wall and floor.
        inside: Linear colour of the niche's back, of the same shape.

    Returns:
        (h, w, 3), linear.
    """
    within, on_back, on_ground = opening.shares()
    far_corner = opening.corner(BACK_DEPTH, 0.03)
    lights = zip(environment.lights, environment.shares, strict=True)
    reached = np.sum([opening.reached(light) * share for light, share in lights], axis=0)
    lit = IN_SHADE + (1 - IN_SHADE) * reached
    back, ground = inside * light * lit * far_corner, outside * light * FLOOR
    niche = environment.irradiance(opening.facing()) * gain * np.float32(0.9) * outside
    niche = niche + (back - niche) * on_back
    niche = niche + (ground * np.float32(0.85) * far_corner - niche) * on_ground
    past = (opening.below - np.float32(opening.foot(WALL_DEPTH))) / np.float32(opening.row_step)
    seam = np.clip(past + 0.5, 0, 1)[..., None]
    plain = (outside * light * (1 - seam) + ground * seam) * opening.corner(WALL_DEPTH, 0.06 / WALL_DEPTH)
    return np.asarray(plain + (niche - plain) * within, np.float32)
