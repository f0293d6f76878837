"""Where a product carries letters and other print, and not gloss, yarn, spokes or laces.

Print is known by what a printer does: several strokes of about one height stand side by side, all of one ink
on one even ground (the grouping of connected components by which text is found in photographs: Epshtein,
Ofek and Wexler, "Detecting text in natural scenes with stroke width transform", 2010).
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.identity.detail import PRINT_CONTRAST, WIDEST_STROKE, find_strokes
from prodgen.images import Matte, Plane

LEAST_INK_PX = 6
"""Pixels below which a stroke is grain. Guard."""

UNEVEN_GROUND = 0.2
"""Largest spread of the ground round a stroke, 10th to 90th percentile, as share of the ink's contrast.

Measured on twelve products: at 0.3 a third of a ball of yarn is print."""

OTHER_TONE = 0.35
"""Largest difference of two strokes' inks, or grounds, as share of the ink's contrast. Chosen."""

OTHER_HEIGHT = 2.5
"""Largest ratio of the heights of strokes in one group. Chosen: a capital beside an x, not beside a comma."""

WIDEST_GAP = 1.5
"""Largest gap between neighbours, in the smaller one's longer side. Chosen: words of a line are one group."""

FEWEST_STROKES = 4
"""Strokes of a group from which on it is print. Measured: three of a ball of yarn do look alike."""


MOST = 1 / 3
"""Share of a group that must have even ground; a highlight may lie over the others. Chosen: a majority."""


class _Stroke(NamedTuple):
    """One connected stroke, with what is around it."""

    label: int
    left: int
    top: int
    right: int
    bottom: int
    ink: float
    """L*."""
    ground: float
    """L*, median."""
    is_steady: bool
    """Whether the ground is even."""

    @property
    def contrast(self) -> float:
        return abs(self.ink - self.ground)

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def longer_side(self) -> int:
        return max(self.height, self.right - self.left)


def find_writing(lightness: Plane, inside: Matte) -> Matte:
    """(h, w), 1 where the product carries print: strokes that stand in groups, as letters do.

    Args:
        lightness: (h, w), L*, 0 to 100.
        inside: (h, w), 1 where the pixel is certainly product.
    """
    found = np.zeros(inside.shape, np.float32)
    for strokes, ink_percentile in zip(find_strokes(lightness, inside), (10, 90), strict=True):
        labels, parts = _parts(lightness, inside, strokes, ink_percentile)
        group = _groups(parts)
        members = Counter(group)
        steady = Counter(of for one, of in zip(parts, group, strict=True) if one.is_steady)
        printed = [
            one.label
            for one, of in zip(parts, group, strict=True)
            if steady[of] >= max(FEWEST_STROKES, MOST * members[of])
        ]
        found[np.isin(labels, printed)] = 1
    return np.asarray(cv2.dilate(found, np.ones((3, 3), np.uint8)) * inside, np.float32)


def _parts(
    lightness: Plane, inside: Matte, strokes: NDArray[np.bool_], ink_percentile: int
) -> tuple[NDArray[np.int32], list[_Stroke]]:
    """Label the strokes, and list them with what is around them."""
    count, labels, measures, _ = cv2.connectedComponentsWithStats(strokes.astype(np.uint8), connectivity=8)
    # Antialiased rims of strokes are no ground.
    ground = (cv2.dilate(strokes.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0) & (inside > 0)
    reach = max(3, round(WIDEST_STROKE / 2 * float(np.sqrt(inside.sum()))))
    disc = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    parts: list[_Stroke] = []
    for label in range(1, count):
        x, y, width, height, area = (int(value) for value in measures[label])
        if area < LEAST_INK_PX:
            continue
        part = (
            slice(max(0, y - reach), y + height + reach),
            slice(max(0, x - reach), x + width + reach),
        )
        own = labels[part] == label
        around = lightness[part][(cv2.dilate(own.astype(np.uint8), disc) > 0) & ground[part]]
        if len(around) < LEAST_INK_PX:
            continue
        low, middle, high = (float(value) for value in np.percentile(around, (10, 50, 90)))
        ink = float(np.percentile(lightness[part][own], ink_percentile))
        is_steady = high - low < UNEVEN_GROUND * max(abs(ink - middle), PRINT_CONTRAST)
        parts.append(_Stroke(label, x, y, x + width, y + height, ink, middle, is_steady))
    return np.asarray(labels, np.int32), parts


def _groups(strokes: list[_Stroke]) -> list[int]:
    """Return the group of each stroke: those that are chained from neighbour to neighbour have one."""
    group = list(range(len(strokes)))
    for index, one in enumerate(strokes):
        for before in range(index):
            if group[before] != group[index] and _are_neighbours(one, strokes[before]):
                joined, gone = group[before], group[index]
                group = [joined if other == gone else other for other in group]
    return group


def _are_neighbours(one: _Stroke, other: _Stroke) -> bool:
    """Whether two strokes may be letters of one word: near, of one height, one ink and one ground."""
    across = max(one.left, other.left) - min(one.right, other.right)
    down = max(one.top, other.top) - min(one.bottom, other.bottom)
    contrast = OTHER_TONE * min(one.contrast, other.contrast)
    return (
        max(across, down) <= WIDEST_GAP * min(one.longer_side, other.longer_side)
        and max(one.height, other.height) <= OTHER_HEIGHT * min(one.height, other.height)
        and abs(one.ink - other.ink) < contrast
        and abs(one.ground - other.ground) < contrast
    )
