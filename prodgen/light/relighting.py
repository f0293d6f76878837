"""Relights a product for a given background, without a diffusion model.

The background gives the light, the matte gives rough normals; the irradiance on these normals multiplies the
photograph's colours. Outside the product the background stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.color import luminance, to_linear, to_srgb
from prodgen.images import Matte, RgbImage
from prodgen.light import Light, Surroundings, estimate_surroundings
from prodgen.masks import composite

NORMALS_SIDE_PX = 160
"""Long side, in pixels, at which normals and irradiance are computed. Speed: both are smooth."""

MAX_GLOSS = 0.05
"""Largest linear reflectance that is taken for studio gloss.

Source: Fresnel; dielectrics of index 1.5 to 1.6 reflect 4 to 5 per cent at normal incidence."""

BLACKEST_PAINT = 0.005
"""Linear reflectance of the blackest paint; what is above it in the darkest parts is gloss. Chosen by eye."""

MIRRORED_SHARE = 0.4
"""Luminance that a glossy front mirrors in an ordinary place, over that of a studio. Chosen by eye.

A studio is white all round; the camera's side of a room or street is darker than its sky."""

RIM = 0.3
"""Width of the rounded rim, as a share of the body's greatest half thickness. Chosen by eye."""


FOOT_SHADE, FOOT_REACH = 0.12, 0.06
"""Light lost at the product's foot, and the height, in product heights, over which 63 % of it returns.

Chosen by eye: the product hides its own floor there."""

FOOT_CLEARANCE = 0.15
"""Height over the ground, in product heights, from which an underside no longer counts as a foot.

Chosen by eye."""

DARKEST_FRONT = 0.25
"""Mean light of lamps on the product that is still brought to the place's level. Chosen: two stops."""

MOST_FROM_LAMPS = 0.9
"""Share of the light that lamps give at most. Chosen: no place is without any light of its own."""

HIGHLIGHT_KNEE = 0.85
"""Linear light above which highlights are compressed smoothly to stay under 1. Chosen by eye."""


def relight_on(
    foreground: RgbImage,
    matte: Matte,
    background: RgbImage,
    *,
    holds_product: bool = False,
    lights: Sequence[Light] = (),
) -> RgbImage:
    """Return the product in the given background, lit as that place lights it.

    Args:
        foreground: The product as photographed, (H, W, 3), sRGB; its surroundings do not matter.
        matte: (H, W), 1 = product.
        background: The place, (H, W, 3), sRGB.
        holds_product: Whether the product is in that picture already; it is then filled from around it.
        lights: Lights that are asked for beside what the place gives, each by its strength.

    Returns:
        (H, W, 3), sRGB: the background, with the relit product over it.

    Raises:
        ImageError: If the sizes differ.
    """
    surroundings = estimate_surroundings(background, matte, holds_product=holds_product)
    return composite(relight(foreground, matte, surroundings, lights=lights), background, matte)


def relight(
    foreground: RgbImage, matte: Matte, surroundings: Surroundings, *, lights: Sequence[Light] = ()
) -> RgbImage:
    """Return the product alone under this light; pixels outside the matte are undefined.

    Args:
        foreground: (H, W, 3), sRGB, photographed in an even white light.
        matte: (H, W), 1 = product.
        surroundings: The place's own light.
        lights: Lights beside it: their shares of all light are taken from the place's, so that the product
            stays as bright as the place shows it.

    Returns:
        (H, W, 3), sRGB.
    """
    height, width = matte.shape
    scale = min(1.0, NORMALS_SIDE_PX / max(height, width))
    size = (max(round(width * scale), 8), max(round(height * scale), 8))
    small = np.asarray(cv2.resize(matte, size, interpolation=cv2.INTER_AREA), np.float32)
    normals = normals_from_matte(small)
    gain = _with_lamps(surroundings.irradiance(normals), lights, normals, small)
    gain = gain * _foot_shade(small)[..., None]
    field = np.asarray(cv2.resize(gain, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    linear = to_linear(foreground)
    veil = _studio_gloss(linear, matte)
    lit = field * (np.maximum(linear - veil, 0) + MIRRORED_SHARE * np.minimum(linear, veil))
    return to_srgb(_roll_off(lit))


def _with_lamps(
    even: NDArray[np.float32], lights: Sequence[Light], normals: NDArray[np.float32], matte: Matte
) -> NDArray[np.float32]:
    """Return irradiance (h, w, 3) in which lamps give their shares of the light.

    Source: Lambert's cosine, wrapped around the body as far as the lamp is wide (Green, "Real-Time
    Approximations to Subsurface Scattering", GPU Gems, 2004, section 16.2).
    """
    asked = sum(light.strength for light in lights)
    if not asked:
        return even
    lit = np.zeros_like(even)
    for light in lights:
        facing = normals @ np.array(light.direction, np.float32)
        wrapped = np.clip((facing + light.softness) / (1 + light.softness), 0, 1)
        lit += np.float32(light.strength / asked) * wrapped[..., None] * light.tint
    weight = matte / max(float(matte.sum()), 1e-6)
    level = float((luminance(even) * weight).sum())
    # Lights behind the product leave its front dark: that much is not exposed away.
    mean = max(float((luminance(lit) * weight).sum()), DARKEST_FRONT)
    share = min(asked, MOST_FROM_LAMPS)
    return np.asarray((1 - share) * even + share * level * lit / mean, np.float32)


def normals_from_matte(matte: Matte) -> NDArray[np.float32]:
    """Return unit normals of the body that the outline suggests: flat in front, rounded at the rim.

    Args:
        matte: (H, W), 1 = product.

    Returns:
        (H, W, 3): X right, Y up, Z to the camera.
    """
    inside = (matte > 0.5).astype(np.uint8)
    depth = np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, 5), np.float32)
    radius = max(RIM * float(depth.max()), 1.5)
    near = np.clip(depth / radius, 0, 1)
    height = radius * np.sqrt(np.maximum(1 - (1 - near) ** 2, 0))
    height = cv2.GaussianBlur(height.astype(np.float32), (0, 0), max(0.25 * radius, 0.8))
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3) / 8
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3) / 8
    normals = np.stack([-slope_x, slope_y, np.ones_like(height)], axis=-1)
    return np.asarray(normals / np.linalg.norm(normals, axis=-1, keepdims=True), np.float32)


def _foot_shade(matte: Matte) -> NDArray[np.float32]:
    """Return (H, W): the factor on the light at the product's foot, where the product hides its own floor."""
    solid = matte > 0.5
    rows = np.arange(matte.shape[0], dtype=np.float32)[:, None]
    lowest = np.where(solid.any(axis=0), matte.shape[0] - 1 - np.argmax(solid[::-1], axis=0), matte.shape[0])
    tall = max(int(solid.any(axis=1).sum()), 1)
    bottom = float(np.flatnonzero(solid.any(axis=1))[-1]) if solid.any() else float(matte.shape[0])
    # A handle's underside is not a foot: only columns that come near the ground count.
    stands = np.clip(1 - (bottom - lowest) / (FOOT_CLEARANCE * tall), 0, 1)[None]
    above = np.maximum(lowest[None] - rows, 0)
    return np.asarray(1 - FOOT_SHADE * stands * np.exp(-above / (FOOT_REACH * tall)), np.float32)


def _studio_gloss(linear: NDArray[np.float32], matte: Matte) -> float:
    """Return the linear veil of gloss that a white studio lays over the product.

    No paint is blacker than `BLACKEST_PAINT`, so the darkest channel of the darkest parts is mostly gloss.
    """
    inside = linear[matte > 0.95]
    if len(inside) < 50:
        return 0.0
    darkest = np.percentile(inside.min(axis=1)[::7], 5)
    return float(np.clip(darkest - BLACKEST_PAINT, 0, MAX_GLOSS))


def _roll_off(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the light with highlights compressed under 1 instead of clipped; hues are kept."""
    knee = HIGHLIGHT_KNEE
    peak = linear.max(axis=-1, keepdims=True)
    over = np.maximum(peak - knee, 0)
    room = 1 - knee
    bent = np.where(over > 0, knee + room * (1 - np.exp(-over / room)), peak)
    return np.asarray(linear * (bent / np.maximum(peak, 1e-6)), np.float32)
