"""Which colours the relighting model made darker or lighter than any light could.

A model that redraws a product turns blue bags black and red mugs pink: every material of that
colour is off by one factor, wherever it lies. Light is smooth; so what jumps exactly where the
photograph's colour jumps is not light. Owns the materials (by hue) and the fit of their factors:
for taking them out of an estimate of light, and for telling how far they are off.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prodgen.color import LUMA, brightest, linear_to_lab
from prodgen.masks import blur, normalised_blur
from prodgen.shading.working_pair import WorkingPair, soften

MOST_MATERIALS = 5
"""Hues looked for; a product of more colours shares them."""

FULL_CHROMA = 30.0
"""L*a*b* chroma from which a colour is all hue. Neutrals are the anchor: their factor is 1."""

SMALLEST_SHARE = 0.01
"""Of the product's area, for a hue to count as a material."""

TRUST = 0.7
"""Share of the found factor that is taken out: print in the same light as its ground is an
assumption, and gloss breaks it."""

DEAD_ZONE = 0.04
"""Factors within 4 % of 1 are left alone: smooth light over a pattern fakes as much."""

LARGEST = 0.6
"""In natural log: no material is taken to be off by more than 0.87 stops."""

MOST_TOLD, LEAST_TOLD = 0.95, 0.006
"""Linear light between which a ratio of two pictures means something."""

SMALLEST_WITNESS = 0.02
"""Of the product's area, for a material to be judged, and for its neighbours to be judged against."""

LN2 = 0.6931


def _memberships(pair: WorkingPair) -> NDArray[np.float32]:
    """(h, w, n), how much each pixel of the photograph is of each hue, 0 to 1."""
    lab = linear_to_lab(blur(pair.photo_linear, 0.7))
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    hue = np.degrees(np.arctan2(lab[..., 2], lab[..., 1])) % 360
    inside = pair.weight > 0
    bins = np.bincount((hue[inside & (chroma > 14)] / 10).astype(int) % 36, minlength=36).astype(float)
    around = np.convolve(np.r_[bins[-2:], bins, bins[:2]], [0.25, 0.75, 1, 0.75, 0.25], "valid")
    strength = np.clip(chroma / np.float32(FULL_CHROMA), 0, 1)
    found: list[NDArray[np.float32]] = []
    while len(found) < MOST_MATERIALS and around.max() > SMALLEST_SHARE * inside.sum():
        peak = int(around.argmax())
        apart = np.abs((hue - (peak * 10 + 5) + 180) % 360 - 180)
        found.append((np.exp(-((apart / 25) ** 2)) * strength).astype(np.float32))
        around[[(peak + k) % 36 for k in range(-4, 5)]] = 0
    if not found:
        return np.zeros((*chroma.shape, 0), np.float32)
    stack = np.stack(found, axis=-1)
    return np.asarray(stack / np.maximum(stack.sum(axis=-1, keepdims=True), 1), np.float32)


def material_offset(
    log_gain: NDArray[np.float32],
    told: NDArray[np.float32],
    pair: WorkingPair,
    *,
    extent_px: float,
    trust: float = 1.0,
) -> NDArray[np.float32]:
    """The part of a log gain that follows the photograph's colours instead of its surfaces.

    Both the gain and the memberships are high-passed, so that light cancels, and the gain is then
    regressed on the memberships, robustly and with a ridge.

    Args:
        log_gain: (h, w), natural log of relit over photographed luminance.
        told: (h, w), 1 where `log_gain` can be believed.
        pair: The same reduced pictures.
        extent_px: Size of the product, the square root of its area.
        trust: 0 where the model kept the product's colours, so that its luminance is likely kept too.

    Returns:
        (h, w), to be subtracted from `log_gain`; 0 on neutral colours.
    """
    members = _memberships(pair)
    factor = _factors(log_gain, told, members, extent_px)
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
    # Clipped and black pixels tell no ratio.
    told = pair.weight * (
        (brightest(relit) < MOST_TOLD) & (brightest(photo) < MOST_TOLD) & (photo @ LUMA > LEAST_TOLD)
    )
    log_gain = np.log(relit @ LUMA + LEAST_TOLD) - np.log(photo @ LUMA + LEAST_TOLD)
    members = _memberships(pair)
    extent_px = float(np.sqrt(pair.weight.sum()))
    factor = _factors(log_gain, told.astype(np.float32), members, extent_px)
    inside = told > 0
    if not len(factor) or not inside.any():
        return None
    rest = float((1 - np.minimum(members.sum(axis=-1), 1))[inside].mean())
    shares = np.append(members[inside].mean(axis=0), rest)
    if (shares > SMALLEST_WITNESS).sum() < 2:
        return None
    return float(np.abs(factor[shares[:-1] > SMALLEST_WITNESS]).max(initial=0)) / LN2


def _factors(
    log_gain: NDArray[np.float32],
    told: NDArray[np.float32],
    members: NDArray[np.float32],
    extent_px: float,
) -> NDArray[np.float64]:
    """(n,), natural log of each material's factor; empty if nothing can be told."""
    inside = told > 0.5
    count = members.shape[-1]
    if not count or inside.sum() < 50:
        return np.zeros(0)
    sigma = 0.1 * extent_px
    target = (log_gain - normalised_blur(log_gain, told, sigma))[inside].astype(np.float64)
    sources = np.stack(
        [(m - normalised_blur(m, told, sigma))[inside] for m in np.moveaxis(members, -1, 0)], axis=-1
    ).astype(np.float64)
    factor: NDArray[np.float64] = np.zeros(count)
    for _ in range(6):
        weight = 1 / (1 + ((target - sources @ factor) / 0.3) ** 2)
        curvature = (sources * weight[:, None]).T @ sources / len(target) + 0.002 * np.eye(count)
        factor = np.asarray(np.linalg.solve(curvature, (sources * weight[:, None]).T @ target / len(target)))
    return factor
