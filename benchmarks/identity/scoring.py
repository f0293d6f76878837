"""Numbers of the identity benchmark: colour differences to the truth, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from methods import OURS
from skimage.color import deltaE_ciede2000, rgb2lab

from prodgen.images import Matte, RgbImage


@dataclass(frozen=True)
class Score:
    """How far one method's product is from the truth, in one case."""

    case: str
    product: str
    spoiling: str
    method: str
    mean: float
    """CIEDE2000, mean over the product."""
    p95: float
    """CIEDE2000, 95th percentile."""


@dataclass(frozen=True)
class Row:
    """One method over many cases."""

    method: str
    mean: float
    p95: float
    worst: float
    """The worst case's mean."""
    ratio: float
    """Mean over the cases of this method's difference over that of the best other method there."""
    worst_ratio: float
    firsts: int
    """Cases in which no other method came closer."""


def difference(result: RgbImage, truth: RgbImage, matte: Matte) -> tuple[float, float]:
    """CIEDE2000 to the truth inside the matte: mean and 95th percentile.

    scikit-image's, not prodgen's own: who is judged does not hold the ruler.
    """
    inside = matte > 0.9
    steps = deltaE_ciede2000(
        rgb2lab(result[inside].astype(np.float64)), rgb2lab(truth[inside].astype(np.float64))
    )
    return float(steps.mean()), float(np.percentile(steps, 95))


def ratios(scores: Iterable[Score], method: str = OURS) -> dict[tuple[str, str], float]:
    """For each case and spoiling: the method's mean difference over that of the best of all others."""
    own: dict[tuple[str, str], float] = {}
    best: dict[tuple[str, str], float] = {}
    for score in scores:
        key = score.case, score.spoiling
        if score.method == method:
            own[key] = score.mean
        else:
            best[key] = min(score.mean, best.get(key, np.inf))
    return {key: own[key] / max(best[key], 1e-6) for key in own}


def table(scores: list[Score]) -> list[Row]:
    """One row a method, best mean first."""
    rows = []
    for method in dict.fromkeys(score.method for score in scores):
        mine = [score for score in scores if score.method == method]
        to_best = list(ratios(scores, method).values())
        rows.append(
            Row(
                method=method,
                mean=float(np.mean([score.mean for score in mine])),
                p95=float(np.mean([score.p95 for score in mine])),
                worst=max(score.mean for score in mine),
                ratio=float(np.mean(to_best)),
                worst_ratio=max(to_best),
                firsts=sum(ratio <= 1 for ratio in to_best),
            )
        )
    return sorted(rows, key=lambda row: row.mean)
