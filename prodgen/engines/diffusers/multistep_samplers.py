"""Samplers that look back: each step goes by what the network saw at the steps before, too.

Formulas: linear multistep after Adams and Bashforth (LMS); Liu et al., "Pseudo numerical methods for
diffusion models on manifolds", arXiv 2202.09778 (PLMS); Lu et al., "DPM-Solver++", arXiv 2211.01095 (2M, 3M,
SDE); Zhao et al., "UniPC", arXiv 2302.04867.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from prodgen.engines.diffusers.sampling_run import SamplingRun, towards

if TYPE_CHECKING:
    from torch import Tensor

LMS_ORDER = 4
"""Estimates that the linear multistep method looks back on, as in k-diffusion."""

GAUSS_POINT = 1 / math.sqrt(3)
"""Two points at plus and minus this integrate a cubic over -1 to 1 exactly (Gauss and Legendre)."""

ADAMS_BASHFORTH = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)
"""Weights of the last slopes, the newest first, on a scale of even steps (Adams and Bashforth)."""

UNIPC_ORDER = 3
"""A1111's default for UniPC; its variant is "bh1", as here."""


def lms(latents: Tensor, run: SamplingRun) -> Tensor:
    """Linear multistep: the polynomial through the last slopes, integrated over the step."""
    slopes: list[Tensor] = []
    for step, (sigma, _) in enumerate(run.steps()):
        slopes = [run.slope(latents, sigma), *slopes][:LMS_ORDER]
        for back, slope in enumerate(slopes):
            latents = latents + slope * _lms_weight(run.sigmas, step, back, len(slopes))
    return latents


def _lms_weight(sigmas: Sequence[float], step: int, back: int, order: int) -> float:
    """Return the integral over a step of the polynomial that is 1 at one of the last slopes, else 0."""
    middle, half = (sigmas[step] + sigmas[step + 1]) / 2, (sigmas[step + 1] - sigmas[step]) / 2
    total = 0.0
    for point in (middle - half * GAUSS_POINT, middle + half * GAUSS_POINT):
        total += half * math.prod(
            (point - sigmas[step - other]) / (sigmas[step - back] - sigmas[step - other])
            for other in range(order)
            if other != back
        )
    return total


def plms(latents: Tensor, run: SamplingRun) -> Tensor:
    """Pseudo linear multistep: weights of even steps whatever the steps are; the first step is Heun's."""
    slopes: list[Tensor] = []
    for sigma, following in run.steps():
        slopes = [run.slope(latents, sigma), *slopes][: len(ADAMS_BASHFORTH)]
        weighed = zip(ADAMS_BASHFORTH[len(slopes) - 1], slopes, strict=True)
        mean = sum((slope * weight for weight, slope in weighed), start=slopes[0] * 0)
        if len(slopes) == 1 and following > 0:
            mean = (mean + run.slope(latents + mean * (following - sigma), following)) / 2
        latents = latents + mean * (following - sigma)
    return latents


def dpmpp(order: int, *, heun: bool) -> Callable[[Tensor, SamplingRun], Tensor]:
    """Return DPM-Solver++ as a multistep method: the estimate is carried on from those before it.

    With an `eta` it solves the stochastic equation (SDE), with 0 the ordinary one.

    Args:
        order: Estimates that are looked at: 2 or 3.
        heun: How the change of the estimate is weighed: as an integral, or taken in the middle.
    """

    def sampled(latents: Tensor, run: SamplingRun) -> Tensor:
        before: list[tuple[Tensor, float]] = []  # estimates and the widths of their steps, the last one first
        for sigma, following in run.steps():
            clean = run.estimate(latents, sigma)
            if following == 0:
                return clean
            width = math.log(sigma / following)
            whole = width * (1 + run.eta)
            gain = -math.expm1(-whole)
            integral = 1 - gain / whole
            latents = latents * math.exp(-whole) + clean * gain
            if before:
                ratio = before[0][1] / width
                change = (clean - before[0][0]) / ratio
                if len(before) > 1:
                    older = before[1][1] / width
                    bend = (change - (before[0][0] - before[1][0]) / older) / (ratio + older)
                    change = change + bend * ratio
                    latents = latents - bend * (integral / whole - 0.5)
                latents = latents + change * (integral if heun else gain / 2)
            if run.eta:
                latents = latents + run.draw() * (following * math.sqrt(-math.expm1(-2 * run.eta * width)))
            before = [(clean, width), *before][: order - 1]
        return latents

    return sampled


def unipc(latents: Tensor, run: SamplingRun) -> Tensor:
    """Unified predictor and corrector: a step is made, then made again with what the network saw at its end.

    The first steps and the last ones are of lower order.
    """
    seen: list[tuple[float, Tensor]] = []  # noise levels and estimates, the newest first
    count, order, start = len(run.sigmas) - 1, 1, latents
    for step, (sigma, following) in enumerate(run.steps()):
        clean = run.estimate(latents, sigma)
        if seen:
            latents = _unified(start, seen[:order], sigma, arrived=clean)
        seen = [(sigma, clean), *seen][:UNIPC_ORDER]
        order, start = min(UNIPC_ORDER, step + 1, count - step), latents
        latents = _unified(start, seen[:order], following)
    return latents


def _unified(
    start: Tensor, seen: Sequence[tuple[float, Tensor]], following: float, *, arrived: Tensor | None = None
) -> Tensor:
    """Return the latents at the next level, from the estimates seen and, corrected, the one at the end."""
    sigma, clean = seen[0]
    ahead = towards(start, clean, sigma, following)
    if following == 0:
        return ahead
    width = math.log(sigma / following)
    ratios = [math.log(sigma / older) / width for older, _ in seen[1:]]
    changes = [(one - clean) / ratio for ratio, (_, one) in zip(ratios, seen[1:], strict=True)]
    if arrived is not None:
        ratios, changes = [*ratios, 1.0], [*changes, arrived - clean]
    for weight, change in zip(_unified_weights(ratios, width), changes, strict=True):
        ahead = ahead + change * (weight * width)
    return ahead


def _unified_weights(ratios: Sequence[float], width: float) -> list[float]:
    """Return how much each change of the estimate counts, in steps ("rho" in the paper, B(h) = h)."""
    if len(ratios) < 2:
        return [0.5] * len(ratios)
    goals, phi = [], math.expm1(-width) / -width - 1
    for power in range(1, len(ratios) + 1):
        goals.append(phi * math.factorial(power) / -width)
        phi = phi / -width - 1 / math.factorial(power + 1)
    weights: list[float] = np.linalg.solve(np.vander(ratios, increasing=True).T, goals).tolist()
    return weights
