"""How the camera looked at the product is found out: the scene's camera and shadow have to agree with it."""

from __future__ import annotations

from typing import Literal

from prodgen.pose import estimate_pose
from prodgen.shots.frame import Frame, Stage, Tools
from prodgen.shots.layers import CutOut, Drawn, Given, Pose
from prodgen.transparency import seen


class PoseStage(Stage):
    """Estimate the camera's pitch from photograph and matte, or take what the user says of it."""

    takes = (Given, CutOut)
    gives = (Pose,)
    precedes = (Drawn,)
    is_for_others = True

    stage: Literal["pose"] = "pose"

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with the pose; one that is unknown is a notice."""
        given = frame[Given]
        pose = estimate_pose(seen(given.photo), frame[CutOut].matte, hint=given.pose)
        return frame.holding(pose).noting(None if pose.is_known else unknown_pose(pose))


def unknown_pose(pose: Pose) -> str:
    """Say that the pitch is unknown, and what follows."""
    return (
        f"the camera's angle cannot be told from the photograph (at best {pose.pitch_deg:.0f} degrees,"
        f" {pose.confidence:.0%} sure), so the usual tripod's is taken; --pose upright, flat or DEG says it"
    )
