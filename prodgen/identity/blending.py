"""What a picture takes of the relit product: how much, in which way, and how much of it on print.

One meaning for all modes: at 0 the product is the photograph, to the bit; at 1 it is what the mode makes of
photograph and relit picture. Owns the settings; light is read and layers are laid by `prodgen.shading`, and
regions are joined in `blended_regions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field, field_validator

from prodgen.errors import IdleSettingError
from prodgen.identity.blended_regions import BODY, PRINT, BlendedRegions, Taken, print_region, read_regions
from prodgen.images import Matte, RgbImage
from prodgen.refusals import CheckedValue
from prodgen.shading import LightField, WorkingPair, lay, read_field


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
    def takes_pixels(self) -> bool:
        """Whether pixels that a model drew may come into the product, and not their light alone."""
        return self.blend_mode != "light"

    @property
    def lights_anew(self) -> bool:
        """Whether the scene's light comes onto the product; hue and saturation alone light nothing."""
        return self.blend_mode != "color"

    def light_of(self, taken: Taken | BlendedRegions, pair: WorkingPair) -> LightField | None:
        """Return the light that the result's is compared with: `taken`, all there is, or None for none."""
        if not self.lights_anew:
            return None
        is_light = isinstance(taken, LightField) and taken.strength > 0
        return taken if isinstance(taken, LightField) and is_light else read_field(pair)

    def of(self, pair: WorkingPair, original: RgbImage, relit: RgbImage, matte: Matte) -> Blended:
        """Read from a relit picture what is to be taken of it.

        Args:
            pair: Photograph and relit picture, reduced.
            original: The photograph, (H, W, 3), sRGB, [0, 1].
            relit: The same framing in new light, (h, w, 3), of any size.
            matte: (H, W), 1 = product.
        """
        body, printed = (self.amounts_named.get(name, self.blend) for name in (BODY, PRINT))

        def taken(amount: float) -> Taken:
            if not self.takes_pixels:
                return read_field(pair, strength=amount, ambience=self.ambience)
            opacity = np.full(pair.weight.shape, amount, np.float32)
            return lay(pair, relit, matte, mode=self.blend_mode, opacity=opacity)

        if body == printed:
            return Blended(taken(body))
        share = print_region(original, matte, pair.region)
        if not share.any():
            return Blended(taken(body), NO_PRINT)
        return Blended(BlendedRegions(taken(body), taken(printed), pair.region, share))


class Blended(NamedTuple):
    """What is taken of a relit picture, ready to be put on the photograph."""

    taken: Taken | BlendedRegions
    notice: str | None = None
    """What has to be told; None if nothing has."""


NO_PRINT = "blend_regions: no print was found on the product, so all of it is blended as body"
"""Notice where print was to be blended apart and the product carries none."""
