"""The product is cut out of its photograph: a soft matte, and colours without the old background."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prodgen.cutout import cut_out
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
        cut = cut_out(frame.photo, segmenter=self.model, matte=self.matte_file, box=self.box)
        return frame.replace(photo_matte=cut.matte, foreground=cut.foreground).noting(*map(str, cut.doubts))
