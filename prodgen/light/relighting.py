"""Relighting a product for a given picture, without a diffusion model.

The picture gives the light (`prodgen.light`), the matte gives rough normals, and their product is
what the photograph's colours are multiplied with. Owns no scene: the background comes in and
stays as it is outside the product.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.color import to_linear, to_srgb
from prodgen.images import Matte, RgbImage
from prodgen.light import Surroundings, estimate_surroundings
from prodgen.masks import composite

DETAIL_PX = 160
"""Long side at which normals and light are worked out; both are smooth."""

MOST_VEIL = 0.05
"""Largest linear reflectance taken for studio gloss: dielectrics mirror 4 to 5 per cent head-on (Fresnel)."""

MIRRORED_SHARE = 0.4
"""What a glossy front mirrors in an ordinary place, over the light that falls on it: the camera's side of
a room or street is darker than its sky; a studio is white all round."""


def relight_on(
    foreground: RgbImage, matte: Matte, background: RgbImage, *, holds_product: bool = False
) -> RgbImage:
    """Return the product in the given background, lit as that place lights it.

    Args:
        foreground: The product as photographed, (H, W, 3), sRGB; its surroundings do not matter.
        matte: (H, W), 1 = product.
        background: The place, (H, W, 3), sRGB.
        holds_product: Whether the product is in that picture already; it is then looked past.

    Returns:
        (H, W, 3), sRGB: the background, with the relit product over it.

    Raises:
        ImageError: If the sizes differ.
    """
    surroundings = estimate_surroundings(background, matte, holds_product=holds_product)
    return composite(relight(foreground, matte, surroundings), background, matte)


def relight(foreground: RgbImage, matte: Matte, surroundings: Surroundings) -> RgbImage:
    """Return the product under this light, alone; pixels outside the matte mean nothing.

    Args:
        foreground: (H, W, 3), sRGB, photographed in an even white light.
        matte: (H, W), 1 = product.
        surroundings: The light.

    Returns:
        (H, W, 3), sRGB.
    """
    height, width = matte.shape
    scale = min(1.0, DETAIL_PX / max(height, width))
    size = (max(round(width * scale), 8), max(round(height * scale), 8))
    small = np.asarray(cv2.resize(matte, size, interpolation=cv2.INTER_AREA), np.float32)
    gain = surroundings.irradiance(normals_from_matte(small)) * _foot_shade(small)[..., None]
    field = np.asarray(cv2.resize(gain, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    linear = to_linear(foreground)
    veil = _studio_gloss(linear, matte)
    lit = field * (np.maximum(linear - veil, 0) + MIRRORED_SHARE * np.minimum(linear, veil))
    return to_srgb(_roll_off(lit))


def normals_from_matte(matte: Matte, *, rim: float = 0.3) -> NDArray[np.float32]:
    """Return unit normals of the body that the outline suggests: flat in front, rounded at the rim.

    Args:
        matte: (H, W), 1 = product.
        rim: Width of the rounded rim, as a share of the body's greatest half thickness.

    Returns:
        (H, W, 3): X right, Y up, Z to the camera.
    """
    inside = (matte > 0.5).astype(np.uint8)
    depth = np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, 5), np.float32)
    radius = max(rim * float(depth.max()), 1.5)
    near = np.clip(depth / radius, 0, 1)
    height = radius * np.sqrt(np.maximum(1 - (1 - near) ** 2, 0))
    height = cv2.GaussianBlur(height.astype(np.float32), (0, 0), max(0.25 * radius, 0.8))
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3) / 8
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3) / 8
    normals = np.stack([-slope_x, slope_y, np.ones_like(height)], axis=-1)
    return np.asarray(normals / np.linalg.norm(normals, axis=-1, keepdims=True), np.float32)


def _foot_shade(matte: Matte, *, depth: float = 0.12, reach: float = 0.06) -> NDArray[np.float32]:
    """Return (H, W): how much less light reaches the product's foot, where it hides its own floor."""
    solid = matte > 0.5
    rows = np.arange(matte.shape[0], dtype=np.float32)[:, None]
    lowest = np.where(solid.any(axis=0), matte.shape[0] - 1 - np.argmax(solid[::-1], axis=0), matte.shape[0])
    tall = max(int(solid.any(axis=1).sum()), 1)
    bottom = float(np.flatnonzero(solid.any(axis=1))[-1]) if solid.any() else float(matte.shape[0])
    # A handle's underside is not a foot: only columns that come near the ground count.
    stands = np.clip(1 - (bottom - lowest) / (0.15 * tall), 0, 1)[None]
    above = np.maximum(lowest[None] - rows, 0)
    return np.asarray(1 - depth * stands * np.exp(-above / (reach * tall)), np.float32)


def _studio_gloss(linear: NDArray[np.float32], matte: Matte) -> float:
    """Return the linear haze that a white studio's mirror image lays over the product.

    Nothing painted is blacker than about half a per cent; the darkest channel of the product's
    darkest parts is therefore mostly haze.
    """
    inside = linear[matte > 0.95]
    if len(inside) < 50:
        return 0.0
    darkest = np.percentile(inside.min(axis=1)[::7], 5)
    return float(np.clip(darkest - 0.005, 0, MOST_VEIL))


def _roll_off(linear: NDArray[np.float32], knee: float = 0.85) -> NDArray[np.float32]:
    """Return light above `knee` bent smoothly under 1, hue kept, as film does instead of clipping."""
    peak = linear.max(axis=-1, keepdims=True)
    over = np.maximum(peak - knee, 0)
    room = 1 - knee
    bent = np.where(over > 0, knee + room * (1 - np.exp(-over / room)), peak)
    return np.asarray(linear * (bent / np.maximum(peak, 1e-6)), np.float32)
