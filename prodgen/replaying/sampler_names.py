"""What the names of one sampler or schedule in several programs have in common."""

from __future__ import annotations

import re

from prodgen.client import scheduler_key

SCHEDULES = (
    "Karras", "Exponential", "Polyexponential", "SGM Uniform", "Uniform", "KL Optimal", "Align Your Steps",
    "Simple", "Normal", "Beta", "Turbo", "Discrete", "AYS", "GITS", "Trailing", "Substep",
)  # fmt: skip
"""Schedules that programs write behind a sampler's name, as A1111 did before 1.9 ("DPM++ 2M Karras")."""

LONGEST_NAME = 100
"""Characters. Guard: nothing longer is a sampler's name."""


def sampler_key(name: str) -> str:
    """Return what all names of a sampler share: "DPM++ 2M", "dpmpp_2m", "k_dpmpp_2m", "dpm++2m".

    ComfyUI adds "_gpu" where the noise is drawn there, A1111 writes "a" for "ancestral".
    """
    plain = name.lower().strip().replace("++", "pp").removeprefix("k_").removesuffix("_gpu")
    return scheduler_key(plain.replace("ancestral", "a")).replace("unipcbh2", "unipc")


def with_schedule_split(sampler: str) -> tuple[str, str | None]:
    """Return a sampler and the schedule that stands behind it in its name, if there is one.

    stable-diffusion.cpp puts it in brackets or not: "euler_a [karras]", "euler_a karras"; nodes of ComfyUI
    that write infotexts join both: "dpmpp_3m_sde_sgm_uniform".
    """
    if len(sampler) > LONGEST_NAME:
        return sampler, None
    for schedule in SCHEDULES:
        words = schedule.replace(" ", "[ _]")
        if match := re.fullmatch(rf"(.+?)[\s_]+\[?{words}\]?", sampler.strip(), re.IGNORECASE):
            return match[1], schedule
    return sampler, None
