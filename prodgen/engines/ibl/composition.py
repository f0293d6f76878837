"""What is decided before the first pixel: camera, light, exposure, and where the floor ends.

Owns composition; draws nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from prodgen.engines.ibl import sets, shadow_patterns, tone
from prodgen.engines.ibl.asked_lights import asked_lights
from prodgen.engines.ibl.camera import Camera
from prodgen.engines.ibl.floor_materials import FINISHES
from prodgen.engines.ibl.floor_view import Edge
from prodgen.engines.ibl.panorama import Array, Environment
from prodgen.engines.ibl.prompt_reading import Reading
from prodgen.engines.ibl.render_order import RenderOrder
from prodgen.images import Matte
from prodgen.masks import bounding_box
from prodgen.pose import View

LOOK_DOWN = 0.44
"""Rows from the horizon to the product's base, in picture sides: the base is seen from 17 degrees above.
Chosen by eye."""

LEAST_PITCH_DEG, MOST_PITCH_DEG = 4.0, 86.0
"""Bounds of the camera's pitch, degrees.

Guard: at 0 the floor is a line, at 90 its horizon is nowhere; at 86 the floor's scale changes by a fifteenth
from top to bottom."""

ROUND_TABLE = 0.13
"""How far a round table's edge falls from its middle to the picture's sides, in picture sides. Chosen by eye:
a table of 90 cm."""

AFLOAT, LOWEST_FLOOR = 0.20, 0.95
"""How high a levitating product hovers, in picture sides, and the lowest row of the floor under it, as a
share of the height. Chosen by eye."""

FLOOR_ENDS, NEAREST_END, HIGHEST_END = (2.1, 2.7), 1.45, 0.36
"""Depths, in those of the product, between which a table ends; the least depth; and the row, as a share of
the height, above which it need not reach. Chosen by eye: seen from above, a place still shows over it."""

LOWEST_PLACE = 0.15
"""Most picture sides from the end of the floor up to the horizon of a place. Chosen by eye."""


@dataclass(frozen=True)
class PictureSet:
    """Everything decided before the first pixel."""

    reading: Reading
    camera: Camera
    lies_flat: bool
    environment: Environment
    gain: Array
    rng: np.random.Generator
    pattern: shadow_patterns.Patterns | None
    product_half: float
    """Half the product's width, picture sides."""
    foot: float
    """Row at which the product ends; a hovering one is above the floor there."""
    floor_end: float
    """Row at which a table ends, or open ground before a place that is drawn."""


def set_up(order: RenderOrder, reading: Reading, view: View | None, matte: Matte | None) -> PictureSet:
    """Decide camera, light and exposure.

    Args:
        order: Size, seed and light map.
        reading: What was read of the prompt.
        view: From where the product was photographed, if it is known.
        matte: The product's, or None for an empty scene.
    """
    rng = np.random.default_rng(order.seed)
    width, height = order.width, order.height
    base, half = height * 0.78, 0.2
    foot = base
    lies_flat = view is not None and view.lies_flat
    lights = asked_lights(reading, order.light_map)
    environment = sets.surroundings(reading, rng, lights, lies_flat=lies_flat)
    if matte is not None:
        box = bounding_box(matte)
        # The middle of the footprint is a little above its front edge.
        base, half = min(box.bottom, height) - 0.05 * box.width, box.width / 2 / min(width, height)
        foot = base
        if reading.is_afloat and not lies_flat:
            base = max(base, min(base + AFLOAT * min(width, height), LOWEST_FLOOR * height))
        if lies_flat:  # all of it is on the floor
            base = (box.top + box.bottom) / 2
    is_table = FINISHES[reading.floor].is_table
    drop = LOOK_DOWN * min(width, height) * (1 + 0.05 * float(rng.uniform(-1, 1)))
    camera = Camera(width, height, environment.heading_deg, base - drop, base, base - drop)
    if view is not None:
        pitch = float(np.clip(view.floor_deg, LEAST_PITCH_DEG, MOST_PITCH_DEG))
        drop = camera.focal * math.tan(math.radians(pitch))
    horizon = base - drop
    needed = drop / max(HIGHEST_END * height - horizon, 1.0)
    floor_end = horizon + drop / min(float(rng.uniform(*FLOOR_ENDS)), max(needed, NEAREST_END))
    behind = horizon
    if is_table:  # it hides the ground behind it, so the place may stand lower and show more of itself
        behind = max(horizon + 0.26 * drop, floor_end - LOWEST_PLACE * camera.side)
    elif reading.scene.drawing:
        behind = max(horizon, floor_end - LOWEST_PLACE * camera.side)
    behind += reading.scene.tilt * height
    camera = replace(camera, horizon=horizon, backdrop_horizon=behind)
    scene = reading.scene
    gain = tone.exposure_gain(
        environment, exposure=scene.exposure * reading.exposure, warmth=scene.warmth + reading.warmth
    )
    pattern = None
    if reading.gobo is not None:
        pattern = shadow_patterns.throw_all(
            reading.gobo,
            environment,
            order.seed,
            on_wall=scene.panorama == "sweep" and not is_table,
            unit=float(shadow_patterns.unit_of(camera)),
        )
    return PictureSet(reading, camera, lies_flat, environment, gain, rng, pattern, half, foot, floor_end)


def edge_of(stage: PictureSet) -> Edge:
    """Where the floor ends: a table's far edge, or where open ground melts into the place."""
    camera, reading, row = stage.camera, stage.reading, stage.floor_end
    if FINISHES[reading.floor].is_table:
        softness = max(2.2 * camera.defocus_px(row), 1.5)
        return Edge(row, 0.0, ROUND_TABLE * camera.side if reading.is_round else 0.0, softness)
    if reading.scene.drawing or reading.scene.name == "beachevening":  # which has a waterline
        return Edge(row, 0.0, 0.0, 4 * camera.defocus_px(row))
    row = camera.horizon + camera.drop / 4.2
    return Edge(row, 0.0, 0.0, camera.drop * 0.30)
