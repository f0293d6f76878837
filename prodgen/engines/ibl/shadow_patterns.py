"""Shadows of things before the lamp, called gobos: palm leaves, foliage, a window, blinds.

Each shape is drawn once as a stencil, seen from the lamp; wall and floor look up where each of their points
lies in it, so that the pattern bends from wall to floor as a real shadow does. Every light throws its own.
Owns stencils and that projection; which shape is asked for is `prompt_reading`'s. Shapes and sizes are
chosen by eye.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from prodgen.engines.ibl.camera import Camera
from prodgen.engines.ibl.panorama import Array, Environment, KeyLight
from prodgen.engines.ibl.vocabulary import Gobo
from prodgen.masks import blur

STENCIL_PX, STENCIL_SIDES = 1024, 3.6
"""Pixels of a stencil and the width that it covers, in picture sides. Speed: finer than any half-shadow."""

WALL_DEPTH = 1.75
"""Where the wall stands, in depths of the product. Chosen by eye: shadow and product stay apart."""

WIDEST_AZIMUTH_DEG, LOWEST_DEG, HIGHEST_DEG = 62.0, 22.0, 52.0
"""Bounds of the lamp's direction for the pattern. Guard: a lamp beside or behind the wall would smear it."""

SOFTEST = 0.011
"""Half-shadow of a pattern, in picture sides. Chosen by eye: edges soft, leaves told apart."""

ON_PRODUCT, ON_PRODUCT_SOFT = 0.66, 0.012
"""Light that is left in the pattern's shadow on the product, and how much softer it is there, picture sides.
Chosen by eye: the print is read through it."""

IN_SHADOW = 0.52
"""Light that is left in the pattern's shadow on paper, 1 = all. Chosen by eye, near what fill leaves."""

Polygon = list[tuple[float, float]]


@dataclass(frozen=True)
class Shadow:
    """A pattern as the lamp throws it."""

    stencil: Array
    """(STENCIL_PX, STENCIL_PX): 1 where light passes."""
    across: Array
    """(3,): direction on the stencil to the right, in camera axes."""
    up: Array
    centre: Array
    """(3,): point of the scene in the middle of the stencil, picture sides from the product's base."""

    def on(self, x: Array, y: Array | np.float32, z: Array | np.float32) -> Array:
        """Return the light that arrives at points right, above and towards the camera, in sides."""
        points = (x - self.centre[0], y - self.centre[1], z - self.centre[2])
        u, v = (
            points[0] * toward[0] + points[1] * toward[1] + points[2] * toward[2]
            for toward in (self.across, self.up)
        )
        scale, middle = np.float32(STENCIL_PX / STENCIL_SIDES), np.float32(STENCIL_PX / 2)
        return cv2.remap(
            self.stencil,
            np.ascontiguousarray(middle + u * scale, np.float32),
            np.ascontiguousarray(middle - v * scale, np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        ).astype(np.float32)


@dataclass(frozen=True)
class Patterns:
    """One gobo's shadow as each light of a scene throws it, the key light's first."""

    thrown: tuple[Shadow, ...]
    shares: tuple[Array, ...]
    """(3,) for each: what its light gives of the light of all of them, by channel."""

    def on(self, x: Array, y: Array | np.float32, z: Array | np.float32) -> Array:
        """Return the light of all that arrives at points, as in `Shadow.on`: (h, w, 3)."""
        parts = [s.on(x, y, z)[..., None] * share for s, share in zip(self.thrown, self.shares, strict=True)]
        return np.asarray(np.sum(parts, axis=0), np.float32)


def throw_all(gobo: Gobo, environment: Environment, seed: int, *, on_wall: bool, unit: float) -> Patterns:
    """A pattern in all lights of a scene; see `throw`. The same leaves stand before each of them."""
    thrown = tuple(
        throw(gobo, light, np.random.default_rng(seed), on_wall=on_wall, unit=unit)
        for light in environment.lights
    )
    return Patterns(thrown, environment.shares)


def throw(gobo: Gobo, light: KeyLight, rng: np.random.Generator, *, on_wall: bool, unit: float) -> Shadow:
    """A pattern in one light of a scene.

    Args:
        gobo: Its shape and size.
        light: Where the light comes from.
        rng: Grows the leaves.
        on_wall: Whether its middle is on the wall behind the product; else on the floor.
        unit: Distance from the camera to the product, picture sides.
    """
    azimuth = float(np.clip(light.azimuth_deg, -WIDEST_AZIMUTH_DEG, WIDEST_AZIMUTH_DEG))
    elevation = float(np.clip(light.elevation_deg, LOWEST_DEG, HIGHEST_DEG))
    turn, rise = math.radians(azimuth), math.radians(elevation)
    across = np.array([math.cos(turn), 0, -math.sin(turn)], np.float32)
    up = np.array(
        [-math.sin(rise) * math.sin(turn), math.cos(rise), -math.sin(rise) * math.cos(turn)], np.float32
    )
    middle = [0.0, 0.42, -(WALL_DEPTH - 1) * unit] if on_wall else [0.0, 0.0, 0.0]
    drawn = STENCILS[gobo.shape](rng)
    if azimuth < 0:
        drawn = np.ascontiguousarray(drawn[:, ::-1])
    if gobo.scale != 1:
        turned = cv2.getRotationMatrix2D((STENCIL_PX / 2, STENCIL_PX / 2), 0, gobo.scale)
        drawn = cv2.warpAffine(
            drawn, turned, (STENCIL_PX, STENCIL_PX), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT_101
        ).astype(np.float32)
    sigma = SOFTEST * (0.7 + light.softness) * STENCIL_PX / STENCIL_SIDES
    soft = cv2.GaussianBlur(drawn, (0, 0), sigma)
    return Shadow(soft.astype(np.float32), across, up, np.array(middle, np.float32))


def on_floor(shadow: Shadow, camera: Camera, rows: Array) -> Array:
    """(h, W): the light that arrives at a floor's rows, each below the horizon."""
    depth = np.float32(camera.drop) / np.maximum(rows - np.float32(camera.horizon), 1.0)[:, None]
    columns = np.arange(camera.width, dtype=np.float32)[None] + np.float32(0.5 - camera.width / 2)
    return shadow.on(columns * depth / np.float32(camera.side), np.float32(0), (1 - depth) * unit_of(camera))


def on_sweep(shadow: Patterns, camera: Camera, rows: Array, columns: Array) -> Array:
    """(h, w, 3): the light that arrives at a sweep of paper: floor in front, wall behind."""
    below = rows[:, None] - np.float32(camera.horizon)
    foot = np.float32(camera.drop / WALL_DEPTH)
    depth = np.where(below > foot, np.float32(camera.drop) / np.maximum(below, foot), np.float32(WALL_DEPTH))
    side = np.float32(camera.side)
    height = np.maximum(foot - below, 0) * np.float32(WALL_DEPTH) / side
    x = (columns[None] - np.float32(camera.width / 2)) * depth / side
    return shadow.on(x, height, (1 - depth) * unit_of(camera))


def on_product(shadow: Patterns, camera: Camera, foot: float) -> Array:
    """(H, W, 3): factor on the light of a product that stands up at row `foot`; softer than on the wall."""
    columns = (np.arange(camera.width, dtype=np.float32) + np.float32(0.5 - camera.width / 2))[None]
    height = (np.float32(foot) - np.arange(camera.height, dtype=np.float32))[:, None]
    x, y = np.broadcast_arrays(columns / np.float32(camera.side), height / np.float32(camera.side))
    lit = blur(shadow.on(x, y, np.float32(0)), ON_PRODUCT_SOFT * camera.side)
    return np.asarray(ON_PRODUCT + (1 - ON_PRODUCT) * lit, np.float32)


def unit_of(camera: Camera) -> np.float32:
    """Distance from the camera to the product, picture sides."""
    return np.float32(math.hypot(camera.drop, camera.focal) / camera.side)


def _fill(stencil: Array, points: Polygon, *, light: float) -> None:
    """Fill a polygon given in sides from the middle, y up."""
    scale = STENCIL_PX / STENCIL_SIDES
    corners = np.array([(STENCIL_PX / 2 + x * scale, STENCIL_PX / 2 - y * scale) for x, y in points])
    cv2.fillPoly(stencil, [np.round(corners * 16).astype(np.int32)], light, cv2.LINE_8, shift=4)


def _leaf(start: tuple[float, float], angle: float, length: float, width: float) -> Polygon:
    """A pointed leaf from its stalk along `angle` (radians)."""
    along, aside = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))
    outline = [(t, width * math.sin(math.pi * t**0.8)) for t in np.linspace(0, 1, 9)]
    both = [*outline, *((t, -w) for t, w in reversed(outline))]
    return [
        (start[0] + along[0] * t * length + aside[0] * w, start[1] + along[1] * t * length + aside[1] * w)
        for t, w in both
    ]


def _palm(rng: np.random.Generator) -> Array:
    stencil = np.ones((STENCIL_PX, STENCIL_PX), np.float32)
    for (x, y), start, length in PALM_FRONDS:
        x, y = x + rng.uniform(-0.05, 0.05), y + rng.uniform(-0.05, 0.05)
        angle, bend = start + rng.uniform(-0.1, 0.1), rng.uniform(0.15, 0.4)
        for t in np.linspace(0, 1, FROND_STEPS):
            heading = angle + bend * t * t
            size = 0.40 * length * math.sin(math.pi * (0.16 + 0.72 * t)) ** 0.8
            for side in (-1, 1):
                spread = side * (0.95 - 0.5 * t) + rng.uniform(-0.06, 0.06)
                _fill(stencil, _leaf((x, y), heading + spread, size, 0.040 * size), light=0)
            end = (x + math.cos(heading) * length / FROND_STEPS, y + math.sin(heading) * length / FROND_STEPS)
            _fill(stencil, _stalk((x, y), end, 0.010 * (1 - 0.7 * t)), light=0)
            x, y = end
    return stencil


PALM_FRONDS = (
    ((0.92, 0.30), 2.90, 1.15),
    ((0.62, 0.72), 3.70, 1.25),
    ((0.95, -0.30), 2.75, 0.80),
    ((-0.05, 0.92), 4.05, 1.05),
    ((-0.60, 0.80), 4.55, 0.75),
)
"""Root, direction (radians) and length of each frond; they reach in from above and from the lamp's side."""

FROND_STEPS = 16
"""Leaflets on each side of a frond."""


def _stalk(start: tuple[float, float], end: tuple[float, float], width: float) -> Polygon:
    length = max(math.dist(start, end), 1e-6)
    x, y = (start[1] - end[1]) / length * width / 2, (end[0] - start[0]) / length * width / 2
    return [
        (start[0] + x, start[1] + y),
        (end[0] + x, end[1] + y),
        (end[0] - x, end[1] - y),
        (start[0] - x, start[1] - y),
    ]


def _foliage(rng: np.random.Generator) -> Array:
    stencil = np.ones((STENCIL_PX, STENCIL_PX), np.float32)
    for at in range(FOLIAGE_TWIGS):
        x, y = 0.85 + rng.uniform(-0.15, 0.15), 0.72 - 1.4 * (at / FOLIAGE_TWIGS) ** 1.4
        heading = rng.uniform(2.9, 3.6)
        for step in range(int(rng.integers(8, 13))):
            heading += rng.uniform(-0.14, 0.18)
            side = 1 if step % 2 else -1
            size = rng.uniform(0.15, 0.23)
            _fill(stencil, _leaf((x, y), heading + side * rng.uniform(0.5, 1.0), size, 0.24 * size), light=0)
            end = (x + 0.085 * math.cos(heading), y + 0.085 * math.sin(heading))
            _fill(stencil, _stalk((x, y), end, 0.012), light=0)
            x, y = end
    return stencil


FOLIAGE_TWIGS = 6
"""Twigs that reach in from the lamp's side."""


def _window(rng: np.random.Generator) -> Array:
    stencil = np.zeros((STENCIL_PX, STENCIL_PX), np.float32)
    pane, bar = (0.27, 0.30), 0.036
    for column in (-1.5, -0.5, 0.5):
        for row in (-2.5, -1.5, -0.5, 0.5):
            left, low = column * (pane[0] + bar) + bar / 2, row * (pane[1] + bar) + bar / 2
            right, high = left + pane[0], low + pane[1]
            _fill(stencil, [(left, low), (right, low), (right, high), (left, high)], light=1)
    return stencil


def _slats(rng: np.random.Generator) -> Array:
    stencil = np.zeros((STENCIL_PX, STENCIL_PX), np.float32)
    pitch, gap, wide = 0.135, 0.075, 0.95
    for row in range(-13, 13):
        low = row * pitch
        _fill(stencil, [(-wide, low), (wide, low), (wide, low + gap), (-wide, low + gap)], light=1)
    for cord in (-0.55, 0.55):
        _fill(stencil, [(cord, -1.8), (cord + 0.02, -1.8), (cord + 0.02, 1.8), (cord, 1.8)], light=0)
    return stencil


STENCILS: dict[str, Callable[[np.random.Generator], Array]] = {
    "palm": _palm,
    "foliage": _foliage,
    "window": _window,
    "slats": _slats,
}
"""Every shape that words.toml may name, as the lamp sees it with the product's foot in the middle."""
