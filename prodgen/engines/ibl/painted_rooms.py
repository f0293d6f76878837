"""Rooms that no panorama shows, drawn out of focus behind the table: a bathroom and a kitchen.

A wall in the light of a window at one side, and a few things that such a room has, beside the product rather
than behind it. Owns what stands where; colours are linear reflectances, sizes picture sides, chosen by eye.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prodgen.engines.ibl.backdrop_canvas import Canvas, Colour
from prodgen.engines.ibl.panorama import Array

WHITE_TILE, CREAM_TILE, PLASTER = (0.76, 0.78, 0.77), (0.68, 0.65, 0.59), (0.74, 0.71, 0.66)
BRASS, COPPER, OAK = (0.46, 0.31, 0.12), (0.50, 0.20, 0.10), (0.33, 0.19, 0.095)
PORCELAIN, CLAY, AMBER_GLASS = (0.78, 0.76, 0.72), (0.40, 0.19, 0.11), (0.22, 0.085, 0.02)
GREEN, SAGE = (0.075, 0.15, 0.05), (0.22, 0.29, 0.20)
"""Linear colours of materials. Chosen by eye."""

DAYLIGHT: Colour = (1.02, 1.08, 1.14)
"""What is seen through a window: brighter than white paper, and cooler. Chosen by eye."""

NIGHT: Colour = (0.012, 0.020, 0.045)
"""What is seen through it at night. Chosen by eye."""


@dataclass(frozen=True)
class Setting:
    """What a drawing has to go by."""

    canvas: Canvas
    rng: np.random.Generator
    lamp_side: float
    """Where the key light comes from: -1 left, +1 right."""
    product_half: float
    """Half the product's width, sides."""
    palette: tuple[Colour, ...]
    """Colours of the place's lamps, linear."""
    is_night: bool = False
    """Whether it is dark outside, so that only lamps light a room."""


def bathroom(scene: Setting) -> None:
    """Glazed tiles, a round mirror in brass, towels and an amber bottle, a window at the side."""
    c, side = scene.canvas, scene.lamp_side
    light = window_light(c, side, is_night=scene.is_night)
    c.picture[:] = _tiles(c, scene.rng, (0.17, 0.085), WHITE_TILE, gloss=0.5 * side) * light[..., None]
    mirror_x, mirror_y, radius = -side * max(0.25, scene.product_half * 0.9), 0.42, 0.205
    c.shade(c.oval(mirror_x - side * 0.02, mirror_y - 0.025, radius, radius, soft=0.05), 0.75)
    c.fill(c.oval(mirror_x, mirror_y, radius, radius), np.asarray(BRASS) * (0.6 + light[..., None]))
    inner = c.oval(mirror_x, mirror_y, radius - 0.013, radius - 0.013)
    seen = 0.46 + 0.30 * np.clip(
        (c.x - mirror_x) * side / radius * 0.5 + (c.y - mirror_y) / radius * 0.4, -1, 1
    )
    c.fill(inner, seen[..., None] * np.array((0.94, 1.0, 1.03), np.float32))
    pane = c.box(
        mirror_x + side * 0.05 - 0.05, mirror_x + side * 0.05 + 0.05, mirror_y - 0.07, mirror_y + 0.12
    )
    c.glow(pane * inner, (0.45, 0.48, 0.50))
    window(c, scene.rng, side, low=0.12, is_night=scene.is_night)
    at = side * max(0.36, scene.product_half + 0.13)
    plant(c, scene.rng, at, 0.0, SAGE, light, vase=PORCELAIN)
    at = -side * max(0.37, scene.product_half + 0.15)
    for step, towel in enumerate((PORCELAIN, (0.52, 0.56, 0.52))):
        solid(
            c,
            c.box(at - 0.11, at + 0.11, 0.055 * step, 0.055 * step + 0.05, soft=0.025),
            towel,
            light,
            at,
            0.11,
        )
    _bottle(c, at + side * 0.02, 0.105, 0.042, 0.13, AMBER_GLASS, light)
    c.blur(0.0125)


def kitchen(scene: Setting) -> None:
    """Plaster over cream tiles, an oak shelf with crockery, copper pans, a window at the side."""
    c, side = scene.canvas, scene.lamp_side
    light = window_light(c, side, is_night=scene.is_night)
    tiles = _tiles(c, scene.rng, (0.105, 0.105), CREAM_TILE, gloss=0.3 * side)
    wall = np.broadcast_to(np.array(PLASTER, np.float32), tiles.shape)
    above = np.clip((c.y - 0.27) * c.px, 0, 1)[..., None]
    c.picture[:] = (tiles + (wall - tiles) * above) * light[..., None]
    shelf, depth = 0.40, 0.022
    from_x, to_x = sorted((-side * 0.72, side * 0.10))
    c.shade(c.box(from_x, to_x, shelf - 0.10, shelf, soft=0.06), 0.72)
    at, turn = from_x + 0.03, 0
    while at < to_x - 0.05:
        at += crockery(c, scene.rng, at, shelf + depth, light, turn)
        turn += 1
    oak = c.box(from_x, to_x, shelf, shelf + depth)
    c.fill(oak, np.asarray(OAK) * light[..., None])
    window(c, scene.rng, side, low=0.04, is_night=scene.is_night)
    for step, radius in enumerate((0.062, 0.05, 0.04)):
        x = -side * (max(0.27, scene.product_half + 0.03) + 0.125 * step)
        c.fill(c.box(x - 0.006, x + 0.006, 0.24, shelf), np.asarray(COPPER) * 0.5 * light[..., None])
        solid(c, c.oval(x, 0.21, radius, radius), COPPER, 1.5 * light, x, radius)
    at = side * max(0.36, scene.product_half + 0.12)
    plant(c, scene.rng, at, 0.0, GREEN, light, vase=CLAY)
    c.blur(0.0135)


def window_light(c: Canvas, side: float, *, is_night: bool = False) -> Array:
    """(h, w): light along a wall, 1 near a window beyond the picture's edge; at night what lamps give."""
    if is_night:
        return np.asarray(0.34 + 0.22 * np.clip(c.y + 0 * c.x, 0, 0.6), np.float32)
    away = np.clip(0.55 - side * c.x, 0, 2)
    fall = 0.40 + 0.52 * np.exp(-np.square(away / 0.75))
    return np.asarray(fall * (1 - 0.10 * np.clip(0.25 - c.y, 0, 1) / 0.25), np.float32)


def _tiles(
    c: Canvas, rng: np.random.Generator, size: tuple[float, float], colour: Colour, *, gloss: float
) -> Array:
    """(h, w, 3): a wall of tiles in a running bond, each a little different, with its glaze and joints."""
    wide, high = size
    row = np.floor(c.y / high)
    across = (c.x + np.where(row % 2 > 0, wide / 2, 0)) / wide + float(rng.uniform())
    column = np.floor(across)
    u, v = across - column, c.y / high - row
    chance = np.sin(column * 127.1 + row * 311.7) * 43758.547
    chance = chance - np.floor(chance)
    joint = np.minimum(np.minimum(u, 1 - u) * wide, np.minimum(v, 1 - v) * high)
    seam = np.clip(1 - joint * c.px / 1.2, 0, 1)
    shade = 0.93 + 0.12 * chance + gloss * 0.10 * (u - 0.5) + 0.08 * np.exp(-np.square((v - 0.82) / 0.12))
    return np.asarray(np.array(colour, np.float32) * (shade * (1 - 0.26 * seam))[..., None], np.float32)


def window(c: Canvas, rng: np.random.Generator, side: float, *, low: float, is_night: bool) -> None:
    """A window at the picture's edge: greenery in daylight and the veil of its light, or a blue night."""
    inner, outer = c.half - 0.15, c.half + 0.25
    left, right = sorted((side * inner, side * outer))
    frame = np.full(3, 0.36 if is_night else 0.80, np.float32)
    c.fill(c.box(left - 0.028, right + 0.028, low - 0.03, 2.0), frame)
    c.fill(c.box(left - 0.04, right + 0.04, low - 0.045, low - 0.015), 1.15 * frame)
    glass = c.box(left, right, low, 2.0)
    if is_night:
        c.fill(glass, NIGHT)
        for _ in range(7):
            x, y = float(rng.uniform(left, right)), low + float(rng.uniform(0.02, 0.3))
            c.bokeh(
                x,
                y,
                float(rng.uniform(0.010, 0.022)),
                np.array((0.5, 0.3, 0.12)) * float(rng.uniform(0.3, 1)),
            )
    else:
        sky = np.clip((c.y - low) / 0.5, 0, 1)
        c.fill(glass, np.asarray(DAYLIGHT) * (1.05 + 0.75 * sky)[..., None])
        leaves = np.clip(c.noise(rng, 0.07) * 0.8 + (low + 0.16 - c.y) / 0.10, 0, 1) * glass
        c.fill(0.75 * leaves, (0.36, 0.52, 0.24))
        veil = np.exp(-np.square((side * inner - c.x) / 0.22)) + 0 * c.y
        c.glow(veil, (0.10, 0.105, 0.11))
    for height in (low + 0.26, low + 0.52):
        c.fill(c.box(left, right, height, height + 0.016), frame)


def solid(c: Canvas, share: Array, colour: Colour, light: Array, x: float, half: float) -> None:
    """Fill a shape with a round thing's shading: lit on the brighter side of the wall, dark at its edges."""
    turn = np.clip((c.x - x) / half, -1, 1)
    grade = np.asarray(light * (0.72 + 0.42 * np.sqrt(1 - 0.95 * turn * turn)), np.float32)
    c.fill(share, np.asarray(colour, np.float32) * grade[..., None])


def _bottle(c: Canvas, x: float, low: float, half: float, high: float, colour: Colour, light: Array) -> None:
    """A bottle with a neck and a dark cap."""
    solid(c, c.box(x - half, x + half, low, low + high, soft=0.02), colour, light, x, half)
    solid(
        c,
        c.box(x - half / 3, x + half / 3, low + high, low + 1.35 * high),
        (0.03, 0.03, 0.03),
        light,
        x,
        half,
    )
    c.glow(
        0.5 * c.box(x + half * 0.3, x + half * 0.55, low + 0.02, low + 0.8 * high, soft=0.01),
        (0.3, 0.22, 0.14),
    )


def plant(
    c: Canvas, rng: np.random.Generator, x: float, low: float, colour: Colour, light: Array, *, vase: Colour
) -> None:
    """Twigs with leaves in a vase."""
    bright = float(light[:, int(np.abs(c.x[0] - x).argmin())].mean())
    for _ in range(64):
        turn = float(rng.uniform(0.25, 2.9))
        reach = float(rng.uniform(0.06, 0.27))
        at = (x + 0.62 * reach * np.cos(turn), low + 0.13 + reach * np.sin(turn))
        shade = float(rng.uniform(0.5, 1.5)) * (0.7 + 0.9 * reach / 0.27)
        tint = np.asarray(colour) * shade * np.array((1 + 0.2 * rng.uniform(-1, 1), 1, 1), np.float32)
        length = float(rng.uniform(0.06, 0.10))
        leaf = c.part(at[0] - length, at[0] + length, at[1] - length, at[1] + length)
        share = leaf.leaf(*at, length, 0.5 * length, turn + float(rng.uniform(-0.9, 0.9)))
        leaf.fill(0.9 * share, (tint * bright).astype(np.float32))
    solid(c, c.oval(x, low + 0.075, 0.062, 0.085), vase, light, x, 0.062)


def crockery(c: Canvas, rng: np.random.Generator, x: float, low: float, light: Array, turn: int) -> float:
    """Put one thing on a shelf and return the width that it takes."""
    kind, tint = turn % 4, (PORCELAIN, CLAY, (0.50, 0.54, 0.50), (0.62, 0.50, 0.36))[int(rng.integers(4))]
    if kind == 0:  # a pile of bowls
        for step in range(3):
            solid(c, c.oval(x + 0.06, low + 0.018 + 0.020 * step, 0.055, 0.022), tint, light, x + 0.06, 0.055)
        return 0.15
    if kind == 1:  # a jar with a lid
        solid(c, c.box(x, x + 0.075, low, low + 0.105, soft=0.014), tint, light, x + 0.037, 0.037)
        solid(c, c.box(x + 0.004, x + 0.071, low + 0.10, low + 0.118), OAK, light, x + 0.037, 0.037)
        return 0.11
    if kind == 2:  # a plate that leans on the wall
        solid(c, c.oval(x + 0.07, low + 0.07, 0.068, 0.07), PORCELAIN, light, x + 0.07, 0.12)
        c.shade(c.oval(x + 0.07, low + 0.07, 0.044, 0.046), 0.92)
        return 0.16
    solid(c, c.box(x, x + 0.05, low, low + 0.12, soft=0.016), AMBER_GLASS, 1.6 * light, x + 0.025, 0.025)
    solid(c, c.box(x + 0.016, x + 0.034, low + 0.12, low + 0.16), AMBER_GLASS, light, x + 0.025, 0.02)
    return 0.09
