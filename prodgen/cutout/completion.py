"""White before white: closing an outline where the photograph hardly shows it. Pure; works on any matte.

Where a product's edge is fainter than noise, a segmenter eats into it or stops at the next edge that it
sees. Averaged along its length such an edge shows nevertheless: 300 px of it with 0.3 of lightness
stand well above the noise. So before every side of the outline's hull the smooth curve is sought along
which the picture steps the most, and the outline grows up to it, if no curve farther out in the bare
backdrop steps nearly as much, and if it is no shadow's soft edge. A hollow without such a curve before
it (a handle, a bottle's shoulder) stays hollow. An edge that is not there at all is not invented.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen import color
from prodgen.cutout.matting import require_same_size
from prodgen.cutout.silhouette import disc
from prodgen.images import Matte, RgbImage, resize
from prodgen.masks import fill

Plane = NDArray[np.float32]
Binary = NDArray[np.uint8]
Points = NDArray[np.float64]

WORK_PX = 1024
"""Longest side at which curves are sought; below, every pixel along a curve is wanted."""

STEP = 4
"""Pixels between a curve's nodes."""

CLIMBS = tuple(range(-8, 9))
"""Pixels by which a curve may climb from node to node."""

BENDS = 2
"""How much its climb may change from node to node."""

MARGIN = 7
"""Pixels around the outline in which an edge is the outline's own, blurred."""

HUGGING = 5
"""Pixels from those within which it still is."""

SHALLOW = 0.008
"""Mean depth, of the picture's longer side, below which there is no bite to be filled."""

SEAM = 0.03
"""How far inside a bite's rim a segmenter is still half-sure, of the picture's longer side."""

RAGGED = 0.008
"""Radius, of the same, below which a point at the end of a found edge is ragged."""

STIFF = 6.0
"""Cost of a change of climb, in noise of the gradient."""

SMOOTH = 30.0
"""Weight of the found curve's second differences."""

SHORTEST = 0.11
"""Side of the hull, of the longer side of the picture, below which there is too little to average."""

FEWEST_PX = 60
"""The same in pixels."""

REACH = 0.3
"""How far from a side of the hull a curve is sought, of that side's length."""

FARTHEST = 0.12
"""The same, of the longer side of the picture."""

FINE, WIDE = 1.2, 5.0
"""Gaussian scales, pixels, between which an edge is sharp."""

SOFT = 1.2
"""Slope around a curve, as share of its sharp step, from which it is the edge of a shadow.
What is plainly seen is counted as soft, too, since a step counts up to a few times the noise only."""

FLOOR = 0.5
"""Sides that face down by more than this sine are left alone: a foot shows by its shadow, or is in it."""

ROUGHEST = 0.08
"""Noise of the gradient, L* per pixel, above which the backdrop is no studio's: wood has lines of its own."""

CLEARER = 2.0
"""How many times as clear as the best curve in the bare backdrop the outline's must be."""

CLEAR = 9.0
"""And how many standard errors of its mean."""

PLAINLY_CLEAR, PLAINLY_SHARP = 30.0, 0.7
"""Or standard errors and softness from which only what is as sharp counts in the bare backdrop: where a sweep
bends, and on the blocks of a JPEG, there are curves as strong, but softer."""

PLAINLY_CLEARER, PLAINLY_CERTAIN = 1.2, 60.0
"""How many times as clear as those it must then be, and that times its standard errors. Of four products as
JPEG of quality 75 to 98, with and without noise, true edges have 63 to 146 and false ones up to 46."""

COVERED = 0.75
"""Share of the curve that must show the step, in pieces of 24 px: an outline is an edge all along."""


class _Strip(NamedTuple):
    """The picture's surroundings of one side of the hull, straightened: rows run outwards."""

    along: Plane
    """Gradient of the lightness along the side, without what is soft; 0 where nothing is seen."""
    outwards: Plane
    """The same outwards."""
    slope: Plane
    """What was left out of it: the soft slope outwards."""
    seen: NDArray[np.bool_]
    """Where there is picture, and no product."""


class _Curve(NamedTuple):
    nodes: NDArray[np.int64]
    """Row at each node."""
    total: float
    """Sum of the steps across it."""
    along: NDArray[np.float64]
    """Step across it, at each piece between nodes."""


def complete_outline(rgb: RgbImage, matte: Matte) -> Matte:
    """Grow a matte up to the faint edges that its segmenter missed, and clear what is half-sure beyond them.

    The curve is found by dynamic programming over position and slope (the second-order active contour
    of Amini, Weymouth and Jain, "Using dynamic programming for solving variational problems in
    vision", 1990). It maximises the flux of the lightness gradient through it.

    Args:
        rgb: (H, W, 3), sRGB, [0, 1].
        matte: (H, W), 1 = product.

    Returns:
        (H, W), 1 = product; far from a found edge, or when there is none, equal to `matte` to the bit.

    Raises:
        ImageError: If the sizes differ.
    """
    height, width = matte.shape
    require_same_size(matte, rgb)
    scale = min(1.0, WORK_PX / max(height, width))
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    solid = (resize(matte, *size) > 0.5).astype(np.uint8)
    if not solid.any():
        return matte.copy()
    light = np.ascontiguousarray(color.to_lab(resize(rgb, *size))[..., 0])
    whole, zone = solid, np.zeros_like(solid)
    for _ in range(2):  # behind one faint edge there may be another
        grown, changed = _grown(light, whole)
        if not changed.any():
            break
        whole, zone = grown, zone | changed
    if not zone.any():
        return matte.copy()
    edge = cv2.GaussianBlur(whole.astype(np.float32), (0, 0), 0.8).astype(np.float32)
    share = cv2.GaussianBlur(zone.astype(np.float32), (0, 0), 1.5).astype(np.float32)
    edge, share = resize(edge, width, height), resize(share, width, height)
    return np.where(share > 0, matte + (edge - matte) * np.clip(share, 0, 1), matte).astype(np.float32)


def _grown(light: Plane, solid: Binary) -> tuple[Binary, Binary]:
    """The product up to the faint edges before its outline, and where that says more than the outline did."""
    contours, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = np.asarray(max(contours, key=cv2.contourArea), np.int32)
    bare = fill(light, _widened(solid, 4).astype(np.float32))
    grown, zone, line = solid.copy(), np.zeros_like(solid), np.zeros_like(solid)
    extent = max(solid.shape)
    for first, last in _sides(outline, extent):
        edge = _faint_edge(bare, solid, first, last)
        if edge is None:
            continue
        curve, far = edge
        between = _contour_between(outline[:, 0], first, last)
        part = _polygon(solid, curve, between) & (1 - solid)
        if part.sum() < SHALLOW * extent * len(curve) * STEP:
            continue
        grown |= part
        # What is half-sure beyond the edge is not product; what is so before it, is.
        zone |= _polygon(solid, curve, far) & (1 - solid)
        zone |= np.asarray(cv2.dilate(part, disc(SEAM * extent)), np.uint8)
        cv2.polylines(line, [np.round(curve).astype(np.int32)], False, 1)
    if not zone.any():
        return solid, zone
    # At the ends, where the outline was eaten ragged, points of it stand out.
    smooth = np.asarray(cv2.morphologyEx(grown, cv2.MORPH_OPEN, disc(RAGGED * extent)), np.uint8)
    near = np.asarray(cv2.dilate(line, disc(2 * RAGGED * extent)), np.uint8)
    ragged = grown & (1 - smooth) & near
    return grown & (1 - ragged), zone | ragged


def _widened(solid: Binary, margin: int) -> Binary:
    return np.asarray(cv2.dilate(solid, np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)), np.uint8)


def _polygon(like: Binary, one: Points, other: Points) -> Binary:
    points = np.round(np.concatenate([one, other[::-1]])).astype(np.int32)
    return np.asarray(cv2.fillPoly(np.zeros_like(like), [points], 1), np.uint8)


def _sides(outline: NDArray[np.int32], extent: int) -> list[tuple[Points, Points]]:
    """Long sides of the outline's hull, in the contour's own order, as points of the contour."""
    hull = cv2.convexHull(outline, returnPoints=False)[:, 0]
    hull = np.sort(hull)  # ascending, so along the contour
    points = outline[hull, 0].astype(np.float64)
    kept = cv2.approxPolyDP(points.astype(np.int32)[:, None], 0.006 * extent, closed=True)[:, 0]
    corners = kept.astype(np.float64)
    following = np.roll(corners, -1, axis=0)
    long = np.hypot(*(following - corners).T) > max(FEWEST_PX, SHORTEST * extent)
    return [(a, b) for a, b, good in zip(corners, following, long, strict=True) if good]


def _contour_between(contour: NDArray[np.int32], first: Points, last: Points) -> Points:
    start = int(np.argmin(((contour - first) ** 2).sum(axis=1)))
    end = int(np.argmin(((contour - last) ** 2).sum(axis=1)))
    rolled = np.roll(contour, -start, axis=0)
    return rolled[: (end - start) % len(contour) + 1].astype(np.float64)


def _faint_edge(bare: Plane, solid: Binary, first: Points, last: Points) -> tuple[Points, Points] | None:
    """The edge before one side of the hull, (N, 2) points, and a line as far out as was looked; or None."""
    length = float(np.hypot(*(last - first)))
    along = (last - first) / length
    # OpenCV's outer contours run so that the product lies on the other side of them.
    outwards = np.array([-along[1], along[0]])
    columns = int(length) // STEP * STEP + 1
    reach = round(min(REACH * length, FARTHEST * max(solid.shape)))
    inner, rows = reach // 2, reach + reach // 2
    if outwards[1] > FLOOR:
        return None
    frame = (first, along, outwards, columns)
    beyond = _strip(bare, solid, frame, reach + 4, rows)
    margin = MARGIN
    while True:
        near = _strip(bare, _widened(solid, margin), frame, -inner, rows)
        noise = max(0.01, _noise(near, beyond))
        curves = _trace(_gains(near, noise), noise, hinge=inner)
        sought, opposite = sorted(curves, key=lambda curve: -curve.total)
        if not _hugs(near, sought):
            break
        # The foot of the outline's own edge, or its shadow: what is behind that?
        margin += MARGIN
        if margin > reach:
            return None
    clear = sought.total / (noise * np.sqrt(columns))
    soft = _softness(near, sought)
    if noise > ROUGHEST or soft > SOFT or clear < CLEAR or _covered(sought) < COVERED:
        return None
    # Too near the picture's border there is little to compare with farther out.
    least = opposite.total if beyond.seen.mean() < 0.5 else 0.0
    if sought.total < CLEARER * max(least, _strongest(beyond, noise)):
        clearer = (
            sought.total * (1 - soft / (2 * SOFT)) / max(least, _strongest(_without_slope(beyond), noise))
        )
        is_plain = clear > PLAINLY_CLEAR and soft < PLAINLY_SHARP and clearer > PLAINLY_CLEARER
        if not is_plain or clearer * clear < PLAINLY_CERTAIN:
            return None
    u = np.arange(len(sought.nodes)) * STEP
    v = _centred(near, _smoothed(sought)) - inner
    base = first + u[:, None] * along
    return base + v[:, None] * outwards, base + np.full((len(u), 1), float(reach)) * outwards


def _strip(
    bare: Plane,
    blocked: Binary,
    frame: tuple[Points, Points, Points, int],
    start: int,
    rows: int,
) -> _Strip:
    """Sample the surroundings: columns run along the side, rows outwards from `start`."""
    first, along, outwards, columns = frame
    u, v = np.arange(columns), np.arange(start, start + rows)[:, None]
    x = (first[0] + u * along[0] + v * outwards[0]).astype(np.float32)
    y = (first[1] + u * along[1] + v * outwards[1]).astype(np.float32)
    light = cv2.remap(bare, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    free = cv2.remap(1 - blocked, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    height, width = bare.shape
    in_picture = (x > 2) & (x < width - 3) & (y > 2) & (y < height - 3)
    seen = ((free > 0) & in_picture).astype(np.float32)
    fine, wide = (np.asarray(cv2.GaussianBlur(light, (0, 0), sigma), np.float32) for sigma in (FINE, WIDE))
    sharp = fine - wide
    return _Strip(_sobel(sharp, 1, 0) * seen, _sobel(sharp, 0, 1) * seen, _sobel(wide, 0, 1) * seen, seen > 0)


def _sobel(light: Plane, x: int, y: int) -> Plane:
    return np.asarray(cv2.Sobel(light, cv2.CV_32F, x, y, scale=1 / 8), np.float32)


def _noise(*strips: _Strip) -> float:
    """Robust deviation of the sharp gradient."""
    values = np.concatenate([strip.outwards[strip.seen] for strip in strips])
    return float(1.48 * np.median(np.abs(values))) if values.size else 1.0


def _gains(strip: _Strip, noise: float) -> Plane:
    """Flux through every piece of curve: (pieces, climbs, rows), by the row where the piece ends."""
    limit = 5 * noise  # so that one speck is not an edge
    gu, gv = (np.clip(plane, -limit, limit) for plane in (strip.along, strip.outwards))
    rows, columns = gv.shape
    pieces = (columns - 1) // STEP
    result = np.zeros((pieces, len(CLIMBS), rows), np.float32)
    for index, climb in enumerate(CLIMBS):
        flux = np.zeros((rows, pieces), np.float32)
        for k in range(STEP):
            back = round(climb * (STEP - k - 0.5) / STEP)
            source = np.clip(np.arange(rows) - back, 0, rows - 1)
            part = np.s_[k : pieces * STEP : STEP]
            flux += gv[:, part][source] - np.float32(climb / STEP) * gu[:, part][source]
        result[:, index] = flux.T
    return result


def _trace(gains: Plane, noise: float, *, hinge: int | None) -> list[_Curve]:
    """The curves of the largest flux from the first to the last column, for steps up and for steps down."""
    pieces, climbs, rows = gains.shape
    away = np.zeros(rows, np.float32)
    if hinge is not None:
        away = (0.5 * noise * np.abs(np.arange(rows) - hinge)).astype(np.float32)
    source = np.arange(rows) - np.array(CLIMBS)[:, None]
    lost = np.where((source < 0) | (source >= rows), np.float32(-1e9), np.float32(0))
    source = np.clip(source, 0, rows - 1)
    both = np.stack([gains, -gains], axis=1) + lost
    best = np.broadcast_to(-away, (2, climbs, rows)).copy()
    came = np.zeros((pieces, 2, climbs, rows), np.int8)
    padded = np.full((2, climbs + 2 * BENDS, rows), -1e9, np.float32)
    for piece in range(pieces):
        padded[:, BENDS:-BENDS] = best
        value = padded[:, BENDS:-BENDS].copy()
        for bend in (*range(-BENDS, 0), *range(1, BENDS + 1)):
            other = padded[:, BENDS - bend : BENDS - bend + climbs] - np.float32(STIFF * noise * bend * bend)
            better = other > value
            value[better] = other[better]
            came[piece][better] = bend
        best = np.take_along_axis(value, source[None], axis=2) + both[piece]
    best -= away
    return [_back(best[k], came[:, k], both[:, k]) for k in range(2)]


def _back(best: Plane, came: NDArray[np.int8], gains: Plane) -> _Curve:
    """Follow the best curve back from its end."""
    climb, row = (int(k) for k in np.unravel_index(int(best.argmax()), best.shape))
    nodes, along = [row], []
    for bends, gain in zip(came[::-1], gains[::-1], strict=True):
        along.append(float(gain[climb, row]))
        row -= CLIMBS[climb]
        climb -= int(bends[climb, row])
        nodes.append(row)
    return _Curve(np.array(nodes[::-1]), float(best.max()), np.array(along[::-1]))


def _hugs(strip: _Strip, curve: _Curve) -> bool:
    """Whether the curve runs along the margin of what is not looked at."""
    columns = np.arange(len(curve.nodes)) * STEP
    inner = np.maximum(curve.nodes - HUGGING, 0)
    return bool((~strip.seen[inner, columns]).mean() > 0.5)


def _smoothed(curve: _Curve) -> Points:
    """Rows of the curve without its jitter: a weighted smoother on second differences.

    Source: Whittaker, "On a new method of graduation", 1923; nodes count by the step that they show.
    """
    gain = np.maximum(curve.along, 0)
    weight = np.concatenate([[gain[0]], (gain[1:] + gain[:-1]) / 2, [gain[-1]]])
    weight /= max(float(weight.mean()), 1e-9)
    bend = np.diff(np.eye(len(weight)), 2, axis=0)
    rows = curve.nodes.astype(np.float64)
    for _ in range(3):
        smooth = np.linalg.solve(np.diag(weight) + SMOOTH * bend.T @ bend, weight * rows)
        weight = weight / (1 + ((rows - smooth) / 2) ** 2)
    return np.asarray(smooth)


def _centred(strip: _Strip, rows: Points) -> Points:
    """The curve moved to where the step across it is the steepest."""
    columns = np.arange(len(rows)) * STEP
    offsets = np.arange(-3.0, 3.25, 0.5)
    y = (np.clip(rows, 4, strip.outwards.shape[0] - 5) + offsets[:, None]).astype(np.float32)
    x = np.broadcast_to(columns.astype(np.float32), y.shape)
    flux = np.abs(cv2.remap(strip.outwards, x, y, cv2.INTER_LINEAR).sum(axis=1))
    return np.asarray(rows + offsets[int(np.argmax(flux))])


def _strongest(strip: _Strip, noise: float) -> float:
    return max(curve.total for curve in _trace(_gains(strip, noise), noise, hinge=None))


def _without_slope(strip: _Strip) -> _Strip:
    """The steps less what a curve that is just soft has: where a backdrop bends there is no rival edge."""
    slope = np.abs(strip.slope) / np.float32(SOFT)
    along, outwards = (
        (np.sign(step) * np.maximum(np.abs(step) - slope, 0)).astype(np.float32)
        for step in (strip.along, strip.outwards)
    )
    return strip._replace(along=along, outwards=outwards)


def _softness(strip: _Strip, curve: _Curve) -> float:
    """Slope around the curve over the step at it: a shadow's penumbra is mostly slope."""
    columns = np.arange(len(curve.nodes)) * STEP
    wide = np.abs(strip.slope[curve.nodes, columns]).sum() * STEP
    return float(wide / max(curve.total, 1e-6))


def _covered(curve: _Curve) -> float:
    """Share of pieces of about 24 px that show a third of the mean step."""
    count = max(1, len(curve.along) * STEP // 24)
    means = np.array([part.mean() for part in np.array_split(curve.along, count)])
    return float((means > curve.along.mean() / 3).mean())
