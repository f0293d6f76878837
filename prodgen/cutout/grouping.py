"""Several products in one picture: each cut out of its own photograph, side by side on one ground line.

The picture of a group is transparent around the products. It is a photograph like any other: shot, it stands
in one scene, in one light, and is measured as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from prodgen import files
from prodgen.cutout.cutting import CutOut, cut_out
from prodgen.cutout.segmenters import Segmenter
from prodgen.errors import ImageError, WrongValueError
from prodgen.images import Matte, RgbImage, resize
from prodgen.masks import bounding_box

MOST_PRODUCTS = 12
"""Products of one group at most. Guard: a picture of more would be a shelf."""

LEAST_GAP, MOST_GAP = -0.5, 2.0
"""Space between two products, as a share of the mean width: below 0 they overlap. Guard."""

USUAL_GAP = 0.08
"""Space between two products if none is asked for, as a share of the mean width. Chosen by eye."""

LEAST_HEIGHT = 0.02
"""Least height of a product over that of the tallest. Guard."""

MOST_SIDE_PX = 16384
"""Longest side of a group's picture. Guard."""

FAINTEST = 1 / 255
"""Matte above which a pixel is taken along. By definition: the least step of a file's alpha."""


@dataclass(frozen=True, eq=False)
class ProductGroup:
    """Products side by side. Their picture is transparent around them."""

    picture: RgbImage
    """(H, W, 3), sRGB, [0, 1]; grey where no product is."""
    matte: Matte
    """(H, W), 1 = product."""
    products: tuple[CutOut, ...]
    """The cut-outs that it is made of, from left to right."""
    scales: tuple[float, ...]
    """Pixels of the group for one of each photograph: never above 1, so nothing is enlarged."""

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know of each cut-out, with the number of its product."""
        many = enumerate(self.products, start=1)
        return tuple(f"product {number}: {notice}" for number, cut in many for notice in cut.notices)

    def save(self, path: str | Path) -> None:
        """Write the products on transparency; the ending decides between PNG, WebP and TIFF.

        Raises:
            ImageError: If the format has no transparency, or the file cannot be written.
        """
        if files.format_of(Path(path)) == "JPEG":
            raise ImageError(f"{Path(path).name!r}: a JPEG has no transparency; save the group as PNG")
        files.save(path, self.picture, matte=self.matte)


def group(
    photos: Sequence[files.PictureSource],
    *,
    heights: Sequence[float] | str | None = None,
    gap: float = USUAL_GAP,
    segmenter: str | Segmenter = "auto",
) -> ProductGroup:
    """Put several products side by side, each from its own photograph.

        group(["mug.jpg", "jar.jpg"], heights="9,12").save("set.png")

    Args:
        photos: The photographs, from left to right.
        heights: How tall the products are, in any one unit, or as words ("9,12"); None: as many pixels as
            they were photographed with.
        gap: Space between two products, as a share of their mean width; below 0 the left one stands in front.
        segmenter: What cuts them out; a photograph's own transparency is kept.

    Raises:
        ImageError: If a picture cannot be read.
        SegmentationError: If no product is found in one.
        WrongValueError: If there are too few or too many photographs, or a height or the gap is out of range.
    """
    if not 2 <= len(photos) <= MOST_PRODUCTS:
        raise WrongValueError("photos", len(photos), f"must be 2 to {MOST_PRODUCTS}")
    wanted = None if heights is None else read_heights(heights, len(photos))
    if not LEAST_GAP <= gap <= MOST_GAP:
        raise WrongValueError("gap", gap, f"must be from {LEAST_GAP} to {MOST_GAP}")
    cuts = tuple(cut_out(photo, segmenter=segmenter) for photo in photos)
    pieces = [_cropped(cut) for cut in cuts]
    scales = np.ones(len(pieces))
    if wanted is not None:
        scales = np.array(wanted) / [matte.shape[0] for _colours, matte in pieces]
        scales = scales / scales.max()
    picture, matte = _side_by_side(
        [_scaled(*piece, scale) for piece, scale in zip(pieces, scales, strict=True)], gap
    )
    return ProductGroup(picture, matte, cuts, tuple(float(scale) for scale in scales))


def read_heights(heights: Sequence[float] | str, number: int | None = None) -> tuple[float, ...]:
    """Return heights from numbers or words such as "9,12".

    Args:
        heights: Numbers above 0, in any one unit.
        number: How many there must be; None: any.

    Raises:
        WrongValueError: If one is no number above 0, one is tiny beside another, or their number is wrong.
    """
    parts = heights.split(",") if isinstance(heights, str) else list(heights)
    try:
        read = tuple(float(part) for part in parts)
    except ValueError:
        read = ()
    if not read or not all(np.isfinite(read)) or min(read) <= 0:
        raise WrongValueError("heights", str(heights), "must be numbers above 0, such as 9,12")
    if number is not None and len(read) != number:
        raise WrongValueError("heights", str(heights), f"must be {number} numbers, one for each photograph")
    if min(read) < LEAST_HEIGHT * max(read):
        raise WrongValueError(
            "heights", str(heights), f"must not differ by more than {1 / LEAST_HEIGHT:.0f} times"
        )
    return read


def _cropped(cut: CutOut) -> tuple[RgbImage, Matte]:
    """Return the product's own colours and matte, cut to its box."""
    box = bounding_box(cut.matte, threshold=FAINTEST)
    window = (slice(box.top, box.bottom), slice(box.left, box.right))
    return cut.foreground[window], cut.matte[window]


def _scaled(colours: RgbImage, matte: Matte, scale: float) -> tuple[RgbImage, Matte]:
    """Return a piece made smaller; colours are weighed by the matte, so that none bleeds in from outside."""
    size = max(1, round(matte.shape[1] * scale)), max(1, round(matte.shape[0] * scale))
    if size == (matte.shape[1], matte.shape[0]):
        return colours, matte
    small = np.asarray(cv2.resize(matte, size, interpolation=cv2.INTER_AREA), np.float32)
    weighed = resize(np.ascontiguousarray(colours * matte[..., None], dtype=np.float32), *size)
    return np.clip(weighed / np.maximum(small, FAINTEST)[..., None], 0, 1).astype(np.float32), small


def _side_by_side(pieces: Sequence[tuple[RgbImage, Matte]], gap: float) -> tuple[RgbImage, Matte]:
    """Return the pieces on one ground line; where two overlap the left one is in front."""
    widths = [matte.shape[1] for _colours, matte in pieces]
    space = round(gap * sum(widths) / len(widths))
    lefts = np.cumsum([0, *(max(width + space, 1) for width in widths[:-1])])
    tall = max(matte.shape[0] for _colours, matte in pieces)
    wide = max(int(left) + width for left, width in zip(lefts, widths, strict=True))
    rim = max(round(0.04 * max(tall, wide)), 1)
    if max(tall, wide) + 2 * rim > MOST_SIDE_PX:
        raise ImageError(
            f"the group would be {wide}x{tall} pixels; {MOST_SIDE_PX} a side is the most;"
            " take smaller photographs"
        )
    picture = np.full((tall + 2 * rim, wide + 2 * rim, 3), 0.5, np.float32)
    matte = np.zeros(picture.shape[:2], np.float32)
    for (colours, own), left in zip(reversed(pieces), reversed(lefts), strict=True):
        top = rim + tall - own.shape[0]
        window = (slice(top, top + own.shape[0]), slice(rim + int(left), rim + int(left) + own.shape[1]))
        behind = matte[window] * (1 - own)
        both = own + behind
        weight = own[..., None] * colours + behind[..., None] * picture[window]
        picture[window] = np.where(both[..., None] > 0, weight / np.maximum(both, FAINTEST)[..., None], 0.5)
        matte[window] = both
    return np.clip(picture, 0, 1), matte
