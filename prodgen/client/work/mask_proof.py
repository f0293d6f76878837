"""Whether an inpaint mask was kept: unmasked pixels are what they were, outside the mask's blur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

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

REDRAWN_LEVELS = 12.0
"""Mean change of unmasked pixels, in 8-bit levels, from which on they were redrawn.

Chosen: what a model's own encoder and JPEG do to a photograph stays below; root mean squares of 25 to 30 dB
PSNR are 8 to 14 levels, and means two thirds of that.
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
    kept = cv2.dilate((repainted > 0).astype(np.uint8), np.ones((reach, reach), np.uint8)) == 0
    if np.count_nonzero(kept) < FEWEST_PX:
        return KeptMask()
    change = np.abs(picture - before).max(axis=2) * 255
    same = float(np.mean(change[kept] <= SAME_LEVELS + 0.01))
    if same >= ALL:
        return KeptMask(Proof("picture", round(same, 3)))
    outside, inside = float(change[kept].mean()), float(change[repainted > 0.5].mean())
    if outside >= REDRAWN_LEVELS:
        return KeptMask(is_ignored=outside >= 0.5 * inside)
    notice = None
    if is_lossless and not is_resized:
        notice = f"unmasked pixels came back changed, by {outside:.1f} of 255 levels in the mean"
    is_clear = outside < 0.5 * inside
    return KeptMask(Proof("picture", round(1 - outside / inside, 3)) if is_clear else None, notice=notice)


NOT_KEPT = "unmasked pixels were redrawn: the server chose a size of its own, and did not keep the mask"


def ignored(url: str) -> NotAppliedError:
    """Return the error that unmasked pixels were redrawn."""
    return NotAppliedError(
        url,
        "the inpaint mask was not kept: unmasked pixels were redrawn as the masked ones were",
        feature=MASK,
        remedy="White is repainted and black kept; does this kind of server take masks in img2img?",
    )
