"""Fits the fusion's logistic regressions to pieces of photographs whose true mattes are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from prodgen.cutout.fusion import Models, Piece, by_kind, context, expanded
from prodgen.cutout.regions import BACKDROP, BETWEEN, SHADOW, STANDING_OUT, Numbers, Regions

KINDS = (BACKDROP, SHADOW, STANDING_OUT, BETWEEN)

REGULARISATION = 0.3
"""Inverse of the ridge's strength, where all pieces together weigh `TOTAL_WEIGHT`. Chosen."""

TOTAL_WEIGHT = 3000.0

MOST_STEPS, LONGEST_STEP = 30, 3.0
"""Newton's steps, and the largest change of a coefficient in one. Guards: 8 steps are usual."""

AREA_POWER, LARGEST_WEIGHT, COMPOSITE_WEIGHT = 0.7, 0.3, 0.5
"""A piece counts with its share of the product's area to this power, at most this much; half of it in a
composite. Chosen: with the area itself a few large pieces decide all, with no weight the thousands of specks
do."""

LEAST_AREA, LEAST_PRODUCT = 2, 300
"""Pixels below which a piece is not fitted, and what a product's area counts for at least. Guards."""

FOLDS = 3
"""Parts into which products are divided, so that the second decision is fitted on first ones that were made
for products not seen (stacked generalisation: Wolpert, Neural Networks 5, 1992)."""


class Example(NamedTuple):
    """A photograph in pieces, with the truth of each."""

    name: str
    products: frozenset[str]
    """What is in it: a fold that holds out one of them leaves the example out."""
    is_composite: bool
    regions: Regions
    own: NDArray[np.float32]
    """(n, k), the pieces' own measures, expanded."""
    truth: Numbers
    """(n,), share of the piece that is product."""
    product_area: float
    """Pixels."""

    @property
    def subject(self) -> str:
        """What it is counted under when examples are divided: a product, or itself."""
        return min(self.products, default=self.name)


def fit(examples: Sequence[Example]) -> Models:
    """Fit both decisions; equal examples give equal coefficients."""
    subjects = sorted({example.subject for example in examples})
    fold = {subject: number % FOLDS for number, subject in enumerate(subjects)}
    both: dict[str, NDArray[np.float32]] = {}
    for held_out in range(FOLDS):
        seen = [one for one in examples if fold[one.subject] != held_out]
        first = _fitted(seen, [one.own for one in seen]) if seen else ()
        for one in examples:
            if fold[one.subject] == held_out:
                guess = by_kind(first, one.own, one.regions.kinds)
                both[one.name] = np.concatenate([one.own, context(one.regions, guess)], axis=1)
    return (
        _fitted(examples, [one.own for one in examples]),
        _fitted(examples, [both[one.name] for one in examples]),
    )


def labelled(name: str, products: frozenset[str], regions: Regions, true: NDArray[np.float32]) -> Example:
    """Label the pieces of a photograph by its true matte, which is of the pieces' size."""
    # What only measures were taken from is let go: hundreds of examples are held at once.
    nothing = np.empty((0, 0), np.float32)
    slim = regions._replace(
        deviation=regions.deviation._replace(lab=nothing, difference=nothing, spread=nothing)
    )
    area = float((true > 0.5).sum())
    return Example(name, products, False, slim, expanded(regions.measures), regions.mean(true), area)


def _fitted(examples: Sequence[Example], measures: Sequence[NDArray[np.float32]]) -> tuple[Piece, ...]:
    return tuple(_fit_kind(kind, examples, measures) for kind in KINDS)


def _fit_kind(kind: int, examples: Sequence[Example], measures: Sequence[NDArray[np.float32]]) -> Piece:
    """A piece that is product by half counts half as product, half as backdrop."""
    chosen = [(one.regions.kinds == kind) & (one.regions.area >= LEAST_AREA) for one in examples]
    x = np.concatenate([rows[here] for rows, here in zip(measures, chosen, strict=True)])
    if not len(x):  # none of this kind was seen: undecided
        nothing = np.zeros(x.shape[1])
        return Piece(nothing, nothing + 1, nothing, 0.0)
    truth = np.concatenate([one.truth[here] for one, here in zip(examples, chosen, strict=True)])
    weight = np.concatenate([_weights(one)[here] for one, here in zip(examples, chosen, strict=True)])
    mean = np.average(x, axis=0, weights=weight)
    deviation = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weight)) + 1e-4
    normal = np.clip((x - mean) / deviation, -5, 5).astype(np.float32)
    found = logistic_regression(normal, truth, weight * (TOTAL_WEIGHT / weight.sum()))
    return Piece(mean, deviation, found[:-1], float(found[-1]))


def logistic_regression(x: NDArray[np.float32], truth: Numbers, weight: Numbers) -> Numbers:
    """Fit ridge logistic regression by Newton's method, which for it is iteratively reweighted least squares.

    Args:
        x: (n, k), measures of one scale.
        truth: (n,), [0, 1]; between them, so much of either.
        weight: (n,), how much each row counts.

    Returns:
        (k + 1,), the coefficients, and the intercept, which is not drawn to 0.
    """
    rows = np.column_stack([x, np.ones(len(x), np.float32)])
    ridge = np.full(rows.shape[1], 1 / REGULARISATION)
    ridge[-1] = 1e-6
    found = np.zeros(rows.shape[1])
    for _ in range(MOST_STEPS):
        probability = 1 / (1 + np.exp(-np.clip(rows @ found.astype(np.float32), -30, 30)))
        slope = rows.T @ (weight * (probability - truth)).astype(np.float32) + ridge * found
        curvature = (weight * np.maximum(probability * (1 - probability), 1e-4)).astype(np.float32)
        step = np.linalg.solve((rows * curvature[:, None]).T @ rows + np.diag(ridge), slope)
        found = found - step * min(1.0, LONGEST_STEP / max(float(np.abs(step).max()), 1e-9))
        if np.abs(step).max() < 1e-3:
            break
    return found


def _weights(one: Example) -> Numbers:
    share = np.minimum(one.regions.area / max(one.product_area, LEAST_PRODUCT), 1)
    trust = COMPOSITE_WEIGHT if one.is_composite else 1.0
    return np.asarray(np.minimum(share**AREA_POWER * trust, LARGEST_WEIGHT))
