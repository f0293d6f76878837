"""An engine as a model's would be, quick enough for tests: ibl draws, behind the inventory of a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from prodgen.engines.ibl.ibl_engine import IblEngine
from prodgen.server.engine import (
    BatchOrder,
    DrawnPicture,
    EngineInventory,
    EngineSettings,
    ModelFile,
    ReportProgress,
)


class ModelEngine(IblEngine):
    """It refuses what it does not know, and notes what it was asked for."""

    made: list[ModelEngine] = []  # noqa: RUF012 - of all of them, for tests

    def __init__(self, settings: EngineSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or EngineSettings()
        self.orders: list[BatchOrder] = []
        self.is_closed = False
        ModelEngine.made.append(self)

    def inventory(self) -> EngineInventory:
        return replace(
            super().inventory(),
            version="model 1.0",
            description="in tests",
            checkpoints=(ModelFile("photon", "ab" * 32, family="sd15"), ModelFile("other", family="sd15")),
            loras=(ModelFile("bright", family="sd15"),),
            vaes=(ModelFile("soft.vae"),),
            samplers=("DPM++ 2M", "Euler a", "Euler", "DPM++ 2M SDE", "DDIM"),
            schedulers=("Automatic", "Karras", "Uniform"),
            controlnets=("canny [12345678]",),
            control_modules=("canny",),
            embeddings=("easynegative",),
            face_restorers=(),
            imitates_flaws=False,
            batches_requests=True,
            notes=("it is a test",),
        )

    def draw(self, order: BatchOrder, progress: ReportProgress) -> Iterator[DrawnPicture]:
        self.orders.append(order)
        for drawn in super().draw(replace(order, loras=()), progress):
            yield replace(drawn, story={"Drawn by": "a test"})

    def close(self) -> None:
        self.is_closed = True
