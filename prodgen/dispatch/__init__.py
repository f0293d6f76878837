"""Who makes which picture when: windows of places, measured speed, faults, and the end of a run."""

from __future__ import annotations

from prodgen.dispatch.events import (
    End,
    Event,
    PictureDone,
    PictureFailed,
    PlaceBack,
    PlaceLost,
    PlanMade,
    RunEnded,
    StepBegun,
    StillWaiting,
)
from prodgen.dispatch.place import OnStep, Place, Step
from prodgen.dispatch.rules import Rules
from prodgen.dispatch.stop_button import StopButton

__all__ = [
    "End",
    "Event",
    "OnStep",
    "PictureDone",
    "PictureFailed",
    "Place",
    "PlaceBack",
    "PlaceLost",
    "PlanMade",
    "Rules",
    "RunEnded",
    "Step",
    "StepBegun",
    "StillWaiting",
    "StopButton",
]
