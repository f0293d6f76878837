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


@dataclass(frozen=True)
class Stand:
    """Boxes, what they are made of, and the light on them."""

    camera: Camera
    surface: Surface
    """The floor unlit, from row `first` on."""
    first: int
    bare: Array
    """The floor lit as if no product stood on it, from row `first` on; raised treads show it."""
    front_light: Array
    """(3,): light on the fronts, exposed."""
    caster: Caster | None
    """The product, whose shadow falls on the boxes behind it."""

    def tread(self, box: Block, rows: Array, columns: Array) -> Array:
        """(h, W, 3): the lit top of a raised box at rows (h, 1) that see it."""
        camera = self.camera
        height = np.float32(camera.drop - box.top * camera.side)
        # Each row lies at the depth of another row of the floor.
        depth = np.clip(height / np.maximum(rows - np.float32(camera.horizon), 1e-3), box.front, box.back)
        source = camera.horizon + camera.drop / depth - self.first
        lit = _looked_up(self.bare, source)
        if self.caster is None:
            return lit
        away = (1 - depth) * unit_of(camera)
        left = self.caster.light_left(columns * depth / np.float32(camera.side), box.top, away)
        return np.asarray(lit * left, np.float32)

    def front(self, box: Block, rows: Array, columns: Array, edge: float) -> Array:
        """(h, W, 3): the lit front of a box at rows (h, 1), its upper edge at row `edge`."""
        camera, side = self.camera, np.float32(self.camera.side)
        below = rows - np.float32(edge)
        source = edge - self.first - np.maximum(below, 0) * np.float32(0.35)
        bevel = np.exp(-np.square((below - 0.004 * side) / (0.003 * side)))
        fall = 0.86 - 0.25 * np.clip(below / (0.45 * side), 0, 1) + 0.20 * bevel
        lit = _looked_up(self.surface.albedo, source) * self.front_light * fall[..., None]
        if self.caster is None or box.front <= 1:
            return np.asarray(lit, np.float32)
        height = (camera.drop - (rows - np.float32(camera.horizon)) * box.front) / side
        away = np.float32((1 - box.front) * unit_of(camera))
        left = self.caster.light_left(columns * box.front / side, height, away)
        return np.asarray(lit * left, np.float32)


def stand_of(
    surface: Surface,
    camera: Camera,
    environment: Environment,
    light: Array,
    first: int,
    *,
    bare: Array,
    caster: Caster | None = None,
) -> Stand:
    """A stand of the floor's material.

    Args:
        surface: The floor, unlit.
        camera: Where it is seen from.
        environment: Says how much less light the fronts get than the treads.
        light: (3,) light on the treads, exposed.
        first: First row of `surface`.
        bare: (H - first, W, 3) the floor lit as if no product stood on it.
        caster: The product, whose shadow falls on the boxes behind it.
    """
    toward, above = environment.irradiance(FACES)
    share = min(float(toward @ LUMA) / max(float(above @ LUMA), 1e-6), BRIGHTEST_FRONT)
    # Less light of the same tint: in the tint of a sky of its own, a front looks like another material.
    return Stand(camera, surface, first, bare, light * np.float32(share), caster)


def paint(picture: Array, top: Array, stand: Stand, boxes: list[Block]) -> Array:
    """Draw the boxes over a picture.

    Args:
        picture: (H, W, 3) what is behind, linear.
        top: (H - first, W, 3) the lit floor from the stand's first row on: the tread at height 0.
        stand: What they are made of.
        boxes: The farthest first.

    Returns:
        A new picture, (H, W, 3), linear.
    """
    result, camera = picture.copy(), stand.camera
    all_rows = np.arange(camera.height, dtype=np.float32)[:, None]
    columns = (np.arange(camera.width, dtype=np.float32) + np.float32(0.5 - camera.width / 2))[None]
    for box in boxes:
        height = camera.drop - box.top * camera.side
        edge, end = (camera.horizon + height / depth for depth in (box.front, box.back))
        here = slice(max(int(end) - 1, 0), max(int(edge) + 2, 0))
        rows = all_rows[here]
        if len(rows):
            depth = np.float32(height) / np.maximum(rows - np.float32(camera.horizon), 1e-3)
            share = np.clip(rows - end + 0.5, 0, 1) * np.clip(edge - rows + 0.5, 0, 1)
            share = share * _between(columns, box, camera, depth)
            tread = stand.tread(box, rows, columns) if box.top else _part_of(top, here, stand.first)
            corner = 1 - 0.30 * np.exp(-np.maximum(rows - end, 0) / (0.018 * camera.side))
            result[here] += (tread * corner[..., None] - result[here]) * share[..., None]
        here = slice(max(int(edge) - 1, 0), camera.height)
        rows = all_rows[here]
        if len(rows):
            share = np.clip(rows - edge + 0.5, 0, 1) * _between(columns, box, camera, np.float32(box.front))
            result[here] += (stand.front(box, rows, columns, edge) - result[here]) * share[..., None]
    return result.astype(np.float32)


def _part_of(top: Array, rows: slice, first: int) -> Array:
    """Rows of the floor, black where it does not reach."""
    missing = max(first - rows.start, 0)
    part = top[max(rows.start - first, 0) : max(rows.stop - first, 0)]
    return np.pad(part, ((missing, 0), (0, 0), (0, 0))) if missing else part


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
