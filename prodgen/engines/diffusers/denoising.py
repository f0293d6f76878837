"""The way from noise to a picture's latents, step by step: progress, interrupts, masks, a change of network.

Owns the loop. The steps are the sampler's, what is asked of the network is the guide's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prodgen.engines.diffusers.guidance import Guide
from prodgen.engines.diffusers.noise import PictureNoise
from prodgen.engines.diffusers.samplers import SamplingMethod
from prodgen.engines.diffusers.sigmas import LAST_TIMESTEP, timestep_of
from prodgen.server.queueing import Stopped
from prodgen.server.wire import nan_crash

if TYPE_CHECKING:
    from torch import Tensor

ReportStep = Callable[[float, "Tensor"], None]
"""Called after each call of the network: with the share that is done, 0 to 1, and the clean latents it sees.

Raises `queueing.Stopped` after an interrupt.
"""


@dataclass(frozen=True)
class KeptLatents:
    """What stays of the original where a mask says so."""

    original: Tensor
    """(n, 4, h, w), of the denoised latents' type and device."""

    repaint: Tensor
    """(n or 1, 1, h, w): 1 is repainted, 0 kept."""

    def restored(self, latents: Tensor) -> Tensor:
        """Return the latents with the original in its place."""
        return latents * self.repaint + self.original * (1 - self.repaint)


@dataclass(frozen=True)
class DenoisedLatents:
    """What came of a run."""

    latents: Tensor
    """(n, 4, h, w) float32: clean, or after an interrupt what the network saw under the noise last."""

    is_partial: bool = False
    """Whether an interrupt ended it early."""


def denoise(
    guides: Sequence[tuple[float, Guide]],
    start: Tensor,
    sigmas: Sequence[float],
    sampler: SamplingMethod,
    *,
    noise: PictureNoise,
    eta: float | None = None,
    kept: KeptLatents | None = None,
    report: ReportStep | None = None,
) -> DenoisedLatents:
    """Take latents from the first noise level to the last.

    Each picture has its own words, noise and mask, so that a batch gives the pictures that each of its orders
    would give alone, up to the rounding of the network.

    Args:
        guides: What to ask, and from which share of the noise scale on: 0 for the first one; a refiner takes
            over at its share, counted as A1111 does by (999 - timestep) / 1000.
        start: (n, 4, h, w) float32, with noise of the first sigma laid over: noise * sigmas[0] for a picture
            from words, latents + noise * sigmas[0] in img2img.
        sigmas: Falling noise levels; a lone one leaves `start` as it is.
        sampler: How steps are made.
        noise: The generators of the pictures' noise, for what the sampler adds on its way; the one that
            `start` was made with.
        eta: Share of the noise that is added; None is the sampler's own, all of it.
        kept: What a mask keeps; put back at each step, and at the end.
        report: Is told of each step.

    Returns:
        The clean latents.

    Raises:
        wire.Crashed: If the network broke and gave numbers that are none ("NansException").
    """
    import torch

    levels = [float(sigma) for sigma in sigmas]
    estimate = _GuidedEstimate(guides, sampler, calls=sampler.calls(levels), kept=kept, report=report)

    def draw() -> Tensor:
        drawn = noise.next()
        if start.is_cuda:  # page-locked memory is copied while the GPU goes on
            drawn = drawn.pin_memory()
        return drawn.to(start, non_blocking=True)

    is_partial = False
    with torch.no_grad():
        try:
            latents = sampler.sample(start, estimate, levels, draw, eta=eta)
        except Stopped:
            latents, is_partial = start if estimate.seen is None else estimate.seen, True
        if kept is not None:
            latents = kept.restored(latents)
        if not torch.isfinite(latents).all():
            raise nan_crash()
    return DenoisedLatents(latents, is_partial)


class _GuidedEstimate:
    """The guides as a sampler's denoiser: counts calls, puts back what a mask keeps, tells of each step."""

    def __init__(
        self,
        guides: Sequence[tuple[float, Guide]],
        sampler: SamplingMethod,
        *,
        calls: int,
        kept: KeptLatents | None,
        report: ReportStep | None,
    ) -> None:
        self._guides, self._sampler, self._calls = guides, sampler, calls
        self._kept, self._report = kept, report
        self._done = 0
        self.seen: Tensor | None = None
        """The clean latents that were seen last."""

    def __call__(self, latents: Tensor, sigma: float) -> Tensor:
        share = (LAST_TIMESTEP - timestep_of(sigma)) / (LAST_TIMESTEP + 1)
        while len(self._guides) > 1 and share >= self._guides[1][0]:
            self._guides = self._guides[1:]
        timestep, over = self._sampler.timestep(sigma), self._done / self._calls
        clean = self._guides[0][1].estimate(latents, sigma, timestep=timestep, call=self._done, share=over)
        self.seen = clean if self._kept is None else self._kept.restored(clean)
        self._done += 1
        if self._report is not None:
            self._report(self._done / self._calls, self.seen)
        return self.seen
