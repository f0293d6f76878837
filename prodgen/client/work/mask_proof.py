"""Whether an inpaint mask was kept: unmasked pixels are what they were, outside the mask's blur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.errors import NotAppliedError
from prodgen.images import Matte, RgbImage, resize
from prodgen.schema import Img2Img, Proof

MASK = "inpaint mask"
"""The `feature` of a NotAppliedError about a mask."""

USUAL_BLUR_PX = 4
"""A1111's blur of a mask whose request leaves it open."""

SAME_LEVELS = 1.0
"""8-bit levels by which an unmasked pixel may differ and count as kept: rounding."""

ALL = 0.99
"""Share of the unmasked pixels that must be as they were. A1111 gives all of them back to the bit."""

CELL_PX = 8
"""Side of the squares whose mean colours are compared: one cell of a diffusion model's grid."""

REDRAWN_LEVELS = 12.0
"""Mean change of unmasked cells, in 8-bit levels, from which on they were redrawn.

Measured on 50 product pictures and patterns as fine as pixels: JPEG of quality 30 to 80, blur of up to 2
pixels, as by a model's encoder, another way of resizing, and a shift by a pixel change cells by at most 10.8;
another picture mixed in by a third changes them by at least 16.
"""

FEWEST_PX = 256
"""Unmasked pixels below which nothing is said."""


@dataclass(frozen=True)
class KeptMask:
    """What the pictures tell of a mask."""

    proof: Proof | None = None
    is_ignored: bool = False
    """Whether unmasked pixels were redrawn as much as masked ones."""
    notice: str | None = None


def judge(request: Img2Img, pictures: Sequence[RgbImage], *, is_lossless: bool) -> KeptMask:
    """Return what the results tell of the mask that a request asked for.

    Nothing is said where something else may change unmasked pixels: another way of resizing, soft inpainting,
    scripts, and what works on faces.
    """
    mask = request.inpaint_mask
    others = request.soft_inpainting or request.scripts or request.adetailer or request.restore_faces
    if mask is None or others or request.resize_mode not in (None, "stretch"):
        return KeptMask()
    return min((_judged(request, mask, picture, is_lossless) for picture in pictures), key=_rank)


def _rank(found: KeptMask) -> float:
    if found.is_ignored:
        return -1.0
    return found.proof.strength or 0.0 if found.proof is not None else -0.5


def _judged(request: Img2Img, mask: Matte, picture: RgbImage, is_lossless: bool) -> KeptMask:
    height, width = picture.shape[:2]
    is_resized = request.init_image.shape != picture.shape
    repainted = resize(1 - mask if request.inpainting_mask_invert else mask, width, height)
    before = resize(request.init_image, width, height)
    # A1111 cuts a blur at 2.5 sigma; masks are rounded to the cells of a model, 8 pixels.
    blur_px = USUAL_BLUR_PX if request.mask_blur is None else request.mask_blur
    reach = 2 * (int(2.5 * blur_px + 0.5) + 8) + 1
    touched = (repainted > SAME_LEVELS / 2 / 255).astype(np.uint8)
    kept = cv2.dilate(touched, np.ones((reach, reach), np.uint8)) == 0
    if np.count_nonzero(kept) < FEWEST_PX:
        return KeptMask()
    change = np.abs(picture - before).max(axis=2) * 255
    same = float(np.mean(change[kept] <= SAME_LEVELS + 0.01))
    if same >= ALL:
        return KeptMask(Proof("picture", round(same, 3)))
    coarse = np.abs(_cells(picture) - _cells(before)).max(axis=2) * 255
    outside, inside = (coarse[_cells(x.astype(np.float32)) > 0.99] for x in (kept, repainted > 0.5))
    if not (outside.size and inside.size):
        return KeptMask()
    ratio = float(outside.mean()) / max(1e-6, float(inside.mean()))
    if outside.mean() >= REDRAWN_LEVELS:
        return KeptMask(is_ignored=ratio >= 0.5)
    notice = None
    if is_lossless and not is_resized:
        mean = float(change[kept].mean())
        notice = f"unmasked pixels came back changed, by {mean:.1f} of 255 levels in the mean"
    return KeptMask(Proof("picture", round(1 - ratio, 3)) if ratio < 0.5 else None, notice=notice)


def _cells(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of each cell, in which neither fine texture nor its loss by an encoder shows."""
    height, width = picture.shape[:2]
    size = max(1, width // CELL_PX), max(1, height // CELL_PX)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


NOT_KEPT = "unmasked pixels were redrawn: the server chose a size of its own, and did not keep the mask"


def ignored(url: str) -> NotAppliedError:
    """Return the error that unmasked pixels were redrawn."""
    return NotAppliedError(
        url,
        "the inpaint mask was not kept: unmasked pixels were redrawn as the masked ones were",
        feature=MASK,
        remedy="White is repainted and black kept; does this kind of server take masks in img2img?",
    )
