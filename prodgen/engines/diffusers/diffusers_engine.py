"""The engine behind `engine://`: Stable Diffusion and IC-Light on this machine's GPU, by PyTorch.

Owns what the server sees of it: the inventory, the refusals, the drawing thread. PyTorch is not imported
before somebody asks what there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prodgen import __version__
from prodgen.engines.diffusers.control_maps import CONTROL_MODULES, detected_map
from prodgen.engines.diffusers.device import USUAL_SIZE, USUAL_STEPS, Device, find_device, seconds_on_cpu
from prodgen.engines.diffusers.drawing_thread import DrawingThread, StoppableProgress
from prodgen.engines.diffusers.face_restoring import missing_for_faces
from prodgen.engines.diffusers.model_folder import ModelFolder
from prodgen.engines.diffusers.order_limits import check_order
from prodgen.engines.diffusers.samplers import SAMPLERS
from prodgen.engines.diffusers.sigmas import SCHEDULES
from prodgen.errors import EngineUnavailableError, SettingError
from prodgen.server.engine import (
    AcceleratorMemory,
    BatchOrder,
    DetectedMap,
    DrawnPicture,
    EngineInventory,
    EngineSettings,
    ReportProgress,
)
from prodgen.server.finer_settings import ControlOrder
from prodgen.server.wire import Pixels
from prodgen.weights.folders import getting

if TYPE_CHECKING:
    from prodgen.engines.diffusers.painter import Painter


class DiffusersEngine:
    """Draws by diffusion on this machine; an `Engine`.

    Args:
        settings: The models' folder and the limit of the GPU's memory.
        with_graphs: Whether calls of the network are recorded as CUDA graphs, on a GPU.

    Raises:
        SettingError: For the address of another program.
    """

    def __init__(self, settings: EngineSettings | None = None, *, with_graphs: bool = True) -> None:
        settings = settings or EngineSettings()
        if settings.address is not None:
            raise SettingError(f"this engine draws on this machine; it has no use for {settings.address!r}")
        self._vram_bytes, self._with_graphs = settings.vram_bytes, with_graphs
        self.folder = ModelFolder(settings.models)
        self._painter: Painter | None = None
        self._thread = DrawingThread(self._rest)

    def inventory(self) -> EngineInventory:
        """Return what lies in the models' folder; without a checkpoint the first note says what to do."""
        self.folder.refresh()
        version = f"prodgen-engine {__version__}"
        try:
            device = find_device()
        except EngineUnavailableError as error:
            return EngineInventory(version, "by diffusion", (), notes=(str(error),))
        face_remedy = missing_for_faces(self.folder)
        return EngineInventory(
            version=version,
            description=f"by diffusion, on {device.title if device.is_gpu else 'the CPU'}",
            checkpoints=self.folder.checkpoints,
            loras=self.folder.loras,
            vaes=self.folder.vaes,
            upscalers=tuple(file.name for file in self.folder.upscalers),
            samplers=tuple(SAMPLERS),
            schedulers=("Automatic", *SCHEDULES),
            ic_light=tuple(sorted(self.folder.ic_light, key=len)),
            controlnets=tuple(file.name for file in self.folder.controlnets),
            control_modules=CONTROL_MODULES,
            embeddings=tuple(file.name for file in self.folder.embeddings),
            face_restorers=() if face_remedy else tuple(self.folder.face_restorers),
            face_remedy=face_remedy,
            batches_requests=device.is_gpu,
            notes=self._notes(device),
        )

    def draw(self, order: BatchOrder, progress: ReportProgress) -> Iterator[DrawnPicture]:
        """Draw a batch at once, and hand its pictures over.

        Raises:
            Refused, Crashed: For what it cannot draw; for want of memory.
            ModelFileError: If a file is damaged or of another family.
            EngineUnavailableError: If PyTorch is missing or does not load.
        """
        check_order(order)
        report = StoppableProgress(progress)
        try:
            pictures = self._thread.run(lambda: self._ready().paint(order, report))
        except BaseException:
            report.leave()
            raise
        yield from pictures

    def upscale(self, pixels: Pixels, width: int, height: int, name: str) -> Pixels:
        """Return a picture enlarged by one of the networks; alpha is kept."""
        return self._thread.run(lambda: self._ready().upscale(pixels, width, height, name))

    def detect(self, unit: ControlOrder) -> DetectedMap:
        """Return the map that a preprocessor makes of a picture.

        Raises:
            Refused: For a preprocessor that is not there.
        """
        return self._thread.run(lambda: detected_map(unit))

    def unload(self) -> None:
        """Take every model off the GPU and out of memory."""
        self._thread.run(self._unload)

    def memory(self) -> AcceleratorMemory | None:
        """Return the GPU's memory, or None without one."""
        if self._painter is None or not find_device().is_gpu:
            return None
        import torch

        free, total = torch.cuda.mem_get_info()
        return AcceleratorMemory(free, total)

    def estimate(self, width: int, height: int, steps: int) -> float | None:
        """Return about how many seconds a picture takes on a CPU; None on a GPU, where it takes a second."""
        return None if find_device().is_gpu else seconds_on_cpu(width, height, steps)

    def close(self) -> None:
        """Unload, and end the drawing thread."""
        if self._painter is not None:
            self.unload()
        self._thread.close()

    def _ready(self) -> Painter:
        """Return what draws, made at the first picture."""
        if self._painter is None:
            from prodgen.engines.diffusers.painter import ready_painter

            self._painter = ready_painter(
                self.folder, find_device(), vram_bytes=self._vram_bytes, with_graphs=self._with_graphs
            )
        return self._painter

    def _unload(self) -> None:
        if self._painter is not None:
            self._painter.shelf.unload()

    def _rest(self) -> None:
        if self._painter is not None:
            self._painter.shelf.rest()

    def _notes(self, device: Device) -> tuple[str, ...]:
        """Return what whoever starts the engine should know."""
        notes = []
        if not self.folder.checkpoints:
            there = "no checkpoint lies in" if self.folder.root.is_dir() else "there is no folder"
            notes.append(f"{there} {self.folder.root}: {getting('sd15-photo', self.folder.root)}")
        if not device.is_gpu:
            seconds = seconds_on_cpu(*USUAL_SIZE, USUAL_STEPS)
            said = f"it draws on the CPU: about {seconds:.0f} s for a picture of 0.5 megapixels in 25 steps"
            notes.append(f"{said}; {device.remedy}" if device.remedy else said)
        return (*notes, *(f"{file.path.name} is left out: {file.reason}" for file in self.folder.skipped))
