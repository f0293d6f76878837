"""Which colours the relighting model made darker or lighter than any light could.

A model that redraws a product turns blue bags black and red mugs pink: every place of that colour is off by
one factor, wherever it lies. Light is smooth, so a gain that jumps exactly where the photograph's colour
jumps is not light. Materials are told apart by hue; their factors come from a robust ridge regression of
the high-passed log gain on the high-passed memberships. Owns the materials and that regression, for taking
the factors out of an estimate of light, and for measuring how far they are off.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from prodgen.color import LUMA, linear_to_lab
from prodgen.images import Matte, Plane
from prodgen.masks import blur, normalised_blur
from prodgen.shading.veil_model import COLOURED, RELIT_BLACK, has_colour
from prodgen.shading.working_pair import WorkingPair, soften

MOST_HUES = 5
"""Largest number of hues that are materials of their own; a product of more colours shares them. Speed."""

FULL_CHROMA = 30.0
"""L*a*b* chroma from which on a colour belongs wholly to its hue; neutrals have the factor 1. Chosen."""

HUE_WIDTH_DEG = 25.0
"""Gaussian width of a material's membership in hue. Chosen: paints of one name vary by about as much."""

SMALLEST_SHARE = 0.01
"""Share of the product's area that makes a hue a material, and that is judged.

Measured on a photographed red doll: from 0.015 on the worst twentieth of its chroma is off by 3.2, not 2.1.
"""

HIGH_PASS_SCALE = 0.1
"""Sigma of the high-pass, product extents (square root of area). Chosen: light is smoother, print finer."""

OUTLIER_STOPS = 0.3
"""Residual, natural log, at which a pixel has half its weight in the regression. Chosen."""

RIDGE = 0.002
"""Ridge of the regression, in squared membership. Guard against memberships that hardly vary."""

REGRESSION_STEPS = 6
"""Reweighting steps. Speed."""

TRUST = 0.7
"""Share of the fitted factor that is taken out.

Chosen below 1: that print lies in the light of its ground is an assumption, and gloss breaks it.
"""

DEAD_ZONE = 0.04
"""Natural log of a factor that is left alone: smooth light over a pattern imitates 4 %. Chosen."""

LARGEST = 0.6
"""Largest factor taken out, natural log, 0.87 stops. Guard against a misread material."""


def memberships(pair: WorkingPair) -> Plane:
    """(h, w, n), how much each pixel of the photograph is of each hue, 0 to 1."""
    lab = linear_to_lab(blur(pair.photo_linear, 0.7))
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    hue = np.degrees(np.arctan2(lab[..., 2], lab[..., 1])) % 360
    inside = pair.weight > 0
    strength = np.clip(chroma / np.float32(FULL_CHROMA), 0, 1)
    members = [
        (np.exp(-((degrees_apart(hue, main) / HUE_WIDTH_DEG) ** 2)) * strength).astype(np.float32)
        for main in main_hues(hue[inside & (chroma > COLOURED)], SMALLEST_SHARE * inside.sum())
    ]
    if not members:
        return np.zeros((*chroma.shape, 0), np.float32)
    stack = np.stack(members, axis=-1)
    return np.asarray(stack / np.maximum(stack.sum(axis=-1, keepdims=True), 1), np.float32)


def main_hues(hue_deg: NDArray[np.float32], fewest: float) -> list[float]:
    """Find the hues, degrees, around which more than `fewest` of all hues lie: the commonest first."""
    histogram = np.bincount((hue_deg / 10).astype(int) % 36, minlength=36).astype(float)
    wrapped = np.r_[histogram[-2:], histogram, histogram[:2]]
    around = np.convolve(wrapped, (0.25, 0.75, 1, 0.75, 0.25), "valid")
    found: list[float] = []
    while len(found) < MOST_HUES and around.max() > fewest:
        peak = int(around.argmax())
        found.append(10.0 * peak + 5)
        around[[(peak + k) % 36 for k in range(-4, 5)]] = 0
    return found


def degrees_apart(hue_deg: NDArray[np.float32], other: float) -> NDArray[np.float32]:
    """How far hues lie from another one, -180 to 180 degrees."""
    return np.asarray((hue_deg - other + 180) % 360 - 180)


def material_offset(
    log_gain: Plane, weight: Matte, members: Plane, *, extent_px: float, trust: float = 1.0
) -> Plane:
    """The part of a log gain that follows the photograph's colours instead of its surfaces.

    Args:
        log_gain: (h, w), natural log of relit over photographed luminance.
        weight: (h, w), 1 where `log_gain` is reliable.
        members: (h, w, n), how much each pixel is of each material, from `memberships`.
        extent_px: Size of the product, the square root of its area.
        trust: 0 where the model kept the product's colours, so that its luminance is likely kept too.

    Returns:
        (h, w), to be subtracted from `log_gain`; 0 on neutral colours.
    """
    factor = _log_factors(log_gain, weight, members, extent_px)
    if not len(factor):
        return np.zeros_like(log_gain)
    factor = np.sign(factor) * np.maximum(np.abs(factor) - DEAD_ZONE, 0)
    factor = trust * TRUST * np.clip(factor, -LARGEST, LARGEST)
    return np.asarray(members @ factor.astype(np.float32))


def material_shift(pair: WorkingPair) -> float | None:
    """How much darker or lighter the worst material became, where light cannot have done it, in stops.

    Measured against its neighbours in the same light, neutral ones first: a blue that turned black
    beside white print. Gloss that the new scene lays on saturated colours counts too, about half a stop.

    Returns:
        0 or more; None for a product of one material, whose light and colour cannot be told apart.
    """
    photo = soften(pair.photo_linear, pair.weight)
    relit = soften(pair.relit_linear, pair.weight)
    is_usable = has_colour(photo, relit, pair.weight)
    if not is_usable.any():
        return None
    log_gain = np.log(relit @ LUMA + RELIT_BLACK) - np.log(photo @ LUMA + RELIT_BLACK)
    members = memberships(pair)
    extent_px = float(np.sqrt(pair.weight.sum()))
    factor = _log_factors(log_gain, is_usable.astype(np.float32), members, extent_px)
    neutral = float((1 - np.minimum(members.sum(axis=-1), 1))[is_usable].mean())
    shares = np.append(members[is_usable].mean(axis=0), neutral)
    if not len(factor) or (shares > SMALLEST_SHARE).sum() < 2:
        return None
    return float(np.abs(factor[shares[:-1] > SMALLEST_SHARE]).max(initial=0)) / math.log(2)


def _log_factors(log_gain: Plane, weight: Matte, members: Plane, extent_px: float) -> NDArray[np.float64]:
    """(n,), natural log of each material's factor; empty if there are no materials or too few pixels."""
    inside = weight > 0.5
    count = members.shape[-1]
    if not count or inside.sum() < 50:
        return np.zeros(0)
    sigma = HIGH_PASS_SCALE * extent_px
    target = (log_gain - normalised_blur(log_gain, weight, sigma))[inside].astype(np.float64)
    sources = np.stack(
        [(m - normalised_blur(m, weight, sigma))[inside] for m in np.moveaxis(members, -1, 0)]
    ).astype(np.float64)
    factor: NDArray[np.float64] = np.zeros(count)
    for _ in range(REGRESSION_STEPS):
        # By einsum: for so long and thin arrays NumPy's BLAS starts threads, which wait for one another.
        apart = target - np.einsum("k,kn->n", factor, sources)
        weighted = sources / (len(target) * (1 + (apart / OUTLIER_STOPS) ** 2))
        normal = np.einsum("kn,jn->kj", weighted, sources) + RIDGE * np.eye(count)
        factor = np.asarray(np.linalg.solve(normal, np.einsum("kn,n->k", weighted, target)))
    return factor
