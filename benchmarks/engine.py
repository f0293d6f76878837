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
import base64
import contextlib
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import engine_models
from prodgen.engines.diffusers import variants
from prodgen.engines.diffusers.device import Device, find_device
from prodgen.engines.diffusers.diffusers_engine import DiffusersEngine
from prodgen.engines.diffusers.noise import philox_normal
from prodgen.server.engine import BatchOrder, EngineSettings, HiresPass, ModelFile
from prodgen.server.ic_light_script import IC_LIGHT_MODELS, IcLightUnit
from prodgen.server.wire import Crashed, UploadedPicture

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


def relighting(bench: Bench) -> None:
    """The original's way against ours, at the original's three sizes; graphs on and off."""
    note = bench.figures.note
    bench.fresh_peak()
    ours = relight(bench, 576, 896, 25)
    eager = bench.timed(ours, with_graphs=False)
    note("relight 0.5 MP, kernel by kernel, s", eager)
    note("relight 0.5 MP, kernel by kernel, peak GB", bench.peak_gb)
    bench.fresh_peak()
    graph = bench.timed(ours)
    note("relight 0.5 MP, CUDA graph, s", graph)
    note("relight 0.5 MP, peak GB", bench.peak_gb)
    note("relight 0.5 MP, reserved GB", bench.reserved_gb)
    note("relight 0.5 MP, graphs hold GB", bench.engine._ready().shelf.caller.held_bytes / GB)
    bench.fresh_peak()
    original = bench.timed(relight(bench, 1296, 2000, 30), with_graphs=False, rounds=2)
    note("original's way 1300 x 2000, 30 steps, s", original)
    note("original's way 1300 x 2000, peak GB", bench.peak_gb)
    note("the original's way / ours", original / graph)
    larger = bench.timed(relight(bench, 704, 1088, 25))
    note("relight 0.8 MP, CUDA graph, s", larger)
    for side, own in ((1200, 704), (696, 696)):
        original = bench.timed(relight(bench, side, side, 30), with_graphs=False, rounds=2)
        note(f"original's way {side} x {side}, 30 steps, s", original)
        ours = bench.timed(relight(bench, own, own, 25))
        note(f"ours for it, {own} x {own}, 25 steps, CUDA graph, s", ours)
        note(f"original's way / ours, {side} x {side}", original / ours)
    few = bench.timed(relight(bench, 576, 896, 8, cfg_scale=1.0))
    note("relight 0.5 MP, 8 steps, guidance 1, CUDA graph, s", few)


def exactness(bench: Bench) -> None:
    """Graph against kernel by kernel, batch against singles, noise against the card's own."""
    note = bench.figures.note
    order = relight(bench, 576, 896, 25)
    bench.graphs(False, order)
    plain = bench.draw(order)[0]
    bench.graphs(True, order)
    graph = bench.draw(order)[0]
    caller = bench.engine._ready().shelf.caller
    note("graphs recorded", len(caller.recorded))
    note("graph equals kernel by kernel, to the bit", bool(np.array_equal(plain, graph)))
    note("the same order again, to the bit", bool(np.array_equal(graph, bench.draw(order)[0])))
    three = bench.draw(replace(order, seeds=(1, 2, 3), prompts=(), negative_prompts=()))
    difference = np.abs(three[0].astype(int) - graph.astype(int))
    note("batch of 3 against alone, mean level", float(difference.mean()))
    note("batch of 3 against alone, largest level", int(difference.max()))
    note("standard deviation of the picture, levels", float(graph.std()))
    if bench.device.is_gpu:
        dice = torch.Generator("cuda").manual_seed(12345)
        card = torch.randn(4 * 112 * 72, generator=dice, device="cuda").cpu().numpy()
        note(
            "Philox against torch.randn on the card",
            float(np.abs(card - philox_normal(12345, 0, card.size)).max()),
        )


def batches(bench: Bench) -> None:
    """Several pictures at once, seconds for each."""
    for count in (2, 4, 8):
        bench.fresh_peak()
        seconds = bench.timed(relight(bench, 576, 896, 25, count), rounds=2)
        bench.figures.note(f"relight 0.5 MP, batch of {count}, s a picture", seconds / count)
        bench.figures.note(f"relight 0.5 MP, batch of {count}, peak GB", bench.peak_gb)


def switching(bench: Bench) -> None:
    """Another variant of the weights, and a LoRA merged: seconds, the graph stays."""
    painter = bench.engine._ready()
    bench.draw(relight(bench, 576, 896, 1))
    model, folder = painter.shelf._model, bench.engine.folder
    if model is None:
        raise RuntimeError("no model is loaded")
    lora = [(bench.engine.folder.path_of(bench.engine.folder.loras[0]), 0.7)]
    ways: dict[str, dict[str, Any]] = {
        "plain": {},
        "IC-Light FC": {"relight": folder.ic_light["FC"]},
        "IC-Light FBC": {"relight": folder.ic_light["FBC"]},
        "a LoRA": {"loras": lora},
    }
    for _ in range(2):  # the second round has its files in memory
        for name, way in ways.items():
            begun = time.perf_counter()
            variants.apply(model, **way)
            if bench.device.is_gpu:
                torch.cuda.synchronize()
            bench.figures.note(f"change of weights to {name}, s", time.perf_counter() - begun)


def limits(bench: Bench) -> None:
    """Memory capped as `--vram` caps it: what still fits, and how the rest is refused."""
    if not bench.device.is_gpu or bench.device.memory_bytes is None:
        return
    note = bench.figures.note
    cases = {
        "3.5 GB, 576 x 896": (3.5, relight(bench, 576, 896, 25)),
        "3.5 GB, 1296 x 2000": (3.5, relight(bench, 1296, 2000, 2)),
        "3.5 GB, 576 x 896, batch of 8": (3.5, relight(bench, 576, 896, 4, 8)),
        "2.1 GB, 1296 x 2000": (2.1, relight(bench, 1296, 2000, 2)),
    }
    try:
        for name, (limit, order) in cases.items():
            bench.fresh_peak()
            torch.cuda.set_per_process_memory_fraction(limit * GB / bench.device.memory_bytes)
            begun = time.perf_counter()
            try:
                drawn = len(bench.draw(order))
                seconds = time.perf_counter() - begun
                text = f"{drawn} drawn in {seconds:.2f} s, held {bench.reserved_gb:.2f} GB"
            except Crashed as error:
                text = f"refused: {error.kind}: ...{error.text[-160:]}"
            note(f"at most {name}", text)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        bench.fresh_peak()


def large(bench: Bench) -> None:
    """2048 x 2048 from words: 512, twice the size, twice again."""
    note = bench.figures.note
    side = bench.px(512, 512)[0]
    plain = replace(relight(bench, 512, 512, 25), relight=None, cfg_scale=7.0)
    note("512 x 512 from words, 25 steps, s", bench.timed(plain))
    hires = HiresPass(4 * side, 4 * side, "Latent", bench.steps(12), 0.5)
    bench.fresh_peak()
    note("512 + hires x4 = 2048 x 2048, s", bench.timed(replace(plain, hires=hires), rounds=1))
    note("2048 x 2048, peak GB", bench.peak_gb)
    note("the VAE calculates in", str(bench.engine._ready().shelf._model.vae.dtype))
    picture = bench.draw(plain)[0]
    name = bench.engine.inventory().upscalers[0]
    for _ in range(2):
        begun = time.perf_counter()
        bench.engine.upscale(np.ascontiguousarray(picture), 2 * side, 2 * side, name)
        note("ESRGAN x4 of 512 x 512, then halved, s", time.perf_counter() - begun)


def xl(bench: Bench) -> None:
    """SDXL and SDXL-Turbo."""
    note = bench.figures.note
    size = "full" if bench.device.is_gpu else "tiny"
    path = bench.models / "Stable-diffusion" / f"{size}-sdxl.safetensors"
    begun = time.perf_counter()
    if not path.exists():
        engine_models.write_checkpoint(path, "sdxl", size=size, device=bench.device.kind)
        note("random SDXL written, s", time.perf_counter() - begun)
        bench.engine.folder.refresh()
    begun = time.perf_counter()
    base = replace(
        relight(bench, 1024, 1024, 25), relight=None, cfg_scale=7.0, checkpoint=bench.checkpoint("sdxl")
    )
    bench.draw(replace(base, steps=1))
    note("SDXL loaded, first step and decoding, s", time.perf_counter() - begun)
    bench.fresh_peak()
    note("SDXL 1024 x 1024, 25 steps, CUDA graph, s", bench.timed(base, rounds=2))
    note("SDXL 1024 x 1024, peak GB", bench.peak_gb)
    note("SDXL 1024 x 1024, 25 steps, kernel by kernel, s", bench.timed(base, with_graphs=False, rounds=1))
    width, height = bench.px(512, 512)
    turbo = replace(
        base, width=width, height=height, steps=4, cfg_scale=1.0, sampler="Euler a", schedule="SGM Uniform"
    )
    note("SDXL 512 x 512, 4 steps, guidance 1, CUDA graph, s", bench.timed(turbo))


def serving(bench: Bench) -> None:
    """Pictures a second and the GPU's busy share through `prodgen serve`, with 4 clients that always ask."""
    bench.engine.unload()
    with served(bench) as address:
        payload = request_of(bench)
        for _ in range(2):
            post(address, {**payload, "seed": 1})  # loads, records the graphs
        for name, is_shared in (("one product", True), ("four products", False)):
            clients(address, payload, seconds=4, is_shared=is_shared)  # graphs for the batches
            with busy(bench) as shares:
                begun = time.perf_counter()
                drawn = clients(
                    address, payload, seconds=15 if bench.device.is_gpu else 3, is_shared=is_shared
                )
                seconds = time.perf_counter() - begun
            bench.figures.note(f"serve, {name}, pictures/s", drawn / seconds)
            if shares:
                bench.figures.note(f"serve, {name}, GPU busy %", statistics.mean(shares))


@contextlib.contextmanager
def served(bench: Bench) -> Iterator[str]:
    """Run `prodgen serve` over the benchmark's models, and give its address."""
    port = "7899"
    command = [sys.executable, "-m", "prodgen", "serve", "--engine", "diffusers", "--port", port]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [*command, "--models", str(bench.models)], env=environment, stdout=said, stderr=subprocess.STDOUT
        )
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(240):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"{address}/sdapi/v1/sd-models", timeout=5).read()
                    break
                if process.poll() is not None:
                    break
                time.sleep(0.25)
            else:
                raise RuntimeError("the server did not start within a minute")
            if process.poll() is not None:
                said.seek(0)
                raise RuntimeError(f"the server ended: {said.read().decode(errors='replace')[-1500:]}")
            yield address
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


def request_of(bench: Bench) -> dict[str, Any]:
    """Return the body of POST /sdapi/v1/txt2img that relights the product."""
    order = relight(bench, 576, 896, 25)
    return {
        "prompt": order.prompt,
        "negative_prompt": order.negative_prompt,
        "width": order.width,
        "height": order.height,
        "steps": order.steps,
        "cfg_scale": order.cfg_scale,
        "sampler_name": order.sampler,
        "scheduler": order.schedule,
        "override_settings": {"sd_model_checkpoint": order.checkpoint.name},
        "alwayson_scripts": {"IC Light": {"args": [unit_of(product())]}},
    }


def unit_of(picture: np.ndarray) -> dict[str, Any]:
    """Return IC-Light's arguments for a cut-out product, (H, W, 4)."""
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "PNG")
    return {
        "enabled": True,
        "model_type": IC_LIGHT_MODELS[0],
        "input_fg": base64.b64encode(data.getvalue()).decode(),
        "remove_bg": False,
        "reinforce_fg": False,
    }


def post(address: str, body: dict[str, Any]) -> None:
    """Draw one picture over the wire; raise if none comes."""
    request = urllib.request.Request(
        f"{address}/sdapi/v1/txt2img", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{error.code}: {error.read()[:500]!r}") from error
    if b'"images"' not in text[:200] and not json.loads(text)["images"]:
        raise RuntimeError("no picture came")


def clients(address: str, payload: dict[str, Any], *, seconds: float, is_shared: bool) -> int:
    """Let 4 clients ask for pictures one after the other; return how many came."""
    counts, faults, ends_at = [0] * 4, [], time.monotonic() + seconds

    def ask(place: int) -> None:
        body = dict(payload)
        if not is_shared:
            other = product()
            other[..., place % 3] //= 2 + place
            body["alwayson_scripts"] = {"IC Light": {"args": [unit_of(other)]}}
        while time.monotonic() < ends_at and not faults:
            try:
                post(address, {**body, "seed": 1000 * place + counts[place], "prompt": f"scene {place}"})
                counts[place] += 1
            except (OSError, RuntimeError) as error:
                faults.append(error)

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise RuntimeError(f"a client failed: {faults[0]}")
    return sum(counts)


@contextlib.contextmanager
def busy(bench: Bench) -> Iterator[list[float]]:
    """Note ten times a second how busy NVIDIA's driver says that the GPU is, in percent of the time."""
    shares: list[float] = []
    is_over = threading.Event()

    def look() -> None:
        import pynvml

        pynvml.nvmlInit()
        card = pynvml.nvmlDeviceGetHandleByIndex(0)
        while not is_over.wait(0.1):
            shares.append(float(pynvml.nvmlDeviceGetUtilizationRates(card).gpu))

    try:
        import pynvml  # noqa: F401 - whether it is here
    except ImportError:
        yield shares
        return
    if not bench.device.is_gpu:
        yield shares
        return
    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield shares
    finally:
        is_over.set()
        thread.join()


SECTIONS: dict[str, Callable[[Bench], None]] = {
    "relight": relighting,
    "exactness": exactness,
    "serve": serving,
    "batches": batches,
    "switching": switching,
    "limits": limits,
    "large": large,
    "xl": xl,
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
