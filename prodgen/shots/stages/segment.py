"""The product is cut out of its photograph: a soft matte, and colours without the old background."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prodgen.cutout import cut_out
from prodgen.shots.frame import Frame, Stage, Tools
from prodgen.shots.layers import CutOut, Given


class SegmentStage(Stage):
    """Find the product: in a given matte, in the photograph's own alpha, or by a segmenter."""

    takes = (Given,)
    gives = (CutOut,)

    stage: Literal["segment"] = "segment"

    segmenter: str = Field(default="auto", min_length=1)
    """A segmenter's name, as `prodgen segment --help` lists them; auto takes the best that is there."""

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with the photograph's matte and clean foreground colours."""
        given = frame[Given]
        cut = cut_out(
            given.photo, segmenter=self.segmenter, matte=given.matte, box=given.box, points=given.points
        )
        return frame.holding(cut).noting(*map(str, cut.doubts))
