"""A quick look at light and shadow, for a screen on which a lamp is dragged: no backend, no model.

It shows where light and shadow fall and in which colours, by the same relighting and the same casting of
shadows that pictures are made with; the scene and its own light are not in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen import shadows
from prodgen.color import to_linear, to_srgb
from prodgen.images import Matte, RgbImage, resize
from prodgen.light import Light, Surroundings
from prodgen.light.relighting import relight
from prodgen.masks import composite
from prodgen.shadows import CAMERA_PITCH_DEG

PREVIEW_SIDE_PX = 512
"""Long side of a preview in pixels. Speed: larger pictures are reduced to it."""

SHADOW_SHARE = 0.5
"""Side of the pictures that shadows are computed in, as a share of the preview's. Speed: four lights take
a seventh less time, and a shadow's edge is softer than the pixel that this loses."""

PAPER = 0.6
"""Linear luminance of the grey sweep that the product stands on without a background. Chosen by eye."""

_EVEN_LIGHT = Surroundings(
    front=np.ones(3, np.float32),
    sides=np.ones(3, np.float32),
    above=np.ones(3, np.float32),
    below=np.full(3, PAPER, np.float32),
    light=Light(strength=0.0),
    floor_top=0.0,
)
"""Light of an even white room on a pale floor."""


def preview(
    photo: RgbImage,
    matte: Matte,
    lights: Sequence[Light],
    *,
    background: RgbImage | None = None,
    camera_pitch_deg: float = CAMERA_PITCH_DEG,
    lies_flat: bool = False,
) -> RgbImage:
    """Return a small picture of the product under these lights, with its shadow on the floor.

    Args:
        photo: The product as photographed, (H, W, 3), sRGB.
        matte: (H, W), 1 = product.
        lights: Up to four lights; each has its own share of the light, the rest is even.
        background: What is behind the product, of the photograph's size, sRGB; None: a grey sweep.
        camera_pitch_deg: How far the camera looks down.
        lies_flat: Whether the product lies on the floor.

    Returns:
        (h, w, 3), sRGB, the longer side 512 pixels or the photograph's own.

    Raises:
        PlacementError: If the matte is empty.
    """
    scale = min(1.0, PREVIEW_SIDE_PX / max(matte.shape))
    size = (max(round(matte.shape[1] * scale), 1), max(round(matte.shape[0] * scale), 1))
    photo, matte = resize(photo, *size), resize(matte, *size)
    floor = PAPER if background is None else to_linear(resize(background, *size))
    coarse = resize(matte, *(max(round(side * SHADOW_SHARE), 1) for side in size))
    share = cv2.resize(
        _floor_light(coarse, lights, camera_pitch_deg=camera_pitch_deg, lies_flat=lies_flat), size
    )
    lit = relight(photo, matte, _EVEN_LIGHT, lights=lights)
    return composite(lit, to_srgb(np.asarray(floor * share, np.float32)), matte)


def _floor_light(
    matte: Matte, lights: Sequence[Light], *, camera_pitch_deg: float, lies_flat: bool
) -> NDArray[np.float32]:
    """Return (h, w, 3): light on the floor, where 1 is all of it in white."""
    asked = sum(light.strength for light in lights if light.elevation_deg > 0)
    share = min(asked, 1.0)
    sky = shadows.ambient_occlusion(matte, camera_pitch_deg=camera_pitch_deg, lies_flat=lies_flat)
    sky = sky * shadows.contact_shadow(matte, camera_pitch_deg=camera_pitch_deg, lies_flat=lies_flat)
    level = cv2.merge([sky * np.float32(1 - share)] * 3)
    for light in lights:
        if light.strength == 0 or light.elevation_deg <= 0:
            continue
        cast = shadows.cast_shadow(
            matte,
            azimuth_deg=light.azimuth_deg,
            elevation_deg=light.elevation_deg,
            softness=light.softness,
            camera_pitch_deg=camera_pitch_deg,
            lies_flat=lies_flat,
        )
        tint = light.tint * np.float32(share * light.strength / asked)
        level += cast[..., None] * tint
    return np.asarray(level, np.float32)
