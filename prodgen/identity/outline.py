"""Where the product ends in the result, against where it ended in the photograph; and fringes at that edge.

Compares outlines without a segmenter: along the normals of the matte's contour the edge is located in
both pictures.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.images import Matte, Plane
from prodgen.masks import blur, fill, normalised_blur
from prodgen.shading.blend import SURE_BACKGROUND, SURE_PRODUCT

REACH = 0.035
"""How far from the contour an edge is looked for, in product extents (square root of area). Chosen."""

FAR_REACH = 0.2
"""How far outwards, in product extents, it is looked for where the photograph's edge is not near. Chosen."""

CLEAR_EDGE = 6.0
"""L*a*b* steps per pixel from which on a change of colour is an edge. Chosen: above JPEG's noise."""

LEAST_SEEN = 0.1
"""Share of the contour that must have a clear edge in both pictures. Guard."""

ONE_SIDED = 2 / math.pi
"""Length of the mean normal of the seen outline beyond which only one side of it is seen.

By definition: that of half a circle. A whole outline has 0.
"""

SAME_DISTANCE = 0.25
"""Interquartile range of far edges, share of their median, up to which they are one outline that grew.

Chosen: a grown product has its outline equally far out all along; a dark scene has edges anywhere.
"""

OUTLINE_SIGMA_PX = 1.5
"""Blur of the matte whose outline and normals are followed. Chosen: hairs and steps of pixels go."""

EDGE_PRIOR = 0.5
"""Width of the Gaussian prior on an edge's distance from the contour, share of the reach. Chosen."""

RIM = 0.006
"""Width of the bands in which a fringe is measured, in product extents. Chosen: a pixel or two."""


def growth_percent(before: Plane, after: Plane, matte: Matte) -> float | None:
    """How much larger the product's outline became, in % of its area; negative: it shrank.

    Along each normal of the contour the strongest edge is located in both pictures, to a fraction
    of a pixel; the median displacement times the contour's length is the growth.

    Args:
        before: (h, w, 3), L*a*b*, the photograph.
        after: (h, w, 3), L*a*b*, the result.
        matte: (h, w), 1 = product.

    Returns:
        None where too little of the outline can be seen against the scene, or only one side of it: of a white
        bowl on white that is the foot, whose shadow differs, and one side that moved is a shift, no growth.
    """
    smooth = blur(matte, OUTLINE_SIGMA_PX)
    area = float((matte > 0.5).sum())
    # Of the same outline as its normals: that of fur goes around each hair, and is three times as long.
    contours, _ = cv2.findContours((smooth > 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    if not contours or area < 100:
        return None
    points = np.concatenate([c[:, 0] for c in contours if len(c) > 20] or [np.zeros((0, 2), int)])
    down, across = np.gradient(smooth)
    normal = -np.stack([across, down], axis=-1)[points[:, 1], points[:, 0]]
    length = np.linalg.norm(normal, axis=1)
    height, width = matte.shape
    reach = max(3, round(REACH * float(np.sqrt(area))))
    far = max(reach, round(FAR_REACH * float(np.sqrt(area))))
    room = (
        (length > 0.02)
        & (points.min(axis=1) > reach + 1)
        & (points[:, 0] < width - reach - 2)
        & (points[:, 1] < height - reach - 2)
    )
    points, normal = points[room], normal[room] / length[room, None]
    if len(points) < 30:
        return None
    steps = np.arange(-reach, reach + 0.01, 0.5)
    first, clear_first = _edge_position(before, points, normal, steps)
    second, clear_second = _edge_position(after, points, normal, steps)
    clear = clear_first & clear_second
    lost = clear_first & ~clear_second
    if lost.sum() > clear.sum():
        outwards = np.arange(-2, far + 0.01, 0.5)
        away, clear_away = _edge_position(after, points[lost], normal[lost], outwards)
        quarters = np.percentile(away[clear_away], (25, 50, 75)) if clear_away.mean() > 0.5 else (0, 0, 0)
        if quarters[1] > reach / 2 and quarters[2] - quarters[0] < SAME_DISTANCE * quarters[1] + 1:
            second[lost], clear[lost] = away, clear_away
    if clear.sum() < max(20, LEAST_SEEN * len(points)) or _is_one_sided(normal[clear]):
        return None
    moved = (second - first)[clear]
    perimeter = sum(cv2.arcLength(c, True) for c in contours)
    return 100 * float(np.median(moved)) * perimeter / area


def _is_one_sided(normal: NDArray[np.float32]) -> bool:
    return float(np.linalg.norm(normal.mean(axis=0))) > ONE_SIDED


def _edge_position(
    picture: Plane, points: NDArray[np.int32], normal: NDArray[np.float32], steps: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Position of the strongest edge along each normal, in pixels outwards, and whether it is clear."""
    x = (points[:, :1] + normal[:, :1] * steps).astype(np.float32)
    y = (points[:, 1:] + normal[:, 1:] * steps).astype(np.float32)
    profile = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    # The step across two pixels: strong on an outline, weak on noise.
    change = np.linalg.norm(profile[:, 4:] - profile[:, :-4], axis=-1) / 2
    at = steps[2:-2]
    # An edge close to the matte's contour is likelier than a far one, which may be print further in.
    score = change * np.exp(-((at / (EDGE_PRIOR * steps[-1])) ** 2))
    # Only clear edges compete: a faint one at the contour is where the light ends.
    score = np.where(change > CLEAR_EDGE, score, 0)
    rows = np.arange(len(score))
    best = np.clip(score.argmax(axis=1), 1, len(at) - 2)
    # The prior shifts the peak towards the contour: it chooses the edge, whose own maximum is then located.
    for _ in range(2):
        best = np.clip(
            best - 1 + np.stack([change[rows, best + k] for k in (-1, 0, 1)]).argmax(axis=0), 1, len(at) - 2
        )
    low, mid, high = change[rows, best - 1], change[rows, best], change[rows, best + 1]
    bend = low - 2 * mid + high
    shift = np.where(np.abs(bend) > 1e-6, 0.5 * (low - high) / np.where(bend == 0, 1, bend), 0)
    return at[best] + 0.5 * np.clip(shift, -1, 1), change[rows, best] > CLEAR_EDGE


def halo(expected: Plane, found: Plane, matte: Matte) -> float:
    """Strength of a fringe at the product's edge, in L*a*b* steps: white studio, old scene, colour spill.

    A fringe is a thin band unlike both of its sides. Just outside the matte the result should look
    like the scene a little further out, or like the product (then that grew: see `growth_percent`),
    or like a mixture of the two; just inside like the product in its light, or like the scene. Halo
    is how far the two narrow bands lie from that, in the same direction all along (a median).

    Args:
        expected: (h, w, 3), L*a*b*, the photograph in the result's light.
        found: (h, w, 3), L*a*b*, the result.
        matte: (h, w), 1 = product.
    """
    product = (matte > SURE_BACKGROUND).astype(np.float32)
    extent = float(np.sqrt(product.sum()))
    near = max(1, round(RIM * extent))
    kernel = np.ones((2 * near + 1, 2 * near + 1), np.uint8)
    grown = cv2.dilate(product, kernel).astype(np.float32)
    outer = (grown > 0) & (product == 0)
    solid = (matte > SURE_PRODUCT).astype(np.float32)
    deep = cv2.erode(solid, kernel).astype(np.float32)
    inner = (solid > 0) & (deep == 0)
    if outer.sum() < 10 or inner.sum() < 10 or deep.sum() < 10:
        return 0.0
    scene, side = fill(found, grown), fill(found, 1 - deep)
    excess_out = _excess(found[outer], scene[outer], side[outer])
    # The light itself may change towards the edge; only what the next pixels further in do not share counts.
    further = normalised_blur(found - expected, deep, 2.0 * near)
    excess_in = _excess(found[inner], (expected + further)[inner], scene[inner])
    return max(excess_out, excess_in)


def _excess(found: Plane, one: Plane, other: Plane) -> float:
    """Distance of (n, 3) colours from the nearest mixtures of `one` and `other`, as a median vector."""
    apart = other - one
    length = np.maximum((apart**2).sum(axis=-1), 1e-3)
    share = np.clip(((found - one) * apart).sum(axis=-1) / length, 0, 1)
    return float(np.linalg.norm(np.median(found - one - share[:, None] * apart, axis=0)))
