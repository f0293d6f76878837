"""Square stands instead of a floor: a plinth, or steps, with the product on one of their treads.

A stand is a few boxes that face the camera, painted from the farthest to the nearest. The tread under the
product is the ordinary lit floor, cut out; the others are of the same material. Owns outlines and the light
on them; sizes are chosen by eye.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from prodgen.color import LUMA
from prodgen.engines.ibl.camera import Camera
from prodgen.engines.ibl.floor_materials import Surface
from prodgen.engines.ibl.panorama import Array, Environment
from prodgen.engines.ibl.shadow_patterns import unit_of
from prodgen.engines.ibl.standing_shadow import Caster

OVERHANG = 1.35
"""Width of a plinth in widths of what stands on it."""

RISE, TREAD = 0.105, 0.17
"""Height of a step in picture sides, and its reach into the depth in depths of the product."""

NEAREST_ROW = 0.93
"""Lowest row of a tread's front edge, as a share of the picture: below it its front shows."""

BRIGHTEST_FRONT = 0.74
"""Light on a front, compared with that on a tread, at most: brighter, edges would not be seen."""

FACES = np.array([[0, 0, 1], [0, 1, 0]], np.float32)
"""Directions in which the front and the top of a box look."""


@dataclass(frozen=True)
class Block:
    """A box seen from the front; columns and heights in picture sides from the product's foot."""

    left: float
    right: float
    front: float
    """Depth of its front, 1 = where the product stands."""
    back: float
    top: float


def boxes_for(shape: str, camera: Camera, left: float, right: float) -> list[Block]:
    """The boxes of a stand, the farthest first.

    Args:
        shape: "block" or "steps".
        camera: Where it is seen from.
        left: Column of the product's left side.
        right: Column of its right side.
    """
    side, unit = camera.side, float(unit_of(camera))
    middle, half = ((left + right) / 2 - camera.width / 2) / side, (right - left) / 2 / side
    nearest = camera.drop / max(NEAREST_ROW * camera.height - camera.horizon, camera.drop * 1.02)
    if shape == "block":
        half = max(half * OVERHANG, 0.2)
        reach = half / unit
        return [Block(middle - half, middle + half, max(1 - reach, nearest), 1 + reach, 0.0)]
    half = max(half * 2.0, 0.40)
    front = max(1 - TREAD, nearest)
    backs = [1 + TREAD * (1 + step) for step in range(3)]
    fronts = [front, *backs[:-1]]
    steps = [
        Block(middle - half, middle + half, near, far, RISE * at)
        for at, (near, far) in enumerate(zip(fronts, backs, strict=True))
    ]
    return steps[::-1]


def stand(
    picture: Array,
    top: Array,
    surface: Surface,
    boxes: list[Block],
    camera: Camera,
    environment: Environment,
    light: Array,
    first: int,
    *,
    caster: Caster | None = None,
) -> Array:
    """Draw the boxes over `picture`.

    Args:
        picture: (H, W, 3) what is behind, linear.
        top: (H - first, W, 3) the lit floor from row `first` on: the tread at height 0.
        surface: That floor unlit.
        boxes: The farthest first.
        camera: Where they are seen from.
        environment: Says how much less light the fronts get than the treads.
        light: (3,) light on the treads, exposed.
        first: First row of `top`.
        caster: The product, whose shadow falls on the boxes behind it.

    Returns:
        A new picture, (H, W, 3), linear.
    """
    result, side, unit = picture.copy(), np.float32(camera.side), unit_of(camera)
    toward, above = environment.irradiance(FACES)
    share = min(float(toward @ LUMA) / max(float(above @ LUMA), 1e-6), BRIGHTEST_FRONT)
    front_light = toward * (share * float(light @ LUMA) / max(float(toward @ LUMA), 1e-6))
    rows = np.arange(camera.height, dtype=np.float32)[:, None]
    columns = (np.arange(camera.width, dtype=np.float32) + np.float32(0.5 - camera.width / 2))[None]
    for box in boxes:
        height = np.float32(camera.drop - box.top * camera.side)
        edge, end = (camera.horizon + float(height) / depth for depth in (box.front, box.back))
        # The tread: each of its rows lies at the depth of another row of the floor.
        depth = height / np.maximum(rows - np.float32(camera.horizon), 1e-3)
        on_tread = np.clip(rows - end + 0.5, 0, 1) * np.clip(edge - rows + 0.5, 0, 1)
        on_tread = on_tread * _between(columns, box, camera, depth)
        if box.top:
            source = camera.horizon + camera.drop / np.clip(depth, box.front, box.back) - first
            tread = _looked_up(surface.albedo, source) * light
            if caster is not None:
                far = np.clip(depth, box.front, box.back)
                tread = tread * caster.light_left(columns * far / side, box.top, (1 - far) * unit)[..., None]
        else:
            tread = np.zeros_like(result)
            tread[first:] = top
        corner = 1 - 0.30 * np.exp(-np.maximum(rows - end, 0) / (0.018 * camera.side))
        result += (tread * corner[..., None] - result) * on_tread[..., None]
        below = rows - np.float32(edge)
        on_front = np.clip(below + 0.5, 0, 1) * _between(columns, box, camera, np.float32(box.front))
        source = edge - first - np.maximum(below, 0) * np.float32(0.35)
        bevel = np.exp(-np.square((below - 0.004 * camera.side) / (0.003 * camera.side)))
        fall = 0.86 - 0.25 * np.clip(below / (0.45 * camera.side), 0, 1) + 0.20 * bevel
        front = _looked_up(surface.albedo, source) * front_light * fall[..., None]
        if caster is not None and box.front > 1:
            height_above = (camera.drop - (rows - np.float32(camera.horizon)) * box.front) / side
            behind = np.float32((1 - box.front) * unit)
            front = front * caster.light_left(columns * box.front / side, height_above, behind)[..., None]
        result += (front - result) * on_front[..., None]
    return result.astype(np.float32)


def _between(columns: Array, box: Block, camera: Camera, depth: Array | np.float32) -> Array:
    """(h, W): share of each pixel between the left and right sides at a depth."""
    at = np.maximum(depth, np.float32(1e-3))
    left, right = box.left * camera.side / at, box.right * camera.side / at
    return np.asarray(np.clip(columns - left + 0.5, 0, 1) * np.clip(right - columns + 0.5, 0, 1), np.float32)


def _looked_up(albedo: Array, source: Array) -> Array:
    """(H, W, 3): rows `source` (H, 1) of an albedo, each whole."""
    rows, width = len(source), albedo.shape[1]
    across = np.broadcast_to(np.arange(width, dtype=np.float32)[None], (rows, width))
    down = np.broadcast_to(np.clip(source, 0, len(albedo) - 1).astype(np.float32), (rows, width))
    found = cv2.remap(
        albedo,
        np.ascontiguousarray(across),
        np.ascontiguousarray(down),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(found, np.float32)
