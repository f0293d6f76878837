"""The shape that an outline suggests: a cushion, as the one thing that a matte shows of a body.

The matte is blown up like soap film over a wire (the solution of Poisson's equation in the outline), which
gives normals that are right at the outline and frontal in the middle.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.images import Matte
from prodgen.masks import bounding_box

SHAPE_PX = 112
"""Long side on which the shape is worked out. Speed: it is smooth, and enlarged afterwards."""

SWEEPS = 160
"""Relaxation steps at the finest level. Speed: the coarser levels have done the rest."""

FLATNESS = 0.75
"""Depth of the cushion compared with a half round. Chosen by eye: most products have a front."""


def normals(matte: Matte, *, flatness: float = FLATNESS) -> tuple[NDArray[np.float32], Matte]:
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


def _soap_film(inside: NDArray[np.float32]) -> NDArray[np.float32]:
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
