"""What a picture takes of the relit product: how much, in which way, and how much of it on print.

One meaning for all modes: at 0 the product is the photograph, to the bit; at 1 it is what the mode makes of
photograph and relit picture. Owns the settings and their regions; light is read and layers are laid by
`prodgen.shading`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

import cv2
import numpy as np
from pydantic import Field, field_validator

from prodgen.color import to_lab
from prodgen.errors import IdleSettingError, WrongValueError
from prodgen.identity.detail import WIDEST_STROKE, find_print
from prodgen.images import Matte, RgbImage, resize
from prodgen.masks import blur
from prodgen.refusals import CheckedValue
from prodgen.shading import LightField, RelitLayer, WorkingPair, apply, lay, read_field
from prodgen.shading.working_pair import INSIDE, Region

PRINT, BODY = "print", "body"
"""The regions of a product that can be blended apart: what is printed on it, and all the rest."""

PRINT_SIDE_PX = 760
"""Longest side of the product while its print is sought. Chosen as `measure.MEASURED_SIDE_PX`."""


class Blending(CheckedValue):
    """How photograph and relit picture are blended on the product; the defaults take all of the light."""

    blend: float = Field(default=1.0, ge=0, le=1)
    """How far the product goes from the photograph (0, to the bit) to what the mode makes of it (1)."""

    blend_mode: Literal["light", "color", "luminosity", "alpha", "detail"] = "light"
    """What is taken of the relit picture: its light alone (the photograph's own pixels in it), its hue and
    saturation, its luminance, its pixels as they are, or all of them but their fine detail."""

    blend_regions: str | None = None
    """Other values of `blend` by region, such as "print=0.4,body=1"; a region not named takes `blend`."""

    ambience: float = Field(default=1.0, ge=0, le=1)
    """How much of the light's colour cast is taken, in mode light."""

    @field_validator("blend_regions")
    @classmethod
    def _is_readable(cls, value: str | None) -> str | None:
        if value is not None:
            read_regions(value)
        return value

    def check(self) -> None:
        """Refuse what would be without effect: a cast where no light is read, a whole without a place."""
        if self.blend_mode != "light" and self.ambience != 1:
            raise IdleSettingError(
                ["ambience"], f"blend_mode {self.blend_mode} reads no light whose cast could be weakened"
            )
        if self.blend != 1 and len(self.amounts_named) == 2:
            raise IdleSettingError(["blend"], "blend_regions says how much for every region")

    @property
    def amounts_named(self) -> Mapping[str, float]:
        """The regions that have a value of their own, and which."""
        return {} if self.blend_regions is None else read_regions(self.blend_regions)

    @property
    def is_by_region(self) -> bool:
        """Whether print is blended otherwise than the rest."""
        return len({self.amounts_named.get(name, self.blend) for name in (PRINT, BODY)}) > 1

    @property
    def takes_pixels(self) -> bool:
        """Whether pixels that a model drew may come into the product, and not their light alone."""
        return self.blend_mode != "light"

    def light_of(self, taken: LightField | RelitLayer, pair: WorkingPair) -> LightField:
        """Return the light that the result's is compared with: `taken`, or all the light there is."""
        is_whole = isinstance(taken, LightField) and taken.strength > 0 and not self.is_by_region
        return taken if isinstance(taken, LightField) and is_whole else read_field(pair)

    def of(self, pair: WorkingPair, original: RgbImage, relit: RgbImage, matte: Matte) -> Blended:
        """Read from a relit picture what is to be taken of it.

        Args:
            pair: Photograph and relit picture, reduced.
            original: The photograph, (H, W, 3), sRGB, [0, 1].
            relit: The same framing in new light, (h, w, 3), of any size.
            matte: (H, W), 1 = product.
        """
        amounts, notice = self.amounts_named, None
        body = amounts.get(BODY, self.blend)
        opacity = np.full(pair.weight.shape, body, np.float32)
        if self.is_by_region:
            printed = print_region(original, matte, pair.region)
            notice = None if printed.any() else NO_PRINT
            opacity = np.asarray(body + (amounts.get(PRINT, self.blend) - body) * printed, np.float32)
        if self.takes_pixels:
            return Blended(lay(pair, relit, matte, mode=self.blend_mode, opacity=opacity), notice)
        if not self.is_by_region:
            return Blended(read_field(pair, strength=body, ambience=self.ambience), notice)
        return Blended(read_field(pair, ambience=self.ambience).weakened(opacity), notice)


class Blended(NamedTuple):
    """What is taken of a relit picture, ready to be put on the photograph."""

    taken: LightField | RelitLayer
    notice: str | None = None
    """What has to be told; None if nothing has."""


NO_PRINT = "blend_regions: no print was found on the product, so all of it is blended as body"
"""Notice where print was to be blended apart and the product carries none."""


def product_with(taken: LightField | RelitLayer, original: RgbImage, matte: Matte) -> RgbImage:
    """Return the photographed product with what was taken of the relit picture.

    Args:
        taken: A light or a layer.
        original: (H, W, 3), sRGB, [0, 1]: the photograph, or the product's own colours.
        matte: (H, W), 1 = product; where it is 0 the photograph stays to the bit.
    """
    return taken.on(original, matte) if isinstance(taken, RelitLayer) else apply(original, taken, matte)


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
    strokes = find_print(to_lab(resize(original[window], *size))[..., 0], inside)
    reach = max(1, round(WIDEST_STROKE * float(np.sqrt(inside.sum()))))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    # Grown by more than it is blurred, so that the strokes themselves are wholly in it.
    whole = cv2.dilate(cv2.morphologyEx(strokes, cv2.MORPH_CLOSE, disc), disc)
    return np.asarray(blur(np.asarray(whole, np.float32), reach / 3), np.float32)
