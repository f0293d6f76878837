"""The families of checkpoints that this engine draws with, and how a file tells which one it is of.

Owns `families/NAME.json`: what a family is made of, as far as its files do not say it themselves. The family
is told by the header, by which text encoders are inside; a file's name decides nothing, with one exception:
SDXL-Turbo has the header of SDXL, so only its name or its metadata tell it. Needs no torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from prodgen.engines.diffusers.header import WeightsHeader

Prediction = Literal["epsilon", "v_prediction"]
"""What a network says about a noisy picture: its noise, or the velocity between picture and noise."""

LATENT_CHANNELS = 4
"""Channels of the picture itself in latents; what more a network takes are conditions."""

UNET_PREFIX = "model.diffusion_model."
VAE_PREFIX = "first_stage_model."

_CONFIGS = Path(__file__).parent / "families"

_OTHERS = {
    "double_blocks.": "a Flux model",
    "single_stream_modulation.": "a Flux 2 model",
    "joint_blocks.": "a Stable Diffusion 3 model",
    "conditioner.embedders.0.model.": "the refiner of SDXL",
    "clip_txt_mapper.": "a Stable Cascade model",
    "cap_embedder.": "a Lumina model",
    "layers.0.adaLN_modulation.": "a Z-Image model",
    "double_layers.": "an AuraFlow model",
    "txt_in.individual_token_refiner.": "a Hunyuan model",
    "head.modulation": "a Wan model",
}
"""What a file with such a part of a key is, where it is a checkpoint that this engine does not draw with.
Source: `CHECKPOINT_KEY_NAMES` of diffusers 0.42."""

_PARTS = {
    "control_model.": "a ControlNet: it belongs in the folder ControlNet",
    "controlnet_cond_embedding.": "a ControlNet: it belongs in the folder ControlNet",
    UNET_PREFIX: "a checkpoint without its text encoder; take the whole checkpoint in one file",
    "lora_": "a LoRA: it belongs in the folder Lora",
    "emb_params": "an embedding: it belongs in the folder embeddings",
    "first_stage_model.": "a VAE alone: it belongs in the folder VAE",
    "encoder.down": "a VAE alone: it belongs in the folder VAE",
    "down_blocks.": "a UNet alone, without text encoder and VAE; take the whole checkpoint in one file",
}
"""What a file is whose first known key begins so, where it is no whole checkpoint."""


@dataclass(frozen=True)
class TextEncoderPlan:
    """One text encoder of a family: where it is in a checkpoint, and what it is made like."""

    prefix: str
    """What the names of its tensors begin with."""

    layout: Literal["clip", "open_clip"]
    """Whose names its tensors have."""

    has_projection: bool
    """Whether it gives the whole prompt as one vector too (SDXL's second)."""

    pad_id: int
    """Token that fills up a short prompt."""

    config: Mapping[str, Any]


@dataclass(frozen=True)
class Family:
    """What all checkpoints of one family have in common."""

    name: str
    title: str
    prediction: Prediction
    """What its first checkpoint predicts; a file may differ, `LoadedModel.prediction` says what it does."""

    best_size: int
    """Side in pixels of the square pictures that it learned from."""

    vae_overflows_in_half: bool
    """Whether its VAE gives black pictures in float16."""

    penultimate_layer: bool
    """Whether its prompts are always read from the text encoders' last layer but one."""

    unet: Mapping[str, Any]
    vae: Mapping[str, Any]
    text_encoders: tuple[TextEncoderPlan, ...]

    @property
    def is_xl(self) -> bool:
        """Whether the UNet is told sizes and a summary of the prompt too."""
        return len(self.text_encoders) > 1

    @property
    def vae_scale(self) -> float:
        """What latents are multiplied by after encoding, and divided by before decoding."""
        return float(self.vae["scaling_factor"])

    @property
    def pad_ids(self) -> tuple[int, ...]:
        """Token that fills up a short prompt, for each text encoder."""
        return tuple(plan.pad_id for plan in self.text_encoders)

    @property
    def context_width(self) -> int:
        """Numbers for each token that the UNet takes, in the family's checkpoints."""
        return int(self.unet["cross_attention_dim"])

    @property
    def base(self) -> str:
        """The family whose LoRAs, VAEs and ControlNets fit it."""
        return "sdxl" if self.is_xl else self.name


@cache
def families() -> Mapping[str, Family]:
    """Return every family by its name."""
    known = {name: _read(name) for name in ("sd15", "sd21", "sdxl")}
    turbo = replace(known["sdxl"], name="sdxl-turbo", title="SDXL-Turbo", best_size=512)
    return {**known, turbo.name: turbo}


def _read(name: str) -> Family:
    content = json.loads((_CONFIGS / f"{name}.json").read_text(encoding="utf-8"))
    encoders = tuple(TextEncoderPlan(**plan) for plan in content.pop("text_encoders"))
    return Family(name=name, text_encoders=encoders, **content)


def family_of(header: WeightsHeader) -> Family:
    """Return the family of a checkpoint in one file.

    Raises:
        ModelFileError: If it is another kind of file, or of a family that this engine does not draw with.
    """
    names = header.tensors
    for mark, what in _OTHERS.items():
        if any(mark in name for name in names):
            header.refuse(
                f"it is {what}, which this engine does not draw with; a ComfyUI server may (comfy://)"
            )
    has = {
        name: all(any(key.startswith(part) for key in names) for part in (UNET_PREFIX, *_marks(family)))
        for name, family in families().items()
    }
    found = next((name for name in ("sdxl", "sd21", "sd15") if has[name]), None)
    if found is None:
        starts = [mark for mark in _PARTS if any(key.startswith(mark) for key in names)]
        header.refuse(
            f"it is {_PARTS[starts[0]]}"
            if starts
            else "it is no Stable Diffusion checkpoint that this engine knows"
        )
    if not any(name.startswith(VAE_PREFIX) for name in names):
        header.refuse("it has no VAE inside; take the version of this checkpoint with its VAE")
    return families()["sdxl-turbo" if found == "sdxl" and _is_called_turbo(header) else found]


def _marks(family: Family) -> tuple[str, ...]:
    """What the names of each text encoder begin with; old files lack the part "text_model"."""
    return tuple(plan.prefix.removesuffix("text_model.") for plan in family.text_encoders)


def _is_called_turbo(header: WeightsHeader) -> bool:
    words = (header.path.stem, header.metadata.get("modelspec.title", ""))
    return any("turbo" in word.lower() for word in words)


def family_of_context(width: int) -> str:
    """Return the name of the family whose UNet takes `width` numbers for each token, or "" where none does.

    By this the family of a LoRA, an IC-Light or a ControlNet is told.
    """
    return next((name for name, family in families().items() if family.context_width == width), "")
