"""The engine behind `comfy://`: a ComfyUI server, as it stands, draws the pictures.

Owns what the API's server sees of it: the inventory, the refusals, one prompt for each picture, and the proof
from the graph that ran. HTTP is `comfy_server`'s business, what a graph looks like `picture_graphs`'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import cv2
import numpy as np

from prodgen import __version__
from prodgen.engines.comfy.comfy_inventory import ComfyModels, read_models
from prodgen.engines.comfy.comfy_server import ComfyServer
from prodgen.engines.comfy.control_modules import found_pose
from prodgen.engines.comfy.node_catalogue import NodeCatalogue
from prodgen.engines.comfy.node_faults import missing_classes, missing_nodes
from prodgen.engines.comfy.picture_graphs import (
    LATENT_METHODS,
    OUTPUT,
    drawing_graph,
    mapping_graph,
    upscaling_graph,
)
from prodgen.engines.comfy.relight_nodes import missing_relighting, was_relit
from prodgen.engines.comfy.run_results import ComfyRun
from prodgen.engines.comfy.undrawable import (
    NO_CHECKPOINT,
    lacking_module,
    refuse_beside_workflow,
    refuse_undrawable,
)
from prodgen.engines.comfy.user_workflow import filled_workflow
from prodgen.engines.comfy.workflow_story import run_story
from prodgen.errors import AnswerError, NotAppliedError, SettingError
from prodgen.schema.workflow_graphs import Graph
from prodgen.server.engine import (
    AcceleratorMemory,
    BatchOrder,
    DetectedMap,
    DrawnPicture,
    EngineInventory,
    EngineSettings,
    ModelFile,
    ReportProgress,
)
from prodgen.server.finer_settings import ControlOrder
from prodgen.server.wire import Pixels, Refused
from prodgen.server.workflow_script import WorkflowOrder

WORKFLOWS_ONLY = "no checkpoint (workflows only)"
"""What is listed in a checkpoint's place where there is none: a user's workflow may load something else."""

ON_CPU = "this ComfyUI draws on a CPU: a picture takes minutes"


class ComfyEngine:
    """Has a ComfyUI server draw; an `Engine`.

    Args:
        settings: Address and access.
        server: In place of a connection of its own, for tests.

    Raises:
        SettingError: Without an address, or for a setting of engines that draw here.
    """

    def __init__(self, settings: EngineSettings, *, server: ComfyServer | None = None) -> None:
        if settings.models is not None or settings.vram_bytes is not None:
            raise SettingError(
                "a folder of models and a limit of memory (--models, --vram) are ComfyUI's own business: "
                "set them where it is started"
            )
        if settings.address is None:
            raise SettingError("this engine needs the address of a ComfyUI: comfy://host:8188")
        self._server = ComfyServer(settings) if server is None else server
        self._models = ComfyModels(NodeCatalogue({}))
        self._embeddings: tuple[str, ...] = ()
        self._is_known = False

    def inventory(self) -> EngineInventory:
        """Return what the server lists now; without a checkpoint the first note says what to do.

        Raises:
            BackendError: If it does not answer as a ComfyUI.
        """
        stats = self._server.system_stats()
        self._embeddings = self._server.embeddings()
        models = self._models = read_models(NodeCatalogue(self._server.object_info()))
        self._is_known = True
        system = stats.get("system")
        version = system.get("comfyui_version", "") if isinstance(system, Mapping) else ""
        return EngineInventory(
            version=f"prodgen-comfy {__version__} (ComfyUI {version})",
            description=f"through ComfyUI {version} at {self._server.url}",
            checkpoints=models.files(models.by_default) or (ModelFile(WORKFLOWS_ONLY, None),),
            loras=models.files(models.loras),
            vaes=models.files(models.vaes),
            upscalers=tuple(models.upscalers),
            samplers=models.samplers,
            schedulers=models.schedules,
            latent_modes=tuple(LATENT_METHODS),
            ic_light=tuple(sorted(models.ic_light, key=len)),
            controlnets=tuple(models.controlnets),
            control_modules=models.control_modules,
            embeddings=self._embeddings,
            runs_workflows=True,
            notes=tuple(_notes(models, stats)),
        )

    def draw(self, order: BatchOrder, progress: ReportProgress) -> Iterator[DrawnPicture]:
        """Draw one picture after the other, each as a prompt of its own with its own seed.

        Raises:
            Refused: For what ComfyUI cannot draw.
            MissingExtensionError: If the server lacks a node.
            NotAppliedError: If a picture was not relit, by the graph that the server says it ran.
            BackendError: If the server fails.
        """
        models = self._known()
        if order.workflow is not None:
            yield from self._of_workflow(order, order.workflow, progress)
            return
        refuse_undrawable(order, models)
        for place in range(len(order.seeds)):
            made = drawing_graph(order, place, models, self._server.upload, embeddings=self._embeddings)
            run = self._run(made.graph, progress, place, len(order.seeds))
            if made.relight and not was_relit(run.graph, OUTPUT, *made.relight):
                raise NotAppliedError(
                    self._server.url,
                    "the graph that ComfyUI says it ran does not relight the picture",
                    feature="IC-Light",
                    remedy="Something between here and the server changes graphs; look at its console.",
                )
            told = _story(order, run, bool(made.relight))
            maps = tuple(self._picture(run, node) for node in made.maps)
            yield DrawnPicture(self._picture(run, OUTPUT), told, maps=maps)

    def _of_workflow(
        self, order: BatchOrder, workflow: WorkflowOrder, progress: ReportProgress
    ) -> Iterator[DrawnPicture]:
        """Run a user's own workflow once for each seed."""
        refuse_beside_workflow(order)
        filled = filled_workflow(workflow, self._models.nodes, self._server.upload)
        for place, seed in enumerate(order.seeds):
            run = self._run(filled.with_seed(seed), progress, place, len(order.seeds))
            first, *more = self._pictures_in_order(run, filled.graph)
            told = run_story(run.graph, first, filled)
            yield DrawnPicture(first, {**told, **_notice(run)}, more=tuple(more))

    def _pictures_in_order(self, run: ComfyRun, graph: Graph) -> list[Pixels]:
        """Return all pictures of a run: saved ones before those that are only previewed.

        Raises:
            Refused: If there is none.
        """
        is_preview = {name: graph[name]["class_type"] == "PreviewImage" for name in graph}
        ordered = sorted(run.pictures, key=lambda name: is_preview.get(name, False))
        found = [_rgb(pixels) for name in ordered for pixels in run.pictures[name]]
        if not found:
            raise Refused(422, "this workflow gave no picture: it needs a node SaveImage or PreviewImage")
        return found

    def upscale(self, pixels: Pixels, width: int, height: int, name: str) -> Pixels:
        """Return a picture enlarged by one of the server's networks; alpha is enlarged beside it.

        Raises:
            BackendError: If the server fails.
        """
        file = self._server.upload(np.ascontiguousarray(pixels[..., :3]))
        graph = upscaling_graph(file, self._known().upscalers[name], width, height)
        large = self._picture(self._run(graph, _silent, 0, 1), OUTPUT)
        if pixels.shape[2] == 3:
            return large
        alpha = cv2.resize(pixels[..., 3], (width, height), interpolation=cv2.INTER_CUBIC)
        return np.dstack([large, alpha])

    def detect(self, unit: ControlOrder) -> DetectedMap:
        """Return the map that a node of the server makes of a picture.

        Raises:
            Refused: Without a node for the preprocessor.
            BackendError: If the server fails.
        """
        if unit.module == "none":
            return DetectedMap(unit.picture)
        models = self._known()
        for reason in lacking_module(unit, models):
            raise Refused(422, reason)
        file = self._server.upload(np.ascontiguousarray(unit.picture))
        run = self._run(mapping_graph(file, unit, models.nodes), _silent, 0, 1)
        return DetectedMap(self._picture(run, OUTPUT), found_pose(run.texts.values()))

    def unload(self) -> None:
        """Have the server unload its models and empty its cache."""
        self._server.free()

    def memory(self) -> AcceleratorMemory | None:
        """Return the memory of the server's first graphics card; None where it has none."""
        device = _device(self._server.system_stats())
        free, total = device.get("vram_free"), device.get("vram_total")
        if device.get("type") == "cpu" or not isinstance(free, int) or not isinstance(total, int):
            return None
        return AcceleratorMemory(free, total)

    def estimate(self, width: int, height: int, steps: int) -> float | None:
        """Return None: how fast the server is, it does not say."""
        return None

    def close(self) -> None:
        """Close the connections; what the server draws meanwhile is cancelled."""
        self._server.close()

    def _known(self) -> ComfyModels:
        if not self._is_known:
            self.inventory()
        return self._models

    def _run(self, graph: Graph, progress: ReportProgress, place: int, count: int) -> ComfyRun:
        """Run the graph of one of several pictures, unless the server lacks a node of it."""
        if lacking := missing_classes(graph, self._models.nodes.info):
            raise missing_nodes(lacking)

        def report(share: float, preview: Pixels | None = None) -> None:
            progress((place + share) / count, preview)

        report(0.0)  # an interrupt between two pictures is noticed here
        return self._server.run(graph, report)

    def _picture(self, run: ComfyRun, node: str) -> Pixels:
        """Return the first picture of a node, RGB.

        Raises:
            AnswerError: If there is none.
        """
        pictures = run.pictures.get(node, ())
        if not pictures:
            raise AnswerError(self._server.url, "ComfyUI finished the prompt and gave no picture")
        return _rgb(pictures[0])


def _rgb(pixels: Pixels) -> Pixels:
    return np.ascontiguousarray(pixels[..., :3])


def _silent(share: float, preview: Pixels | None = None) -> None:
    """Report nothing: enlarging has no progress in the API."""


def _story(order: BatchOrder, run: ComfyRun, is_relit: bool) -> dict[str, object]:
    """Return what the infotext says besides: the keys of A1111's bridge for what the graph proves."""
    told: dict[str, object] = {}
    if is_relit:
        told |= {"IC-Light": "applied", "IC-Light patched": order.checkpoint.title}
    return {**told, **_notice(run)}


def _notice(run: ComfyRun) -> dict[str, object]:
    return {"ComfyUI": "; ".join(run.notices)} if run.notices else {}


def _notes(models: ComfyModels, stats: Mapping[str, Any]) -> Iterator[str]:
    if not models.checkpoints:
        yield NO_CHECKPOINT
    if _device(stats).get("type") == "cpu":
        yield ON_CPU
    if "FC" not in models.ic_light:
        yield missing_relighting(models)
    elif "FBC" not in models.ic_light:
        yield missing_relighting(models, is_fbc=True)


def _device(stats: Mapping[str, Any]) -> Mapping[str, Any]:
    devices = stats.get("devices")
    first = devices[0] if isinstance(devices, list) and devices else {}
    return first if isinstance(first, Mapping) else {}
