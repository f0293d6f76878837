"""What a product's outline alone says of the camera's pitch: arcs of round feet and tops, how it stands.

A circle on the floor is seen as an ellipse whose axes have the ratio sin(pitch) (orthographic projection).
All is measured at a small size. Angles are the outline's own, not yet corrected for rounded edges and
perspective.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.images import Matte
from prodgen.masks import bounding_box

Solid = NDArray[np.bool_]
"""(h, w), the product's box and nothing around it."""

Outlines = Sequence[NDArray[Any]]
"""(N, 1, 2) each, points of closed outlines as OpenCV gives them."""

OUTLINE_SIDE_PX = 256
"""Long side of the product, in pixels, at which its outline is measured. Speed: finer changes nothing."""

STEEPEST_FOOT_DEG = 30.0
"""Steepest lower edge, in degrees, that counts as standing on the floor.

Measured: 20 to 40 degrees change the cross-validated log loss of "stands or lies" by less than 0.05."""

FOOT_BAND = 0.04
"""Height of the band over the floor in which an outline touches it, in product heights. Chosen: the outline's
own unevenness at the size it is measured at."""

THIN_PART = 0.12
"""Radius of a disc, in roots of the product's area, that does not fit into handles, straps and cables.

Chosen: they would widen foot or top."""

WORST_ELLIPSE = 0.975
"""Intersection over union with its best ellipse from which a whole outline counts as one ellipse.

Measured: plates and lace reach 0.98, a bottle or mug 0.90 at most."""

LEVEL_DEG, ROUND_DEG = 20.0, 75.0
"""A disc on the floor has its long axis within so many degrees of level; above the second angle it is so
round that its axis has no direction. Chosen."""

RECTANGLE = 0.93
"""Share of its smallest rectangle that a rectangular part fills. Measured: a phone or book from above fills
0.96, all else 0.91 at most."""

TILTED_DEG = 6.0
"""Turn of a rectangle, in degrees, from which it cannot be the front of a box that stands. Chosen."""


class Contour(NamedTuple):
    """Numbers of one outline."""

    standing: float
    """Log of the share of its width that stands on the floor."""
    symmetry: float
    """Best overlap with its mirror image, left for right, [0, 1]."""
    upright_edges: float
    """Share of the outline's length that is vertical."""
    foot_deg: float | None
    """Pitch that the lowest arc shows if it is the front of a round foot; None where the frame cuts it."""
    top_deg: float | None
    """Pitch that the uppermost arc shows if it is the back of a round top."""
    ellipse_deg: float | None
    """Pitch that the whole outline shows if it is one ellipse, as a plate's is; else None."""
    has_tilted_rectangle: bool
    """Whether a part is a rectangle that is turned in the picture: right angles are seen from above alone."""


def measure_contour(matte: Matte) -> Contour:
    """Measure the outline of a product.

    Raises:
        ImageError: If the matte is empty.
    """
    box = bounding_box(matte)
    scale = OUTLINE_SIDE_PX / max(box.width, box.height)
    size = (max(round(box.width * scale), 8), max(round(box.height * scale), 8))
    part = matte[box.top : box.bottom, box.left : box.right]
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    solid = np.asarray(small > 0.5, np.bool_)
    outlines, _ = cv2.findContours(solid.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:  # so thin that its pixels at the small size are half empty
        solid = np.asarray(small >= 0.5 * float(small.max()), np.bool_)
        outlines, _ = cv2.findContours(solid.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(solid.shape, np.uint8)
    cv2.drawContours(filled, outlines, -1, 1, -1)
    widths = _row_widths(_body(filled))
    return Contour(
        standing=_standing(solid),
        symmetry=_symmetry(filled > 0),
        upright_edges=_upright_edges(outlines),
        foot_deg=_arc_deg(widths[::-1]) if box.bottom < matte.shape[0] else None,
        top_deg=_arc_deg(widths) if box.top > 0 else None,
        ellipse_deg=_ellipse_deg(outlines, solid.shape),
        has_tilted_rectangle=_has_tilted_rectangle(outlines),
    )


def _body(filled: NDArray[np.uint8]) -> Solid:
    """Return the largest part of the product, cut to the columns that more than handles and straps take."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(filled)
    largest = (labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))).astype(np.uint8)
    radius = max(1, round(THIN_PART * math.sqrt(float(largest.sum()))))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    padded = np.pad(largest, radius)
    core = cv2.morphologyEx(padded, cv2.MORPH_OPEN, disc)[radius:-radius, radius:-radius]
    columns = np.flatnonzero((core if core.any() else largest).any(axis=0))
    return np.asarray(largest[:, columns[0] : columns[-1] + 1] > 0, np.bool_)


def _row_widths(body: Solid) -> NDArray[np.float64]:
    """Return the width from the first to the last pixel of each row that has one."""
    rows = body[body.any(axis=1)]
    first, last = np.argmax(rows, axis=1), rows.shape[1] - 1 - np.argmax(rows[:, ::-1], axis=1)
    return np.asarray(last - first + 1, np.float64)


def _arc_deg(widths: NDArray[np.float64]) -> float:
    """Return asin of the axis ratio of the half ellipse with which an outline begins.

    Args:
        widths: Width of each row, from the outermost inwards.

    The half ellipse may go over into walls that lean; its height is the one of 60 that fits best.
    """
    best, ratio = math.inf, 0.0
    for rise in np.geomspace(1, 0.9 * max(len(widths), 2), 60):
        count = int(min(len(widths), max(round(1.8 * rise) + 2, 8)))
        depth = np.arange(count) + 0.5
        arc = np.sqrt(np.clip(1 - np.square(1 - np.minimum(depth / rise, 1)), 0, 1))
        terms = np.stack([arc, np.maximum(depth - rise, 0)], axis=1)
        wide, lean = np.linalg.lstsq(terms, widths[:count], rcond=None)[0]
        if wide <= 0 or 2 * rise / wide > 1.05:
            continue
        error = float(np.abs(terms @ (wide, lean) - widths[:count]).mean() / wide)
        if error < best:
            best, ratio = error, float(2 * rise / wide)
    return math.degrees(math.asin(min(ratio, 1.0)))


def _standing(solid: Solid) -> float:
    """Return the log of the share of columns that touch the flat part of the lower convex hull."""
    height, width = solid.shape
    lowest = np.where(solid.any(axis=0), height - 1 - np.argmax(solid[::-1], axis=0), -1).astype(np.float64)
    hull: list[tuple[float, float]] = []
    for x, y in zip(np.flatnonzero(lowest >= 0).tolist(), lowest[lowest >= 0].tolist(), strict=True):
        while len(hull) > 1 and _turns_up(hull[-2], hull[-1], (x, y)):
            hull.pop()
        hull.append((x, y))
    corners = np.array(hull)
    if len(corners) < 2:
        return math.log(1.05)
    steps = np.diff(corners, axis=0)
    is_flat = np.abs(steps[:, 1]) < math.tan(math.radians(STEEPEST_FOOT_DEG)) * steps[:, 0]
    columns = np.arange(width)
    edge = np.clip(np.searchsorted(corners[:, 0], columns, side="right") - 1, 0, len(steps) - 1)
    floor = np.interp(columns, corners[:, 0], corners[:, 1])
    touches = is_flat[edge] & (lowest >= 0) & (floor - lowest <= FOOT_BAND * height)
    return math.log(float(touches.mean()) + 0.05)


def _turns_up(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    """Return whether b lies on or over the line from a to c, so that it is no corner of the lower hull."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) >= 0


def _symmetry(filled: Solid) -> float:
    """Return the best intersection over union with the mirror image, over shifts of a third of the width."""
    width = filled.shape[1]
    wide = np.pad(filled, ((0, 0), (width // 2, width // 2)))
    mirrored = np.ascontiguousarray(wide[:, ::-1])
    total = 2 * int(wide.sum())
    best = 0.0
    for shift in range(-(width // 3), width // 3 + 1, max(1, width // 40)):
        both = int(np.count_nonzero(wide & np.roll(mirrored, shift, axis=1)))
        best = max(best, both / (total - both))
    return best


def _upright_edges(outlines: Outlines) -> float:
    """Return the share of the outlines' length that runs within 12 degrees of vertical."""
    length = vertical = 0.0
    for outline in outlines:
        if len(outline) < 20:  # a speck
            continue
        points = cv2.GaussianBlur(outline[:, 0].astype(np.float32), (1, 9), 2, borderType=cv2.BORDER_REFLECT)
        step = np.roll(points, -3, axis=0) - np.roll(points, 3, axis=0)
        long = np.hypot(step[:, 0], step[:, 1])
        length += float(long.sum())
        vertical += float(long[np.abs(step[:, 0]) < math.tan(math.radians(12)) * np.abs(step[:, 1])].sum())
    return vertical / max(length, 1.0)


def _ellipse_deg(outlines: Outlines, shape: tuple[int, ...]) -> float | None:
    """Return asin of the axis ratio if the convex hull is an ellipse that can lie on the floor, else None."""
    hull = cv2.convexHull(np.concatenate(list(outlines)))
    if len(hull) < 6:
        return None
    margin = 20
    centre, axes, turn = cv2.fitEllipse(hull)
    short, long = sorted(map(float, axes))
    ratio_deg = math.degrees(math.asin(min(short / max(long, 1e-6), 1.0)))
    is_level = abs(turn % 180 - 90) < LEVEL_DEG or ratio_deg > ROUND_DEG
    ours = np.zeros((shape[0] + 2 * margin, shape[1] + 2 * margin), np.uint8)
    theirs = ours.copy()
    cv2.drawContours(ours, [hull + margin], -1, 1, -1)
    if not is_level or long > 4 * max(shape):
        return None
    cv2.ellipse(theirs, ((centre[0] + margin, centre[1] + margin), axes, turn), 1, -1)
    overlap = float((ours & theirs).sum()) / max(float((ours | theirs).sum()), 1.0)
    return ratio_deg if overlap > WORST_ELLIPSE else None


def _has_tilted_rectangle(outlines: Outlines) -> bool:
    """Return whether one of the larger parts is a rectangle that is turned in the picture."""
    total = sum(cv2.contourArea(outline) for outline in outlines)
    for outline in outlines:
        area = cv2.contourArea(outline)
        if area < 0.08 * max(total, 1):
            continue
        _, (wide, high), turn = cv2.minAreaRect(outline)
        if area > RECTANGLE * wide * high and abs((turn + 45) % 90 - 45) > TILTED_DEG:
            return True
    return False
