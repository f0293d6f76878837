"""The product under the scene's light: rounded normals from its outline, and smooth light on them.

All that is known of the product's shape is its matte, which is blown up like a cushion. The light on it is
smooth by construction, nine spherical harmonics and a broad sheen, so that it can be taken off the picture
again as a light field. Bare metal mirrors the panorama instead. Owns the product's light, not its pixels.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from prodgen.engines.ibl.panorama import MAP_COLUMNS, MAP_ROWS, Array, Environment, blur_map
from prodgen.images import Matte
from prodgen.light.bare_metal import Radiance
from prodgen.light.cushion import FLATNESS, normals

SOFT_FILL, DRAMATIC_FILL = 0.22, 0.04
"""Share of the light that a photographer's reflector evens out. Chosen by eye: a black side sells nothing."""


ROUGHNESS_DEG = 10.0
"""Sigma of the blur of what metal mirrors. Chosen by eye: a brushed or polished pot, a little worn."""

GRAZING = 0.30
"""How much more of a light straight behind the product its outline mirrors. Chosen by eye."""


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


def mirrored_place(environment: Environment, *, gain: Array) -> Radiance:
    """The panorama as metal of usual roughness mirrors it.

    Args:
        environment: The surroundings, floor included.
        gain: (3,) exposure and white balance.

    Returns:
        Exposed linear light (..., 3) from unit directions (..., 3).
    """
    rough = blur_map(environment.small, ROUGHNESS_DEG) * gain
    heading = math.radians(environment.heading_deg)

    def radiance(directions: Array) -> Array:
        x, y, z = (np.ascontiguousarray(axis) for axis in np.moveaxis(directions, -1, 0))
        turn = (np.arctan2(x, -z) + heading + math.pi) / (2 * math.pi) % 1
        column = turn * MAP_COLUMNS - 0.5
        row = (0.5 - np.arcsin(np.clip(y, -1, 1)) / math.pi) * MAP_ROWS - 0.5
        # One column more on either side: a mirror image goes on around the back.
        wrapped = cv2.copyMakeBorder(rough, 0, 0, 1, 1, cv2.BORDER_WRAP)
        return np.asarray(
            cv2.remap(wrapped, column + 1, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
        )

    return radiance
