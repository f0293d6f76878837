"""From where a picture under way is seen: by the photograph, else by the prompt's own words."""

from __future__ import annotations

from prodgen.pose import View, read_words, words
from prodgen.shots.frame import Frame
from prodgen.shots.layers import Brief, Placed, Pose

CONTRADICTION_DEG = 25.0
"""Difference, in degrees, from which the photograph's view and the prompt's contradict each other.

Chosen: twice the error of a right estimate."""


def view_of(frame: Frame) -> View | None:
    """Return the view that scene and shadow take; None leaves it to each of them."""
    pose = frame.get(Pose)
    if pose is not None and pose.view is not None:
        return pose.view
    return read_words(frame[Brief].prompt)[0]


def camera_words(frame: Frame, *, with_degrees: bool) -> str:
    """Return words for the scene's camera; "" where the prompt says it, or the scene is the user's own.

    Args:
        frame: The picture under way.
        with_degrees: Whether the backend reads degrees.
    """
    pose = frame.get(Pose)
    if pose is None or pose.view is None or frame[Placed].backdrop is not None:
        return ""
    return words(pose.view, with_degrees=with_degrees)


def contradiction(frame: Frame) -> str | None:
    """Say that the prompt asks for another view than the photograph has, if it does."""
    pose, (named, _) = frame.get(Pose), read_words(frame[Brief].prompt)
    if pose is None or pose.view is None or named is None:
        return None
    if abs(pose.pitch_deg - named.pitch_deg) < CONTRADICTION_DEG:
        return None
    return (
        f"the prompt asks for a view from {named.pitch_deg:.0f} degrees above, but the product was"
        f" photographed from {pose.pitch_deg:.0f}; the scene takes the product's view (--pose changes it)"
    )
