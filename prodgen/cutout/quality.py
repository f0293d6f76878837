"""One number for a matte that needs no truth: how likely it is right, why not, and where it is doubtful.

A matte is called right when its intersection over union (IoU) with the true one is 0.9 at least. Nobody has
the true one; what can be had are several looks at the same photograph (a network at the whole picture and at
a crop, another network, a comparison with the backdrop), and the photograph's own edges along the outline.
A linear model, fitted on products with true mattes, makes the error of what `symptoms` measures.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal, NamedTuple

import numpy as np

from prodgen.cutout import networks, rembg_sessions
from prodgen.cutout.doubts import Doubt, DoubtKind
from prodgen.cutout.matting import require_same_size
from prodgen.cutout.symptoms import Symptoms, gather
from prodgen.images import Matte, Plane, RgbImage

RIGHT_IOU = 0.9
"""A matte is right from this intersection over union with the true one. By definition."""

FLOOR = 0.02
"""Added to 1 - IoU before its logarithm is taken, so that a true matte has one. By definition."""

LARGEST_DEVIATIONS = 3.0
"""No number of the symptoms counts as further from its mean than so many deviations. Guard: nothing so far
out was there to be fitted on."""

SHOWN_SHARE = 0.02
"""Smallest share that is told as a reason. Chosen."""

TOLD_BY: dict[DoubtKind, tuple[str, ...]] = {
    "looks disagree": ("unsure", "log_apart"),
    "half-sure matte": ("log_unsure_beyond",),
    "backdrop inside": ("log_openings",),
    "product outside": ("log_product_outside",),
    "outline without edges": ("unseen",),
    "colours against": ("log_colour_against",),
    "fine parts": ("detail",),
}
"""Which numbers of the symptoms speak through which doubt; the rest is context."""

QualityStatus = Literal["pass", "warn", "fail"]
"""What follows from a score."""


@dataclass(frozen=True, eq=False)
class MatteQuality:
    """How likely a matte is right, and what speaks against it."""

    score: float
    """Estimated probability, [0, 1], that the IoU with the true matte is 0.9 or more."""
    status: QualityStatus
    """Whether the matte can be used unseen (pass), should be looked at (warn), or is more likely wrong."""
    reasons: tuple[Doubt, ...]
    """What speaks against it, the worst first; none for a matte that passes."""
    doubtful: Plane
    """(h, w), [0, 1], at most 512 px a side: how doubtful the matte is at each place of the photograph."""

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """One doubt with all reasons, or none for a matte that passes."""
        return () if self.status == "pass" else (Doubt("doubtful cut-out", self.score, because=self.reasons),)


def assess(rgb: RgbImage, matte: Matte, looks: Sequence[Plane]) -> MatteQuality:
    """Judge a matte by other looks at the same photograph and by the photograph's own edges.

    Args:
        rgb: (H, W, 3), sRGB, [0, 1], the photograph.
        matte: (H, W), 1 = product, as a segmenter found it.
        looks: Planes of any size, [0, 1], that each cover the whole photograph: mattes that other
            segmenters found, or what networks answered before anything was made of it (probabilities).
            None: the small network that comes with prodgen takes one.

    Raises:
        ImageError: If the sizes of photograph and matte differ.
    """
    require_same_size(matte, rgb)
    model = fitted()
    if not looks and rembg_sessions.is_installed():
        looks = (networks.predict(networks.PACKAGED, rgb),)
    found = gather(rgb, matte, looks)
    parts = model.parts(found.symptoms)
    score = model.probability(float(parts.sum()))
    status: QualityStatus = (
        "pass" if score >= model.pass_score else "warn" if score >= model.fail_score else "fail"
    )
    weight = {
        kind: float(sum(parts[Symptoms._fields.index(name)] for name in names))
        for kind, names in TOLD_BY.items()
    }
    told = sorted(
        (kind for kind in weight if weight[kind] > 0 and found.shares[kind] >= SHOWN_SHARE),
        key=lambda kind: -weight[kind],
    )
    reasons = tuple(Doubt(kind, found.shares[kind]) for kind in told) if status != "pass" else ()
    return MatteQuality(score, status, reasons, found.doubtful)


class Model(NamedTuple):
    """A linear model of a matte's error, log(0.02 + 1 - IoU), and what follows from the error."""

    means: Plane
    """(n,), of each number of the symptoms, over the mattes it was fitted on."""
    deviations: Plane
    weights: Plane
    """(n,), what one deviation adds to the error."""
    usual: float
    """The mean error."""
    spread: float
    """Scale of the logistic curve that makes a probability of the error."""
    middle: float
    """The error at which right and wrong are equally likely."""
    pass_score: float
    fail_score: float

    def parts(self, symptoms: Symptoms) -> Plane:
        """What each number adds to the mean error, (n,)."""
        away = (np.asarray(symptoms, np.float32) - self.means) / self.deviations
        return np.asarray(self.weights * np.clip(away, -LARGEST_DEVIATIONS, LARGEST_DEVIATIONS), np.float32)

    def probability(self, part: float) -> float:
        """How likely the matte is right that adds `part` to the mean error."""
        return float(1 / (1 + np.exp((self.usual + part - self.middle) / self.spread)))


@cache
def fitted() -> Model:
    """Read the model that benchmarks/quality/fit.py fitted."""
    text = resources.files("prodgen.cutout").joinpath("quality.toml").read_text("utf-8")
    table = tomllib.loads(text)
    columns = np.array([table["symptoms"][name] for name in Symptoms._fields], np.float32)
    return Model(*columns.T, **table["score"])
