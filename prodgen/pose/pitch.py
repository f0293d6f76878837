"""Estimates how a camera looked at a product, from its outline and the backdrop around it.

One posterior over the pitch answers everything (Bayes). A product stands or lies, which five signs tell in a
logistic regression. What stands was photographed from a tripod, and a round foot and top show the pitch; what
lies was photographed from higher up, and a disc shows the pitch by its axes. The answer is where most of the
posterior lies within 12 degrees; that share is the confidence. The numbers are in pose.toml, fitted by
benchmarks/pose/fit_pitch.py.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from prodgen.images import Matte, RgbImage
from prodgen.pose.backdrop_signs import measure_backdrop
from prodgen.pose.contour_measures import measure_contour
from prodgen.pose.viewpoint import PoseHint, View

TOLERANCE_DEG = 12.0
"""Error, in degrees, within which an estimate counts as right. By definition."""

LEAST_CONFIDENCE = 2 / 3
"""Confidence below which the pitch counts as unknown: it must be twice as likely right as wrong.

Measured, one product left out at a time: 0.60 leaves 7 of 55 pictures unknown and 4 of the others wrong,
0.67 leaves 10 and 3, 0.75 leaves 21 and none."""

DISC_SPREAD_DEG = 3.5
"""Standard deviation of the pitch that a disc's outline shows.

Measured: 1.5 on four plates and doilies; more is assumed, as plates are not quite round."""

STANDS_ROUND_FROM_DEG = 60.0
"""A ball or wheel stands and is an ellipse too, but nearly a circle: from so many degrees. Chosen."""

RECTANGLE_DEG, RECTANGLE_SPREAD_DEG = 87.0, 6.0
"""Pitch, and its spread, of a picture in which a turned rectangle has right angles.

Geometry: at 75 degrees the corners of a square that is turned by 45 degrees are 88 and 92 degrees wide."""

GRID = np.arange(0.5, 90)
"""Pitches, in degrees, at which the posterior is computed."""


class Signs(NamedTuple):
    """What is measured of a photograph; None where there is nothing to measure."""

    standing: float
    symmetry: float
    upright_edges: float
    contact: float | None
    unevenness: float | None
    foot_deg: float | None
    top_deg: float | None
    ellipse_deg: float | None
    has_tilted_rectangle: bool

    @property
    def of_class(self) -> NDArray[np.float64]:
        """The five that tell whether it stands or lies, NaN for None."""
        signs = (self.standing, self.symmetry, self.upright_edges, self.contact, self.unevenness)
        return np.array([math.nan if sign is None else sign for sign in signs], np.float64)


@dataclass(frozen=True)
class Pose:
    """How the camera looked at the product, as far as it is known."""

    pitch_deg: float
    """The likeliest pitch, 0 (head-on) to 90 (from above)."""
    confidence: float
    """Probability, [0, 1], that it is right within 12 degrees; 1 where a user said it."""
    lies_flat: bool = False
    """Whether the product rather lies than stands."""
    is_said: bool = False
    """Whether a user said it."""
    signs: Signs | None = None
    """What it was estimated from; None where nothing was measured."""

    @property
    def is_known(self) -> bool:
        """Whether the estimate may be used."""
        return self.confidence >= LEAST_CONFIDENCE

    @property
    def view(self) -> View | None:
        """The view to work with; None where it is unknown."""
        return View(self.pitch_deg, self.lies_flat) if self.is_known else None

    @property
    def reasons(self) -> tuple[str, ...]:
        """What the estimate rests on, as phrases, the strongest first."""
        return () if self.signs is None else _reasons(self.signs, lies_flat=self.lies_flat)

    def as_dict(self) -> dict[str, float | bool | str | list[str]]:
        """Return it for JSON."""
        return {
            "pitch_deg": round(self.pitch_deg, 1),
            "confidence": round(self.confidence, 2),
            "known": self.is_known,
            "lies_flat": self.lies_flat,
            "source": "said" if self.is_said else "estimated",
            "reasons": list(self.reasons),
        }

    def __str__(self) -> str:
        """Say it in one line."""
        how = "lying flat" if self.lies_flat else "standing"
        if self.is_said:
            return f"{how}, seen from {self.pitch_deg:.0f} degrees, as you said"
        sure = f"{self.confidence:.0%} sure"
        if not self.is_known:
            return f"unknown (at best {self.pitch_deg:.0f} degrees, {sure})"
        because = f": {', '.join(self.reasons)}" if self.reasons else ""
        return f"{how}, seen from {self.pitch_deg:.0f} degrees ({sure}{because})"


class Gauge(NamedTuple):
    """How an angle that an arc shows is related to the pitch."""

    bias_deg: float
    """What it shows too much: rounded edges and perspective."""
    spread_deg: float
    trust: float
    """Share of the products whose arc is one of a round foot or top at all."""

    def likelihood(self, shown_deg: float) -> NDArray[np.float64]:
        """Return how likely it shows this at each pitch of the grid."""
        right = np.exp(-0.5 * np.square((shown_deg - GRID - self.bias_deg) / self.spread_deg))
        right = right / (self.spread_deg * math.sqrt(2 * math.pi))
        return np.asarray(self.trust * right + (1 - self.trust) / 90, np.float64)


class PitchModel(NamedTuple):
    """The fitted numbers."""

    means: NDArray[np.float64]
    """(5,), of the signs that tell whether a product stands or lies."""
    deviations: NDArray[np.float64]
    weights: NDArray[np.float64]
    """(5,), what one deviation adds to the log odds of lying."""
    offset: float
    """Log odds of lying where every sign has its mean."""
    standing: tuple[float, float]
    """Mean and deviation of the pitch of what stands, degrees."""
    lying: tuple[float, float]
    foot: Gauge
    top: Gauge

    def posterior(self, signs: Signs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how likely each pitch is with the product standing, and lying; the sum of both is 1."""
        away = np.nan_to_num((signs.of_class - self.means) / self.deviations)
        lies = 1 / (1 + math.exp(-(self.offset + float(away @ self.weights))))
        stands, flat = _normal(*self.standing), _normal(*self.lying)
        if signs.ellipse_deg is not None:
            flat = flat * np.exp(-0.5 * np.square((signs.ellipse_deg - GRID) / DISC_SPREAD_DEG))
            flat = flat / (DISC_SPREAD_DEG * math.sqrt(2 * math.pi))
            is_round = signs.ellipse_deg > STANDS_ROUND_FROM_DEG
            stands = stands * (1 / (90 - STANDS_ROUND_FROM_DEG) if is_round else 1e-3)
        else:
            for shown, gauge in ((signs.foot_deg, self.foot), (signs.top_deg, self.top)):
                stands = stands if shown is None else stands * gauge.likelihood(shown)
            stands = stands / stands.sum()
            if signs.has_tilted_rectangle:
                flat = _normal(RECTANGLE_DEG, RECTANGLE_SPREAD_DEG)
        stands, flat = (1 - lies) * stands, lies * flat
        total = float((stands + flat).sum())
        return stands / total, flat / total


def estimate_pose(photo: RgbImage, matte: Matte, *, hint: PoseHint = "auto") -> Pose:
    """Estimate how the camera looked at a product.

    Args:
        photo: The photograph, (H, W, 3), sRGB, [0, 1], with the product's own backdrop.
        matte: (H, W), 1 = product.
        hint: What a user says: "upright" leaves only the pitch to be found, "flat" and degrees leave nothing.

    Raises:
        ImageError: If the matte is empty.
    """
    if hint == "flat":
        return Pose(90.0, 1.0, lies_flat=True, is_said=True)
    signs = read_signs(photo, matte)
    stands, flat = fitted_pitch().posterior(signs)
    if isinstance(hint, (int, float)):
        at = min(int(hint), len(GRID) - 1)
        return Pose(float(hint), 1.0, lies_flat=bool(flat[at] > stands[at]), is_said=True)
    if hint == "upright":
        return answer(stands / stands.sum(), lies_flat=False, signs=signs)
    return answer(stands + flat, lies_flat=bool(flat.sum() > 0.5), signs=signs)


def read_signs(photo: RgbImage, matte: Matte) -> Signs:
    """Measure outline and backdrop.

    Raises:
        ImageError: If the matte is empty.
    """
    outline, backdrop = measure_contour(matte), measure_backdrop(photo, matte)
    return Signs(**outline._asdict(), **backdrop._asdict())


def answer(posterior: NDArray[np.float64], *, lies_flat: bool, signs: Signs) -> Pose:
    """Return the pitch around which most of a posterior lies, and how much of it does."""
    near = np.abs(GRID[:, None] - GRID[None]) <= TOLERANCE_DEG
    best = near[int(np.argmax(near @ posterior))]
    pitch = float((posterior * GRID)[best].sum() / posterior[best].sum())
    confidence = float(posterior[np.abs(GRID - pitch) <= TOLERANCE_DEG].sum())
    return Pose(pitch, confidence, lies_flat=lies_flat, signs=signs)


def _normal(mean: float, deviation: float) -> NDArray[np.float64]:
    """Return a normal distribution over the grid; its sum is 1."""
    density = np.exp(-0.5 * np.square((GRID - mean) / deviation))
    return np.asarray(density / density.sum(), np.float64)


@cache
def fitted_pitch() -> PitchModel:
    """Read the model that benchmarks/pose/fit_pitch.py fitted."""
    table = tomllib.loads(resources.files("prodgen.pose").joinpath("pose.toml").read_text("utf-8"))
    columns = np.array([table["signs"][name] for name in Signs._fields[:5]], np.float64)
    pitch = table["pitch"]
    means, deviations, weights = columns.T
    return PitchModel(
        means,
        deviations,
        weights,
        offset=pitch["offset"],
        standing=tuple(pitch["standing"]),
        lying=tuple(pitch["lying"]),
        foot=Gauge(*pitch["foot"]),
        top=Gauge(*pitch["top"]),
    )


def _reasons(signs: Signs, *, lies_flat: bool) -> tuple[str, ...]:
    """Return what speaks for an answer, the strongest first."""
    model = fitted_pitch()
    if signs.ellipse_deg is not None and lies_flat:
        return (f"its outline is an ellipse, a disc seen from {signs.ellipse_deg:.0f} degrees",)
    if signs.has_tilted_rectangle and lies_flat:
        return ("a turned rectangle in it has right angles",)
    away = np.nan_to_num((signs.of_class - model.means) / model.deviations) * model.weights
    away = away if lies_flat else -away
    phrases = _LYING if lies_flat else _STANDING
    found = [phrases[at] for at in np.argsort(-away) if away[at] > 0.3]
    if not lies_flat and signs.ellipse_deg is None:
        for shown, gauge, part in ((signs.foot_deg, model.foot, "foot"), (signs.top_deg, model.top, "top")):
            if shown is not None and 0 < shown - gauge.bias_deg < 45:
                found.append(f"a round {part} would be seen from {shown - gauge.bias_deg:.0f} degrees")
    return tuple(found[:3])


_STANDING = (
    "it touches the floor over much of its width",
    "it is symmetric",
    "it has upright edges",
    "it is darkest under its foot",
    "a wall shows behind the floor",
)
_LYING = (
    "it touches no floor line",
    "it is not symmetric",
    "it has no upright edges",
    "it is not darkest under its foot",
    "the backdrop is one even floor",
)
