"""A pale top that vanished into a pale backdrop, closed the way the product must go on.

White on white leaves less than one grey level between product and backdrop, so a lid loses its top
and keeps its two corners. Between two such corners the outline is drawn on: level, and arched as far
as the faint edge that is only seen when hundreds of pixels along the arch are averaged. Owns that
one repair; true hollows (a handle, a strap, a coloured rim) are left alone.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.segmenters.silhouette import Binary

PALE_CHROMA = 4.0
"""Median a*b* distance from the backdrop up to which a rim is pale enough to have vanished."""

PALE_DIFFERENCE = 16.0
"""The same in L*a*b*: beyond, the rim is plainly there, and what is hollow is hollow."""

WIDEST_DEPTH = 0.2
"""Share of the product's height up to which a hollow is taken for a lost top; a deeper one is a shape."""

LEAST_DEPTH = 0.03
"""The same below which it is an uneven edge, which snapping mends better."""

NARROWEST = 0.3
"""Share of the product's width from which on; a narrow notch is a shape too."""

HIGHEST_ARCH = 0.22
"""Of the chord's length: a round lid seen from 25 degrees above."""

FAINTEST_STEP = 0.06
"""L* across the arch: a quarter of an 8-bit level, which an average over 300 pixels can tell."""


SURE = 3.5
"""Standard errors that a step must be above nothing: of a hundred arches tried, none by chance."""

Plane = NDArray[np.float32]


class _Hollow(NamedTuple):
    left: int
    right: int
    level: int
    """Row of the higher corner."""


def close_pale_top(solid: Binary, flat: Plane) -> Binary:
    """Close a hollow between two corners at the product's top, if its rim is as pale as the backdrop.

    Only the top: a product's foot stands in its shadow, which shows where it ends.

    Args:
        solid: (h, w), 1 = product, 0 = not; at working size.
        flat: (h, w, 3), L*a*b* with the backdrop taken off.

    Returns:
        A new mask; the same where there is nothing to close.
    """
    hollow = _hollow(solid, flat)
    if hollow is None:
        return solid
    arch = _arch(flat[..., 0], hollow)
    x = np.arange(hollow.left, hollow.right + 1)
    u = (x - (hollow.left + hollow.right) / 2) / max((hollow.right - hollow.left) / 2, 1)
    top = hollow.level - arch * np.sqrt(np.clip(1 - u**2, 0, 1))
    closed = solid.copy()
    for column, row in zip(x, top, strict=True):
        below = np.flatnonzero(solid[:, column])
        if len(below):
            closed[max(0, round(row)) : below[0], column] = 1
    return closed


def _hollow(solid: Binary, flat: Plane) -> _Hollow | None:
    """The hollow at the top between two corners, if it looks like a lost rim."""
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    if not len(rows):
        return None
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    contours, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = np.zeros_like(solid)
    cv2.drawContours(hull, [cv2.convexHull(np.concatenate(contours))], -1, 1, -1)
    count, labels, stats, _ = cv2.connectedComponentsWithStats((hull & (1 - solid)).astype(np.uint8))
    for k in range(1, count):
        left, top, across, down, area = stats[k]
        at_top = top - rows[0] <= 0.1 * height and left > columns[0] and left + across <= columns[-1]
        deep = LEAST_DEPTH * height <= down <= WIDEST_DEPTH * height
        if not at_top or not deep or across < NARROWEST * width or area < 40:
            continue
        inside = labels == k
        rim = (cv2.dilate(inside.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0) & (solid > 0)
        colours = flat[rim]
        is_pale = np.median(np.hypot(colours[:, 1], colours[:, 2])) < PALE_CHROMA
        if is_pale and np.median(np.linalg.norm(colours, axis=1)) < PALE_DIFFERENCE:
            return _corners(solid, int(left), int(left + across - 1), int(top))
    return None


def _corners(solid: Binary, left: int, right: int, level: int) -> _Hollow:
    """The corners' outer sides, at the height of the higher one."""
    first = solid.argmax(axis=0)
    has = np.asarray(solid.max(axis=0) > 0)
    limit = max(3, (right - left) // 12)
    while left > 0 and has[left - 1] and abs(int(first[left - 1]) - level) < limit:
        left -= 1
    while right < solid.shape[1] - 1 and has[right + 1] and abs(int(first[right + 1]) - level) < 2 * limit:
        right += 1
    return _Hollow(left, right, level)


def _arch(lightness: Plane, hollow: _Hollow) -> float:
    """How far the top is arched, in pixels: where the mean step of lightness across the arch is clearest."""
    span = hollow.right - hollow.left
    smooth = cv2.GaussianBlur(lightness, (0, 0), 1.0).astype(np.float32)
    u = np.linspace(-0.9, 0.9, max(32, span), dtype=np.float32)
    x = ((hollow.left + hollow.right) / 2 + u * span / 2).astype(np.float32)
    heights = np.arange(0, HIGHEST_ARCH * span, 1.0)
    clearness = np.zeros(len(heights))
    for k, height in enumerate(heights):
        y = (hollow.level - height * np.sqrt(1 - u**2)).astype(np.float32)
        if y.min() < 9:
            break
        # A shading that only slopes has as much step a pixel further out; an edge has not.
        change = _step(smooth, x, y, 2.0) - _step(smooth, x, y, 8.0) / 4
        # Noise is what differs four samples on (nearer ones share the blur); shading hardly changes there.
        doubt = float((change[0, 4:] - change[0, :-4]).std()) / math.sqrt(2 * len(x) / 4)
        mean = abs(float(change.mean()))
        clearness[k] = mean if mean > max(FAINTEST_STEP, SURE * doubt) else 0
    best = int(clearness.argmax())
    return float(heights[best]) if clearness[best] > 0 else 0.0


def _step(lightness: Plane, x: Plane, y: Plane, reach: float) -> Plane:
    """Change of lightness from `reach` pixels above a curve to as many below, for each of its points."""
    below = cv2.remap(lightness, x[None], y[None] + np.float32(reach), cv2.INTER_LINEAR)
    above = cv2.remap(lightness, x[None], y[None] - np.float32(reach), cv2.INTER_LINEAR)
    return np.asarray(below - above, np.float32)
