"""The product under the scene's light: rounded normals from its outline, and smooth light on them.

All that is known of the product's shape is its matte. It is blown up like a cushion (the solution of
Poisson's equation in the outline, as soap film over a wire), which gives normals that are right at the
outline and frontal in the middle. The light on them is smooth by construction, nine spherical harmonics and
a broad sheen, so that it can be taken off the picture again as a light field. Owns the
product's light, not its pixels.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from prodgen.engines.ibl.panorama import Array, Environment
from prodgen.images import Matte
from prodgen.masks import bounding_box

SHAPE_PX = 112
"""Long side on which the shape is worked out. Speed: it is smooth, and enlarged afterwards."""

SWEEPS = 160
"""Relaxation steps at the finest level. Speed: the coarser levels have done the rest."""

FLATNESS = 0.75
"""Depth of the cushion compared with a half round. Chosen by eye: most products have a front."""

SOFT_FILL, DRAMATIC_FILL = 0.22, 0.04
"""Share of the light that a photographer's reflector evens out. Chosen by eye: a black side sells nothing."""


GRAZING = 0.30
"""How much more of a light straight behind the product its outline mirrors. Chosen by eye."""


def normals(matte: Matte, *, flatness: float = FLATNESS) -> tuple[Array, Array]:
    """Estimate the product's shape.

    Args:
        matte: (H, W), 1 = product, not empty.
        flatness: Depth compared with a half round; 0 is a sheet of paper.

    Returns:
        Unit normals (h, w, 3), X right, Y up, Z to the camera, and the reduced matte (h, w); both cover the
        whole canvas.
    """
    box = bounding_box(matte)
    scale = min(1.0, SHAPE_PX / max(box.width, box.height))
    size = (max(4, round(matte.shape[1] * scale)), max(4, round(matte.shape[0] * scale)))
    small = cv2.resize(matte, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    film = _soap_film((small > 0.5).astype(np.float32))
    # u of a half round of radius r is (r^2 - d^2) / 2 across: its height is sqrt(2 u).
    height = np.sqrt(2 * np.maximum(film, 0)) * flatness
    height = cv2.GaussianBlur(height, (0, 0), 1.2)
    dx = cv2.Sobel(height, -1, 1, 0, ksize=3, scale=1 / 8)
    dy = cv2.Sobel(height, -1, 0, 1, ksize=3, scale=1 / 8)
    vectors = np.stack([-dx, dy, np.ones_like(dx)], axis=-1)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors.astype(np.float32), small


def _soap_film(inside: Array) -> Array:
    """Solve laplace(u) = -1 in `inside` (h, w), u = 0 outside: coarse to fine, relaxed at each level."""
    if min(inside.shape) > 24:
        half = (inside.shape[1] // 2, inside.shape[0] // 2)
        coarse = _soap_film((cv2.resize(inside, half, interpolation=cv2.INTER_AREA) > 0.5).astype(np.float32))
        film = (
            4
            * cv2.resize(coarse, (inside.shape[1], inside.shape[0]), interpolation=cv2.INTER_LINEAR)
            * inside
        )
    else:
        film = np.zeros_like(inside)
    kernel = np.array([[0, 0.25, 0], [0.25, 0, 0.25], [0, 0.25, 0]], np.float32)
    for _ in range(SWEEPS if min(inside.shape) > 24 else 4 * SWEEPS):
        film = (cv2.filter2D(film, -1, kernel, borderType=cv2.BORDER_CONSTANT) + np.float32(0.25)) * inside
    return film


def light_on(
    matte: Matte,
    environment: Environment,
    *,
    gain: Array,
    is_dramatic: bool = False,
    flat_pitch_deg: float | None = None,
) -> Array:
    """The light that falls on the product, to be multiplied onto its photographed colours.

    Args:
        matte: (H, W), 1 = product, not empty.
        environment: The surroundings, floor included.
        gain: (3,) exposure and white balance.
        is_dramatic: Whether the dark side may stay dark.
        flat_pitch_deg: Angle by which the camera looks down at a product that lies flat; None: it stands.

    Returns:
        (H, W, 3), linear, smooth; 1 leaves the photograph as it is. It goes on beyond the outline.
    """
    vectors, small = normals(matte, flatness=1.2 if is_dramatic else FLATNESS)
    light = environment.irradiance(_turned(vectors, flat_pitch_deg)) * gain
    weight = np.maximum(small, 1e-4)[..., None]
    mean = (light * weight).sum(axis=(0, 1)) / weight.sum()
    fill = DRAMATIC_FILL if is_dramatic else SOFT_FILL
    light = light * (1 - fill) + mean * fill
    if flat_pitch_deg is None:
        light *= _near_floor(small)[..., None]
    # Beyond the outline the light at the outline goes on: nothing dark leaks in from outside.
    known = (small > 0.5).astype(np.float32)
    spread = (
        cv2.GaussianBlur(light * known[..., None], (0, 0), 3.0)
        / np.maximum(cv2.GaussianBlur(known, (0, 0), 3.0), 1e-4)[..., None]
    )
    wide = cv2.GaussianBlur(known, (0, 0), 3.0)[..., None]
    light = np.where(known[..., None] > 0, light, np.where(wide > 1e-3, spread, mean)).astype(np.float32)
    light = cv2.GaussianBlur(light, (0, 0), 1.0)
    size = (matte.shape[1], matte.shape[0])
    return np.asarray(cv2.resize(light, size, interpolation=cv2.INTER_CUBIC), np.float32)


def _turned(vectors: Array, flat_pitch_deg: float | None) -> Array:
    """Return directions seen by a camera that looks down, in the world's axes; as they are for what stands.

    What stands has upright sides whatever the camera's pitch; what lies flat faces the sky.
    """
    if flat_pitch_deg is None:
        return vectors
    pitch = np.float32(math.radians(flat_pitch_deg))
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    up, near = y * np.cos(pitch) + z * np.sin(pitch), z * np.cos(pitch) - y * np.sin(pitch)
    return np.stack([x, up, near], axis=-1).astype(np.float32)


def _near_floor(small: Array) -> Array:
    """(h, w): the product's foot sees less sky; 1 above, darker within the lowest seventh."""
    rows = np.flatnonzero((small > 0.5).any(axis=1))
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    above = (bottom - np.arange(small.shape[0], dtype=np.float32)) / max(bottom - top, 1)
    occlusion = 1 - 0.42 * np.exp(-np.maximum(above, 0) / 0.075)
    return np.broadcast_to(occlusion[:, None], small.shape).astype(np.float32)


def rim(matte: Matte, environment: Environment, *, gain: Array, flat_pitch_deg: float | None = None) -> Array:
    """A broad sheen where the outline turns away from the camera towards a light; see `light_on`.

    Returns:
        (H, W, 3), linear light to be added to the product.
    """
    vectors, small = normals(matte)
    facing = np.clip(vectors[..., 2], 0, 1)
    mirrored = 2 * facing[..., None] * vectors - np.array([0, 0, 1], np.float32)
    # Rough enough to be read from the same nine numbers as the matt light.
    sheen = environment.irradiance(_turned(mirrored.astype(np.float32), flat_pitch_deg)) * gain
    # A light from behind grazes the outline, where every surface mirrors (Schlick's fifth power, broadened).
    behind = -np.float32(min(float(environment.key.direction[2]), 0.0))
    share = 0.012 + (0.05 + GRAZING * behind) * (1 - facing) ** 2
    light = cv2.GaussianBlur(
        (sheen * share[..., None] * (small > 0.5)[..., None]).astype(np.float32), (0, 0), 1.2
    )
    return cv2.resize(light, (matte.shape[1], matte.shape[0]), interpolation=cv2.INTER_LINEAR).astype(
        np.float32
    )
