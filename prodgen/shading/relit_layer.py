"""The relit product as a layer over the photographed one, with a blend mode and an opacity.

Where `field` reads what the light did and leaves the model's own pixels alone, this lays those very pixels,
or a part of what they show, over the photograph: the way of image editors. Owns how the layer is brought
onto the product; the formulas are in `blend_modes`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from prodgen.color import to_linear, to_srgb
from prodgen.images import Matte, Plane, RgbImage, resize
from prodgen.masks import normalised_blur
from prodgen.shading.blend import edge_colors
from prodgen.shading.blend_modes import MODES, over
from prodgen.shading.register import move
from prodgen.shading.smoothing import GAIN_FLOOR
from prodgen.shading.working_pair import Region, WorkingPair

DETAIL = "detail"
"""Name of the mode that parts frequencies, which no formula for a single pixel can."""

LOW_FREQUENCIES = 0.03
"""Sigma of the blur above which a frequency is low, in product extents (square root of the product's area).

Chosen: a retoucher's ten pixels on a product of 350, between the size of print and that of shading.
"""

BAND_ROWS = 512
"""Rows that are blended at a time. Speed: bounds the memory at 4096 and keeps it in the cache."""


@dataclass(frozen=True)
class RelitLayer:
    """A relit product, laid on the photographed one."""

    mode: str
    """What is taken of it: a name of `blend_modes.MODES`, or "detail"."""

    region: Region
    """Where in the frame it lies."""

    picture: Plane
    """(h, w, 3): the relit product, sRGB, at the frame's resolution; for "detail" a gain in linear light."""

    opacity: Plane
    """(n, m), 0 to 1, over the region; may be of any size."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the map of opacities."""
        return self.opacity.shape[0], self.opacity.shape[1]

    def weakened(self, share: Plane) -> RelitLayer:
        """Return the layer with its opacity times `share`, (n, m), 0 to 1: nearer to the photograph."""
        return replace(self, opacity=np.asarray(self.opacity * share, np.float32))

    def on(self, original: RgbImage, matte: Matte) -> RgbImage:
        """Return the photographed product with the layer blended in.

        Args:
            original: (H, W, 3), sRGB, [0, 1]: the photograph's own colours, at soft edges too.
            matte: (H, W), 1 = product.

        Returns:
            (H, W, 3), sRGB, [0, 1]; where matte or opacity is 0 the photograph stays to the bit.
        """
        window = self.region.pixels(*matte.shape)
        size = window[1].stop - window[1].start, window[0].stop - window[0].start
        opacity, picture = (_stretched(x, size) for x in (self.opacity, self.picture))
        result = original.copy()
        for top in range(0, size[1], BAND_ROWS):
            band = slice(top, top + BAND_ROWS)
            there, cut = original[window][band], matte[window][band]
            photo = to_linear(there)
            if self.mode == DETAIL:
                blended = np.clip(photo * picture[band], 0, 1)
            else:
                blended = MODES[self.mode](photo, to_linear(picture[band]))
            mixed = to_srgb(over(photo, blended, opacity[band]))
            changes = ((cut > 0) & (opacity[band] > 0))[..., None]
            result[window][band] = np.where(changes, mixed, there)
        return result


def _stretched(field: Plane, size: tuple[int, int]) -> Plane:
    """Bring a smooth field to so many pixels (width, height); one of that size stays to the bit."""
    if field.shape[1::-1] == size:
        return field
    return np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_LINEAR), np.float32)


def lay(pair: WorkingPair, relit: RgbImage, matte: Matte, *, mode: str, opacity: Plane) -> RelitLayer:
    """Bring the relit product onto the photographed one, as a layer.

    Args:
        pair: Both, reduced; says how the model displaced the product, which is taken back. A turn of the hues
            is not: a layer is what the model drew.
        relit: The relit picture, (h, w, 3), of any size, sRGB.
        matte: (H, W), 1 = product.
        mode: A name of `blend_modes.MODES`, or "detail".
        opacity: (n, m), 0 to 1, over the pair's region.
    """
    window = pair.region.pixels(*matte.shape)
    crop, cut = relit[pair.region.pixels(*relit.shape[:2])], matte[window]
    if mode == DETAIL:
        small = resize(crop, pair.weight.shape[1], pair.weight.shape[0])
        gain = _low_frequencies_exchanged(pair, move(to_linear(small), pair.alignment))
        return RelitLayer(mode, pair.region, gain, opacity)
    fitted = move(resize(crop, cut.shape[1], cut.shape[0]), pair.alignment)
    return RelitLayer(mode, pair.region, edge_colors(fitted, cut), opacity)


def _low_frequencies_exchanged(pair: WorkingPair, relit_linear: Plane) -> Plane:
    """(h, w, 3): the gain that gives the photograph the low frequencies of the relit picture.

    Detail is a factor in linear light, so frequencies are parted by division and not by subtraction.
    Source: the quotient image, Shashua and Riklin-Raviv, 2001.
    """
    sigma_px = LOW_FREQUENCIES * float(np.sqrt(pair.weight.sum()))
    relit, photo = (normalised_blur(x, pair.weight, sigma_px) for x in (relit_linear, pair.photo_linear))
    return np.asarray((relit + GAIN_FLOOR) / (photo + GAIN_FLOOR), np.float32)
