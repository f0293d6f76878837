"""Cutting the product out of one photograph: the matte from wherever it can be had, checked, in one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from prodgen import codecs, files, transparency
from prodgen.cutout.doubts import LARGEST_SHARE, Doubt, Segmentation, check_matte, check_sureness
from prodgen.cutout.hints import Point, Rectangle, check_hints, clear_outside
from prodgen.cutout.large_photos import box_in, is_large, points_in, reduced_photo
from prodgen.cutout.matting import estimate_foreground, refine_enlarged, require_same_size
from prodgen.cutout.quality import MatteQuality, assess
from prodgen.cutout.segmenters import Segmenter
from prodgen.cutout.segmenters import segmenter as segmenter_named
from prodgen.errors import ImageError, SegmentationError
from prodgen.images import Matte, Photo, Pixels, RgbImage


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
    box: Rectangle | None = None,
    points: Sequence[Point] = (),
) -> CutOut:
    """Cut the product out of a photograph.

        cut_out("mug.jpg").save("mug-cut.png")

    Args:
        photo: A path, bytes, a binary file, a picture of Pillow's, an array or a `Photo`. Its own
            transparency is the matte, unless a segmenter, a box or points are given.
        segmenter: The name of one, or a segmenter of your own. "auto" takes the best that is here.
        matte: A matte that you have already, white = product, of the photograph's size.
        box: The product's box in the photograph, pixels: left, top, right, bottom.
        points: Places that are surely product (True) or surely background (False): x, y, which.

    Raises:
        ImageError: If a picture cannot be read, or photograph and matte differ in size.
        SegmentationError: If no product is found, or the matte is empty or full.
        SettingError: If there is no such segmenter, or the box or a point lies outside.
    """
    source = files.load(photo)
    if matte is not None:
        given = files.load_matte(matte)
        require_same_size(given, source.pixels)
        return CutOut(source, given, doubts=_doubts_given(given, source.pixels))
    if source.matte is not None and segmenter == "auto" and box is None and not points:
        if float(source.matte.mean()) > LARGEST_SHARE:
            raise SegmentationError(
                "the photo's own transparency is no cut-out, nearly all of it is opaque; save it without,"
                " name a --segmenter or a --box, or give your own cut-out with --matte"
            )
        return CutOut(source, source.matte, doubts=_doubts_given(source.matte, source.pixels))
    chosen = segmenter_named(segmenter) if isinstance(segmenter, str) else segmenter
    if is_large(source):
        check_hints(source.pixels.shape, box, points)
        return _cut_out_reduced(source, chosen, box, tuple(points))
    seen = transparency.seen(source)
    found: Segmentation = chosen.segment(seen, box=box, points=points)
    within = found.matte if source.matte is None else found.matte * source.matte
    facts = check_matte(within, seen)
    quality = assess(seen, within, found.looks)
    return CutOut(source, within, chosen.name, (*found.doubts, *facts, *quality.doubts), quality)


def _cut_out_reduced(
    source: Photo, chosen: Segmenter, box: Rectangle | None, points: tuple[Point, ...]
) -> CutOut:
    """Find the product in a reduced photograph, and fit its edge to the pixels of the large one."""
    small = reduced_photo(source)
    places = points_in(small, source, points)
    found = cut_out(small, segmenter=chosen, box=box_in(small, source, box), points=places)
    found = replace(found, photo=source)
    del small  # before the large matte is made
    matte = clear_outside(refine_enlarged(source.pixels, found.matte), box)
    if source.matte is not None:
        matte *= source.matte
    return replace(found, matte=matte)


def _doubts_given(matte: Matte, rgb: Pixels) -> tuple[Doubt, ...]:
    """Tell what a user should know about a matte that no segmenter found."""
    return (*check_matte(matte, rgb), *check_sureness(matte))
