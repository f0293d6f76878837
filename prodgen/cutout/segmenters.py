"""Segmenters by name, behind one small protocol: whatever tells a product from its background.

    auto                the best network whose weights are on this machine
    classical           no network: for a product before a plain backdrop
    u2netp              the small U-2-Net, which comes with prodgen
    isnet-general-use   and others: better networks, whose weights `prodgen weights get` fetches

Owns the names and the choice. rembg's own default model, and models that send the picture away, are
refused by name with the reason; nothing here downloads weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from prodgen.cutout.classical import ClassicalSegmenter
from prodgen.cutout.doubts import Doubt, Segmentation
from prodgen.cutout.hints import Point, Rectangle
from prodgen.cutout.networks import MODELS, RembgSegmenter, weights
from prodgen.cutout.rembg_sessions import is_installed
from prodgen.errors import SettingError, UnknownNameError
from prodgen.images import RgbImage

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


def segmenter(name: str = "auto") -> Segmenter:
    """The segmenter of that name, ready to use; slow imports wait for its first picture.

    Raises:
        UnknownNameError: If there is none of that name; it suggests the nearest.
        SettingError: If it is one that prodgen refuses.
    """
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
