"""A shop's shelves, a fireside, a bed, a barn and a gym, drawn out of focus behind the product.

Owns what stands where; what rooms have in common is `painted_rooms`'. Colours are linear reflectances, sizes
picture sides, chosen by eye.
"""

from __future__ import annotations

import numpy as np

from prodgen.engines.ibl.backdrop_canvas import Canvas, Colour
from prodgen.engines.ibl.painted_rooms import OAK, PLASTER, PORCELAIN, Setting, solid, window, window_light
from prodgen.engines.ibl.panorama import Array

GOODS: tuple[Colour, ...] = (
    (0.55, 0.10, 0.08),
    (0.72, 0.50, 0.08),
    (0.10, 0.26, 0.48),
    (0.16, 0.34, 0.14),
    (0.78, 0.76, 0.72),
    (0.62, 0.28, 0.08),
    (0.34, 0.16, 0.36),
    (0.05, 0.06, 0.07),
)
"""Linear colours of packages and spines. Chosen by eye."""

TUBES: Colour = (1.05, 1.1, 1.12)
"""Light of the tubes under a shop's ceiling. Chosen by eye."""

FIRE: tuple[Colour, ...] = ((1.9, 0.42, 0.05), (2.4, 0.95, 0.20), (2.6, 1.6, 0.55))
"""Linear light of flames from their edge to their heart. Chosen by eye."""

BRICK, CHAR, MANTEL = (0.26, 0.13, 0.09), (0.012, 0.010, 0.009), (0.60, 0.57, 0.52)
HEADBOARD, PLANK, RUBBER, STEEL = (
    (0.42, 0.38, 0.34),
    (0.17, 0.105, 0.062),
    (0.035, 0.036, 0.038),
    (0.3, 0.31, 0.33),
)
"""Linear colours of what these places are made of. Chosen by eye."""


def shop(scene: Setting) -> None:
    """Long shelves full of goods in bright, even light."""
    c, rng = scene.canvas, scene.rng
    light = np.asarray(0.78 + 0.22 * np.clip(c.y / 0.6, 0, 1) + 0 * c.x, np.float32)
    c.picture[:] = np.array((0.50, 0.50, 0.49), np.float32) * light[..., None]
    for low in (-0.06, 0.15, 0.36, 0.57):
        c.shade(c.box(-2, 2, low + 0.14, low + 0.21, soft=0.05), 0.55)
        _row_of_goods(c, rng, low + 0.012, 0.15, light)
        c.fill(c.box(-2, 2, low - 0.006, low + 0.012), np.array((0.82, 0.82, 0.80)) * light[..., None])
    c.blur(0.015)
    for x in (-0.34, 0.02, 0.38):
        c.glow(0.5 * c.box(x - 0.12, x + 0.12, 0.62, 0.66, soft=0.03), TUBES)


def _row_of_goods(c: Canvas, rng: np.random.Generator, low: float, room: float, light: Array) -> None:
    """Packages side by side on a shelf, the same several times as shops put them."""
    at = -c.half - float(rng.uniform(0, 0.1))
    while at < c.half:
        tint = np.array(GOODS[int(rng.integers(len(GOODS)))]) * float(rng.uniform(0.8, 1.25))
        wide, high = float(rng.uniform(0.032, 0.07)), room * float(rng.uniform(0.55, 0.95))
        for _ in range(int(rng.integers(2, 5))):
            near = c.part(at, at + wide, low, low + high)
            part = light[: len(near.y), : near.x.shape[1]]
            solid(
                near, near.box(at, at + 0.9 * wide, low, low + high), tuple(tint), part, at + wide / 2, wide
            )
            label = near.box(at + 0.15 * wide, at + 0.75 * wide, low + 0.35 * high, low + 0.6 * high)
            near.fill(0.7 * label, np.array((0.8, 0.79, 0.76)) * part[..., None])
            at += wide
        at += float(rng.uniform(0.0, 0.012))


def fireside(scene: Setting) -> None:
    """A fire in its chimney, beside the product, and the glow that it throws on the wall."""
    c, rng, side = scene.canvas, scene.rng, scene.lamp_side
    x = side * max(0.24, min(scene.product_half + 0.10, 0.34))
    away = np.hypot((c.x - x) / 0.42, (c.y - 0.10) / 0.42)
    warm = np.exp(-1.3 * away)[..., None] * np.array((1.25, 0.62, 0.24), np.float32)
    light = np.asarray(0.10 + warm, np.float32)
    c.picture[:] = np.asarray(PLASTER, np.float32) * light * 0.9
    c.fill(c.box(x - 0.31, x + 0.31, -0.3, 0.40), np.asarray(MANTEL) * light)
    c.shade(c.box(x - 0.34, x + 0.34, 0.34, 0.40, soft=0.03), 0.6)
    c.fill(c.box(x - 0.36, x + 0.36, 0.39, 0.43), np.asarray(OAK) * 1.1 * light)
    c.fill(c.box(x - 0.22, x + 0.22, -0.3, 0.30), np.asarray(BRICK) * light * 1.2)
    c.fill(c.box(x - 0.18, x + 0.18, -0.3, 0.25, soft=0.02), CHAR)
    for step, high in enumerate((0.20, 0.15, 0.10)):
        for _ in range(7):
            at = x + float(rng.normal(0, 0.05))
            tall = high * float(rng.uniform(0.6, 1.0))
            taper = np.clip(1 - (c.y - 0.01) / tall, 0, 1) ** 0.8 * np.clip((c.y + 0.02) / 0.02, 0, 1)
            half = 0.030 * (1 - 0.2 * step) * taper
            flame = np.clip((half - np.abs(c.x - at - 0.015 * np.sin(c.y * 40 + at * 90))) * c.px * 0.4, 0, 1)
            c.fill(np.asarray(0.75 * flame, np.float32), FIRE[step])
    c.glow(np.exp(-np.square(np.hypot(c.x - x, (c.y - 0.07) * 1.2) / 0.13)), (0.30, 0.11, 0.02))
    for at in (-side * 0.16, -side * 0.30, -side * 0.42):
        c.fill(c.box(at - 0.028, at + 0.028, 0.0, 0.10 + 0.05 * abs(at), soft=0.01), np.asarray(OAK) * light)
    c.blur(0.014)


def bedroom(scene: Setting) -> None:
    """A bed's upholstered head with pillows before it, by a window."""
    c, side = scene.canvas, scene.lamp_side
    light = window_light(c, side, is_night=scene.is_night)[..., None] * np.ones(3, np.float32)
    if scene.is_night:
        light = light * np.array((1.35, 1.0, 0.68), np.float32)
    c.picture[:] = np.asarray(PLASTER, np.float32) * light
    window(c, scene.rng, side, low=0.05, is_night=scene.is_night)
    left, right = sorted((-side * 0.95, side * 0.30))
    c.shade(c.box(left - 0.02, right + 0.03, 0.0, 0.40, soft=0.08), 0.82)
    c.fill(c.box(left, right, -0.3, 0.36, soft=0.03), np.asarray(HEADBOARD) * light)
    for seam in np.arange(left + 0.16, right, 0.16):
        c.shade(c.box(seam - 0.004, seam + 0.004, -0.3, 0.36, soft=0.008), 0.72)
    for at, high, tint in ((-0.52, 0.20, 0.86), (-0.16, 0.21, 0.92), (0.14, 0.19, 0.88), (-0.34, 0.13, 1.0)):
        x = -side * -at if side > 0 else -at
        share = c.oval(x, 0.02, 0.19, high, soft=0.05)
        c.shade(c.oval(x, 0.0, 0.21, high + 0.03, soft=0.08), 0.8)
        grade = (0.80 + 0.3 * np.clip(c.y / high, 0, 1) + 0 * c.x)[..., None]
        c.fill(share, np.asarray(PORCELAIN) * 1.3 * tint * light * grade)
    c.blur(0.016)


def barn(scene: Setting) -> None:
    """A wall of old boards with light between them: a barn, a cabin, a workshop."""
    c, rng, side = scene.canvas, scene.rng, scene.lamp_side
    light = window_light(c, side, is_night=scene.is_night)[..., None] * np.ones(3, np.float32)
    if scene.is_night:
        light = light * np.array((1.3, 0.95, 0.6), np.float32)
    wide = 0.115
    board = np.floor((c.x + float(rng.uniform())) / wide)
    inside = (c.x + 0.0) / wide - np.floor((c.x + 0.0) / wide)
    chance = np.sin(board * 127.1) * 43758.547
    chance = chance - np.floor(chance)
    grain = 0.10 * np.sin(c.x * 260 + 2.2 * c.noise(rng, 0.30)) + 0.06 * c.noise(rng, 0.05)
    tone = 0.75 + 0.5 * chance + grain
    c.picture[:] = np.asarray(PLANK, np.float32) * tone[..., None] * light * 1.25
    edges = np.abs((c.x + 0 * inside) / wide - np.round(c.x / wide)) * wide
    c.shade(np.clip(1 - edges / 0.006, 0, 1) + 0 * c.y, 0.35)
    for low in (0.10, 0.58):
        c.shade(c.box(-2, 2, low - 0.03, low, soft=0.02), 0.6)
        c.fill(c.box(-2, 2, low, low + 0.055, soft=0.006), np.asarray(PLANK) * 1.05 * light)
    window(c, rng, side, low=0.20, is_night=scene.is_night)
    c.blur(0.012)


def gym(scene: Setting) -> None:
    """A dark hall with a rack of weights and lamps in rows."""
    c, rng, side = scene.canvas, scene.rng, scene.lamp_side
    light = np.asarray(0.45 + 0.5 * np.exp(-np.square((0.5 - side * c.x) / 0.8)) + 0 * c.y, np.float32)
    c.picture[:] = np.array((0.075, 0.08, 0.088), np.float32) * light[..., None]
    c.fill(c.box(-2, 2, -0.3, 0.03, soft=0.01), np.asarray(RUBBER) * light[..., None])
    for shelf in (0.06, 0.22):
        c.fill(c.box(-0.9, 0.9, shelf - 0.018, shelf), np.asarray(STEEL) * 0.6 * light[..., None])
        at = -0.9
        while at < 0.9:
            size = 0.045 + 0.012 * float(rng.uniform(0, 1))
            solid(c, c.oval(at, shelf + size, 0.020, size), RUBBER, 2.2 * light, at, 0.03)
            solid(c, c.box(at, at + 0.055, shelf + size - 0.010, shelf + size + 0.010), STEEL, light, at, 0.1)
            solid(c, c.oval(at + 0.06, shelf + size, 0.020, size), RUBBER, 2.2 * light, at + 0.06, 0.03)
            at += 0.145
    for x in (-0.9, -0.28, 0.34, 0.9):
        c.fill(c.box(x - 0.012, x + 0.012, -0.2, 0.42), np.asarray(STEEL) * 0.45 * light[..., None])
    c.blur(0.015)
    for x in (-0.40, -0.12, 0.16, 0.44):
        c.glow(0.8 * c.box(x - 0.09, x + 0.09, 0.50, 0.525, soft=0.02), (0.85, 0.92, 1.0))
