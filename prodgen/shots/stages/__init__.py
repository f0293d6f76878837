"""The steps of a recipe. Each is a module that knows no other; `STAGES` lists them all."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from prodgen.shots.frame import Stage
from prodgen.shots.stages.backdrop import BackdropStage
from prodgen.shots.stages.background import BackgroundStage
from prodgen.shots.stages.extend import ExtendStage
from prodgen.shots.stages.finish import FinishStage
from prodgen.shots.stages.floor import FloorStage
from prodgen.shots.stages.ground import GroundStage
from prodgen.shots.stages.identity import IdentityStage
from prodgen.shots.stages.look import LookStage
from prodgen.shots.stages.outpaint import OutpaintStage
from prodgen.shots.stages.place import PlaceStage
from prodgen.shots.stages.pose import PoseStage
from prodgen.shots.stages.reference import ReferenceStage
from prodgen.shots.stages.relight import RelightStage
from prodgen.shots.stages.segment import SegmentStage
from prodgen.shots.stages.sweep import SweepStage
from prodgen.shots.stages.upscale import UpscaleStage

STAGES: tuple[type[Stage], ...] = (
    SegmentStage,
    PoseStage,
    PlaceStage,
    ExtendStage,
    LookStage,
    FloorStage,
    RelightStage,
    BackgroundStage,
    ReferenceStage,
    BackdropStage,
    SweepStage,
    OutpaintStage,
    UpscaleStage,
    IdentityStage,
    GroundStage,
    FinishStage,
)
"""Every stage that a recipe can have. A new one is a module here, and its line in this table."""

if TYPE_CHECKING:
    AnyStage = Stage
else:
    AnyStage = Annotated[reduce(or_, STAGES), Field(discriminator="stage")]
    """What a recipe may be made of; the field `stage` tells which one it is."""

__all__ = [
    "STAGES",
    "AnyStage",
    "BackdropStage",
    "BackgroundStage",
    "ExtendStage",
    "FinishStage",
    "FloorStage",
    "GroundStage",
    "IdentityStage",
    "LookStage",
    "OutpaintStage",
    "PlaceStage",
    "PoseStage",
    "ReferenceStage",
    "RelightStage",
    "SegmentStage",
    "SweepStage",
    "UpscaleStage",
]
