"""Models that are loaded, and when one makes room for another. Knows files, no pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from diffusers import AutoencoderKL, ControlNetModel

from prodgen.engines.diffusers import checkpoints, controlnets, embeddings, upscaler_networks, vaes, variants
from prodgen.engines.diffusers.cuda_graphs import UnetCaller
from prodgen.engines.diffusers.device import Device
from prodgen.engines.diffusers.face_restoring import (
    FaceRestorer,
    load_face_restorer,
    missing_for_faces,
)
from prodgen.engines.diffusers.model_folder import ModelFolder
from prodgen.engines.diffusers.prompt_encoding import PromptEncoder
from prodgen.engines.diffusers.tensor_files import FileState, state_of
from prodgen.server.engine import BatchOrder, IcLightModel, ModelFile
from prodgen.server.wire import Refused
from prodgen.weights.folders import getting

T = TypeVar("T")

KEPT_EXTRAS = 4
"""VAEs, ControlNets and upscalers that stay loaded together; a call uses two or three."""

KEPT_EMBEDDINGS = 100
"""Textual inversions that stay loaded; each has some kilobytes. Guard: a prompt names a few."""


class ModelShelf:
    """Holds one checkpoint on the device, and the few smaller models that were used last.

    Args:
        folder: The files.
        device: Where models go.
        memory_bytes: What the process may take of a GPU; 0 on a CPU.
        with_graphs: Whether calls of the network are recorded as CUDA graphs.
    """

    def __init__(self, folder: ModelFolder, device: Device, *, memory_bytes: int, with_graphs: bool) -> None:
        self.folder = folder
        self.device = torch.device(device.kind)
        self.dtype = torch.float16 if device.is_gpu else torch.float32
        self._memory_bytes, self._with_graphs = memory_bytes, with_graphs
        self._model: checkpoints.LoadedModel | None = None
        self._caller: UnetCaller | None = None
        self._refiner: tuple[checkpoints.LoadedModel, UnetCaller] | None = None
        self._extras: dict[tuple[str, FileState], object] = {}
        self._embeddings: dict[tuple[str, FileState], object] = {}

    def model_for(self, order: BatchOrder) -> checkpoints.LoadedModel:
        """Return the order's checkpoint, on the device, with its LoRAs and IC-Light's weights in place.

        Raises:
            Refused: If IC-Light's weights are not there.
            ModelFileError: If a file is damaged, or belongs to another family.
        """
        path = self.folder.path_of(order.checkpoint)
        if self._model is None or self._model.state != state_of(path):
            self.unload()
            self._model = checkpoints.load(path, dtype=self.dtype, device=self.device)
            self._caller = self._new_caller(self._model)
        return self._as_ordered(self._model, order)

    def refiner_for(self, order: BatchOrder) -> tuple[checkpoints.LoadedModel, UnetCaller] | None:
        """Return the checkpoint that takes over on the way, beside the first one, and what calls it.

        It has the order's LoRAs and IC-Light's weights too. None where the order has no refiner, or has its
        checkpoint for one.
        """
        if order.finer.refiner is None or order.finer.refiner == order.checkpoint:
            return None
        path = self.folder.path_of(order.finer.refiner)
        if self._refiner is None or self._refiner[0].state != state_of(path):
            self._refiner = None  # its memory is free before the next one comes
            model = checkpoints.load(path, dtype=self.dtype, device=self.device)
            self._refiner = model, self._new_caller(model)
        self._as_ordered(self._refiner[0], order)
        return self._refiner

    def _as_ordered(self, model: checkpoints.LoadedModel, order: BatchOrder) -> checkpoints.LoadedModel:
        """Return a model on the device, with the order's weights in place."""
        if model.device != self.device:
            model.to(self.device)
        loras = [(self.folder.path_of(lora), strength) for lora, strength in order.loras]
        variants.apply(model, relight=self._offsets(order), loras=loras)
        return model

    def _new_caller(self, model: checkpoints.LoadedModel) -> UnetCaller:
        with_graphs = self._with_graphs and self._is_gpu
        return UnetCaller(model.unet, memory_bytes=self._memory_bytes, with_graphs=with_graphs)

    @property
    def caller(self) -> UnetCaller:
        """What calls the network of the checkpoint that is held."""
        assert self._caller is not None  # noqa: S101 - `model_for` comes first
        return self._caller

    def vae_for(self, order: BatchOrder, model: checkpoints.LoadedModel) -> AutoencoderKL:
        """Return the VAE that the order names, or the checkpoint's own.

        Raises:
            ModelFileError: If the file is damaged, or no VAE of this family.
        """
        if order.vae is None:
            return model.vae
        dtype = torch.float32 if model.family.vae_overflows_in_half else self.dtype
        path = self.folder.path_of(order.vae)
        return self._extra(
            "vae", path, lambda: vaes.load(path, model.family, dtype=dtype, device=self.device)
        )

    def encoder_for(self, model: checkpoints.LoadedModel, prompts: tuple[str, ...]) -> PromptEncoder:
        """Return what encodes prompts, with those embeddings whose names occur in them."""
        text = "\n".join(prompts).lower()
        named = [file for file in self.folder.embeddings if file.name.lower() in text]
        loaded = [self._embedding(file, model) for file in named if file.family in ("", model.family.base)]
        return PromptEncoder(model.text_encoders, model.tokenizers[0], model.family, embeddings=loaded)

    def embeddings_used(self, model: checkpoints.LoadedModel, prompts: tuple[str, ...]) -> list[ModelFile]:
        """Return the embeddings that some prompts call, in their order."""
        encoder = self.encoder_for(model, prompts)
        names = dict.fromkeys(name for prompt in prompts for name in encoder.embeddings_in(prompt))
        files = {file.name: file for file in self.folder.embeddings}
        return [files[name] for name in names]

    def controlnet(self, name: str, model: checkpoints.LoadedModel) -> ControlNetModel:
        """Return a ControlNet by its name.

        Raises:
            Refused: If there is none of that name.
            ModelFileError: If it is damaged, or another family's.
        """
        path = self._named(self.folder.controlnets, name, "ControlNet")
        return self._extra("controlnet", path, lambda: controlnets.load(path, model))

    def upscaler(self, name: str) -> upscaler_networks.UpscalerNetwork:
        """Return an upscaling network by its name.

        Raises:
            Refused: If there is none of that name.
            ModelFileError: If it is damaged.
        """
        path = self._named(self.folder.upscalers, name, "upscaler")
        return self._extra(
            "upscaler",
            path,
            lambda: upscaler_networks.load_upscaler(path, device=self.device, dtype=self.dtype),
        )

    def face_restorer(self, name: str) -> FaceRestorer:
        """Return what restores faces, by its name.

        Raises:
            Refused: If there is none of that name, or something that it needs is missing.
            ModelFileError: If a file is damaged.
        """
        path, detector = self.folder.face_restorers.get(name), self.folder.face_detector
        if path is None or detector is None:
            missing = missing_for_faces(self.folder) or f"there is {', '.join(self.folder.face_restorers)}"
            raise Refused(422, f"{name!r} restores no faces here: {missing}")
        return self._extra("faces", path, lambda: load_face_restorer(path, detector, device=self.device))

    def make_room(self) -> None:
        """Give back all memory of the GPU but for the checkpoint's weights."""
        if self._caller is not None:
            self._caller.forget()
        self._refiner = None
        self._extras.clear()
        self._embeddings.clear()
        if self._is_gpu:
            torch.cuda.empty_cache()

    def unload(self) -> None:
        """Give back the device's memory."""
        self._model = self._caller = None
        self.make_room()

    def rest(self) -> None:
        """Move what is loaded into main memory, from where it comes back sooner than from a file."""
        self.make_room()
        if self._model is not None and self._is_gpu:
            self._model.to(torch.device("cpu"))
            torch.cuda.empty_cache()

    @property
    def _is_gpu(self) -> bool:
        return self.device.type == "cuda"

    def _offsets(self, order: BatchOrder) -> Path | None:
        """Return the file of IC-Light's weights that the order needs."""
        if order.relight is None:
            return None
        kind: IcLightModel = "FBC" if order.relight.is_fbc else "FC"
        path = self.folder.ic_light.get(kind)
        if path is None:
            remedy = getting(f"iclight-{kind.lower()}", self.folder.root)
            raise Refused(422, f"IC-Light's {kind} weights are not there: {remedy}")
        return path

    def _embedding(self, file: ModelFile, model: checkpoints.LoadedModel) -> embeddings.Embedding:
        path = self.folder.path_of(file)
        return self._extra("embedding", path, lambda: embeddings.load(path, model))

    def _named(self, files: tuple[ModelFile, ...], name: str, kind: str) -> Path:
        for file in files:
            if file.is_named(name):
                return self.folder.path_of(file)
        listed = ", ".join(file.name for file in files) or "none"
        raise Refused(422, f"there is no {kind} {name!r} here; there is {listed}")

    def _extra(self, kind: str, path: Path, load: Callable[[], T]) -> T:
        """Return a smaller model, loaded once while it is among those used last and its file is as it was."""
        is_embedding = kind == "embedding"
        kept, most = (self._embeddings, KEPT_EMBEDDINGS) if is_embedding else (self._extras, KEPT_EXTRAS)
        key = (kind, state_of(path))
        found = kept.pop(key, None)
        kept[key] = load() if found is None else found
        while len(kept) > most:
            del kept[next(iter(kept))]
        return kept[key]  # type: ignore[return-value]  # the kind tells the type
