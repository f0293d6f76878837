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
from prodgen.images import Matte, RgbImage, resize
from prodgen.light import Light, Surroundings, estimate_surroundings
from prodgen.light.bare_metal import MirrorImage, mirror_image
from prodgen.light.seen_place import seen_from_product
from prodgen.light.studio_gloss import SIDE_PX as GLOSS_SIDE_PX
from prodgen.light.studio_gloss import separate_gloss
from prodgen.masks import blur, composite

NORMALS_SIDE_PX = 160
"""Long side, in pixels, at which normals and irradiance are computed. Speed: both are smooth."""

MAX_GLOSS = 0.05
"""Largest linear reflectance that is taken for studio gloss.

Source: Fresnel; dielectrics of index 1.5 to 1.6 reflect 4 to 5 per cent at normal incidence."""

BLACKEST_PAINT = 0.005
"""Linear reflectance of the blackest paint; what is above it in the darkest parts is gloss. Chosen by eye."""

BESIDE = 0.05
"""Sigma of the blur of what an outline mirrors, in product extents (square root of its area).

Measured on path-traced products: half and twice of it are as good within 0.01 CIEDE2000 at the edge."""

STUDIO_WHITE = 0.85
"""Linear light of a white studio's walls, which an outline mirrors there.

Chosen: a packshot's backdrop before it is made pure white."""

BAND_ROWS = 512
"""Rows lit at a time. Speed: bounds the memory at 4096 and keeps it in the cache."""

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
    is_metal: bool = False,
) -> RgbImage:
    """Return the product in the given background, lit as that place lights it.

    Args:
        foreground: The product as photographed, (H, W, 3), sRGB; its surroundings do not matter.
        matte: (H, W), 1 = product.
        background: The place, (H, W, 3), sRGB.
        holds_product: Whether the product is in that picture already; it is then filled from around it.
        lights: Lights that are asked for beside what the place gives, each by its strength.
        is_metal: Whether plain parts of the product are bare metal, which mirrors the place.

    Returns:
        (H, W, 3), sRGB: the background, with the relit product over it.

    Raises:
        ImageError: If the sizes differ.
    """
    surroundings = estimate_surroundings(background, matte, holds_product=holds_product)
    place = None
    if not holds_product and background.shape[:2] == matte.shape:
        place = background
    mirrored = None
    if is_metal:
        seen = seen_from_product(background, matte, surroundings, holds_product=holds_product)
        mirrored = mirror_image(foreground, matte, seen)
    relit = relight(foreground, matte, surroundings, lights=lights, place=place, mirrored=mirrored)
    return composite(relit, background, matte)


def relight(
    foreground: RgbImage,
    matte: Matte,
    surroundings: Surroundings,
    *,
    lights: Sequence[Light] = (),
    place: RgbImage | None = None,
    mirrored: MirrorImage | None = None,
) -> RgbImage:
    """Return the product alone under this light; pixels outside the matte are undefined.

    Args:
        foreground: (H, W, 3), sRGB, photographed in an even white light.
        matte: (H, W), 1 = product.
        surroundings: The place's own light.
        lights: Lights beside it: their shares of all light are taken from the place's, so that the product
            stays as bright as the place shows it.
        place: (H, W, 3), sRGB, the place without the product, which its outline mirrors; None: as bright as
            what the front mirrors.
        mirrored: What its bare metal mirrors; None: nothing of it is metal.

    Returns:
        (H, W, 3), sRGB.
    """
    normals, small = _body(matte)
    gain = _with_lamps(surroundings.irradiance(normals), lights, normals, small)
    gain = np.asarray(gain * _foot_shade(small)[..., None], np.float32)
    gloss, gloss_there = _exchanged_gloss(foreground, matte, normals, small, gain, place)
    result = np.empty(foreground.shape, np.float32)
    for top in range(0, len(matte), BAND_ROWS):
        rows = slice(top, min(top + BAND_ROWS, len(matte)))
        linear = to_linear(foreground[rows])
        paint = np.maximum(linear - _enlarged(gloss, rows, matte.shape)[..., None], 0)
        lit = paint * _enlarged(gain, rows, matte.shape) + _enlarged(gloss_there, rows, matte.shape)
        if mirrored is not None:
            share = _enlarged(mirrored.share, rows, matte.shape)[..., None]
            lit += share * (linear * _enlarged(mirrored.exchange, rows, matte.shape) - lit)
        result[rows] = to_srgb(_roll_off(lit))
    return result


def _body(matte: Matte) -> tuple[NDArray[np.float32], Matte]:
    """Return normals (h, w, 3) of a product at a reduced size, and its matte there."""
    height, width = matte.shape
    scale = min(1.0, NORMALS_SIDE_PX / max(height, width))
    small = resize(matte, max(round(width * scale), 8), max(round(height * scale), 8))
    return normals_from_matte(small), small


def _exchanged_gloss(
    foreground: RgbImage,
    matte: Matte,
    normals: NDArray[np.float32],
    small: Matte,
    gain: NDArray[np.float32],
    place: RgbImage | None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what the product mirrors of its studio, (h, w), and what of the place instead, (h, w, 3).

    Both are linear light. The front mirrors the camera's side of the place, which is not seen. A surface
    that turns away mirrors what is seen beside it: the more, the more it faces sideways.
    """
    height, width = matte.shape
    scale = min(1.0, GLOSS_SIDE_PX / max(height, width))
    size = max(round(width * scale), 8), max(round(height * scale), 8)
    linear = to_linear(resize(foreground, *size))
    inside = resize(matte, *size)
    gloss = separate_gloss(linear, inside)
    veil = _studio_gloss(linear, inside)
    seen = np.full(inside.shape, veil, np.float32) if gloss is None else gloss.seen
    strength = np.minimum(seen if gloss is None else gloss.smooth, linear.max(axis=-1))
    sideways = np.sqrt(np.clip(1 - normals[..., 2:] ** 2, 0, 1)) if place is not None else np.zeros(1)
    mirrored = MIRRORED_SHARE * gain * (1 - sideways)
    if place is not None:
        beside = to_linear(resize(place, small.shape[1], small.shape[0]))
        beside = blur(beside, BESIDE * float(np.sqrt(small.sum())))
        mirrored = mirrored + sideways * beside / STUDIO_WHITE
    mirrored = cv2.resize(mirrored.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    return seen, np.asarray(strength[..., None] * mirrored, np.float32)


def _enlarged(small: NDArray[np.float32], rows: slice, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return rows of a small field, (h, w) or (h, w, 3), enlarged to (H, W) as `cv2.resize` does it."""
    down, across = small.shape[0] / shape[0], small.shape[1] / shape[1]
    to_small = np.array([[across, 0, across / 2 - 0.5], [0, down, (rows.start + 0.5) * down - 0.5]])
    size = shape[1], rows.stop - rows.start
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(small, to_small, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


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
