"""A model of what relighting does to a product's colours, and its robust fit.

A relighting model does two things to a product's colours. It puts them into the light of the scene, which
is wanted; and it draws them towards a colour of its own, the veil, which is not. Light multiplies a colour,
the veil replaces it. With u the photograph's colour and v the relit one, each divided by its luminance Y,

    v = share * light * u / Y(light * u)  +  (1 - share) * veil

holds for all materials of the product together. Two materials of different colour (print on a jar is
enough) determine light and veil; on a product of one colour the priors do: the light lies near the line
from blue to amber that daylight and lamps follow, the veil near the colour of the scene.

The fit is maximum a posteriori by Gauss-Newton with Cauchy weights. Owns the model, the priors and the fit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from prodgen.color import LUMA, brightest, linear_to_lab
from prodgen.images import Matte, Plane

Array = NDArray[np.float64]

_AXES = np.array([[1, 0, -1], [-0.5, 1, -0.5]]) / np.sqrt([[2.0], [1.5]])
"""Unit axes of log R, G, B: blue to amber, and magenta to green. By definition."""

LIGHT_SPREAD = (0.3, 0.06)
"""Prior standard deviation of the light's log colour on the two axes.

Source: the Planckian locus, on which 0.3 of the first axis is 6500 K against about 4600 K or 12000 K;
daylight and lamps hardly vary along the second.
"""

VEIL_SPREAD = (0.15, 0.06)
"""Prior standard deviation of the veil's log colour around the scene's colour, on the two axes.

Chosen half of the light's: models draw products towards the colours around them.
"""

MOST_SCENE_CAST = 0.5
"""Largest log colour of the scene, on each axis, that the veil is expected at. Guard against neon scenes."""

SHARE_PRIOR = (0.5, 1.5)
"""Prior mean and standard deviation of the logit of the share of colour that survived.

Chosen wide: shares from 0.13 to 0.97 lie within two standard deviations.
"""

EFFECTIVE_SAMPLES = 20.0
"""Number of independent samples that all the product's pixels together are worth against the priors.

Chosen small: a model that misdraws a material misdraws all of its pixels, so pixels count as a few materials.
"""

VEIL_NOISE = 0.1
"""Noise floor of relative residuals in the model with a veil. Chosen: gloss moves colours as much."""

NO_VEIL_NOISE = 0.03
"""Noise floor of relative residuals in the model without a veil. Chosen: only a faithful picture fits it."""

COST_NOISE = 0.06
"""Relative residual that counts as one standard deviation in `residual_cost`. Chosen."""

FIRST_NOISE = 0.3
"""Noise that the fit begins with. Guard against outliers before the residuals are known."""

OUTLIER_FACTOR = 1.5
"""Noise as a multiple of the median residual.

Standard: 1.48 times the median absolute deviation is the standard deviation of normal noise.
"""

GAUSS_NEWTON_STEPS = 12
"""Steps of the fit. Speed: fewer do not converge from all starts."""

LONGEST_STEP = 0.7
"""Largest change of an unknown in one step. Guard against overshooting."""

DIFFERENCE = 1e-4
"""Change of an unknown for the numerical derivative. Guard: small against all spreads."""

FEWEST_PIXELS = 50
"""Usable pixels below which no colours are fitted. Guard for tiny and clipped products."""

PHOTO_WHITE, RELIT_WHITE = 0.985, 0.95
"""Linear light of the brightest channel from which on a pixel may be clipped and has lost its colour.

Chosen below 1 since sRGB at 8 bits and JPEG spread clipped values; a relit picture is softer.
"""

PHOTO_BLACK, RELIT_BLACK = 0.01, 0.004
"""Luminance, linear light, below which a pixel's colour is noise.

Source: one step of 8-bit sRGB is 13 % at 0.0023 and 5 % at 0.01.
"""

COLOURED = 20.0
"""L*a*b* chroma from which on a colour of the photograph has a hue. Chosen: duller ones look grey."""

SURVIVING_STARTS = (0.3, 0.6, 0.95)
"""Shares of surviving colour that fits begin with; the best fit is taken. Guard against local minima."""


class VeilFit(NamedTuple):
    """How one product's colours were changed, and how well the model fits."""

    light: Array
    """(3,), linear sRGB, luminance 1."""

    veil: Array
    """(3,), linear sRGB, luminance 1; white if all colour survived."""

    share: float
    """Share of the product's own colour that survived, 0 to 1."""

    prior_cost: float
    """Squared deviations of light, veil and share from their priors, in units of the priors' variances."""

    residual_cost: float
    """Cost of the colours that the fit leaves unexplained, see `residual_cost`."""

    misfit: float
    """Median relative residual."""

    @property
    def cost(self) -> float:
        """Negative log posterior up to a factor, to compare fits of the same pixels; smaller is better."""
        return self.prior_cost + self.residual_cost

    def colors(self, u: Plane) -> Plane:
        """Predict what becomes of colours u, (..., 3), linear light; the result has luminance 1."""
        lit = u * self.light.astype(np.float32)
        lit /= np.maximum(lit @ LUMA, 1e-4)[..., None]
        return np.asarray(self.share * lit + (1 - self.share) * self.veil, np.float32)


def color_at(position: Array) -> Array:
    """(..., 3), luminance 1, of places (..., 2) on the two axes."""
    color = np.exp(position @ _AXES)
    return np.asarray(color / (color @ LUMA)[..., None])


def position_of(color: Array | Plane) -> Array:
    """(..., 2), where colours, (..., 3), lie on the axes blue to amber and magenta to green, natural log."""
    return np.asarray(np.log(np.maximum(color, 1e-3)) @ _AXES.T)


def with_luminance_1(linear: Plane) -> Array:
    """Divide colours, (..., 3), by their luminance; negative and black channels are raised to 0.0001."""
    positive = np.maximum(linear, 1e-4).astype(np.float64)
    return np.asarray(positive / (positive @ LUMA)[..., None])


def has_colour(photo_linear: Plane, relit_linear: Plane, weight: Matte) -> NDArray[np.bool_]:
    """(h, w), where the product (`weight` above 0) is neither clipped nor nearly black in both pictures."""
    return np.asarray(
        (weight > 0)
        & (brightest(relit_linear) < RELIT_WHITE)
        & (brightest(photo_linear) < PHOTO_WHITE)
        & (photo_linear @ LUMA > PHOTO_BLACK)
        & (relit_linear @ LUMA > RELIT_BLACK)
    )


def is_coloured(photo_linear: Plane) -> NDArray[np.bool_]:
    """Where colours (..., 3), linear light, have a hue of their own."""
    lab = linear_to_lab(photo_linear)
    return np.asarray(np.hypot(lab[..., 1], lab[..., 2]) > COLOURED)


def sample_pixels(
    photo_linear: Plane, relit_linear: Plane, weight: Matte, count: int = 900
) -> tuple[Plane, Plane]:
    """Take pixels of the product, evenly spaced, leaving out clipped and nearly black ones.

    Args:
        photo_linear: (h, w, 3), linear light.
        relit_linear: (h, w, 3), the same place.
        weight: (h, w), 1 = product.
        count: Largest number of pixels taken.

    Returns:
        Their colours before and after, (n, 3) each, linear light.
    """
    index = np.flatnonzero(has_colour(photo_linear, relit_linear, weight))
    if len(index) > count:
        index = index[np.linspace(0, len(index) - 1, count).astype(int)]
    return photo_linear.reshape(-1, 3)[index], relit_linear.reshape(-1, 3)[index]


def fit_veil(
    u: Array,
    v: Array,
    scene_color: Plane,
    *,
    starts: tuple[float, ...] = SURVIVING_STARTS,
) -> list[VeilFit]:
    """Fit light, veil and share to colours before and after, once for each version of "after".

    Both models are fitted, with a veil and without one; the one of smaller cost is returned. The priors
    charge for the veil, so a faithful picture is fitted without one.

    Args:
        u: (n, 3), the photograph's colours, linear light, each of luminance 1.
        v: (m, n, 3), m versions of the relit colours, each of luminance 1.
        scene_color: (3,), colour of the scene around the product: where the veil is expected.
        starts: Shares of surviving colour that fits begin with; more find the best fit more surely.
    """
    scene = np.clip(position_of(scene_color), -MOST_SCENE_CAST, MOST_SCENE_CAST)
    mean = np.array([0, 0, *scene, SHARE_PRIOR[0]])
    spread = np.array([*LIGHT_SPREAD, *VEIL_SPREAD, SHARE_PRIOR[1]])
    count = len(v)
    plain = _fit(u, v, np.zeros((count, 2)), mean[:2], spread[:2])
    first = np.array([[0, 0, *scene, np.log(share / (1 - share))] for share in starts])
    veiled = _fit(u, np.repeat(v, len(starts), axis=0), np.tile(first, (count, 1)), mean, spread)
    fits = []
    for k in range(count):
        tried = slice(k * len(starts), (k + 1) * len(starts))
        best = tried.start + int(veiled.cost[tried].argmin())
        if plain.cost[k] <= veiled.cost[best]:
            source, index, veil, share = plain, k, np.ones(3), 1.0
        else:
            source, index = veiled, best
            veil, share = color_at(veiled.x[best, 2:4]), float(1 / (1 + np.exp(-veiled.x[best, 4])))
        fits.append(
            VeilFit(
                color_at(source.x[index, :2]),
                veil,
                share,
                float(source.prior_cost[index]),
                float(source.residual_cost[index]),
                float(source.misfit[index]),
            )
        )
    return fits


def fit_light(u: Array, v: Array) -> VeilFit:
    """Fit light alone to colours before and after, (n, 3) each, of luminance 1: the model without a veil."""
    spread = np.array(LIGHT_SPREAD)
    fit = _fit(u, v[None], np.zeros((1, 2)), np.zeros(2), spread)
    costs = fit.prior_cost, fit.residual_cost, fit.misfit
    return VeilFit(color_at(fit.x[0]), np.ones(3), 1.0, *(float(cost[0]) for cost in costs))


def residual_cost(expected: Array, observed: Array) -> Array:
    """Cauchy cost of relative residuals, all pixels together counting as `EFFECTIVE_SAMPLES`.

    Args:
        expected: (..., n, 3), each of luminance 1.
        observed: (..., n, 3), each of luminance 1.

    Returns:
        (...), in squared standard deviations of `COST_NOISE`.
    """
    cauchy = np.log1p((relative_residuals(expected, observed) / COST_NOISE) ** 2)
    return np.asarray(EFFECTIVE_SAMPLES * cauchy.mean(-1))


def relative_residuals(expected: Array | Plane, observed: Array) -> Array:
    """(..., n), how far colours of luminance 1, (..., n, 3), lie from those expected, of their own length."""
    return np.asarray(np.linalg.norm((expected - observed) * _relative(observed), axis=-1))


def _relative(v: Array) -> Array:
    """Factor that makes residuals relative: a saturated blue has 1/Y as high as 14, and would dominate."""
    return np.asarray((np.sqrt(3) / np.linalg.norm(v, axis=-1))[..., None])


class _Fits(NamedTuple):
    """m fits of k unknowns."""

    x: Array
    prior_cost: Array
    residual_cost: Array
    misfit: Array

    @property
    def cost(self) -> Array:
        return self.prior_cost + self.residual_cost


def _predicted(x: Array, u: Array) -> Array:
    """(m, n, 3) of unknowns (m, 2), light alone, or (m, 5), light, veil and logit of the share."""
    lit = u * color_at(x[:, :2])[:, None]
    lit /= (lit @ LUMA)[..., None]
    if x.shape[1] == 2:
        return np.asarray(lit)
    share = 1 / (1 + np.exp(-x[:, 4]))[:, None, None]
    return np.asarray(share * lit + (1 - share) * color_at(x[:, 2:4])[:, None])


def _fit(u: Array, v: Array, start: Array, mean: Array, spread: Array) -> _Fits:
    """Robust Gauss-Newton of m problems at once, from (m, k) unknowns: 2 without a veil, 5 with one."""
    floor = NO_VEIL_NOISE if start.shape[1] == 2 else VEIL_NOISE
    x = start.copy()
    sigma = np.full(len(v), FIRST_NOISE)
    scale = _relative(v)
    per_pixel = EFFECTIVE_SAMPLES / len(u)
    for _ in range(GAUSS_NEWTON_STEPS):
        residual = (_predicted(x, u) - v) * scale
        distance = np.linalg.norm(residual, axis=-1)
        sigma = np.maximum(floor, np.minimum(sigma, OUTLIER_FACTOR * np.median(distance, axis=-1)))
        weight = per_pixel / (sigma[:, None] ** 2 + distance**2)
        slope = np.stack(
            [
                ((_predicted(x + DIFFERENCE * axis, u) - v) * scale - residual) / DIFFERENCE
                for axis in np.eye(x.shape[1])
            ],
            axis=-1,
        )
        flat = slope.reshape(len(v), -1, x.shape[1])
        weighted = (slope * weight[..., None, None]).reshape(flat.shape)
        curvature = weighted.transpose(0, 2, 1) @ flat + np.diag(spread**-2)
        gradient = (weighted * residual.reshape(len(v), -1, 1)).sum(axis=1) + (x - mean) / spread**2
        step = np.linalg.solve(curvature, gradient[..., None])[..., 0]
        x = x - np.clip(step, -LONGEST_STEP, LONGEST_STEP)
    expected = _predicted(x, u)
    distance = np.linalg.norm((expected - v) * scale, axis=-1)
    prior_cost = (((x - mean) / spread) ** 2).sum(axis=-1)
    return _Fits(x, prior_cost, residual_cost(expected, v), np.median(distance, axis=-1))
