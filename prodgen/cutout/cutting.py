"""Cutting the product out of one photograph: the matte from wherever it can be had, checked, in one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from prodgen import codecs, files, transparency
from prodgen.cutout.doubts import (
    GIVEN_REMEDY,
    LARGEST_SHARE,
    Doubt,
    Segmentation,
    check_hardness,
    check_matte,
    check_sureness,
)
from prodgen.cutout.evidence import follow_points
from prodgen.cutout.hints import (
    Point,
    Rectangle,
    clear_outside,
    hints_in,
    look_in_photo,
    seen_in_view,
    view_of,
)
from prodgen.cutout.large_photos import box_in, is_large, points_in, reduced_photo
from prodgen.cutout.matting import (
    estimate_foreground,
    refine,
    refine_enlarged,
    require_same_size,
    resized,
)
from prodgen.cutout.quality import MatteQuality, assess
from prodgen.cutout.segmenters import Segmenter
from prodgen.cutout.segmenters import segmenter as segmenter_named
from prodgen.errors import ImageError, SegmentationError, WrongValueError
from prodgen.images import Matte, Photo, Plane, RgbImage
from prodgen.masks import blur, dilate

GAUSSIAN_10_TO_90 = 2.563
"""Width of a blurred step from 10 to 90 %, in standard deviations of the Gaussian.
Standard: twice the normal distribution's quantile of 0.9."""

TOLD_SHARE = 0.012
"""How far around a region that points changed a look is overruled, of its longer side: networks see edges as
blurred as that. Chosen: 4 of the 320 pixels of the smallest network."""

MOST_FEATHER_PX = 100
"""Widest edge that can be asked for. Guard."""

MOST_COLOUR = 0.1
"""Mean difference between the channels of a matte, as a share of the mean of its brightest, above which it is
a photograph or a drawing. Guard: a grey picture saved as JPEG has 0.00, and 23 of 59 product photographs have
more than this."""


@dataclass(frozen=True, eq=False, repr=False)
class CutOut:
    """A product cut out of its photograph. A notebook shows it."""

    photo: Photo
    """The photograph as it was read."""
    matte: Matte
    """(H, W), 1 = product, soft at the edge, of the photograph's size."""
    segmenter: str | None = None
    """The name of the segmenter that found the matte; None: it was given, or the photograph's own alpha."""
    doubts: tuple[Doubt, ...] = ()
    """What is doubtful about the matte."""
    quality: MatteQuality | None = None
    """How likely the matte is right; None: it was given, or the photograph's own alpha."""

    @cached_property
    def seen(self) -> RgbImage:
        """The photograph, (H, W, 3), as a camera saw it; a transparent one stands before a flat ground."""
        return transparency.seen(self.photo)

    @cached_property
    def foreground(self) -> RgbImage:
        """The photograph, (H, W, 3), with the old background's colour taken out of the product's edge."""
        if self.matte is self.photo.matte:  # its colours are the product's own already
            return self.photo.rgb
        return estimate_foreground(self.seen, self.matte)

    @cached_property
    def picture(self) -> codecs.PillowPicture:
        """The product on transparency, as a picture of Pillow's in mode RGBA."""
        return codecs.to_pillow(self.foreground, matte=self.matte)

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know: what was guessed on reading, and the doubts; a sentence each."""
        return (*self.photo.notices, *map(str, self.doubts))

    def save(self, path: str | Path) -> None:
        """Write the product on transparency; the ending decides between PNG, WebP and TIFF.

        Raises:
            ImageError: If the format has no transparency, or the file cannot be written.
        """
        if codecs.FORMATS.get(Path(path).suffix.lower()) == "JPEG":
            raise ImageError(f"{Path(path).name!r}: a JPEG has no transparency; save the cut-out as PNG")
        files.save(path, self.foreground, matte=self.matte)

    def save_matte(self, path: str | Path) -> None:
        """Write the matte as a grey picture, white = product.

        Raises:
            ImageError: If the ending is unknown or the file cannot be written.
        """
        files.save_matte(path, self.matte)

    def __repr__(self) -> str:
        height, width = self.matte.shape
        return f"<CutOut {width}x{height}, matte {f'by {self.segmenter}' if self.segmenter else 'as given'}>"

    def _repr_png_(self) -> bytes:
        return codecs.encode("PNG", self.foreground, matte=self.matte)


def cut_out(
    photo: files.PictureSource,
    *,
    segmenter: str | Segmenter = "auto",
    matte: files.PictureSource | None = None,
    keep_alpha: bool | None = None,
    box: Rectangle | str | None = None,
    points: Sequence[Point] | str = (),
    feather_px: float = 0.0,
    refine_edge: bool = False,
) -> CutOut:
    """Cut the product out of a photograph.

        cut_out("mug.jpg").save("mug-cut.png")

    Args:
        photo: A path, bytes, a binary file, a picture of Pillow's, an array or a `Photo`.
        segmenter: The name of one, several joined by "+", or a segmenter of your own. "auto" takes the best
            that is here.
        matte: A matte that you have already, white = product, of the photograph's size; no segmenter runs.
        keep_alpha: Whether the photograph's own transparency is the matte, where it has one. None: unless a
            segmenter, a box or points are given, or nearly all of it is opaque. What is transparent is never
            looked at, and is not product, unless a point says so.
        box: The product's box: left, top, right, bottom in pixels, or in words ("10%,5%,90%,95%").
            A segmenter sees the box with a margin, and nothing outside it is product.
        points: Places that are surely product (True) or surely background (False): x, y, which; or in words
            ("+320,400 -50%,9%"). They correct any matte.
        feather_px: How wide the edge is softened, pixels from 10 to 90 % of product.
        refine_edge: Whether the edge of a given matte, or of the own transparency, is fitted to the
            photograph; segmenters do that themselves.

    Raises:
        ImageError: If a picture cannot be read, or photograph and matte differ in size.
        SegmentationError: If no product is found, or the matte is empty or full.
        SettingError: If there is no such segmenter, the box or a point lies outside, or settings contradict
            each other.
    """
    source = files.load(photo)
    rectangle, places = hints_in(box, points, source.pixels.shape)
    if not 0 <= feather_px <= MOST_FEATHER_PX:
        raise WrongValueError("feather_px", feather_px, f"must be from 0 to {MOST_FEATHER_PX}")
    is_named = segmenter != "auto" or box is not None or bool(places)
    given = _given_matte(source, matte, keep_alpha=False if keep_alpha is None and is_named else keep_alpha)
    if given is not None:
        corrected = clear_outside(given, rectangle)
        if places or refine_edge:
            seen = transparency.seen(source)
            corrected = follow_points(seen, corrected, places)
            corrected = refine(seen, corrected) if refine_edge else corrected
        fitted = _feathered(corrected, feather_px)
        usable = check_matte(fitted, source.pixels, remedy=GIVEN_REMEDY)
        facts = (*usable, *check_sureness(fitted), *check_hardness(fitted))
        return CutOut(source, fitted, doubts=facts)
    chosen = segmenter_named(segmenter) if isinstance(segmenter, str) else segmenter
    find = _cut_out_reduced if is_large(source) else _cut_out_whole
    cut = find(source, chosen, rectangle, places)
    nothing_kept = (Doubt("no transparency"),) if keep_alpha else ()
    return replace(cut, matte=_feathered(cut.matte, feather_px), doubts=(*nothing_kept, *cut.doubts))


def _cut_out_whole(
    source: Photo, chosen: Segmenter, box: Rectangle | None, points: tuple[Point, ...]
) -> CutOut:
    """Find the product in the photograph as it is, within its own transparency."""
    seen = transparency.seen(source)
    found = _found(chosen, seen, box, points)
    within = found.matte if source.matte is None else found.matte * source.matte
    quality = assess(seen, within, found.looks)
    facts = (*found.doubts, *check_matte(within, seen), *quality.doubts)
    return CutOut(source, within, chosen.name, facts, quality)


def _cut_out_reduced(
    source: Photo, chosen: Segmenter, box: Rectangle | None, points: tuple[Point, ...]
) -> CutOut:
    """Find the product in a reduced photograph, and fit its edge to the pixels of the large one."""
    small = reduced_photo(source)
    found = _cut_out_whole(small, chosen, box_in(small, source, box), points_in(small, source, points))
    found = replace(found, photo=source)
    del small  # before the large matte is made
    matte = clear_outside(refine_enlarged(source.pixels, found.matte), box)
    if source.matte is not None:
        matte *= source.matte
    return replace(found, matte=matte)


def _given_matte(
    source: Photo, matte: files.PictureSource | None, *, keep_alpha: bool | None
) -> Matte | None:
    """The user's matte, else the photograph's own if that is to be kept, else None."""
    if matte is not None:
        picture = files.load(matte)
        given = files.load_matte(picture)
        require_same_size(given, source.pixels)
        if picture.matte is None and _has_colours(picture):
            raise ImageError("the matte has colours; a matte is grey, and white where the product is")
        return given
    if source.matte is None or keep_alpha is False:
        return None
    if float(source.matte.mean()) <= LARGEST_SHARE:
        return source.matte
    if keep_alpha:
        raise SegmentationError(
            "the photo's own transparency is no cut-out, nearly all of it is opaque; leave out --keep-alpha,"
            " or give your own cut-out with --matte"
        )
    return None


def _has_colours(picture: Photo) -> bool:
    red, green, blue = (picture.pixels[..., channel] for channel in range(3))
    most, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    return float((most - least).mean()) > MOST_COLOUR * float(most.mean())


def _found(
    chosen: Segmenter, rgb: RgbImage, box: Rectangle | None, points: tuple[Point, ...]
) -> Segmentation:
    """What a segmenter finds within the box, corrected by the points; so are its looks at the photo."""
    if box is None:
        whole = chosen.segment(rgb, points=points)
    else:
        view = view_of(box, rgb.shape)
        seen_box, seen_points = seen_in_view(box, points, view)
        part = chosen.segment(np.ascontiguousarray(rgb[view]), box=seen_box, points=seen_points)
        matte = np.zeros(rgb.shape[:2], np.float32)
        matte[view] = part.matte
        looks = tuple(look_in_photo(look, view, rgb.shape[:2]) for look in part.looks)
        whole = Segmentation(clear_outside(matte, box), part.doubts, looks)
    if not points:
        return whole
    matte = follow_points(rgb, whole.matte, points)
    return Segmentation(matte, whole.doubts, tuple(_told(look, whole.matte, matte) for look in whole.looks))


def _told(look: Plane, before: Matte, after: Matte) -> Plane:
    """A look at the photo with what a person has said about it since, which is beyond doubt."""
    size = (look.shape[1], look.shape[0])
    share = dilate(resized(np.abs(after - before), size), TOLD_SHARE * max(size))
    return look + (resized(after, size) - look) * share


def _feathered(matte: Matte, feather_px: float) -> Matte:
    return blur(matte, feather_px / GAUSSIAN_10_TO_90) if feather_px else matte
