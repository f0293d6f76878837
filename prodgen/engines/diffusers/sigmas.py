"""How much noise there is at each step: A1111's schedules as vectors of sigmas, from full noise to none.

Sigma is the standard deviation of the noise on latents of unit scale. Stable Diffusion 1.5, 2.1 and XL were
all trained on one scale of a thousand sigmas, and each network is told the place on it (its timestep).
NumPy alone: nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from prodgen.errors import UnknownNameError

if TYPE_CHECKING:
    from prodgen.engines.diffusers.samplers import SamplingMethod

Sigmas = NDArray[np.float64]
"""(n + 1,), falling; the last one is what is left at the end, 0."""

AUTOMATIC = "Automatic"
"""Label of the choice that leaves the schedule to the sampler."""

LAST_TIMESTEP = 999
"""Place of full noise on the training scale, which counts from 0."""

BETA_START, BETA_END = 0.00085, 0.012
"""Variance added at the first and the last training step, Stable Diffusion v1 to XL ("scaled linear")."""

KARRAS_RHO = 7.0
"""Exponent of the Karras schedule: arXiv 2206.00364, section 5."""

BETA_SHAPE = 0.6
"""Both parameters of the beta distribution: arXiv 2407.12173, and A1111's default."""

LCM_TIMESTEPS = np.arange(19, LAST_TIMESTEP + 1, 20)
"""The 50 timesteps that latent consistency models are distilled at: arXiv 2310.04378, and A1111's default."""

MOST_OF_THE_WAY = 0.999
"""Where A1111 caps the strength of img2img, so that one step of the vector always stays."""

ALIGNED_STEPS = {
    False: (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029),
    True: (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029),
}
""""Align Your Steps" (arXiv 2404.14507): sigmas of ten steps, for SD 1.5 and (True) for SDXL."""


@cache
def training_sigmas() -> Sigmas:
    """Return the sigmas of all training timesteps, (1000,), rising from 0.0292 to 14.6146."""
    betas = np.linspace(BETA_START**0.5, BETA_END**0.5, LAST_TIMESTEP + 1) ** 2
    signal = np.cumprod(1.0 - betas)
    sigmas: Sigmas = np.sqrt((1.0 - signal) / signal)
    sigmas.setflags(write=False)
    return sigmas


def timestep_of(sigma: float) -> float:
    """Return a sigma's place on the training scale, 0 to 999, unrounded: interpolated in log sigma."""
    return float(np.interp(np.log(sigma), np.log(training_sigmas()), np.arange(LAST_TIMESTEP + 1)))


def _at(timesteps: NDArray[np.float64]) -> Sigmas:
    known = np.arange(LAST_TIMESTEP + 1)
    return np.asarray(np.exp(np.interp(timesteps, known, np.log(training_sigmas()))))


def _ends() -> tuple[float, float]:
    """Return the largest and the smallest sigma."""
    known = training_sigmas()
    return float(known[-1]), float(known[0])


def _ended(sigmas: Sigmas) -> Sigmas:
    return np.append(sigmas, 0.0)


def _uniform(steps: int) -> Sigmas:
    return _ended(_at(np.linspace(LAST_TIMESTEP, 0, steps)))


def _sgm_uniform(steps: int) -> Sigmas:
    """Even timesteps too, but with one more, which gives its place to the final 0."""
    return _ended(_at(np.linspace(LAST_TIMESTEP, 0, steps + 1)[:-1]))


def karras_levels(steps: int, *, high: float, low: float) -> Sigmas:
    """Return Karras' levels between two, then 0: (steps + 1,)."""
    first, last = high ** (1 / KARRAS_RHO), low ** (1 / KARRAS_RHO)
    return _ended((first + np.linspace(0, 1, steps) * (last - first)) ** KARRAS_RHO)


def _karras(steps: int) -> Sigmas:
    high, low = _ends()
    return karras_levels(steps, high=high, low=low)


def _exponential(steps: int) -> Sigmas:
    high, low = np.log(_ends())
    return _ended(np.exp(np.linspace(high, low, steps)))


def _kl_optimal(steps: int) -> Sigmas:
    """Even steps of the angle whose tangent sigma is; in A1111 it ends at the smallest sigma, not at 0."""
    high, low = np.arctan(_ends())
    return np.tan(np.linspace(high, low, steps + 1))


def _simple(steps: int) -> Sigmas:
    """Training sigmas themselves, every (1000 / n)th from the top."""
    back = (np.arange(steps) * ((LAST_TIMESTEP + 1) / steps)).astype(int) if steps else np.arange(0)
    return _ended(training_sigmas()[::-1][back])


def _ddim(steps: int) -> Sigmas:
    """Training sigmas from the second one on, as DDIM's authors took them; often one more than asked for."""
    stride = max((LAST_TIMESTEP + 1) // steps, 1) if steps else LAST_TIMESTEP + 1
    return _ended(training_sigmas()[1::stride][::-1])


def ddim_levels(steps: int) -> Sigmas:
    """Return the levels of A1111's DDIM and PLMS, (n,): down to the second training step, not to 0.

    They make one step fewer than is asked for, where the steps divide a thousand; A1111's do the same.
    """
    return _ddim(steps)[:-1]


def unipc_levels(steps: int) -> Sigmas:
    """Return UniPC's levels, (steps + 1,): even in training steps, from the last to the first, not to 0."""
    return _at(np.linspace(LAST_TIMESTEP, 0, steps + 1))


def lcm_levels(steps: int) -> Sigmas:
    """Return the levels of A1111's LCM: even between the timesteps of the distillation, then 0."""
    known = np.log(training_sigmas()[LCM_TIMESTEPS])
    places = np.linspace(LCM_TIMESTEPS[-1], LCM_TIMESTEPS[0], steps)
    return _ended(np.exp(np.interp(places, LCM_TIMESTEPS, known)))


def lcm_timestep_of(sigma: float) -> float:
    """Return the nearest of the timesteps that a consistency model was distilled at, by log sigma."""
    away = np.abs(np.log(training_sigmas()[LCM_TIMESTEPS]) - np.log(sigma))
    return float(LCM_TIMESTEPS[int(away.argmin())])


def _beta(steps: int) -> Sigmas:
    from scipy.stats import beta

    high, low = _ends()
    shares = beta.ppf(1 - np.linspace(0, 1, steps), BETA_SHAPE, BETA_SHAPE)
    return _ended(low + np.asarray(shares) * (high - low))


def _aligned(steps: int, *, is_xl: bool) -> Sigmas:
    known = np.log(ALIGNED_STEPS[is_xl])
    places = np.linspace(0, 1, steps) if steps > 1 else np.ones(steps)  # A1111: a single step is the last one
    return _ended(np.exp(np.interp(places, np.linspace(0, 1, len(known)), known)))


_MADE_BY: dict[str, Callable[[int], Sigmas]] = {
    "Uniform": _uniform,
    "Karras": _karras,
    "Exponential": _exponential,
    "Polyexponential": _exponential,  # with A1111's exponent of 1 the two are one
    "SGM Uniform": _sgm_uniform,
    "KL Optimal": _kl_optimal,
    "Align Your Steps": lambda steps: _aligned(steps, is_xl=False),
    "Simple": _simple,
    "Normal": _uniform,  # A1111 has two names for it
    "DDIM": _ddim,
    "Beta": _beta,
}

SCHEDULES = tuple(_MADE_BY)
"""Labels of the schedules, as /schedulers lists them, without "Automatic"."""


def sigmas(schedule: str, steps: int, *, sampler: SamplingMethod, is_xl: bool = False) -> Sigmas:
    """Return the noise levels of a whole run, as A1111 makes them.

    Args:
        schedule: One of `SCHEDULES`, or "Automatic" for the sampler's own.
        steps: How many steps to make, 1 or more.
        sampler: Some leave out the level before the last, some have levels of their own.
        is_xl: Whether the model is an SDXL: "Align Your Steps" has other numbers for it.

    Raises:
        UnknownNameError: If there is no schedule of that name.
    """
    name = sampler.schedule if schedule == AUTOMATIC else schedule
    if name not in _MADE_BY:
        raise UnknownNameError("schedule", name, (AUTOMATIC, *SCHEDULES))
    if sampler.levels is not None and (sampler.keeps_variance or name == "Uniform"):
        return sampler.levels(steps)
    count = steps + sampler.drops_next_to_last
    made = _aligned(count, is_xl=True) if is_xl and name == "Align Your Steps" else _MADE_BY[name](count)
    return np.delete(made, -2) if sampler.drops_next_to_last else made


def sigmas_for_strength(
    schedule: str,
    steps: int,
    strength: float,
    *,
    sampler: SamplingMethod,
    is_xl: bool = False,
    fixed_steps: bool = False,
) -> Sigmas:
    """Return the noise levels of img2img: the end of a whole run, as long as A1111 takes it.

    Args:
        schedule: One of `SCHEDULES`, or "Automatic".
        steps: Steps of the whole run, of which int(steps * strength) + 1 are made; with `fixed_steps` the
            number that is made.
        strength: The denoising strength; above 0.999 it counts as that.
        sampler: Some leave out the level before the last.
        is_xl: Whether the model is an SDXL.
        fixed_steps: The hires pass, and A1111's setting "img2img_fix_steps": the whole run is as long as it
            must be for all `steps` to be made at that strength.

    Returns:
        The sigmas; the first one scales the noise that is laid over the picture. With `fixed_steps` and no
        strength a lone 0: nothing is to be done.
    """
    share = min(strength, MOST_OF_THE_WAY)
    if fixed_steps and share <= 0:
        return np.zeros(1)
    whole = int(steps / share) if fixed_steps else steps
    kept = steps if fixed_steps else int(max(share, 0.0) * steps) + 1
    made = sigmas(schedule, whole, sampler=sampler, is_xl=is_xl)
    return made[max(len(made) - kept, 0) :] if sampler.keeps_variance else made[whole - kept :]
