"""Judge any two pictures of a product: the photograph, and what someone made of it with whatever tool.

Owns bringing the two into one framing and the account of what was found. What is measured, and
where the limits are, is `prodgen.identity`'s business.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen import files, ocr
from prodgen.cutout import cut_out
from prodgen.errors import ImageError
from prodgen.identity import Comparison, Likeness, Verdict, measure, profile_limits, reasons
from prodgen.images import Matte, RgbImage, resize
from prodgen.inspecting.locating import Place, compose, find, lay, resizing, shift
from prodgen.masks import bounding_box, composite

SMALLEST_SIDE_PX = 150
"""Longest side of the product below which small print cannot be read, so not be judged either."""

SURROUNDINGS = 0.3
"""Of the product's longer side: what is shown around a product that was framed differently."""


@dataclass(frozen=True)
class Inspection:
    """What was found about a product in two pictures."""

    photo: RgbImage
    """(H, W, 3), sRGB, in the common framing and size."""
    result: RgbImage
    """(H, W, 3), sRGB, laid on the photograph."""
    matte: Matte
    """(H, W), 1 = product that both pictures show."""
    place: Place | None
    """Where the product lies in the result; None: it could not be found."""
    identity: Likeness | None
    """The numbers; None if the product could not be found."""
    comparison: Comparison | None
    verdict: Verdict
    notices: tuple[str, ...] = ()
    """What had to be guessed or left out, a sentence each."""

    @property
    def passes(self) -> bool:
        """Whether the verdict is not "fail"."""
        return self.verdict.status != "fail"

    def as_dict(self) -> dict[str, Any]:
        """Everything but the pixels, ready for JSON."""
        place = self.place
        return {
            "verdict": self.verdict.status,
            "profile": self.verdict.profile,
            "reasons": list(reasons(self.verdict)),
            "found": place is not None,
            "place": None
            if place is None
            else {
                "same_framing": place.is_same_framing,
                "scale": round(place.scale, 4),
                "turn_deg": round(place.turn_deg, 2),
                "correlation": round(place.correlation, 3),
            },
            "identity": None if self.identity is None else self.identity.model_dump(mode="json"),
            "notices": list(self.notices),
        }


def inspect_files(
    photo: str | Path,
    result: str | Path,
    *,
    matte: str | Path | None = None,
    profile: str = "editorial",
    model: str = "auto",
) -> Inspection:
    """Judge two picture files.

    Args:
        photo: The product as photographed.
        result: The finished picture, of any size and framing.
        matte: Grey picture of the photograph's size, white = product. None: the photograph's own
            alpha, or what the segmenter finds.
        profile: Whose limits are applied.
        model: The segmenter, where one is needed.

    Raises:
        ImageError: If a file cannot be read, or photograph and matte differ in size.
        SegmentationError: If no product is found in the photograph.
        IdentityError: If the product is too small to say anything about it.
        UnknownNameError: If there is no such profile or segmenter.
    """
    profile_limits(profile)
    after = files.load(result)
    cut = cut_out(photo, segmenter=model, matte=matte)
    notices = [*cut.notices, *after.notices]
    finished = after.rgb
    if after.matte is not None:
        finished = composite(after.rgb, np.ones_like(after.rgb), after.matte)
        notices.append("the result is transparent in places; it is judged on white")
    return inspect_pictures(cut.photo.rgb, finished, cut.matte, profile=profile, notices=tuple(notices))


def inspect_pictures(
    photo: RgbImage,
    result: RgbImage,
    matte: Matte,
    *,
    profile: str = "editorial",
    notices: tuple[str, ...] = (),
) -> Inspection:
    """Judge two pictures.

    The larger one is reduced to the product's size in the smaller: a small delivery is not blamed for
    detail that it has no pixels for. In the photograph's own framing a product that slipped or grew
    is measured as it lies. In another framing it is laid on the photograph by its print, so its
    growth is measured against that.

    Args:
        photo: (H, W, 3), sRGB, [0, 1].
        result: (h, w, 3), sRGB, [0, 1], of any size and framing.
        matte: (H, W), 1 = product, of the photograph's size.
        profile: Whose limits are applied.
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
        verdict = Verdict(profile=profile, is_product_found=False)
        return Inspection(photo, result, matte, None, None, None, verdict, notices)
    before, after, cut, more = _same_framing(photo, result, matte, place)
    measured = measure(before, after, cut, reader=ocr.tesseract())
    return Inspection(
        photo=before,
        result=after,
        matte=cut,
        place=place,
        identity=measured.likeness,
        comparison=measured.comparison,
        verdict=measured.likeness.verdict(profile),
        notices=(*notices, *more),
    )


def _same_framing(
    photo: RgbImage, result: RgbImage, matte: Matte, place: Place
) -> tuple[RgbImage, RgbImage, Matte, list[str]]:
    """Both pictures and the matte in one framing, at the smaller of the two scales; what is to be said."""
    if place.is_same_framing:
        width = min(photo.shape[1], result.shape[1])
        height = max(1, round(photo.shape[0] * width / photo.shape[1]))
        before, after = resize(photo, width, height), resize(result, width, height)
        cut, notices = resize(matte, width, height), []
    else:
        before, after, cut = _laid(photo, result, matte, place)
        notices = [_told(place)]
        missing = 1 - float(cut.sum()) / max(float(matte.sum()) * min(1.0, place.scale) ** 2, 1e-6)
        if missing > 0.02:
            notices.append(f"{missing:.0%} of the product lies outside the result and is not judged")
    box = bounding_box(cut, threshold=0.3)
    side = max(box.width, box.height)
    if side < SMALLEST_SIDE_PX:
        notices.append(f"the product is only {side} pixels large in one picture: its print cannot be judged")
    return before, after, cut, notices


def _laid(photo: RgbImage, result: RgbImage, matte: Matte, place: Place) -> tuple[RgbImage, RgbImage, Matte]:
    box = bounding_box(matte, threshold=0.02)
    pad = round(SURROUNDINGS * max(box.width, box.height))
    left, top = max(0, box.left - pad), max(0, box.top - pad)
    window = (slice(top, box.bottom + pad), slice(left, box.right + pad))
    crop, cut = photo[window], matte[window]
    scale = min(1.0, place.scale)
    width, height = max(8, round(crop.shape[1] * scale)), max(8, round(crop.shape[0] * scale))
    enlarging = resizing(crop.shape[1] / width, crop.shape[0] / height)
    warp = compose(place.warp, shift(left, top), enlarging)
    seen = _inside(result.shape, warp, (width, height))
    return resize(crop, width, height), lay(result, warp, (width, height)), resize(cut, width, height) * seen


def _inside(shape: tuple[int, ...], warp: NDArray[np.float64], size: tuple[int, int]) -> Matte:
    """1 where a warp points into a picture of this shape."""
    ones = np.ones(shape[:2], np.float32)
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(ones, warp, size, flags=flags), np.float32)


def _told(place: Place) -> str:
    turned = f", turned by {place.turn_deg:+.1f} degrees" if abs(place.turn_deg) > 0.5 else ""
    return (
        f"photograph and result frame the product differently: it was found at {place.scale:.2f} times its"
        f" size{turned}; whether it grew is measured against its own print"
    )


def status_of(identity: Likeness, name: str, profile: str) -> str:
    """Say pass, warn or fail of one number; "not measured" or "no limit" if it has none.

    Args:
        identity: The numbers.
        name: One of its fields.
        profile: Whose limit is applied.

    Raises:
        UnknownNameError: If there is no such profile.
    """
    limit = profile_limits(profile).get(name)
    if limit is None:
        return "no limit"
    if getattr(identity, name) is None:
        return "not measured"
    return identity.verdict(profile, limits={name: limit}).status


def shown_number(value: float | tuple[float, ...] | None) -> str:
    """A number as a person reads it; a dash for what was not measured."""
    if value is None:
        return "–"
    if isinstance(value, tuple):
        return ", ".join(f"{part:.2f}" for part in value)
    return f"{value:.2f}"
