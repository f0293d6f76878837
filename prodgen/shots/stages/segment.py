"""The product is cut out of its photograph: a soft matte, and colours without the old background."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prodgen.cutout import MOST_FEATHER_PX, cut_out
from prodgen.light.made_of import MaterialHint, find_material
from prodgen.shots.frame import Frame, Stage, Tools
from prodgen.shots.layers import CutOut, Given, Material


class SegmentStage(Stage):
    """Find the product: in a given matte, in the photograph's own alpha, or by a segmenter."""

    takes = (Given,)
    gives = (CutOut, Material)

    stage: Literal["segment"] = "segment"

    segmenter: str = Field(default="auto", min_length=1)
    """A segmenter's name, as `prodgen list segmenters` has them; auto takes the best that is there, and
    "+" joins several."""

    keep_alpha: bool | None = None
    """Whether a photograph's own transparency is its matte; unset: unless a segmenter, a box or points are
    given."""

    feather_px: float = Field(default=0.0, ge=0, le=MOST_FEATHER_PX)
    """How wide the matte's edge is softened, pixels from 10 to 90 % of product."""

    refine_edge: bool = False
    """Whether the edge of a given matte, or of the own transparency, is fitted to the photograph."""

    material: MaterialHint = "auto"
    """What the product is made of: opaque (paint, paper, plastic, cloth), metal (its plain parts mirror the
    scene), glass (the scene is seen through it), or auto: what the prompt's words for the product say."""

    @property
    def acts_on_light(self) -> tuple[str, ...]:
        """The material, unless it is glass: a page is seen through that too."""
        return () if self.material == "glass" else ("material",)

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with the photograph's matte, clean foreground colours, and the material."""
        given = frame[Given]
        cut = given.found or cut_out(
            given.photo,
            segmenter=self.segmenter,
            matte=given.matte,
            keep_alpha=self.keep_alpha,
            box=given.box,
            points=given.points,
            feather_px=self.feather_px,
            refine_edge=self.refine_edge,
        )
        material = find_material(cut.foreground, cut.matte, hint=self.material)
        return frame.holding(cut, material).noting(*map(str, cut.doubts))
