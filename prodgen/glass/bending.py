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


def scene_without(scene: RgbImage, matte: Matte) -> RgbImage:
    """Return a scene without the product that stands in it: on its place, what is beside it goes on.

    Row by row, so that a horizon and the edge of a table go on level: what is left and right of the product
    is mirrored inwards, and one fades into the other.

    Args:
        scene: (H, W, 3), sRGB.
        matte: (H, W), 1 = product; where it is 0 the scene stays to the bit.
    """
    result = scene.copy()
    hidden = matte > 0
    width = matte.shape[1]
    for row in np.flatnonzero(hidden.any(axis=1)):
        steps = np.flatnonzero(np.diff(hidden[row].astype(np.int8), prepend=0, append=0))
        for start, stop in zip(steps[::2], steps[1::2], strict=True):
            here = np.arange(start, stop)
            left, right = 2 * start - 1 - here, 2 * stop - 1 - here
            share = (here - start + 0.5) / (stop - start)
            # At the frame's edge there is one side only.
            share = np.where(left < 0, 1.0, np.where(right >= width, 0.0, share))
            share = (share * share * (3 - 2 * share))[:, None]
            one, other = scene[row, np.clip(left, 0, width - 1)], scene[row, np.clip(right, 0, width - 1)]
            result[row, here] = one * (1 - share) + other * share
    return result


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
