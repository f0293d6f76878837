"""The section of the engine benchmark that draws through `prodgen serve`, for clients that always ask."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.engine_bench import Bench, product, relight
from prodgen.server.ic_light_script import IC_LIGHT_MODELS


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
