"""A round podium instead of a floor: its top under the product, its side down to the edge of the picture.

Owns the podium's outline and the light on its side; the top is an ordinary floor, cut out.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from prodgen.engines.ibl.camera import Camera
from prodgen.engines.ibl.floor_materials import Surface
from prodgen.engines.ibl.panorama import Array, Environment

OVERHANG = 1.5
"""Width of the podium in widths of what stands on it. Chosen by eye."""


@dataclass(frozen=True)
class Podium:
    """The ellipse of a round top as the camera sees it, pixels."""

    x: float
    y: float
    half_width: float
    half_depth: float


def podium_for(camera: Camera, left: float, right: float) -> Podium:
    """A podium under a product that reaches from column `left` to `right`."""
    half = min(max((right - left) / 2 * OVERHANG, 0.25 * camera.side), 0.62 * camera.width)
    sine = camera.drop / float(np.hypot(camera.drop, camera.focal))
    return Podium((left + right) / 2, camera.base, half, half * sine)


def stand(
    picture: Array,
    top: Array,
    surface: Surface,
    podium: Podium,
    environment: Environment,
    gain: Array,
    first: int,
) -> Array:
    """Draw the podium over `picture`.

    Args:
        picture: (H, W, 3) what is behind, linear.
        top: (H - first, W, 3) the lit floor from row `first` on.
        surface: The same floor unlit; the side is made of it.
        podium: Where it stands.
        environment: Lights the side.
        gain: (3,) exposure.
        first: First row of `top`.

    Returns:
        A new picture, (H, W, 3), linear.
    """
    height, width = picture.shape[:2]
    x = (np.arange(width, dtype=np.float32) - np.float32(podium.x))[None] / np.float32(podium.half_width)
    rows = np.arange(first, height, dtype=np.float32)[:, None]
    inside = np.clip(1 - x * x, 0, 1)
    reach = np.sqrt(inside) * np.float32(podium.half_depth)
    on_top = np.clip(reach - np.abs(rows - podium.y) + 0.5, 0, 1) * (inside > 0)
    below = rows - (podium.y + reach)
    across = np.clip((1 - np.abs(x)) * podium.half_width + 0.5, 0, 1)
    on_side = np.clip(below + 0.5, 0, 1) * across * (rows > podium.y)
    albedo = _side_albedo(surface, podium, below, first)
    light, fall = _side_light(x, below, environment, picture.shape)
    side = albedo * (light * gain)[None] * fall[..., None]
    result = picture.copy()
    lower = result[first:]
    lower = lower * (1 - on_side[..., None]) + side * on_side[..., None]
    result[first:] = lower * (1 - on_top[..., None]) + top * on_top[..., None]
    return result.astype(np.float32)


def _side_light(
    x: Array, below: Array, environment: Environment, shape: tuple[int, ...]
) -> tuple[Array, Array]:
    """Return the light on the side by columns, (W, 3), and its share by rows below the rim, (h, W)."""
    height, width = shape[:2]
    sine = np.clip(x, -1, 1)
    facing = np.concatenate([sine, np.zeros_like(sine), np.sqrt(np.clip(1 - x * x, 0, 1))], axis=0).T
    # A bevel catches the light of the top; further down the side sees more floor and less sky.
    bevel = np.exp(-np.square((below - 0.006 * width) / (0.004 * width)))
    fall = 0.92 - 0.30 * np.clip(below / (0.5 * height), 0, 1) + 0.22 * bevel
    return environment.irradiance(facing.astype(np.float32)), fall


def _side_albedo(surface: Surface, podium: Podium, below: Array, first: int) -> Array:
    """Return the side's colours, (h, W, 3): the floor's, drawn down over the rim."""
    height, width = below.shape
    source_y = np.clip(podium.y - first + np.clip(below, 0, None) * 0.35, 0, height - 1).astype(np.float32)
    source_x = np.broadcast_to(np.arange(width, dtype=np.float32)[None], source_y.shape)
    albedo = cv2.remap(
        surface.albedo,
        np.ascontiguousarray(source_x),
        source_y,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(albedo)
