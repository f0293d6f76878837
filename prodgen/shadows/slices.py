"""Models a product as a stack of thin horizontal slices over the floor, made from its outline alone.

The visible bottom edge is the front half of the footprint and its point reflection the hidden half, which is
exact for a round base and for a box seen at an angle. Every row higher up is that footprint scaled to the
row's runs, so handles, straps and feet keep their holes. Several feet, or several products, stand each at its
own depth, which the row of its lowest point gives. A light shifts each slice over the floor by its
height; the union of the shifted slices is the shadow.

What lies flat has no foot: its whole outline is where it touches the floor, and its body a thin slab over it.

The work is done in the picture's own plane, at a small size: depth on the floor is rows times the sine of the
camera's pitch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.errors import ImageError, PlacementError
from prodgen.images import Matte
from prodgen.masks import Box, bounding_box

Transmission = NDArray[np.float32]
"""(H, W) float32 in [0, 1]: the share of linear light that a shadow leaves; (H, W, 3) where coloured lights
throw it."""

SHADOW_SIDE_PX = 128
"""Long side of the product, in pixels, at which its shadow is computed.

Speed: shadows have no finer detail."""

REACH = 2.5
"""Distance from the product, in its long sides, up to which a shadow is computed. Speed."""

SLICES = 40
"""Number of slices. Chosen: their steps must stay below the depth of a thin product."""

MIN_DEPTH = 0.35
"""Least depth of a product over its width, where its bottom edge does not show it. Chosen by eye."""

SLAB_HEIGHT, SLAB_SLICES = 0.04, 6
"""Height of what lies flat, in its box's shorter sides, and the number of its slices.

Chosen: between a shirt (0.02) and a telephone (0.1); so thin a body needs few steps."""

ROUNDING_SIDE_PX, WALL, LEAST_ROWS = 256, 3.0, 3
"""Long side of the product, in pixels, at which its lower edge is read; the height, in slices, up to which
the wall over that edge is; and the rows that it has at least.

Speed, as finer outlines are noise, and chosen: a line needs a few rows."""

FOOT_CLEAR, STEEPEST_GROUND_DEG = 0.04, 25.0
"""Share of the long side by which an outline rises between two feet, and the steepest line between them.

Measured on 108 rendered mattes: 28 are given more than one foot, as a car's wheels, and each touches the
floor there; no handle or spout in the air is among them."""

MIN_PITCH_DEG, MAX_PITCH_DEG = 5, 60
"""Bounds of the camera's pitch, in degrees. Guard: outside, the bottom edge says nothing of the footprint."""


@dataclass(frozen=True)
class Slices:
    """A product as horizontal slices, each drawn where it would lie on the floor in the picture."""

    planes: NDArray[np.uint8]
    """(N, h, w), 0 or 255: the slices in a window of the picture, at a small size."""
    heights: NDArray[np.float32]
    """(N,): height of each slice over the floor, in pixels of the small size."""
    sin_pitch: float
    """Sine of the camera's pitch."""
    long_side: float
    """Long side of the product, in pixels of the small size."""
    window: Box
    """The window, in pixels of the picture."""
    shape: tuple[int, int]
    """Height and width of the picture."""
    rounding: float = 0.0
    """How far the rounded lower edge of the body overhangs its foot, in long sides: 0 for a box or a cone."""


def cut(matte: Matte, camera_pitch_deg: float, *, lies_flat: bool = False, reach: float = REACH) -> Slices:
    """Cut the product into horizontal slices.

    Args:
        matte: (H, W), 1 = product.
        camera_pitch_deg: Angle by which the camera looks down; clipped to a range that can be used.
        lies_flat: Whether the product lies on the floor as a thin slab, instead of standing on it.
        reach: How far its shadow may fall, in its long sides.

    Returns:
        The slices, over a window of the picture that its shadow can reach.

    Raises:
        PlacementError: If the matte is empty.
    """
    product = bounds(matte)
    long_side = max(product.width, product.height)
    window = _window(product, round(reach * long_side), (matte.shape[0], matte.shape[1]))
    scale = min(1.0, SHADOW_SIDE_PX / long_side)
    size = (max(round(window.width * scale), 2), max(round(window.height * scale), 2))
    part = matte[window.top : window.bottom, window.left : window.right]
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    # A wire thinner than a small pixel must count as solid too.
    solid = np.asarray(small > min(0.5, 0.5 * float(small.max())), np.bool_)
    shape = (matte.shape[0], matte.shape[1])
    if lies_flat:
        planes = np.repeat(np.where(solid, 255, 0).astype(np.uint8)[None], SLAB_SLICES, axis=0)
        height = SLAB_HEIGHT * min(product.width, product.height) * scale
        heights = np.linspace(0, height, SLAB_SLICES, dtype=np.float32)
        sine = math.sin(math.radians(float(np.clip(camera_pitch_deg, MIN_PITCH_DEG, 90))))
        return Slices(planes, heights, sine, long_side * scale, window, shape)
    farther = _feet(solid)
    solid = _on_one_row(solid, farther)
    inside = np.flatnonzero(solid.any(axis=1))
    top, bottom = int(inside[0]), int(inside[-1])
    pitch = math.radians(float(np.clip(camera_pitch_deg, MIN_PITCH_DEG, MAX_PITCH_DEG)))
    outline, centre_y, clear_row = _footprint(solid, bottom, math.sin(pitch))
    rows = np.linspace(centre_y, top, SLICES)
    planes = np.zeros((SLICES, *solid.shape), np.uint8)
    for plane, row in zip(planes, rows, strict=True):
        # Below `clear_row` the front edge of the foot hides part of the outline.
        seen = solid[int(np.clip(round(min(row, clear_row)), top, bottom))]
        for first, last in _runs(seen):
            half = (last - first + 1) / 2
            points = outline * half + np.array([(first + last) / 2, centre_y], np.float32)
            points[:, 1] -= np.interp(points[:, 0], np.arange(len(farther)), farther)
            cv2.fillPoly(plane, [np.round(points * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    heights = ((centre_y - rows) / math.cos(pitch)).astype(np.float32)
    step = float(rows[0] - rows[1]) / (long_side * scale)
    rounding = _rounding(part, long_side, math.sin(pitch), step)
    return Slices(planes, heights, math.sin(pitch), long_side * scale, window, shape, rounding)


def lifted(slices: Slices, gap: float) -> Slices:
    """Return the slices of a product that floats over the floor.

    The product keeps its place in the picture; the floor under it is farther away, so lower in the picture.

    Args:
        slices: The product as it would stand.
        gap: Height of its foot over the floor, in its long sides.
    """
    height = gap * slices.long_side
    down = round(height * math.sqrt(1 - slices.sin_pitch**2))
    planes = np.zeros_like(slices.planes)
    for target, plane in zip(planes, slices.planes, strict=True):
        _lay(target, plane, 0, down)
    return replace(slices, planes=planes, heights=(slices.heights + height).astype(np.float32))


def hidden_share(
    slices: Slices, directions: NDArray[np.float32], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the share of the floor's light that the product hides, (h, w) in [0, 1]."""
    weight = weights * np.clip(directions[:, 1], 0, None)
    total = float(weight.sum())
    hidden = np.zeros(slices.planes.shape[1:], np.float32)
    if total <= 0:
        return hidden
    for (x, y, z), share in zip(directions, weight / total, strict=True):
        if share <= 0:
            continue
        steps = slices.heights / max(float(y), 0.05)
        shadow = np.zeros(hidden.shape, np.uint8)
        for plane, step in zip(slices.planes, steps, strict=True):
            _lay(shadow, plane, round(-step * x), round(-step * z * slices.sin_pitch))
        cv2.scaleAdd(shadow.astype(np.float32), float(share) / 255, hidden, hidden)
    return np.asarray(cv2.GaussianBlur(hidden, (0, 0), 0.8), np.float32)


def enlarge(small: NDArray[np.float32], slices: Slices) -> Transmission:
    """Return a small transmission at the picture's size, 1 outside the slices' window."""
    window = slices.window
    part = cv2.resize(
        np.clip(small, 0, 1).astype(np.float32), (window.width, window.height), interpolation=cv2.INTER_LINEAR
    )
    if (window.height, window.width) == slices.shape:
        return np.asarray(part, np.float32)
    full = np.ones(slices.shape, np.float32)
    full[window.top : window.bottom, window.left : window.right] = part
    return full


def bounds(matte: Matte) -> Box:
    """Return the product's box.

    Raises:
        PlacementError: If the matte is empty.
    """
    try:
        return bounding_box(matte)
    except ImageError as error:
        message = "the matte is empty, so there is nothing to throw a shadow; check the matte"
        raise PlacementError(message) from error


def _window(product: Box, reach: int, shape: tuple[int, int]) -> Box:
    """Return the part of the picture that a shadow can reach, so that small products cost little time."""
    return Box(
        max(product.left - reach, 0),
        max(product.top - reach // 4, 0),
        min(product.right + reach, shape[1]),
        min(product.bottom + reach, shape[0]),
    )


def _footprint(
    solid: NDArray[np.bool_], bottom: int, sin_pitch: float
) -> tuple[NDArray[np.float32], float, float]:
    """Return the outline of a foot for a half width of 1, its centre row, and the row above its front edge.

    The lowest pixel of each column is where the foot's front edge meets the floor; turned by half a
    circle about the middle of its two ends it is the back edge too. Depth is at most that of a
    round foot, and at least `MIN_DEPTH` of it, whatever a rounded or flat bottom suggests.
    """
    first, last, lowest = _base_span(solid, bottom)
    first, last = _widest_foot(first, last, bottom - lowest, sin_pitch)
    half = max((last - first + 1) / 2, 1.5)
    columns = np.linspace(first, last, 33)
    rise = bottom - np.interp(columns, np.arange(len(lowest)), lowest)
    across = (columns - (first + last) / 2) / half
    middle = np.linspace(rise[:3].mean(), rise[-3:].mean(), len(columns))
    front = np.clip(middle - rise, 0, half * sin_pitch)
    # A straight bottom edge does not show its depth: a rounded bar behind that edge is assumed.
    bar = MIN_DEPTH * half * sin_pitch * np.clip(1 - across**4, 0, 1)
    lift = max(float(bar.max() - front.max()), 0.0)
    front = np.maximum(front, bar) - (middle - middle.mean())
    edge = np.stack([across, front / half], axis=1)
    outline = np.concatenate([edge, -edge]).astype(np.float32)
    return outline, float(bottom - middle.mean()) - lift, bottom - max(float(middle.max()), 0.0) - 1


def _feet(solid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return how many rows above its lowest foot a product stands on the floor, by column, (w,).

    What stands farther back stands higher in the picture: the rear wheel of a car, the second of two
    products. Between two feet the floor's line is straight.
    """
    lowest = np.where(solid.any(axis=0), solid.shape[0] - 1 - np.argmax(solid[::-1], axis=0), -len(solid))
    rise = (lowest.max() - lowest).astype(np.float32)
    inside, rows = np.flatnonzero(lowest >= 0), int(solid.any(axis=1).sum())
    clear = max(FOOT_CLEAR * max(int(inside[-1] - inside[0]) + 1, rows), 2.0)
    front, last = int(np.argmin(rise)), len(rise) - 1
    to_right = _feet_beyond(rise[front:], clear)
    to_left = _feet_beyond(rise[front::-1], clear)
    found = {front + column for column in to_right} | {front - column for column in to_left} | {front}
    nodes = [(end, rise[column]) for column in sorted(found) for end in _foot_span(rise, column)]
    columns, heights = np.array(nodes, np.float32).T
    return np.asarray(np.interp(np.arange(last + 1), columns, heights), np.float32)


def _feet_beyond(rise: NDArray[np.float32], clear: float) -> list[int]:
    """Return the columns of the feet that follow the one at column 0, from it outwards.

    A foot is where the outline, having risen by `clear`, comes down again, on a line to the foot before it
    that is no steeper than `STEEPEST_GROUND_DEG`: a handle that hangs in the air is on none.
    """
    found: list[int] = []
    before, saddle, lowest = 0, 0.0, None
    for column, up in enumerate([*rise.tolist(), math.inf]):
        if lowest is not None and up > rise[lowest] + clear:
            steep = abs(float(rise[lowest] - rise[before])) / max(lowest - before, 1)
            if steep <= math.tan(math.radians(STEEPEST_GROUND_DEG)):
                found.append(lowest)
                before = lowest
            saddle, lowest = up, None
        elif up < saddle - clear and (lowest is None or up < rise[lowest]):
            lowest = column
        saddle = max(saddle, up)
    return found


def _on_one_row(solid: NDArray[np.bool_], farther: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the product with each column lowered to the row of its lowest foot."""
    lowered = np.zeros_like(solid)
    for column, rows in enumerate(np.rint(farther).astype(int)):
        lowered[rows:, column] = solid[: len(solid) - rows, column]
    return lowered


def _foot_span(rise: NDArray[np.float32], column: int) -> tuple[int, int]:
    """Return the first and last column that stand as low as this one, to a row."""
    runs = _runs(np.asarray(rise <= rise[column] + 1, np.bool_))
    return next((first, last) for first, last in runs if first <= column <= last)


def _widest_foot(first: int, last: int, rise: NDArray[np.float32], sin_pitch: float) -> tuple[int, int]:
    """Return the widest of the feet between two columns: a chair does not stand between its legs."""
    limit = (last - first + 1) / 2 * sin_pitch + max(float(rise[first]), float(rise[last]))
    standing = _runs(np.asarray(rise[first : last + 1] <= limit, np.bool_))
    start, end = max(standing, key=lambda run: run[1] - run[0], default=(0, last - first))
    return first + start, first + end


def _base_span(solid: NDArray[np.bool_], bottom: int) -> tuple[int, int, NDArray[np.float32]]:
    """Return the first and last column that stand on the floor, and the lowest row of all columns.

    The base extends from the lowest pixel outwards as long as the outline's lower edge is flatter than 45
    degrees, which ends it at a side wall, a rounded corner or a handle.
    """
    lowest = np.where(solid.any(axis=0), solid.shape[0] - 1 - np.argmax(solid[::-1], axis=0), -1).astype(
        np.float32
    )
    touching = np.flatnonzero(solid[bottom])
    ends = [int(touching[0]), int(touching[-1])]
    window = 3
    for side, step in enumerate((-1, 1)):
        column = ends[side]
        while True:
            ahead = column + step * window
            if not 0 <= ahead < len(lowest) or lowest[ahead] < 0 or lowest[column] - lowest[ahead] > window:
                break
            column += step
        ends[side] = column
    return ends[0], ends[1], lowest


def _rounding(part: Matte, long_side: int, sin_pitch: float, step: float) -> float:
    """Return how far the rounded lower edge of a body overhangs its foot at both ends, in long sides.

    It is what is left at the floor of the line on which the wall above that edge leans: a wall that leans
    from the floor up, as a bowl's, leaves a gap that the slices show, and no dark one.

    A round foot seen from above ends in arcs, of which the part steeper than 45 degrees is not in its span.

    Args:
        part: The product and its surroundings, (H, W), 1 = product.
        long_side: Its longer side, in pixels.
        sin_pitch: Sine of the camera's pitch.
        step: Height of a slice, in long sides.
    """
    scale = min(1.0, ROUNDING_SIDE_PX / long_side)
    size = max(round(part.shape[1] * scale), 2), max(round(part.shape[0] * scale), 2)
    solid = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA) > 0.5, np.bool_)
    if not solid.any():
        return 0.0
    bottom = int(np.flatnonzero(solid.any(axis=1))[-1])
    first, last, lowest = _base_span(solid, bottom)
    half = (last - first + 1) / 2
    # Half a pixel more is no more than a rounded column.
    steep, behind = half * (math.hypot(1, sin_pitch) - 1) + 0.5, round(half * sin_pitch**2)
    rows = step * long_side * scale
    height = np.arange(math.ceil(rows), max(math.ceil(WALL * rows), math.ceil(rows) + LEAST_ROWS) + 1)
    beyond = []
    for end in (first, last):
        foot = int(lowest[end]) - behind
        over = []
        for row in solid[np.maximum(foot - height, 0)]:
            runs = [run for run in _runs(row) if run[0] <= end <= run[1]]
            over.append(max((end - a if end == first else b - end for a, b in runs), default=0) - steep)
        beyond.append(float(np.polyval(np.polyfit(height, over, 1), 0)))
    return max(min(beyond), 0.0) / (long_side * scale)


def _runs(row: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return (first, last) of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], row.astype(np.int8), [0]))))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _lay(target: NDArray[np.uint8], plane: NDArray[np.uint8], right: int, down: int) -> None:
    """Combine `plane`, shifted by whole pixels, with `target` by the greater value."""
    height, width = target.shape
    if abs(right) >= width or abs(down) >= height:
        return
    to = target[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)]
    of = plane[max(-down, 0) : height - max(down, 0), max(-right, 0) : width - max(right, 0)]
    np.maximum(to, of, out=to)
