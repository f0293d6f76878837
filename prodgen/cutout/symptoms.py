"""What speaks for and against a matte: eleven numbers from the photograph and from other looks at it.

Knows no truth and gives no verdict; `quality` weighs these numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen import color, masks
from prodgen.cutout.contrast import Contrast, lengths, measure_contrast, strongest_step
from prodgen.cutout.matting import resized
from prodgen.images import Matte, Plane, RgbImage

WORK_PX = 512
"""Longest side at which a matte is judged. Speed."""

RIM_PX = 3
"""How far from the outline, at that size, a disagreement counts as one about the edge only. Chosen."""

FAINT_EDGE = 0.8
"""L*a*b* units per pixel at that size, below which the photograph shows no edge. Chosen."""

FLAT_SPREADS = 2.5
"""How many deviations of the backdrop's noise a place may be off the backdrop and still be as flat. Chosen:
99 % of a normal distribution."""

NEAR = 0.1
"""What is near the matte, as a share of the longer side. Chosen."""

OPENING = 0.02
"""How far from a sharp edge inside an opening may reach, as a share of the longer side. Chosen."""

CELLS = (16, 21, 21)
"""Cells of a colour histogram in L*, a* and b*: 6.7 and 6.4 units wide. Chosen."""

LEAST = 0.005
"""Shares below this count alike, because their logarithm is taken. Chosen: half a per cent of the area."""

Mask = NDArray[np.bool_]


class Symptoms(NamedTuple):
    """Numbers about one matte. All areas are shares of the matte's own, as logarithms where so named."""

    unsure: float
    """1 less the tenth percentile of what the looks say inside the matte."""
    log_apart: float
    """Mean of 1 - IoU between the matte and each look, logarithm."""
    log_unsure_beyond: float
    """Half-sure area of the matte beyond its rim, logarithm."""
    log_colour_against: float
    """Area along the rim whose colours are commoner on the other side of the outline, logarithm."""
    log_openings: float
    """Area inside that is as flat and as coloured as the backdrop, beside sharp edges, logarithm."""
    log_edges_outside: float
    """Sharp edges near the matte but outside of it, per pixel of outline, logarithm."""
    detail: float
    """Share of the matte's inside that is sharp edges."""
    edge_strength: float
    """Lower quartile of the photograph's edge strength along the outline, L*a*b* per pixel, logarithm."""
    unseen: float
    """Share of the outline where the photograph shows no edge."""
    log_product_outside: float
    """Area near the matte but outside of it that is neither backdrop nor shadow, beyond what the frame has of
    such, logarithm."""
    touching: float
    """Share of the frame that the matte touches."""


class Found(NamedTuple):
    """The numbers, the shares that reasons are told in, and a map of the places."""

    symptoms: Symptoms
    shares: dict[str, float]
    """Kind of a doubt -> its share, [0, 1]."""
    doubtful: Plane
    """(h, w), [0, 1]: how doubtful the matte is at each place."""


def gather(rgb: RgbImage, matte: Matte, looks: Sequence[Plane]) -> Found:
    """Measure a matte against its photograph and other looks at it.

    Args:
        rgb: (H, W, 3), sRGB, [0, 1], the photograph.
        matte: (H, W), 1 = product.
        looks: Planes of any size, [0, 1], that each cover the whole photograph; none: the matte itself.
    """
    scale = min(1.0, WORK_PX / max(matte.shape))
    size = (max(16, round(matte.shape[1] * scale)), max(16, round(matte.shape[0] * scale)))
    small = resized(matte, size)
    others = np.stack([resized(look, size) for look in looks] or [small])
    lab = color.to_lab(resized(rgb, size))
    contrast, shape = measure_contrast(lab), _Shape.of(small)
    signs = _signs(lab, contrast, small, shape)
    apart = float(np.mean([1 - _iou(other > 0.5, shape.solid) for other in others]))
    inside = others[:, shape.solid]
    length, area = max(float(shape.outline.sum()), 1.0), shape.area
    symptoms = Symptoms(
        unsure=1 - float(np.percentile(inside, 10)) if inside.size else 1.0,
        log_apart=_log(apart),
        log_unsure_beyond=_log(float(signs.beyond.sum()) / area),
        log_colour_against=_log(float(signs.against.sum()) / area),
        log_openings=_log(float(signs.openings.sum()) / area),
        log_edges_outside=_log(float((contrast.edges & signs.near).sum()) / length),
        detail=float((contrast.edges & (shape.depth > 2)).sum()) / area,
        edge_strength=signs.edge_strength,
        unseen=float(signs.unseen.sum()) / length,
        log_product_outside=_log(signs.product_outside / area),
        touching=shape.touching,
    )
    shares = {
        "looks disagree": apart,
        "half-sure matte": float(signs.beyond.sum()) / max(float((small > 0.06).sum()), 1.0),
        "backdrop inside": float(signs.openings.sum()) / area,
        "product outside": signs.product_outside / area,
        "outline without edges": symptoms.unseen,
        "colours against": float(signs.against.sum()) / max(float(shape.rim.sum()), 1.0),
        "fine parts": float((shape.solid & (shape.depth <= RIM_PX)).sum()) / area,
    }
    away = np.abs(others - small).mean(axis=0) * np.where(shape.rim, 0.5, 1)
    suspect = (signs.unseen | signs.openings | signs.beyond).astype(np.float32)
    doubtful = np.maximum(away, cv2.GaussianBlur(suspect, (0, 0), 2))
    bounded = {kind: min(1.0, share) for kind, share in shares.items()}
    return Found(symptoms, bounded, np.clip(doubtful, 0, 1).astype(np.float32))


class _Shape(NamedTuple):
    """A matte cut at one half: where it is solid, its outline, and distances from that in pixels."""

    solid: Mask
    outline: Mask
    depth: Plane
    distance: Plane
    rim: Mask
    area: float
    touching: float

    @classmethod
    def of(cls, matte: Matte) -> _Shape:
        solid = matte > 0.5
        binary = solid.astype(np.uint8)
        outline = solid & (cv2.erode(binary, np.ones((3, 3), np.uint8)) == 0)
        border = sum(float(line.sum()) for line in (solid[0], solid[-1], solid[:, 0], solid[:, -1]))
        outline[[0, -1]] = outline[:, [0, -1]] = False
        depth = np.asarray(cv2.distanceTransform(binary, cv2.DIST_L2, 3), np.float32)
        distance = np.asarray(cv2.distanceTransform(1 - binary, cv2.DIST_L2, 3), np.float32)
        rim = (depth <= RIM_PX) & (distance <= RIM_PX)
        touching = border / (2 * sum(matte.shape))
        return cls(solid, outline, depth, distance, rim, max(float(solid.sum()), 1.0), touching)


class _Signs(NamedTuple):
    """Places that speak against a matte, (h, w) each, and what is measured there."""

    unseen: Mask
    """Outline where the photograph shows no edge."""
    openings: Mask
    """Inside, but backdrop by colour and flatness, beside sharp edges."""
    against: Mask
    """Rim whose colours are the other side's."""
    beyond: Mask
    """Half-sure beyond the rim."""
    near: Mask
    """Near the matte but outside of it."""
    product_outside: float
    """Area near the matte that is neither backdrop nor shadow, pixels."""
    edge_strength: float
    """Lower quartile of the edge strength along the outline, logarithm."""


def _signs(lab: Plane, contrast: Contrast, matte: Matte, shape: _Shape) -> _Signs:
    longest, steps = max(matte.shape), strongest_step(lab)
    near = (shape.distance > RIM_PX + 1) & (shape.distance < NEAR * longest)
    inner = (contrast.edges & (shape.depth > RIM_PX + 1)).astype(np.float32)
    beside = masks.dilate(inner, max(3, OPENING * longest)) > 0
    strength = steps[shape.outline] if shape.outline.any() else np.zeros(1, np.float32)
    return _Signs(
        unseen=shape.outline & (steps < FAINT_EDGE),
        openings=_flat(contrast) & (shape.depth > RIM_PX) & beside,
        against=_colours_against(lab, shape) & shape.rim,
        beyond=(matte > 0.06) & (matte < 0.94) & ~shape.rim,
        near=near,
        product_outside=_surplus(contrast.off_backdrop, near) * float(near.sum()),
        edge_strength=float(np.log(np.percentile(strength, 25) + 0.1)),
    )


def _log(share: float) -> float:
    return float(np.log(LEAST + max(share, 0.0)))


def _iou(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / max(float((one | other).sum()), 1.0))


def _flat(contrast: Contrast) -> Mask:
    """Places that are the backdrop's colour within its noise."""
    off = lengths(contrast.difference)
    return np.asarray(off < FLAT_SPREADS * contrast.backdrop.spread, np.bool_)


def _surplus(mask: Mask, near: Mask) -> float:
    """How much more of a mask there is near the matte than in the photograph's frame, a share."""
    frame = np.ones(mask.shape, np.bool_)
    margin = max(4, round(0.06 * min(mask.shape)))
    frame[margin:-margin, margin:-margin] = False
    here = float(mask[near].mean()) if near.any() else 0.0
    return max(0.0, here - 1.5 * float(mask[frame].mean()))


def _colours_against(lab: Plane, shape: _Shape) -> Mask:
    """Places whose colour is clearly commoner on the other side of the outline.

    Colours are counted in a smoothed histogram of L*a*b* inside the outline, and in one near it outside.
    """
    steps = np.array([0.15, 1 / 6.4, 1 / 6.4], np.float32)
    scaled = (cv2.GaussianBlur(lab, (0, 0), 1.0) + np.array([0, 64, 64], np.float32)) * steps
    cell = np.round(np.clip(scaled, 0, np.array(CELLS, np.float32) - 1)).astype(np.int32)
    index = np.ravel_multi_index(np.moveaxis(cell, -1, 0), CELLS)
    inside = shape.depth > 2
    near = (shape.distance > 2) & (shape.distance < NEAR * max(lab.shape))
    logs = [
        np.log(_histogram(index[side]) + 1e-5)
        for side in (inside if inside.any() else shape.solid, near if near.any() else ~shape.solid)
    ]
    speaks = cv2.blur(np.clip(logs[0] - logs[1], -6, 6).astype(np.float32)[index], (3, 3))
    return np.asarray(np.where(shape.solid, speaks, -speaks) < -1, np.bool_)


def _histogram(index: NDArray[np.intp]) -> Plane:
    """How common each cell is, smoothed over its neighbours, (cells,), sum 1."""
    counts: NDArray[Any] = np.bincount(index, minlength=int(np.prod(CELLS))).astype(np.float32).reshape(CELLS)
    for axis in range(3):
        rows = np.ascontiguousarray(np.moveaxis(counts, axis, 0))
        flat = cv2.GaussianBlur(
            rows.reshape(len(rows), -1), (1, 5), 0, sigmaY=0.8, borderType=cv2.BORDER_CONSTANT
        )
        counts = np.moveaxis(np.asarray(flat).reshape(rows.shape), 0, axis)
    return np.asarray(counts.ravel() / max(float(counts.sum()), 1e-6), np.float32)
