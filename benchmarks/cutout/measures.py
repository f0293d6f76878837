"""How good a cut-out is beside the true matte, and what a group of cut-outs comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.images import Matte

BAD, GOOD = 0.9, 0.97
"""IoU below which a cut-out should be doubted, and from which on it should not."""

BAND_PX = 5
"""How far to both sides of the true outline the error at the edge is taken, pixels."""

OUTLINE_PX = 2
"""How near to the true outline a found one counts as right, pixels."""

HOLE_OF_PICTURE, HOLE_OF_PRODUCT = 0.0002, 0.002
"""Smallest opening that is counted, as shares of the picture's and of the product's pixels."""


@dataclass(frozen=True)
class Measured:
    """One cut-out beside the truth."""

    iou: float
    """Intersection over union, both mattes cut at one half."""
    mae: float
    """Mean absolute error over the picture, x 1000."""
    band: float
    """Mean absolute error near the true outline, x 1000."""
    outline: float
    """F-score of the outlines at 2 px."""
    are_holes_right: bool
    """Whether as many openings were found as there are."""
    is_cut: bool
    """Whether the true product touches the frame."""


@dataclass(frozen=True)
class Group:
    """What some cut-outs come to."""

    count: int
    iou: float
    mae: float
    band: float
    outline: float
    holes_right: float
    """Share of the pictures."""
    bad: int
    """Cut-outs with an IoU below 0.9."""
    silent: int
    """Bad cut-outs without a doubt told."""
    false_alarms: int
    """Cut-outs with an IoU of 0.97 and more, and a doubt."""


def measured(found: Matte, true: Matte) -> Measured:
    """Compare a matte with the truth, both (H, W), 1 = product."""
    error = np.abs(found - true)
    here, there = found > 0.5, true > 0.5
    borders = (there[0], there[-1], there[:, 0], there[:, -1])
    return Measured(
        iou=float((here & there).sum() / max((here | there).sum(), 1)),
        mae=float(error.mean() * 1000),
        band=float(error[_band(true)].mean() * 1000),
        outline=_outline_f(here, there),
        are_holes_right=_holes(here) == _holes(there),
        is_cut=any(bool(border.any()) for border in borders),
    )


def grouped(items: Sequence[tuple[Measured, bool]]) -> Group:
    """Sum up cut-outs, each with whether it was doubted; to say "cut off" of what is cut off is no doubt."""
    scores = [score for score, _ in items]
    return Group(
        count=len(items),
        iou=float(np.mean([score.iou for score in scores])),
        mae=float(np.mean([score.mae for score in scores])),
        band=float(np.mean([score.band for score in scores])),
        outline=float(np.mean([score.outline for score in scores])),
        holes_right=float(np.mean([score.are_holes_right for score in scores])),
        bad=sum(score.iou < BAD for score in scores),
        silent=sum(score.iou < BAD and not is_doubted for score, is_doubted in items),
        false_alarms=sum(score.iou >= GOOD and is_doubted for score, is_doubted in items),
    )


def auroc(qualities: Sequence[float], ious: Sequence[float]) -> float | None:
    """How well a quality number tells bad cut-outs from others: the area under the ROC curve.

    Returns:
        The share of pairs of a bad cut-out and another in which the other has the higher number, ties
        counted half; None where there are no such pairs.
    """
    number, is_bad = np.asarray(qualities), np.asarray(ious) < BAD
    apart = number[~is_bad][:, None] - number[is_bad][None]
    return float(((apart > 0) + 0.5 * (apart == 0)).mean()) if apart.size else None


def _disc(radius: int) -> NDArray[np.uint8]:
    side = 2 * radius + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _band(true: Matte) -> NDArray[np.bool_]:
    some, whole = ((true > limit).astype(np.uint8) for limit in (0.05, 0.95))
    inner = cv2.erode(whole, _disc(BAND_PX), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.dilate(some, _disc(BAND_PX)) > inner, np.bool_)


def _holes(product: NDArray[np.bool_]) -> int:
    """Count the pieces of background that do not touch the frame."""
    least = max(HOLE_OF_PICTURE * product.size, HOLE_OF_PRODUCT * product.sum())
    _, labels, facts, _ = cv2.connectedComponentsWithStats((~product).astype(np.uint8), connectivity=4)
    outside = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    is_large = facts[:, cv2.CC_STAT_AREA] > least
    is_large[np.append(outside, 0)] = False
    return int(is_large.sum())


def _outline(product: NDArray[np.bool_]) -> NDArray[np.bool_]:
    solid = product.astype(np.uint8)
    inner = cv2.erode(solid, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(solid > inner, np.bool_)


def _outline_f(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    """Harmonic mean of the shares of each outline that lie near the other."""
    ours, theirs = _outline(found), _outline(true)
    if not ours.any() or not theirs.any():
        return float(ours.any() == theirs.any())
    near_ours, near_theirs = (
        cv2.dilate(line.astype(np.uint8), _disc(OUTLINE_PX)) > 0 for line in (ours, theirs)
    )
    precision = float((ours & near_theirs).sum() / ours.sum())
    recall = float((theirs & near_ours).sum() / theirs.sum())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
