"""What the sections of the engine benchmark share: the engine, how large everything is, the figures.

On a CPU sizes are an eighth, and steps are 2.
"""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from prodgen.engines.diffusers.device import Device
from prodgen.engines.diffusers.diffusers_engine import DiffusersEngine
from prodgen.server.engine import BatchOrder, ModelFile
from prodgen.server.ic_light_script import IC_LIGHT_MODELS, IcLightUnit
from prodgen.server.wire import UploadedPicture

GB = 1e9

GOALS = {
    "relight 0.5 MP, CUDA graph, s": ("at most", 0.6),
    "the original's way / ours": ("at least", 8.0),
    "relight 0.5 MP, peak GB": ("at most", 4.0),
    "serve, one product, pictures/s": ("at least", 2.2),
    "serve, one product, GPU busy %": ("at least", 95.0),
}
"""What was promised for one H100."""


@dataclass
class Figures:
    """What was measured; printed and written at once."""

    output: Path | None
    has_goals: bool = False
    """Whether the promises are for this device: a GPU."""

    values: dict[str, float | str | bool] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)

    def note(self, name: str, value: float | str | bool) -> None:
        """Print a figure with its goal, and write them all."""
        self.values[name] = round(value, 4) if isinstance(value, float) else value
        goal = ""
        if self.has_goals and name in GOALS and isinstance(value, (int, float)):
            way, limit = GOALS[name]
            reached = value <= limit if way == "at most" else value >= limit
            goal = f"   (goal: {way} {limit:g}: {'reached' if reached else 'MISSED'})"
        print(f"  {name}: {self.values[name]}{goal}", flush=True)
        self.write()

    def write(self) -> None:
        """Write what there is."""
        if self.output is not None:
            text = json.dumps({"figures": self.values, "faults": self.faults}, indent=1)
            self.output.write_text(text + "\n", "utf-8")


@dataclass
class Bench:
    """The engine that is measured, and how large everything is."""

    engine: DiffusersEngine
    device: Device
    models: Path
    figures: Figures
    rounds: int
    ends_at: float

    def px(self, width: int, height: int) -> tuple[int, int]:
        """Return a size in pixels; an eighth of it on a CPU."""
        if self.device.is_gpu:
            return width, height
        return max(64, width // 64 * 8), max(64, height // 64 * 8)

    def steps(self, count: int) -> int:
        """Return a number of steps; 2 on a CPU."""
        return count if self.device.is_gpu else 2

    def checkpoint(self, family: str) -> ModelFile:
        """Return the checkpoint of a family."""
        size = "full" if self.device.is_gpu else "tiny"
        return next(file for file in self.engine.folder.checkpoints if file.name == f"{size}-{family}")

    def draw(self, order: BatchOrder) -> list[np.ndarray]:
        """Draw a batch to the end."""
        pictures = [drawn.pixels for drawn in self.engine.draw(order, _silent)]
        if self.device.is_gpu:
            torch.cuda.synchronize()
        return pictures

    def timed(self, order: BatchOrder, *, with_graphs: bool = True, rounds: int | None = None) -> float:
        """Return the median of the seconds of a batch, after one round that does not count."""
        self.graphs(with_graphs, order)
        if self.device.is_gpu:
            torch.cuda.reset_peak_memory_stats()
        seconds = []
        for _ in range(rounds or self.rounds):
            begun = time.perf_counter()
            self.draw(order)
            seconds.append(time.perf_counter() - begun)
        return statistics.median(seconds)

    def graphs(self, on: bool, order: BatchOrder) -> None:
        """Draw with CUDA graphs, or without, until what follows is warm."""
        shelf = self.engine._ready().shelf
        self.draw(replace(order, steps=1))  # loads the model, if another one is there
        shelf.caller.with_graphs = on and self.device.is_gpu
        if not on:
            shelf.caller.forget()
        self.draw(order)

    def fresh_peak(self) -> None:
        """Forget what memory was needed before."""
        self.engine._ready().shelf.make_room()
        if self.device.is_gpu:
            torch.cuda.reset_peak_memory_stats()

    @property
    def peak_gb(self) -> float:
        """Most memory that tensors took since `fresh_peak`, in GB."""
        return torch.cuda.max_memory_allocated() / GB if self.device.is_gpu else 0.0

    @property
    def reserved_gb(self) -> float:
        """Most memory that PyTorch held since `fresh_peak`, in GB, without the driver's own."""
        return torch.cuda.max_memory_reserved() / GB if self.device.is_gpu else 0.0


def _silent(share: float, preview: np.ndarray | None = None) -> None:
    pass


def product() -> np.ndarray:
    """Return a red cylinder on nothing, (640, 448, 4)."""
    y, x = np.mgrid[:640, :448].astype(np.float32)
    inside = (np.abs(x - 224) < 120) & (np.abs(y - 340) < 220)
    shade = np.sqrt(np.clip(1 - ((x - 224) / 124) ** 2, 0, 1))[..., None]
    picture = np.zeros((640, 448, 4), np.uint8)
    picture[..., :3] = shade * np.array([200, 40, 40])
    picture[..., 3] = inside * 255
    return picture


def relight(bench: Bench, width: int, height: int, steps: int, count: int = 1, **fields: Any) -> BatchOrder:
    """Return an order to relight the product: IC-Light FC, guidance 2, DPM++ 2M SDE Karras."""
    unit = IcLightUnit(
        enabled=True, model_type=IC_LIGHT_MODELS[0], subject=UploadedPicture(product(), "RGBA"), relights=True
    )
    order = BatchOrder(
        prompt="a red cylinder on a wooden table, morning light",
        negative_prompt="blurry",
        seeds=tuple(range(1, count + 1)),
        width=bench.px(width, height)[0],
        height=bench.px(width, height)[1],
        checkpoint=bench.checkpoint("sd15"),
        steps=bench.steps(steps),
        cfg_scale=2.0,
        sampler="DPM++ 2M SDE",
        schedule="Karras",
        relight=unit,
    )
    return replace(order, **fields)
