"""Checkpoints in one file: from a path to the networks of one family, offline.

Owns `LoadedModel`, and the question what a checkpoint predicts. The UNet of the SD 1.5 family always gets
twelve input channels: noisy picture, foreground and background of IC-Light, four each. So one module serves
plain pictures, IC-Light and inpainting checkpoints; channels that a file lacks are zero and change nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from prodgen.engines.diffusers import vaes
from prodgen.engines.diffusers.families import (
    UNET_PREFIX,
    VAE_PREFIX,
    Family,
    Prediction,
    TextEncoderPlan,
    family_of,
)
from prodgen.engines.diffusers.header import WeightsHeader
from prodgen.engines.diffusers.module_shapes import text_config, unet_config
from prodgen.engines.diffusers.original_names import Original, clip_original, unet_name
from prodgen.engines.diffusers.tensor_files import FileState, Masters, Network, TensorFile, on_meta, state_of
from prodgen.engines.diffusers.tokenizer import BEGIN, END, Tokenizer

RELIGHT_CHANNELS = 12
"""Input channels of a UNet of the SD 1.5 family: noisy picture, foreground, background, four each."""

_V_MEAN = -1.0
"""Below this mean answer to a flat grey of 0.5 at the last time step, less that grey, a network predicts
velocity: the test that A1111 and stable-diffusion.cpp put to checkpoints of SD 2. Source: A1111,
`sd_models_config.is_using_v_parameterization_for_sd2`. Not tried here on a real checkpoint."""

_SIZES = 6
"""Numbers that SDXL's UNet is told beside the prompt: size, crop and target size, two each."""

_PREDICTIONS: dict[str, Prediction] = {
    "epsilon": "epsilon",
    "v": "v_prediction",
    "v_prediction": "v_prediction",
}
"""Words of the ModelSpec standard for what a checkpoint predicts."""


@dataclass
class LoadedModel:
    """The networks of one checkpoint, on one device. Its weights change in place; see `variants.apply`."""

    path: Path
    state: FileState
    """What its file was when it was read."""

    family: Family
    prediction: Prediction
    """What this very checkpoint predicts."""

    input_channels: int
    """Channels that the checkpoint was made with: 4, or 9 (noisy, mask, masked picture) for inpainting."""

    unet: Any
    """`diffusers.UNet2DConditionModel`."""

    vae: Any
    """`diffusers.AutoencoderKL`; its type may differ from the other networks'."""

    text_encoders: tuple[Any, ...]
    """`transformers.CLIPTextModel`, for SDXL and a `CLIPTextModelWithProjection` after it."""

    tokenizers: tuple[Tokenizer, ...]
    device: torch.device
    dtype: torch.dtype
    masters: tuple[Masters, ...]
    """Weights to begin from: those of the UNet, then those of each text encoder."""

    applied: Any = field(default=None, repr=False)
    """What `variants.apply` did last."""

    def to(self, device: torch.device | str) -> None:
        """Move every network; weights have other addresses afterwards."""
        self.device = torch.device(device)
        for module in (self.unet, self.vae, *self.text_encoders):
            module.to(self.device)


def load(
    path: Path,
    *,
    dtype: torch.dtype,
    device: torch.device | str,
    vae_dtype: torch.dtype | None = None,
) -> LoadedModel:
    """Load a checkpoint in one file.

    Args:
        path: A .safetensors file in the original layout.
        dtype: Of UNet and text encoders, and of the VAE unless it overflows in float16.
        device: Where the networks lie.
        vae_dtype: Of the VAE; None chooses float32 where it would overflow.

    Raises:
        ModelFileError: If it is no checkpoint of a family that is known, or not whole.
    """
    device, state = torch.device(device), state_of(path)
    file = TensorFile(path)
    family = family_of(file.header)
    unet, channels, unet_network = _unet(file, family, dtype, device)
    encoders = [_text_encoder(file, plan, dtype, device) for plan in family.text_encoders]
    _check_words(file.header, unet, [encoder for encoder, _ in encoders])
    pinned = device.type == "cuda"
    return LoadedModel(
        path=path,
        state=state,
        family=family,
        prediction=_prediction(file.header, family, unet),
        input_channels=channels,
        unet=unet,
        vae=vaes.filled(
            file, VAE_PREFIX, family, dtype=vae_dtype or vaes.safe_dtype(family, dtype), device=device
        ),
        text_encoders=tuple(module for module, _ in encoders),
        tokenizers=(Tokenizer(),) * len(encoders),
        device=device,
        dtype=dtype,
        masters=tuple(
            Masters(network, pinned=pinned)
            for network in (unet_network, *(network for _, network in encoders))
        ),
    )


def _unet(
    file: TensorFile, family: Family, dtype: torch.dtype, device: torch.device
) -> tuple[Any, int, Network]:
    """Return the UNet, the input channels that the file has, and where its tensors are."""
    from diffusers import UNet2DConditionModel

    # Only an upsampler's place depends on the types of blocks, and the configuration asks for none.
    plain = Network(file, _unet_place(()), UNET_PREFIX)
    config = unet_config(family, plain.shape_of, file.header)
    channels = int(config["in_channels"])
    if channels > RELIGHT_CHANNELS:
        file.header.refuse(f"its UNet takes {channels} channels; no checkpoint of {family.title} does")
    if family.name == "sd15":
        config["in_channels"] = RELIGHT_CHANNELS
    network = Network(file, _unet_place(config["up_block_types"]), UNET_PREFIX)
    unet = on_meta(file.header, partial(UNet2DConditionModel, **config))
    network.fill(unet, dtype=dtype, device=device)
    return unet, channels, network


def _check_words(header: WeightsHeader, unet: Any, encoders: list[Any]) -> None:
    """Refuse a file whose text encoders give other vectors than its UNet takes."""
    widths = sum(encoder.config.hidden_size for encoder in encoders)
    summary = unet.config.projection_class_embeddings_input_dim
    sizes = _SIZES * unet.config.addition_time_embed_dim if summary else 0
    if widths != unet.config.cross_attention_dim or (
        summary and encoders[-1].config.projection_dim + sizes != summary
    ):
        header.refuse("its text encoder is not the one that its UNet was made for")


def _unet_place(up_block_types: Any) -> Callable[[str], Original]:
    return lambda name: Original(unet_name(name, up_block_types))


def _text_encoder(
    file: TensorFile, plan: TextEncoderPlan, dtype: torch.dtype, device: torch.device
) -> tuple[Any, Network]:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    old = plan.prefix.removesuffix("text_model.")
    is_old = not any(name.startswith(plan.prefix) for name in file.header.tensors)
    network = Network(file, partial(clip_original, layout=plan.layout), old if is_old else plan.prefix)
    arguments = text_config(plan, network.shape_of, file.header)
    config = CLIPTextConfig(bos_token_id=BEGIN, eos_token_id=END, pad_token_id=plan.pad_id, **arguments)
    kind = CLIPTextModelWithProjection if plan.has_projection else CLIPTextModel
    module = on_meta(file.header, partial(kind, config))
    inner = inner_text_model(module)
    if plan.has_projection:
        network.fill(module, dtype=dtype, device=device, inner="text_model.")
    else:
        network.fill(inner, dtype=dtype, device=device)
        module.requires_grad_(False).eval()
    inner.embeddings.position_ids = torch.arange(config.max_position_embeddings, device=device)[None]
    return module, network


def inner_text_model(encoder: Any) -> Any:
    """Return the module with `embeddings`, `encoder` and `final_layer_norm`; newer CLIPTextModels are it."""
    return getattr(encoder, "text_model", encoder)


def final_norm(encoder: Any) -> Any:
    """Return the layer norm that a text encoder's last layer goes through."""
    return inner_text_model(encoder).final_layer_norm


def _prediction(header: WeightsHeader, family: Family, unet: Any) -> Prediction:
    """Return what a checkpoint predicts: by its metadata, by a mark inside, or by asking the network."""
    said = _PREDICTIONS.get(header.metadata.get("modelspec.prediction_type", ""))
    if said:
        return said
    if "v_pred" in header.tensors:
        return "v_prediction"
    if family.name != "sd21":
        return family.prediction
    grey = torch.full((1, unet.config.in_channels, 8, 8), 0.5, device=unet.device, dtype=unet.dtype)
    words = torch.full((1, 2, unet.config.cross_attention_dim), 0.5, device=unet.device, dtype=unet.dtype)
    with torch.inference_mode():
        answer = unet(grey, 999, encoder_hidden_states=words).sample
    return "v_prediction" if float((answer - grey[:, :4]).float().mean()) < _V_MEAN else "epsilon"
