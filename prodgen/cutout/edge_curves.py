"""The strongest smooth curve through a strip of picture: an edge fainter than noise is found so. Pure arrays.

Averaged along its length an edge stands out from noise that hides it at every single pixel: 300 px of a step
of 0.3 L* do. The curve is found by dynamic programming over position and slope (the second-order active
contour of Amini, Weymouth and Jain, "Using dynamic programming for solving variational problems in vision",
1990). It maximises the flux of the lightness gradient through it.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.cutout.silhouette import Binary
from prodgen.images import Plane

Points = NDArray[np.float64]

NODE_SPACING_PX = 4
"""Pixels from one node of a curve to the next. Speed."""

CLIMBS = tuple(range(-8, 9))
"""Rows that a curve may climb from node to node. Chosen."""

LARGEST_BEND = 2
"""Rows by which the climb may change from node to node. Speed."""

BEND_PENALTY = 6.0
"""What a change of climb by one row costs, in standard deviations of the gradient's noise. Chosen."""

FINE_SCALE_PX, WIDE_SCALE_PX = 1.2, 5.0
"""Gaussian scales between which an edge is sharp; what is wider is a slope. Chosen."""


class Strip(NamedTuple):
    """A strip of picture along a line, straightened: columns run along the line, rows outwards."""

    along: Plane
    """Gradient of the sharp lightness along the line, L* per pixel; 0 where nothing is visible."""
    outwards: Plane
    """Gradient of the sharp lightness outwards."""
    slope: Plane
    """Gradient outwards of what is not sharp."""
    visible: NDArray[np.bool_]
    """Where there is picture, and nothing that blocks it."""


class Line(NamedTuple):
    """Where a strip lies in the picture."""

    start: Points
    along: Points
    """Unit vector."""
    outwards: Points
    """Unit vector."""
    columns: int


class Curve(NamedTuple):
    """A curve through a strip, from its first column to its last."""

    rows: NDArray[np.int64]
    """Row at each node."""
    flux: float
    """Sum of the steps across it, less what its bends cost."""
    steps: NDArray[np.float64]
    """Step across it, for each piece between nodes."""


def sample_strip(light: Plane, blocked: Binary, line: Line, first_row: int, rows: int) -> Strip:
    """Sample a picture's lightness, (H, W) L*, along a line; `first_row` is the distance where it begins."""
    u, v = np.arange(line.columns), np.arange(first_row, first_row + rows)[:, None]
    x = (line.start[0] + u * line.along[0] + v * line.outwards[0]).astype(np.float32)
    y = (line.start[1] + u * line.along[1] + v * line.outwards[1]).astype(np.float32)
    sampled = cv2.remap(light, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    free = cv2.remap(1 - blocked, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    height, width = light.shape
    in_picture = (x > 2) & (x < width - 3) & (y > 2) & (y < height - 3)
    visible = (free > 0) & in_picture
    fine, wide = (
        np.asarray(cv2.GaussianBlur(sampled, (0, 0), sigma), np.float32)
        for sigma in (FINE_SCALE_PX, WIDE_SCALE_PX)
    )
    sharp, seen = fine - wide, visible.astype(np.float32)
    return Strip(_sobel(sharp, 1, 0) * seen, _sobel(sharp, 0, 1) * seen, _sobel(wide, 0, 1) * seen, visible)


def _sobel(light: Plane, x: int, y: int) -> Plane:
    return np.asarray(cv2.Sobel(light, cv2.CV_32F, x, y, scale=1 / 8), np.float32)


def noise_deviation(*strips: Strip) -> float:
    """Robust standard deviation of the gradient outwards: 1.48 times the median absolute value."""
    values = np.concatenate([strip.outwards[strip.visible] for strip in strips])
    return max(0.01, float(1.48 * np.median(np.abs(values)))) if values.size else 1.0


def strongest_curves(strip: Strip, noise: float, *, hinge_row: int | None = None) -> tuple[Curve, Curve]:
    """The curves of the largest flux from the first to the last column, the stronger one first.

    One is the strongest among steps up in lightness, the other among steps down.

    Args:
        strip: Where to look.
        noise: Standard deviation of the gradient's noise.
        hinge_row: A row from which both ends of the curve are held by a penalty; None leaves them free.
    """
    flux = _flux_of_pieces(strip, noise)
    pieces, climbs, rows = flux.shape
    away = np.zeros(rows, np.float32)
    if hinge_row is not None:
        away = (0.5 * noise * np.abs(np.arange(rows) - hinge_row)).astype(np.float32)
    source = np.arange(rows) - np.array(CLIMBS)[:, None]
    outside = np.where((source < 0) | (source >= rows), np.float32(-1e9), np.float32(0))
    place = np.arange(2 * climbs).reshape(2, climbs, 1) * rows + np.clip(source, 0, rows - 1)
    both = np.stack([flux, -flux], axis=1) + outside
    cost = (BEND_PENALTY * noise * np.arange(LARGEST_BEND + 1) ** 2).astype(np.float32)
    best = np.empty((pieces + 1, 2, climbs, rows), np.float32)
    best[0] = -away
    for piece in range(pieces):
        value = best[piece].copy()
        for bend in range(1, LARGEST_BEND + 1):
            bent = best[piece] - cost[bend]
            np.maximum(value[:, bend:], bent[:, :-bend], out=value[:, bend:])
            np.maximum(value[:, :-bend], bent[:, bend:], out=value[:, :-bend])
        np.add(value.take(place), both[piece], out=best[piece + 1])
    best[-1] -= away
    up, down = (_followed_back(best[:, way], both[:, way], cost) for way in range(2))
    return (up, down) if up.flux >= down.flux else (down, up)


def _flux_of_pieces(strip: Strip, noise: float) -> Plane:
    """Flux through every possible piece of curve: (pieces, climbs, rows), by the row where the piece ends."""
    limit = 5 * noise  # so that one speck is not an edge
    rows, columns = strip.outwards.shape
    pieces = (columns - 1) // NODE_SPACING_PX
    columns_of = [np.s_[k : pieces * NODE_SPACING_PX : NODE_SPACING_PX] for k in range(NODE_SPACING_PX)]
    gu, gv = (
        np.stack([np.clip(plane[:, part], -limit, limit) for part in columns_of])
        for plane in (strip.along, strip.outwards)
    )
    result = np.zeros((pieces, len(CLIMBS), rows), np.float32)
    for index, climb in enumerate(CLIMBS):
        flux = np.zeros((rows, pieces), np.float32)
        for k in range(NODE_SPACING_PX):
            back = round(climb * (NODE_SPACING_PX - k - 0.5) / NODE_SPACING_PX)
            source = np.clip(np.arange(rows) - back, 0, rows - 1)
            flux += (gv[k] - np.float32(climb / NODE_SPACING_PX) * gu[k])[source]
        result[:, index] = flux.T
    return result


def _followed_back(best: Plane, flux: Plane, cost: Plane) -> Curve:
    """Follow the best curve back from its end.

    Args:
        best: (pieces + 1, climbs, rows), the largest flux of curves up to each node.
        flux: (pieces, climbs, rows), that of each piece alone.
        cost: What each change of climb costs.
    """
    climb, row = (int(k) for k in np.unravel_index(int(best[-1].argmax()), best[-1].shape))
    nodes, steps = [row], []
    for before, gain in zip(best[-2::-1], flux[::-1], strict=True):
        steps.append(float(gain[climb, row]))
        row -= CLIMBS[climb]
        first = max(0, climb - LARGEST_BEND)
        earlier = before[first : climb + LARGEST_BEND + 1, row]
        climb = first + int(np.argmax(earlier - cost[np.abs(np.arange(first, first + len(earlier)) - climb)]))
        nodes.append(row)
    return Curve(np.array(nodes[::-1]), float(best[-1].max()), np.array(steps[::-1]))


def without_slope(strip: Strip, softness: float) -> Strip:
    """A strip without the part of its steps that an edge of this softness has, as a bend of a sweep has."""
    slope = np.abs(strip.slope) / np.float32(softness)
    along, outwards = (
        (np.sign(step) * np.maximum(np.abs(step) - slope, 0)).astype(np.float32)
        for step in (strip.along, strip.outwards)
    )
    return strip._replace(along=along, outwards=outwards)


def softness_of(strip: Strip, curve: Curve) -> float:
    """Slope around the curve over the step at it: the soft edge of a shadow is mostly slope."""
    columns = np.arange(len(curve.rows)) * NODE_SPACING_PX
    wide = np.abs(strip.slope[curve.rows, columns]).sum() * NODE_SPACING_PX
    return float(wide / max(curve.flux, 1e-6))


def coverage_of(curve: Curve) -> float:
    """Share of the curve, in pieces of about 24 px, that shows at least a third of its mean step."""
    count = max(1, len(curve.steps) * NODE_SPACING_PX // 24)
    means = np.array([part.mean() for part in np.array_split(curve.steps, count)])
    return float((means > curve.steps.mean() / 3).mean())
