"""What light, and a model's own liking, do to a product's colours: one formula, and its robust fit.

A relighting model does two things to a product's colours. It puts them into the light of the
scene, which is wanted; and it draws them towards a colour of its own liking, which is not. Both
are seen at once, but differently: light multiplies a colour, the model's veil replaces it. With u
the photograph's colour and v the relit one, each divided by its luminance,

    v = share * light * u / Y(light * u)  +  (1 - share) * veil

holds for all the product's materials together. A product of more than one colour (print on a jar
is enough) therefore tells light and veil apart. Priors keep the answer plausible where the product
is of one colour: the light lies near daylight's line from blue to amber, the veil near the colour
of the scene. Owns the formula, the priors and the fit; what is made of it is `turn`'s and
`illuminant`'s.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from prodgen.color import LUMA, brightest
from prodgen.images import Matte

Plane = NDArray[np.float32]
Array = NDArray[np.float64]

_AXES = np.array([[1, 0, -1], [-0.5, 1, -0.5]])
_AXES = _AXES / np.linalg.norm(_AXES, axis=1, keepdims=True)
"""Of log R, G, B: blue to amber, and magenta to green."""

LIGHT_SPREAD = (0.3, 0.06)
"""Prior deviation of the light's log colour on the two axes: daylight and lamps vary along the
first (0.3 is 6500 K against about 4600 K or 12000 K) and hardly along the second."""

VEIL_SPREAD = (0.15, 0.06)
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

HONEST_MARGIN = 1.0
"""How much better (in half squared deviations, twice) a veil must explain the picture than no veil."""

NOTICED = 0.06
"""Relative distance at which a colour begins to count as not explained."""

STEPS = 12
"""Of Gauss-Newton."""

FEWEST_WITNESSES = 50
"""Pixels that still have their colour, below which nothing is said about it."""


class Explanation(NamedTuple):
    """How one product's colours were changed, and how well that explains them."""

    light: Array
    """(3,), linear sRGB, luminance 1."""

    veil: Array
    """(3,), linear sRGB, luminance 1; white if all colour survived."""

    share: float
    """How much of the product's own colour survived, 0 to 1."""

    strain: float
    """How unlikely light, veil and share are by their priors, in squared deviations."""

    lack: float
    """How much of the colours is left unexplained, in the same measure: `lack_of`."""

    misfit: float
    """Median distance between the relit colours and this explanation, relative to their own size."""

    @property
    def cost(self) -> float:
        """To compare explanations of the same pixels with; smaller is better."""
        return self.strain + self.lack

    def colors(self, u: NDArray[np.float32]) -> NDArray[np.float32]:
        """(..., 3), luminance 1: what becomes of colours u, linear light, any luminance."""
        lit = u * self.light.astype(np.float32)
        lit /= np.maximum(lit @ LUMA, 1e-4)[..., None]
        return np.asarray(self.share * lit + (1 - self.share) * self.veil, np.float32)


def color_at(position: Array) -> Array:
    """(..., 3), luminance 1, of places (..., 2) on the two axes."""
    color = np.exp(position @ _AXES)
    return np.asarray(color / (color @ LUMA)[..., None])


def position_of(color: NDArray[np.float32]) -> Array:
    """(2,), where a colour lies on the axes blue to amber and magenta to green, natural log."""
    return np.asarray(np.log(np.maximum(color, 1e-3)) @ _AXES.T)


def of_luminance_1(linear: Plane) -> Array:
    """Colours, (..., 3), each over its luminance; what is negative or black is taken to be nearly so."""
    positive = np.maximum(linear, 1e-4).astype(np.float64)
    return np.asarray(positive / (positive @ LUMA)[..., None])


def witnesses(
    photo_linear: Plane, relit_linear: Plane, weight: Matte, count: int = 900
) -> tuple[Plane, Plane]:
    """Take pixels of the product, evenly; clipped and nearly black ones have lost their colour.

    Args:
        photo_linear: (h, w, 3), linear light.
        relit_linear: (h, w, 3), the same place.
        weight: (h, w), 1 = product.
        count: At most so many.

    Returns:
        Their colours before and after, (n, 3) each, linear light.
    """
    told = (
        (weight > 0)
        & (brightest(relit_linear) < 0.95)
        & (brightest(photo_linear) < 0.985)
        & (photo_linear @ LUMA > 0.01)
        & (relit_linear @ LUMA > 0.004)
    )
    index = np.flatnonzero(told)
    if len(index) > count:
        index = index[np.linspace(0, len(index) - 1, count).astype(int)]
    return photo_linear.reshape(-1, 3)[index], relit_linear.reshape(-1, 3)[index]


def explain(
    u: Array,
    v: Array,
    scene_color: NDArray[np.float32],
    *,
    weight: Array | None = None,
    shares: tuple[float, ...] = (0.3, 0.6, 0.95),
) -> list[Explanation]:
    """Fit light, veil and share to colours before and after, once for each version of "after".

    Args:
        u: (n, 3), the photograph's colours, linear light, each of luminance 1.
        v: (m, n, 3), m versions of the relit colours, each of luminance 1.
        scene_color: (3,), colour of the scene around the product: where the veil is expected.
        weight: (n,), how far each pixel is believed, 0 to 1; None: all fully.
        shares: Of surviving colour, that fits begin with; more find the best one more surely.
    """
    heard = np.ones(len(u)) if weight is None else weight
    scene = np.clip(position_of(scene_color), -0.5, 0.5)
    mean = np.array([0, 0, *scene, SHARE_PRIOR[0]])
    spread = np.array([*LIGHT_SPREAD, *VEIL_SPREAD, SHARE_PRIOR[1]])
    count = len(v)
    honest = _fit(u, v, heard, np.zeros((count, 2)), mean[:2], spread[:2])
    starts = np.array([[0, 0, *scene, np.log(share / (1 - share))] for share in shares])
    veiled = _fit(u, np.repeat(v, len(shares), axis=0), heard, np.tile(starts, (count, 1)), mean, spread)
    found = []
    for k in range(count):
        tried = slice(k * len(shares), (k + 1) * len(shares))
        best = tried.start + int(veiled.cost[tried].argmin())
        if honest.cost[k] < veiled.cost[best] + HONEST_MARGIN:
            x, strain, lack, misfit = honest.x[k], honest.strain[k], honest.lack[k], honest.misfit[k]
            veil, share = np.ones(3), 1.0
        else:
            x, lack, misfit = veiled.x[best], veiled.lack[best], veiled.misfit[best]
            strain = veiled.strain[best] + HONEST_MARGIN
            veil, share = color_at(x[2:4]), float(1 / (1 + np.exp(-x[4])))
        found.append(Explanation(color_at(x[:2]), veil, share, float(strain), float(lack), float(misfit)))
    return found


def lack_of(expected: Array, seen: Array, weight: Array) -> Array:
    """How far colours are from what was expected of them, in squared deviations of 6 %, robustly.

    Args:
        expected: (..., n, 3), each of luminance 1.
        seen: (..., n, 3), each of luminance 1.
        weight: (n,), how far each pixel is believed.

    Returns:
        (...), so that all pixels together count as `INDEPENDENT_PIXELS`.
    """
    distance = np.linalg.norm((expected - seen) * _relative(seen), axis=-1)
    return np.asarray(
        (INDEPENDENT_PIXELS * weight / weight.sum() * np.log1p((distance / NOTICED) ** 2)).sum(-1)
    )


def _relative(v: Array) -> Array:
    """A saturated blue has 1/Y as high as 14: relative misfits treat all hues alike."""
    return np.asarray((np.sqrt(3) / np.linalg.norm(v, axis=-1))[..., None])


class _Fits(NamedTuple):
    """m fits of k unknowns."""

    x: Array
    strain: Array
    lack: Array
    misfit: Array

    @property
    def cost(self) -> Array:
        return self.strain + self.lack


def _predicted(x: Array, u: Array) -> Array:
    """(m, n, 3) of unknowns (m, 2), an honest light, or (m, 5), light, veil and logit of the share."""
    lit = u * color_at(x[:, :2])[:, None]
    lit /= (lit @ LUMA)[..., None]
    if x.shape[1] == 2:
        return np.asarray(lit)
    share = 1 / (1 + np.exp(-x[:, 4]))[:, None, None]
    return np.asarray(share * lit + (1 - share) * color_at(x[:, 2:4])[:, None])


def _fit(u: Array, v: Array, heard: Array, start: Array, mean: Array, spread: Array) -> _Fits:
    """Robust Gauss-Newton of m problems at once, from (m, k) unknowns: 2 without a veil, 5 with one."""
    floor = HONEST_SIGMA if start.shape[1] == 2 else SMALLEST_SIGMA
    x, step = start.copy(), 1e-4
    sigma = np.full(len(v), 0.3)
    scale = _relative(v)
    per_pixel = INDEPENDENT_PIXELS * heard / heard.sum()
    for _ in range(STEPS):
        residual = (_predicted(x, u) - v) * scale
        distance = np.linalg.norm(residual, axis=-1)
        sigma = np.maximum(floor, np.minimum(sigma, 1.5 * np.median(distance, axis=-1)))
        weight = per_pixel / (sigma[:, None] ** 2 + distance**2)
        slope = np.stack(
            [((_predicted(x + step * axis, u) - v) * scale - residual) / step for axis in np.eye(x.shape[1])],
            axis=-1,
        )
        flat = slope.reshape(len(v), -1, x.shape[1])
        weighted = (slope * weight[..., None, None]).reshape(flat.shape)
        curvature = weighted.transpose(0, 2, 1) @ flat + np.diag(spread**-2)
        gradient = (weighted * residual.reshape(len(v), -1, 1)).sum(axis=1) + (x - mean) / spread**2
        x = x - np.clip(np.linalg.solve(curvature, gradient[..., None])[..., 0], -0.7, 0.7)
    expected = _predicted(x, u)
    distance = np.linalg.norm((expected - v) * scale, axis=-1)
    strain = (((x - mean) / spread) ** 2).sum(axis=-1)
    return _Fits(x, strain, lack_of(expected, v, heard), np.median(distance, axis=-1))
