"""Living room and café, drawn out of focus behind the table, by day or by lamplight.

Owns what stands where; what rooms have in common is `painted_rooms`'. Colours are linear reflectances, sizes
picture sides, chosen by eye.
"""

from __future__ import annotations

import numpy as np

from prodgen.engines.ibl.backdrop_canvas import Canvas
from prodgen.engines.ibl.painted_rooms import (
    AMBER_GLASS,
    BRASS,
    CLAY,
    GREEN,
    OAK,
    PORCELAIN,
    Setting,
    crockery,
    plant,
    window,
    window_light,
)
from prodgen.engines.ibl.panorama import Array

WALL, SOFA, DARK_WALL = (0.66, 0.60, 0.52), (0.36, 0.34, 0.30), (0.105, 0.088, 0.066)
LINEN, OCHRE, INK = (0.80, 0.77, 0.71), (0.46, 0.25, 0.07), (0.03, 0.032, 0.035)
"""Linear colours of walls and things. Chosen by eye."""

LAMPLIGHT = (1.55, 1.05, 0.58)
"""Linear light of a lamp on the wall beside it. Chosen by eye: as warm as a bulb among daylight."""


def living_room(scene: Setting) -> None:
    """A plain wall with pictures, a sofa with cushions, a lamp, a curtained window at the side."""
    c, side = scene.canvas, scene.lamp_side
    light = window_light(c, side, is_night=scene.is_night)
    lamp_x = side * max(0.30, scene.product_half + 0.10)
    glow = np.exp(-np.hypot((c.x - lamp_x) / 0.30, (c.y - 0.36) / 0.30) * 1.6)
    lamp = np.asarray(LAMPLIGHT, np.float32) * np.float32(0.85 if scene.is_night else 0.20)
    light = np.asarray(light[..., None] + glow[..., None] * lamp, np.float32)
    c.picture[:] = np.asarray(WALL, np.float32) * light
    window(c, scene.rng, side, low=-0.1, is_night=scene.is_night)
    _curtain(c, side, c.half - 0.16, light)
    tints = np.array((CLAY, OCHRE, (0.20, 0.24, 0.22)), np.float32)
    for step, (wide, high) in enumerate(((0.10, 0.14), (0.075, 0.10))):
        x, y = -side * (0.17 + 0.24 * step), 0.44 - 0.02 * step
        c.shade(c.box(x - wide, x + wide, y - high - 0.02, y + high - 0.02, soft=0.03), 0.8)
        c.fill(c.box(x - wide, x + wide, y - high, y + high), np.asarray(OAK) * light)
        c.fill(
            c.box(x - wide + 0.01, x + wide - 0.01, y - high + 0.01, y + high - 0.01),
            np.asarray(PORCELAIN) * light,
        )
        blot = tints[int(scene.rng.integers(3))]
        c.fill(0.8 * c.oval(x, y - 0.02, 0.5 * wide, 0.36 * high, soft=0.02), np.asarray(blot) * light)
        c.fill(0.8 * c.oval(x + 0.02, y + 0.05, 0.3 * wide, 0.2 * high, soft=0.01), np.asarray(INK) * light)
    from_x, to_x = sorted((-side * 0.80, side * 0.06))
    c.shade(c.box(from_x - 0.02, to_x + 0.02, 0.0, 0.22, soft=0.08), 0.8)
    c.fill(c.box(from_x, to_x, -0.2, 0.185, soft=0.035), np.asarray(SOFA) * light)
    for step, tint in enumerate((OCHRE, LINEN)):
        x = -side * (max(0.33, scene.product_half + 0.10) + 0.13 * step)
        share = c.box(x - 0.085, x + 0.085, 0.02, 0.165, soft=0.05)
        c.fill(share, np.asarray(tint) * light * (0.85 + 0.3 * np.clip((c.y - 0.02) / 0.15, 0, 1))[..., None])
    _lamp(c, lamp_x, 0.30)
    c.blur(0.015)


def _curtain(c: Canvas, side: float, edge: float, light: Array) -> None:
    """A curtain of thin linen before a part of the window, in folds."""
    left, right = sorted((side * (edge - 0.09), side * (edge + 0.06)))
    folds = 0.86 + 0.14 * np.sin((c.x - left) * 150 + 2 * np.sin((c.x - left) * 40)) + 0 * c.y
    c.fill(
        0.92 * c.box(left, right, -1.0, 3.0, soft=0.01), np.asarray(LINEN) * light * folds[..., None] * 1.15
    )


def _lamp(c: Canvas, x: float, low: float) -> None:
    """A standing lamp with a lit shade."""
    c.fill(c.box(x - 0.004, x + 0.004, -0.3, low + 0.02), np.asarray(BRASS) * 0.7)
    wide = 0.052 + 0.03 * np.clip((low + 0.12 - c.y) / 0.12, 0, 1)
    across = np.clip((wide - np.abs(c.x - x)) * c.px + 0.5, 0, 1)
    shade = across * c.box(x - 0.2, x + 0.2, low, low + 0.12)
    c.fill(
        shade,
        np.asarray(LAMPLIGHT) * (0.72 + 0.30 * np.exp(-np.square((c.y - low - 0.05) / 0.05)))[..., None],
    )


def cafe(scene: Setting) -> None:
    """A dark wall with shelves of bottles and cups, lamps on cords, the street's light through a window."""
    c, rng, side = scene.canvas, scene.rng, scene.lamp_side
    light = 0.55 * window_light(c, side, is_night=scene.is_night)[..., None] * np.ones(3, np.float32)
    lamps = [(-0.34, 0.46), (-0.02, 0.54), (0.30, 0.47)]
    for x, y in lamps:
        pool = np.exp(-np.hypot((c.x - x) / 0.22, (c.y - y + 0.10) / 0.26) * 1.5)[..., None]
        light = light + 0.75 * pool * np.asarray(LAMPLIGHT, np.float32)
    light = np.asarray(light, np.float32)
    c.picture[:] = np.asarray(DARK_WALL, np.float32) * light * 1.6
    from_x, to_x = sorted((-side * 0.80, side * 0.20))
    for shelf in (0.15, 0.36):
        c.shade(c.box(from_x, to_x, shelf - 0.06, shelf, soft=0.05), 0.6)
        at, turn = from_x + 0.03, int(rng.choice((0, 1, 3)))
        while at < to_x - 0.05:
            at += 0.85 * crockery(c, rng, at, shelf + 0.014, light.mean(axis=2), turn)
            turn += 2 if turn % 4 == 1 else 1  # no plates: those are a kitchen's
        c.fill(c.box(from_x, to_x, shelf, shelf + 0.014), np.asarray(OAK) * light)
    c.fill(c.box(-2.0, 2.0, -0.3, 0.055), np.asarray(OAK) * 0.55 * light)
    c.fill(c.box(-2.0, 2.0, 0.055, 0.072), np.asarray(AMBER_GLASS) * 2.2 * light)
    window(c, rng, side, low=0.10, is_night=scene.is_night)
    plant(c, rng, side * max(0.36, scene.product_half + 0.12), 0.06, GREEN, light.mean(axis=2), vase=INK)
    for x, y in lamps:
        cord = c.part(x - 0.02, x + 0.02, y, max(c.top, y))
        cord.fill(cord.box(x - 0.003, x + 0.003, y, 3.0, soft=0.008), INK)
        shade = c.part(x - 0.12, x + 0.12, y - 0.08, y + 0.12)
        wide = 0.018 + 0.055 * np.clip((y + 0.06 - shade.y) / 0.06, 0, 1)
        across = np.clip((wide - np.abs(shade.x - x)) * c.px / 4 + 0.5, 0, 1)
        shade.fill(across * shade.box(x - 0.2, x + 0.2, y, y + 0.06, soft=0.012), INK)
        c.bokeh(x, y - 0.008, 0.030, np.asarray(LAMPLIGHT, np.float32) * 1.5)
    c.blur(0.013)
