"""Fits what a model drew around a picture to that picture: no step in colour, no line, the old pixels kept.

A model's picture is tinted all over by its autoencoder, and differs at the mask's edge. Where both pictures
show the same place, a band inside the old border, their ratio is a smooth field; taken on outwards it takes
the tint out, and in the band the two are joined by a Laplacian pyramid (Burt and Adelson 1983).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.color import to_linear, to_srgb
from prodgen.images import Matte, RgbImage
from prodgen.masks import blur, dilate, fill, normalised_blur
from prodgen.outpainting.expansion import Expansion

BAND_SHARE = 0.06
"""Width of the band in which old and new are joined, as a share of the old picture's short side.

Source: practice with masked img2img has 24 to 64 pixels of 768."""

PRODUCT_MARGIN_SHARE = 0.012
"""How far from the product the band must stay, as a share of the short side. Chosen."""

DARK = 0.003
"""Linear light that is added before ratios are taken, so that black is no division by zero. Guard."""

MOST_LOG_RATIO = 0.7
"""Largest correction, in natural log. Guard: an autoencoder's tint is below 0.1."""

LEVELS = 4
"""Bands of detail that are mixed each over a width of its own; the coarsest is 16 pixels. Chosen."""

START_NOISE = 0.04
"""Standard deviation of the noise on the picture that the model starts from. Chosen."""


@dataclass(frozen=True, eq=False)
class Joint:
    """Where a picture lies on its larger canvas, and in which band it may change."""

    inner: tuple[slice, slice]
    """Rows and columns of the old picture."""
    is_new: NDArray[np.bool_]
    """(H, W), outside the old picture."""
    share: Matte
    """(H, W), how much of the new picture is seen: 1 outside, 0 beyond the band and on the product."""

    @classmethod
    def of(cls, matte: Matte, expansion: Expansion, *, band_share: float = BAND_SHARE) -> Joint:
        """Return the joint of a picture.

        Args:
            matte: Of the old picture, (H, W), 1 = product.
            expansion: Pixels that are added on each side.
            band_share: Width of the band, as a share of the old picture's short side.
        """
        height, width = matte.shape
        wide, tall = expansion.size(width, height)
        is_new = np.ones((tall, wide), bool)
        inner = expansion.inner(width, height)
        is_new[inner] = False
        band = max(band_share * min(height, width), 2.0)
        away = cv2.distanceTransform((~is_new).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        share = np.clip(1 - (away - 0.5) / band, 0, 1).astype(np.float32)
        share = np.where(is_new, 1, share * share * (3 - 2 * share)).astype(np.float32)
        margin = max(PRODUCT_MARGIN_SHARE * min(height, width), 1.0)
        near = np.zeros_like(share)
        near[inner] = dilate((matte > 0).astype(np.float32), margin)
        free = np.clip(1 - 2 * blur(near, margin), 0, 1) * (near == 0)
        return cls(inner, is_new, (share * np.where(is_new, 1, free)).astype(np.float32))

    @property
    def inpaint_mask(self) -> Matte:
        """(H, W), 1 = repaint: the new room, and the band."""
        return (self.share > 0).astype(np.float32)


def start_picture(old: RgbImage, matte: Matte, expansion: Expansion, *, seed: int) -> RgbImage:
    """Return what a model starts from: the picture, mirrored and ever blurrier outside, with noise.

    Args:
        old: (H, W, 3), sRGB.
        matte: (H, W), 1 = product, which is not mirrored.
        expansion: Pixels to be added on each side.
        seed: Of the noise.
    """
    height, width = matte.shape
    margin = max(PRODUCT_MARGIN_SHARE * min(height, width), 1.0)
    clean = fill(old, dilate((matte > 0.02).astype(np.float32), margin))
    rims = (expansion.top, expansion.bottom, expansion.left, expansion.right)
    mirrored = np.asarray(cv2.copyMakeBorder(clean, *rims, cv2.BORDER_REFLECT), np.float32)
    soft = blur(mirrored, max(0.03 * min(height, width), 1.0))
    noise = np.random.default_rng(seed).normal(0, START_NOISE, soft.shape).astype(np.float32)
    start = np.asarray(np.clip(soft + noise, 0, 1), np.float32)
    start[expansion.inner(width, height)] = old
    return start


def join(old: RgbImage, drawn: RgbImage, joint: Joint) -> RgbImage:
    """Return the old picture with the new room around it.

    Args:
        old: (H, W, 3), sRGB, on the larger canvas; outside the old picture it holds anything.
        drawn: (H, W, 3), sRGB: what the model made of the canvas.
        joint: Where they meet.

    Returns:
        (H, W, 3), sRGB; where the joint's share is 0 it is the old picture to the bit.
    """
    known = ((~joint.is_new) & (joint.share > 0)).astype(np.float32)
    drawn_linear, old_linear = to_linear(drawn), to_linear(old)
    ratio = np.log((old_linear + DARK) / (drawn_linear + DARK))
    band = max(2.0, float(np.sqrt(known.sum() / max(sum(joint.share.shape), 1))))
    smooth = normalised_blur(np.clip(ratio, -MOST_LOG_RATIO, MOST_LOG_RATIO).astype(np.float32), known, band)
    field = blur(fill(smooth, 1 - known), band)
    fitted = to_srgb(((drawn_linear + DARK) * np.exp(field) - DARK).clip(0, 1).astype(np.float32))
    base = np.where(joint.is_new[..., None], fitted, old).astype(np.float32)
    mixed = _blended(base, fitted, joint.share)
    return np.where(joint.share[..., None] > 0, np.clip(mixed, 0, 1), old).astype(np.float32)


def _blended(under: RgbImage, over: RgbImage, share: Matte) -> RgbImage:
    """Mix two pictures band of detail by band, each over a width that suits it."""
    result = np.zeros_like(under)
    for level in range(LEVELS):
        coarser = blur(under, 2.0 * 2**level), blur(over, 2.0 * 2**level)
        # The finest detail changes at once: mixed, the grain of two pictures would be weaker than either.
        there = (share if level else (share > 0.5).astype(np.float32))[..., None]
        result += (under - coarser[0]) * (1 - there) + (over - coarser[1]) * there
        under, over = coarser
    rest = result + under * (1 - share[..., None]) + over * share[..., None]
    return np.asarray(rest, np.float32)
