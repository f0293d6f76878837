"""A1111's samplers by name: how a picture is taken from one noise level to the next.

Each is its published formula, in sigma space. Tests compare them: with k-diffusion, which A1111 samples
with, or with diffusers' scheduler of the method, to 1e-5 of the result. A method that A1111 has and this
table lacks is refused by the server, not replaced: "DPM adaptive", whose steps follow the error of a whole
batch, so that a picture would depend on those drawn beside it; and "DDIM CFG++", which needs the negative
prompt's own answer beside the guided one.

Samplers that add noise get theirs from the picture's own generator (`PictureNoise`). For the ancestral ones
("a"), DPM fast, Restart and LCM that is what A1111 does. The SDE ones have a Brownian tree there (torchsde),
which is not imitated: with those a picture made by A1111 comes out alike in kind but not in detail.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from prodgen.engines.diffusers import multistep_samplers as multistep
from prodgen.engines.diffusers import single_step_samplers as single
from prodgen.engines.diffusers.sampling_run import Estimate, SamplingRun
from prodgen.engines.diffusers.sigmas import (
    Sigmas,
    ddim_levels,
    lcm_levels,
    lcm_timestep_of,
    timestep_of,
    unipc_levels,
)

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class SamplingMethod:
    """A sampler by A1111's name, and what A1111 has beside its formula."""

    name: str
    run: Callable[[Tensor, SamplingRun], Tensor]
    """Takes the noisy latents to the end, and returns them."""

    schedule: str = "Uniform"
    """Its own schedule, for "Automatic"."""

    eta: float | None = None
    """Share of the noise that it takes away and adds anew, unless it is set; None: nobody sets it."""

    drops_next_to_last: bool = False
    """Whether the noise level before the last is left out."""

    has_brownian_noise: bool = False
    """Whether A1111's own noise is another one (a Brownian tree), so that its pictures come out otherwise."""

    levels: Callable[[int], Sigmas] | None = None
    """Noise levels of its own, in place of the schedule "Uniform"."""

    keeps_variance: bool = False
    """Whether it counts in training steps, as DDIM's authors do: its levels are its own whatever the
    schedule, and noisy latents have a variance of 1, from the first noise to what is left at the end."""

    timestep: Callable[[float], float] = timestep_of
    """What the network is told of a noise level."""

    def start(self, noise: Tensor, sigma: float) -> Tensor:
        """Return the latents that a picture from words begins with."""
        return noise * (math.hypot(1, sigma) if self.keeps_variance else sigma)

    def sample(
        self,
        latents: Tensor,
        estimate: Estimate,
        sigmas: Sequence[float],
        draw: Callable[[], Tensor],
        *,
        eta: float | None = None,
    ) -> Tensor:
        """Take noisy latents down the noise levels.

        Args:
            latents: With noise of the first level.
            estimate: The denoiser.
            sigmas: Falling; a lone one leaves the latents as they are.
            draw: Returns new noise for each picture.
            eta: Share of the noise that is added; None is the sampler's own. Some take none.
        """
        if len(sigmas) < 2:
            return latents
        share = 0.0 if self.eta is None else self.eta if eta is None else eta
        made = self.run(latents, SamplingRun(estimate, sigmas, draw, share))
        return made / math.hypot(1, sigmas[-1]) if self.keeps_variance else made

    def calls(self, sigmas: Sequence[float]) -> int:
        """Return how often the network is asked on the way down these noise levels, by trying it on a 0."""
        asked = 0

        def counted(latents: Tensor, sigma: float) -> Tensor:
            nonlocal asked
            asked += 1
            return latents

        nothing = cast("Tensor", 0.0)
        self.sample(nothing, counted, sigmas, lambda: nothing)
        return asked


_euler, _heun = single.stepwise(single.euler_aim), single.stepwise(single.heun_aim)
_midpoint, _dpmpp_2s = single.stepwise(single.midpoint_aim), single.stepwise(single.dpmpp_2s_aim)
_dpmpp_sde = single.stepwise(single.dpmpp_sde_aim)
_dpmpp_2m, _dpmpp_2m_heun = multistep.dpmpp(2, heun=False), multistep.dpmpp(2, heun=True)
_dpmpp_3m = multistep.dpmpp(3, heun=True)

_METHODS = (
    SamplingMethod("DPM++ 2M", _dpmpp_2m, "Karras"),
    SamplingMethod("DPM++ SDE", _dpmpp_sde, "Karras", eta=1.0, has_brownian_noise=True),
    SamplingMethod("DPM++ 2M SDE", _dpmpp_2m, "Exponential", eta=1.0, has_brownian_noise=True),
    SamplingMethod("DPM++ 2M SDE Heun", _dpmpp_2m_heun, "Exponential", eta=1.0, has_brownian_noise=True),
    SamplingMethod("DPM++ 2S a", _dpmpp_2s, "Karras", eta=1.0),
    SamplingMethod(
        "DPM++ 3M SDE", _dpmpp_3m, "Exponential", eta=1.0, drops_next_to_last=True, has_brownian_noise=True
    ),
    SamplingMethod("Euler a", _euler, eta=1.0),
    SamplingMethod("Euler", _euler),
    SamplingMethod("LMS", multistep.lms),
    SamplingMethod("Heun", _heun),
    SamplingMethod("DPM2", _midpoint, "Karras", drops_next_to_last=True),
    SamplingMethod("DPM2 a", _midpoint, "Karras", eta=1.0, drops_next_to_last=True),
    SamplingMethod("DPM fast", single.dpm_fast, eta=1.0),
    SamplingMethod("Restart", single.restart, "Karras"),
    SamplingMethod("DDIM", _euler, eta=0.0, levels=ddim_levels, keeps_variance=True),
    SamplingMethod("PLMS", multistep.plms, levels=ddim_levels, keeps_variance=True),
    SamplingMethod("UniPC", multistep.unipc, levels=unipc_levels, keeps_variance=True),
    SamplingMethod("LCM", single.lcm, levels=lcm_levels, timestep=lcm_timestep_of),
)

SAMPLERS = {method.name: method for method in _METHODS}
"""Name of each sampler, in A1111's order."""
