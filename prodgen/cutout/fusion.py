"""One probability of product from what networks say and how the photograph stands against its backdrop.

The photograph is parted into pieces (`regions`); each is decided by logistic regression on its measures, and
again with what was decided around it (auto-context: Tu, CVPR 2008). The networks' own answer is the prior: a
piece that they are sure of is turned over only by strong evidence. The coefficients are in fusion.npz,
fitted by benchmarks/cutout/training.py.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen import color
from prodgen.cutout.matting import resized
from prodgen.cutout.regions import Numbers, Regions, part
from prodgen.images import Plane, RgbImage

WORK_PX = 720
"""Longest side at which pieces are decided; the edge is then fitted at full size. Chosen: spokes of a wheel
that fills the picture are 2 px there."""

Opinion = Literal["crop", "network"]
"""What the second look is: the small network at a crop, or a better network at the whole photograph."""

WEIGHTS: dict[Opinion, tuple[float, float]] = {"crop": (0.5, 0.5), "network": (0.1, 0.9)}
"""How much the first and the second look count in the prior. Chosen: equals, and the better network nearly
alone; on 55 photographs its mean with an equal weight of the small one is worse by 0.02 in IoU."""

PRIOR_WEIGHT: dict[Opinion, float] = {"crop": 0.3, "network": 0.6}
"""How many times the log odds of the looks are added to those of the pieces.
Measured with each photograph's product left out, mean IoU of 55 photographs and of 18 of other products: for
"crop" 0.881 and 0.844 with 0.2, 0.881 and 0.841 with 0.3, 0.879 and 0.838 with 0.45, 0.875 and 0.834 with
0.6; for "network" 0.907 and 0.887 with 0.3, 0.907 and 0.921 with 0.6, 0.908 and 0.921 with 1."""

LEAST_ODDS, LEAST_PRIOR = 0.02, 0.005
"""Probabilities of pieces and of the looks are taken for at least this, and at most 1 less this, before their
log odds. Guards; the looks may be surer, so that print in the backdrop's colour, of which both are certain,
is not taken for holes: with 0.02 some white letters of a dark label were opened."""


CERTAIN = 0.98
"""Probability from which on a look is certain of product. Chosen: networks give it to whole letters."""

LEAST_OPENED = 0.002
"""Openings in what both looks are certain of stand only if they are this share of the product or more.

Measured: a wheel, a fan and lace have 0.006 to 2.2; strokes of white letters on a bag before a white sweep,
which were taken for holes, 0.0007. On 55 photographs no other has any."""


class Piece(NamedTuple):
    """Logistic regression for one kind of pieces."""

    mean: Numbers
    deviation: Numbers
    coefficients: Numbers
    intercept: float

    def probability(self, measures: NDArray[np.float32]) -> Numbers:
        """Probability of product, (n,), of measures (n, k)."""
        normal = np.clip((measures - self.mean) / self.deviation, -5, 5)
        return np.asarray(1 / (1 + np.exp(-(normal @ self.coefficients + self.intercept))), np.float64)


Models = tuple[tuple[Piece, ...], tuple[Piece, ...]]
"""Regressions of the first and of the second decision, one for each kind of pieces."""


def fuse(rgb: RgbImage, first: Plane, second: Plane, opinion: Opinion, models: Models | None = None) -> Plane:
    """Decide what is product.

    Args:
        rgb: (H, W, 3), sRGB, [0, 1], the photograph.
        first: Raw probability by the small network at the whole photograph, any size.
        second: Raw probability by a second look, any size, 0 outside of a crop.
        opinion: What that second look is.
        models: What decides; None: what prodgen comes with.

    Returns:
        (h, w), [0, 1], of at most 720 px a side.
    """
    size = working_size(rgb)
    small = resized(rgb, size)
    looks = (np.clip(resized(first, size), 0, 1), np.clip(resized(second, size), 0, 1))
    regions = part(color.to_lab(small), looks, WEIGHTS[opinion])
    odds = log_odds(decide(regions, *(models or _shipped(opinion))))[regions.labels]
    odds += PRIOR_WEIGHT[opinion] * log_odds(regions.prior, LEAST_PRIOR)
    found = np.asarray(1 / (1 + np.exp(-odds)), np.float32)
    return _without_strokes(found, np.minimum(*looks))


def _without_strokes(found: Plane, least: Plane) -> Plane:
    """Close what was opened against looks that are certain, if it is too little for a net or spokes."""
    opened = (found < 0.5) & (least >= CERTAIN)
    if opened.sum() >= LEAST_OPENED * (found >= 0.5).sum():
        return found
    return np.where(opened, least, found)


def working_size(rgb: RgbImage) -> tuple[int, int]:
    """Width and height at which pieces of a photograph are decided."""
    scale = min(1.0, WORK_PX / max(rgb.shape[:2]))
    return max(16, round(rgb.shape[1] * scale)), max(16, round(rgb.shape[0] * scale))


def decide(regions: Regions, first: tuple[Piece, ...], second: tuple[Piece, ...]) -> Numbers:
    """Probability of product, (n,), of each piece: by its own measures, then by those around it too."""
    own = expanded(regions.measures)
    guess = by_kind(first, own, regions.kinds)
    return by_kind(second, np.concatenate([own, context(regions, guess)], axis=1), regions.kinds)


def by_kind(models: tuple[Piece, ...], measures: NDArray[np.float32], kinds: NDArray[np.int32]) -> Numbers:
    """Probability of product, (n,), each piece by the model of its kind."""
    result = np.zeros(len(kinds))
    for kind, model in enumerate(models):
        chosen = kinds == kind
        if chosen.any():
            result[chosen] = model.probability(measures[chosen])
    return result


def expanded(measures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Measures of pieces with probabilities as log odds, and the products of those that decide together.

    That a piece agrees with the backdrop speaks for a hole only if the outline around it stands out, the
    looks are unsure, or the backdrop is plain, and if it is no clear glass: so agreement is multiplied with
    each.
    """
    x = measures.astype(np.float32).copy()
    x[:, :4], x[:, 18], x[:, 37] = log_odds(x[:, :4]), log_odds(x[:, 18]), log_odds(x[:, 37])
    z = np.minimum(x[:, 5], 3)
    rim_z, rim_agrees, spread, prior = x[:, 24], x[:, 27], x[:, 11], x[:, :2].mean(axis=1)
    close = np.maximum(1.6 - z, 0)
    products = [
        z**2,
        z * rim_z,
        rim_z**2,
        np.maximum(rim_z - 2.5, 0) * close,
        rim_agrees * close,
        spread * z,
        prior * z,
        prior * rim_z,
        prior * spread,
        prior**2,
        x[:, 13] * z,
        x[:, 6] * rim_z,
        x[:, 23] * z,
        x[:, 4] ** 2,
        x[:, 23] * prior,
        x[:, 9] * x[:, 8],
        x[:, 14] * z,
        x[:, 26] * z,
        x[:, 26] * rim_z,
        *(x[:, 33:] * close[:, None]).T,
        x[:, 33] * x[:, 34],
        x[:, 37] * x[:, 33],
        x[:, 37] * x[:, 34],
    ]
    return np.concatenate([x, np.stack(products, axis=1)], axis=1).astype(np.float32)


def context(regions: Regions, probability: Numbers) -> NDArray[np.float32]:
    """What a first decision says about the surroundings of each piece, (n, 15)."""
    odds, neighbours = log_odds(probability), regions.neighbours
    there = odds[neighbours.there]
    plane = probability[regions.labels].astype(np.float32)
    product = plane > 0.5
    whole = max(int(product.sum()), 50)
    depth = cv2.distanceTransform(product.astype(np.uint8), cv2.DIST_L2, 5)
    rim = (depth > 0) & (depth <= 3)
    rim_z = float(np.median(np.log1p(regions.deviation.z[rim]))) if rim.any() else 0.0
    rim_agrees = float((rim & regions.agrees).sum() / max(int(rim.sum()), 1))
    agrees = float((product & regions.agrees).sum() / whole)
    before = regions.prior > 0.5
    kept = float((product & before).sum() / max(int(before.sum()), 1))
    z = np.minimum(regions.measures[:, 5], 3)
    of_photo = (rim_z, rim_agrees, agrees, kept, float(np.log(whole / product.size)))
    columns = [
        odds,
        neighbours.mean(there, 1 / (1 + neighbours.edge)),
        neighbours.mean(there),
        *(log_odds(regions.mean(np.asarray(cv2.blur(plane, (side, side))))) for side in (15, 51)),
        *(np.full(len(odds), value) for value in of_photo),
        odds * z,
        rim_z * z,
        rim_agrees * z,
        agrees * odds,
        kept * odds,
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def log_odds(probability: NDArray[Any], least: float = LEAST_ODDS) -> NDArray[Any]:
    """Natural log of the odds, of probabilities kept away from 0 and 1."""
    p = np.clip(probability, least, 1 - least)
    return np.asarray(np.log(p / (1 - p)))


@lru_cache(maxsize=2)
def _shipped(opinion: Opinion) -> Models:
    """The fitted models of both decisions, one for each kind of pieces."""
    with files("prodgen.cutout").joinpath("fusion.npz").open("rb") as file, np.load(file) as table:
        stages = [
            tuple(Piece(row[0], row[1], row[2, :], float(row[3, 0])) for row in table[f"{opinion}_{stage}"])
            for stage in ("first", "second")
        ]
    return stages[0], stages[1]
