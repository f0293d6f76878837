"""Fallen leaves on a floor: drawn once as seen from above, then laid into its perspective with their shadows.

Owns their outlines and where they lie; the light on them is the floor's. Shapes and sizes are chosen by eye.
"""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np

from prodgen.engines.ibl.camera import Camera
from prodgen.engines.ibl.floor_materials import Surface
from prodgen.engines.ibl.panorama import Array, KeyLight
from prodgen.engines.ibl.plane import Pattern, make_plane
from prodgen.engines.ibl.vocabulary import Scene

SHEET_PX, SHEET_SIDES = 1024, 3.2
"""Pixels of the sheet of leaves and the width of floor that it covers, in picture sides. Speed."""

LEAF = (0.06, 0.14)
"""Length of a leaf, picture sides: 2 to 4 cm. Chosen by eye."""

LIFT = 0.010
"""How far a leaf lies above the floor, picture sides: its shadow falls so far beside it. Chosen by eye."""

SHADE = 0.55
"""How much light a leaf's shadow takes. Chosen by eye."""


def strewn(
    surface: Surface, scene: Scene, camera: Camera, rows: Array, key: KeyLight, rng: np.random.Generator
) -> Surface:
    """The floor with leaves on it.

    Args:
        surface: The floor, unlit.
        scene: How many leaves and in which colours.
        camera: The camera.
        rows: (h,) its rows, each below the horizon.
        key: Throws their shadows.
        rng: Strews them.
    """
    sheet = _sheet(scene, rng)
    plane = make_plane(camera, rows, turn=0.0, phase=(0.0, 0.0))
    unit = math.hypot(camera.drop, camera.focal) / camera.side
    scale = SHEET_PX / SHEET_SIDES
    u = plane.x * np.float32(scale) + np.float32(SHEET_PX / 2)
    v = (np.float32(unit) - plane.z) * np.float32(scale) + np.float32(SHEET_PX * 0.62)
    turn = math.radians(key.azimuth_deg)
    aside, along = -LIFT * math.sin(turn) * scale, LIFT * math.cos(turn) * scale
    shadow = cv2.GaussianBlur(
        np.ascontiguousarray(sheet[..., 3]), (0, 0), (0.25 + key.softness) * 0.012 * scale
    )
    laid = cv2.remap(sheet, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    dark = cv2.remap(
        shadow, u - np.float32(aside), v + np.float32(along), cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
    )
    cover = laid[..., 3]
    albedo = surface.albedo * (1 - SHADE * dark)[..., None] * (1 - cover)[..., None] + laid[..., :3]
    gloss = surface.gloss * (1 - cover)
    relief = None if surface.relief is None else surface.relief * (1 - cover)
    return replace(surface, albedo=albedo.astype(np.float32), gloss=gloss, relief=relief)


def _sheet(scene: Scene, rng: np.random.Generator) -> Array:
    """(SHEET_PX, SHEET_PX, 4): colours of the leaves, linear, times how far they cover, and that."""
    colour = np.zeros((SHEET_PX, SHEET_PX, 3), np.float32)
    cover = np.zeros((SHEET_PX, SHEET_PX), np.float32)
    for _ in range(round(scene.strewn * SHEET_SIDES**2)):
        middle = rng.uniform(0, SHEET_PX, 2)
        length = float(rng.uniform(*LEAF)) * SHEET_PX / SHEET_SIDES
        shade = np.array(scene.palette[int(rng.integers(len(scene.palette)))]) * float(rng.uniform(0.7, 1.3))
        turn, wide = float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(0.34, 0.52))
        left, right = (_half_leaf(middle, length, side * wide, turn, rng) for side in (-1, 1))
        for outline, light in ((left, 0.82), (right, 1.08)):
            _fill(colour, outline, tuple((shade * light).tolist()))
            _fill(cover, outline, 1.0)
        vein = np.stack([left[0], left[-1]])
        cv2.polylines(
            colour,
            [np.round(vein * 16).astype(np.int32)],
            False,
            tuple((shade * 1.5).tolist()),
            1,
            cv2.LINE_AA,
            4,
        )
    sheet = np.dstack([colour, cover])
    return np.asarray(cv2.GaussianBlur(sheet, (0, 0), 0.7), np.float32)


def _half_leaf(middle: Pattern, length: float, wide: float, turn: float, rng: np.random.Generator) -> Array:
    """(n, 2): outline of a leaf's half from stalk to tip, its edge a little wavy; the midrib is bent."""
    t = np.linspace(0, 1, 33)
    edge = wide * length * np.sin(math.pi * t**0.75) * (0.5 + 0.03 * np.sin(t * 70))
    bend = 0.10 * length * np.sin(math.pi * t)
    points = np.stack([(t - 0.5) * length, bend + edge], axis=-1)
    back = np.stack([(t[::-1] - 0.5) * length, bend[::-1]], axis=-1)
    c, s = math.cos(turn), math.sin(turn)
    outline = np.concatenate([points, back[1:-1]])
    spun = outline @ np.array([[c, s], [-s, c]]) + middle
    start = np.array([[-0.5 * length, 0.0], [0.5 * length, 0.0]]) @ np.array([[c, s], [-s, c]]) + middle
    spun[0], spun[len(t) - 1] = start
    return np.asarray(spun, np.float32)


def _fill(picture: Array, outline: Pattern, value: float | tuple[float, ...]) -> None:
    cv2.fillPoly(picture, [np.round(outline * 16).astype(np.int32)], value, cv2.LINE_8, 4)
