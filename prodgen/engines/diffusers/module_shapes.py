"""Configurations of a file's networks: what its family says, corrected by what its header shows.

A header has the widths and depths of every layer, so a smaller or pruned relative of a family is built as it
is. What no header shows (activations, heads, scales) comes from `families/NAME.json`. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from prodgen.engines.diffusers.families import Family, TextEncoderPlan
from prodgen.engines.diffusers.header import WeightsHeader

ShapeOf = Callable[[str], tuple[int, ...] | None]
"""Shape of a tensor by the name that it has in the module, or None where the file lacks it."""

HEAD_WIDTH = 64
"""Numbers of one attention head in CLIP and in the UNets of SD 2.1 and SDXL; that of SD 1.5 has eight
heads."""

Config = dict[str, Any]
"""Arguments of a module of diffusers or transformers."""


def unet_config(family: Family, shape_of: ShapeOf, header: WeightsHeader) -> Config:
    """Return the arguments of `UNet2DConditionModel` for a file of this family.

    Raises:
        ModelFileError: If its first or its conditioned layers are missing.
    """
    widths, depths = _levels(shape_of)
    first, context = _context(shape_of, depths, header)
    crossed = [depth > 0 for depth in depths]
    config: Config = {
        **family.unet,
        "in_channels": first,
        "block_out_channels": widths,
        "cross_attention_dim": context,
        "transformer_layers_per_block": [max(depth, 1) for depth in depths],
        "down_block_types": ["CrossAttnDownBlock2D" if cross else "DownBlock2D" for cross in crossed],
        "up_block_types": ["CrossAttnUpBlock2D" if cross else "UpBlock2D" for cross in reversed(crossed)],
    }
    if isinstance(family.unet["attention_head_dim"], list):
        config["attention_head_dim"] = [_heads(width) for width in widths]
    if summary := shape_of("add_embedding.linear_1.weight"):
        config["projection_class_embeddings_input_dim"] = summary[1]
    return config


def controlnet_config(family: Family, shape_of: ShapeOf, header: WeightsHeader) -> Config:
    """Return the arguments of `ControlNetModel` for a file of this family. See `unet_config`."""
    unwanted = ("out_channels", "sample_size", "up_block_types", "center_input_sample")
    config = {
        name: value for name, value in unet_config(family, shape_of, header).items() if name not in unwanted
    }
    hints = [shape_of("controlnet_cond_embedding.conv_in.weight")]
    hints += [shape_of(f"controlnet_cond_embedding.blocks.{block}.weight") for block in (1, 3, 5)]
    if None in hints:
        header.refuse("it has no layers that read a map, as a ControlNet has")
    return {**config, "conditioning_embedding_out_channels": [shape[0] for shape in hints if shape]}


def _levels(shape_of: ShapeOf) -> tuple[list[int], list[int]]:
    """Return for each level its width, and how many transformer blocks its attention has (0: none)."""
    widths: list[int] = []
    depths: list[int] = []
    while shape := shape_of(f"down_blocks.{len(widths)}.resnets.0.conv1.weight"):
        depth = 0
        while shape_of(_keys(len(widths), depth)):
            depth += 1
        widths.append(shape[0])
        depths.append(depth)
    return widths, depths


def _keys(level: int, depth: int) -> str:
    return f"down_blocks.{level}.attentions.0.transformer_blocks.{depth}.attn2.to_k.weight"


def _context(shape_of: ShapeOf, depths: list[int], header: WeightsHeader) -> tuple[int, int]:
    """Return the channels of the input, and the numbers for each token."""
    first = shape_of("conv_in.weight")
    level = next((level for level, depth in enumerate(depths) if depth), None)
    keys = None if level is None else shape_of(_keys(level, 0))
    if first is None or keys is None or len(first) != 4 or len(keys) != 2:
        header.refuse("its UNet is incomplete; download it again")
    return first[1], keys[1]


def vae_config(family: Family, shape_of: ShapeOf, header: WeightsHeader) -> Config:
    """Return the arguments of `AutoencoderKL` for a file of this family.

    Raises:
        ModelFileError: If it is another kind of VAE.
    """
    widths: list[int] = []
    while shape := shape_of(f"encoder.down_blocks.{len(widths)}.resnets.0.conv1.weight"):
        widths.append(shape[0])
    latents = shape_of("post_quant_conv.weight")
    if not widths or latents is None or latents[0] != family.vae["latent_channels"]:
        header.refuse("it is no VAE of Stable Diffusion 1.5, 2.1 or SDXL")
    count = len(widths)
    return {
        **family.vae,
        "block_out_channels": widths,
        "down_block_types": ["DownEncoderBlock2D"] * count,
        "up_block_types": ["UpDecoderBlock2D"] * count,
    }


def text_config(plan: TextEncoderPlan, shape_of: ShapeOf, header: WeightsHeader) -> Mapping[str, Any]:
    """Return the arguments of `CLIPTextConfig` for a text encoder of a file.

    Raises:
        ModelFileError: If it is incomplete.
    """
    words = shape_of("embeddings.token_embedding.weight")
    inner = shape_of("encoder.layers.0.mlp.fc1.weight")
    if words is None or inner is None or len(words) != 2:
        header.refuse("its text encoder is incomplete; download it again")
    layers = 0
    while shape_of(f"encoder.layers.{layers}.mlp.fc1.weight"):
        layers += 1
    projection = shape_of("text_projection.weight")
    return {
        **plan.config,
        "vocab_size": words[0],
        "hidden_size": words[1],
        "intermediate_size": inner[0],
        "num_hidden_layers": layers,
        "num_attention_heads": _heads(words[1]),
        "projection_dim": projection[0] if projection else words[1],
    }


def _heads(width: int) -> int:
    return max(1, width // HEAD_WIDTH)
