"""VAEs: from a checkpoint or a file of their own.

Owns which names a VAE's file may use (the original's with or without "first_stage_model.", or diffusers'),
and which type of number a family's VAE is safe in. Tiles are no business of this module.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch

from prodgen.engines.diffusers.families import VAE_PREFIX, Family
from prodgen.engines.diffusers.module_shapes import vae_config
from prodgen.engines.diffusers.original_names import Original, vae_name
from prodgen.engines.diffusers.tensor_files import Network, TensorFile, on_meta


def safe_dtype(family: Family, dtype: torch.dtype) -> torch.dtype:
    """Return `dtype`, or float32 where the family's VAE would overflow in it and give black pictures."""
    return torch.float32 if family.vae_overflows_in_half and dtype == torch.float16 else dtype


def load(path: Path, family: Family, *, dtype: torch.dtype, device: torch.device | str) -> Any:
    """Load a VAE from a file of its own, as `diffusers.AutoencoderKL`.

    Raises:
        ModelFileError: If it is no VAE for this family's latents, or not whole.
    """
    file = TensorFile(path)
    names = file.header.tensors
    prefix = VAE_PREFIX if any(name.startswith(VAE_PREFIX) for name in names) else ""
    return filled(file, prefix, family, dtype=dtype, device=torch.device(device))


def filled(file: TensorFile, prefix: str, family: Family, *, dtype: torch.dtype, device: torch.device) -> Any:
    """Return the VAE inside a file, whose tensors begin with `prefix`."""
    from diffusers import AutoencoderKL

    is_diffusers = any(name.startswith("encoder.down_blocks.") for name in file.header.tensors)
    config = vae_config(family, _network(file, prefix, 0, is_diffusers=is_diffusers).shape_of, file.header)
    levels = len(config["block_out_channels"])
    module = on_meta(file.header, partial(AutoencoderKL, **config))
    _network(file, prefix, levels, is_diffusers=is_diffusers).fill(module, dtype=dtype, device=device)
    return module


def _network(file: TensorFile, prefix: str, levels: int, *, is_diffusers: bool) -> Network:
    if is_diffusers:
        return Network(file, Original)
    return Network(file, lambda name: Original(vae_name(name, levels)), prefix)
