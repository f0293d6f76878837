"""A place as a mirror in it would show it, from one ordinary picture of it.

The picture shows what is behind the product. The other half, on the camera's side, is taken to be much like
the half that is seen: a room goes on around its corner, and so does its floor. What is above the picture is
as bright as its light on what faces up.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.color import luminance, to_linear
from prodgen.images import Matte, RgbImage
from prodgen.light.estimating import Surroundings
from prodgen.masks import blur, dilate, fill

ROWS = 96
"""Height, in pixels, at which the place is looked up. Speed: metal that is a little rough shows no more."""

ROUGHNESS = 0.08
"""Sigma of the blur of what is mirrored, in product extents (square root of its area). Chosen by eye:
half of it shows the pixels of what is enlarged, twice of it no objects."""

HORIZON = 0.6
"""Width, as a sine of elevation, over which floor passes into what stands on it.

Measured on path-traced metals: 0.3 to 0.6 are as good within 0.3 CIEDE2000, 0.1 is worse by 0.3."""

UNSEEN = 0.9
"""Light of what is on the camera's side, over what is seen behind. Measured: 0.8 to 1.1 are as good within
0.3 CIEDE2000, 0.4 is worse by 1."""

FLOOR_SPAN = 0.35
"""Sine of depression at which a ray to behind meets the floor at the product's foot.

By definition: a camera that looks down by 18 degrees shows there what is mirrored by 20."""

FLOOR_COLOUR = 0.6
"""Share of the floor's colour that is mirrored, beside all of its light: the rest of what is below is unseen.

Measured on path-traced metals: their lower parts have 0.3 to 1.4 times the floor's chroma; all of it makes no
difference to CIEDE2000 there (0.1), and copper of steel on orange wood."""

TOP_SINE, OPEN_SKY = 0.5, (0.5, 0.9)
"""Sine of elevation that the picture's top shows, and those between which the light from above takes over.

Chosen: half of a usual lens' view, then the rest of the half sphere."""

ACROSS = 0.5
"""Share of the picture's width from the product to what is mirrored by a side that faces left or right.
Chosen: half of the picture lies to either side."""


def seen_from_product(
    place: RgbImage, matte: Matte, surroundings: Surroundings, *, holds_product: bool = False
) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return what a picture's place sends to a product from each direction.

    Args:
        place: (H, W, 3), sRGB.
        matte: (h, w), 1 = product, of any size of the same shape.
        surroundings: The light that was estimated of the picture.
        holds_product: Whether the product is in the picture; it is then filled from around it.

    Returns:
        Linear light (..., 3) from unit directions (..., 3): X right, Y up, Z to the camera, level.
    """
    height, width = ROWS, max(round(ROWS * place.shape[1] / place.shape[0]), 8)
    linear = to_linear(
        np.asarray(cv2.resize(place, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    )
    product = np.asarray(cv2.resize(matte, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    if holds_product:
        linear = fill(linear, dilate((product > 0.02).astype(np.float32), 1))
    rows, columns = (
        np.nonzero(product > 0.5) if (product > 0.5).any() else (np.array([72]), np.array([width // 2]))
    )
    foot, middle = min(int(rows.max()), height - 3), (columns.min() + columns.max()) / 2
    top = int(np.clip(surroundings.floor_top * height / place.shape[0], 4, foot))
    soft = blur(linear, ROUGHNESS * max(float(np.sqrt(product.sum())), 1))
    before = soft[foot:].mean(axis=0)

    def radiance(directions: NDArray[np.float32]) -> NDArray[np.float32]:
        x, y, z = np.moveaxis(directions, -1, 0)
        column = np.clip(middle + x * ACROSS * width, 0, width - 1).astype(int)
        far = np.clip(top + (foot - top) * np.clip(-y / FLOOR_SPAN, 0, 1), 0, height - 1).astype(int)
        floor = np.where((z < 0)[..., None], soft[far, column], before[column])
        grey = luminance(floor)[..., None]
        floor = grey + np.float32(FLOOR_COLOUR) * (floor - grey)
        behind = soft[np.clip(top - 1 - y / TOP_SINE * top, 0, top - 1).astype(int), column]
        behind = behind * (1 - (1 - UNSEEN) * np.clip(z / 0.6 + 0.5, 0, 1)[..., None])
        sky = np.clip((y - OPEN_SKY[0]) / (OPEN_SKY[1] - OPEN_SKY[0]), 0, 1)[..., None]
        standing = behind * (1 - sky) + surroundings.above * sky
        over = np.clip(0.5 + y / HORIZON, 0, 1)[..., None]
        return np.asarray(floor * (1 - over) + standing * over, np.float32)

    return radiance
