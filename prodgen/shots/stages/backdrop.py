"""A picture of the user's is the scene, and the product is lit from it without a model. Needs no backend."""

from __future__ import annotations

from typing import Literal

from prodgen.errors import SettingError
from prodgen.light import relighting
from prodgen.shots.frame import Frame, Stage, Tools
from prodgen.shots.layers import NO_BACKEND, Brief, Drawn, Origin, PaintedFloor, Placed, Pose
from prodgen.shots.lit_as import is_metal, with_material


class BackdropStage(Stage):
    """Light the product as the background's own colours and brightness do, and lights that are asked for."""

    takes = (Brief, Placed)
    gives = (Drawn,)
    lights_product = True
    takes_background = True
    takes_light = True

    stage: Literal["backdrop"] = "backdrop"

    @property
    def uses(self) -> tuple[type, ...]:
        """The pose, for it shares its preparation with the stages in whose place a route takes it."""
        return (Pose,)

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with the background as its scene, and the product relit in it."""
        placed, backdrop, floor = frame[Placed], frame.backdrop, frame.get(PaintedFloor)
        if backdrop is None:
            raise SettingError("there is no background to put the product into; give one: --background FILE")
        frame = with_material(frame)
        relit = relighting.relight_on(
            placed.original, placed.matte, backdrop, lights=frame[Brief].lights, is_metal=is_metal(frame)
        )
        origin = Origin(NO_BACKEND, is_generated=False) if floor is None else floor.origin
        return frame.holding(Drawn(backdrop, relit, origin))
