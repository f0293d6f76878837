"""Finds scenes in which nothing can be seen for a product to stand on: a wall, the sky, a void.

A floor that a camera looks along ends somewhere above the product's foot, at an edge, or its texture becomes
finer towards there. Where the picture goes on from its top to below the foot as one surface without either,
there is no floor, or it is seen from straight above. A plain surface says nothing: a studio's sweep is one.
It is silent where it is not sure: a floor that is missed costs a word, a false alarm the trust in all others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.color import to_lab
from prodgen.images import Matte, RgbImage
from prodgen.masks import bounding_box

Surface = Literal["wall", "sky", "void"]
"""What is seen in a floor's place."""

SIDE_PX = 160
"""Long side, in pixels, at which a scene is looked at. Speed."""

BELOW_FOOT = 0.06
"""How far below the foot the surface must go on, as a share of the picture's height. Chosen."""

SPAN = 0.05
"""Height of the two bands whose colours make a step, as a share of the picture's height. Chosen."""

VOID = 0.03
"""Lightness (CIE L* of 1) of the brightest row of a void. Measured: a dark studio's floor is above 0.06."""

EDGE = 0.08
"""Step of colour (CIE Lab of 1) from which there is an edge across the picture.

Measured: the floors' ends in eight panoramas are above it, skies below 0.05."""

TEXTURED = 0.006
"""Mean fine detail (L* of 1) from which a surface is textured. Measured: film grain stays below 0.004."""

COURSES = 2.2
"""Edges that a texture has itself, in its own contrast: courses of bricks are no floor's end. Measured."""

SAME_FINENESS, SAME_SLANT = 0.12, 0.45
"""Most that fineness and slant of a wall's texture change over its height, in natural log.

Measured: floors seen from 8 to 35 degrees change in fineness by 0.3 and more."""

GRAIN = 2.0
"""Fineness from which a texture is grain, which says nothing of a surface.

Statistics: white noise has 2.8, the mean gradient both ways over the mean deviation; textures have 1.6."""

SAME_COLOUR, SAME_DETAIL = 1.3, 2.2
"""Most that twelve parts of a wall differ, in its own contrast, and the ratio of their detail.

Measured: gardens and rooms, which are full of things, are above 1.3."""

EVEN = 0.03
"""Most that colour changes along a row of a sky (Lab of 1). Measured: of clear skies it is 0.01."""

HORIZON = 0.12
"""Step of colour, to something darker, at a horizon below the foot. Measured."""

BLUE, PALER = -8.0, 0.6
"""CIE b* of a blue sky, and its saturation at the horizon over that at the top.

Physics: air scatters all colours over a long way, so a sky pales downwards; a studio keeps its colour."""


CLOUDY, CLEAR, DEEP_BLUE, UPRIGHT = 0.97, 0.1, -15.0, 0.5
"""Share of a cloudy sky that is blue or a pale grey, least share of each, CIE b* of the blue, and most slant.

Measured: of 526 floors none is so, water included, whose waves lie (slant above 0.8)."""


@dataclass(frozen=True)
class MissingFloor:
    """A scene without anything to stand on."""

    surface: Surface
    """What is there instead."""

    def __str__(self) -> str:
        """Say what is seen in the floor's place."""
        what = {
            "wall": "the scene is one surface from its top to below the foot (a wall, or a floor from above)",
            "sky": "the foot is in the sky",
            "void": "the scene is black",
        }
        return f"no floor is seen under the product: {what[self.surface]}"


def find_missing_floor(scene: RgbImage, matte: Matte) -> MissingFloor | None:
    """Say what is seen instead of a floor, if it is sure that none is.

    Measured on crops of eight panoramas and on drawn surfaces (`benchmarks/missing_floor.py`).

    Args:
        scene: (H, W, 3), sRGB, with or without the product in it.
        matte: (H, W), 1 = product; the columns that it takes are not looked at.

    Returns:
        What is there, or None: a floor, or nothing that is sure.

    Raises:
        ImageError: If the matte is empty.
    """
    box, (height, width) = bounding_box(matte), matte.shape
    scale = SIDE_PX / max(height, width)
    size = (max(round(width * scale), 16), max(round(height * scale), 16))
    lab = to_lab(np.asarray(cv2.resize(scene, size, interpolation=cv2.INTER_AREA), np.float32))
    beside = np.ones(size[0], np.bool_)
    beside[max(math.floor(box.left * scale) - 2, 0) : math.ceil(box.right * scale) + 2] = False
    if beside.sum() < size[0] // 8:
        return None  # a product so wide hides what it stands on
    end = min(round(box.bottom * scale + BELOW_FOOT * size[1]), size[1])
    seen = _Surface.of(lab, beside, end)
    surface = seen.surface()
    return None if surface is None else MissingFloor(surface)


@dataclass(frozen=True, eq=False)
class _Surface:
    """What is beside a product from the picture's top to below its foot, row by row."""

    rows: NDArray[np.float32]
    """(h, 3): median Lab of every row of the picture, over 100."""
    end: int
    """Row up to which the surface is looked at."""
    along: float
    """How much colour changes along a row."""
    detail: float
    """Mean fine detail."""
    fineness: NDArray[np.float32]
    """Gradient over contrast of the upper, middle and lower third."""
    contrast: NDArray[np.float32]
    slant: NDArray[np.float32]
    """Natural log of vertical over horizontal gradient, of each third."""
    parts: NDArray[np.float32]
    """(12, 3): mean Lab of parts, over 100."""
    part_details: NDArray[np.float32]
    is_cloudy: bool
    """Whether it is blue, white and grey all over, as clouds in a sky are."""

    @classmethod
    def of(cls, lab: NDArray[np.float32], beside: NDArray[np.bool_], end: int) -> _Surface:
        light = lab[..., 0] / 100
        fine = np.abs(light - cv2.GaussianBlur(light, (0, 0), 1.5))
        coarse = np.abs(light - cv2.GaussianBlur(light, (0, 0), 6))
        across, down = np.abs(np.diff(light, axis=1)), np.abs(np.diff(light, axis=0))
        columns = np.flatnonzero(beside)
        thirds = [slice(end * part // 3, end * (part + 1) // 3) for part in range(3)]
        sides = np.array_split(columns, 4)
        steps = [(across[rows][:, beside[1:]].mean(), down[rows][:, beside].mean()) for rows in thirds]
        contrast = [coarse[rows][:, beside].mean() for rows in thirds]
        slant = [math.log((y + 1e-4) / (x + 1e-4)) for x, y in steps]
        numbers: dict[str, Any] = {
            "rows": np.median(lab[:, beside], axis=1) / 100,
            "along": float(np.median(lab[:end, beside].std(axis=1).mean(axis=1))) / 100,
            "detail": float(fine[:end, beside].mean()),
            "fineness": [sum(step) / (much + 1e-3) for step, much in zip(steps, contrast, strict=True)],
            "contrast": contrast,
            "slant": slant,
            "parts": [lab[rows][:, side].mean(axis=(0, 1)) / 100 for rows in thirds for side in sides],
            "part_details": [fine[rows][:, side].mean() for rows in thirds for side in sides],
        }
        arrays = {k: np.asarray(v, np.float32) for k, v in numbers.items() if not isinstance(v, float)}
        is_upright = max(map(abs, slant)) < UPRIGHT
        return cls(**{**numbers, **arrays}, end=end, is_cloudy=is_upright and _is_cloudy(lab[:end, beside]))

    def surface(self) -> Surface | None:
        """Return what it is if it is no floor."""
        if float(self.rows[: self.end, 0].max()) < VOID:
            return "void"
        if self.is_cloudy:
            return "sky"
        span = max(round(SPAN * len(self.rows)), 3)
        steps = _steps(self.rows, span)
        own = float(self.contrast.mean())
        is_textured = self.detail > TEXTURED
        edge = max(EDGE, COURSES * own) if is_textured else EDGE
        if float(steps[span : self.end - span].max(initial=0)) > edge:
            return None
        if is_textured:
            return "wall" if self._is_one_texture(own) else None
        return "sky" if self.along < EVEN and self._is_sky(steps, span) else None

    def _is_one_texture(self, own: float) -> bool:
        def change(values: NDArray[np.float32]) -> float:
            return float(np.abs(np.log(np.maximum(values, 1e-4) / max(float(values[0]), 1e-4))).max())

        return (
            float(self.fineness.max()) < GRAIN
            and change(self.fineness) < SAME_FINENESS
            and float(np.ptp(self.slant[[0, 2]])) < SAME_SLANT
            and float(np.linalg.norm(self.parts.std(axis=0))) < SAME_COLOUR * own
            and float(self.part_details.max()) < SAME_DETAIL * float(self.part_details.min())
        )

    def _is_sky(self, steps: NDArray[np.float32], span: int) -> bool:
        below = self.rows[min(self.end + span, len(self.rows) - 1) :, 0].mean()
        above = self.rows[max(self.end - 2 * span, 0) : self.end, 0].mean()
        horizon = float(steps[self.end : len(steps) - span].max(initial=0))
        if horizon > HORIZON and below < above:
            return True
        sky, fifth = self.rows[: self.end], max(self.end // 5, 2)
        saturation = np.hypot(sky[:, 1], sky[:, 2]) / np.maximum(sky[:, 0], 0.05)
        return bool(
            sky[:, 2].mean() < BLUE / 100
            and sky[-fifth:, 0].mean() > sky[:fifth, 0].mean()
            and saturation[-fifth:].mean() < PALER * saturation[:fifth].mean()
        )


def _is_cloudy(lab: NDArray[np.float32]) -> bool:
    grey = (np.hypot(lab[..., 1], lab[..., 2]) < 12) & (lab[..., 0] > 60)
    blue = (lab[..., 2] < -4) & (np.abs(lab[..., 1]) < 12)
    is_mixed = min(grey.mean(), (lab[..., 2] < DEEP_BLUE).mean()) > CLEAR
    return bool((grey | blue).mean() > CLOUDY and is_mixed)


def _steps(rows: NDArray[np.float32], span: int) -> NDArray[np.float32]:
    """Return how much the colours of the `span` rows above and below each row differ, (h,)."""
    sums = np.concatenate([np.zeros((1, 3)), np.cumsum(rows, axis=0)])
    at = np.arange(span, len(rows) - span)
    found = np.zeros(len(rows), np.float32)
    found[at] = np.linalg.norm(2 * sums[at] - sums[at - span] - sums[at + span], axis=1) / span
    return found
