"""The light that is really in a picture, beside the one that was asked for."""

from __future__ import annotations

import math

from prodgen.light import AMBIENT_BELOW, Light, from_where
from prodgen.shots.frame import Frame
from prodgen.shots.layers import Brief, Drawn, Kept

FAR_DEG = 30.0
"""Degrees in the picture plane from which the light found is another one than that asked for.

Chosen: beyond what two people who point at a lamp differ by, and beyond the error of the measurement on a
product with a rounded side."""


def found_light(frame: Frame) -> Light | None:
    """Return the key light as the product in the picture shows it; None if none was asked for.

    It is the asked one unless the measured direction is far from it; then it is turned in the picture plane,
    and stays as far in front or behind.
    """
    asked, angle = frame[Brief].key_light, _far_angle(frame)
    if asked is None or angle is None:
        return asked
    x, y, z = asked.direction
    across, up = math.hypot(x, y) * math.cos(angle), math.hypot(x, y) * math.sin(angle)
    return asked.model_copy(
        update={
            "azimuth_deg": math.degrees(math.atan2(across, z)),
            "elevation_deg": math.degrees(math.asin(min(max(up, 0.0), 1.0))),
        }
    )


def difference(frame: Frame) -> str | None:
    """Say that the light in the picture comes from elsewhere than it was asked to, if it does."""
    asked, found = frame[Brief].key_light, found_light(frame)
    if asked is None or found is None or _far_angle(frame) is None:
        return None
    likeness, drawn = frame[Kept].likeness, frame.get(Drawn)
    is_drawn_by_seed = drawn is not None and drawn.origin.is_generated
    off = 0.0 if likeness is None else likeness.light_angle_error_deg or 0.0
    return (
        f"light was asked {from_where(asked)}, and the product is lit {from_where(found)}: {off:.0f} degrees"
        f" off in the picture{'; another seed may follow it better' if is_drawn_by_seed else ''}"
    )


def _far_angle(frame: Frame) -> float | None:
    """Return the measured direction in radians, 0 right and a quarter turn above, if it is a far one."""
    kept = frame.get(Kept)
    likeness = None if kept is None else kept.likeness
    if likeness is None or likeness.light_angle_deg is None or likeness.light_angle_error_deg is None:
        return None
    lights = frame[Brief].lights
    # What is measured is the sum of all: it is the key light's where that gives most of it.
    others = sum(light.strength for light in lights[1:])
    is_seen = bool(lights) and lights[0].strength >= max(AMBIENT_BELOW, others)
    is_far = is_seen and likeness.light_angle_error_deg > FAR_DEG
    return math.radians(likeness.light_angle_deg) if is_far else None
