"""What diffusers calls a tensor, and what the one-file checkpoints of the original programs call it.

Pure text, in one direction: from the name in a diffusers or transformers module to the place in the file. So
a module says what it needs, and a file that lacks it is refused by that name. "Original" means the layout of
Stability's LDM repository and of OpenCLIP, which A1111 and ComfyUI read too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

LAYERS = 2
"""Pairs of convolutions (residual blocks) on each level of every family's UNet, on the way down."""

_UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
    "controlnet_mid_block": "middle_block_out.0",
    "controlnet_cond_embedding.conv_in": "input_hint_block.0",
    "controlnet_cond_embedding.conv_out": "input_hint_block.14",
}

_RESIDUAL = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}

_OPEN_CLIP = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm.": "ln_final.",
    "encoder.layers.": "transformer.resblocks.",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}

_VAE = (
    (r"^(en|de)coder\.mid_block\.resnets\.0", r"\1coder.mid.block_1"),
    (r"^(en|de)coder\.mid_block\.resnets\.1", r"\1coder.mid.block_2"),
    (r"^(en|de)coder\.mid_block\.attentions\.0", r"\1coder.mid.attn_1"),
    (r"attn_1\.group_norm", "attn_1.norm"),
    (r"attn_1\.to_([qkv])\.", r"attn_1.\1."),
    (r"attn_1\.to_out\.0", "attn_1.proj_out"),
    (r"encoder\.down_blocks\.(\d)\.resnets", r"encoder.down.\1.block"),
    (r"encoder\.down_blocks\.(\d)\.downsamplers\.0", r"encoder.down.\1.downsample"),
    (r"decoder\.up\.(\d)\.resnets", r"decoder.up.\1.block"),
    (r"decoder\.up\.(\d)\.upsamplers\.0", r"decoder.up.\1.upsample"),
    (r"conv_norm_out", "norm_out"),
    (r"conv_shortcut", "nin_shortcut"),
)


@dataclass(frozen=True)
class Original:
    """Where a tensor is in a file."""

    name: str
    third: int | None = None
    """Which third of the file's rows it is, where queries, keys and values lie in one tensor."""

    transposed: bool = False


def unet_name(name: str, up_block_types: Sequence[str]) -> str:
    """Return the original name of a tensor of a UNet or ControlNet.

    Args:
        name: Its name in `UNet2DConditionModel` or `ControlNetModel`.
        up_block_types: Those of the UNet's configuration; an upsampler's place depends on them.
    """
    for end, original in _UNET_ENDS.items():
        if name.startswith(f"{end}."):
            return original + _inside(name.removeprefix(end))
    way, block, kind, layer, inside = _parts(name)
    if way == "controlnet_down_blocks":
        return f"zero_convs.{block}.0.{name.rpartition('.')[2]}"
    if way == "controlnet_cond_embedding":  # blocks.0 to blocks.5 are every second layer from the third on
        return f"input_hint_block.{2 + 2 * layer}.{name.rpartition('.')[2]}"
    if way == "down_blocks":
        if kind == "downsamplers":
            return f"input_blocks.{(LAYERS + 1) * (block + 1)}.0.op{inside.removeprefix('.conv')}"
        return f"input_blocks.{1 + (LAYERS + 1) * block + layer}.{int(kind == 'attentions')}{_inside(inside)}"
    if kind == "upsamplers":
        place = 2 if up_block_types[block].startswith("CrossAttn") else 1
        return f"output_blocks.{(LAYERS + 1) * block + LAYERS}.{place}{inside}"
    return f"output_blocks.{(LAYERS + 1) * block + layer}.{int(kind == 'attentions')}{_inside(inside)}"


def _parts(name: str) -> tuple[str, int, str, int, str]:
    """Split "down_blocks.1.resnets.0.conv1.weight" into its way, block, kind, layer and the rest."""
    if match := re.fullmatch(r"controlnet_down_blocks\.(\d+)\.(?:weight|bias)", name):
        return "controlnet_down_blocks", int(match[1]), "", 0, ""
    if match := re.fullmatch(r"controlnet_cond_embedding\.blocks\.(\d+)\.(?:weight|bias)", name):
        return "controlnet_cond_embedding", 0, "", int(match[1]), ""
    match = re.fullmatch(r"(down_blocks|up_blocks)\.(\d+)\.(\w+)\.(\d+)(\..+)", name)
    if match is None:
        raise ValueError(f"{name!r} is no tensor of a UNet")
    return match[1], int(match[2]), match[3], int(match[4]), match[5]


def _inside(rest: str) -> str:
    """Translate what is inside of a residual block; other parts have one name in both layouts."""
    head, _, tail = rest.removeprefix(".").partition(".")
    return f".{_RESIDUAL[head]}.{tail}" if head in _RESIDUAL else rest


def vae_name(name: str, levels: int) -> str:
    """Return the original name of a tensor of an `AutoencoderKL` with so many levels."""
    if match := re.match(r"decoder\.up_blocks\.(\d)", name):  # the original counts from the finest level
        name = f"decoder.up.{levels - 1 - int(match[1])}{name[match.end() :]}"
    for pattern, original in _VAE:
        name = re.sub(pattern, original, name)
    return name


def clip_original(name: str, layout: str) -> Original:
    """Return where a tensor of a CLIP text encoder is in a file.

    Args:
        name: Its name in transformers' module, without "text_model.".
        layout: "clip", where the file has the same names, or "open_clip".
    """
    if layout == "clip":
        return Original(name)
    if name == "text_projection.weight":
        return Original("text_projection", transposed=True)
    if match := re.fullmatch(r"encoder\.layers\.(\d+)\.self_attn\.([qkv])_proj\.(weight|bias)", name):
        return Original(
            f"transformer.resblocks.{match[1]}.attn.in_proj_{match[3]}", third="qkv".index(match[2])
        )
    for ours, original in _OPEN_CLIP.items():
        name = name.replace(ours, original)
    return Original(name)
