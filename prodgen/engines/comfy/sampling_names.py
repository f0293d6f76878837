"""A1111's samplers and noise schedules, by the names that ComfyUI has for them.

They are matched by method. The pictures are not the same: ComfyUI draws its noise on the CPU with torch's
generator, which no setting of A1111 does. Samplers that draw noise on their way have a second form with
"_gpu"; the plain one is taken, whose picture does not depend on the server's graphics card.
"""

from __future__ import annotations

SAMPLERS = {
    "DPM++ 2M": "dpmpp_2m",
    "DPM++ SDE": "dpmpp_sde",
    "DPM++ 2M SDE": "dpmpp_2m_sde",
    "DPM++ 2M SDE Heun": "dpmpp_2m_sde_heun",
    "DPM++ 2S a": "dpmpp_2s_ancestral",
    "DPM++ 3M SDE": "dpmpp_3m_sde",
    "Euler a": "euler_ancestral",
    "Euler": "euler",
    "LMS": "lms",
    "Heun": "heun",
    "DPM2": "dpm_2",
    "DPM2 a": "dpm_2_ancestral",
    "DPM fast": "dpm_fast",
    "DPM adaptive": "dpm_adaptive",
    "DDIM": "ddim",
    "UniPC": "uni_pc",
    "LCM": "lcm",
}
"""A1111's name: ComfyUI's `sampler_name`. Restart, PLMS and DDIM CFG++ have no counterpart."""

SCHEDULERS = {
    "Uniform": "normal",
    "Karras": "karras",
    "Exponential": "exponential",
    "SGM Uniform": "sgm_uniform",
    "KL Optimal": "kl_optimal",
    "Simple": "simple",
    "Normal": "normal",
    "DDIM": "ddim_uniform",
    "Beta": "beta",
}
"""A1111's label: ComfyUI's `scheduler`. "Automatic" is the sampler's own, see `scheduler_of`."""

SCHEDULE_NODES = {
    "Align Your Steps": "AlignYourStepsScheduler",
    "Polyexponential": "PolyexponentialScheduler",
}
"""A1111's label: the node that makes this schedule, since no sampler node has it."""

AUTOMATIC = "Automatic"

_OWN = {"DDIM": "ddim_uniform", "LCM": "sgm_uniform"}
"""Schedules of samplers for which A1111 itself names none, but draws with another one than "normal"."""


def scheduler_of(sampler: str, schedule: str) -> str:
    """Return ComfyUI's scheduler for A1111's sampler and schedule; "Automatic" is the sampler's own."""
    return _OWN.get(sampler, "normal") if schedule == AUTOMATIC else SCHEDULERS[schedule]


def scheduled_names(sampler: str, scheduler: str) -> tuple[str, str]:
    """Return A1111's names for what ComfyUI runs; a name that A1111 does not have stays as it is."""
    samplers = {comfy: name for name, comfy in SAMPLERS.items()}
    labels = {comfy: label for label, comfy in SCHEDULERS.items()}
    return samplers.get(sampler.removesuffix("_gpu"), sampler), labels.get(scheduler, scheduler)
