"""The steps of a recipe. Each is a module that knows no other; `AnyStage` lists them all."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from prodgen.shots.frame import Frame, Grade, Origin, Stage, Tools
from prodgen.shots.stages.background import Background
from prodgen.shots.stages.finish import Finish
from prodgen.shots.stages.ground import Ground
from prodgen.shots.stages.identity import Identity
from prodgen.shots.stages.place import Place
from prodgen.shots.stages.relight import Relight
from prodgen.shots.stages.segment import Segment
from prodgen.shots.stages.style import Style, looks
from prodgen.shots.stages.sweep import Sweep
from prodgen.shots.stages.upscale import Upscale

AnyStage = Annotated[
    Segment | Place | Style | Relight | Background | Sweep | Upscale | Identity | Ground | Finish,
    Field(discriminator="stage"),
]
"""What a recipe may be made of; the field `stage` tells which one it is."""

__all__ = [
    "AnyStage",
    "Background",
    "Finish",
    "Frame",
    "Grade",
    "Ground",
    "Identity",
    "Origin",
    "Place",
    "Relight",
    "Segment",
    "Stage",
    "Style",
    "Sweep",
    "Tools",
    "Upscale",
    "looks",
]
