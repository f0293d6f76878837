"""Rings on shallow water around what stands in it.

Owns their shape; what they do to the mirror image is `floor_view`'s. Sizes are chosen by eye.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from prodgen.engines.ibl.camera import Camera
from prodgen.engines.ibl.floor_materials import Surface
from prodgen.engines.ibl.panorama import Array
from prodgen.engines.ibl.plane import make_plane

WAVELENGTH, REACH, HEIGHT = 0.105, 0.55, 0.0042
"""Distance between two rings, distance at which they are a third as high, and their height, picture sides."""


def around(surface: Surface, camera: Camera, rows: Array, *, middle: float, half: float) -> Surface:
    """The water with rings around a product.

    Args:
        surface: The water.
        camera: The camera.
        rows: (h,) its rows, each below the horizon.
        middle: The product's middle, picture sides right of the picture's.
        half: Half its width, picture sides.
    """
    plane = make_plane(camera, rows, turn=0.0, phase=(0.0, 0.0))
    unit = math.hypot(camera.drop, camera.focal) / camera.side
    away = np.hypot(plane.x - np.float32(middle), plane.z - np.float32(unit)) - np.float32(0.8 * half)
    beyond = np.maximum(away, 0)
    fade = plane.fading(1 / WAVELENGTH, 1 / WAVELENGTH)
    rings = np.cos(beyond * np.float32(2 * math.pi / WAVELENGTH)) * np.exp(-beyond / REACH) * fade
    still = 0.0 if surface.relief is None else 0.35 * surface.relief
    return replace(surface, relief=np.asarray(still + HEIGHT * rings, np.float32))
