"""Checkpoints with random weights: tiny ones for tests, full-size ones for speed and memory.

    python benchmarks/engine_models.py FOLDER [--size full]

They have the layout of real one-file checkpoints, so that the engine loads them as it loads real ones. They
prove shapes, arithmetic, speed and memory; what they draw is noise.
"""

from __future__ import annotations

import argparse
import math
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from prodgen.engines.diffusers import checkpoints
from prodgen.engines.diffusers.families import UNET_PREFIX, VAE_PREFIX, Family, families
from prodgen.engines.diffusers.original_names import clip_original, unet_name, vae_name

Size = Literal["tiny", "full"]

TINY_UNET: dict[str, dict[str, object]] = {
    "sd15": {"block_out_channels": [32, 32, 64, 64], "cross_attention_dim": 32},
    "sd21": {
        "block_out_channels": [32, 32, 64, 64],
        "cross_attention_dim": 64,
        "attention_head_dim": [1, 1, 1, 1],
    },
    "sdxl": {
        "block_out_channels": [32, 32, 64],
        "cross_attention_dim": 96,
        "attention_head_dim": [1, 1, 1],
        "transformer_layers_per_block": [1, 1, 2],
        "projection_class_embeddings_input_dim": 64 + 6 * 256,
    },
}
"""What differs from the real configurations in the tiny ones."""

TINY_TEXT = {"sd15": (32,), "sd21": (64,), "sdxl": (32, 64)}
"""Width of each text encoder in the tiny checkpoints; two layers each."""

TINY_VAE = {"block_out_channels": [32, 32, 64, 64]}

Tensors = dict[str, torch.Tensor]


class Dice:
    """Random weights of one network, in the scale of trained ones: sums stay near 1 from layer to layer."""

    def __init__(self, seed: int, *, dtype: torch.dtype, device: str) -> None:
        self._dice = torch.Generator(device).manual_seed(seed)
        self._dtype = dtype
        self._device = device

    def weight(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """Return one tensor on the CPU; norms get a bias too, as their mean would be 0 without."""
        drawn = torch.randn(shape, generator=self._dice, device=self._device, dtype=torch.float32)
        if len(shape) == 1:
            drawn = drawn * 0.1 + (1.0 if name.endswith("weight") else 0.0)
        elif "embedding" in name:
            drawn = drawn * 0.1
        else:
            drawn = drawn / math.sqrt(math.prod(shape[1:]))
        return drawn.to("cpu", self._dtype)


def checkpoint_tensors(
    family: Family,
    *,
    size: Size = "tiny",
    dtype: torch.dtype = torch.float16,
    device: str = "cpu",
    input_channels: int = 4,
    seed: int = 0,
) -> Tensors:
    """Return the tensors of a whole checkpoint under their original names."""
    dice = Dice(seed, dtype=dtype, device=device)
    tensors = unet_tensors(family, dice, size=size, input_channels=input_channels)
    tensors = {UNET_PREFIX + name: tensor for name, tensor in tensors.items()}
    vae = vae_tensors(family, dice, size=size)
    tensors |= {VAE_PREFIX + name: tensor for name, tensor in vae.items()}
    for place in range(len(family.text_encoders)):
        tensors |= text_tensors(family, place, dice, size=size)
    return tensors


def unet_tensors(family: Family, dice: Dice, *, size: Size = "tiny", input_channels: int = 4) -> Tensors:
    """Return the tensors of a UNet under their original names."""
    config = unet_settings(family, size) | {"in_channels": input_channels}
    types: Any = config["up_block_types"]
    return {unet_name(n, types): dice.weight(n, s) for n, s in shapes(UNet2DConditionModel, config).items()}


def unet_settings(family: Family, size: Size) -> dict[str, Any]:
    """Return the arguments of the UNet of a family at this size."""
    return {**family.unet, **(TINY_UNET[family.base] if size == "tiny" else {})}


def vae_tensors(family: Family, dice: Dice, *, size: Size = "tiny") -> Tensors:
    """Return the tensors of a VAE under their original names; its attention is made of convolutions there."""
    config: dict[str, Any] = {**family.vae, **(TINY_VAE if size == "tiny" else {})}
    levels = len(config["block_out_channels"])
    tensors = {vae_name(n, levels): dice.weight(n, s) for n, s in shapes(AutoencoderKL, config).items()}
    return {
        name: tensor[..., None, None] if ".attn_1." in name and tensor.ndim == 2 else tensor
        for name, tensor in tensors.items()
    }


def text_tensors(family: Family, place: int, dice: Dice, *, size: Size = "tiny") -> Tensors:
    """Return the tensors of one text encoder under their original names, prefix and all."""
    plan = family.text_encoders[place]
    config: dict[str, Any] = dict(plan.config)
    if size == "tiny":
        width = TINY_TEXT[family.base][place]
        config |= {"hidden_size": width, "intermediate_size": 4 * width, "projection_dim": width}
        config |= {"num_hidden_layers": 2, "num_attention_heads": max(1, width // 64)}
    kind = CLIPTextModelWithProjection if plan.has_projection else CLIPTextModel
    parts: dict[str, dict[int, torch.Tensor]] = defaultdict(dict)
    for name, shape in shapes(kind, CLIPTextConfig(**config)).items():
        name = name.removeprefix("text_model.")
        original = clip_original(name, plan.layout)
        tensor = dice.weight(name, shape)
        parts[plan.prefix + original.name][original.third or 0] = tensor.T if original.transposed else tensor
    return {name: torch.cat([parts[name][third] for third in sorted(parts[name])]) for name in parts}


def shapes(kind: Any, config: Any) -> Mapping[str, tuple[int, ...]]:
    """Return the shape of each weight of a module, without making the weights."""
    with torch.device("meta"):
        module = kind(config) if isinstance(config, CLIPTextConfig) else kind(**config)
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def write(tensors: Tensors, path: Path, metadata: Mapping[str, str] | None = None) -> Path:
    """Write a safetensors file, and the folder it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    save_file(whole, path, {"format": "pt", **(metadata or {})})
    return path


def write_checkpoint(
    path: Path,
    family: str,
    *,
    size: Size = "tiny",
    dtype: torch.dtype = torch.float16,
    device: str = "cpu",
    input_channels: int = 4,
    seed: int = 0,
) -> Path:
    """Write a checkpoint in one file. A random SD 2.1 says in its metadata that it predicts velocity."""
    known = families()[family]
    tensors = checkpoint_tensors(
        known, size=size, dtype=dtype, device=device, input_channels=input_channels, seed=seed
    )
    said = {"modelspec.prediction_type": "v"} if family == "sd21" else {}
    return write(tensors, path, {"modelspec.title": path.stem, **said})


def random_model(
    family: str, *, dtype: torch.dtype, device: str, size: Size = "full", seed: int = 0
) -> checkpoints.LoadedModel:
    """Return a model with random weights; its file is gone, what is needed of it stays in memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_checkpoint(
            Path(folder) / f"random-{family}.safetensors", family, size=size, device=device, seed=seed
        )
        return checkpoints.load(path, dtype=dtype, device=device)


def write_ic_light(
    path: Path, kind: Literal["FC", "FBC"], *, size: Size = "tiny", device: str = "cpu"
) -> Path:
    """Write offsets for each tensor of a UNet, a twentieth of its weights; FBC under diffusers' names."""
    family = families()["sd15"]
    dice = Dice(1, dtype=torch.float16, device=device)
    channels = {"FC": 8, "FBC": 12}[kind]
    if kind == "FC":
        tensors = unet_tensors(family, dice, size=size, input_channels=channels)
    else:
        config = unet_settings(family, size) | {"in_channels": channels}
        tensors = {n: dice.weight(n, s) for n, s in shapes(UNet2DConditionModel, config).items()}
    return write({name: tensor * 0.05 for name, tensor in tensors.items()}, path)


def write_lora(path: Path, family: str, *, rank: int = 4, alpha: float = 2.0, size: Size = "tiny") -> Path:
    """Write a LoRA under the names of kohya's trainer: attention of UNet and text encoders."""
    known = families()[family]
    dice = Dice(2, dtype=torch.float16, device="cpu")
    targets = {
        f"lora_unet_{name.removesuffix('.weight').replace('.', '_')}": shape
        for name, shape in shapes(UNet2DConditionModel, unet_settings(known, size)).items()
        if name.endswith(("to_q.weight", "to_v.weight", "proj_in.weight")) and "attentions" in name
    }
    widths = (
        TINY_TEXT[known.base]
        if size == "tiny"
        else [plan.config["hidden_size"] for plan in known.text_encoders]
    )
    for place, width in enumerate(widths):
        encoder = f"lora_te{place + 1}" if known.is_xl else "lora_te"
        targets[f"{encoder}_text_model_encoder_layers_0_self_attn_q_proj"] = (int(str(width)),) * 2
    tensors: Tensors = {}
    for name, shape in targets.items():
        tensors[f"{name}.lora_down.weight"] = dice.weight(name, (rank, *shape[1:]))
        tensors[f"{name}.lora_up.weight"] = dice.weight(name, (shape[0], rank, *(1 for _ in shape[2:])))
        tensors[f"{name}.alpha"] = torch.tensor(alpha)
    return write(tensors, path, {"ss_output_name": path.stem, "ss_network_dim": str(rank)})


def write_controlnet(path: Path, family: str = "sd15", *, size: Size = "tiny") -> Path:
    """Write a ControlNet in the original layout."""
    config = unet_settings(families()[family], size)
    unwanted = ("out_channels", "sample_size", "up_block_types", "center_input_sample")
    types = config["up_block_types"]
    own = {name: value for name, value in config.items() if name not in unwanted}
    own |= {"conditioning_embedding_out_channels": [16, 32, 96, 256] if size == "full" else [4, 4, 8, 8]}
    dice = Dice(3, dtype=torch.float16, device="cpu")
    names = shapes(ControlNetModel, own)
    return write({f"control_model.{unet_name(n, types)}": dice.weight(n, s) for n, s in names.items()}, path)


def write_embedding(path: Path, width: int = TINY_TEXT["sd15"][0], *, tokens: int = 2) -> Path:
    """Write a textual inversion of so many tokens."""
    dice = Dice(4, dtype=torch.float32, device="cpu")
    return write({"emb_params": dice.weight("embedding", (tokens, width))}, path)


def write_upscaler(path: Path, *, width: int = 8, growth: int = 4, blocks: int = 1) -> Path:
    """Write a fourfold upscaler in the layout of Real-ESRGAN (full size: width 64, growth 32, 23 blocks)."""
    dice = Dice(5, dtype=torch.float16, device="cpu")
    layers = {"conv_first": (width, 3), "conv_body": (width, width), "conv_up1": (width, width)}
    layers |= {"conv_up2": (width, width), "conv_hr": (width, width), "conv_last": (3, width)}
    for block in range(blocks):
        for dense in (1, 2, 3):
            for conv in (1, 2, 3, 4, 5):
                out = width if conv == 5 else growth
                layers[f"body.{block}.rdb{dense}.conv{conv}"] = (out, width + (conv - 1) * growth)
    tensors: Tensors = {}
    for name, (out, into) in layers.items():
        tensors[f"{name}.weight"] = dice.weight(name, (out, into, 3, 3))
        tensors[f"{name}.bias"] = dice.weight(f"{name}.bias", (out,))
    return write(tensors, path)


def write_models(folder: Path, *, size: Size = "tiny", device: str = "cpu") -> Path:
    """Write a whole models folder, laid out as A1111's; tiny: 60 MB.

    Checkpoints are called `tiny-sd15` and so on (`full-sd15` at full size), and their companions likewise.
    """
    checkpoints_at = folder / "Stable-diffusion"
    for family in ("sd15", "sd21", "sdxl"):
        write_checkpoint(checkpoints_at / f"{size}-{family}.safetensors", family, size=size, device=device)
    shutil.copyfile(
        checkpoints_at / f"{size}-sdxl.safetensors", checkpoints_at / f"{size}-sdxl-turbo.safetensors"
    )
    inpainting = checkpoints_at / f"{size}-inpainting.safetensors"
    write_checkpoint(inpainting, "sd15", size=size, device=device, input_channels=9)
    dice = Dice(6, dtype=torch.float16, device=device)
    write(vae_tensors(families()["sd15"], dice, size=size), folder / "VAE" / f"{size}-vae.safetensors")
    write_ic_light(folder / "ic-light" / f"{size}-fc.safetensors", "FC", size=size, device=device)
    write_ic_light(folder / "ic-light" / f"{size}-fbc.safetensors", "FBC", size=size, device=device)
    write_lora(folder / "Lora" / f"{size}-lora.safetensors", "sd15", size=size)
    write_lora(folder / "Lora" / f"{size}-xl-lora.safetensors", "sdxl", size=size)
    width = TINY_TEXT["sd15"][0] if size == "tiny" else families()["sd15"].context_width
    write_embedding(folder / "embeddings" / f"{size}-words.safetensors", width)
    write_controlnet(folder / "ControlNet" / f"{size}-canny.safetensors", size=size)
    widths = (
        {"width": 8, "growth": 4, "blocks": 1}
        if size == "tiny"
        else {"width": 64, "growth": 32, "blocks": 23}
    )
    write_upscaler(folder / "ESRGAN" / f"{size}-x4.safetensors", **widths)
    return folder


def main() -> None:
    """Write a models folder where the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=("tiny", "full"), default="tiny")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(write_models(options.folder, size=options.size, device=device))


if __name__ == "__main__":
    main()
