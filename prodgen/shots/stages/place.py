"""The product is put on its canvas: how large, and where."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prodgen import placement
from prodgen.errors import ImageError
from prodgen.images import RgbImage, resize
from prodgen.shots.frame import Frame, Stage, Tools
from prodgen.shots.layers import CutOut, Drawn, FinalScene, Given, Placed


class PlaceStage(Stage):
    """Decide the canvas and the product's place on it; a background of the user's is cut to the canvas."""

    takes = (Given, CutOut)
    gives = (Placed,)
    precedes = (Drawn, FinalScene)

    stage: Literal["place"] = "place"

    size: str | None = None
    """Canvas: "1200x1500", "4:5", "2k"; unset: as large as the product's own pixels allow."""

    place: str = "auto"
    """auto, original, middle, left, right, ...; or "X,Y": middle and contact line as shares of the canvas."""

    fill: float | None = Field(default=None, ge=0.05, le=1)
    """Share of the canvas that the product's longer side takes."""

    enlarge: bool = False
    """Whether the product may become larger than it was photographed."""

    def check(self) -> None:
        """Refuse a size that cannot be read."""
        if self.size is not None:
            placement.parse_size(self.size, (1024, 1024))

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with product, matte and background on the canvas."""
        cut, given = frame[CutOut], frame[Given].backdrop
        canvas: str | tuple[int, int] | None = self.size
        if canvas is None and given is not None and self.place != "original":
            canvas = (given.shape[1], given.shape[0])
        chosen = placement.place(
            cut.matte, canvas=canvas, where=self.place, fill=self.fill, enlarge=self.enlarge
        )
        original, matte = placement.apply(chosen, cut.foreground, cut.matte)
        backdrop = None if given is None else _cover(given, chosen.width, chosen.height)
        return frame.holding(Placed(chosen, original, matte, backdrop)).noting(self._small(chosen))

    def _small(self, chosen: placement.Placement) -> str | None:
        """Say that the product is smaller than asked, if its pixels did not suffice."""
        if self.enlarge or self.place == "original" or chosen.scale != 1:
            return None
        wanted = placement.DEFAULT_FILL if self.fill is None else self.fill
        fills = max((chosen.right - chosen.left) / chosen.width, (chosen.bottom - chosen.top) / chosen.height)
        # What nobody asked for may be missed by more before it is worth a word.
        if fills > (0.5 if self.fill is None else 0.9) * wanted:
            return None
        return (
            f"the product fills {fills:.0%} of the canvas, not {wanted:.0%}: the photograph has no more"
            " pixels of it (--enlarge interpolates)"
        )


def _cover(picture: RgbImage, width: int, height: int) -> RgbImage:
    """Cut a picture to the canvas' ratio about its middle, and shrink it to the canvas."""
    if picture.shape[1] < width or picture.shape[0] < height:
        raise ImageError(
            f"the background is {picture.shape[1]}x{picture.shape[0]}, smaller than the canvas"
            f" {width}x{height}; give a larger one, or --size {picture.shape[1]}x{picture.shape[0]}"
        )
    scale = max(width / picture.shape[1], height / picture.shape[0])
    cut_width, cut_height = round(width / scale), round(height / scale)
    left, top = (picture.shape[1] - cut_width) // 2, (picture.shape[0] - cut_height) // 2
    return resize(picture[top : top + cut_height, left : left + cut_width], width, height)
