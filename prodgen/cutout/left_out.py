"""What a matte left out: whatever beside it stands out from the photograph's own backdrop like the product.

The looks of networks that made a matte cannot tell what all of them lost, and a given matte has none. This
look uses the photograph alone: its frame shows the backdrop, which is continued behind the product; what
differs from it, touches the matte and ends in edges belongs to the product, unless it is a shadow. Before a
busy backdrop nothing can be told this way.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen import masks
from prodgen.color import brightest, from_lab_linear, to_lab, to_linear
from prodgen.cutout.contrast import lengths, strongest_step
from prodgen.cutout.deviation import smooth_surface
from prodgen.cutout.matting import require_same_size, resized
from prodgen.images import Matte, Plane, RgbImage, channel_sum

WORK_PX = 512
"""Longest side at which it is looked for. Speed."""

FRAME_SHARE = 0.06
"""Width of the frame that is taken for backdrop, as a share of the shorter side. Chosen."""

BUSIEST = 8.0
"""L*a*b* units that the frame may be from a smooth surface, 90th percentile; beyond it nothing is told.
Measured on 55 rendered photographs with true mattes: plain backdrops reach 7.8, tables and rooms begin at
8.0. With 5 a tenth fewer of the parts cut off are seen, and no fewer false ones."""

STANDS_OUT = 8.0
"""L*a*b* units from the backdrop, and `STANDS_OUT_RESIDUALS` times its own residual, from which on a pixel is
none of it. Measured on the same: with 6 a second of the 55 true mattes is said to have left something out,
with 12 a tenth fewer of the parts cut off are seen."""

STANDS_OUT_RESIDUALS = 1.5
"""See `STANDS_OUT`. Chosen."""

SHADOW_TINT, DEEPEST_SHADOW = 0.15, 0.1
"""Share of the backdrop's linear light by which a shadow's three channels may differ, and the least that it
leaves of it. By physics a shadow takes the same share of each channel. Measured on the same: with 0.2 for the
deepest four of 55 true mattes are said to have left something out, with 0.05 a fifth fewer parts are seen."""


EDGE = 2.0
"""L*a*b* units per 1/512 of the longer side that the slope on a piece's free rim must have, its median.
Measured: red light that a mug throws on its floor has between 1.0 and 1.5. Of the parts cut off 55
photographs as many are found with 2.0 as without, of 37 others 32 % instead of 35 %; and none of all 96 true
mattes is said to have left out 2.5 % or more, instead of two."""


def left_out(rgb: RgbImage, matte: Matte) -> Plane:
    """Find what continues the product outside of its matte.

    Of parts cut off the bottom, top or left of 55 true mattes (15 % of its extent each) about half are found,
    hardly any white on white; of the true mattes themselves none is said to have left out more than 1 %.

    Args:
        rgb: (H, W, 3), sRGB, [0, 1], the photograph.
        matte: (H, W), 1 = product.

    Returns:
        (h, w), 0 or 1, at most 512 px a side: 1 where the photograph shows more of the product.

    Raises:
        ImageError: If the sizes of photograph and matte differ.
    """
    require_same_size(matte, rgb)
    scale = min(1.0, WORK_PX / max(matte.shape))
    size = (max(16, round(matte.shape[1] * scale)), max(16, round(matte.shape[0] * scale)))
    product, picture = (resized(matte, size) > 0.05).astype(np.float32), resized(rgb, size)
    side = max(product.shape)
    frame = np.ones_like(product)
    width = max(3, round(FRAME_SHARE * min(product.shape)))
    frame[width:-width, width:-width] = 0
    known = frame * (1 - masks.dilate(product, side / 40))
    if known.sum() < frame.sum() / 4:
        return np.zeros_like(product)
    lab = to_lab(picture)
    surface = smooth_surface(lab, known)
    residual = float(np.percentile(lengths(lab - surface)[known > 0], 90))
    if residual > BUSIEST:
        return np.zeros_like(product)
    backdrop = surface + masks.fill(lab - surface, 1 - known)
    smooth = np.asarray(cv2.GaussianBlur(picture, (0, 0), 1), np.float32)
    away = lengths(to_lab(smooth) - backdrop)
    other = (away > max(STANDS_OUT, STANDS_OUT_RESIDUALS * residual)) & ~_is_shadow(smooth, backdrop)
    other &= masks.dilate(product, side / 150) == 0
    opened = masks.dilate(masks.erode(other.astype(np.float32), side / 200), side / 200)
    _, labels = cv2.connectedComponents(opened.astype(np.uint8))
    touching = np.unique(labels[masks.dilate(product, side / 60) > 0])
    at_the_frame = np.unique(labels[frame > 0])
    chosen = np.setdiff1d(touching, np.append(at_the_frame, 0))
    pieces, steps = [labels == number for number in chosen], strongest_step(lab)
    bounded = [piece for piece in pieces if _is_bounded(piece, steps, product)]
    nothing = np.zeros(product.shape, bool)
    return np.asarray(np.any([nothing, *bounded], axis=0), np.float32)


def _is_bounded(piece: NDArray[np.bool_], steps: Plane, product: Plane) -> bool:
    """Whether a piece ends in edges, as things do, or fades out, as light does that the product throws.

    Args:
        piece: (h, w).
        steps: (h, w), the photograph's strongest slope near each pixel, L*a*b* units per pixel.
        product: (h, w), 1 = product.
    """
    side, solid = max(product.shape), piece.astype(np.float32)
    rim = (masks.dilate(solid, 2) > 0) & (masks.erode(solid, 2) == 0)
    free = rim & (masks.dilate(product, side / 100) == 0)
    return bool(free.any() and np.median(steps[free]) * side / WORK_PX > EDGE)


def _is_shadow(picture: RgbImage, backdrop: Plane) -> NDArray[np.bool_]:
    """Where a picture, (h, w, 3), shows its backdrop (L*a*b*) in a shadow."""
    dark = np.float32(0.005)  # keeps ratios of black finite
    light = (to_linear(picture) + dark) / (np.clip(from_lab_linear(backdrop), 0, 1) + dark)
    most, least = brightest(light), -brightest(-light)
    is_darker = (most < 1) & (channel_sum(light) > 3 * DEEPEST_SHADOW)
    return np.asarray(is_darker & (most - least < SHADOW_TINT))
