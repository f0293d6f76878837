"""Variants of a loaded checkpoint: IC-Light's offsets and LoRAs, put into its weights in place.

Owns the sum  weight = file's weight + offset + strength * alpha / rank * up @ down,  in float32, always from
the file's weights, so that going back is exact to the bit. Parameters keep their addresses: a recorded CUDA
graph stays valid. Everything is checked before the first weight is changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from prodgen.engines.diffusers.checkpoints import LoadedModel
from prodgen.engines.diffusers.companions import ic_light_kind, ic_light_names, lora_family
from prodgen.engines.diffusers.families import families
from prodgen.engines.diffusers.lora_files import LowRankPair, fits, pairs_in
from prodgen.engines.diffusers.original_names import Original, unet_name
from prodgen.engines.diffusers.tensor_files import Masters, Network, TensorFile, state_of

FIRST_LAYER = "conv_in.weight"
"""The parameter whose input channels are the latents' and conditions'."""


@dataclass
class _Change:
    """What is to be added to one parameter."""

    offset: Masters | None = None
    pairs: list[tuple[LowRankPair, float]] = field(default_factory=list)


Changes = Mapping[str, _Change]
"""What is to be added to a network's parameters, by their names."""


@dataclass
class AppliedVariant:
    """What a model's weights hold now beside those of its file."""

    wanted: object
    """What was asked for, or None while weights are being written."""

    changed: tuple[frozenset[str], ...]
    """Names of each network's parameters that differ from the file's."""

    offsets: dict[object, Masters]
    """Offsets of IC-Light that were used so far, by path and state of the file."""


def apply(
    model: LoadedModel, *, relight: Path | None = None, loras: Sequence[tuple[Path, float]] = ()
) -> None:
    """Give a model the weights for a relighting network and LoRAs; what it had before is taken back.

    Args:
        model: Changed in place. Nothing happens where it has these weights already.
        relight: File with IC-Light's offsets; None for the checkpoint as it is.
        loras: Files with their strengths.

    Raises:
        ModelFileError: If a file does not fit the checkpoint; its weights are as they were then.
    """
    wanted = (
        relight and state_of(relight),
        tuple((state_of(path), strength) for path, strength in loras if strength),
    )
    before = model.applied or AppliedVariant((None, ()), (frozenset(),) * len(model.masters), {})
    if wanted == before.wanted:
        return
    changes: tuple[dict[str, _Change], ...] = tuple(defaultdict(_Change) for _ in model.masters)
    parameters = tuple(_parameters(module) for module in (model.unet, *model.text_encoders))
    if relight is not None:
        offset = before.offsets.get(wanted[0]) or _offsets(relight, model)
        before.offsets[wanted[0]] = offset
        for name in parameters[0]:
            changes[0][name].offset = offset
    layers = _layers(model, parameters) if loras else {}
    for path, strength in loras:
        if strength:
            _add_lora(path, strength, model, layers, changes, parameters)
    now = tuple(frozenset(own) for own in changes)
    touched = tuple(old | new for old, new in zip(before.changed, now, strict=True))
    model.applied = AppliedVariant(
        None, touched, before.offsets
    )  # until all is written: an error leaves it like that
    for network, names in enumerate(touched):
        _write(parameters[network], model.masters[network], names, changes[network])
    model.applied = AppliedVariant(wanted, now, before.offsets)


def _parameters(module: Any) -> Mapping[str, torch.Tensor]:
    return {name.removeprefix("text_model."): tensor for name, tensor in module.named_parameters()}


def _offsets(path: Path, model: LoadedModel) -> Masters:
    file = TensorFile(path)
    kind = ic_light_kind(file.header)
    if kind is None:
        file.header.refuse("it is no IC-Light, whose first layer takes 8 or 12 channels")
    if model.family.name != "sd15":
        file.header.refuse(
            f"IC-Light exists for Stable Diffusion 1.5, and {model.path.name!r} is {model.family.title};"
            " choose a checkpoint of Stable Diffusion 1.5"
        )
    if model.input_channels != 4:
        file.header.refuse(
            f"IC-Light needs a plain checkpoint, and {model.path.name!r} is for inpainting; choose another"
        )
    _, prefix, is_diffusers = ic_light_names(file.header)
    types = model.unet.config.up_block_types
    place = Original if is_diffusers else partial(_unet_original, up_block_types=types)
    network = Network(file, place, prefix)
    for name, parameter in _parameters(model.unet).items():  # all of it, before anything is changed
        network.check(name, tuple(parameter.shape))
    return Masters(network, pinned=model.device.type == "cuda")


def _unet_original(name: str, up_block_types: Sequence[str]) -> Original:
    return Original(unet_name(name, up_block_types))


def _layers(
    model: LoadedModel, parameters: Sequence[Mapping[str, torch.Tensor]]
) -> Mapping[str, tuple[int, str]]:
    """Return, by each name that a trainer may give a layer, its network and its parameter."""
    found: dict[str, tuple[int, str]] = {}
    for name in _weights(parameters[0]):
        layer = name.removesuffix(".weight").replace(".", "_")
        original = unet_name(name, model.unet.config.up_block_types).removesuffix(".weight").replace(".", "_")
        for known in (f"lora_unet_{layer}", f"lora_unet_{original}", f"unet_{layer}"):
            found[known] = (0, name)
    for place in range(len(model.text_encoders)):
        kohya = f"lora_te{place + 1}" if model.family.is_xl else "lora_te"
        diffusers = f"text_encoder_{place + 1}" if place else "text_encoder"
        for name in _weights(parameters[1 + place]):
            layer = name.removesuffix(".weight").replace(".", "_")
            for known in (f"{kohya}_text_model_{layer}", f"{diffusers}_text_model_{layer}"):
                found[known] = (1 + place, name)
    return found


def _weights(parameters: Iterable[str]) -> Iterable[str]:
    return (name for name in parameters if name.endswith(".weight"))


def _add_lora(
    path: Path,
    strength: float,
    model: LoadedModel,
    layers: Mapping[str, tuple[int, str]],
    changes: Sequence[dict[str, _Change]],
    parameters: Sequence[Mapping[str, torch.Tensor]],
) -> None:
    file = TensorFile(path)
    made_for = lora_family(file.header)
    if made_for and made_for != model.family.base:
        file.header.refuse(
            f"it was made for {families()[made_for].title}, and {model.path.name!r} is {model.family.title}"
        )
    for layer, pair in pairs_in(file).items():
        if layer not in layers:
            file.header.refuse(
                f"it changes {pair.down!r}, which a checkpoint of {model.family.title} does not have"
            )
        network, name = layers[layer]
        shape = tuple(parameters[network][name].shape)
        if (network, name) == (0, FIRST_LAYER):  # the module has IC-Light's channels besides
            shape = (shape[0], model.input_channels, *shape[2:])
        if not fits(pair, shape):
            file.header.refuse(
                f"{pair.down!r} does not fit {model.path.name!r} ({model.family.title});"
                " was it made for another family?"
            )
        changes[network][name].pairs.append((pair, strength))


@torch.no_grad()
def _write(
    parameters: Mapping[str, torch.Tensor],
    masters: Masters,
    names: Iterable[str],
    changes: Mapping[str, _Change],
) -> None:
    for name in sorted(names):
        parameter = parameters[name]
        shape = tuple(parameter.shape)
        master = masters.tensor(name, shape)
        change = changes.get(name)
        if change is None:
            parameter.copy_(master, non_blocking=True)
            continue
        value = master.to(parameter.device, non_blocking=True).float()
        if change.offset is not None:
            value += change.offset.tensor(name, shape).to(parameter.device, non_blocking=True)
        for pair, strength in change.pairs:
            value += pair.delta(strength, shape, parameter.device)
        parameter.copy_(value)
