"""The graph that draws one picture of an order: as few nodes as do it.

ComfyUI draws a batch from one generator, so that its second picture is not the seed's next. Here each picture
is a graph of its own with its own seed, as A1111 means it; what they share, such as loaded models and encoded
words, ComfyUI keeps from one to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prodgen.engines.comfy.comfy_inventory import ComfyModels
from prodgen.engines.comfy.control_modules import map_of
from prodgen.engines.comfy.graph_nodes import GraphNodes, Link
from prodgen.engines.comfy.loading_nodes import DrawingContext, Loaded, guide, load
from prodgen.engines.comfy.node_catalogue import NodeCatalogue
from prodgen.engines.comfy.relight_nodes import Guided, RelightFiles, Relit, Upload, relit
from prodgen.engines.comfy.sampling_nodes import Sampling, first_step, sample, stretched_steps
from prodgen.schema.workflow_graphs import Graph
from prodgen.server.engine import BatchOrder, HiresPass
from prodgen.server.finer_settings import ControlOrder
from prodgen.server.inpainting import LATENT_CELL_PX, Mask, RepaintPlan, filled_from_around
from prodgen.server.wire import Pixels, mixed

OUTPUT = "save"
"""Id of the node that gives the picture."""

LATENT_METHODS = {
    "Latent": "bilinear",
    "Latent (bicubic)": "bicubic",
    "Latent (nearest-exact)": "nearest-exact",
}
"""A1111's enlargements between two passes that are made on latents: ComfyUI's `upscale_method`."""

AROUND, ORIGINAL, LATENT_NOISE = 0, 1, 2
"""Values of inpainting_fill. The latent ones (2 noise, 3 nothing) become grey here, ComfyUI's own way."""

GREY = np.full(3, 127, np.uint8)


@dataclass(frozen=True)
class DrawingGraph:
    """A graph, and what is to be found in it afterwards."""

    graph: Graph
    relight: tuple[RelightFiles, ...] = ()
    """Files with which it relights, in each pass."""

    maps: tuple[str, ...] = ()
    """Nodes that hand a map of ControlNet back: unit by unit, of each the second pass' first."""


def drawing_graph(
    order: BatchOrder, place: int, models: ComfyModels, upload: Upload, *, embeddings: Sequence[str] = ()
) -> DrawingGraph:
    """Return the graph of one picture.

    Args:
        order: A batch that `undrawable.refuse_undrawable` lets pass.
        place: The picture's place in it, from 0.
        models: The server's.
        upload: Puts a picture onto the server and returns its name there.
        embeddings: Names of the server's textual inversions.

    Raises:
        Refused: For words that ComfyUI cannot follow, and for IC-Light without its nodes or weights.
    """
    return _Drawing(DrawingContext(order, place, models, upload, embeddings, GraphNodes())).drawn()


def upscaling_graph(file: str, model: str, width: int, height: int) -> Graph:
    """Return the graph that enlarges an uploaded picture by a network, and brings it to a size."""
    graph = GraphNodes()
    loaded = graph.add("img", "LoadImage", {"image": file})
    graph.add(OUTPUT, "PreviewImage", {"images": _enlarged(graph, loaded[0], model, width, height)})
    return graph.graph


def mapping_graph(file: str, unit: ControlOrder, nodes: NodeCatalogue) -> Graph:
    """Return the graph that makes a map of an uploaded picture, by the preprocessor of a unit."""
    graph = GraphNodes()
    picture = graph.add("img", "LoadImage", {"image": file})[0]
    graph.add(OUTPUT, "PreviewImage", {"images": map_of(graph, nodes, unit, picture)})
    return graph.graph


def _enlarged(
    graph: GraphNodes, pixels: Link, model: str, width: int, height: int, *, crop: str = "disabled"
) -> Link:
    network = graph.add("um", "UpscaleModelLoader", {"model_name": model})
    large = graph.add("up", "ImageUpscaleWithModel", {"upscale_model": network[0], "image": pixels})
    return _scaled(graph, large[0], width, height, crop=crop)


def _scaled(
    graph: GraphNodes,
    pixels: Link,
    width: int,
    height: int,
    *,
    method: str = "lanczos",
    crop: str = "disabled",
) -> Link:
    inputs = {"image": pixels, "upscale_method": method, "crop": crop}
    return graph.add("fit", "ImageScale", {**inputs, "width": width, "height": height})[0]


def filled_start(plan: RepaintPlan, fill: int) -> Pixels:
    """Return the picture that a repaint starts from, with what the hole holds at first.

    Latent noise and latent nothing are made as grey, which is nearly nothing once it is encoded. A sampler
    that begins at the first step adds noise to it of the spread that latent noise would have had.
    """
    if plan.zone is None or fill == ORIGINAL:
        return plan.start
    if fill == AROUND:
        return filled_from_around(plan.start, plan.zone)
    return mixed(plan.start, np.broadcast_to(GREY, plan.start.shape), plan.zone)


def _mask_of(plan: RepaintPlan, zone: Mask) -> Mask:
    """Return the mask as latent cells are masked by it, each as the square of pixels that it stands for."""
    if plan.cells is None:
        return zone
    return plan.cells.repeat(LATENT_CELL_PX, axis=0).repeat(LATENT_CELL_PX, axis=1)


class _Drawing:
    """One graph under construction."""

    def __init__(self, context: DrawingContext) -> None:
        self._context, self._order, self._graph = context, context.order, context.graph
        self._relight: list[RelightFiles] = []

    def drawn(self) -> DrawingGraph:
        order = self._order
        loaded = load(self._context, order.checkpoint)
        plain = guide(self._context, loaded, self._context.words, (order.width, order.height))
        guided, latent = self._start(loaded, plain)
        first = first_step(order.steps, order.denoising_strength) if order.starts else 0
        # A1111 lets a refiner take over in the last pass only, unless an option says otherwise.
        refiner = order.finer.refiner if order.hires is None else None
        sampling = Sampling(order.sampler, order.schedule, order.cfg_scale, order.steps, first, refiner)
        latent = sample(self._context, loaded, guided, latent, sampling)
        if order.hires is not None:
            latent = self._second_pass(order.hires, loaded, plain, latent)
        self._graph.add(OUTPUT, "PreviewImage", {"images": self._decoded(latent, loaded.vae)})
        return DrawingGraph(self._graph.graph, tuple(self._relight), self._maps())

    def _maps(self) -> tuple[str, ...]:
        shown = self._context.shown_maps
        count = sum(unit.shows_map for unit in self._order.finer.controls)
        return tuple(name for unit in range(count) for name in reversed(shown[unit::count]))

    def _relit(self, loaded: Loaded, guided: Guided, size: tuple[int, int]) -> Relit | None:
        """Add IC-Light where it is asked for."""
        if self._order.relight is None:
            return None
        lit = relit(
            self._graph,
            guided,
            loaded.vae,
            unit=self._order.relight,
            size=size,
            models=self._context.models,
            upload=self._context.upload,
        )
        self._relight.append(lit.files)
        return lit

    def _start(self, loaded: Loaded, plain: Guided) -> tuple[Guided, Link]:
        """Return what guides the first pass, and the latent that it begins with."""
        order, size = self._order, (self._order.width, self._order.height)
        lit = self._relit(loaded, plain, size)
        guided = plain if lit is None else lit.guided
        if not order.starts:
            made = None if lit is None else lit.empty
            return guided, self._empty(loaded, size) if made is None else made
        plan = order.starts[self._context.place]
        start = None if lit is None else lit.light_map
        if start is None:
            start = filled_start(plan, order.inpainting_fill)
        if plan.zone is not None and loaded.checkpoint.is_for_inpainting and lit is None:
            return self._inpainting_model(guided, loaded.vae, start, _mask_of(plan, plan.zone))
        image = self._graph.add("img", "LoadImage", {"image": self._context.upload(start)})
        latent = self._graph.add("latent", "VAEEncode", {"pixels": image[0], "vae": loaded.vae})[0]
        if plan.zone is not None:
            inputs = {"samples": latent, "mask": self._mask(_mask_of(plan, plan.zone))}
            latent = self._graph.add("masked", "SetLatentNoiseMask", inputs)[0]
        return guided, latent

    def _empty(self, loaded: Loaded, size: tuple[int, int]) -> Link:
        class_type = "EmptySD3LatentImage" if loaded.checkpoint.family == "flux" else "EmptyLatentImage"
        return self._graph.add("latent", class_type, {"width": size[0], "height": size[1], "batch_size": 1})[
            0
        ]

    def _mask(self, mask: Mask) -> Link:
        """Add a mask; white is repainted, as in A1111. The red channel is the one that is read as it is."""
        file = self._context.upload(mask)
        return self._graph.add("m", "LoadImageMask", {"image": file, "channel": "red"})[0]

    def _inpainting_model(self, guided: Guided, vae: Link, start: Pixels, mask: Mask) -> tuple[Guided, Link]:
        """Add what a model that was trained to fill masks wants beside the latent: the mask and the rest."""
        image = self._graph.add("img", "LoadImage", {"image": self._context.upload(start)})
        inputs = {
            "positive": guided.positive,
            "negative": guided.negative,
            "vae": vae,
            "pixels": image[0],
            "mask": self._mask(mask),
            "noise_mask": True,
        }
        words = self._graph.add("ic", "InpaintModelConditioning", inputs)
        return Guided(guided.model, words[0], words[1]), words[2]

    def _second_pass(self, hires: HiresPass, loaded: Loaded, plain: Guided, latent: Link) -> Link:
        """Add the larger pass over what the first one drew."""
        order, size = self._order, (hires.width, hires.height)
        larger = self._larger(hires, loaded, latent)
        if hires.denoising_strength <= 0:
            return larger
        words = self._context.words
        own = (
            words[0] if hires.prompt is None else hires.prompt,
            words[1] if hires.negative_prompt is None else hires.negative_prompt,
        )
        depends_on_size = bool(order.finer.controls) or loaded.checkpoint.family == "sdxl"
        guided = guide(self._context, loaded, own, size) if depends_on_size or own != words else plain
        lit = self._relit(loaded, guided, size)
        steps, first = stretched_steps(hires.steps or order.steps, hires.denoising_strength)
        sampling = Sampling(
            hires.sampler or order.sampler,
            hires.schedule or order.schedule,
            order.cfg_scale,
            steps,
            first,
            order.finer.refiner,
            own,
            size,
        )
        return sample(self._context, loaded, guided if lit is None else lit.guided, larger, sampling)

    def _larger(self, hires: HiresPass, loaded: Loaded, latent: Link) -> Link:
        width, height, upscaler = hires.width, hires.height, hires.upscaler or "Latent"
        is_alike = self._order.width * height == self._order.height * width
        crop = "disabled" if is_alike else "center"  # another shape is covered and cut, as in A1111
        if upscaler in LATENT_METHODS:
            inputs = {"samples": latent, "upscale_method": LATENT_METHODS[upscaler], "crop": crop}
            return self._graph.add("lup", "LatentUpscale", {**inputs, "width": width, "height": height})[0]
        pixels = self._decoded(latent, loaded.vae)
        network = self._context.models.upscalers.get(upscaler)
        if network is not None:
            pixels = _enlarged(self._graph, pixels, network, width, height, crop=crop)
        else:
            method = "nearest-exact" if upscaler == "Nearest" else "lanczos"
            pixels = _scaled(self._graph, pixels, width, height, method=method, crop=crop)
        return self._graph.add("enc", "VAEEncode", {"pixels": pixels, "vae": loaded.vae})[0]

    def _decoded(self, latent: Link, vae: Link) -> Link:
        return self._graph.add("decode", "VAEDecode", {"samples": latent, "vae": vae})[0]
