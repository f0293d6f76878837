"""What a ComfyUI server has to draw with, by the names that A1111's clients use.

ComfyUI names a file with its folder, its extension and the server's own separator, and takes exactly that
back. A1111's lists have neither extension nor backslash, so each name is kept with the file it stands for.
Kinds of models are told by their names: ComfyUI says nothing else about them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from prodgen.engines.comfy.control_modules import MODULES
from prodgen.engines.comfy.node_catalogue import NodeCatalogue
from prodgen.engines.comfy.sampling_names import AUTOMATIC, SAMPLERS, SCHEDULE_NODES, SCHEDULERS
from prodgen.schema.model_families import family_by_name
from prodgen.server.engine import IcLightModel, ModelFile

IcLightPack = Literal["kijai", "native"]
"""The two node packs that relight, by their makers' word for them."""

PACK_CLASSES: Mapping[IcLightPack, tuple[str, ...]] = {
    "kijai": ("LoadAndApplyICLightUnet", "ICLightConditioning"),
    "native": ("ICLightAppply", "VAEEncodeArgMax", "UNETLoader"),
}
"""The classes by which each pack is known: those that a graph needs. (Three p is the pack's own spelling.)"""

_EXTENSION = re.compile(r"\.(safetensors|sft|ckpt|pth?|bin|gguf)$", re.IGNORECASE)
_IC_LIGHT = re.compile(r"ic[-_ ]?light.*?(fbc|fc)", re.IGNORECASE)
_FLUX_VARIANT = re.compile(r"kontext|fill|canny|depth|redux", re.IGNORECASE)
"""Flux models that take a picture besides the words; they need a graph of their own (a user's workflow)."""

_INPAINTING = re.compile(r"inpaint", re.IGNORECASE)
_T5, _CLIP_L, _FLUX_VAE = (
    re.compile(x, re.IGNORECASE) for x in ("t5", r"clip[-_ ]?l", r"(^|[/\\])(ae|flux)")
)


@dataclass(frozen=True)
class ComfyCheckpoint:
    """A model that draws, as the server lists it."""

    listed: str
    """The server's name for the file."""

    family: str
    """"sd15", "sdxl" or "flux", by its name."""

    is_whole: bool = True
    """Whether text encoder and VAE are in the file; else they are loaded beside it."""

    @property
    def is_for_inpainting(self) -> bool:
        """Whether it was trained to fill masks, by its name."""
        return bool(_INPAINTING.search(self.listed))


@dataclass(frozen=True)
class FluxFiles:
    """What a Flux model without text encoders and VAE is loaded with."""

    t5: str
    clip_l: str
    vae: str


@dataclass(frozen=True)
class ComfyModels:
    """What one server has; each table maps the name for clients to the server's own."""

    nodes: NodeCatalogue
    checkpoints: Mapping[str, ComfyCheckpoint] = field(default_factory=dict)
    loras: Mapping[str, str] = field(default_factory=dict)
    vaes: Mapping[str, str] = field(default_factory=dict)
    upscalers: Mapping[str, str] = field(default_factory=dict)
    controlnets: Mapping[str, str] = field(default_factory=dict)
    flux: FluxFiles | None = None
    ic_light_pack: IcLightPack | None = None
    ic_light: Mapping[IcLightModel, str] = field(default_factory=dict)

    def files(self, names: Iterable[str]) -> tuple[ModelFile, ...]:
        """Return what the API lists for models of these names; ComfyUI knows no hashes."""
        families = {name: one.family for name, one in self.checkpoints.items()}
        return tuple(ModelFile(name, None, family=families.get(name, "")) for name in names)

    @property
    def by_default(self) -> list[str]:
        """Names of the checkpoints, first those that can be relit: the first is taken where none is named."""
        there = self.checkpoints
        return sorted(there, key=lambda name: (there[name].family != "sd15", there[name].is_for_inpainting))

    @property
    def samplers(self) -> tuple[str, ...]:
        """A1111's samplers that the server has."""
        there = self.nodes.choices("KSampler", "sampler_name")
        return tuple(name for name, comfy in SAMPLERS.items() if comfy in there)

    @property
    def schedules(self) -> tuple[str, ...]:
        """A1111's labels of the schedules that the server has."""
        there = self.nodes.choices("KSampler", "scheduler")
        own = [label for label, comfy in SCHEDULERS.items() if comfy in there]
        by_node = [label for label, node in SCHEDULE_NODES.items() if self.nodes.has(node, "SamplerCustom")]
        return (AUTOMATIC, *own, *by_node)

    @property
    def control_modules(self) -> tuple[str, ...]:
        """Preprocessors of ControlNet, by A1111's names, whose node the server has."""
        return tuple(name for name, classes in MODULES.items() if any(map(self.nodes.has, classes)))


def read_models(nodes: NodeCatalogue) -> ComfyModels:
    """Return what a server has, from what it says about its nodes."""
    unets = nodes.choices("UNETLoader", "unet_name")
    flux = _flux_files(nodes)
    whole = named_files(nodes.choices("CheckpointLoaderSimple", "ckpt_name"))
    checkpoints = {name: ComfyCheckpoint(listed, _family(listed)) for name, listed in whole.items()}
    for name, listed in named_files(
        x for x in unets if family_by_name(x) == "flux" and not _FLUX_VARIANT.search(x)
    ).items():
        if flux is not None and name not in checkpoints:
            checkpoints[name] = ComfyCheckpoint(listed, "flux", is_whole=False)
    pack = next((pack for pack, classes in PACK_CLASSES.items() if nodes.has(*classes)), None)
    return ComfyModels(
        nodes=nodes,
        checkpoints=checkpoints,
        loras=named_files(nodes.choices("LoraLoader", "lora_name"), with_folder=False),
        vaes=named_files(x for x in nodes.choices("VAELoader", "vae_name") if _EXTENSION.search(x)),
        upscalers=named_files(nodes.choices("UpscaleModelLoader", "model_name")),
        controlnets=named_files(nodes.choices("ControlNetLoader", "control_net_name")),
        flux=flux,
        ic_light_pack=pack,
        ic_light={} if pack is None else _ic_light(nodes, pack),
    )


def named_files(listed: Iterable[str], *, with_folder: bool = True) -> dict[str, str]:
    """Return names for clients: without extension and backslash, and without folder where that is clear."""
    found: dict[str, str] = {}
    for one in listed:
        path = one.replace("\\", "/")
        short = _EXTENSION.sub("", path)
        names = [short if with_folder else short.rpartition("/")[2], short, path]
        name = next((name for name in names if name not in found), path)
        found[name] = one
    return found


def _family(name: str) -> str:
    return family_by_name(name) or "sd15"


def _flux_files(nodes: NodeCatalogue) -> FluxFiles | None:
    """Return the files beside a bare Flux model, None where one is missing."""
    if "flux" not in nodes.choices("DualCLIPLoader", "type"):
        return None
    encoders = nodes.choices("DualCLIPLoader", "clip_name1")
    vaes = nodes.choices("VAELoader", "vae_name")
    t5, clip_l, vae = _first(_T5, encoders), _first(_CLIP_L, encoders), _first(_FLUX_VAE, vaes)
    return FluxFiles(t5, clip_l, vae) if t5 and clip_l and vae else None


def _first(pattern: re.Pattern[str], names: Iterable[str]) -> str | None:
    return next((name for name in names if pattern.search(name)), None)


def _ic_light(nodes: NodeCatalogue, pack: IcLightPack) -> dict[IcLightModel, str]:
    """Return the weights of IC-Light's models: only the name tells which one a file holds.

    The native pack takes weights in the layout of Stable Diffusion's own files alone ("ldm" in the name), and
    the other pack both.
    """
    if pack == "kijai":
        listed = nodes.choices("LoadAndApplyICLightUnet", "model_path")
    else:
        listed = tuple(x for x in nodes.choices("UNETLoader", "unet_name") if "ldm" in x.lower())
    found: dict[IcLightModel, str] = {}
    for one in listed:
        if match := _IC_LIGHT.search(one.replace("\\", "/").rpartition("/")[2]):
            found.setdefault("FBC" if match.group(1).lower() == "fbc" else "FC", one)
    return found
