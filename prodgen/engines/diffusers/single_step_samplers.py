"""Samplers that ask the network anew at each step, and carry nothing on from the steps before.

Formulas: Karras et al., "Elucidating the design space of diffusion-based generative models", arXiv 2206.00364
(Euler, Heun, DPM2); Lu et al., "DPM-Solver", arXiv 2206.00927 (DPM fast) and "DPM-Solver++", arXiv 2211.01095
(2S, SDE); Xu et al., "Restart sampling", arXiv 2306.14878; Luo et al., "Latent consistency models", arXiv
2310.04378 (LCM); Song et al., "Denoising diffusion implicit models", arXiv 2010.02502 (DDIM, which in sigma
space is Euler's step, and with noise Euler's ancestral one).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from prodgen.engines.diffusers.sampling_run import SamplingRun, towards
from prodgen.engines.diffusers.sigmas import karras_levels

if TYPE_CHECKING:
    from torch import Tensor

Aim = Callable[["Tensor", SamplingRun, float, float], "Tensor"]
"""Takes latents, run, noise level and the next one; returns the clean latents that the step heads for."""

RESTARTED_FROM, RESTARTED_TO = 0.1, 2.0
"""Levels at which Restart goes back up, and up to which: A1111's choice for Stable Diffusion."""

FEWEST_STEPS_TO_RESTART, STEPS_TO_RESTART_TWICE = 20, 36
"""Steps from which A1111 restarts once, and twice."""

RESTARTED_STEPS = 9
"""Steps of a single restart; of each of two, a quarter of all."""


def stepwise(aim: Aim) -> Callable[[Tensor, SamplingRun], Tensor]:
    """Return the sampler that heads for `aim` at each step."""

    def sampled(latents: Tensor, run: SamplingRun) -> Tensor:
        for sigma, following in run.steps():
            latents = run.stepped(latents, aim(latents, run, sigma, following), sigma, following)
        return latents

    return sampled


def euler_aim(latents: Tensor, run: SamplingRun, sigma: float, _following: float) -> Tensor:
    """Return what the network sees at the step's beginning."""
    return run.estimate(latents, sigma)


def heun_aim(latents: Tensor, run: SamplingRun, sigma: float, following: float) -> Tensor:
    """Return where the mean of the slopes at both ends of the step leads."""
    clean = run.estimate(latents, sigma)
    if following == 0:
        return clean
    ahead = towards(latents, clean, sigma, following)
    return latents - ((latents - clean) / sigma + run.slope(ahead, following)) * (sigma / 2)


def midpoint_aim(latents: Tensor, run: SamplingRun, sigma: float, following: float) -> Tensor:
    """Return where the slope in the middle of the step, on a logarithmic scale, leads."""
    clean, down = run.estimate(latents, sigma), run.down(sigma, following)
    if down == 0:
        return clean
    middle = math.sqrt(sigma * down)
    return latents - run.slope(towards(latents, clean, sigma, middle), middle) * sigma


def dpmpp_2s_aim(latents: Tensor, run: SamplingRun, sigma: float, following: float) -> Tensor:
    """Return what the network sees in the middle of the step, DPM-Solver++ (2S)."""
    clean, down = run.estimate(latents, sigma), run.down(sigma, following)
    if down == 0:
        return clean
    middle = math.sqrt(sigma * down)
    return run.estimate(towards(latents, clean, sigma, middle), middle)


def dpmpp_sde_aim(latents: Tensor, run: SamplingRun, sigma: float, following: float) -> Tensor:
    """Return what the network sees in the middle, where noise is added on the way there too."""
    clean = run.estimate(latents, sigma)
    if following == 0:
        return clean
    middle = math.sqrt(sigma * following)
    return run.estimate(run.stepped(latents, clean, sigma, middle), middle)


def _third_order_aim(latents: Tensor, run: SamplingRun, sigma: float, following: float) -> Tensor:
    """Return where DPM-Solver-3 leads: slopes at the beginning, a third and two thirds of the step."""
    width = math.log(sigma / run.down(sigma, following))
    first, second = sigma * math.exp(-width / 3), sigma * math.exp(-width * 2 / 3)
    slope = run.slope(latents, sigma)
    change = run.slope(latents + slope * (first - sigma), first) - slope
    bend = 2 * second * (math.expm1(width * 2 / 3) / (width * 2 / 3) - 1)
    change = run.slope(latents + slope * (second - sigma) - change * bend, second) - slope
    share = 1.5 * (math.expm1(width) / width - 1) / math.expm1(width)
    return latents - (slope + change * share) * sigma


_AIMS = {1: euler_aim, 2: midpoint_aim, 3: _third_order_aim}


def dpm_fast(latents: Tensor, run: SamplingRun) -> Tensor:
    """DPM-Solver-fast: third-order steps, even in log sigma, as many as the calls of the network suffice for.

    It takes no more from the levels than their number, the first and the last above 0. Noise is added in
    every step but the last.
    """
    calls, ends = len(run.sigmas) - 1, [sigma for sigma in run.sigmas if sigma > 0]
    orders = [3] * (calls // 3 - 1) + [2, 1] if calls % 3 == 0 else [3] * (calls // 3) + [calls % 3]
    levels = np.geomspace(ends[0], ends[-1], len(orders) + 1).tolist()
    for order, (sigma, following) in zip(orders, pairwise(levels), strict=True):
        own = run if following > levels[-1] else replace(run, eta=0.0)
        latents = own.stepped(latents, _AIMS[order](latents, own, sigma, following), sigma, following)
    return latents


def lcm(latents: Tensor, run: SamplingRun) -> Tensor:
    """Multistep consistency sampling: each clean picture gets the next level's noise anew.

    The boundary factors of the consistency model are left out: on its timesteps they are 1 and 0 to 7e-6.
    """
    for sigma, following in run.steps():
        latents = run.estimate(latents, sigma)
        if following > 0:
            latents = latents + run.draw() * following
    return latents


def restart(latents: Tensor, run: SamplingRun) -> Tensor:
    """Heun's steps down, with one or two ways back up by new noise near the end."""
    for sigma, following in pairwise(_with_restarts(run.sigmas)):
        if following > sigma:
            latents = latents + run.draw() * math.sqrt(following**2 - sigma**2)
        else:
            latents = towards(latents, heun_aim(latents, run, sigma, following), sigma, following)
    return latents


def _with_restarts(sigmas: Sequence[float]) -> list[float]:
    """Return the levels of a whole run, restarts included; few steps are left as they are."""
    steps = len(sigmas) - 1
    if steps < FEWEST_STEPS_TO_RESTART:
        return list(sigmas)
    times, count = (2, steps // 4) if steps >= STEPS_TO_RESTART_TWICE else (1, RESTARTED_STEPS)
    levels: list[float] = karras_levels(steps - count * times, high=sigmas[0], low=sigmas[-2]).tolist()
    low, high = (int(np.abs(np.array(levels) - goal).argmin()) for goal in (RESTARTED_FROM, RESTARTED_TO))
    if high >= low:
        return levels
    again = karras_levels(count + 1, high=levels[high], low=levels[low])[:-1].tolist()
    again[-1] = levels[low]
    return [*levels[: low + 1], *(again * times), *levels[low + 1 :]]
