"""What a file beside the checkpoints is, and for which family: LoRA, IC-Light, ControlNet, embedding.

Told by the header alone, without torch, so that lists can be made everywhere. The width of the words that
its layers read tells the family. A file whose layers read none says nothing; when it is used, its shapes
decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from prodgen.engines.diffusers.families import family_of_context
from prodgen.engines.diffusers.header import WeightsHeader

FACE_RESTORERS: Mapping[str, tuple[str, ...]] = {
    "GFPGAN": ("toRGB.0.weight", "stylegan_decoder.style_mlp.1.weight"),
    "RestoreFormer": (
        "quantize.embedding.weight",
        "quant_conv.weight",
        "encoder.down.0.block.0.norm1.weight",
    ),
}
"""Networks that restore faces, by A1111's names, and the keys that tell them: spandrel's."""

IcLightKind = Literal["FC", "FBC"]
"""What IC-Light is shown beside the noisy picture: the foreground, or foreground and background."""

LORA_DOWN = (".lora_down.weight", ".lora.down.weight", ".lora_A.weight", ".lora_A.default.weight")
"""How the key of a pair's first factor ends, in files of kohya's trainer and of diffusers."""

CONTROLNET_PREFIX = "control_model."
"""What the names in a ControlNet of the original layout begin with."""

CONTROLNET_MARK = "controlnet_cond_embedding.conv_in.weight"
"""A key that only a ControlNet in the layout of diffusers has."""

_KIND_OF_CHANNELS: Mapping[int, IcLightKind] = {8: "FC", 12: "FBC"}

_XL_KEYS = ("clip_l", "clip_g")
"""Vectors for SDXL's two text encoders, in their order."""

_FAMILY_OF_WIDTH = {768: "sd15", 1024: "sd21", 1280: "sdxl"}
"""Family by the width of the vectors for its last text encoder."""


def face_restorer_kind(header: WeightsHeader) -> str | None:
    """Return the name of the face restorer that a file holds; None if it holds none."""
    return next((name for name, keys in FACE_RESTORERS.items() if set(keys) <= set(header.tensors)), None)


def ic_light_kind(header: WeightsHeader) -> IcLightKind | None:
    """Return which IC-Light a file holds, told by its first convolution; None if it holds none."""
    shape = header.shape(ic_light_names(header)[0])
    return None if shape is None or len(shape) != 4 else _KIND_OF_CHANNELS.get(shape[1])


def ic_light_names(header: WeightsHeader) -> tuple[str, str, bool]:
    """Return the name of the first convolution, what all begin with, and whether they are diffusers'."""
    for end, is_diffusers in (("input_blocks.0.0.weight", False), ("conv_in.weight", True)):
        for name in header.tensors:
            if name.endswith(end):
                return name, name.removesuffix(end), is_diffusers
    return "", "", False


def lora_family(header: WeightsHeader) -> str:
    """Return the name of the family that a LoRA was trained for, or "" where its layers do not tell.

    The width of the words that its UNet layers read tells it; else whether it has a second text encoder.
    """
    for key, entry in header.tensors.items():
        if key.endswith(LORA_DOWN) and "attn2_to_k" in key.replace(".", "_") and len(entry.shape) > 1:
            return family_of_context(entry.shape[1])
    is_xl = any(key.startswith(("lora_te2_", "text_encoder_2.")) for key in header.tensors)
    return "sdxl" if is_xl else ""


def is_controlnet(header: WeightsHeader) -> bool:
    """Whether a file holds a ControlNet, under either kind of names."""
    return (
        CONTROLNET_MARK in header.tensors or f"{CONTROLNET_PREFIX}input_hint_block.0.weight" in header.tensors
    )


def controlnet_family(header: WeightsHeader) -> str:
    """Return the name of the family that a ControlNet was trained for, or "" where its layers do not tell."""
    widths = (entry.shape[1] for name, entry in header.tensors.items() if name.endswith("attn2.to_k.weight"))
    return family_of_context(next(widths, 0))


def embedding_family(header: WeightsHeader) -> str:
    """Return the name of the family that an embedding was made for, or "" where its width does not tell.

    Raises:
        ModelFileError: If the file holds no embedding.
    """
    return _FAMILY_OF_WIDTH.get(header.tensors[embedding_keys(header)[-1]].shape[-1], "")


def embedding_keys(header: WeightsHeader) -> tuple[str, ...]:
    """Return the names of its tensors, one for each text encoder."""
    names = tuple(header.tensors)
    keys: tuple[str, ...]
    if set(_XL_KEYS) <= set(names):
        keys = _XL_KEYS
    elif "emb_params" in names:
        keys = ("emb_params",)
    elif len(names) == 1:  # diffusers names it after the word
        keys = names
    else:
        header.refuse("it holds no embedding")
    if any(
        len(header.tensors[key].shape) not in (1, 2) or not embedding_tokens(header.tensors[key].shape)
        for key in keys
    ):
        header.refuse("it holds no embedding")
    return keys


def embedding_tokens(shape: tuple[int, ...]) -> int:
    """Return for how many tokens a tensor of an embedding stands."""
    return shape[0] if len(shape) == 2 else 1
