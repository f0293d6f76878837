"""The photograph is put on a larger canvas as it is; what is to be beyond its edges is drawn later."""

from __future__ import annotations

from typing import Literal

from prodgen import outpainting, placement
from prodgen.errors import PlacementError
from prodgen.shots.frame import Frame, Stage, Tools
from prodgen.shots.layers import CutOut, Drawn, FinalScene, Given, Placed


class ExtendStage(Stage):
    """Decide how much room is added on each side; the product stays where it was photographed."""

    takes = (Given, CutOut)
    gives = (Placed,)
    precedes = (Drawn, FinalScene)

    stage: Literal["extend"] = "extend"

    outpaint: str | None = None
    """The ratio that the picture is to have, such as "16:9"; it grows evenly on two sides."""

    expand: str | None = None
    """Room by side, "left=20%,top=100", or the same for all; percent of the photograph's side, or pixels."""

    def check(self) -> None:
        """Refuse what cannot be read."""
        if self.outpaint is not None:
            outpainting.check_ratio(self.outpaint)
        if self.expand is not None:
            outpainting.check_sides(self.expand)

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with the photograph on the larger canvas, grey around it.

        Raises:
            PlacementError: If the room would be where the photograph cuts the product off.
        """
        cut = frame[CutOut]
        height, width = cut.matte.shape
        room = outpainting.read_expansion(self.outpaint, self.expand, width=width, height=height)
        sides = [side for side in placement.cut_sides(cut.matte) if getattr(room, side)]
        if sides:
            raise PlacementError(
                f"the photograph cuts the product off at the {' and '.join(sorted(sides))}, and no model may"
                " make the rest of it up; expand other sides"
            )
        chosen = placement.extended(cut.matte, *room)
        # Not the foreground: at its soft edge the photograph has its own backdrop, and that stays.
        original, matte = placement.apply(chosen, cut.seen, cut.matte)
        filled = None
        if frame[Given].photo.matte is not None:
            filled = "what is transparent in the photograph became a flat ground, which was continued"
        return frame.holding(Placed(chosen, original, matte, keeps_surroundings=True)).noting(filled)
