"""What k-diffusion makes of a denoiser that can be written down; run as a script it writes the stored arrays.

    pip download k-diffusion==0.1.1.post1 --no-deps, unpack it to FOLDER, then
    PYTHONPATH=FOLDER python tests/engines/diffusers/k_diffusion_reference.py

k-diffusion (MIT) is what A1111 samples with. Its training half is left out by empty stand-ins for what it
imports. The test needs neither it nor this script's second half.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch

ARRAYS = Path(__file__).with_name("k_diffusion_arrays.npz")
SHAPE = (2, 4, 3, 3)
MODES = 6
WIDTH = 0.3

METHODS = {
    "Euler": "sample_euler",
    "Euler a": "sample_euler_ancestral",
    "Heun": "sample_heun",
    "LMS": "sample_lms",
    "DPM2": "sample_dpm_2",
    "DPM2 a": "sample_dpm_2_ancestral",
    "DPM fast": "sample_dpm_fast",
    "DPM++ 2S a": "sample_dpmpp_2s_ancestral",
    "DPM++ SDE": "sample_dpmpp_sde",
    "DPM++ 2M": "sample_dpmpp_2m",
    "DPM++ 2M SDE": "sample_dpmpp_2m_sde",
    "DPM++ 2M SDE Heun": "sample_dpmpp_2m_sde",
    "DPM++ 3M SDE": "sample_dpmpp_3m_sde",
}
RUNS = (
    ("Uniform", 8),
    ("Uniform", 20),
    ("Karras", 8),
    ("Karras", 20),
    ("Karras", 25),
    ("Exponential", 20),
    ("SGM Uniform", 20),
)


def waves(number: int, shape: tuple[int, ...] = SHAPE) -> torch.Tensor:
    """Numbers of variance 1 that every machine makes alike."""
    places = np.arange(math.prod(shape), dtype=np.float64).reshape(shape)
    return torch.from_numpy(math.sqrt(2) * np.sin(12.9898 * (places + 1) + 78.233 * (number + 1)))


def estimate(latents: torch.Tensor, sigma: float) -> torch.Tensor:
    """The best estimate under noise of that sigma, where pictures come from six round clouds."""
    centres = torch.stack([2 * waves(1000 + mode) for mode in range(MODES)])
    spread = sigma**2 + WIDTH**2
    away = ((latents - centres) ** 2).flatten(2).sum(-1) / (2 * spread)
    shares = torch.softmax(-away, dim=0)[..., None, None, None]
    return (shares * (centres + (latents - centres) * (WIDTH**2 / spread))).sum(0)


class Draws:
    """Step noise, one draw after the other."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, *_levels: object) -> torch.Tensor:
        self.count += 1
        return waves(self.count)


def _without_its_training_half() -> None:
    import sys
    import types
    from unittest.mock import MagicMock

    missing = (
        "torchdiffeq",
        "torchsde",
        "torchvision",
        "clean_fid",
        "clip",
        "accelerate",
        "jsonmerge",
        "kornia",
    )
    for name in (*missing, "torchvision.transforms", "dctorch", "einops", "tqdm", "tqdm.auto"):
        sys.modules[name] = MagicMock()
    sys.modules["tqdm.auto"].trange = lambda count, **_: range(count)
    package = types.ModuleType("k_diffusion")
    package.__path__ = [str(Path(p) / "k_diffusion") for p in sys.path if (Path(p) / "k_diffusion").is_dir()]
    sys.modules["k_diffusion"] = package


def main() -> None:
    _without_its_training_half()
    from k_diffusion import external, sampling

    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    scale = external.DiscreteEpsDDPMDenoiser(None, torch.cumprod(1 - betas, 0), quantize=False)
    high, low = float(scale.sigma_max), float(scale.sigma_min)

    def levels(schedule: str, steps: int) -> torch.Tensor:
        if schedule == "Karras":
            return sampling.get_sigmas_karras(steps, low, high)
        if schedule == "Exponential":
            return sampling.get_sigmas_exponential(steps, low, high)
        if schedule == "Uniform":
            return scale.get_sigmas(steps)
        start, end = scale.sigma_to_t(torch.tensor(high)), scale.sigma_to_t(torch.tensor(low))
        kept = [scale.t_to_sigma(t) for t in torch.linspace(start, end, steps + 1)[:-1]]
        return sampling.append_zero(torch.tensor(kept))

    arrays = {}
    for schedule, steps in RUNS:
        for name, function in METHODS.items():
            drops = name in ("DPM2", "DPM2 a", "DPM++ 3M SDE")  # A1111's "discard_next_to_last_sigma"
            sigmas = levels(schedule, steps + drops).double()
            sigmas = torch.cat([sigmas[:-2], sigmas[-1:]]) if drops else sigmas
            arrays[f"{schedule} {steps} {'dropped' if drops else 'levels'}"] = sigmas.numpy()
            more = {"noise_sampler": Draws()} if " a" in name or "SDE" in name else {}
            where: tuple[object, ...] = (sigmas,)
            if name == "DPM fast":  # takes the ends, and adds noise, as A1111 calls it
                where = (float(sigmas[-2]), float(sigmas[0]), len(sigmas) - 1)
                more = {"eta": 1.0, "noise_sampler": Draws()}
            if name.startswith("DPM++ 2M SDE"):
                more["solver_type"] = "heun" if name.endswith("Heun") else "midpoint"
            with torch.no_grad():
                made = getattr(sampling, function)(
                    lambda x, sigma, **_: estimate(x, float(sigma.flatten()[0])),
                    waves(0) * sigmas[0],
                    *where,
                    **more,
                )
            assert torch.isfinite(made).all()
            arrays[f"{schedule} {steps} {name}"] = made.float().numpy()
    np.savez_compressed(ARRAYS, **arrays)


if __name__ == "__main__":
    main()
