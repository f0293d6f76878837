"""Places that no panorama shows, drawn out of focus behind open ground: neon, fairy lights, sea, snow.

Owns what stands where in them and which drawing a name means; colours are linear light, sizes picture sides,
all chosen by eye.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from prodgen.engines.ibl.backdrop_canvas import Canvas
from prodgen.engines.ibl.painted_interiors import cafe, living_room
from prodgen.engines.ibl.painted_nooks import barn, bedroom, fireside, gym, shop
from prodgen.engines.ibl.painted_rooms import Setting, bathroom, kitchen
from prodgen.engines.ibl.panorama import Array


def street(scene: Setting) -> None:
    """A street at night between two rows of houses: signs in the palette's colours, lamps far away."""
    c, rng, horizon = scene.canvas, scene.rng, scene.canvas.horizon
    up = np.clip((c.y - horizon) / 0.6, 0, 1)[..., None]
    haze = np.asarray(scene.palette[0]) * 0.10 + np.asarray(scene.palette[1]) * 0.07 + 0.02
    c.picture[:] = haze * np.exp(-3.2 * up) + np.array((0.006, 0.007, 0.016), np.float32)
    vanish = float(rng.uniform(-0.06, 0.06))
    for side in (-1.0, 1.0):
        for depth in (0.22, 0.42, 0.72):  # the farthest house first
            edge = vanish + side * (0.05 + 0.42 * depth)
            roof = horizon + 0.22 + 0.75 * depth + float(rng.uniform(-0.05, 0.05))
            left, right = sorted((edge, edge + side * 0.5))
            front = c.box(left, right, horizon - 0.05, roof, soft=0.01)
            c.fill(front, np.asarray(haze) * (0.30 - 0.26 * depth) + 0.004)
            _windows(c, rng, front, depth)
            for _ in range(3):
                _sign(scene, edge + side * float(rng.uniform(0.0, 0.11)), horizon, depth, side)
    c.blur(0.016)
    for _ in range(46):
        x = vanish + 0.30 * float(rng.normal())
        y = horizon + 0.03 + 0.075 * abs(float(rng.normal()))
        colour = np.asarray(scene.palette[int(rng.integers(len(scene.palette)))]) * 0.6 + 0.12
        c.bokeh(x, y, float(rng.uniform(0.012, 0.030)), colour * float(rng.uniform(0.15, 1.1)))


def _windows(c: Canvas, rng: np.random.Generator, front: Array, depth: float) -> None:
    """Some lit windows on a front."""
    wide, high = 0.030 + 0.035 * depth, 0.035 + 0.045 * depth
    u, v = c.x / wide, c.y / high
    chance = np.sin(np.floor(u) * 12.99 + np.floor(v) * 78.23 + float(rng.uniform(0, 9))) * 43758.547
    chance = chance - np.floor(chance)
    pane = ((u % 1 > 0.3) & (v % 1 > 0.35) & (chance > 0.80)).astype(np.float32) * front
    c.glow(pane * (chance - 0.7).astype(np.float32), (1.0, 0.62, 0.30))


def _sign(scene: Setting, x: float, horizon: float, depth: float, side: float) -> None:
    """A neon sign: a tube round a dark board, or a bar, with the glow that it throws on its wall."""
    c, rng = scene.canvas, scene.rng
    colour = np.asarray(scene.palette[int(rng.integers(len(scene.palette)))], np.float32)
    high, wide = (
        float(rng.uniform(0.10, 0.22)) * (0.4 + depth),
        float(rng.uniform(0.03, 0.06)) * (0.5 + depth),
    )
    if rng.uniform() < 0.35:
        high, wide = wide * 0.8, high * 0.8
    low = horizon + 0.06 + float(rng.uniform(0.02, 0.55)) * (0.25 + depth) * 0.9
    power = float(rng.uniform(1.6, 3.2))
    centre, middle = x + side * wide / 2, low + high / 2
    far = np.hypot((c.x - centre) / (wide + 0.10), (c.y - middle) / (high * 0.7 + 0.10))
    c.glow(np.asarray(0.10 * power * np.exp(-2.2 * far), np.float32), tuple(colour.tolist()))
    outer = c.box(centre - wide / 2, centre + wide / 2, low, low + high)
    tube = 0.008 + 0.006 * depth
    if rng.uniform() < 0.6:
        inner = c.box(centre - wide / 2 + tube, centre + wide / 2 - tube, low + tube, low + high - tube)
        c.fill(inner, colour * 0.10)
        c.glow(outer - inner, tuple((colour * power * 1.6).tolist()))
        bar = c.box(centre - wide * 0.16, centre + wide * 0.16, low + high * 0.15, low + high * 0.85)
        other = np.asarray(scene.palette[int(rng.integers(len(scene.palette)))], np.float32)
        c.glow(bar, tuple((other * power).tolist()))
    else:
        c.glow(outer, tuple((colour * power).tolist()))


def lights(scene: Setting) -> None:
    """Strings of warm lamps far behind, before dusk-dark green: Christmas, a party, a feast."""
    c, rng = scene.canvas, scene.rng
    ground = np.asarray(scene.palette[-1], np.float32)
    c.picture[:] = ground * (0.7 + 0.25 * c.noise(rng, 0.22))[..., None]
    c.blur(0.03)
    lamps = scene.palette[:-1]
    for count, small, large, power in (
        (70, 0.010, 0.020, 0.55),
        (46, 0.022, 0.040, 0.42),
        (10, 0.05, 0.075, 0.13),
    ):
        for _ in range(count):
            colour = np.asarray(lamps[min(int(rng.exponential(0.8)), len(lamps) - 1)], np.float32)
            x, y = float(rng.uniform(-c.half, c.half)), float(rng.uniform(-0.04, max(c.top, 0.1)))
            c.bokeh(x, y, float(rng.uniform(small, large)), colour * power * float(rng.uniform(0.25, 1.5)))


def sea(scene: Setting) -> None:
    """The sea from a beach on a clear day: sky, a straight horizon, deep and shallow water, foam."""
    c, rng, horizon = scene.canvas, scene.rng, scene.canvas.horizon
    up = np.clip((c.y - horizon) / 0.55, 0, 1)[..., None]
    clear = float(rng.uniform(0.85, 1.1))
    low, high = np.array((0.66, 0.80, 0.90), np.float32), np.array((0.17, 0.40, 0.73), np.float32) * clear
    c.picture[:] = low + (high - low) * up**0.75
    streaks = cv2.GaussianBlur(c.noise(rng, 0.05), (0, 0), 0.16 * c.px, sigmaY=0.016 * c.px)
    cloud = np.clip(streaks / max(float(streaks.std()), 1e-3) * 0.5 - 0.15, 0, 1)
    c.fill(cloud * np.exp(-np.square((c.y - horizon - 0.12) / 0.13)) * 0.55, (0.93, 0.95, 0.97))
    below = np.clip((horizon - c.y) / max(horizon, 0.05), 0, 1)
    far, near = np.array((0.035, 0.19, 0.34), np.float32), np.array((0.20, 0.52, 0.52), np.float32)
    water = far + (near - far) * (below**1.6)[..., None]
    swell = np.sin((below**0.6) * 38 + 1.2 * c.noise(rng, 0.35)) * 0.10
    step = np.clip((horizon - c.y) * c.px + 0.5, 0, 1)
    c.fill(np.broadcast_to(step, swell.shape).astype(np.float32), water * (1 + swell)[..., None])
    for at, wide in ((0.30, 0.016), (0.05, 0.035)):
        line = c.y - horizon * at - 0.012 * c.noise(rng, 0.25)
        c.fill(0.75 * np.exp(-np.square(line / wide)), (0.90, 0.93, 0.92))
    for _ in range(100):  # the sun on the waves
        x = scene.lamp_side * 0.30 + 0.22 * float(rng.normal())
        y = horizon * (1 - float(rng.uniform(0.05, 0.8)) ** 1.5)
        here = c.part(x - 0.02, x + 0.02, y - 0.02, y + 0.02)
        here.glow(here.oval(x, y, 0.008, 0.003), np.full(3, float(rng.uniform(0.1, 1.4)), np.float32))
    c.blur(0.011)


def snow(scene: Setting) -> None:
    """A winter's day at the edge of a wood: firs under snow in a pale haze, flakes in the air."""
    c, rng, horizon = scene.canvas, scene.rng, scene.canvas.horizon
    up = np.clip((c.y - horizon) / 0.6, 0, 1)[..., None]
    low, high = np.array((0.86, 0.90, 0.95), np.float32), np.array((0.46, 0.60, 0.78), np.float32)
    c.picture[:] = low + (high - low) * up
    for depth, count, haze in ((0.45, 12, 0.62), (0.75, 8, 0.36), (1.2, 5, 0.10)):
        for place in range(count):
            x = -c.half * 1.1 + 2.2 * c.half * (place + float(rng.uniform(0, 1))) / count
            if depth > 1 and abs(x) < scene.product_half + 0.06:
                continue
            _fir(c, rng, x, horizon - 0.02 * depth, 0.36 * depth * float(rng.uniform(0.75, 1.2)), haze)
    c.fill(
        np.clip((horizon - 0.015 - c.y + 0.012 * c.noise(rng, 0.3)) * c.px * 0.3, 0, 1), (0.86, 0.90, 0.96)
    )
    c.blur(0.014)
    for _ in range(60):
        x, y = float(rng.uniform(-c.half, c.half)), float(rng.uniform(0, max(c.top, 0.1)))
        c.bokeh(
            x, y, float(rng.uniform(0.004, 0.015)), np.full(3, float(rng.uniform(0.06, 0.34)), np.float32)
        )


def _fir(canvas: Canvas, rng: np.random.Generator, x: float, low: float, high: float, haze: float) -> None:
    """A fir in tiers, snow on each."""
    c = canvas.part(x - 0.3 * high, x + 0.3 * high, low, low + 1.05 * high)
    dark, far, white = (
        np.array((0.030, 0.060, 0.060)),
        np.array((0.70, 0.77, 0.85)),
        np.array((0.84, 0.88, 0.94)),
    )
    for tier in range(6):
        foot, tip = low + high * tier / 7.0, low + high * (tier + 2.0) / 7.0
        wide = high * 0.26 * (1 - tier / 6.6)
        along = np.clip((tip - c.y) / (tip - foot), 0, 1) * (c.y > foot)
        share = np.clip((along * wide - np.abs(c.x - x)) * c.px + 0.5, 0, 1) * (along > 0)
        top = np.clip(1.2 - 2.0 * along + 0.5 * float(rng.uniform(-1, 1)) * np.sign(c.x - x), 0, 1)
        tint = dark + (white - dark) * (0.75 * top)[..., None]
        c.fill(share.astype(np.float32), (tint * (1 - haze) + far * haze).astype(np.float32))


def mountains(scene: Setting) -> None:
    """Ridges over a lake, bluer the farther away, the last one under snow."""
    c, rng, horizon = scene.canvas, scene.rng, scene.canvas.horizon
    up = np.clip((c.y - horizon) / 0.5, 0, 1)[..., None]
    low, high = np.array((0.80, 0.88, 0.95), np.float32), np.array((0.20, 0.44, 0.78), np.float32)
    c.picture[:] = low + (high - low) * up**0.7
    haze, room = np.array((0.50, 0.66, 0.86), np.float32), float(np.clip(0.8 * (c.top - horizon), 0.12, 0.5))
    for far, height, rough in ((0.55, 0.62, 0.55), (0.42, 0.36, 0.36), (0.20, 0.20, 0.22), (0.0, 0.08, 0.10)):
        crest = horizon + room * (height + rough * _ridge(c, rng))
        slope = cv2.GaussianBlur(np.gradient(crest, axis=1) * c.px, (0, 0), 0.010 * c.px)
        lit = (0.85 - 0.5 * np.clip(scene.lamp_side * slope, -1, 1))[..., None] + 0 * c.y[..., None]
        rock = np.array((0.09, 0.13, 0.10), np.float32) * lit
        rock = rock + (haze - rock) * far
        if far > 0.5:
            below = (crest - c.y) / room + 0.10 * c.noise(rng, 0.035)
            snow = np.clip((0.34 - below) / 0.12, 0, 1)[..., None]
            rock = rock + (np.array((0.90, 0.94, 1.0), np.float32) * lit - rock) * snow
        c.fill(np.clip((crest - c.y) * c.px * 0.5 + 0.5, 0, 1), rock)
    near = np.clip((horizon - c.y) / max(horizon, 0.05), 0, 1)[..., None]
    calm = 1.1 - 0.45 * near + 0.06 * c.noise(rng, 0.2)[..., None]
    water = np.array((0.30, 0.46, 0.58), np.float32) * calm
    c.fill(np.clip((horizon - c.y) * c.px + 0.5, 0, 1) + 0 * c.x, water)
    c.blur(0.009)


def _ridge(c: Canvas, rng: np.random.Generator) -> Array:
    """(1, w): a crest line, about [-1, 1], in octaves."""
    line = np.zeros(c.x.shape[1], np.float32)
    for octave in range(6):
        count = 3 * 2**octave
        knots = rng.uniform(-1, 1, count + 1)
        line += np.interp(np.linspace(0, count, len(line)), np.arange(count + 1), knots) * 0.5**octave
    return np.asarray(line[None] * 0.7, np.float32)


DRAWINGS: dict[str, Callable[[Setting], None]] = {
    "bathroom": bathroom,
    "kitchen": kitchen,
    "living_room": living_room,
    "cafe": cafe,
    "street": street,
    "lights": lights,
    "sea": sea,
    "snow": snow,
    "mountains": mountains,
    "shop": shop,
    "fireside": fireside,
    "bedroom": bedroom,
    "barn": barn,
    "gym": gym,
}
"""Every drawing that words.toml may name."""
