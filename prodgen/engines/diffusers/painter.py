"""Draws orders with the models at hand, and answers a GPU whose memory is too small."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from prodgen.engines.diffusers import upscaler_networks
from prodgen.engines.diffusers.batch_drawing import BatchDrawing, part_of
from prodgen.engines.diffusers.checkpoints import LoadedModel
from prodgen.engines.diffusers.device import Device
from prodgen.engines.diffusers.model_folder import ModelFolder
from prodgen.engines.diffusers.model_shelf import ModelShelf
from prodgen.engines.diffusers.samplers import SAMPLERS
from prodgen.errors import WrongValueError
from prodgen.server.engine import BatchOrder, DrawnPicture, ReportProgress
from prodgen.server.queueing import Stopped
from prodgen.server.wire import Crashed, Pixels


class Painter:
    """Draws with the models of a shelf.

    Args:
        shelf: The models.
        device: What they draw on.
    """

    def __init__(self, shelf: ModelShelf, device: Device) -> None:
        self.shelf = shelf
        self._device = device

    def paint(self, order: BatchOrder, report: ReportProgress) -> list[DrawnPicture]:
        """Draw a batch.

        Memory that runs out is answered step by step: the network is asked for fewer rows at a time, the VAE
        works in tiles, other models leave the GPU, the pictures are drawn in smaller batches.

        Raises:
            Refused: For what the engine or the model cannot do.
            Crashed: If the memory does not suffice for one picture, as A1111 says it.
            Stopped: If it was interrupted before anything was drawn.
        """
        with torch.no_grad():
            return self._painted(order, report)

    def upscale(self, pixels: Pixels, width: int, height: int, name: str) -> Pixels:
        """Return a picture, (H, W, 3 or 4), enlarged by a network; alpha by a filter.

        Raises:
            Refused: If there is none of that name.
            Crashed: If the memory does not suffice even for small tiles, as A1111 says it.
        """
        for has_room in (False, True):
            try:
                return upscaler_networks.enlarged_to(pixels, width, height, self.shelf.upscaler(name))
            except torch.OutOfMemoryError as error:
                text = f"{error} {_remedy(width, height)}"
            if not has_room:
                self.shelf.make_room()
        self.shelf.make_room()
        raise Crashed("OutOfMemoryError", text)

    def _painted(self, order: BatchOrder, report: ReportProgress) -> list[DrawnPicture]:
        try:
            return self._drawn(order, report)
        except torch.OutOfMemoryError:
            pass  # goes on below: within this block the exception would hold on to what it left unfinished
        self.shelf.make_room()
        if len(order.seeds) > 1:
            return self._painted_by_halves(order, report)
        try:
            return self._drawn(order, report)
        except torch.OutOfMemoryError as error:
            text = f"{error} {_remedy(*order.final_size)}"
        self.shelf.make_room()
        raise Crashed("OutOfMemoryError", text)

    def _painted_by_halves(self, order: BatchOrder, report: ReportProgress) -> list[DrawnPicture]:
        """Draw a batch as two; a picture is the same in a batch of any size."""
        count, half = len(order.seeds), (len(order.seeds) + 1) // 2

        def report_second(share: float, preview: Pixels | None = None) -> None:
            report((half + share * (count - half)) / count, preview)

        def report_first(share: float, preview: Pixels | None = None) -> None:
            report(share * half / count, preview)

        first = self._painted(part_of(order, slice(0, half)), report_first)
        rest = part_of(order, slice(half, count))
        try:
            return [*first, *self._painted(rest, report_second)]
        except Stopped:  # before anything of the second half was drawn: the first one's pictures stay
            return [*first, *_not_begun(rest)]

    def _drawn(self, order: BatchOrder, report: ReportProgress) -> list[DrawnPicture]:
        report(0.0)
        model = self.shelf.model_for(order)
        faces = order.finer.restore_faces
        restorer = None if faces is None else self.shelf.face_restorer(faces)
        drawing = BatchDrawing(self.shelf, model, order, report)
        pictures, is_partial = drawing.pictures()
        if restorer is not None:
            pictures = [restorer.restored(picture) for picture in pictures]
        maps = drawing.shown_maps()
        return [
            DrawnPicture(pixels, self._story(order, model, place), is_partial=is_partial, maps=maps)
            for place, pixels in enumerate(pictures)
        ]

    def _story(self, order: BatchOrder, model: LoadedModel, place: int) -> Mapping[str, object]:
        """Return what a picture depends on beside its settings, down to the last bit."""
        words = [order.prompts[place], order.negative_prompts[place]]
        if order.hires is not None:
            words += filter(None, (order.hires.prompt, order.hires.negative_prompt))
        used = self.shelf.embeddings_used(model, tuple(words))
        numbers = str(self.shelf.dtype).removeprefix("torch.")
        batch = len(order.seeds)
        drawn_on = f"{self._device.title}, torch {torch.__version__}, {numbers}, batch of {batch}"
        hashes = ", ".join(f"{file.name}: {file.sha256[:12]}" for file in used)
        named = {"TI hashes": hashes} if used else {}
        story: dict[str, object] = {**named, "RNG": "NV", "Drawn on": drawn_on}
        if SAMPLERS[order.sampler].has_brownian_noise:
            story["Sampler noise"] = "not A1111's"
        if model.family.penultimate_layer:
            story["Clip skip"] = None  # it does nothing there, so it is not told
        return story


def _not_begun(order: BatchOrder) -> list[DrawnPicture]:
    """Return what stands for pictures that an interrupt came before: what they start from, else grey."""
    width, height = order.final_size
    grey = np.full((height, width, 3), 127, np.uint8)
    starts = [plan.start for plan in order.starts] or [grey] * len(order.seeds)
    return [DrawnPicture(pixels, is_partial=True) for pixels in starts]


def _remedy(width: int, height: int) -> str:
    """Return what to do where one picture is too large for the GPU."""
    return (
        f"The picture of {width} x {height} does not fit this GPU even by itself: ask for a smaller one,"
        " close what else uses the GPU, or allow more by --vram."
    )


def ready_painter(
    folder: ModelFolder, device: Device, *, vram_bytes: int | None, with_graphs: bool
) -> Painter:
    """Return a painter for a device, and hold the process to the memory it may take.

    Args:
        folder: The models.
        device: What draws.
        vram_bytes: Most memory of the GPU to be taken, what PyTorch keeps in reserve included; None is all.
        with_graphs: Whether calls of the network are recorded as CUDA graphs.

    Raises:
        SettingError: If that is more than the GPU has.
    """
    memory = device.memory_bytes or 0
    if vram_bytes is not None and device.is_gpu:
        if vram_bytes > memory:
            raise WrongValueError("vram", vram_bytes, f"must be at most the {memory} bytes of {device.title}")
        torch.cuda.set_per_process_memory_fraction(vram_bytes / memory)
        memory = vram_bytes
    return Painter(ModelShelf(folder, device, memory_bytes=memory, with_graphs=with_graphs), device)
