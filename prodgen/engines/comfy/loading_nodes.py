"""What a graph begins with: the checkpoint with its LoRAs, the words, and the pictures of ControlNet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from prodgen.engines.comfy.comfy_inventory import ComfyCheckpoint, ComfyModels
from prodgen.engines.comfy.comfy_words import comfy_texts
from prodgen.engines.comfy.control_modules import map_of
from prodgen.engines.comfy.graph_nodes import GraphNodes, Link
from prodgen.engines.comfy.relight_nodes import Guided, Upload
from prodgen.server.engine import BatchOrder, ModelFile
from prodgen.server.finer_settings import ControlOrder
from prodgen.server.inpainting import fitted

FLUX_GUIDANCE = 3.5
"""Guidance of Flux where cfg_scale says nothing (1): that of its makers' example (FLUX.1-dev model card)."""


@dataclass(frozen=True)
class DrawingContext:
    """One picture of an order, the server it is drawn on, and the graph under construction."""

    order: BatchOrder
    place: int
    """The picture's place in the order, from 0."""

    models: ComfyModels
    upload: Upload
    embeddings: Sequence[str]
    """Names of the server's textual inversions."""

    graph: GraphNodes
    shown_maps: list[str] = field(default_factory=list)
    """Nodes that hand a map of ControlNet back, pass by pass."""

    @property
    def seed(self) -> int:
        """The picture's own."""
        return self.order.seeds[self.place]

    @property
    def words(self) -> tuple[str, str]:
        """The picture's prompt and negative prompt."""
        return self.order.prompts[self.place], self.order.negative_prompts[self.place]


@dataclass(frozen=True)
class Loaded:
    """A checkpoint with what belongs to it, as links."""

    model: Link
    clip: Link
    vae: Link
    checkpoint: ComfyCheckpoint


def load(context: DrawingContext, model: ModelFile) -> Loaded:
    """Add what a checkpoint is loaded with: LoRAs, another VAE, a text encoder cut short."""
    order, add = context.order, context.graph.add
    checkpoint = context.models.checkpoints[model.name]
    model_link, clip, vae = _files(context, checkpoint)
    for lora, weight in order.loras:
        name = context.models.loras[lora.name]
        strengths = {"strength_model": weight, "strength_clip": weight}
        node = add("lora", "LoraLoader", {"model": model_link, "clip": clip, "lora_name": name, **strengths})
        model_link, clip = node[0], node[1]
    if order.clip_skip > 1:
        clip = add("clipskip", "CLIPSetLastLayer", {"clip": clip, "stop_at_clip_layer": -order.clip_skip})[0]
    if order.vae is not None:
        vae = add("vae", "VAELoader", {"vae_name": context.models.vaes[order.vae.name]})[0]
    return Loaded(model_link, clip, vae, checkpoint)


def _files(context: DrawingContext, checkpoint: ComfyCheckpoint) -> tuple[Link, Link, Link]:
    add, flux = context.graph.add, context.models.flux
    if checkpoint.is_whole or flux is None:
        whole = add("ckpt", "CheckpointLoaderSimple", {"ckpt_name": checkpoint.listed})
        return whole[0], whole[1], whole[2]
    unet = add("unet", "UNETLoader", {"unet_name": checkpoint.listed, "weight_dtype": "default"})
    names = {"clip_name1": flux.t5, "clip_name2": flux.clip_l, "type": "flux"}
    return (
        unet[0],
        add("clip", "DualCLIPLoader", names)[0],
        add("vae", "VAELoader", {"vae_name": flux.vae})[0],
    )


def guide(context: DrawingContext, loaded: Loaded, words: tuple[str, str], size: tuple[int, int]) -> Guided:
    """Add the words, and the pictures of ControlNet that steer beside them."""
    positive = _encoded(context, "pos", words[0], loaded, size)
    if loaded.checkpoint.family == "flux":
        guidance = context.order.cfg_scale if context.order.cfg_scale > 1 else FLUX_GUIDANCE
        negative = context.graph.add("neg", "ConditioningZeroOut", {"conditioning": positive})[0]
        inputs = {"conditioning": positive, "guidance": guidance}
        positive = context.graph.add("guide", "FluxGuidance", inputs)[0]
    else:
        negative = _encoded(context, "neg", words[1], loaded, size)
    for unit in context.order.finer.controls:
        positive, negative = _controlled(context, unit, positive, negative, loaded.vae, size)
    return Guided(loaded.model, positive, negative)


def _encoded(context: DrawingContext, name: str, prompt: str, loaded: Loaded, size: tuple[int, int]) -> Link:
    """Add a prompt: one encoding for each of the parts that BREAK divides it into, side by side."""
    is_xl = loaded.checkpoint.family == "sdxl" and context.models.nodes.has("CLIPTextEncodeSDXL")
    whole: Link | None = None
    for text in comfy_texts(prompt, context.embeddings):
        if is_xl:  # the plain encoder tells the model 768 x 768, A1111 the size drawn
            sides = {"width": size[0], "height": size[1], "crop_w": 0, "crop_h": 0}
            targets = {"target_width": size[0], "target_height": size[1]}
            inputs = {"clip": loaded.clip, **sides, **targets, "text_g": text, "text_l": text}
            part = context.graph.add(name, "CLIPTextEncodeSDXL", inputs)[0]
        else:
            part = context.graph.add(name, "CLIPTextEncode", {"text": text, "clip": loaded.clip})[0]
        if whole is not None:
            both = {"conditioning_to": whole, "conditioning_from": part}
            part = context.graph.add(f"{name}_both", "ConditioningConcat", both)[0]
        whole = part
    assert whole is not None  # noqa: S101 - comfy_texts gives one part at least
    return whole


def _controlled(
    context: DrawingContext,
    unit: ControlOrder,
    positive: Link,
    negative: Link,
    vae: Link,
    size: tuple[int, int],
) -> tuple[Link, Link]:
    add = context.graph.add
    picture = fitted(unit.picture, *size, unit.resize_mode)
    image = add("cimg", "LoadImage", {"image": context.upload(picture)})[0]
    if unit.module != "none":
        image = map_of(context.graph, context.models.nodes, unit, image)
    if unit.shows_map and context.place == 0:  # the maps of a call are the same for all its pictures
        shown = add("map_shown", "PreviewImage", {"images": image})
        context.shown_maps.append(shown.name)
    network = add("cn", "ControlNetLoader", {"control_net_name": context.models.controlnets[unit.model]})
    inputs = {
        "positive": positive,
        "negative": negative,
        "control_net": network[0],
        "image": image,
        "strength": unit.weight,
        "start_percent": unit.guidance_start,
        "end_percent": unit.guidance_end,
        "vae": vae,
    }
    applied = add("capply", "ControlNetApplyAdvanced", inputs)
    return applied[0], applied[1]
