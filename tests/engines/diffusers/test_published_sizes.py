"""Names and shapes against real files that are not here: a file's size is that of its tensors and its names.

A safetensors header holds each tensor's name, type, shape and place, so a wrong name of another length, a
missing tensor or a wrong shape changes the size of the whole file. The sizes are the published ones, as the
list of weights has them.
"""

from __future__ import annotations

import json
import math

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from benchmarks.engine_models import shapes
from prodgen.engines.diffusers.families import UNET_PREFIX, VAE_PREFIX, families
from prodgen.engines.diffusers.original_names import unet_name, vae_name
from prodgen.weights import read_list

Shapes = dict[str, tuple[int, ...]]


def published(name: str) -> int | None:
    return next(weight.size for weight in read_list() if weight.name == name)


def file_size(halves: Shapes, others: dict[str, tuple[tuple[int, ...], str, int]] | None = None) -> int:
    """Bytes of a file of float16 tensors; `others` have a type and a width of their own, and come first."""
    header, at = {}, 0
    whole = {name: (shape, "F16", 2) for name, shape in sorted(halves.items())}
    for name, (shape, dtype, width) in {**(others or {}), **whole}.items():
        end = at + width * math.prod(shape)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, end]}
        at = end
    return 8 + len(json.dumps(header, separators=(",", ":"))) + at


def padded(size: int, data: int) -> int:
    """The size with a header filled up to a multiple of 8, as newer writers do."""
    header = size - 8 - data
    return size + -header % 8


def sd15_unet(channels: int) -> Shapes:
    config = {**families()["sd15"].unet, "in_channels": channels}
    found = shapes(UNet2DConditionModel, config)
    return {unet_name(name, config["up_block_types"]): shape for name, shape in found.items()}


def data_of(halves: Shapes) -> int:
    return sum(2 * math.prod(shape) for shape in halves.values())


@pytest.mark.parametrize(("name", "channels"), [("iclight-fc", 8), ("iclight-fbc", 12)])
def test_ic_light_has_the_published_size_to_the_byte(name, channels):
    tensors = sd15_unet(channels)

    assert padded(file_size(tensors), data_of(tensors)) == published(name)


def test_a_checkpoint_of_sd15_has_the_published_size_to_the_byte():
    family = families()["sd15"]
    (plan,) = family.text_encoders
    tensors = {UNET_PREFIX + name: shape for name, shape in sd15_unet(4).items()}
    for name, shape in shapes(AutoencoderKL, family.vae).items():
        original = vae_name(name, 4)
        is_attention = ".attn_1." in original and len(shape) == 2  # a convolution over one pixel there
        tensors[VAE_PREFIX + original] = (*shape, 1, 1) if is_attention else shape
    for name, shape in shapes(CLIPTextModel, CLIPTextConfig(**plan.config)).items():
        tensors[plan.prefix + name.removeprefix("text_model.")] = shape
    places = {f"{plan.prefix}embeddings.position_ids": ((1, 77), "I64", 8)}

    size = file_size(tensors, places)

    assert padded(size, data_of(tensors) + 77 * 8) == published("sd15-photo")


def test_a_controlnet_has_the_published_size():
    unwanted = ("out_channels", "sample_size", "up_block_types", "center_input_sample")
    config = {name: value for name, value in families()["sd15"].unet.items() if name not in unwanted}
    config["conditioning_embedding_out_channels"] = [16, 32, 96, 256]
    tensors = {
        f"control_model.{unet_name(name, ())}": shape
        for name, shape in shapes(ControlNetModel, config).items()
    }

    # Its tensors are in an order of their own, and with it the digits of their places differ by a few.
    assert abs(file_size(tensors) - (published("controlnet-canny") or 0)) < 8
