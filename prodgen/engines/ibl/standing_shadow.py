"""The product's shadow on what stands or lies behind it: risers, treads, a wall.

The product is taken for a flat cut-out that faces the camera; a point behind it is dark where the ray from
there to a light meets that, one for each light, as on the floor. Owns this projection; the floor under the
product is `prodgen.shadows`'.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from prodgen.color import LUMA
from prodgen.engines.ibl.camera import Camera
from prodgen.engines.ibl.panorama import Array, Environment, KeyLight
from prodgen.engines.ibl.plane import Pattern
from prodgen.images import Matte
from prodgen.masks import blur

LEAST_FACING = 0.05
"""Smallest cosine to the camera's axis that is divided by. Guard: the ray to a light at the side meets the
cut-out's plane far away or never."""

HALF_SHADOW = 0.30
"""Sigma of a shadow's edge for each unit of distance and softness. Chosen by eye."""

SOFTEST = 0.2
"""Largest sigma, picture sides. Guard: a wider one takes long to blur and shows nothing."""

MOST_TAKEN = 0.72
"""Share of an upright face's light that a shadow takes at most. Chosen by eye: the floor lights it too."""

PALED = 0.4
"""Share of a light's colour that is taken out where it falls on floor and wall.

Chosen by eye: a table under a blue sky would look painted."""

TOWARD = np.array([[0, 0, 1]], np.float32)


@dataclass(frozen=True)
class Caster:
    """A product before the lights."""

    matte: Matte
    camera: Camera
    lights: tuple[KeyLight, ...]
    most: tuple[Array, ...]
    """(3,) for each light: share of all light, by channel, that its full shadow takes."""

    def light_left(self, x: Pattern, y: Pattern | float, z: Pattern | np.float32 | float) -> Array:
        """Share of the light that arrives at points behind the product, (h, w, 3).

        Args:
            x: Picture sides right of the picture's middle, of a shape that the three can be broadcast to.
            y: Sides above the floor, over which a product may hover.
            z: Sides towards the camera, so below 0.
        """
        taken = [
            self._hidden(light, x, y, z)[..., None] * most
            for light, most in zip(self.lights, self.most, strict=True)
        ]
        return np.asarray(1 - np.sum(taken, axis=0), np.float32)

    def _hidden(
        self, light: KeyLight, x: Pattern, y: Pattern | float, z: Pattern | np.float32 | float
    ) -> Array:
        """Return how far the product hides a light from these points, (h, w)."""
        toward = light.direction
        away = -np.asarray(z, np.float32) / max(float(toward[2]), LEAST_FACING)
        column = (x + away * toward[0]) * self.camera.side + self.camera.width / 2
        row = self.camera.base - (y + away * toward[1]) * self.camera.side
        column, row = np.broadcast_arrays(column, row)
        spread = min(HALF_SHADOW * light.softness * float(np.median(away)), SOFTEST)
        sigma = max(spread * self.camera.side, 0.8)
        seen = cv2.remap(
            self.matte,
            np.ascontiguousarray(column, np.float32),
            np.ascontiguousarray(row, np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
        )
        step = float(np.median(np.abs(np.diff(column[0])))) if column.shape[1] > 1 else 1.0
        return blur(np.asarray(seen, np.float32), max(sigma / max(step, 1e-3), 0.6))


def caster_of(matte: Matte, camera: Camera, environment: Environment) -> Caster:
    """The product as what stands in an environment's lights; the rest of its light goes round it."""
    white = environment.irradiance(TOWARD)[0]
    most = []
    for light in environment.lights:
        direct = np.array(light.colour, np.float32) * (
            light.irradiance * max(float(light.direction[2]), 0.0) / np.pi
        )
        most.append(paled(direct) / np.maximum(paled(white), 1e-6))
    over = np.maximum(np.sum(most, axis=0) / MOST_TAKEN, 1)
    shares = tuple(np.asarray(share / over, np.float32) for share in most)
    return Caster(np.asarray(matte, np.float32), camera, environment.lights, shares)


def paled(light: Array) -> Array:
    """Return light (3,) as pale as a camera balanced for the product sees it, of the same luminance."""
    return np.asarray((1 - PALED) * light + PALED * float(light @ LUMA), np.float32)
