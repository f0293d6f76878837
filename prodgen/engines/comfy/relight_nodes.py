"""IC-Light as nodes, for both packs of them, and the proof that a graph which ran was relit.

The pictures are made here and not by the packs' own nodes: the product on A1111's grey, cropped to the size
that is drawn. So both packs get the same bytes, and give the same picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from prodgen.engines.comfy.comfy_inventory import PACK_CLASSES, ComfyModels
from prodgen.engines.comfy.graph_nodes import GraphNodes, Link, upstream
from prodgen.schema.workflow_graphs import Graph, is_link
from prodgen.server.ic_light_script import GREY, IcLightUnit
from prodgen.server.wire import Pixels, Refused, mixed

LATENT_SCALE = 0.18215
"""Factor between Stable Diffusion 1.5's latents and those of its VAE; the kijai pack wants it named."""

SAMPLERS = ("KSampler", "KSamplerAdvanced", "SamplerCustom")
"""Classes that sample in graphs made here."""

Upload = Callable[[Pixels], str]
"""Puts a picture onto the server and returns the name by which a node loads it."""


@dataclass(frozen=True)
class Guided:
    """A model with the words that guide it, as links."""

    model: Link
    positive: Link
    negative: Link


@dataclass(frozen=True)
class RelightFiles:
    """What must have been in a graph that relit: names of files on the server."""

    weights: str
    foreground: str
    background: str | None = None


@dataclass(frozen=True)
class Relit:
    """A model made to relight."""

    guided: Guided
    empty: Link | None
    """A latent without content, of the foreground's size; None where the pack makes none."""

    light_map: Pixels | None
    """The picture whose light the product shall have."""

    files: RelightFiles


@dataclass(frozen=True)
class _Encoded:
    foreground: Link
    background: Link | None


def relit(
    graph: GraphNodes,
    guided: Guided,
    vae: Link,
    *,
    unit: IcLightUnit,
    size: tuple[int, int],
    models: ComfyModels,
    upload: Upload,
) -> Relit:
    """Add IC-Light to a graph.

    Args:
        graph: The graph under construction.
        guided: The plain model.
        vae: The VAE, Stable Diffusion 1.5's.
        unit: What is asked for.
        size: Width and height that are drawn; the packs want the foreground's latent at exactly this size.
        models: The server's.
        upload: Puts a picture onto the server.

    Raises:
        Refused: Without the nodes, the weights or a product.
    """
    weights = models.ic_light.get("FBC" if unit.is_fbc else "FC")
    conditions = unit.conditions(*size)
    if models.ic_light_pack is None or weights is None or conditions is None:
        raise Refused(422, missing_relighting(models, is_fbc=unit.is_fbc))
    grey = np.full(3, GREY, np.uint8)
    foreground = upload(mixed(grey, conditions.foreground, conditions.matte))
    background = None if conditions.background is None else upload(conditions.background)
    encoder = "VAEEncode" if models.ic_light_pack == "kijai" else "VAEEncodeArgMax"

    def encoded(name: str, file: str) -> Link:
        loaded = graph.add(name, "LoadImage", {"image": file})
        return graph.add(f"{name}_latent", encoder, {"pixels": loaded[0], "vae": vae})[0]

    latents = _Encoded(encoded("fg", foreground), None if background is None else encoded("bg", background))
    light_map = conditions.light_map
    if light_map is not None and unit.reinforce:
        light_map = mixed(light_map, conditions.foreground, conditions.matte)
    add = _kijai if models.ic_light_pack == "kijai" else _native
    lit, empty = add(graph, guided, latents, vae, weights)
    return Relit(lit, empty, light_map, RelightFiles(weights, foreground, background))


def _kijai(
    graph: GraphNodes, guided: Guided, latents: _Encoded, vae: Link, weights: str
) -> tuple[Guided, Link | None]:
    relight = graph.add("relight", "LoadAndApplyICLightUnet", {"model": guided.model, "model_path": weights})
    inputs: dict[str, object] = {
        "positive": guided.positive,
        "negative": guided.negative,
        "vae": vae,
        "foreground": latents.foreground,
        "multiplier": LATENT_SCALE,
    }
    if latents.background is not None:
        inputs["opt_background"] = latents.background
    words = graph.add("iccond", "ICLightConditioning", inputs)
    return Guided(relight[0], words[0], words[1]), words[2]


def _native(
    graph: GraphNodes, guided: Guided, latents: _Encoded, vae: Link, weights: str
) -> tuple[Guided, Link | None]:
    unet = graph.add("icunet", "UNETLoader", {"unet_name": weights, "weight_dtype": "default"})
    pictures = latents.foreground
    if latents.background is not None:
        both = {"samples1": latents.foreground, "samples2": latents.background}
        pictures = graph.add("both", "LatentBatch", both)[0]
    relight = graph.add(
        "relight", "ICLightAppply", {"model": guided.model, "ic_model": unet[0], "c_concat": pictures}
    )
    return Guided(relight[0], guided.positive, guided.negative), None


def missing_relighting(models: ComfyModels, *, is_fbc: bool = False) -> str:
    """Return a sentence on what a server lacks for IC-Light, with the remedy."""
    if models.ic_light_pack is None:
        return (
            "this ComfyUI has no IC-Light: install the node pack ComfyUI-IC-Light "
            "(https://github.com/kijai/ComfyUI-IC-Light) with ComfyUI-Manager or into custom_nodes, put "
            "iclight_sd15_fc.safetensors into models/unet, and restart it"
        )
    file = "iclight_sd15_fbc" if is_fbc else "iclight_sd15_fc"
    if models.ic_light_pack == "native":
        file += "_unet_ldm"
    return (
        f"this ComfyUI has IC-Light's nodes but not its weights: put {file}.safetensors into its folder "
        "models/unet (files are told by 'ic-light' and 'fc' or 'fbc' in their names)"
    )


def was_relit(graph: Graph, output: str, *passes: RelightFiles) -> bool:
    """Whether what a graph gives was sampled by a relighting model from these very files.

    Args:
        graph: The graph that ran, as the server remembers it.
        output: Id of the node that gave the picture.
        passes: What had to be in it, for each pass: the pictures of each are of its own size.
    """
    relighters = {classes[0] for classes in PACK_CLASSES.values()}
    wanted = [{files.weights, files.foreground, files.background} - {None} for files in passes]
    samplers = [one for one in upstream(graph, output) if graph[one].get("class_type") in SAMPLERS]
    for sampler in samplers:
        model = graph[sampler]["inputs"].get("model")
        classes = (
            {graph[one].get("class_type") for one in upstream(graph, model[0])} if is_link(model) else set()
        )
        names = {
            value
            for one in upstream(graph, sampler)
            for value in graph[one].get("inputs", {}).values()
            if isinstance(value, str)
        }
        if not classes & relighters or not any(files <= names for files in wanted):
            return False
    return bool(samplers)
