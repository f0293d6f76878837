"""The product is cut out of its photograph: a soft matte, and colours without the old background."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prodgen.cutout import matting
from prodgen.errors import SegmentationError
from prodgen.files import load_matte
from prodgen.images import Matte, Photo
from prodgen.shots.frame import Frame, Stage, Tools


class Segment(Stage):
    """Find the product: in a matte file, in the photograph's own alpha, or by a segmenter."""

    stage: Literal["segment"] = "segment"

    model: str = Field(default="auto", min_length=1)
    """A segmenter's name, as `prodgen segment --help` lists them; auto takes the best that is there."""

    matte_file: str | None = None
    """A matte of the user's, white = product, of the photograph's size; spares the segmenter."""

    box: tuple[int, int, int, int] | None = None
    """The product's box in the photograph, pixels: left, top, right, bottom; helps where it is lost."""

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with the photograph's matte and clean foreground colours."""
        matte, notice, is_found = self._matte(frame.photo, tools)
        doubts = matting.check(matte, frame.photo.rgb)
        if is_found:
            doubts += matting.doubt_outline(matte, frame.photo.rgb)
        foreground = matting.estimate_foreground(frame.photo.rgb, matte)
        return frame.replace(photo_matte=matte, foreground=foreground).noting(notice, *doubts)

    def _matte(self, photo: Photo, tools: Tools) -> tuple[Matte, str | None, bool]:
        """The matte, a segmenter's notice, and whether a segmenter found it."""
        if self.matte_file is not None:
            matte = load_matte(self.matte_file)
            if matte.shape != photo.rgb.shape[:2]:
                raise SegmentationError(
                    f"the matte {self.matte_file!r} is {matte.shape[1]}x{matte.shape[0]} but the photograph"
                    f" is {photo.rgb.shape[1]}x{photo.rgb.shape[0]}; they must have the same size"
                )
            return matte, None, False
        if photo.matte is not None and self.model == "auto" and self.box is None:
            if float(photo.matte.mean()) > matting.LARGEST_SHARE:
                raise SegmentationError(
                    "the photo's own transparency is no cut-out, nearly all of it is opaque;"
                    " save it without, name a --model or a --box, or give your own cut-out with --matte"
                )
            return photo.matte, None, False
        segmenter = tools.segmenter(self.model)
        return segmenter.segment(photo.rgb, box=self.box), segmenter.notice, True
