"""What is seen through glass: the scene behind a product, bent by its walls, and its own light over it.

Owns the scene where the product hides it, the bending and the mixing. What of the product is clear is
`unmixing`'s.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen import masks
from prodgen.color import to_linear, to_srgb
from prodgen.images import Matte, RgbImage, resize
from prodgen.light.relighting import NORMALS_SIDE_PX, normals_from_matte

INDEX = 1.5
"""Refractive index. Source: soda-lime glass has 1.52, acrylic 1.49."""

WALL = 0.06
"""Thickness of the walls of a hollow body, as a share of its radius.

Chosen: 2 mm in a bottle of 7 cm. Solid glass and filled bottles turn the scene about, which is not drawn."""

DISTANCE = 0.5
"""How far behind the product the scene is, in its extents. Chosen: the floor that one sees through it."""

MOST_BENT = 0.7
"""Largest tangent of the angle by which a ray is bent. Guard: at the very rim it grazes."""

SOFT = 0.02
"""How far beside the product its soft edge and its light reach, in extents. Chosen: 4 px at 384 px."""

HANDLE = 0.3
"""Width of the scene beside the product, in extents, below which it is too little to go on from.

Chosen: what is seen between a pot and its handle."""

NEIGHBOURS = 0.15
"""Over how much of the scene beside it the colours behind a product are averaged, in extents.

Chosen: leaves of a plant become one green."""

GRAIN = 0.015
"""What is grain and no shape, in extents: it is mirrored. Chosen: wood, moss and film grain."""


def scene_without(scene: RgbImage, matte: Matte) -> RgbImage:
    """Return a scene without the product that stands in it: on its place, what is beside it goes on.

    Row by row, so that a horizon and the edge of a table go on level: the colours left and right of the
    product fade into each other, and only their grain is mirrored inwards. What has a shape is not, as a
    second plant would be seen at once in an empty glass.

    Args:
        scene: (H, W, 3), sRGB.
        matte: (H, W), 1 = product; where it is 0 the scene stays to the bit.
    """
    rows = np.flatnonzero((matte > 0).any(axis=1))
    if not rows.size:
        return scene
    part = slice(rows[0], rows[-1] + 1)
    result = scene.copy()
    result[part] = _rows_without(scene[part], matte[part])
    return result


def _rows_without(scene: RgbImage, matte: Matte) -> RgbImage:
    hidden, width = matte > 0, matte.shape[1]
    extent = float(np.sqrt(hidden.sum()))
    covered = {row: _covered(here, extent) for row, here in enumerate(hidden) if here.any()}
    beside = np.ones_like(matte)
    for row, parts in covered.items():
        for start, stop in parts:
            beside[row, start:stop] = 0
    grain_px = 2 * round(GRAIN * extent) + 3
    weight = cv2.blur(beside, (grain_px, 1))[..., None]
    grain = scene - cv2.blur(scene * beside[..., None], (grain_px, 1)) / np.maximum(weight, 1e-5)
    # An edge is more than grain: clipped at three robust deviations.
    sample = np.abs(grain[::5, ::5][beside[::5, ::5] > 0])
    most = 3 * 1.48 * float(np.median(sample)) if sample.size else 0.0
    np.clip(grain, -most, most, out=grain)
    result, near_px = scene.copy(), 1 + round(NEIGHBOURS * extent)
    for row, parts in covered.items():
        for start, stop in parts:
            here = np.arange(start, stop)
            share = (here - start + 0.5) / (stop - start)
            # At the frame's edge there is one side only.
            share = np.where(start == 0, 1.0, np.where(stop == width, 0.0, share))
            share = (share * share * (3 - 2 * share))[:, None]
            left = _mean(scene, beside, row, slice(max(start - near_px, 0), start))
            right = _mean(scene, beside, row, slice(stop, stop + near_px))
            fine = grain[row, np.clip(2 * start - 1 - here, 0, width - 1)]
            finer = grain[row, np.clip(2 * stop - 1 - here, 0, width - 1)]
            result[row, here] = (left + fine) * (1 - share) + (right + finer) * share
    # A row that shows nothing of the scene is as the next one that does.
    shown = np.flatnonzero(beside.any(axis=1))
    for empty in np.flatnonzero(~beside.any(axis=1)) if shown.size else ():
        result[empty] = result[shown[np.abs(shown - empty).argmin()]]
    return masks.composite(np.clip(result, 0, 1), scene, matte)


def _covered(hidden: NDArray[np.bool_], extent: float) -> list[tuple[int, int]]:
    """Return the parts of a row, (W,), that the product hides, with its soft edges and what is in handles."""
    steps = np.flatnonzero(np.diff(hidden, prepend=False, append=False))
    soft = 1 + round(SOFT * extent)
    parts: list[tuple[int, int]] = []
    for start, stop in zip(steps[::2] - soft, steps[1::2] + soft, strict=True):
        first = max(int(start), 0)
        if parts and first - parts[-1][1] < HANDLE * extent:
            first = parts.pop()[0]
        parts.append((first, min(int(stop), len(hidden))))
    return parts


def _mean(scene: RgbImage, beside: Matte, row: int, columns: slice) -> NDArray[np.float32]:
    """Return the mean colour, (3,), of what is beside the product in a part of a row; black if nothing is."""
    weight = beside[row, columns]
    return np.asarray(weight @ scene[row, columns] / max(float(weight.sum()), 1.0), np.float32)


def bent(scene: RgbImage, matte: Matte) -> RgbImage:
    """Return the scene as it is seen through a hollow body of this outline.

    Snell's law at the outside and the inside of a round wall of glass: a ray that meets it at a share `h` of
    the radius off the axis enters at arcsin(h) to the normal, runs at arcsin(h / n) in the wall, and what it
    meets inside is narrower by the wall. Through the middle nothing is displaced, near the rims the scene
    is drawn outwards, and in the rim itself, where no ray reaches the hollow, it is that of a solid rod.

    Args:
        scene: (H, W, 3), linear light.
        matte: (H, W), 1 = product.
    """
    height, width = matte.shape
    scale = min(1.0, NORMALS_SIDE_PX / max(height, width))
    small = resize(matte, max(round(width * scale), 8), max(round(height * scale), 8))
    normals = normals_from_matte(small)
    extent = float(np.sqrt((small > 0.5).sum()))
    off = np.sqrt(np.clip(1 - normals[..., 2] ** 2, 0, 0.99))
    reach = -DISTANCE * extent * tangent_bent(off) / np.maximum(off, 1e-3)
    shift = np.stack([reach * normals[..., 0], -reach * normals[..., 1]], axis=-1) / scale
    shift = cv2.resize(shift.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.asarray(
        cv2.remap(
            scene, x + shift[..., 0], y + shift[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        ),
        np.float32,
    )


def tangent_bent(off: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the tangent of the angle by which a hollow body bends rays towards its axis.

    Args:
        off: How far off the axis the ray arrives, in radii, [0, 1).
    """
    rod = np.arcsin(off) - np.arcsin(off / INDEX)
    inner = np.minimum(off / (1 - WALL), 1)
    hollow = np.arcsin(inner / INDEX) - np.arcsin(inner)
    angle = 2 * np.where(inner < 1, rod + hollow, rod)
    return np.asarray(np.clip(np.tan(angle), -MOST_BENT, MOST_BENT), np.float32)


def see_through(
    product: RgbImage, scene: RgbImage, matte: Matte, through: RgbImage, own: RgbImage
) -> RgbImage:
    """Return the product with the scene seen through it; the mixing is done in linear light.

    Args:
        product: The product in the scene's light as if it were opaque, (H, W, 3), sRGB, [0, 1].
        scene: What is behind it, (H, W, 3), sRGB, also where the product hides it.
        matte: (H, W), 1 = product.
        through: (H, W, 3), linear: the share of the light from behind that comes through.
        own: (H, W, 3), linear: the share of the product's light that is its own.

    Returns:
        (H, W, 3), sRGB; where nothing comes through the product's pixels to the bit.
    """
    clear = through.max(axis=2) > 0
    if not clear.any():
        return product
    box = masks.bounding_box(matte, threshold=0)
    # A ray may come from beside the product.
    beside = math.ceil(DISTANCE * MOST_BENT * math.sqrt(float(matte.sum())))
    top, left = max(box.top - beside, 0), max(box.left - beside, 0)
    wide = slice(top, box.bottom + beside), slice(left, box.right + beside)
    inner = slice(box.top - top, box.bottom - top), slice(box.left - left, box.right - left)
    part = slice(box.top, box.bottom), slice(box.left, box.right)
    behind = bent(to_linear(scene[wide]), matte[wide])[inner]
    mixed = own[part] * to_linear(product[part]) + through[part] * behind
    result = product.copy()
    result[part] = np.where(clear[part][..., None], np.clip(to_srgb(mixed), 0, 1), product[part])
    return result
