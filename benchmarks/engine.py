"""What prodgen's own GPU engine costs: seconds, memory, how busy the GPU is. One command, 6 minutes on a GPU.

    python benchmarks/engine.py [--output engine.json] [--only relight,serve] [--seconds 330]

Networks have the true sizes and random weights, so that speed and memory are true, and pictures mean
nothing. "The original's way" is what prodgen replaces: the product relit at the photograph's own size in 30
steps; it is drawn by the same engine without CUDA graphs, as A1111 draws, with everything else of this
engine's. Each figure is printed when it is measured, and written to the file; a section that fails says why,
and the next one goes on. Without a GPU the same sections run on tiny networks: then the figures say that
nothing broke, and no more.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import engine_models
from benchmarks import engine_sections as sections
from benchmarks.engine_bench import Bench, Figures
from benchmarks.engine_serving import serving
from prodgen.engines.diffusers.device import Device, find_device
from prodgen.engines.diffusers.diffusers_engine import DiffusersEngine
from prodgen.server.engine import EngineSettings

SECTIONS: dict[str, Callable[[Bench], None]] = {
    "relight": sections.relighting,
    "exactness": sections.exactness,
    "serve": serving,
    "batches": sections.batches,
    "switching": sections.switching,
    "limits": sections.limits,
    "large": sections.large,
    "xl": sections.xl,
}


def models_for(device: Device, folder: Path) -> Path:
    """Write what the sections need, but for SDXL at full size, which is large."""
    if not device.is_gpu:
        return engine_models.write_models(folder)
    write = engine_models
    write.write_checkpoint(
        folder / "Stable-diffusion" / "full-sd15.safetensors", "sd15", size="full", device="cuda"
    )
    for kind in ("FC", "FBC"):
        write.write_ic_light(
            folder / "ic-light" / f"full-{kind.lower()}.safetensors", kind, size="full", device="cuda"
        )
    write.write_lora(folder / "Lora" / "full-lora.safetensors", "sd15", rank=64, alpha=64, size="full")
    write.write_upscaler(folder / "ESRGAN" / "full-x4.safetensors", width=64, growth=32, blocks=23)
    return folder


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the sections, each for itself."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, help="File for the figures, as JSON.")
    parser.add_argument("--only", default=",".join(SECTIONS), help="Sections, with commas between.")
    parser.add_argument("--seconds", type=float, default=330, help="No section begins after so many.")
    parser.add_argument("--rounds", type=int, default=3, help="Of which the median is taken.")
    options = parser.parse_args(arguments)
    for name in options.only.split(","):
        if name not in SECTIONS:
            parser.error(f"there is no section {name!r}; there are {', '.join(SECTIONS)}")
    begun = time.monotonic()
    device = find_device()
    figures = Figures(options.output, has_goals=device.is_gpu)
    figures.note("device", device.title)
    figures.note("torch", torch.__version__)
    if not device.is_gpu:
        torch.set_num_threads(1)
        print("No GPU: tiny networks at tiny sizes; the figures say that it runs, and nothing of its speed.")
    folder = Path(tempfile.mkdtemp(prefix="prodgen-engine-"))
    try:
        models_for(device, folder)
        figures.note("random weights written, s", time.monotonic() - begun)
        engine = DiffusersEngine(EngineSettings(models=folder))
        bench = Bench(engine, device, folder, figures, options.rounds, begun + options.seconds)
        for name in options.only.split(","):
            if time.monotonic() > bench.ends_at:
                figures.faults[name] = "no time was left"
                continue
            print(f"{name} (at {time.monotonic() - begun:.0f} s): {SECTIONS[name].__doc__}", flush=True)
            try:
                SECTIONS[name](bench)
            except Exception:  # noqa: BLE001 - told, and the next section goes on
                figures.faults[name] = traceback.format_exc()
                print(figures.faults[name], flush=True)
        engine.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        figures.note("all, s", time.monotonic() - begun)
        for name, fault in figures.faults.items():
            print(f"NOT MEASURED: {name}: {fault.strip().splitlines()[-1]}")


if __name__ == "__main__":
    main()
