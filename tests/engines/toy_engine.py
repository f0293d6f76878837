"""A toy engine: all that a new one needs, in one file. `test_a_toy_engine` adds the table line."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np

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
from prodgen.server.queueing import Stopped


class ToyEngine:
    """Fills the canvas with a grey that its seed chooses; a whole batch at once, as a GPU would."""

    def __init__(self, settings: EngineSettings | None = None) -> None:
        self.settings = settings or EngineSettings()
        self.orders: list[BatchOrder] = []
        self.checkpoints = (ModelFile("toy", digest="ab" * 32), ModelFile("other toy"))
        self.loras = (ModelFile("bright"),)
        self.is_loaded = False
        self.is_under_way = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def inventory(self) -> EngineInventory:
        return EngineInventory(
            version="toy 1.0",
            description="in grey",
            checkpoints=self.checkpoints,
            loras=self.loras,
            vaes=(ModelFile("toy.vae"),),
            upscalers=("Toy 4x",),
            samplers=("Euler", "Heun"),
            schedulers=("Automatic", "Karras"),
            ic_light=("FC", "FBC"),
        )

    def draw(self, order: BatchOrder, progress: ReportProgress) -> Iterator[DrawnPicture]:
        self.orders.append(order)
        self.is_loaded = True
        width, height = order.final_size
        batch = [np.full((height, width, 3), seed % 200, np.uint8) for seed in order.seeds]
        for pixels in batch:
            pixels[1, 1] = 255  # so that a reduced preview is told from the picture itself
        is_partial = False
        try:
            for step in range(order.steps):
                progress(step / order.steps)
                self.is_under_way.set()
                self.may_go_on.wait(20)
        except Stopped:
            is_partial = True
        for pixels in batch:
            yield DrawnPicture(pixels, {"Toy": "yes"}, is_partial=is_partial)

    def upscale(self, pixels: np.ndarray, width: int, height: int, name: str) -> np.ndarray:
        return np.full((height, width, pixels.shape[2]), 77, np.uint8)

    def detect(self, unit: ControlOrder) -> DetectedMap:
        return DetectedMap(255 - unit.picture)

    def unload(self) -> None:
        self.is_loaded = False

    def memory(self) -> AcceleratorMemory | None:
        return AcceleratorMemory(free=3, total=10)

    def estimate(self, width: int, height: int, steps: int) -> float | None:
        return None

    def close(self) -> None:
        self.is_loaded = False
