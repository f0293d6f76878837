"""The product is put on its canvas: how large, and where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from prodgen import placement
from prodgen.errors import ImageError
from prodgen.images import Matte, RgbImage, cut_to
from prodgen.shots.frame import Frame, Stage, Tools
from prodgen.shots.layers import CutOut, Drawn, FinalScene, Given, Placed
from prodgen.shots.magnified import told_enlarged

TOLD_ASIDE = 0.02
"""Share of the canvas' width by which a product may miss its place unsaid. Chosen: it is hardly seen."""

MOVING = ("fill", "padding", "rotation_deg", "enlarge")
"""Settings without effect where the product stays as it is in the photograph. By definition of `original`."""


class PlaceStage(Stage):
    """Decide the canvas and the product's place on it; a background of the user's is cut to the canvas."""

    takes = (Given, CutOut)
    gives = (Placed,)
    precedes = (Drawn, FinalScene)

    stage: Literal["place"] = "place"

    size: str | None = None
    """Canvas: "1200x1500", "4:5", "2k"; unset: as large as the product's own pixels allow."""

    place: str = "auto"
    """auto, original, left, right, ... in a scene; top-left, middle, bottom, ... against the padding; or
    "X,Y": middle and contact line as shares of the canvas."""

    fill: float | None = Field(default=None, ge=0.05, le=1)
    """Share of the canvas that the product's longer side takes; unset: a usual one, or all that the padding
    leaves."""

    padding: str | None = None
    """Free space around the product: "5%", "40" (pixels), or by side, "left=5%,top=40"."""

    rotation_deg: float = Field(default=0.0, ge=-180, le=180)
    """Turns the product clockwise."""

    ground_line: float | None = Field(default=None, gt=0, le=1)
    """The row on which the product stands, as a share of the canvas' height; unset: the place's own."""

    snap: bool | None = None
    """Whether a side where the photograph cut the product off reaches the canvas' edge; unset: where place is
    auto or middle."""

    enlarge: bool = False
    """Whether the product may become larger than it was photographed."""

    def check(self) -> None:
        """Refuse what cannot be read, and settings that exclude each other."""
        if self.size is not None:
            placement.parse_size(self.size, (1024, 1024))
        if self.padding is not None:
            placement.Padding.parse(self.padding)
        placement.read_spot(self.place, ground_line=self.ground_line)

    def idle_among(self, settings: Mapping[str, object]) -> list[str]:
        """Return which of the settings that somebody asks for have no effect, since the product stays."""
        if self.place != "original":
            return []
        return [name for name in MOVING if settings.get(name)]

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with product, matte and background on the canvas."""
        cut, given = frame[CutOut], frame[Given].backdrop
        canvas: str | tuple[int, int] | None = self.size
        if canvas is None and given is not None and self.place != "original":
            canvas = (given.shape[1], given.shape[0])
        chosen = placement.place(
            cut.matte,
            canvas=canvas,
            where=self.place,
            fill=self.fill,
            padding=self.padding,
            enlarge=self.enlarge,
            rotation_deg=self.rotation_deg,
            ground_line=self.ground_line,
            snap=self.snap,
        )
        original, matte = placement.apply(chosen, cut.foreground, cut.matte)
        backdrop = None if given is None else _cover(given, chosen.width, chosen.height)
        told = (self._small(chosen), self._beside(chosen), self._sawn_off(cut.matte, chosen))
        return frame.holding(Placed(chosen, original, matte, backdrop)).noting(*told)

    def _small(self, chosen: placement.Placement) -> str | None:
        """Say that the product is smaller than asked: its pixels did not suffice, or the room did not.

        At its original place it is as large as the photograph, which fills the canvas: then that is said.
        """
        if self.place == "original":
            return told_enlarged(chosen.scale)
        wide, tall = chosen.right - chosen.left, chosen.bottom - chosen.top
        fills = max(wide / chosen.width, tall / chosen.height)
        wanted = placement.DEFAULT_FILL if self.fill is None else self.fill
        if self.fill is None and self.padding is not None:
            room = placement.Padding.parse(self.padding).room(chosen.width, chosen.height)
            wanted = fills * min(room.width / wide, room.height / tall)
        if chosen.scale != 1:
            if self.fill is None or fills > 0.9 * wanted:
                return None
            return (
                f"the product fills {fills:.0%} of the canvas, not {wanted:.0%}: padding and ground line"
                " leave no more room"
            )
        if self.enlarge:
            return None
        # What nobody asked for may be missed by more before it is worth a word.
        if fills > (0.5 if self.fill is None else 0.9) * wanted:
            return None
        return (
            f"the product fills {fills:.0%} of the canvas, not {wanted:.0%}: the photograph has no more"
            " pixels of it (--enlarge interpolates)"
        )

    def _beside(self, chosen: placement.Placement) -> str | None:
        """Say that a wide product does not stand where it was asked to, so that all of it is seen."""
        spot = placement.read_spot(self.place, ground_line=self.ground_line)
        if not isinstance(spot, placement.OnGround) or self.place == "auto" or self.snap:
            return None
        middle = (chosen.left + chosen.right) / 2 / chosen.width
        if abs(middle - spot.across) < TOLD_ASIDE:
            return None
        return (
            f"the product is too wide for place {self.place!r}: its middle is at {middle:.0%} of the canvas,"
            f" not at {spot.across:.0%}; a smaller --fill or --padding makes room"
        )

    def _sawn_off(self, matte: Matte, chosen: placement.Placement) -> str | None:
        """Say where the product ends in mid-air because the photograph cut it off there."""
        if chosen.rotation_deg:
            sides = tuple(sorted(placement.cut_sides(matte)))
            return (
                f"the photograph cuts the product off at its {_listed(sides)}, and turned it ends in mid-air"
                if sides
                else None
            )
        sides = placement.sides_in_mid_air(matte, chosen)
        if not sides:
            return None
        return (
            f"the photograph cuts the product off at the {_listed(sides)}, and here it ends in mid-air;"
            " --snap brings it to the canvas' edge"
        )


def _listed(sides: tuple[str, ...]) -> str:
    return " and ".join(sides)


def _cover(picture: RgbImage, width: int, height: int) -> RgbImage:
    """Cut a picture to the canvas' ratio about its middle, and shrink it to the canvas."""
    if picture.shape[1] < width or picture.shape[0] < height:
        raise ImageError(
            f"the background is {picture.shape[1]}x{picture.shape[0]}, smaller than the canvas"
            f" {width}x{height}; give a larger one, or --size {picture.shape[1]}x{picture.shape[0]}"
        )
    return cut_to(picture, width, height)
