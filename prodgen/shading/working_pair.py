"""Crops, aligns and shrinks photograph and relit picture to the pair that the light is estimated from.

Light is smooth, so a reduced picture of the product alone is enough. Owns that reduction: the crop, the
working size, linear light, which pixels count, and the scene's colour around the product. Judges nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from prodgen.color import LUMA, to_linear
from prodgen.errors import IdentityError, ImageError
from prodgen.images import Matte, Plane, RgbImage, resize
from prodgen.masks import bounding_box, normalised_blur
from prodgen.shading.register import AT_REST, Alignment, align, move
from prodgen.shading.turn import Turn, find_turn, turn_back

WORKING_SIDE_PX = 480
"""Longest side of the product while the light is estimated. Speed: the finest light is 3 pixels there."""

INSIDE = 0.9
"""Matte above which a pixel counts as product alone. Chosen below 1, since mattes are noisy."""

SMALLEST_PRODUCT_PX = 24
"""Inner pixels, at working size, below which no light is estimated. Guard."""

PADDING = 0.04
"""Rim around the product, share of its longer side: room for a product that moved. Chosen: half of
`register.MOST_DISPLACEMENT`."""

PIECE_GAP = 0.03
"""Gap, share of the crop's longer side, that does not part one product: a strap and its bag. Chosen."""

SMALLEST_PIECE = 0.04
"""Share of all product pixels for a piece to have a light of its own; others join the largest. Chosen."""

RING = 0.09
"""Width of the ring around the product whose median is the scene's colour, in product extents. Chosen."""

RING_SIDE_PX = 360
"""Longest side of the picture while the scene's colour is taken. Speed."""


class Region(NamedTuple):
    """A part of a picture, as shares of its width and height."""

    left: float
    top: float
    right: float
    bottom: float

    def pixels(self, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns of the region in a picture of this size; never empty."""
        top, left = min(round(self.top * height), height - 1), min(round(self.left * width), width - 1)
        bottom, right = max(round(self.bottom * height), top + 1), max(round(self.right * width), left + 1)
        return slice(top, bottom), slice(left, right)


@dataclass(frozen=True)
class WorkingPair:
    """The product before and after, reduced, in linear light."""

    region: Region
    """Where in the frame this is."""

    photo_linear: Plane
    """(h, w, 3), the photograph."""

    relit_linear: Plane
    """(h, w, 3), the relit picture in the same place."""

    weight: Matte
    """(h, w), 1 where the pixel is certainly product."""

    pieces: tuple[Matte, ...]
    """`weight`, one mask for each product of the frame that stands apart; they add up to `weight`."""

    scene_color: Plane
    """(3,), colour of the scene around the product, luminance 1."""

    turn: Turn
    """The rotation of the product's hues; it is taken back in `relit_linear` already."""

    metal: Matte | None = None
    """(h, w), how surely a pixel is of bare metal, whose colours are the scene's; None: nothing is."""

    alignment: Alignment = AT_REST
    """How the relit product lay on the photographed one; it is moved back in `relit_linear` already."""


def product_region(matte: Matte) -> Region:
    """The part of the frame that holds the product, with a rim of `PADDING` times its longer side.

    Raises:
        IdentityError: If the matte is empty.
    """
    try:
        box = bounding_box(matte, threshold=0.02)
    except ImageError as error:
        raise IdentityError("the matte marks no product, so there is nothing to keep") from error
    height, width = matte.shape
    # The long side decides, so that a thin product keeps room to move.
    pad = PADDING * max(box.width, box.height) + 2
    return Region(
        max(0.0, (box.left - pad) / width),
        max(0.0, (box.top - pad) / height),
        min(1.0, (box.right + pad) / width),
        min(1.0, (box.bottom + pad) / height),
    )


def pair_pictures(
    original: RgbImage,
    relit: RgbImage,
    matte: Matte,
    *,
    is_refusing: bool = True,
    is_registered: bool = False,
    metal: Matte | None = None,
) -> WorkingPair:
    """Crop, align and shrink the inputs to what the estimate of the light needs.

    Args:
        original: The photograph, (H, W, 3), sRGB, [0, 1].
        relit: The same framing in new light, (h, w, 3), of any size, sRGB, [0, 1].
        matte: (H, W), 1 = product.
        is_refusing: False takes a relit picture that does not show the product as it lies, for measuring it.
        is_registered: True if `relit` is known to hold the photograph's product in its place and in its own
            hues: then neither its position nor a turn of its hues is searched for.
        metal: (n, m), of any size, how surely a pixel of the frame is of bare metal; None: nothing is.

    Raises:
        ImageError: If photograph and matte differ in size.
        IdentityError: If the matte is empty or almost so, or `relit` does not show the product there.
    """
    if original.shape[:2] != matte.shape:
        raise ImageError(
            f"the matte is {matte.shape[1]}x{matte.shape[0]} but the photograph is"
            f" {original.shape[1]}x{original.shape[0]}; they must have the same size"
        )
    region = product_region(matte)
    at_photo, at_relit = region.pixels(*matte.shape), region.pixels(*relit.shape[:2])
    crop, relit_crop, matte_crop = original[at_photo], relit[at_relit], matte[at_photo]
    height, width = crop.shape[:2]
    scale = min(1.0, WORKING_SIDE_PX / max(height, width), max(relit_crop.shape[:2]) / max(height, width))
    size = max(4, round(width * scale)), max(4, round(height * scale))
    small_matte = resize(matte_crop, *size)
    weight = (small_matte > INSIDE).astype(np.float32)
    photo_linear, relit_linear = to_linear(resize(crop, *size)), to_linear(resize(relit_crop, *size))
    if weight.sum() < SMALLEST_PRODUCT_PX:
        raise IdentityError("the product is too small or too transparent to read its light; check the matte")
    scene_color = _scene_color(relit, matte)
    shiny = None if metal is None else weight * resize(metal[region.pixels(*metal.shape)], *size)
    paint = weight if shiny is None else weight * (1 - shiny)
    turn, alignment = Turn(0.0), AT_REST
    if not is_registered:
        # Metal shows other edges in another place: where it is most of a product, they prove nothing.
        shows_itself = float(paint.sum()) > 0.5 * float(weight.sum())
        alignment = align(photo_linear, relit_linear, weight, is_refusing=is_refusing and shows_itself)
        relit_linear = move(relit_linear, alignment)
        if paint.sum() >= SMALLEST_PRODUCT_PX:
            turn = find_turn(photo_linear, relit_linear, paint, scene_color)
    turned = turn_back(relit_linear, turn, photo_linear)
    if shiny is not None:
        turned = turned + shiny[..., None] * (relit_linear - turned)
    return WorkingPair(
        region=region,
        photo_linear=photo_linear,
        relit_linear=turned,
        weight=weight,
        pieces=_pieces(weight),
        scene_color=scene_color,
        turn=turn,
        metal=shiny,
        alignment=alignment,
    )


def soften(linear: Plane, weight: Matte) -> Plane:
    """Blur by one working pixel inside the product: a relit picture is softer than a photograph."""
    return normalised_blur(linear, weight, 1.0)


def _pieces(weight: Matte) -> tuple[Matte, ...]:
    """Products that stand apart, largest first; small pieces go with the largest."""
    reach = max(3, round(PIECE_GAP * max(weight.shape))) | 1
    joined = cv2.morphologyEx(weight.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    count, labels = cv2.connectedComponents(joined, connectivity=8)
    areas = [(float(weight[labels == label].sum()), label) for label in range(1, count)]
    large = [
        label for area, label in sorted(areas, reverse=True) if area > SMALLEST_PIECE * float(weight.sum())
    ]
    if len(large) < 2:
        return (weight,)
    masks = [(weight * (labels == label)).astype(np.float32) for label in large]
    masks[0] = (weight - sum(masks[1:], np.zeros_like(weight))).astype(np.float32)
    return tuple(masks)


def _scene_color(relit: RgbImage, matte: Matte) -> Plane:
    """Median colour of the scene in a ring around the product, luminance 1; grey if there is none."""
    height, width = relit.shape[:2]
    scale = min(1.0, RING_SIDE_PX / max(height, width))
    size = max(4, round(width * scale)), max(4, round(height * scale))
    small, cut = resize(relit, *size), resize(matte, *size)
    radius = max(3, round(RING * float(np.sqrt((cut > 0.5).sum()))))
    kernel = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    ring = (cv2.dilate((cut > 0.5).astype(np.uint8), kernel) > 0) & (cut < 0.1)
    if ring.sum() < 8:
        return np.ones(3, np.float32)
    color = np.maximum(np.median(to_linear(small[ring]), axis=0), 1e-4)
    return np.asarray(color / (color @ LUMA), np.float32)
