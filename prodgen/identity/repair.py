"""Take less of the relit picture where it cost the product too much, until it is the same product again.

With nothing of it at all a composite is the photograph, so a way back always exists; it is gone only as far
as needed, and only where needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, Protocol, Self, TypeVar

import cv2
import numpy as np

from prodgen.identity.measure import BLACK, NOT_CLIPPED, WHITE, Comparison, Measurement
from prodgen.identity.verdict import profile_limits
from prodgen.images import Matte, Plane
from prodgen.masks import blur


class Weakenable(Protocol):
    """What a product takes of a relit picture, a light or a layer: less of it is nearer to the photograph."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the map that says where how much is taken."""

    def weakened(self, share: Plane) -> Self:
        """Return what takes only `share` as much, (h, w), 0 to 1."""


T = TypeVar("T")
L = TypeVar("L", bound=Weakenable)

ROUNDS = 5
"""Times the light is weakened before giving up. Speed: five leave 3 % of the log gain."""

WEAKENING = 0.5
"""Share of the log gain that is taken away in each round where limits are broken. Chosen: a halving."""

FAULT_SPREAD = 0.03
"""Sigma, in product extents, by which faults are spread before light is weakened there.

Chosen as `prodgen.shading.field.COLOR_SCALE`: weakened light has no visible border.
"""

FAULT_GAIN = 3.0
"""Factor on the spread faults, clipped at 1. Chosen: the middle of a fault is weakened fully."""

BEYOND_LIGHT = frozenset({"light_kept", "light_angle_error_deg", "outline_growth_percent", "missing_percent"})
"""Numbers that weaker light cannot mend: it is further from the relit light, and an outline is no light."""


@dataclass(frozen=True)
class Repaired(Generic[T, L]):
    """The best composite that could be made, and what is known about it."""

    composite: T
    """Whatever the caller's `compose` made of `field`."""

    measurement: Measurement
    """What the caller's `judge` measured on that composite."""

    field: L
    """The light, or the layer, that was used in the end."""

    rounds: int
    """How often the light was weakened; 0 if nothing had to be repaired."""


def repair(
    field: L,
    compose: Callable[[L], T],
    judge: Callable[[T], Measurement],
    *,
    profile: str = "editorial",
) -> Repaired[T, L]:
    """Compose, judge, and weaken the light where failure limits are broken that weaker light can mend.

    Args:
        field: The light to begin with, or the layer.
        compose: Makes the picture that will be delivered, from such a light or layer.
        judge: Measures it. Called once for each light that is tried; what is returned is its last answer.
        profile: Whose failure limits must hold; warnings are accepted.

    Returns:
        The last composite. Its verdict still is "fail" where the way back to the photograph did not help,
        as where the scene holds remains of a product that grew; it must not be delivered silently then.

    Raises:
        UnknownNameError: If there is no such profile.
    """
    worst = profile_limits(profile)["delta_e_p95"].warn
    share = np.ones(field.shape, np.float32)
    current = field
    for count in range(ROUNDS + 1):
        composite = compose(current)
        measured = judge(composite)
        failed = {limit.number for limit in measured.likeness.verdict(profile).failures}
        if count == ROUNDS or not failed - BEYOND_LIGHT:
            break
        fault = _fault_mask(measured.comparison, worst=worst)
        fitted = cv2.resize(fault, share.shape[::-1], interpolation=cv2.INTER_AREA)
        share = share * (1 - WEAKENING * np.clip(fitted, 0, 1))
        current = field.weakened(share)
    weakened = 100 * float((share < 0.95).mean())
    likeness = measured.likeness.model_copy(update={"repaired_percent": weakened})
    return Repaired(composite, replace(measured, likeness=likeness), current, count)


def _fault_mask(seen: Comparison, *, worst: float) -> Matte:
    """(h, w), 1 where a colour is off by more than `worst` or newly clipped, softly spread.

    All 1 if no place stands out, as for faults of detail and edges: then the light is weakened everywhere.
    """
    photo, found = seen.photo, seen.found
    white = (found.min(axis=-1) >= WHITE) & (photo.min(axis=-1) < NOT_CLIPPED)
    black = (found.max(axis=-1) <= BLACK) & (photo.max(axis=-1) > 1 - NOT_CLIPPED)
    wrong = (seen.heat() > worst) | (seen.inside > 0) & (white | black)
    extent = float(np.sqrt(max(float(seen.inside.sum()), 1.0)))
    spread = np.clip(FAULT_GAIN * blur(wrong.astype(np.float32), FAULT_SPREAD * extent), 0, 1)
    return np.ones_like(spread) if spread.max() < 0.5 else spread
