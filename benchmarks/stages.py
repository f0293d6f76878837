"""Time and memory of what prodgen itself does on the CPU, stage by stage, at two sizes.

    python benchmarks/stages.py [--size 1300x2000 --size 4096x4096] [--rounds 3]

A product photograph is made (a printed cylinder on a sweep) with its matte, shot once on the embedded backend
to warm up, then each stage of the default recipe is timed and its peak memory taken. "All but cut-out and
drawing" are the stages together, without segmentation and the backend's own picture (`relight`). The goals
are 1.2 s at 1300x2000 and 5 s at 4096x4096, and 2.5 GB at most. Named alternative in
the same run: Pillow alone reading, pasting by the matte, and saving the same picture as PNG.

The processor's time is that of the calling thread; on a machine that does other work too it tells more than
the clock. The embedded backend works in a thread of its own. Peak memory is the
process' largest resident set during a stage, as Linux tells it; elsewhere that of the whole run.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from prodgen import files
from prodgen.shots import shoot

SIZES = {"1300x2000": 1.2, "4096x4096": 5.0}
"""Sizes that are measured, with the seconds that all but cut-out and backend may take."""

WITHOUT, PILLOW = "all but cut-out and drawing", "(Pillow: read, paste, save)"

MOST_MB = 2500
"""Megabytes that no stage may go beyond."""


class Meter:
    """Processor seconds and the largest resident set of each stage; `step` is told of their progress."""

    def __init__(self) -> None:
        self.peak_mb: dict[str, float] = {}
        self.cpu_s: dict[str, float] = {}
        self._begun = 0.0

    def step(self, stage: str, fraction: float) -> None:
        """Take the beginning or the end of a stage."""
        if fraction == 0:
            _forget_peak()
            self._begun = time.thread_time()
        elif fraction == 1:
            self.cpu_s[stage] = time.thread_time() - self._begun
            self.peak_mb[stage] = max(self.peak_mb.get(stage, 0), _peak_mb())


def _forget_peak() -> None:
    """Have Linux begin a new peak; source: proc(5), /proc/pid/clear_refs, value 5."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _peak_mb() -> float:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def photograph(width: int, height: int) -> np.ndarray:
    """A red printed cylinder on a light sweep, sRGB."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    sweep = 0.86 + 0.1 * (y / height)
    picture = np.repeat(sweep[..., None], 3, axis=2)
    inside = (np.abs(x - width / 2) < width * 0.25) & (np.abs(y - height * 0.55) < height * 0.25)
    shade = np.sqrt(np.clip(1 - ((x - width / 2) / (width * 0.26)) ** 2, 0, 1))[..., None]
    picture[inside] = (shade * np.array([0.75, 0.1, 0.12], np.float32))[inside]
    print_ = np.zeros((height, width), np.uint8)
    place = (int(width * 0.3), int(height * 0.57))
    cv2.putText(print_, "BENCH", place, cv2.FONT_HERSHEY_SIMPLEX, width / 260, 255, 6)
    picture[print_ > 127] = (0.95, 0.95, 0.9)
    return np.clip(picture + np.random.default_rng(0).normal(0, 0.004, picture.shape), 0, 1).astype(
        np.float32
    )


def matte_of(width: int, height: int) -> np.ndarray:
    """Return where the cylinder of `photograph` is, (H, W), with an edge of one soft pixel."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    across = width * 0.25 - np.abs(x - width / 2)
    down = height * 0.25 - np.abs(y - height * 0.55)
    return np.clip(np.minimum(across, down) + 0.5, 0, 1)


def pillow_paste(photo: Path, matte: Path, folder: Path) -> None:
    picture, mask = Image.open(photo).convert("RGB"), Image.open(matte).convert("L")
    ground = Image.new("RGB", picture.size, (120, 90, 60))
    ground.paste(picture, mask=mask)
    ground.save(folder / "pillow.png")


def measure(size: str, rounds: int) -> None:
    """Print the table of one size."""
    width, height = map(int, size.split("x"))
    wall: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    meter = Meter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files.save(folder / "photo.png", photograph(width, height))
        files.save_matte(folder / "matte.png", matte_of(width, height))
        for number in range(rounds + 1):
            begun, cpu_begun = time.perf_counter(), time.thread_time()
            done = shoot(folder / "photo.png", "wooden table, sunset", output=folder / "out.png", seed=1,
                         backend="embedded://", matte=folder / "matte.png",
                         settings={"place": "original"}, on_progress=meter.step)  # fmt: skip
            took, cpu_took = time.perf_counter() - begun, time.thread_time() - cpu_begun
            seconds = dict(done.seconds)
            del done
            if number == 0:
                continue  # numba compiles, caches fill
            _add(wall, seconds, took)
            _add(cpu, meter.cpu_s, cpu_took)
            begun, cpu_begun = time.perf_counter(), time.thread_time()
            pillow_paste(folder / "photo.png", folder / "matte.png", folder)
            wall.setdefault(PILLOW, []).append(time.perf_counter() - begun)
            cpu.setdefault(PILLOW, []).append(time.thread_time() - cpu_begun)
    print(f"{size}, median of {rounds}; {SIZES.get(size, 0):g} s and {MOST_MB} MB are the goals")
    print(f"  {'':<28} {'time':>10} {'processor':>10} {'peak':>10}   time / Pillow's")
    for stage, times in wall.items():
        took, busy = statistics.median(times), statistics.median(cpu[stage])
        peak = f"{meter.peak_mb[stage]:7.0f} MB" if stage in meter.peak_mb else ""
        ratio = took / statistics.median(wall[PILLOW])
        print(f"  {stage:<28} {took * 1000:7.0f} ms {busy * 1000:7.0f} ms {peak:>10}   {ratio:5.2f}")


def _add(rows: dict[str, list[float]], stages: Mapping[str, float], whole: float) -> None:
    """Add the seconds of one shot: by stage, for files, and of all but cut-out and backend."""
    for stage, seconds in stages.items():
        rows.setdefault(stage, []).append(seconds)
    rows.setdefault("files, read and written", []).append(whole - sum(stages.values()))
    ours = sum(seconds for stage, seconds in stages.items() if stage not in ("segment", "relight"))
    rows.setdefault(WITHOUT, []).append(ours)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", action="append")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    for size in args.size or SIZES:
        measure(size, args.rounds)


if __name__ == "__main__":
    main()
