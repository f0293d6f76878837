"""Puts the photographed product, lit by a light field, into its scene: how the two meet at the edge.

Outside the matte the scene is not touched; inside, every pixel is the photograph's own times the light field.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.errors import ImageError
from prodgen.images import Matte, RgbImage, resize
from prodgen.masks import bounding_box, fill
from prodgen.shading.field import LightField, apply, light_field

FILL_SIDE_PX = 640
"""Longest side at which colours are filled in across an edge. Speed: they are smooth."""

SURE_BACKGROUND, SURE_PRODUCT = 0.02, 0.98
"""Matte values up to, and from, which a pixel is background or product alone. Chosen: mattes are noisy."""

THINNEST = 0.1
"""Least matte value that a mixed colour is divided by. Guard: below it the result is noise."""

INNER_BELOW, SOLVED_FROM = 0.2, 0.8
"""Matte values between which an edge's colour goes from filled in to solved for. Chosen."""

MARGIN_PX = 16
"""Rim around the product from which colours are filled in. Chosen: wider than any soft edge."""


def blend(
    original: RgbImage,
    relit: RgbImage,
    matte: Matte,
    *,
    strength: float = 1.0,
    ambience: float = 1.0,
    foreground: RgbImage | None = None,
    field: LightField | None = None,
) -> RgbImage:
    """Put the photographed product, lit like the relit one, into the relit picture's scene.

    Args:
        original: The photograph, (H, W, 3), sRGB, [0, 1].
        relit: The same framing in new light, (h, w, 3), of any size; enlarged if it is smaller.
        matte: (H, W), 1 = product. Where it is 0, the result is the relit picture: to the bit if
            that is of the photograph's size.
        strength: 0 (the photograph's own light, exactly) to 1 (all the new light).
        ambience: Share of the light's colour, 0 (white light) to 1 (as found).
        foreground: The photograph's colours without the old background at soft edges, (H, W, 3).
            None: estimated here, simply.
        field: A light field made before; strength and ambience are then its own. None: estimated here.

    Returns:
        (H, W, 3), sRGB, [0, 1].

    Raises:
        ImageError: If photograph and matte (and foreground) differ in size.
        IdentityError: If the matte holds no product to speak of.
    """
    if foreground is not None and foreground.shape != original.shape:
        raise ImageError(f"the foreground is {foreground.shape[1::-1]} pixels, not {original.shape[1::-1]}")
    if field is None:
        field = light_field(original, relit, matte, strength=strength, ambience=ambience)
    height, width = matte.shape
    scene = relit if relit.shape[:2] == (height, width) else resize(relit, width, height)
    result = scene.copy()
    window = _window(matte, field)
    cut, there = matte[window], scene[window]
    before = edge_colors(original[window], cut) if foreground is None else foreground[window]
    lit = apply(before, field.within(window, matte.shape), cut)
    # Only the product is exchanged: relit = cut * relit product + (1 - cut) * scene. The scene behind the
    # edge cancels, so it need not be known and cannot be guessed wrong.
    exchanged = there + cut[..., None] * (lit - edge_colors(there, cut))
    exchanged = np.where((cut >= 1)[..., None], lit, np.clip(exchanged, 0, 1))
    np.copyto(result[window], exchanged, where=(cut > 0)[..., None])
    return result


def scene_behind(scene: RgbImage, matte: Matte) -> RgbImage:
    """A picture with the product in it, with the product's share taken out of its soft edge.

    Putting any product over it by the matte then exchanges products and nothing else: see `blend`.

    Args:
        scene: A picture that shows the product, (H, W, 3), sRGB.
        matte: (H, W), 1 = product; where it is 0 or 1 the picture stays to the bit.

    Returns:
        (H, W, 3), sRGB.
    """
    box = bounding_box(matte, threshold=0)
    window = (
        slice(max(0, box.top - MARGIN_PX), box.bottom + MARGIN_PX),
        slice(max(0, box.left - MARGIN_PX), box.right + MARGIN_PX),
    )
    cut, there = matte[window], scene[window]
    edge = np.nonzero((cut > 0) & (cut < 1))
    share = cut[edge][:, None]
    rest = np.clip(there[edge] - share * edge_colors(there, cut)[edge], 0, 1 - share)
    result = scene.copy()
    result[window][edge] = rest / np.maximum(1 - share, 1e-3)
    return result


def edge_colors(original: RgbImage, matte: Matte) -> RgbImage:
    """The product's own colours at its soft edge, with the old background taken out; other pixels stay.

    A pixel at the edge is matte * product + (1 - matte) * background; the background is filled in
    from outside and subtracted. Where the matte is thin the difference is noise, and the product's
    colours are filled in from inside instead.
    """
    rows, columns = np.nonzero((matte > 0) & (matte < 1))
    if not len(rows):
        return original
    background = _filled_at(original, matte <= SURE_BACKGROUND, rows, columns)
    inner = _filled_at(original, matte >= SURE_PRODUCT, rows, columns)
    alpha, mixed = matte[rows, columns, None], original[rows, columns]
    solved = np.clip(background + (mixed - background) / np.maximum(alpha, THINNEST), 0, 1)
    ramp = np.clip((alpha - INNER_BELOW) / (SOLVED_FROM - INNER_BELOW), 0, 1)
    result = original.copy()
    result[rows, columns] = inner + (solved - inner) * ramp
    return result


def _filled_at(
    image: RgbImage, known: NDArray[np.bool_], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> RgbImage:
    """Colours of the known pixels nearby, at these places, (n, 3); worked out at a reduced size."""
    height, width = known.shape
    scale = min(1.0, FILL_SIDE_PX / max(height, width))
    size = max(2, round(width * scale)), max(2, round(height * scale))
    weight = known.astype(np.float32)
    share = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(image * weight[..., None], size, interpolation=cv2.INTER_AREA)
    mean = (small / np.maximum(share, 1e-3)[..., None]).astype(np.float32)
    small = fill(mean, (share < 0.05).astype(np.float32))
    x = ((columns + 0.5) * (size[0] / width) - 0.5).astype(np.float32)
    y = ((rows + 0.5) * (size[1] / height) - 0.5).astype(np.float32)
    # OpenCV's remap takes at most 32767 places a row.
    pieces = [
        cv2.remap(
            small,
            x[k : k + 32000, None],
            y[k : k + 32000, None],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )[:, 0]
        for k in range(0, len(x), 32000)
    ]
    return np.concatenate(pieces)


def _window(matte: Matte, field: LightField) -> tuple[slice, slice]:
    """Rows and columns that hold the product with its rim, and all of the field."""
    box = bounding_box(matte, threshold=0)
    lit = field.region.pixels(*matte.shape)
    pad = MARGIN_PX
    return (
        slice(
            max(0, min(box.top - pad, lit[0].start)), min(matte.shape[0], max(box.bottom + pad, lit[0].stop))
        ),
        slice(
            max(0, min(box.left - pad, lit[1].start)), min(matte.shape[1], max(box.right + pad, lit[1].stop))
        ),
    )
