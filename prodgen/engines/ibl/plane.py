"""The floor as a plane: where each pixel below the horizon lies on it, and noise that never aliases.

A material is a formula of the floor's coordinates. Whatever is finer than a pixel, at the distance where a
row sees the floor, is faded out before it is drawn, so there is no moire and no shimmer; this is frequency
clamping (Norton, Rockwood and Skolmoski, "Clamping: a method of antialiasing textured surfaces", 1982).
Owns coordinates and noise; knows no material.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.engines.ibl.camera import Camera
from prodgen.engines.ibl.panorama import Array

MAGNIFIED = 0.6
"""Sigma, in pixels of the sheet, by which noise is smoothed where a picture shows it magnified. Chosen by
eye: the least that shows neither terraces nor facets under a low sun."""

Pattern = NDArray[np.floating[Any]]
"""Float32 at run time; sums of patterns and plain numbers are not typed so narrowly."""

CELLS, CELL_PX = 64, 16
"""The noise repeats after 64 random values each way, drawn 16 pixels apart. Speed: a sheet takes 4 MiB."""

FARTHEST_DEPTH = 14.0
"""Largest depth that rows resolve, in depths of the product; beyond it they repeat the last one. Guard."""


@lru_cache(maxsize=1)
def _noise_sheets() -> tuple[Array, Array]:
    """Two smooth periodic noises, (1024, 1024), about [-1, 1], standard deviation 0.5."""
    rng = np.random.default_rng(20240501)
    sheets = []
    for _ in range(2):
        lattice = rng.normal(0, 1, (CELLS, CELLS)).astype(np.float32)
        wrapped = cv2.copyMakeBorder(lattice, 4, 4, 4, 4, cv2.BORDER_WRAP)
        size = (CELLS + 8) * CELL_PX
        large = cv2.resize(wrapped, (size, size), interpolation=cv2.INTER_CUBIC)
        sheet = large[4 * CELL_PX : -4 * CELL_PX, 4 * CELL_PX : -4 * CELL_PX]
        sheet = np.clip(sheet * (0.5 / sheet.std()), -1.6, 1.6).astype(np.float32)
        sheet.setflags(write=False)
        sheets.append(sheet)
    return sheets[0], sheets[1]


@dataclass(frozen=True)
class Plane:
    """Coordinates of the floor, one value a pixel of the rows it covers.

    The unit is the camera's side (about 30 cm) where the product stands.
    """

    x: Array
    """(h, W): across, after turning the material."""
    z: Array
    """(h, W): into the depth, after turning the material."""
    step_x: Array
    """(h, 1): how far one pixel reaches on the floor, sideways."""
    step_z: Array
    """(h, 1): how far one pixel reaches on the floor, into the depth."""
    turn: float
    """Angle between picture and material, radians."""
    phase: tuple[float, float]
    """Where on the endless material this picture lies."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.x.shape[0], self.x.shape[1]

    def fading(self, across: float, along: float) -> Array:
        """(h, 1): 1 where a pattern of these frequencies (per unit) is well drawn, 0 where it is too fine."""
        c, s = abs(math.cos(self.turn)), abs(math.sin(self.turn))
        step_x, step_z = self.step_x * c + self.step_z * s, self.step_z * c + self.step_x * s
        cycles = np.maximum(across * step_x, along * step_z)
        return np.clip(1.6 - 2.4 * cycles, 0, 1).astype(np.float32)

    def noise(self, across: float, along: float, *, seed: int = 0, warp: Pattern | None = None) -> Array:
        """Smooth noise (h, W), about [-1, 1]; `across` and `along` are random values per unit."""
        fade = self.fading(across, along)
        result = np.zeros(self.shape, np.float32)
        seen = np.flatnonzero(fade[:, 0] > 0.01)
        if not len(seen):
            return result
        first = int(seen[0])  # rows come nearer downwards, so the fine ones are the lower ones
        # Offsets by irrational steps, so that the octaves do not line up.
        u = self.x[first:] * np.float32(across * CELL_PX) + np.float32(
            (self.phase[0] * across + seed * 17.31) % CELLS * CELL_PX
        )
        v = self.z[first:] * np.float32(along * CELL_PX) + np.float32(
            (self.phase[1] * along + seed * 29.77) % CELLS * CELL_PX
        )
        if warp is not None:
            v = v + warp[first:] * np.float32(CELL_PX)
        size = np.float32(CELLS * CELL_PX)
        u -= np.floor(u * (1 / size)) * size
        v -= np.floor(v * (1 / size)) * size
        sheet = _noise_sheets()[seed % 2]
        drawn = cv2.remap(sheet, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        # Magnified, the sheet's pixels and the 32 steps that are looked up between two show as terraces.
        wide, high = (
            MAGNIFIED / max(rate * CELL_PX * float(step[-1, 0]), 1e-6)
            for rate, step in ((across, self.step_x), (along, self.step_z))
        )
        if min(wide, high) > 1:
            drawn = cv2.GaussianBlur(drawn, (0, 0), wide, sigmaY=high, borderType=cv2.BORDER_REFLECT_101)
        result[first:] = drawn * fade[first:]
        return result

    def layers(
        self, frequency: float, count: int, *, stretch: float = 1.0, gain: float = 0.5, seed: int = 0
    ) -> Array:
        """Noise in `count` octaves, each twice as fine and `gain` as strong; `stretch` is along / across."""
        total = np.zeros(self.shape, np.float32)
        norm, strength = 0.0, 1.0
        for octave in range(count):
            scale = frequency * 2.03**octave
            total += self.noise(scale, scale * stretch, seed=seed + octave) * np.float32(strength)
            norm += strength**2
            strength *= gain
        return total / np.float32(math.sqrt(norm))

    def line(self, coordinate: Pattern, width: float, *, is_across: bool) -> Array:
        """(h, W): share of each pixel that a line of `width` around coordinate 0 covers."""
        step = self.step_x if is_across else self.step_z
        reach = np.maximum(step, 1e-6)
        covered = np.clip((width / 2 - np.abs(coordinate)) / reach + 0.5, 0, 1) * np.clip(width / reach, 0, 1)
        return np.asarray(covered, np.float32)

    def relief(self, height: Pattern, toward: tuple[float, float], strength: float) -> Array:
        """(h, W): factor on the light, 1 when flat, of a height field under a light from `toward` (x, depth).

        The slope is taken between neighbouring pixels, so it must be called with smooth heights.
        """
        dx = cv2.Sobel(height, -1, 1, 0, ksize=3, scale=1 / 8, borderType=cv2.BORDER_REPLICATE) / self.step_x
        dy = cv2.Sobel(height, -1, 0, 1, ksize=3, scale=1 / 8, borderType=cv2.BORDER_REPLICATE) / self.step_z
        slope = -(dx * toward[0] - dy * toward[1])
        return np.clip(1 + strength * slope, 0.35, 1.9).astype(np.float32)


def make_plane(camera: Camera, rows: Array, *, turn: float, phase: tuple[float, float]) -> Plane:
    """The floor under `rows` (each below the horizon) of the camera's picture.

    Args:
        camera: Gives horizon, base and scale.
        rows: (h,) canvas rows.
        turn: Angle by which the material is turned on the floor, radians.
        phase: Shift of the material, units.
    """
    below = np.maximum(rows - np.float32(camera.horizon), camera.drop / FARTHEST_DEPTH)[:, None]
    depth = np.float32(camera.drop) / below  # in depths of the product
    # Seen at a pitch, a step into the depth is foreshortened by its sine where the product stands.
    unit = np.float32(math.hypot(camera.drop, camera.focal) / camera.side)
    columns = (np.arange(camera.width, dtype=np.float32) + 0.5 - camera.width / 2)[None]
    x = columns * depth / np.float32(camera.side)
    z = np.broadcast_to(depth * unit, x.shape)
    c, s = np.float32(math.cos(turn)), np.float32(math.sin(turn))
    return Plane(
        x=(x * c + z * s).astype(np.float32),
        z=(z * c - x * s).astype(np.float32),
        step_x=(depth / camera.side).astype(np.float32),
        step_z=(depth * unit / below).astype(np.float32),
        turn=turn,
        phase=phase,
    )
