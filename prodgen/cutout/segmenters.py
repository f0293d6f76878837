"""Segmenters by name, behind one small protocol: whatever tells a product from its background.

    auto                the best network whose weights are on this machine
    classical           no network: for a product before a plain backdrop
    u2netp              the small U-2-Net, which comes with prodgen
    isnet-general-use   and others: better networks, whose weights `prodgen weights get` fetches
    u2netp+classical    several: where they differ, who is surer wins

Owns the names and the choice. rembg's own default model, and models that send the picture away, are
refused by name with the reason; nothing here downloads weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from prodgen.cutout.classical import ClassicalSegmenter
from prodgen.cutout.doubts import Doubt, Segmentation
from prodgen.cutout.hints import Point, Rectangle
from prodgen.cutout.networks import MODELS, RembgSegmenter, weights
from prodgen.cutout.rembg_sessions import is_installed
from prodgen.errors import SettingError, UnknownNameError
from prodgen.images import RgbImage, resize

AUTO_ORDER = (
    "isnet-general-use",
    "birefnet-general",
    "birefnet-general-lite",
    "u2net",
    "u2netp",
)
"""What `auto` takes, the first whose weights are here; u2netp's always are."""

NAMES = ("auto", "classical", *MODELS)
"""Every name that `segmenter` knows."""

UNDECIDED = 0.1
"""Width of the range of mean probabilities about a half in which two segmenters that differ leave the matte
soft, so that it has no steps. Chosen."""

REFUSED = {
    "bria-rmbg": "its weights are not free for commercial use without an agreement with BRIA",
    "withoutbg": "it sends the photo to a paid service; prodgen cuts out on this machine only",
    "atlascloud": "it sends the photo to a paid service; prodgen cuts out on this machine only",
}
"""Models of rembg that prodgen does not run, and why."""


class Segmenter(Protocol):
    """Whatever can tell the product from its background."""

    @property
    def name(self) -> str:
        """The name of what really runs: never `auto`."""

    def segment(
        self, rgb: RgbImage, *, box: Rectangle | None = None, points: Sequence[Point] = ()
    ) -> Segmentation:
        """Find the product.

        Args:
            rgb: (H, W, 3), sRGB, [0, 1].
            box: Where the product is; nothing outside it can be product.
            points: Places that are surely product or surely background.

        Raises:
            SegmentationError: If the segmenter cannot run, or finds nothing.
            SettingError: If the box or the points cannot be used.
        """


class CombinedSegmenter:
    """Several segmenters as one: where they differ, the mean of what they answered decides.

    Above a half the matte is the largest of theirs there, below it the smallest. What a segmenter answered is
    its first look at the photograph, a probability, or else its matte; so who is sure outvotes who is not.
    Measured on 95 rendered products: the mean of u2netp and ISNet has an IoU of 0.872, their union 0.837.
    """

    def __init__(self, parts: Sequence[Segmenter]) -> None:
        self.parts = tuple(parts)

    @property
    def name(self) -> str:
        """The names of what really runs, joined by "+"."""
        return "+".join(part.name for part in self.parts)

    def segment(
        self, rgb: RgbImage, *, box: Rectangle | None = None, points: Sequence[Point] = ()
    ) -> Segmentation:
        """Find the product; see `Segmenter`.

        Raises:
            SegmentationError: If one of them cannot run, or finds nothing.
            SettingError: If the box or the points cannot be used.
        """
        found = [part.segment(rgb, box=box, points=points) for part in self.parts]
        mattes = [one.matte for one in found]
        size = (rgb.shape[1], rgb.shape[0])
        answers = [resize(one.looks[0] if one.looks else one.matte, *size) for one in found]
        says_product = np.clip((sum(answers) / len(answers) - 0.5) / UNDECIDED + 0.5, 0, 1)
        least, most = np.minimum.reduce(mattes), np.maximum.reduce(mattes)
        doubts = tuple(dict.fromkeys(doubt for one in found for doubt in one.doubts))
        looks = (*(look for one in found for look in one.looks), *mattes)
        return Segmentation(least + (most - least) * says_product, doubts, looks)


def segmenter(name: str = "auto") -> Segmenter:
    """The segmenter of that name, ready to use; slow imports wait for its first picture.

    Raises:
        UnknownNameError: If there is none of that name; it suggests the nearest.
        SettingError: If it is one that prodgen refuses.
    """
    if "+" in name:
        parts = {part.name: part for part in map(segmenter, map(str.strip, name.split("+")))}
        return CombinedSegmenter(list(parts.values())) if len(parts) > 1 else next(iter(parts.values()))
    if name in REFUSED:
        raise SettingError(
            f"segmenter {name!r} is refused: {REFUSED[name]}; use 'isnet-general-use' or 'birefnet-general'"
        )
    if name == "auto":
        return _best_here()
    if name == "classical":
        return ClassicalSegmenter()
    if name in MODELS:
        return RembgSegmenter(name)
    raise UnknownNameError("segmenter", name, NAMES)


def available() -> tuple[str, ...]:
    """The names that would run now; looks at the disk only."""
    local = [name for name in MODELS if weights(name)] if is_installed() else []
    return ("auto", "classical", *local)


def _best_here() -> Segmenter:
    if not is_installed():
        return ClassicalSegmenter(doubts=(Doubt("no network installed"),))
    return RembgSegmenter(next(name for name in AUTO_ORDER if weights(name)))
