"""How far each pixel is from the backdrop as it would be behind it. Pure arrays.

What is surely backdrop is known from a network that sees none of the product there. From those places the
backdrop is predicted everywhere, as a smooth surface plus what of it is local, and so is its spread: on paper
a difference of 3 L*a*b* units means much, on wood nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.cutout.contrast import lengths
from prodgen.images import Plane, channel_sum
from prodgen.masks import across, blur, disc

Mask = NDArray[np.bool_]

SURELY_BACKDROP = 0.1
"""Largest probability of product at which a network is taken for sure that there is none. Chosen."""

DEGREE = 2
"""Degree of the smooth surface: light falls off in a quadratic. Chosen: a third degree overshoots behind
large products."""

FIT_PX = 96
"""Longest side at which the surface is fitted; it is far smoother than that. Speed."""

LEAST_SPREAD = 0.67
"""L*a*b* units below which a spread is not believed: rendered backdrops have none. Guard."""

SEEN_AGAIN = 2.0
"""Mean deviation, in spreads, up to which a piece inside the product is taken for backdrop seen through it,
and used to predict the backdrop a second time. Chosen."""

PLAIN_SPREAD = 6.0
"""Largest spread at which that is done: before a busy backdrop everything agrees. Chosen."""


class Deviation(NamedTuple):
    """A photograph against its predicted backdrop, (H, W) each unless they say otherwise."""

    lab: Plane
    """(H, W, 3) the photograph, a little smoothed, L*a*b*."""
    difference: Plane
    """(H, W, 3) L*a*b* less the backdrop's."""
    spread: Plane
    """Standard deviation of the backdrop about its prediction, L*a*b* units, mean of the three."""
    z: Plane
    """Length of the difference in spreads: 1.7 is what three channels of pure backdrop have."""


def measure_deviation(lab: Plane, probability: Plane) -> Deviation:
    """Predict the backdrop and measure the photograph against it.

    Args:
        lab: (H, W, 3), L*a*b*, about 720 px.
        probability: (H, W), [0, 1]: the largest probability of product that any look gives.

    Returns:
        The deviation; where nothing is surely backdrop, the whole photograph is taken for it.
    """
    margin = max(2, round(max(lab.shape) / 120))
    maybe = (probability > SURELY_BACKDROP).astype(np.float32)
    known = np.asarray(1 - cv2.dilate(maybe, disc(margin)), np.float32)
    if known.sum() < 50:
        known[:] = 1
    smooth = np.asarray(cv2.GaussianBlur(lab, (0, 0), 0.5), np.float32)
    first = _against(lab, smooth, known)
    again = (cv2.dilate(first.z, np.ones((3, 3))) < 2 * SEEN_AGAIN) & (cv2.blur(first.z, (5, 5)) < SEEN_AGAIN)
    again &= first.spread < PLAIN_SPREAD
    return _against(lab, smooth, np.maximum(known, again.astype(np.float32) * np.float32(0.5)))


def _against(lab: Plane, smooth: Plane, known: Plane) -> Deviation:
    surface = smooth_surface(lab, known)
    backdrop = surface + _spread_out(lab - surface, known)
    variance = _spread_out((lab - blur(backdrop, 10)) ** 2, known)
    spread = np.sqrt(variance + np.float32(LEAST_SPREAD**2))
    difference = smooth - backdrop
    z = lengths(difference / spread)
    return Deviation(smooth, difference, channel_sum(spread) / np.float32(3), z)


def smooth_surface(lab: Plane, known: Plane) -> Plane:
    """A polynomial fitted to the known places by reweighted least squares (Geman and McClure's weights)."""
    height, width = known.shape
    scale = min(1.0, FIT_PX / max(height, width))
    size = (max(4, round(width * scale)), max(4, round(height * scale)))
    weight = cv2.resize(known, size, interpolation=cv2.INTER_AREA)
    colours = cv2.resize(lab * across(known, lab), size, interpolation=cv2.INTER_AREA)
    colours = (colours / np.maximum(weight, 1e-3)[..., None]).reshape(-1, 3)
    terms, weight = _terms(size), weight.ravel()
    now, fitted = weight.copy(), colours
    ridge = 1e-5 * max(float(weight.sum()), 1.0) * np.eye(terms.shape[1])
    is_known = weight > 0.5
    for _ in range(6):
        weighted = terms * now[:, None]
        fitted = terms @ np.linalg.solve(terms.T @ weighted + ridge, weighted.T @ colours)
        residual = np.sqrt(((colours - fitted) ** 2).sum(axis=1))
        unit = max(1.0, 1.5 * float(np.median(residual[is_known]))) if is_known.any() else 1.0
        now = weight / (1 + (residual / (2 * unit)) ** 2) ** 2
    surface = fitted.reshape(size[1], size[0], 3).astype(np.float32)
    return np.asarray(cv2.resize(surface, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def _terms(size: tuple[int, int]) -> NDArray[np.float64]:
    """Products of Legendre polynomials in x and y up to the degree, a column each."""
    x, y = np.linspace(-1, 1, size[0]), np.linspace(-1, 1, size[1])
    legendre = np.polynomial.legendre.legvander
    across, down = legendre(x, DEGREE), legendre(y, DEGREE)
    columns = [np.outer(down[:, j], across[:, i]) for i in range(DEGREE + 1) for j in range(DEGREE + 1 - i)]
    return np.stack(columns, axis=-1).reshape(-1, len(columns)).astype(np.float64)


def _spread_out(values: Plane, known: Plane) -> Plane:
    """Values known in places, everywhere: near ones where there are any, else from ever coarser scales.

    Push-pull interpolation: Gortler et al., "The lumigraph", SIGGRAPH 1996.
    """
    if min(known.shape) <= 2:
        mean = (values * across(known, values)).sum(axis=(0, 1)) / max(float(known.sum()), 1e-6)
        return np.broadcast_to(mean, values.shape).astype(np.float32)
    near = np.asarray(cv2.GaussianBlur(known, (5, 5), 1.0), np.float32)
    total = cv2.GaussianBlur(values * across(known, values), (5, 5), 1.0)
    half = ((values.shape[1] + 1) // 2, (values.shape[0] + 1) // 2)
    weight = cv2.resize(near, half, interpolation=cv2.INTER_AREA)
    mean = cv2.resize(total, half, interpolation=cv2.INTER_AREA) / across(np.maximum(weight, 1e-6), values)
    low = _spread_out(np.asarray(mean, np.float32), np.asarray(np.minimum(weight * 2, 1), np.float32))
    coarse = cv2.resize(low, (values.shape[1], values.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(total + across(1 - near, values) * coarse, np.float32)
