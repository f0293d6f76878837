"""The floor in the picture: lit, mirrored in, shadowed by the product, out of focus, ending somewhere.

Takes a material, puts it in perspective under the product, lays the scene's light on it, lets a polished one
mirror what is behind and the product itself, and blurs it as the lens would. Owns the floor's light; the
shadow's shape is `prodgen.shadows`', the pattern is `floor_materials`'.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np

from prodgen.color import LUMA, to_linear
from prodgen.engines.ibl.camera import Camera, lens_blur
from prodgen.engines.ibl.floor_materials import FINISHES, Surface, tinted
from prodgen.engines.ibl.panorama import MAP_ROWS, Array, Environment, grid_directions
from prodgen.engines.ibl.plane import make_plane
from prodgen.engines.ibl.prompt_reading import Reading
from prodgen.engines.ibl.standing_shadow import paled
from prodgen.images import Matte, RgbImage
from prodgen.masks import blur, dilate
from prodgen.shadows import cast_shadow, contact_shadow, reflection, shadow_under

LOWEST_SHADOW_DEG = 16.0
"""Elevation below which a sun throws no longer shadow. Chosen by eye: the table would seem to float."""

FLAT_TOUCH = 0.2
"""How dark the seam is around what lies flat, compared with that under what stands.

Chosen by eye: under a thin edge hardly any floor is hidden."""

UP = np.array([0, 1, 0], np.float32)

STANDARD_MIRROR = 0.05
"""Reflectance of stone, lacquer, glass seen straight on. Source: Fresnel, at a refractive index of 1.55."""


@dataclass(frozen=True)
class Product:
    """The product as it stands in the scene."""

    picture: RgbImage
    """(H, W, 3), sRGB, under the scene's light."""
    matte: Matte
    lies_flat: bool = False
    """Whether it lies on the floor instead of standing there."""
    lift: float = 0.0
    """How far it hovers over the floor, picture sides."""


@dataclass(frozen=True)
class Edge:
    """Where the floor ends behind the product."""

    row: float
    slope: float
    """Rows per column."""
    bend: float
    """Rows that the edge falls from the middle to either side: a round table."""
    softness: float
    """Rows over which it fades."""


@dataclass(frozen=True)
class FloorLight:
    """What lights the floor, as radiance of a white surface, exposed; (3,) each."""

    key: Array
    rest: Array
    toward: tuple[float, float]
    """Where the key light is on the floor: right and into the depth, times its flatness."""
    azimuth_deg: float
    elevation_deg: float
    softness: float


def floor_light(environment: Environment, gain: Array) -> FloorLight:
    """Split the light on the floor into the key light and the rest."""
    light = environment.key
    total = environment.irradiance(UP[None])[0] * gain
    total = paled(total)
    elevation = max(light.elevation_deg, LOWEST_SHADOW_DEG)
    height = math.sin(math.radians(elevation))
    key = np.asarray(light.colour, np.float32) * (light.irradiance * height / math.pi) * gain
    key = np.minimum(key, 0.8 * total)
    flat = math.cos(math.radians(elevation)) / max(height, 0.3)
    turn = math.radians(light.azimuth_deg)
    # Shadows are bluer than the sun, but not as blue as the numbers: film and eye adapt.
    key = 0.65 * key + 0.35 * total * (float(key @ LUMA) / max(float(total @ LUMA), 1e-6))
    return FloorLight(
        key=key.astype(np.float32),
        rest=(total - key).astype(np.float32),
        toward=(flat * math.sin(turn), -flat * math.cos(turn)),
        azimuth_deg=light.azimuth_deg,
        elevation_deg=elevation,
        softness=light.softness,
    )


BRIGHTEST_FLOOR = 0.60
"""Linear level above which a pale floor is held back. Chosen by eye: marble and linen keep their pattern."""


def held_back(light: FloorLight, surface: Surface) -> FloorLight:
    """The light on a floor so pale that it would burn out, reduced as a flag before the lamp does."""
    level = float(surface.albedo.mean(axis=(0, 1)) @ LUMA) * float((light.key + light.rest) @ LUMA)
    if level <= BRIGHTEST_FLOOR:
        return light
    factor = np.float32((BRIGHTEST_FLOOR / level) ** 0.85)
    return replace(light, key=light.key * factor, rest=light.rest * factor)


def edge_alpha(camera: Camera, edge: Edge, first: int) -> Array:
    """(H - first, W): 1 on the floor, 0 behind its end."""
    x = (np.arange(camera.width, dtype=np.float32) - camera.width / 2)[None]
    rows = np.arange(first, camera.height, dtype=np.float32)[:, None]
    ends = edge.row + edge.slope * x + edge.bend * np.square(x * (2 / camera.width))
    t = np.clip((rows - ends) / np.float32(edge.softness) + 0.5, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def surface_of(reading: Reading, camera: Camera, rows: Array, rng: np.random.Generator) -> Surface:
    """The prompt's floor under `rows`, somewhere on its endless extent."""
    finish = FINISHES[reading.floor]
    turn = float(rng.uniform(-1, 1)) * finish.turns
    phase = (float(rng.uniform(0, 50)), float(rng.uniform(0, 50)))
    plane = make_plane(camera, rows, turn=turn, phase=phase)
    surface = finish.paint(plane, 1.0 if reading.is_wet else 0.0)
    return tinted(surface, reading.tint) if reading.tint is not None else surface


def shade(
    surface: Surface,
    light: FloorLight,
    camera: Camera,
    rows: Array,
    *,
    sun: Array,
    sky: Array,
    dapple: Array | None,
) -> Array:
    """The matt part of the floor's light.

    Args:
        surface: The floor, unlit.
        light: What falls on it.
        camera: The camera.
        rows: Its rows.
        sun: (h, W) share of the key light that arrives.
        sky: (h, W, 1) share of the rest that arrives, or (h, W, 3) by channel.
        dapple: (h, W) further share of the key light (leaves), or None.
    """
    x = ((np.arange(camera.width, dtype=np.float32) + 0.5) / camera.width * 2 - 1)[None]
    # A lamp or window at the side is nearer to one side of the table.
    fall = 1 + 0.16 * x * np.float32(math.sin(math.radians(light.azimuth_deg)))
    key, rest = sun * fall, sky
    if dapple is not None:
        key = key * dapple
    if surface.relief is not None:
        plane = make_plane(camera, rows, turn=0.0, phase=(0.0, 0.0))
        hard = 1.0 - 0.45 * light.softness
        bump = plane.relief(surface.relief, light.toward, hard)
        key = key * bump
        rest = rest * (0.5 + 0.5 * bump)[..., None]
    return surface.albedo * (key[..., None] * light.key + rest * light.rest)


def mirror(
    surface: Surface, camera: Camera, rows: Array, behind: Array, product: Product | None, *, sky_share: Array
) -> Array:
    """The mirrored part of the floor's light, (h, W, 3).

    Args:
        surface: The floor.
        camera: The camera.
        rows: Its rows.
        behind: What is behind the floor, exposed, at any size.
        product: What stands on it.
        sky_share: (h, W) share of the sky that the product leaves; dulls the mirror at the contact.
    """
    below = (rows - np.float32(camera.horizon))[:, None]
    sine = below / np.sqrt(below**2 + np.float32(camera.focal**2))
    fresnel = STANDARD_MIRROR + (1 - STANDARD_MIRROR) * (1 - sine) ** 4
    gloss = surface.gloss if isinstance(surface.gloss, np.ndarray) else np.float32(surface.gloss)
    share = (fresnel * gloss).astype(np.float32)
    scale = behind.shape[0] / camera.height
    spread = (2.0 + 26.0 * surface.roughness) * behind.shape[0] / 300
    # Rough floors draw lights out towards the camera: the blur is upright (as wet streets show).
    soft = cv2.GaussianBlur(behind, (0, 0), sigmaX=max(spread * 0.3, 0.4), sigmaY=max(spread * 1.9, 0.4))
    source = np.broadcast_to(
        ((np.float32(camera.backdrop_horizon) - below * 0.8) * scale).astype(np.float32),
        (len(rows), camera.width),
    )
    columns = np.broadcast_to(
        ((np.arange(camera.width, dtype=np.float32) + 0.5) * (behind.shape[1] / camera.width) - 0.5)[None],
        source.shape,
    ).astype(np.float32)
    if surface.relief is not None and surface.roughness < 0.2:
        waves = _waves(surface.relief, camera)
        source = (source + waves * np.float32(SKY_SWAY * scale)).astype(np.float32)
    image = cv2.remap(
        soft, columns, np.ascontiguousarray(source), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    ).astype(np.float32)
    if product is not None and not product.lies_flat:  # which hides its own mirror image
        product = _sunk_twice(product, camera)
        picture, opacity = reflection(
            product.picture,
            product.matte,
            strength=1.0,
            fade=0.9 - 0.8 * min(surface.roughness, 0.6),
            roughness=min(0.9, surface.roughness * 1.6),
        )
        first = camera.height - len(rows)
        mirrored, opacity = to_linear(picture[first:]), opacity[first:]
        if surface.relief is not None and surface.roughness < 0.2:
            mirrored, opacity = (_on_waves(x, waves, camera, rows) for x in (mirrored, opacity))
        opacity = opacity[..., None]
        image = image * sky_share[..., None] * (1 - opacity) + mirrored * opacity
    return np.asarray(image * share[..., None], np.float32)


SKY_SWAY = 9.0
"""How much farther waves move the image of what is far behind than that of the product. Chosen by eye; by
optics it grows with the distance of what is mirrored."""

WAVE_HEIGHT, HIGHEST_WAVE = 3.0, 0.014
"""Pixels that a mirror image moves for each unit of relief, and at most, in picture sides. Chosen by eye:
ripples that leave the product to be known again."""


def _waves(relief: Array, camera: Camera) -> Array:
    """(h, W): how far waves move a mirror image, pixels."""
    reach = HIGHEST_WAVE * camera.side
    return np.asarray(np.clip(relief * (WAVE_HEIGHT * camera.side), -reach, reach), np.float32)


def _on_waves(picture: Array, waves: Array, camera: Camera, rows: Array) -> Array:
    """A mirror image on moving water: still where the product stands, more broken towards the camera."""
    away = np.clip((rows - np.float32(camera.base)) / np.float32(0.06 * camera.side), 0, 1)[:, None]
    moved = waves * away
    columns = np.arange(camera.width, dtype=np.float32)[None] + 0.7 * moved
    down = np.arange(len(rows), dtype=np.float32)[:, None] + moved
    return np.asarray(
        cv2.remap(picture, columns, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def product_shadow(
    camera: Camera, environment: Environment, light: FloorLight, product: Product | None, first: int
) -> tuple[Array, Array]:
    """Shares of the key light and of all other light that reach the floor, (h, W) each."""
    if product is None:
        empty = np.ones((camera.height - first, camera.width), np.float32)
        return empty, empty
    pitch, flat = camera.pitch_deg, product.lies_flat
    under = product.matte
    if product.lift:
        under = _sunk(product.matte, camera, product.lift, light, 0.0)
    directions, weights = _other_lights(environment)
    sky = shadow_under(under, directions, weights, camera_pitch_deg=pitch, lies_flat=flat)
    # A hundred lights stand for a whole sky: what is left of their single shadows is smoothed away.
    sky = blur(sky[first:], 0.010 * camera.side)
    sun = thrown(camera, light, product, first)
    if product.lift:  # the half-shadow is wide everywhere
        return sun, blur(sky, 0.12 * product.lift * camera.side)
    return sun, sky * _touch(product.matte, camera, lies_flat=flat)[first:]


def thrown(camera: Camera, light: FloorLight, product: Product, first: int) -> Array:
    """Share of one light, in the place of the key light, that reaches the floor, (h, W)."""
    matte, flat = product.matte, product.lies_flat
    sun = cast_shadow(
        _sunk(matte, camera, product.lift, light, 1.0) if product.lift else matte,
        azimuth_deg=light.azimuth_deg,
        elevation_deg=light.elevation_deg,
        softness=max(light.softness, 0.06),
        camera_pitch_deg=camera.pitch_deg,
        lies_flat=flat,
    )[first:]
    if product.lift:  # nothing touches the floor, and the half-shadow is wide
        return np.asarray(1 - 0.75 * blur(1 - sun, 0.16 * product.lift * camera.side), np.float32)
    return np.asarray(sun * _touch(matte, camera, lies_flat=flat)[first:], np.float32)


def _sunk_twice(product: Product, camera: Camera) -> Product:
    """A hovering product as far below as its mirror image begins; any other as it is."""
    if not product.lift:
        return product
    size, down = product.matte.shape[::-1], 2 * product.lift * camera.side
    turned = np.array([[1, 0, 0], [0, 1, down]], np.float32)
    matte = np.asarray(cv2.warpAffine(product.matte, turned, size), np.float32)
    if not (matte > 0.5).any():
        return product
    picture = np.asarray(cv2.warpAffine(product.picture, turned, size), np.float32)
    return replace(product, picture=picture, matte=matte)


def _sunk(matte: Matte, camera: Camera, lift: float, light: FloorLight, share: float) -> Matte:
    """The matte of a hovering product, put on the floor: right under it, or where its shadow begins.

    Args:
        matte: (H, W), where it hovers.
        camera: The camera.
        lift: How high, picture sides.
        light: The key light.
        share: 0 right under it, 1 as far away as the key light throws its shadow.
    """
    away = share * lift * camera.side / math.tan(math.radians(light.elevation_deg))
    turn, sine = math.radians(light.azimuth_deg), math.sin(math.radians(camera.pitch_deg))
    right = -away * math.sin(turn)
    down = lift * camera.side - away * math.cos(turn) * sine
    moved = cv2.warpAffine(matte, np.array([[1, 0, right], [0, 1, down]], np.float32), matte.shape[::-1])
    return np.asarray(moved if (moved > 0.5).any() else matte, np.float32)


def _other_lights(environment: Environment) -> tuple[Array, Array]:
    """Directions and weights of the surroundings above the horizon, without the key light."""
    directions = grid_directions(environment.heading_deg)[: MAP_ROWS // 2]
    radiance = environment.small[: MAP_ROWS // 2] @ LUMA
    size = (16, 6)
    coarse = cv2.resize(directions, size, interpolation=cv2.INTER_AREA)
    coarse = coarse / np.linalg.norm(coarse, axis=-1, keepdims=True)
    level = cv2.resize(
        np.minimum(radiance, 5 * float(np.median(radiance)) + 1e-4), size, interpolation=cv2.INTER_AREA
    )
    solid = np.sqrt(np.maximum(1 - coarse[..., 1] ** 2, 0))
    return coarse.reshape(-1, 3).astype(np.float32), (level * solid).reshape(-1).astype(np.float32)


def _touch(matte: Matte, camera: Camera, *, lies_flat: bool) -> Array:
    """(H, W): the dark seam where product and floor meet, wide enough to be seen at any size."""
    footprint = 1 - contact_shadow(matte, opacity=1.0, camera_pitch_deg=camera.pitch_deg, lies_flat=lies_flat)
    seam = blur(dilate(footprint, 0.004 * camera.side), 0.005 * camera.side)
    near = blur(dilate(footprint, 0.016 * camera.side), 0.024 * camera.side)
    share = FLAT_TOUCH if lies_flat else 1.0
    return ((1 - 0.50 * share * seam) * (1 - 0.38 * share * near)).astype(np.float32)


def defocus(floor: Array, camera: Camera, first: int) -> Array:
    """Blur the floor as the lens does: not where the product stands, more with every row away from it."""
    rows = np.arange(first, camera.height, dtype=np.float32)
    radius = np.array([camera.defocus_px(float(r)) for r in rows], np.float32)
    # Stopped down a little for the product's depth; and in front of it a blurred floor looks like a mistake.
    radius = (np.maximum(radius - 0.0022 * camera.side, 0) * np.where(rows > camera.base, 0.22, 1)).astype(
        np.float32
    )
    result = floor.copy()
    levels = [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    previous = floor
    for low, high in pairwise(levels):
        wanted = np.flatnonzero(radius > low)
        if not len(wanted):
            break
        current = _disc_blur(floor, high)
        here = np.flatnonzero((radius > low) & (radius <= high))
        if len(here):
            share = ((radius[here] - low) / (high - low))[:, None, None]
            result[here] = previous[here] * (1 - share) + current[here] * share
        previous = current
    return result


def _disc_blur(picture: Array, radius_px: float) -> Array:
    if radius_px <= 2:
        return lens_blur(picture, radius_px)
    # A Gaussian of half the disc's radius has its variance, and is much faster.
    return blur(picture, radius_px / 2)


def dappled(camera: Camera, rows: Array, rng: np.random.Generator) -> Array:
    """(h, W): sun through leaves, 0.25 to 1.5, of the same energy on the whole."""
    phase = (float(rng.uniform(0, 50)), float(rng.uniform(0, 50)))
    plane = make_plane(camera, rows, turn=0.4, phase=phase)
    leaves = plane.layers(1.5, 2, seed=7, gain=0.6) + 0.25
    t = np.clip(leaves * 1.5 + 0.5, 0, 1)
    return np.asarray(0.35 + 0.95 * t * t * (3 - 2 * t), np.float32)
