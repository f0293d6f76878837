"""A product whose print is blended otherwise than the rest, and where its print is.

Each region is blended by an amount of its own. What lies nearer to the photograph would shine in a dark
scene, or be a hole in a bright one; so print takes the brightness that the body has around it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import cv2
import numpy as np

from prodgen.color import LUMA, to_lab, to_linear, to_srgb
from prodgen.errors import WrongValueError
from prodgen.identity.detail import WIDEST_STROKE
from prodgen.identity.written import find_writing
from prodgen.images import Matte, Plane, RgbImage, resize
from prodgen.masks import blur, normalised_blur
from prodgen.shading import LightField, RelitLayer, apply
from prodgen.shading.working_pair import INSIDE, Region

PRINT, BODY = "print", "body"
"""The regions of a product that can be blended apart: what is printed on it, and all the rest."""

PRINT_SIDE_PX = 760
"""Longest side of the product while its print is sought. Chosen as `measure.MEASURED_SIDE_PX`."""

BRIGHTNESS_SCALE = 0.03
"""Sigma of the brightness that print takes over, in product extents. Chosen as `field.COLOR_SCALE`."""

DARKEST = 0.004
"""Linear light added before dividing. Chosen as `smoothing.GAIN_FLOOR`: half of the darkest printed black."""

LEAST_SHARE = 0.5 / 255
"""Share of print below which a place is body. By definition: half a step of 8 bit."""

Taken = LightField | RelitLayer
"""What the whole of a product takes of a relit picture: its light, or its pixels as a layer."""


@dataclass(frozen=True)
class BlendedRegions:
    """What a product takes of a relit picture, its print and its body each by an amount of their own."""

    body: Taken
    printed: Taken
    region: Region
    """Where in the frame the product is."""
    print_share: Matte
    """(n, m), 0 to 1, over the region: where print is, softly."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the finer of both maps."""
        return max(self.body.shape, self.printed.shape)

    def weakened(self, share: Plane) -> BlendedRegions:
        """Return what takes only `share` as much, (h, w), 0 to 1, in both regions."""
        return replace(self, body=self.body.weakened(share), printed=self.printed.weakened(share))

    def on(self, original: RgbImage, matte: Matte) -> RgbImage:
        """Return the photographed product with both regions blended, print in the brightness of the body.

        Args:
            original: (H, W, 3), sRGB, [0, 1]: the photograph's own colours, at soft edges too.
            matte: (H, W), 1 = product.

        Returns:
            (H, W, 3), sRGB, [0, 1]; without print around, what the body takes, to the bit.
        """
        body, printed = (product_with(taken, original, matte) for taken in (self.body, self.printed))
        window = self.region.pixels(*matte.shape)
        there, other = body[window], printed[window]
        size = there.shape[1], there.shape[0]
        share = np.asarray(cv2.resize(self.print_share, size, interpolation=cv2.INTER_LINEAR), np.float32)
        lit = to_linear(other) * self._brightness(there, other, matte[window])[..., None]
        below = to_linear(there)
        mixed = to_srgb(below + share[..., None] * (lit - below))
        changes = (share > 0) & (matte[window] > 0) & (lit != below).any(axis=-1)
        body[window] = np.where(changes[..., None], mixed, there)
        return body

    def _brightness(self, body: RgbImage, printed: RgbImage, matte: Matte) -> Plane:
        """(h, w), the factor that gives print the body's smooth luminance; worked out at a reduced size."""
        size = self.print_share.shape[1], self.print_share.shape[0]
        weight = (resize(matte, *size) > INSIDE).astype(np.float32)
        sigma_px = BRIGHTNESS_SCALE * float(np.sqrt(weight.sum()))
        wanted, given = (
            normalised_blur(np.asarray(to_linear(resize(x, *size)) @ LUMA, np.float32), weight, sigma_px)
            for x in (body, printed)
        )
        factor = (wanted + np.float32(DARKEST)) / (given + np.float32(DARKEST))
        return np.asarray(cv2.resize(factor, matte.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def product_with(taken: Taken | BlendedRegions, original: RgbImage, matte: Matte) -> RgbImage:
    """Return the photographed product with what was taken of the relit picture.

    Args:
        taken: A light, a layer, or both regions of the product.
        original: (H, W, 3), sRGB, [0, 1]: the photograph, or the product's own colours.
        matte: (H, W), 1 = product; where it is 0 the photograph stays to the bit.
    """
    return apply(original, taken, matte) if isinstance(taken, LightField) else taken.on(original, matte)


def read_regions(text: str) -> dict[str, float]:
    """Return how much is blended in each region that a text names.

    Args:
        text: Such as "print=0.4,body=1": print, body or both, each with a number from 0 to 1.

    Raises:
        WrongValueError: If it cannot be read.
    """
    found: dict[str, float] = {}
    for part in text.lower().replace(" ", "").split(","):
        match = re.fullmatch(rf"({PRINT}|{BODY})=([0-9]*\.?[0-9]+)", part)
        if match is None or match[1] in found or float(match[2]) > 1:
            raise WrongValueError(
                "blend_regions",
                text,
                "must be like print=0.4,body=1: a region each, with a number from 0 to 1",
            )
        found[match[1]] = float(match[2])
    return found


def print_region(original: RgbImage, matte: Matte, region: Region) -> Matte:
    """Where the product carries print, with the ground between its strokes, softly.

    Args:
        original: The photograph, (H, W, 3), sRGB, [0, 1].
        matte: (H, W), 1 = product.
        region: The part of the frame that holds the product.

    Returns:
        (n, m), 0 to 1, over the region; all 0 without print.
    """
    window = region.pixels(*matte.shape)
    cut = matte[window]
    scale = min(1.0, PRINT_SIDE_PX / max(cut.shape))
    size = max(8, round(cut.shape[1] * scale)), max(8, round(cut.shape[0] * scale))
    inside = (resize(cut, *size) > INSIDE).astype(np.float32)
    strokes = find_writing(to_lab(resize(original[window], *size))[..., 0], inside)
    reach = max(1, round(WIDEST_STROKE * float(np.sqrt(inside.sum()))))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    # Grown by more than it is blurred, so that the strokes themselves are wholly in it.
    whole = cv2.dilate(cv2.morphologyEx(strokes, cv2.MORPH_CLOSE, disc), disc)
    soft = np.clip(blur(np.asarray(whole, np.float32), reach / 3), 0, 1)
    # What a blur leaves far away would change pixels that are no print.
    return np.where(soft < LEAST_SHARE, 0, soft).astype(np.float32)
