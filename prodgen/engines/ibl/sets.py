"""What is behind the floor: a real place out of focus, or a sweep of paper in a studio; and lamps at night.

Owns the choice of view and the studio's light; the panoramas themselves are `panorama`'s.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from prodgen.color import LUMA, to_linear
from prodgen.engines.ibl import niche
from prodgen.engines.ibl.camera import Camera, backdrop_grid
from prodgen.engines.ibl.panorama import (
    Array,
    Environment,
    KeyLight,
    add_light,
    make_environment,
    small_panorama,
    studio,
)
from prodgen.engines.ibl.prompt_reading import Reading
from prodgen.engines.ibl.shadow_patterns import IN_SHADOW, WALL_DEPTH, Patterns, on_sweep, unit_of
from prodgen.engines.ibl.standing_shadow import Caster
from prodgen.engines.ibl.vocabulary import Scene
from prodgen.light import Light

PAPER = (0.86, 0.855, 0.85)
"""sRGB of the studio's paper if the prompt names no colour: a light, barely warm grey. Chosen by eye."""

WINDOW = KeyLight(-52, 42, 0.55, (1.0, 1.0, 1.0), 3.0)
"""The studio's soft box: left, above, large. Chosen by eye."""

PATTERN_LIGHT = (50.0, 36.0)
"""Azimuth, to either side, and elevation of a light that throws a pattern. Chosen by eye."""

AFLOAT_LIGHT = (34.0, 68.0)
"""Azimuth, to either side, and elevation of the light on a hovering product. Chosen by eye: its shadow stays
under it."""

OVER_TABLE = (128.0, 46.0)
"""Azimuth, to either side, and elevation of the light on a flat lay. Chosen by eye: a window at the table's
far corner, as the shadow then falls towards the viewer."""

SOFTEST_OVER_TABLE = 0.45
"""Softness of the light on a flat lay at most. Chosen by eye: a softer one leaves no shadow to see."""

DAYLIGHT = (1.04, 1.0, 0.91)
"""Linear colour of the sun when it stands high, luminance 1. Chosen by eye, near 5500 K."""

LAMP_COLOURS = (
    (1.5, 0.85, 0.32), (1.5, 0.85, 0.32), (1.35, 1.0, 0.62), (1.2, 1.02, 0.8), (0.8, 1.05, 1.35),
    (1.9, 0.30, 0.22), (0.45, 1.15, 0.95),
)  # fmt: skip
"""Sodium twice, warm and neutral white, cold LED, tail light, signal: linear, luminance near 1. Chosen by
eye."""

GRADIENT = 0.34
"""How much darker the studio's corners are if a gradient is asked for. Chosen by eye."""

QUALITY_SOFTNESS = {"soft": 0.9, "hard": 0.12}
"""Size of the key light, 0 a point, 1 half the sky, for a soft and a hard light. Chosen by eye."""


NOBODY = niche.Foreground()
"""What an arch is fitted to in an empty scene."""


def surroundings(
    reading: Reading, rng: np.random.Generator, lights: Sequence[Light], *, lies_flat: bool = False
) -> Environment:
    """The light of the scene that was read, with the camera turned so that it comes from where it should.

    Args:
        reading: Scene, colours and the quality of the light.
        rng: Picks one of the scene's good views.
        lights: The lights that are asked for, the key light first; none leaves the light to the scene.
        lies_flat: Whether the product is seen from above; it is then lit as over a table, from high up.
    """
    environment = _under_key(reading, rng, lights[0] if lights else None, lies_flat=lies_flat)
    key = environment.key
    lamps = tuple(_beside(key, lamp, lights[0].strength) for lamp in lights[1:] if lamp.strength > 0)
    for lamp in lamps:
        environment = add_light(environment, lamp)
    return replace(environment, key=key, lamps=lamps)


def _beside(key: KeyLight, lamp: Light, key_strength: float) -> KeyLight:
    """Return a lamp beside the key light: as bright as their strengths compare, and never brighter."""
    red, green, blue = lamp.tint.tolist()
    return KeyLight(
        azimuth_deg=lamp.azimuth_deg,
        elevation_deg=lamp.elevation_deg,
        softness=lamp.softness,
        colour=(red, green, blue),
        irradiance=key.irradiance * lamp.strength / max(key_strength, lamp.strength),
    )


def _under_key(
    reading: Reading, rng: np.random.Generator, asked: Light | None, *, lies_flat: bool
) -> Environment:
    """Return the light of the scene with its key light where, and in the colour that, it is asked for."""
    light = None if asked is None else (asked.azimuth_deg, asked.elevation_deg)
    gel = np.ones(3, np.float32) if asked is None else asked.tint
    scene = reading.scene
    pick, shift, side = rng.integers(len(scene.headings)), rng.uniform(-1, 1), rng.uniform(-1, 1)
    if light is None and reading.gobo is not None:
        light = (math.copysign(PATTERN_LIGHT[0], side), PATTERN_LIGHT[1])
    if light is None and reading.is_afloat:
        light = (math.copysign(AFLOAT_LIGHT[0], side), AFLOAT_LIGHT[1])
    if light is None and lies_flat:
        light = (math.copysign(OVER_TABLE[0], side), OVER_TABLE[1])
    if scene.panorama == "sweep":
        return _studio(reading, light, side, gel)
    small = small_panorama(scene.panorama)
    heading = scene.headings[int(pick)] + float(shift) * scene.spread
    environment = _with_lamps(make_environment(small, heading), scene, math.copysign(1, side))
    if scene.sun is not None and light is None:
        light = (math.copysign(scene.sun[0], side), scene.sun[1])
    if light is None:
        return environment
    azimuth, elevation = light
    key = environment.key
    if scene.sun is not None:
        key = replace(key, colour=DAYLIGHT)
    else:
        # Turning the camera by an angle turns the light by the same the other way.
        heading = environment.heading_deg - (key.azimuth_deg - azimuth) + float(shift) * 5
        environment = make_environment(small, _wrap(heading))
        key = environment.key
    softness = QUALITY_SOFTNESS.get(reading.quality, min(key.softness, 0.22))
    if lies_flat:
        softness = min(softness, SOFTEST_OVER_TABLE)
    ambient = float(environment.irradiance(np.array([[0, 1, 0], [0, 0, 1]], np.float32)).mean(axis=0) @ LUMA)
    strength = 11.0 if reading.quality == "hard" else 5.5
    if (
        scene.sun is not None and not scene.drawing
    ):  # beside a sky of its own brightness, which it must not dim
        strength *= 0.4
    key = replace(key, azimuth_deg=azimuth, elevation_deg=elevation, softness=softness)
    return add_light(environment, _coloured(replace(key, irradiance=ambient * strength), gel))


def _with_lamps(environment: Environment, scene: Scene, side: float) -> Environment:
    """The place's own lamps added, mirrored for `side` -1; the first of them is its key light."""
    ambient = float(environment.irradiance(np.array([[0, 1, 0], [0, 0, 1]], np.float32)).mean(axis=0) @ LUMA)
    for lamp in reversed(scene.lit_by):
        key = KeyLight(
            side * lamp.azimuth_deg,
            lamp.elevation_deg,
            lamp.softness,
            (1.0, 1.0, 1.0),
            ambient * lamp.strength,
        )
        environment = add_light(environment, _coloured(key, np.array(lamp.colour, np.float32)))
    return environment


def _coloured(key: KeyLight, gel: Array) -> KeyLight:
    """Return a light behind a gel (3,), linear and of luminance 1, as bright as without it."""
    colour = np.array(key.colour, np.float32) * gel
    red, green, blue = (colour / max(float(colour @ LUMA), 1e-6)).tolist()
    return replace(key, colour=(red, green, blue))


def _wrap(degrees: float) -> float:
    return (degrees + 180) % 360 - 180


def _studio(reading: Reading, light: tuple[float, float] | None, side: float, gel: Array) -> Environment:
    softness = QUALITY_SOFTNESS.get(reading.quality, WINDOW.softness)
    azimuth, elevation = light or (math.copysign(44 + 16 * abs(side), side), 40 + 8 * side)
    is_hard = reading.quality == "hard"
    key = replace(WINDOW, azimuth_deg=azimuth, elevation_deg=elevation, softness=softness)
    key = replace(key, irradiance=3.6) if is_hard else key
    return studio(_coloured(key, gel), backdrop=paper_colour(reading), fill=0.12 if is_hard else 0.55)


def paper_colour(reading: Reading) -> Array:
    """Linear colour (3,) of the studio's paper or wall, where the product stands."""
    shades = reading.fade or (reading.backdrop or PAPER,)
    return to_linear(np.array(shades[-1], np.float32))


def _paper_colours(reading: Reading, y: Array) -> Array:
    """Linear colours (h, 1, 3) of the paper by height; `y` is 0 at the horizon, 1 at the product's foot."""
    if not reading.fade or len(reading.fade) == 1:
        return paper_colour(reading)[None, None]
    t = np.clip((y - y[0]) / max(float(1 - y[0, 0]), 1e-3), 0, 1)[..., None]
    high, low = np.array(reading.fade[0], np.float32), np.array(reading.fade[1], np.float32)
    # Mixed as seen, not as lit: half way from pink to blue looks half way.
    return to_linear((high + (low - high) * t * t * (3 - 2 * t)).astype(np.float32))


def paper(
    camera: Camera,
    reading: Reading,
    environment: Environment,
    gain: Array,
    *,
    pattern: Patterns | None = None,
    product: niche.Foreground = NOBODY,
    caster: Caster | None = None,
) -> Array:
    """A paper sweep from floor to wall without a line: (h, w, 3), exposed, of the backdrop's reduced size.

    Args:
        camera: Says where wall and floor meet.
        reading: Colour, gradient and the quality of the light.
        environment: Lights it.
        gain: (3,) exposure and white balance.
        pattern: What the lights pass before they arrive, or None.
        product: Where it is; an arch stands behind it.
        caster: The product, whose shadow falls on a wall with an arch.
    """
    rows, columns, _ = backdrop_grid(camera)
    y = ((rows - np.float32(camera.horizon)) / np.float32(camera.drop))[:, None]
    x = ((columns - camera.width / 2) / np.float32(camera.side))[None]
    lit = environment.irradiance(np.array([[0, 0, 1], [0, 1, 0]], np.float32)) * gain
    wall, floor = 0.80 * lit[0] + 0.20 * lit[0].mean(), lit[1]
    t = np.clip((y - 0.10) / 0.75, 0, 1)
    bend = (t * t * (3 - 2 * t))[..., None]
    light = wall * (1 - bend) + floor * bend
    # The soft box leaves a pool on the wall, on the far side from where it stands, and falls off.
    azimuth = math.radians(environment.key.azimuth_deg)
    centre = -0.22 * math.sin(azimuth)
    is_hard = reading.quality == "hard"
    reach = 0.42 if is_hard and pattern is None else 0.62 if reading.fade == () else 0.75
    pool = np.exp(-(np.square((x - centre) / reach) + np.square((y - 0.25) / (1.9 * reach))))
    colour = _paper_colours(reading, y)
    # White paper is lit until it is white; every other keeps its shape by falling off.
    whiteness = float(np.clip((float(colour.min()) - 0.75) / 0.15, 0, 1)) * (0.0 if is_hard else 1.0)
    low = (0.16 if is_hard and pattern is None else 0.70) + 0.22 * whiteness
    if reading.fade == ():
        low -= GRADIENT
    light = light * np.float32(1 + 0.75 * whiteness)
    light = light * (low + (1.08 - low) * pool * (1 - bend[..., 0]) + (1 - low) * bend[..., 0])[..., None]
    light = light * (1 + 0.10 * x * np.float32(math.sin(azimuth)))[..., None]
    if pattern is not None:
        lit_share = on_sweep(pattern, camera, rows, columns)
        light = light * (IN_SHADOW + (1.06 - IN_SHADOW) * lit_share)
    if reading.has_arch:
        if caster is not None:
            light = light * _on_wall(caster, camera, rows, columns)
        around = colour if reading.arch is None else to_linear(np.array(reading.arch, np.float32))
        opening = niche.opening_for(camera, rows, columns, product)
        lit = np.asarray(light, np.float32)
        return niche.carve(opening, environment, gain=gain, light=lit, outside=around, inside=colour)
    return np.asarray(colour * light, np.float32)


def _on_wall(caster: Caster, camera: Camera, rows: Array, columns: Array) -> Array:
    """(h, w, 3): light that the product leaves on the wall; all on the floor, with its own shadow."""
    below = rows[:, None] - np.float32(camera.horizon)
    height = (np.float32(camera.drop) - below * np.float32(WALL_DEPTH)) / np.float32(camera.side)
    x = (columns[None] - np.float32(camera.width / 2)) * np.float32(WALL_DEPTH / camera.side)
    left = caster.light_left(x, height, (1 - WALL_DEPTH) * float(unit_of(camera)))
    return np.asarray(np.where((height > 0)[..., None], left, 1), np.float32)


def turned_leaves(picture: Array) -> Array:
    """Green leaves turned yellow and red, as in autumn; what is not green stays. (h, w, 3), linear."""
    red, green, blue = picture[..., 0], picture[..., 1], picture[..., 2]
    leafy = np.clip((green - 0.5 * (red + blue)) / np.maximum(0.22 * green, 1e-4), 0, 1)[..., None]
    # Some trees are yellow, some red: broad blots, the same in every picture.
    down, across = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]].astype(np.float32) / np.float32(
        len(picture)
    )
    blots = (
        0.5
        + 0.25 * np.sin(9 * across + 4 * np.sin(5 * down))
        + 0.25 * np.sin(13 * down + 3 * np.sin(7 * across))
    )
    turned = np.stack([1.5 * green + 0.3 * red, (0.42 + 0.62 * blots) * green, 0.3 * blue], axis=-1)
    return np.asarray(picture + leafy * (turned - picture), np.float32)


def lamps(camera: Camera, scene: Scene, rng: np.random.Generator) -> Array:
    """Distant lights along the horizon: points on the reduced backdrop, (h, w, 3), exposed, to be blurred."""
    rows, columns, scale = backdrop_grid(camera)
    points = np.zeros((len(rows), len(columns), 3), np.float32)
    colours = np.array(scene.palette or LAMP_COLOURS, np.float32)
    spot = math.pi * (0.021 * camera.side * scale) ** 2  # area that the lens will smear a point over
    for _ in range(scene.lamps):
        x = int(rng.uniform(0, len(columns)))
        rise = abs(rng.normal(0, 0.075)) * camera.side - 0.02 * camera.side
        y = round((camera.backdrop_horizon - rise) * scale)
        colour = colours[int(rng.integers(len(colours)))]
        strength = float(np.exp(rng.uniform(math.log(0.08), math.log(1.1))))
        if 0 <= y < len(rows):
            points[y, x] += colour * (strength * spot)
    return cv2.GaussianBlur(points, (0, 0), 0.6).astype(np.float32)
