"""The sections of the engine benchmark that draw in this process: seconds and memory, order by order."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from benchmarks import engine_models
from benchmarks.engine_bench import GB, Bench, relight
from prodgen.engines.diffusers import variants
from prodgen.engines.diffusers.noise import philox_normal
from prodgen.server.engine import HiresPass
from prodgen.server.wire import Crashed


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
