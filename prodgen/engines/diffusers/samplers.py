"""A1111's samplers: how a picture is taken from one noise level to the next.

Each is its published formula, in sigma space: latents keep the noise that they have, and a denoiser says
what it takes to be under it (`Estimate`). They equal k-diffusion's, which A1111 samples with, to 1e-5 of the
result (a test compares stored arrays). Only what is equal is listed; a method that A1111 has and this table
lacks is refused by the server, not replaced.

Samplers that add noise get theirs from the picture's own generator (`PictureNoise`). For the ancestral ones
("a") that is what A1111 does. The SDE ones have a Brownian tree there (torchsde), which is not imitated: with
those a picture made by A1111 comes out alike in kind but not in detail.

Formulas: Karras et al., "Elucidating the design space of diffusion-based generative models", arXiv 2206.00364
(Euler, Heun, DPM2); Lu et al., "DPM-Solver++", arXiv 2211.01095 (DPM++); linear multistep after Adams and
Bashforth. Beside the published ones A1111 has DPM fast, DPM adaptive, Restart, LCM, and four that count in
training steps (DDIM, DDIM CFG++, PLMS, UniPC): none of these is here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

LMS_ORDER = 4
"""Estimates that the linear multistep method looks back on, as in k-diffusion."""

GAUSS_POINT = 1 / math.sqrt(3)
"""Two points at plus and minus this integrate a cubic over -1 to 1 exactly (Gauss and Legendre)."""


class Estimate(Protocol):
    """A denoiser: says what is under the noise."""

    def __call__(self, latents: Tensor, sigma: float) -> Tensor:
        """Return the clean latents that these, with noise of that sigma, seem to come from ("x0")."""
        ...


@dataclass(frozen=True)
class SamplingRun:
    """What a sampler works with."""

    estimate: Estimate
    sigmas: Sequence[float]
    """Falling noise levels; the last one is mostly 0."""

    draw: Callable[[], Tensor]
    """New noise for each picture, of the latents' shape and device."""

    eta: float = 1.0
    """Share of the noise that a sampler which adds noise adds: 0 none, 1 its formula's."""

    def steps(self) -> Iterator[tuple[float, float]]:
        """Yield each step's noise level and the next one's."""
        return pairwise(self.sigmas)

    def slope(self, latents: Tensor, sigma: float) -> Tensor:
        """Return d latents / d sigma, the direction of the probability flow."""
        return (latents - self.estimate(latents, sigma)) / sigma


@dataclass(frozen=True)
class SamplingMethod:
    """A sampler by A1111's name, and what A1111 has beside its formula."""

    name: str
    run: Callable[[Tensor, SamplingRun], Tensor]
    """Takes the noisy latents to the end, and returns them."""

    schedule: str = "Uniform"
    """Its own schedule, for "Automatic"."""

    is_second_order: bool = False
    """Whether a step asks the network twice, but for the last one."""

    adds_noise: bool = False
    drops_next_to_last: bool = False
    """Whether the noise level before the last is left out."""

    has_brownian_noise: bool = False
    """Whether A1111's own noise is another one (a Brownian tree), so that its pictures come out otherwise."""

    def calls(self, sigmas: Sequence[float]) -> int:
        """Return how often the network is asked on the way down these noise levels."""
        steps = len(sigmas) - 1
        return 2 * steps - (sigmas[-1] == 0) if self.is_second_order and steps > 0 else max(steps, 0)


def _ancestral(sigma: float, following: float, eta: float) -> tuple[float, float]:
    """Return down to which level a step goes without noise, and the noise that takes it up again."""
    added = min(following, eta * math.sqrt(following**2 * (sigma**2 - following**2) / sigma**2))
    return math.sqrt(following**2 - added**2), added


def _euler(latents: Tensor, run: SamplingRun) -> Tensor:
    for sigma, following in run.steps():
        latents = latents + run.slope(latents, sigma) * (following - sigma)
    return latents


def _euler_ancestral(latents: Tensor, run: SamplingRun) -> Tensor:
    for sigma, following in run.steps():
        down, added = _ancestral(sigma, following, run.eta)
        latents = latents + run.slope(latents, sigma) * (down - sigma)
        if following > 0:
            latents = latents + run.draw() * added
    return latents


def _heun(latents: Tensor, run: SamplingRun) -> Tensor:
    """Euler's step, then the mean of the slopes at both of its ends."""
    for sigma, following in run.steps():
        slope = run.slope(latents, sigma)
        ahead = latents + slope * (following - sigma)
        if following > 0:
            slope = (slope + run.slope(ahead, following)) / 2
            ahead = latents + slope * (following - sigma)
        latents = ahead
    return latents


def _lms(latents: Tensor, run: SamplingRun) -> Tensor:
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


def _dpmpp_2m(latents: Tensor, run: SamplingRun) -> Tensor:
    """DPM-Solver++ (2M): the estimate is carried on from the one before it."""
    before, last_width = None, 0.0
    for sigma, following in run.steps():
        clean = run.estimate(latents, sigma)
        if following == 0:
            return clean
        width = math.log(sigma / following)
        ahead = clean if before is None else clean + (clean - before) * (width / (2 * last_width))
        latents = latents * (following / sigma) - ahead * math.expm1(-width)
        before, last_width = clean, width
    return latents


def _dpmpp_2m_sde(latents: Tensor, run: SamplingRun, *, heun: bool = False) -> Tensor:
    """DPM-Solver++ (2M) for the stochastic equation; `heun` weighs the change of the estimate otherwise."""
    before, last_width = None, 0.0
    for sigma, following in run.steps():
        clean = run.estimate(latents, sigma)
        if following == 0:
            return clean
        width = math.log(sigma / following)
        whole = width * (1 + run.eta)
        gain = -math.expm1(-whole)
        latents = latents * math.exp(-whole) + clean * gain
        if before is not None:
            weight = 1 - gain / whole if heun else gain / 2
            latents = latents + (clean - before) * (weight * width / last_width)
        if run.eta:
            latents = latents + run.draw() * (following * math.sqrt(-math.expm1(-2 * run.eta * width)))
        before, last_width = clean, width
    return latents


def _dpmpp_2m_sde_heun(latents: Tensor, run: SamplingRun) -> Tensor:
    return _dpmpp_2m_sde(latents, run, heun=True)


def _dpm_2(latents: Tensor, run: SamplingRun) -> Tensor:
    """Takes the slope in the middle of the step, on a logarithmic scale, for the whole of it."""
    for sigma, following in run.steps():
        latents = _midpoint(latents, run, sigma, following)
    return latents


def _dpm_2_ancestral(latents: Tensor, run: SamplingRun) -> Tensor:
    for sigma, following in run.steps():
        down, added = _ancestral(sigma, following, run.eta)
        latents = _midpoint(latents, run, sigma, down)
        if following > 0:
            latents = latents + run.draw() * added
    return latents


def _midpoint(latents: Tensor, run: SamplingRun, sigma: float, following: float) -> Tensor:
    slope = run.slope(latents, sigma)
    if following > 0:
        middle = math.sqrt(sigma * following)
        slope = run.slope(latents + slope * (middle - sigma), middle)
    return latents + slope * (following - sigma)


def _towards(latents: Tensor, clean: Tensor, sigma: float, following: float) -> Tensor:
    """Return the latents a step further, where the estimate stays what it is (DPM-Solver++, first order)."""
    share = following / sigma
    return latents * share + clean * (1 - share)


def _dpmpp_2s_ancestral(latents: Tensor, run: SamplingRun) -> Tensor:
    """DPM-Solver++ (2S): takes the estimate in the middle of the step."""
    for sigma, following in run.steps():
        down, added = _ancestral(sigma, following, run.eta)
        clean = run.estimate(latents, sigma)
        if down > 0:
            middle = math.sqrt(sigma * down)
            clean = run.estimate(_towards(latents, clean, sigma, middle), middle)
        latents = _towards(latents, clean, sigma, down)
        if following > 0:
            latents = latents + run.draw() * added
    return latents


def _dpmpp_sde(latents: Tensor, run: SamplingRun) -> Tensor:
    """DPM-Solver++ (2S) for the stochastic equation: noise is added on the way to the middle too."""
    for sigma, following in run.steps():
        clean = run.estimate(latents, sigma)
        if following > 0:
            middle = math.sqrt(sigma * following)
            down, added = _ancestral(sigma, middle, run.eta)
            clean = run.estimate(_towards(latents, clean, sigma, down) + run.draw() * added, middle)
        down, added = _ancestral(sigma, following, run.eta)
        latents = _towards(latents, clean, sigma, down)
        if following > 0:
            latents = latents + run.draw() * added
    return latents


def _dpmpp_3m_sde(latents: Tensor, run: SamplingRun) -> Tensor:
    """DPM-Solver++ (3M) for the stochastic equation: the estimate is carried on from the two before it."""
    before: list[tuple[Tensor, float]] = []  # estimates and the widths of their steps, the last one first
    for sigma, following in run.steps():
        clean = run.estimate(latents, sigma)
        if following == 0:
            return clean
        width = math.log(sigma / following)
        whole = width * (1 + run.eta)
        gain = -math.expm1(-whole)
        latents = latents * math.exp(-whole) + clean * gain
        if before:
            first = 1 - gain / whole
            ratio = before[0][1] / width
            slope = (clean - before[0][0]) / ratio
            if len(before) > 1:
                older = before[1][1] / width
                bend = (slope - (before[0][0] - before[1][0]) / older) / (ratio + older)
                slope = slope + bend * ratio
                latents = latents - bend * (first / whole - 0.5)
            latents = latents + slope * first
        if run.eta:
            latents = latents + run.draw() * (following * math.sqrt(-math.expm1(-2 * run.eta * width)))
        before = [(clean, width), *before][:2]
    return latents


_METHODS = (
    SamplingMethod("DPM++ 2M", _dpmpp_2m, "Karras"),
    SamplingMethod(
        "DPM++ SDE", _dpmpp_sde, "Karras", is_second_order=True, adds_noise=True, has_brownian_noise=True
    ),
    SamplingMethod("DPM++ 2M SDE", _dpmpp_2m_sde, "Exponential", adds_noise=True, has_brownian_noise=True),
    SamplingMethod(
        "DPM++ 2M SDE Heun", _dpmpp_2m_sde_heun, "Exponential", adds_noise=True, has_brownian_noise=True
    ),
    SamplingMethod("DPM++ 2S a", _dpmpp_2s_ancestral, "Karras", is_second_order=True, adds_noise=True),
    SamplingMethod(
        "DPM++ 3M SDE",
        _dpmpp_3m_sde,
        "Exponential",
        adds_noise=True,
        drops_next_to_last=True,
        has_brownian_noise=True,
    ),
    SamplingMethod("Euler a", _euler_ancestral, adds_noise=True),
    SamplingMethod("Euler", _euler),
    SamplingMethod("LMS", _lms),
    SamplingMethod("Heun", _heun, is_second_order=True),
    SamplingMethod("DPM2", _dpm_2, "Karras", is_second_order=True, drops_next_to_last=True),
    SamplingMethod(
        "DPM2 a",
        _dpm_2_ancestral,
        "Karras",
        is_second_order=True,
        adds_noise=True,
        drops_next_to_last=True,
    ),
)

SAMPLERS = {method.name: method for method in _METHODS}
"""Name of each sampler, in A1111's order."""
