"""Who makes which picture when: windows of places, measured speed, faults, and the end of a run."""

from __future__ import annotations

from prodgen.dispatch.dispatching import run
from prodgen.dispatch.events import (
    End,
    Event,
    Notice,
    PictureDone,
    PictureFailed,
    PlaceBack,
    PlaceLost,
    PlanMade,
    RunEnded,
    Standing,
    StepBegun,
    StillWaiting,
)
from prodgen.dispatch.newcomers import Newcomers
from prodgen.dispatch.place import OnStep, Place, Step
from prodgen.dispatch.rules import Rules
from prodgen.dispatch.stop_button import StopButton

__all__ = [
    "End",
    "Event",
    "Newcomers",
    "Notice",
    "OnStep",
    "PictureDone",
    "PictureFailed",
    "Place",
    "PlaceBack",
    "PlaceLost",
    "PlanMade",
    "Rules",
    "RunEnded",
    "Standing",
    "Step",
    "StepBegun",
    "StillWaiting",
    "StopButton",
    "run",
]
