"""One picture by image-based lighting: what the embedded backend draws instead of diffusing.

The prompt picks a place, a floor and a light; the place's panorama is the backdrop, out of focus, and the
light; the product stands on the floor in it. Same order, same bytes; the seed chooses the view. No weights,
no network. Owns the order of the steps; each step is a module beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np

from prodgen.color import LUMA, to_linear
from prodgen.engines.ibl import (
    blocks,
    fallen_leaves,
    floor_view,
    niche,
    podium,
    product_light,
    ripples,
    sets,
    shadow_patterns,
    tone,
)
from prodgen.engines.ibl import camera as lens
from prodgen.engines.ibl.asked_lights import asked_lights
from prodgen.engines.ibl.backdrop_canvas import canvas_for
from prodgen.engines.ibl.composition import PictureSet, edge_of, set_up
from prodgen.engines.ibl.floor_materials import Surface
from prodgen.engines.ibl.floor_view import Product
from prodgen.engines.ibl.lamp_shadows import rest_shadow
from prodgen.engines.ibl.painted_places import DRAWINGS
from prodgen.engines.ibl.painted_rooms import Setting
from prodgen.engines.ibl.panorama import Array
from prodgen.engines.ibl.prompt_reading import read
from prodgen.engines.ibl.render_order import Rendering, RenderOrder
from prodgen.engines.ibl.standing_shadow import caster_of
from prodgen.errors import ImageError
from prodgen.images import Matte, RgbImage
from prodgen.light import Light
from prodgen.light.bare_metal import mirror_image
from prodgen.light.made_of import read_material
from prodgen.light.relighting import relight_on
from prodgen.masks import bounding_box, composite
from prodgen.pose import read_words

METER, DRAMATIC_METER = (0.78, 1.06), (0.55, 1.06)
"""Bounds of a product's mean light, compared with the exposure that is asked for; the second for hard light.
Chosen by eye: against the sun a reflector lifts it, under a skylight it is not burnt out."""

FLOOR_SEEN = 0.45
"""Share of what metal mirrors from below that is the floor; the rest is the panorama's own.

Measured on path-traced metals: the chroma of their lower parts is 0.3 to 1.4 times the floor's, 0.3 on an
orange one. With all of the floor a steel pot on orange wood is taken for copper."""

PATTERN_SHADE = 0.12
"""Share of the key light in the shadow of a pattern on a floor. Chosen by eye: what leaves let through."""

SMALLEST_SIDE = 16
"""Pixels a side that are drawn on at least. Guard."""


def render(order: RenderOrder) -> Rendering:
    """Draw a picture.

    Args:
        order: With a background, the product is lit for it (IC-Light FBC). With a foreground only, it is put
            into the scene of the prompt (FC). With neither, the scene is empty.

    Returns:
        The picture and what was understood of the prompt.

    Raises:
        ImageError: If the sizes of the pictures in the order differ from its own.
    """
    _check(order)
    report = order.progress or _silent
    view, words = read_words(order.prompt)
    is_metal, words = read_material(words)
    reading = read(words, negative_prompt=order.negative_prompt)
    report(0.05)
    product_matte = order.matte if order.foreground is not None else None
    if product_matte is not None and not (product_matte > 0.5).any():
        product_matte = None
    if order.background is not None:
        report(0.3)
        image = _on_background(
            order, order.background, product_matte, asked_lights(reading, None), is_metal=is_metal
        )
        report(1.0)
        return Rendering(image, scene="background", floor="background")
    stage = set_up(order, reading, view, product_matte)
    report(0.15)
    product = _light_product(order.foreground, product_matte, stage, is_metal=is_metal)
    report(0.35)
    scene = _draw_scene(stage, product, report)
    image = _develop(scene, product, stage, order)
    report(1.0)
    return Rendering(
        image,
        reading.scene.name,
        reading.floor,
        unknown_words=reading.unknown,
        out_of_view=reading.upright if stage.lies_flat else (),
        is_default=reading.is_default,
        is_shadowless=reading.is_shadowless and product is not None,
        is_uneven=reading.is_uneven and product is not None and not stage.lies_flat,
    )


def _silent(_share: float) -> None:
    """Nobody is waiting."""


def _check(order: RenderOrder) -> None:
    if min(order.width, order.height) < SMALLEST_SIDE:
        raise ImageError(
            f"{order.width}x{order.height} is too small to draw on; {SMALLEST_SIDE} px a side is the least"
        )
    for name in ("foreground", "matte", "background"):
        picture = getattr(order, name)
        if picture is not None and picture.shape[:2] != (order.height, order.width):
            raise ImageError(
                f"the {name} is {picture.shape[1]}x{picture.shape[0]}, the picture"
                f" {order.width}x{order.height}; resize it first"
            )
    if order.foreground is not None and order.matte is None:
        raise ImageError("a foreground needs its matte; send the cut-out with alpha")


def _on_background(
    order: RenderOrder,
    background: RgbImage,
    matte: Matte | None,
    lights: Sequence[Light],
    *,
    is_metal: bool,
) -> RgbImage:
    if order.foreground is None or matte is None:
        return background.copy()
    return relight_on(order.foreground, matte, background, lights=lights, is_metal=is_metal)


def _light_product(
    foreground: RgbImage | None, matte: Matte | None, stage: PictureSet, *, is_metal: bool
) -> Product | None:
    if foreground is None or matte is None:
        return None
    bounce = _bounce(stage)
    environment = stage.environment.with_floor(bounce, 0.6)
    is_dramatic = stage.reading.quality == "hard"
    flat = stage.camera.pitch_deg if stage.lies_flat else None
    light = product_light.light_on(
        matte, environment, gain=stage.gain, is_dramatic=is_dramatic, flat_pitch_deg=flat
    )
    light *= _metered(light, matte, stage)
    if stage.pattern is not None and not stage.lies_flat:
        light *= shadow_patterns.on_product(stage.pattern, stage.camera, stage.foot)
    sheen = product_light.rim(matte, environment, gain=stage.gain, flat_pitch_deg=flat)
    box = bounding_box(matte, threshold=0.0)
    inside = (slice(box.top, box.bottom), slice(box.left, box.right))
    lit = (
        to_linear(foreground[inside] * (matte[inside] > 0)[..., None]) * light[inside]
        + (sheen * np.minimum(light, 1))[inside]
    )
    if is_metal:
        seen = product_light.mirrored_place(stage.environment.with_floor(bounce, FLOOR_SEEN), gain=stage.gain)
        mirrored = mirror_image(
            foreground,
            matte,
            seen,
            camera_pitch_deg=stage.camera.pitch_deg,
            lies_flat=stage.lies_flat,
        )
        if mirrored is not None:
            lit = mirrored.on(to_linear(foreground), lit, inside)
    picture = np.zeros_like(foreground)
    picture[inside] = tone.develop(np.maximum(lit, 0).astype(np.float32))
    lift = 0.0
    if stage.reading.is_afloat and not stage.lies_flat:
        foot = min(box.bottom, matte.shape[0]) - 0.05 * box.width
        lift = max(stage.camera.base - foot, 0) / stage.camera.side
    return Product(picture, matte, lies_flat=stage.lies_flat, lift=lift)


def _metered(light: Array, matte: Matte, stage: PictureSet) -> np.float32:
    """Factor that brings a product's mean light within what a photographer would let it be."""
    asked = stage.reading.scene.exposure * stage.reading.exposure
    mean = float((light @ LUMA * matte).sum() / matte.sum()) / asked
    low, high = DRAMATIC_METER if stage.reading.quality == "hard" else METER
    return np.float32(np.clip(mean, low, high) / max(mean, 1e-6))


def _bounce(stage: PictureSet) -> Array:
    """Radiance (3,) that the floor sends up, not exposed."""
    camera = replace(stage.camera, width=24, height=24, horizon=-2.0, base=16.0)
    rows = np.arange(8, 24, dtype=np.float32)
    surface = floor_view.surface_of(stage.reading, camera, rows, np.random.default_rng(0))
    albedo = surface.albedo.mean(axis=(0, 1))
    if stage.reading.floor == "sweep":
        albedo = sets.paper_colour(stage.reading)
    return np.asarray(albedo * stage.environment.irradiance(floor_view.UP[None])[0], np.float32)


def _draw_scene(stage: PictureSet, product: Product | None, report: Callable[[float], None]) -> Array:
    camera, reading = stage.camera, stage.reading
    caster = None if reading.is_shadowless else product
    behind = _draw_behind(stage, product)
    report(0.5)
    enlarged = cv2.resize(behind, (camera.width, camera.height), interpolation=cv2.INTER_CUBIC)
    picture: Array = np.maximum(enlarged, 0).astype(np.float32)
    light = floor_view.floor_light(stage.environment, stage.gain)
    is_sweep = reading.floor == "sweep" and not reading.stand
    edge = edge_of(stage)
    first = int(
        np.clip(camera.horizon + 2 if is_sweep else edge.row - 2 * edge.softness, 0, camera.height - 2)
    )
    if not is_sweep:
        first = max(first, int(camera.horizon + camera.drop / 12) + 1)
    rows = np.arange(first, camera.height, dtype=np.float32)
    sun, sky = floor_view.product_shadow(camera, stage.environment, light, caster, first)
    through = _let_through(stage, None if is_sweep else rows)

    def rest_on(floor: floor_view.FloorLight, product: Product | None, sky: Array) -> Array:
        return rest_shadow(
            camera,
            floor,
            product,
            sky,
            lamps=stage.environment.lamps,
            let_through=through[1:],
            gain=stage.gain,
            first=first,
        )

    rest = rest_on(light, caster, sky)
    report(0.6)
    if is_sweep:
        share = (sun[..., None] * light.key + rest * light.rest) / np.maximum(light.key + light.rest, 1e-6)
        reach = np.clip((rows - camera.horizon) / (0.5 * camera.drop), 0, 1)[:, None, None]
        picture[first:] *= 1 - (1 - share) * reach
        return picture
    surface = _unlit_floor(stage, product, rows)
    report(0.75)
    if stage.pattern is None and "dapple" in reading.scene.extras:
        through[0] = floor_view.dappled(camera, rows, stage.rng)
    if reading.floor != "sweep":  # a stand of no material has no pattern to keep, and may be white
        light = floor_view.held_back(light, surface)

    def lit(sun: Array, sky: Array, rest: Array, product: Product | None) -> Array:
        matt = floor_view.shade(surface, light, camera, rows, sun=sun, sky=rest, dapple=through[0])
        return matt + floor_view.mirror(surface, camera, rows, behind, product, sky_share=sky)

    floor = floor_view.defocus(lit(sun, sky, rest, product).astype(np.float32), camera, first)
    report(0.9)
    if reading.stand and not stage.lies_flat:  # from straight above its top is all that is seen
        bare = floor
        if reading.stand == "steps":
            clear = np.ones_like(sky)
            bare = lit(np.ones_like(sun), clear, rest_on(light, None, clear), None)
        return _draw_stand(stage, picture, floor, bare, surface, light, product, first)
    alpha = floor_view.edge_alpha(camera, edge, first)[..., None]
    picture[first:] = picture[first:] * (1 - alpha) + floor * alpha
    return picture


def _unlit_floor(stage: PictureSet, product: Product | None, rows: Array) -> Surface:
    """The floor with what lies on it, and with rings on water."""
    camera, scene = stage.camera, stage.reading.scene
    surface = floor_view.surface_of(stage.reading, camera, rows, stage.rng)
    if scene.strewn and not stage.reading.stand:
        surface = fallen_leaves.strewn(surface, scene, camera, rows, stage.environment.key, stage.rng)
    if stage.reading.floor == "water" and product is not None and not product.lift:
        box = bounding_box(product.matte)
        middle = ((box.left + box.right) / 2 - camera.width / 2) / camera.side
        surface = ripples.around(surface, camera, rows, middle=middle, half=stage.product_half)
    return surface


def _let_through(stage: PictureSet, rows: Array | None) -> list[Array | None]:
    """Share of each light that a pattern lets through to the rows of a floor; None: all of it."""
    if stage.pattern is None or rows is None:
        return [None] * len(stage.environment.lights)
    shares = (shadow_patterns.on_floor(one, stage.camera, rows) for one in stage.pattern.thrown)
    return [PATTERN_SHADE + (1.1 - PATTERN_SHADE) * share for share in shares]


def _draw_stand(
    stage: PictureSet,
    picture: Array,
    floor: Array,
    bare: Array,
    surface: Surface,
    light: floor_view.FloorLight,
    product: Product | None,
    first: int,
) -> Array:
    camera, environment, shape = stage.camera, stage.environment, stage.reading.stand
    left, right = 0.3 * camera.width, 0.7 * camera.width
    if product is not None:
        box = bounding_box(product.matte)
        left, right = box.left, box.right
    if shape == "round":
        top = podium.podium_for(camera, left, right)
        return podium.stand(picture, floor, surface, top, environment, stage.gain, first)
    boxes = blocks.boxes_for(shape, camera, left, right)
    total = light.key + light.rest
    caster = None
    if product is not None and not stage.reading.is_shadowless:
        caster = caster_of(product.matte, camera, environment)
    stand = blocks.stand_of(surface, camera, environment, total, first, bare=bare, caster=caster)
    return blocks.paint(picture, floor, stand, boxes)


def _draw_behind(stage: PictureSet, product: Product | None) -> Array:
    camera, scene = stage.camera, stage.reading.scene
    if scene.panorama == "sweep":
        caster, where = None, sets.NOBODY
        if product is not None and not product.lies_flat:
            where = _where(product.matte, camera)
            if not stage.reading.is_shadowless:
                caster = caster_of(product.matte, camera, stage.environment)
        return sets.paper(
            camera,
            stage.reading,
            stage.environment,
            stage.gain,
            pattern=stage.pattern,
            product=where,
            caster=caster,
        )
    if scene.drawing:
        return _draw_place(stage)
    lamps = sets.lamps(camera, scene, stage.rng) if scene.lamps else None
    behind = lens.backdrop(camera, scene.panorama, gain=stage.gain, lamps=lamps)
    if "autumn" in scene.extras:
        behind = sets.turned_leaves(behind)
    return tone.hold_back(behind, scene.sky, target=scene.level)


def _where(matte: Matte, camera: lens.Camera) -> niche.Foreground:
    box = bounding_box(matte)
    middle = (box.left + box.right - camera.width) / 2 / camera.side
    return niche.Foreground(middle, box.width / 2 / camera.side, box.top / camera.side)


def _draw_place(stage: PictureSet) -> Array:
    """A place that is drawn instead of photographed, out of focus as it is."""
    camera, reading = stage.camera, stage.reading
    canvas = canvas_for(camera, stage.floor_end)
    lamp_side = 1.0 if stage.environment.key.direction[0] > 0 else -1.0
    setting = Setting(
        canvas, stage.rng, lamp_side, stage.product_half, reading.scene.palette, reading.is_night
    )
    DRAWINGS[reading.scene.drawing](setting)
    return np.asarray(canvas.picture * (tone.cast(reading.warmth) * reading.exposure), np.float32)


def _develop(scene: Array, product: Product | None, stage: PictureSet, order: RenderOrder) -> RgbImage:
    scene = tone.glow(scene, 0.09) * tone.vignette(order.width, order.height, 0.13)
    noise = np.random.default_rng(order.seed ^ 0x9E3779B9).random((order.height, order.width, 1), np.float32)
    image = tone.develop(scene.astype(np.float32), dither=(noise - np.float32(0.5)) * np.float32(1.2 / 255))
    if product is None:
        return image
    return composite(product.picture, image, product.matte)
