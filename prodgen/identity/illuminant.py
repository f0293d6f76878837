"""The colour of the new light, read from what survived of the product's own colours.

A relighting model does two things to a product's colours. It puts them into the light of the
scene, which is wanted; and it draws them towards a colour of its own liking, which is not. Both
are seen at once, but differently: light multiplies a colour, the model's veil replaces it. With u
the photograph's colour and v the relit one, each divided by its luminance,

    v = share * light * u / Y(light * u)  +  (1 - share) * veil

holds for all the product's materials together. A product of more than one colour (print on a jar
is enough) therefore tells light and veil apart. Priors keep the answer plausible where the product
is of one colour: the light lies near daylight's line from blue to amber, the veil near the colour
of the scene. Where nothing fits, the relit product's colours are an invention, and are not used.
Owns that fit, and nothing spatial.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prodgen.color import LUMA
from prodgen.identity.evidence import Evidence, brightest

Vector = NDArray[np.float64]

_AXES = np.array([[1, 0, -1], [-0.5, 1, -0.5]])
_AXES = _AXES / np.linalg.norm(_AXES, axis=1, keepdims=True)
"""Of log R, G, B: blue to amber, and magenta to green."""

LIGHT_SPREAD = (0.3, 0.06)
"""Prior deviation of the light's log colour on the two axes: daylight and lamps vary along the
first (0.3 is 6500 K against about 4600 K or 12000 K) and hardly along the second."""

VEIL_SPREAD = (0.25, 0.10)
"""Prior deviation of the veil around the scene's colour, same axes."""

SHARE_PRIOR = (0.5, 1.5)
"""Mean and deviation of the logit of the share of colour that survived."""

INDEPENDENT_PIXELS = 20.0
"""What all the product's pixels together are worth against the priors: a model
that misdraws a material misdraws all of it, so they count as a few materials, not as thousands."""

SMALLEST_SIGMA = 0.1
"""Misfit below which colours are not told apart better: gloss, texture and noise move them as much."""

HONEST_SIGMA = 0.03
"""The same without a veil: a model that keeps all colours, exactly, is believed exactly."""

TRUSTED_MISFIT = 0.2
"""Median misfit of v at which the fitted colours are trusted half."""

TRUSTED_LOCALLY = 0.11
"""Median misfit at which colours are trusted half to tell the light of one side from the other's."""

TRUSTED_AMPLIFIED = 0.35
"""The same for the misfit divided by the surviving share."""

BLUEST, REDDEST = -0.65, 1.05
"""Log of red over blue at which light is believed half: open shade by a blue sky (12000 K and more),
and a lamp of 2700 K, each after the camera has balanced half of it away."""

HONEST_MARGIN = 1.0
"""How much better (in half squared deviations, twice) a veil must explain the picture than no veil."""


@dataclass(frozen=True)
class Illuminant:
    """What was done to the product's colours, apart from making them lighter or darker."""

    light: NDArray[np.float32]
    """(3,), linear sRGB, luminance 1: the colour of the new light, already drawn to white by distrust."""

    veil: NDArray[np.float32]
    """(3,), linear sRGB, luminance 1: the colour that the model drew the product to."""

    share: float
    """How much of the product's own colour survived, 0 to 1."""

    misfit: float
    """Median distance between relit colours and this explanation; 0.1 is good, 0.3 an invention."""

    raw_light: NDArray[np.float32]
    """(3,), the light's colour as it was fitted, before distrust."""

    confidence: float
    """0 to 1: how far the colours of the relit product may be used at all."""

    trust: float = 1.0
    """0 to 1: how much of the colours was left after the hues were turned back; see `turn`."""

    @property
    def local_confidence(self) -> float:
        """0 to 1: how far they may be used to tell one side's light from the other's."""
        absolute = 1 / (1 + (self.misfit / TRUSTED_LOCALLY) ** 6)
        # Taking the veil off divides by the share, and multiplies what was misread.
        relative = 1 / (1 + (self.misfit / max(self.share, 1e-3) / TRUSTED_AMPLIFIED) ** 6)
        return float(self.trust * self.plausibility * absolute * relative)

    @property
    def plausibility(self) -> float:
        """0 to 1: whether such light exists; a hue turned by the model looks like light that does not."""
        return _plausibility(float(np.log(self.raw_light[0] / self.raw_light[2])))


def _color(position: Vector) -> Vector:
    color = np.exp(position @ _AXES)
    return np.asarray(color / (color @ LUMA))


def _position(color: NDArray[np.float32]) -> Vector:
    return np.asarray(np.log(np.maximum(color, 1e-3)) @ _AXES.T)


def _plausibility(log_red_over_blue: float) -> float:
    """1 for light as it occurs, falling steeply to 0 beyond `BLUEST` and `REDDEST`."""
    limit = REDDEST if log_red_over_blue > 0 else BLUEST
    return float(1 / (1 + (log_red_over_blue / limit) ** 8))


def _logit(share: float) -> float:
    return float(np.log(share / (1 - share)))


def _explain(x: Vector, u: Vector, *, honest: bool) -> Vector:
    lit = u * _color(x[:2])
    lit = lit / (lit @ LUMA)[:, None]
    if honest:
        return np.asarray(lit)
    share = 1 / (1 + np.exp(-x[4]))
    return np.asarray(share * lit + (1 - share) * _color(x[2:4]))


def _fit(u: Vector, v: Vector, start: Vector, mean: Vector, spread: Vector) -> tuple[Vector, float, float]:
    """Robust Gauss-Newton; two unknowns make an honest light, five a veil. Returns x, cost, misfit."""
    honest = len(start) == 2
    x, sigma, step = start.copy(), 0.3, 1e-4
    # A saturated blue has 1/Y as high as 14: relative misfits treat all hues alike.
    scale = (np.sqrt(3) / np.linalg.norm(v, axis=1))[:, None]
    for _ in range(12):
        residual = (_explain(x, u, honest=honest) - v) * scale
        distance = np.linalg.norm(residual, axis=1)
        sigma = max(HONEST_SIGMA if honest else SMALLEST_SIGMA, min(sigma, 1.5 * float(np.median(distance))))
        weight = INDEPENDENT_PIXELS / len(u) / sigma**2 / (1 + (distance / sigma) ** 2)
        slope = np.stack(
            [
                ((_explain(x + step * axis, u, honest=honest) - v) * scale - residual) / step
                for axis in np.eye(len(x))
            ],
            axis=-1,
        )
        curvature = np.einsum("nci,n,ncj->ij", slope, weight, slope) + np.diag(spread**-2)
        gradient = np.einsum("nci,n,nc->i", slope, weight, residual) + (x - mean) / spread**2
        x = x - np.clip(np.linalg.solve(curvature, gradient), -0.7, 0.7)
    distance = np.linalg.norm((_explain(x, u, honest=honest) - v) * scale, axis=1)
    cost = INDEPENDENT_PIXELS * float(np.mean(np.log1p((distance / 0.06) ** 2)))
    return x, cost + float((((x - mean) / spread) ** 2).sum()), float(np.median(distance))


def _samples(evidence: Evidence, count: int = 900) -> tuple[Vector, Vector]:
    photo, relit = evidence.photo_linear, evidence.relit_linear
    # Clipped and nearly black pixels have lost their colour.
    told = (
        (evidence.weight > 0)
        & (brightest(relit) < 0.95)
        & (brightest(photo) < 0.985)
        & (photo @ LUMA > 0.01)
        & (relit @ LUMA > 0.004)
    )
    index = np.flatnonzero(told)
    if len(index) > count:
        index = index[np.linspace(0, len(index) - 1, count).astype(int)]
    u = photo.reshape(-1, 3)[index].astype(np.float64)
    v = relit.reshape(-1, 3)[index].astype(np.float64)
    return u / (u @ LUMA)[:, None], v / (v @ LUMA)[:, None]


def read_illuminant(evidence: Evidence) -> Illuminant:
    """Fit light, veil and surviving share to the product's colours before and after.

    Never fails: where the colours cannot be explained, the light is white and the confidence 0.
    """
    u, v = _samples(evidence)
    white = np.ones(3, np.float32)
    if len(u) < 50:
        return Illuminant(white, evidence.scene_color, 1.0, 1.0, white, 0.0)
    scene = np.clip(_position(evidence.scene_color), -0.5, 0.5)
    mean = np.array([0, 0, *scene, SHARE_PRIOR[0]])
    spread = np.array([*LIGHT_SPREAD, *VEIL_SPREAD, SHARE_PRIOR[1]])
    honest = _fit(u, v, np.zeros(2), mean[:2], spread[:2])
    starts = [np.array([0, 0, *scene, _logit(share)]) for share in (0.3, 0.6, 0.95)]
    veiled = min((_fit(u, v, start, mean, spread) for start in starts), key=lambda fit: fit[1])
    if honest[1] < veiled[1] + HONEST_MARGIN:
        x, misfit, veil, share = honest[0], honest[2], white, 1.0
    else:
        x, misfit = veiled[0], veiled[2]
        veil, share = _color(x[2:4]).astype(np.float32), float(1 / (1 + np.exp(-x[4])))
    raw_light = _color(x[:2])
    confidence = _plausibility(float(np.log(raw_light[0] / raw_light[2])))
    confidence *= evidence.turn.trust / (1 + (misfit / TRUSTED_MISFIT) ** 4)
    light = _color(confidence * x[:2]).astype(np.float32)
    return Illuminant(
        light, veil, share, misfit, raw_light.astype(np.float32), confidence, evidence.turn.trust
    )
