"""Shadows in pictures: multiplying one onto a scene, estimating one in a scene, keeping a photograph's own.

The mirror image on a glossy floor is made here too. How a product hides light is in
`prodgen.shadows.casting`.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.color import luminance, to_linear, to_srgb
from prodgen.errors import PlacementError
from prodgen.images import Matte, RgbImage
from prodgen.masks import Box, across, blur, dilate, fill, normalised_blur
from prodgen.shadows.slices import Transmission, bounds

SEARCH_SIDE_PX = 256
"""Long side of a picture, in pixels, at which shadows are estimated. Speed: shadows have no finer detail."""

GRAIN = 0.06
"""Noise floor, in natural log of luminance: a floor's own grain is darker by so much. Chosen by eye."""

MIN_PLAIN_SHARE = 0.4
"""Share of the backdrop that must be free of shadow, or it counts as patterned. Chosen by eye."""

MAX_BACKDROP_DEVIATION = 0.06
"""Median deviation, in natural log of luminance, above which a backdrop counts as patterned.

Measured: a studio sweep stays under 0.02."""

MAX_DARK_ELSEWHERE = 0.25
"""Share of the backdrop farther away than any shadow that may be as dark as one, or it counts as patterned.

Chosen: half of a pattern of two tones is dark, and next to nothing of a studio's backdrop."""

MAX_FOOT_SLOPE = 0.5
"""Slope of a product's lower outline, in rows per column, above which it has left the floor.

Chosen: a box seen from its corner stays below; the side of a round jar and the way up to a handle do not."""

FLOOR_FORESHORTENING = 2.5
"""Length on the floor over its height in the picture. Chosen: 1 / sin(24 degrees), a usual camera pitch."""

SKIRT = 0.15
"""Width of the floor, in product sizes, in which what lies flat has its shadow. Chosen: thrice its height."""

SHADOW_WEIGHT = 0.02
"""Weight, in the fit of the backdrop, of pixels that are probably shadow. Chosen: nearly none."""

ONE_STEP = 0.01
"""Natural log of the luminance by which one step of 8-bit sRGB differs in light tones. Standard.

Below it a pixel is no darker than the backdrop's fit, however smooth that backdrop is."""

SHADOW_Z_SCORE = 1.5
"""Median deviations below the fit from which a pixel is probably shadow. Chosen by eye."""

FADE_START, FADE_END = 1.6, 2.4
"""Distances from the foot, in product sizes, between which a kept shadow fades out.

Chosen by eye: no studio's shadow reaches farther, but its vignette does."""

LOWER_PART, SOLID = 1 / 3, 0.95
"""Share of a product's height whose light reaches the floor at its foot, and its matte where it is solid.

Chosen: what is higher is far from that floor."""

FOOT_LIT, MOST_BOUNCE = 0.8, 0.95
"""Light at the foot over that of the lower part, for it is in the foot's own shadow, and the largest bounce.

Measured on path-traced tables: between 0.6 and 1 the shadow's error changes by a fiftieth. Guard."""

ROW_QUANTILE = 65
"""Percentile of a row's brightness that is the backdrop's.

Chosen: above the median, as shadows are darker."""


STRIPE_PX = 64
"""Rows that are darkened at a time. Speed and memory: what is worked out stays in the cache."""


def apply_shadow(
    scene: RgbImage,
    transmission: Transmission,
    *,
    opacity: float = 1.0,
    tint: NDArray[np.float32] | None = None,
    color: NDArray[np.float32] | None = None,
) -> RgbImage:
    """Multiply a shadow onto a scene in linear light.

    Args:
        scene: (H, W, 3), sRGB.
        transmission: (H, W), or (H, W, 3) by channel, 1 = untouched; where it is 1 the scene stays to the
            bit.
        opacity: 0 (no shadow) to 1 (as computed).
        tint: (3,) linear colour of the light that fills the shadow, any scale; None is neutral.
        color: (3,) linear colour that white has in a full shadow; None is black.

    Returns:
        A new picture, sRGB.

    Raises:
        PlacementError: If the two sizes differ.
    """
    if scene.shape[:2] != transmission.shape[:2]:
        raise PlacementError(
            f"the shadow is {transmission.shape[1]}x{transmission.shape[0]},"
            f" the scene {scene.shape[1]}x{scene.shape[0]}; compute it from a matte of the scene's size"
        )
    result = scene.copy()
    least = transmission if transmission.ndim == 2 else transmission.min(axis=2)
    shaded = (least < 1) & (opacity > 0)
    rows, columns = np.flatnonzero(shaded.any(axis=1)), np.flatnonzero(shaded.any(axis=0))
    if not len(rows):
        return result
    balance = None if tint is None else tint / max(float(luminance(tint.reshape(1, 3))[0]), 1e-6)
    across_part = slice(columns[0], columns[-1] + 1)
    for top in range(rows[0], rows[-1] + 1, STRIPE_PX):
        part = (slice(top, min(top + STRIPE_PX, rows[-1] + 1)), across_part)
        left = 1 - np.float32(opacity) * (1 - transmission[part])
        factor = left if left.ndim == 3 else across(left, scene)
        if balance is not None:
            # A power keeps the lit end white and gives the dark end the colour of the light that fills it.
            # Each channel by itself: a power of three exponents at once is ten times slower.
            powers = 1 / np.clip(balance, 0.5, 2.0)
            parts = zip(cv2.split(factor), powers, strict=True)
            factor = np.stack([part**power for part, power in parts], axis=-1)
        if color is not None:
            factor = factor + (1 - factor) * color
        dark = to_srgb((to_linear(scene[part]) * factor).astype(np.float32))
        result[part] = cv2.copyTo(dark, shaded[part].astype(np.uint8), result[part])
    return result


def bounce(product: RgbImage, matte: Matte, floor_light: float) -> float:
    """Return the share of the light hidden from its floor that a product's own surface gives back.

    By definition of radiosity: the light that leaves its lower part over the light that falls on the floor.

    Args:
        product: The product in the scene's light, (H, W, 3), sRGB.
        matte: (H, W), 1 = product.
        floor_light: Linear luminance of a white surface that faces up.

    Raises:
        PlacementError: If the matte is empty.
    """
    box = bounds(matte)
    part = (
        slice(box.bottom - max(round(LOWER_PART * box.height), 1), box.bottom),
        slice(box.left, box.right),
    )
    inside = matte[part] > SOLID
    if not inside.any():
        return 0.0
    lit = float(luminance(to_linear(product[part][inside])).mean())
    return min(FOOT_LIT * lit / max(floor_light, 1e-3), MOST_BOUNCE)


def reflection(
    foreground: RgbImage,
    matte: Matte,
    *,
    strength: float = 0.25,
    fade: float = 0.35,
    roughness: float = 0.3,
) -> tuple[RgbImage, Matte]:
    """Mirror the product about its contact line, for a glossy floor.

    Every column is mirrored about the line where the product stands, so that a curved base meets its
    image, and a handle's image is as far below the floor as the handle is above.

    Args:
        foreground: The product, (H, W, 3), sRGB.
        matte: (H, W), 1 = product.
        strength: Opacity at the contact, 0 to 1.
        fade: Length over which it fades by 63 %, in product heights.
        roughness: 0 is a mirror; 1 blurs by an eighth of the product's height at its far end.

    Returns:
        The mirrored picture (sRGB) and its opacity, to be laid on the floor under the product.

    Raises:
        PlacementError: If the matte is empty.
    """
    top, bottom = bounds(matte).top, bounds(matte).bottom - 1
    tall = bottom - top + 1
    length = min(round(2.5 * fade * tall) + 2, tall)
    lowest = _contact_line(matte)
    first = max(int(lowest.min()), 0)
    last = min(bottom + 1 + length, matte.shape[0])
    mirrored, opacity = np.zeros_like(foreground), np.zeros_like(matte)
    if last <= first:
        return mirrored, opacity
    ys, xs = np.mgrid[first:last, 0 : matte.shape[1]].astype(np.float32)
    below = ys - lowest[None, :] - 0.5
    source_y = ys - 2 * below - 1
    drawn = cv2.remap(foreground, xs, source_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    image = np.asarray(drawn, np.float32)
    alpha = cv2.remap(matte, xs, source_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    seen = np.asarray(np.where(below > 0, alpha, 0), np.float32)
    sigma = roughness * tall / 8
    soft = blur(seen, sigma)
    colour = blur(np.asarray(image * seen[..., None], np.float32), sigma) / np.maximum(soft, 1e-3)[..., None]
    # A rough floor's image is sharp at the contact and blurs with distance from it.
    near = np.exp(-np.maximum(below, 0) / (0.08 * tall))
    mirrored[first:last] = np.clip(near[..., None] * image + (1 - near[..., None]) * colour, 0, 1)
    share = (near * seen + (1 - near) * soft) * np.exp(-np.maximum(below, 0) / max(fade * tall, 1.0))
    opacity[first:last] = np.where(below > 0, strength * share, 0)
    return mirrored, opacity


def mirror_share(camera_pitch_deg: float) -> float:
    """Return the reflectance of a polished floor that a camera sees at this pitch, [0.04, 1].

    Fresnel's law by Schlick's approximation (1994), at a refractive index of 1.5: a floor seen along mirrors,
    one seen from above hardly does.
    """
    return 0.04 + 0.96 * (1 - math.sin(math.radians(float(np.clip(camera_pitch_deg, 0, 90))))) ** 5


def existing_shadow(scene: RgbImage, matte: Matte, *, lies_flat: bool = False) -> Transmission:
    """Estimate the shadow that a scene already has around the product's foot.

    A generated scene often has a contact shadow of its own. The floor near the foot is compared with a
    plane of log luminance fitted to the floor beside it, one to two product sizes away.

    Args:
        scene: (H, W, 3), sRGB, with or without the product in it.
        matte: (H, W), 1 = product; pixels under it are ignored.
        lies_flat: Whether the product lies on the floor: its shadow is near its outline, on all sides.

    Returns:
        (H, W) transmission; divide a computed shadow by it (and clip) to add what is missing.

    Raises:
        PlacementError: If the matte is empty.
    """
    product = bounds(matte)
    log_light, free, scale = _small_floor(scene, matte)
    reach = max(product.width, product.height) * scale
    if lies_flat:
        away = cv2.distanceTransform((free > 0).astype(np.uint8), cv2.DIST_L2, 5) / reach
        floor = np.ones_like(free)
        near, beside = np.clip(2 - away / SKIRT, 0, 1), away > SKIRT
    else:
        away = _from_foot(product, free.shape, scale)
        ys = np.arange(free.shape[0], dtype=np.float32)[:, None]
        floor = np.broadcast_to(ys > product.bottom * scale - 0.4 * reach, free.shape)
        near, beside = np.clip(1.6 - away, 0, 1), (away > 0.9) & (away < 2.2)
    weight = (free * floor * beside).astype(np.float32)
    if weight.sum() < 20:
        return np.ones(matte.shape, np.float32)
    plain = _surface(log_light, weight, order=1)
    darker = np.minimum(normalised_blur(log_light - plain, free, 1.2) + GRAIN, 0) * free * floor * near
    # The shadow continues under the outline's soft edge.
    darker = fill(darker.astype(np.float32), 1 - free) * floor
    return _to_size(np.exp(darker), matte)


def keep_original_shadow(photo: RgbImage, matte: Matte) -> Transmission:
    """Take the product's real shadow out of a photograph on a plain backdrop.

    The backdrop without the product is modelled as log luminance that is a polynomial across (order 2) and
    free from top to bottom, as a studio sweep's is. It is fitted by iterative reweighting: pixels darker
    than the fit are probably shadow and lose their weight. The shadow is the photograph over the backdrop.

    Args:
        photo: The photograph, (H, W, 3), sRGB.
        matte: (H, W), 1 = product.

    Returns:
        (H, W) transmission; 1 well inside the product, where no floor is visible.

    Raises:
        PlacementError: If the matte is empty, or the backdrop is not plain enough to tell
            a shadow from a pattern.
    """
    product = bounds(matte)
    log_light, free, scale = _small_floor(photo, matte)
    if free.mean() < 0.05:
        raise PlacementError(
            "the photograph shows too little backdrop to keep its shadow; use a computed one"
        )
    away = _from_foot(product, free.shape, scale)
    # Pixels near the foot are probably in shadow, whatever their brightness.
    prior = free * np.clip(away - 0.3, SHADOW_WEIGHT, 1)
    weight = prior.astype(np.float32)
    rows = _row_level(log_light, weight)
    for _round in range(8):
        across = _surface(log_light - rows, weight, order=2)
        rows = _row_level(log_light - across, weight)
        residual = log_light - across - rows
        trusted = weight > 0.3
        spread = max(float(np.median(np.abs(residual[trusted]))) if trusted.any() else 1.0, ONE_STEP)
        weight = (prior * np.where(residual < -SHADOW_Z_SCORE * spread, SHADOW_WEIGHT, 1)).astype(np.float32)
    far_off = float((free * (np.abs(residual) > 4 * MAX_BACKDROP_DEVIATION)).sum() / free.sum())
    elsewhere = free * (away > FADE_END)
    dark_elsewhere = float((elsewhere * (residual < -2 * MAX_BACKDROP_DEVIATION)).sum())
    is_patterned = dark_elsewhere > MAX_DARK_ELSEWHERE * max(float(elsewhere.sum()), 1.0)
    if spread > MAX_BACKDROP_DEVIATION or far_off > 1 - MIN_PLAIN_SHARE or is_patterned:
        raise PlacementError(
            "the photograph's backdrop is not plain, so shadow and pattern look alike; use a computed shadow"
        )
    fade = np.clip((FADE_END - away) / (FADE_END - FADE_START), 0, 1)
    darker = np.minimum(residual + 2 * spread, 0) * fade
    return _to_size(np.exp(fill(darker.astype(np.float32), 1 - free)), matte)


def _small_floor(picture: RgbImage, matte: Matte) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Return log luminance and the mask of free floor (1 = no product), both small, and the scale."""
    if picture.shape[:2] != matte.shape:
        raise PlacementError(
            f"the matte is {matte.shape[1]}x{matte.shape[0]}, the picture"
            f" {picture.shape[1]}x{picture.shape[0]}; make the matte from this picture"
        )
    scale = min(1.0, SEARCH_SIDE_PX / max(matte.shape))
    size = (max(round(matte.shape[1] * scale), 4), max(round(matte.shape[0] * scale), 4))
    small = to_linear(np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32))
    product = np.asarray(cv2.resize(matte, size, interpolation=cv2.INTER_AREA), np.float32)
    free = 1 - dilate((product > 0.02).astype(np.float32), 1)
    return np.log(luminance(small) + np.float32(0.005)), free.astype(np.float32), scale


def _from_foot(product: Box, shape: tuple[int, ...], scale: float) -> NDArray[np.float32]:
    """Return each pixel's distance on the floor from the foot, in the product's long sides, (h, w)."""
    ys, xs = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    across = xs - (product.left + product.right) / 2 * scale
    along = (ys - product.bottom * scale) * FLOOR_FORESHORTENING
    return np.asarray(
        np.hypot(across, along) / max(max(product.width, product.height) * scale, 1.0), np.float32
    )


def _to_size(small: NDArray[np.float32], matte: Matte) -> Transmission:
    """Return a small transmission at the matte's size."""
    size = (matte.shape[1], matte.shape[0])
    full = cv2.resize(np.clip(small, 0.02, 1).astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(full, np.float32)


def _row_level(rest: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the residual brightness of each row, smoothed over rows, (h, 1), without its shadows."""
    levels = np.zeros(len(rest), np.float32)
    known = np.zeros(len(rest), np.float32)
    for index, (row, seen) in enumerate(zip(rest, weight > 0.3, strict=True)):
        if seen.sum() >= 5:
            levels[index], known[index] = np.percentile(row[seen], ROW_QUANTILE), 1
    return normalised_blur(levels[:, None], known[:, None], 3.0)


def _contact_line(matte: Matte) -> NDArray[np.float32]:
    """Return the row in which every column stands on the floor, (W,).

    The line starts at the lowest place and follows the lower outline to both sides as long as that rises no
    faster than `MAX_FOOT_SLOPE`; from there on it stays level.
    """
    product = bounds(matte)
    solid = matte > 0.5
    lowest = np.where(solid.any(axis=0), matte.shape[0] - 1 - np.argmax(solid[::-1], axis=0), -1)
    line = np.full(matte.shape[1], product.bottom - 1, np.float32)
    deepest = np.flatnonzero(lowest == lowest.max())
    # A slope is measured over several columns: one alone may be a step of the matte.
    reach = max(2, round(product.width / 60))
    for way in (np.arange(deepest[-1], product.right), np.arange(deepest[0], product.left - 1, -1)):
        rows = np.minimum.accumulate(lowest[way])  # a foot farther on stands behind, so higher
        ahead = rows[np.minimum(np.arange(len(way)) + reach, len(way) - 1)]
        leaves = np.flatnonzero(rows - ahead > MAX_FOOT_SLOPE * reach + 1)
        end = leaves[0] if len(leaves) else len(way) - 1
        line[way[:end]], line[way[end:]] = rows[:end], rows[end]
    smooth: NDArray[np.float32] = blur(line[None, :], max(product.width / 200, 0.5))[0]
    return smooth


def _surface(values: NDArray[np.float32], weight: NDArray[np.float32], *, order: int) -> NDArray[np.float32]:
    """Return the weighted least-squares polynomial surface of `values`, same shape."""
    height, width = values.shape
    ys, xs = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    powers = [(i, j) for i in range(order + 1) for j in range(order + 1 - i)]
    terms = np.stack([xs**i * ys**j for i, j in powers], axis=-1).reshape(-1, len(powers))
    w = weight.ravel().astype(np.float64)
    normal = terms.T @ (terms * w[:, None]) + 1e-6 * max(float(w.sum()), 1.0) * np.eye(len(powers))
    factors = np.linalg.solve(normal, terms.T @ (w * values.ravel()))
    return np.asarray((terms @ factors).reshape(values.shape), np.float32)
