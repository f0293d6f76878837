"""`inspect`: is the product in a picture the product of a photograph, whatever tool made the picture?

Brings the two pictures into one framing and reports what was measured. The measurement itself and the limits
are in `prodgen.identity`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen import files, ocr
from prodgen.cutout import MatteQuality, Point, Rectangle, cut_out, left_out
from prodgen.errors import ImageError
from prodgen.identity import Comparison, Likeness, Verdict, measure, profile_limits
from prodgen.images import Matte, Plane, RgbImage, resize
from prodgen.inspecting.locating import ProductPlace, compose, find, lay, resizing, shift
from prodgen.judgement import Judgement
from prodgen.masks import bounding_box, composite

MIN_PRINT_SIDE_PX = 150
"""Longest side of the product, in pixels, below which a notice says that its print cannot be judged.

Chosen by eye: ten lines of print on 150 px leave 8 px for the height of a letter."""

CONTEXT_SHARE = 0.3
"""Margin around a product that was framed differently, as a share of its longer side; for display only."""

MAX_UNSEEN_SHARE = 0.02
"""Share of the product that may lie outside the result without a notice: rounding of the matte's edge."""

MIN_TURN_DEG = 0.5
"""Smallest turn that is mentioned, in degrees."""


@dataclass(frozen=True)
class Inspection:
    """What was measured about a product in two pictures, and what that means."""

    photo: RgbImage
    """The photograph in the common framing and size, (H, W, 3), sRGB."""
    result: RgbImage
    """The finished picture, laid on the photograph, (H, W, 3), sRGB."""
    matte: Matte
    """(H, W), 1 = product that both pictures show."""
    place: ProductPlace | None
    """Where the product lies in the result; None: it was not found."""
    comparison: Comparison | None
    """The pictures that were compared, for the heat map; None if the product was not found."""
    profile: str
    """Whose limits decide the verdict."""
    verdict: Judgement
    """The judgement of the product, and of the cut-out of the photograph that it was measured with."""
    notices: tuple[str, ...] = ()
    """What had to be guessed or left out, a sentence each."""
    names: tuple[str, str] = ("photograph", "result")
    """What the two pictures are called where they are shown: their files' names, if they came from files."""

    @property
    def identity(self) -> Likeness | None:
        """The measured numbers; None if the product was not found."""
        return self.verdict.likeness

    @property
    def passes(self) -> bool:
        """Whether the verdict is not "fail"."""
        return not self.verdict.is_failed

    @property
    def summary(self) -> str:
        """The verdict in one line: words first, the main numbers after them."""
        return self.verdict.summary

    @property
    def reasons(self) -> tuple[str, ...]:
        """What is wrong with cut-out and product, a sentence each."""
        return self.verdict.reasons()

    def page(self, path: str | Path) -> None:
        """Write an HTML page with slider, heat map and numbers; it needs no other file.

        Raises:
            ImageError: If the file cannot be written.
        """
        from prodgen.inspecting.page import page_html  # it shows inspections, so it imports this module

        files.write_bytes(Path(path), page_html(self).encode("utf-8", "replace"))

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the pixels, ready for JSON."""
        place = self.place
        return {
            "summary": self.summary,
            **self.verdict.as_dict(),
            "profile": self.profile,
            "reasons": list(self.reasons),
            "found": place is not None,
            "place": None
            if place is None
            else {
                "same_framing": place.is_same_framing,
                "scale": round(place.scale, 4),
                "turn_deg": round(place.turn_deg, 2),
                "correlation": round(place.correlation, 3),
            },
            "notices": list(self.notices),
        }

    def __repr__(self) -> str:
        return f"<Inspection: {self.summary}>"

    def _repr_html_(self) -> str:
        """Return the verdict as a notebook shows it."""
        sentences = "".join(f"<li>{escape(text)}</li>" for text in (*self.reasons, *self.notices))
        return f"<p><b>{escape(self.summary)}</b></p><ul>{sentences}</ul>"


def inspect(
    photo: files.PictureSource,
    picture: files.PictureSource,
    *,
    matte: files.PictureSource | None = None,
    profile: str = "editorial",
    segmenter: str = "auto",
    keep_alpha: bool | None = None,
    box: Rectangle | str | None = None,
    points: Sequence[Point] | str = (),
    feather_px: float = 0.0,
    refine_edge: bool = False,
) -> Inspection:
    """Measure whether the product in a picture is the product of a photograph, whatever made the picture.

        print(inspect("mug.jpg", "mug-beach.jpg").summary)

    Args:
        photo: The product as photographed: path, bytes, binary file, Pillow picture, array or `Photo`.
        picture: The finished picture, of any size and framing.
        matte: Grey picture of the photograph's size, white = product. None: the photograph's own
            transparency, or the matte that the segmenter makes.
        profile: Whose limits decide the verdict: "catalogue" or "editorial".
        segmenter: Name of the segmenter, where one is needed.
        keep_alpha: Whether the photograph's own transparency is the matte.
        box: The product's box in the photograph.
        points: Places in the photograph that are surely product or surely background.
        feather_px: How wide the matte's edge is softened, in pixels.
        refine_edge: Whether the edge of a given matte is fitted to the photograph; these five are as for
            `cutout.cut_out`.

    Raises:
        ImageError: If a picture cannot be read, or photograph and matte differ in size.
        SegmentationError: If no product is found in the photograph.
        IdentityError: If the product is too small to say anything about it.
        UnknownNameError: If there is no such profile or segmenter.
    """
    profile_limits(profile)
    after = files.load(picture)
    cut = cut_out(
        photo,
        segmenter=segmenter,
        matte=matte,
        keep_alpha=keep_alpha,
        box=box,
        points=points,
        feather_px=feather_px,
        refine_edge=refine_edge,
    )
    # The reasons of the verdict have what is wrong with the cut-out as a whole.
    judged = () if cut.quality is None else cut.quality.doubts
    notices = [*cut.photo.notices, *(str(x) for x in cut.doubts if x not in judged), *after.notices]
    result = after.rgb
    if after.matte is not None:
        result = composite(after.rgb, np.ones_like(after.rgb), after.matte)
        notices.append("the result is transparent in places; it is judged on white")
    inspection = inspect_pictures(
        cut.seen, result, cut.matte, profile=profile, quality=cut.quality, notices=tuple(notices)
    )
    names = tuple(
        Path(source).name if isinstance(source, str | os.PathLike) else name
        for source, name in zip((photo, picture), inspection.names, strict=True)
    )
    return replace(inspection, names=(names[0], names[1]))


def inspect_pictures(
    photo: RgbImage,
    result: RgbImage,
    matte: Matte,
    *,
    profile: str = "editorial",
    quality: MatteQuality | None = None,
    notices: tuple[str, ...] = (),
) -> Inspection:
    """Measure the product in two pictures that are in memory, with a matte.

    The larger picture is reduced to the product's size in the smaller: a small delivery is not blamed for
    detail that it has no pixels for. In the photograph's own framing a product that slipped or grew
    is measured where it lies. In another framing it is aligned to the photograph by its print, and
    its growth is measured against that.

    Args:
        photo: (H, W, 3), sRGB, [0, 1].
        result: (h, w, 3), sRGB, [0, 1], of any size and framing.
        matte: (H, W), 1 = product, of the photograph's size.
        profile: Whose limits are applied.
        quality: How likely the matte is right, if a segmenter found it; it is part of the verdict.
        notices: Sentences to hand on.

    Raises:
        ImageError: If photograph and matte differ in size, or the matte is empty.
        IdentityError: If the product is too small to say anything about it.
        UnknownNameError: If there is no such profile.
    """
    profile_limits(profile)
    if photo.shape[:2] != matte.shape:
        raise ImageError(f"the matte is {matte.shape[::-1]} pixels, the photograph {photo.shape[1::-1]}")
    place = find(photo, result, matte)
    if place is None:
        lost = Judgement(Verdict(profile=profile, is_product_found=False), cut_out=quality)
        return Inspection(photo, result, matte, None, None, profile, lost, notices)
    before, after, cut, beside, more = _same_framing(photo, result, matte, place)
    measured = measure(before, after, cut, reader=ocr.tesseract(), left_out=beside)
    return Inspection(
        photo=before,
        result=after,
        matte=cut,
        place=place,
        comparison=measured.comparison,
        profile=profile,
        verdict=Judgement(measured.likeness.verdict(profile), measured.likeness, quality),
        notices=(*notices, *more),
    )


def _same_framing(
    photo: RgbImage, result: RgbImage, matte: Matte, place: ProductPlace
) -> tuple[RgbImage, RgbImage, Matte, Plane, list[str]]:
    """Return both pictures, the matte and what it left out in one framing, at the smaller of the two scales.

    Last come notices.
    """
    beside = left_out(photo, matte)
    if place.is_same_framing:
        width = min(photo.shape[1], result.shape[1])
        height = max(1, round(photo.shape[0] * width / photo.shape[1]))
        before, after = resize(photo, width, height), resize(result, width, height)
        cut, notices = resize(matte, width, height), []
    else:
        beside = resize(beside, *matte.shape[::-1])
        before, after, cut, beside = _laid(photo, result, matte, beside, place)
        notices = [_about_framing(place)]
        missing = 1 - float(cut.sum()) / max(float(matte.sum()) * min(1.0, place.scale) ** 2, 1e-6)
        if missing > MAX_UNSEEN_SHARE:
            notices.append(f"{missing:.0%} of the product lies outside the result and is not judged")
    box = bounding_box(cut, threshold=0.3)
    side = max(box.width, box.height)
    if side < MIN_PRINT_SIDE_PX:
        notices.append(f"the product is only {side} pixels large in one picture: its print cannot be judged")
    return before, after, cut, beside, notices


def _laid(
    photo: RgbImage, result: RgbImage, matte: Matte, beside: Plane, place: ProductPlace
) -> tuple[RgbImage, RgbImage, Matte, Plane]:
    box = bounding_box(matte, threshold=0.02)
    pad = round(CONTEXT_SHARE * max(box.width, box.height))
    left, top = max(0, box.left - pad), max(0, box.top - pad)
    window = (slice(top, box.bottom + pad), slice(left, box.right + pad))
    crop = photo[window]
    scale = min(1.0, place.scale)
    width, height = max(8, round(crop.shape[1] * scale)), max(8, round(crop.shape[0] * scale))
    enlarging = resizing(crop.shape[1] / width, crop.shape[0] / height)
    warp = compose(place.warp, shift(left, top), enlarging)
    seen = _inside(result.shape, warp, (width, height))
    cut, beside = (resize(part[window], width, height) * seen for part in (matte, beside))
    return resize(crop, width, height), lay(result, warp, (width, height)), cut, beside


def _inside(shape: tuple[int, ...], warp: NDArray[np.float64], size: tuple[int, int]) -> Matte:
    """Return a mask that is 1 where a warp points into a picture of this shape."""
    ones = np.ones(shape[:2], np.float32)
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(ones, warp, size, flags=flags), np.float32)


def _about_framing(place: ProductPlace) -> str:
    is_turned = abs(place.turn_deg) > MIN_TURN_DEG
    turned = f", turned by {place.turn_deg:+.1f} degrees" if is_turned else ""
    return (
        f"photograph and result frame the product differently: it was found at {place.scale:.2f} times its"
        f" size{turned}; whether it grew is measured against its own print"
    )


def status_of(likeness: Likeness, name: str, profile: str) -> str:
    """Return "pass", "warn" or "fail" for one number; "not measured" or "no limit" where that is so.

    Args:
        likeness: The numbers.
        name: One of its fields.
        profile: Whose limit is applied.

    Raises:
        UnknownNameError: If there is no such profile.
    """
    limit = profile_limits(profile).get(name)
    if limit is None:
        return "no limit"
    if getattr(likeness, name) is None:
        return "not measured"
    return likeness.verdict(profile, limits={name: limit}).status


def shown_number(value: float | tuple[float, ...] | None) -> str:
    """Return a number as a person reads it; a dash for one that was not measured."""
    if value is None:
        return "–"
    if isinstance(value, tuple):
        return ", ".join(f"{part:.2f}" for part in value)
    return f"{value:.2f}"
