"""How well calls that wait share batches: pictures a second, and the share of time with something drawn.

    python benchmarks/waiting_calls.py [--clients 4] [--seconds 20] [--pause 0] [--kinds 1] [--slower 1]

The server, its wire and its queue are prodgen's own; the engine only waits, as long as a GPU was measured to
draw batches (one H200, relight at 0.5 megapixels in 25 steps). The clients are another process, each with one
call after the other, and their pictures are as hard to compress as photographs. So what is measured is the
server, on this machine's processor: its decoding, encoding and sending compete with the clients for it.
`--slower 4` draws, and counts, in slow motion, as if the processor were four times as fast beside that GPU.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import math
import multiprocessing
import statistics
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.client import photo
from prodgen.server.app import ApiServer
from prodgen.server.engine import (
    AcceleratorMemory,
    BatchOrder,
    DrawnPicture,
    EngineInventory,
    ModelFile,
    ReportProgress,
)
from prodgen.server.ic_light_script import IC_LIGHT_MODELS
from prodgen.server.socket_server import listening

SIZE = (576, 896)
STEPS = 25

BATCH_S = {1: 0.60, 2: 1.08, 4: 1.92, 8: 3.60}
"""Seconds of a batch by its pictures, as measured; between them a straight line."""


class PacedEngine:
    """Waits as long as a GPU draws, and hands over a photograph-like picture."""

    def __init__(self, slower: float) -> None:
        self._slower = slower
        self.batches: list[tuple[float, float, int]] = []
        """Begin, end (monotonic seconds) and number of pictures of each batch."""

        self._picture = photo(*SIZE)

    def inventory(self) -> EngineInventory:
        """Return one checkpoint, relit by IC-Light FC."""
        return EngineInventory(
            version="paced",
            description="by waiting",
            checkpoints=(ModelFile("paced", "ab" * 32, {}, "sd15"),),
            samplers=("DPM++ 2M SDE",),
            schedulers=("Automatic", "Karras"),
            ic_light=("FC",),
            batches_requests=True,
        )

    def draw(self, order: BatchOrder, progress: ReportProgress) -> Iterator[DrawnPicture]:
        """Wait, and hand over one picture for each seed."""
        begun = time.monotonic()
        count = len(order.seeds)
        seconds = self._slower * float(np.interp(count, list(BATCH_S), list(BATCH_S.values())))
        for step in range(order.steps):
            progress(step / order.steps)
            time.sleep(max(0.0, begun + seconds * (step + 1) / order.steps - time.monotonic()))
        self.batches.append((begun, time.monotonic(), count))
        for _ in order.seeds:
            yield DrawnPicture(self._picture.copy())

    def upscale(self, pixels: np.ndarray, width: int, height: int, name: str) -> np.ndarray:
        """Fail: nothing enlarges here."""
        raise NotImplementedError  # the load test asks for no enlargement

    def unload(self) -> None:
        """Do nothing."""

    def memory(self) -> AcceleratorMemory | None:
        """Return None."""
        return None

    def estimate(self, width: int, height: int, steps: int) -> float | None:
        """Return None."""
        return None

    def close(self) -> None:
        """Do nothing."""


def request_of(kind: int) -> dict[str, Any]:
    """Return the body of POST /sdapi/v1/txt2img; calls of one kind can share a batch."""
    data = io.BytesIO()
    cut_out = np.dstack([photo(448, 640), np.full((640, 448), 255, np.uint8)])
    Image.fromarray(cut_out).save(data, "PNG")
    unit = {
        "enabled": True,
        "model_type": IC_LIGHT_MODELS[0],
        "input_fg": base64.b64encode(data.getvalue()).decode(),
        "remove_bg": False,
        "reinforce_fg": False,
    }
    return {
        "prompt": "a red cylinder on a wooden table",
        "width": SIZE[0],
        "height": SIZE[1],
        "steps": STEPS,
        "cfg_scale": 2 + kind,
        "sampler_name": "DPM++ 2M SDE",
        "scheduler": "Karras",
        "alwayson_scripts": {"IC Light": {"args": [unit]}},
    }


def client(address: str, kind: int, seconds: float, pause: float) -> list[tuple[float, float]]:
    """Ask for one picture after the other; return when each was asked for, and how long it took."""
    body, took, ends_at = request_of(kind), [], time.monotonic() + seconds
    seed = 0
    while (begun := time.monotonic()) < ends_at:
        seed += 1
        request = urllib.request.Request(
            f"{address}/sdapi/v1/txt2img",
            json.dumps({**body, "seed": seed}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            json.loads(answer.read())
        took.append((begun, time.monotonic() - begun))
        time.sleep(pause)
    return took


def all_clients(
    address: str, count: int, kinds: int, seconds: float, pause: float
) -> list[list[tuple[float, float]]]:
    """Run the clients in threads of this process."""
    with ThreadPoolExecutor(count) as pool:
        runs = [pool.submit(client, address, place % kinds, seconds, pause) for place in range(count)]
        return [run.result() for run in runs]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=4, help="That always have one call under way.")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--pause", type=float, default=0, help="Seconds from an answer to the next call.")
    parser.add_argument("--kinds", type=int, default=1, help="Of settings; only one kind shares a batch.")
    parser.add_argument("--slower", type=float, default=1, help="Slow motion.")
    options = parser.parse_args()
    slower = options.slower
    engine, spawn = PacedEngine(slower), multiprocessing.get_context("spawn")
    with listening(ApiServer(engine)) as address, spawn.Pool(1) as process:
        arguments = (address, options.clients, options.kinds, options.seconds, options.pause * slower)
        runs = process.apply(all_clients, arguments)
    begun, ended = engine.batches[0][0], engine.batches[-1][1]
    drawn = sum(count for _, _, count in engine.batches)
    busy = sum(end - begin for begin, end, _ in engine.batches)
    took = sorted(seconds for run in runs for _, seconds in run)
    lasted = ended - begun
    print(
        f"{drawn / lasted * slower:.2f} pictures/s, busy {100 * busy / lasted:.0f} % of the time;"
        f" a call takes {statistics.median(took) / slower:.2f} s in the middle,"
        f" {took[math.ceil(0.95 * len(took)) - 1] / slower:.2f} s at most for 95 %"
    )
    print("batches by size:", dict(sorted(Counter(count for _, _, count in engine.batches).items())))


if __name__ == "__main__":
    main()
