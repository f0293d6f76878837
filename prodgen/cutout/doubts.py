"""Whether a matte can be used, and what is doubtful about a usable one.

Doubts are facts. Whoever shows them to a person prints them: `str()` puts one into a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen import color
from prodgen.cutout.matting import require_same_size, resized
from prodgen.errors import SegmentationError
from prodgen.images import Matte, RgbImage

SMALLEST_SHARE = 0.0005
"""A product below this share of the picture is taken for dust: nothing can be shown of it. Guard."""

LARGEST_SHARE = 0.98
"""Above this there is no background left, which is what failed segmentation looks like. Guard."""

SMALL_SHARE = 0.01
"""Below this the product is usable, but so small that the user should know. Chosen."""

SOFT_SHARE = 0.3
"""Above this share of half-sure pixels, of the product's area, the segmenter has been guessing. Chosen."""

WIDE_SHARE = 0.9
"""Above this a matte is more likely wrong than a product so large: a palette's one transparent colour.
Chosen."""

OUTLINE_PX = 512
"""Longest side at which the outline is compared with the photograph's edges. Speed."""

FAINT_EDGE = 0.8
"""L*a*b* units per pixel at that size, below which the photograph shows no edge. Chosen."""

UNSEEN_SHARE, UNSEEN_RAGGED_SHARE, RAGGED = 0.4, 0.15, 0.28
"""Shares of the outline without an edge from which it is doubted: any, and one that is ragged there by more
than so many pixels.
Measured: four products with true mattes have up to 0.25 (a white lid before white, smooth); cut out with
their shadows they have 0.24 to 0.86, ragged by 0.30 to 0.71."""

REMEDY = "name another --segmenter, draw a --box around the product, or give your own cut-out with --matte"
"""What to try when segmentation fails."""

Side = Literal["left", "top", "right", "bottom"]

DoubtKind = Literal[
    "no network installed",
    "no weights on disk",
    "busy backdrop",
    "tiny product",
    "hardly any background",
    "half-sure matte",
    "cut off",
    "outline without edges",
]
"""What can be doubtful; `Doubt` says what its numbers mean for each."""


@dataclass(frozen=True)
class Doubt:
    """Something about a cut-out that the user should know; `str()` is the sentence for a person."""

    kind: DoubtKind
    share: float = 0.0
    """Tiny product, hardly any background: the product's share of the photo. Half-sure matte: of
    all that is not surely background. Outline without edges: of the outline."""
    sides: tuple[Side, ...] = ()
    """Cut off: where the product touches the photo's border."""

    @property
    def spans_the_photo(self) -> bool:
        """Whether the product goes from border to border, which a backdrop taken for product does."""
        return {"left", "right"} <= set(self.sides) or {"top", "bottom"} <= set(self.sides)

    def __str__(self) -> str:
        match self.kind:
            case "no network installed":
                return (
                    "cut out by the classical segmenter, which is made for plain backdrops; a trained network"
                    " does better: pip install 'prodgen[rembg]', then --segmenter isnet-general-use"
                )
            case "no weights on disk":
                return (
                    "cut out by the classical segmenter, because rembg is installed but has no weights on"
                    " disk yet; a trained network does better: --segmenter isnet-general-use downloads its"
                    " weights once (180 MB)"
                )
            case "busy backdrop":
                return f"the backdrop is not plain, so the classical cut-out is a guess; {REMEDY}"
            case "tiny product":
                return f"the product fills only {self.share:.1%} of the photo; crop the photo to it"
            case "hardly any background":
                return (
                    f"{self.share:.0%} of the photo is taken for product: check the cut-out;"
                    f" if wrong, {REMEDY}"
                )
            case "half-sure matte":
                return f"{self.share:.0%} of the matte is half-sure; look at it, or {REMEDY}"
            case "cut off":
                words = f"the product touches the photo's {' and '.join(self.sides)} and is cut off there"
                if self.spans_the_photo:
                    words += f"; if it is whole, the backdrop was taken for it: {REMEDY}"
                return words
            case "outline without edges":
                return (
                    f"{self.share:.0%} of the outline is not seen in the photograph: check the cut-out;"
                    f" if wrong, {REMEDY}"
                )


class Segmentation(NamedTuple):
    """What a segmenter found."""

    matte: Matte
    """(H, W), 1 = product, soft at the edge, at the photograph's own resolution."""
    doubts: tuple[Doubt, ...] = ()
    """What the segmenter knows to be doubtful about its own work."""


def check_matte(matte: Matte, rgb: RgbImage) -> list[Doubt]:
    """Refuse a useless matte, whoever made it, and tell what is doubtful about a usable one.

    Args:
        matte: (H, W), 1 = product.
        rgb: (H, W, 3), the photograph that it belongs to.

    Returns:
        Doubts, none for a sound matte.

    Raises:
        ImageError: If the sizes differ.
        SegmentationError: If the matte is empty or full.
    """
    require_same_size(matte, rgb)
    share = float(matte.mean())
    if share < SMALLEST_SHARE or float(matte.max()) < 0.5:
        raise SegmentationError(f"no product was found: the matte is empty; {REMEDY}")
    if share > LARGEST_SHARE:
        raise SegmentationError(f"no background was found: the matte is full; {REMEDY}")
    doubts = []
    if share < SMALL_SHARE:
        doubts.append(Doubt("tiny product", share))
    if share > WIDE_SHARE:
        doubts.append(Doubt("hardly any background", share))
    soft = float(((matte > 0.06) & (matte < 0.94)).mean())
    if soft > SOFT_SHARE * share:
        doubts.append(Doubt("half-sure matte", soft / float((matte > 0.06).mean())))
    borders: dict[Side, Matte] = {
        "left": matte[:, 0],
        "top": matte[0],
        "right": matte[:, -1],
        "bottom": matte[-1],
    }
    touched = tuple(side for side, line in borders.items() if float((line > 0.5).mean()) > 0.02)
    if touched:
        doubts.append(Doubt("cut off", sides=touched))
    return doubts


def check_outline(matte: Matte, rgb: RgbImage) -> list[Doubt]:
    """Tell when a large part of a found outline lies where the photograph shows no edge.

    That is what it looks like when a shadow or a piece of the backdrop was taken for product. It says
    nothing of a matte that a person made: retouched transparent pictures have no backdrop to compare with.

    Args:
        matte: (H, W), 1 = product, as a segmenter found it.
        rgb: (H, W, 3), sRGB, the photograph.

    Returns:
        Doubts, none for an outline that is seen.

    Raises:
        ImageError: If the sizes differ.
    """
    require_same_size(matte, rgb)
    scale = min(1.0, OUTLINE_PX / max(matte.shape))
    size = (max(16, round(matte.shape[1] * scale)), max(16, round(matte.shape[0] * scale)))
    solid = (resized(matte, size) > 0.5).astype(np.uint8)
    side = np.ones((3, 3), np.uint8)
    rim = (solid > 0) & (cv2.erode(solid, side) == 0)
    rim[[0, -1]] = rim[:, [0, -1]] = False
    unseen = rim & (_edge_strength(resized(rgb, size)) < FAINT_EDGE)
    if not unseen.any():
        return []
    share = float(unseen.sum() / rim.sum())
    smooth = cv2.GaussianBlur(solid.astype(np.float32), (0, 0), 4) > 0.5
    near = cv2.dilate(unseen.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    ragged = float(((smooth != (solid > 0)) & near).sum() / unseen.sum())
    is_doubtful = share >= UNSEEN_SHARE or (share > UNSEEN_RAGGED_SHARE and ragged > RAGGED)
    return [Doubt("outline without edges", share)] if is_doubtful else []


def _edge_strength(rgb: RgbImage) -> NDArray[np.float32]:
    """The strongest step within two pixels, L*a*b* units per pixel, (H, W)."""
    lab = cv2.GaussianBlur(color.to_lab(rgb), (0, 0), 1.0)
    x, y = (cv2.Sobel(lab, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1)))
    strength = np.sqrt((x * x + y * y).sum(axis=2))
    return np.asarray(cv2.dilate(strength, np.ones((5, 5), np.uint8)), np.float32)
