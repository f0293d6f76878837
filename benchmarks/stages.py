"""Time and memory of what prodgen itself does on the CPU, stage by stage.

    python benchmarks/stages.py [--size 1300x2000] [--rounds 5]

A product photograph is made (a printed cylinder on a sweep), rendered once on the embedded backend
to warm up, then each stage of the default recipe is timed apart. "CPU stages, files included" is all
but the backend's own work (relight) and segmentation. The named alternative in the same run: Pillow alone
reading, pasting by the matte, and saving the same picture as PNG.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from prodgen import files
from prodgen.cutout import CutOut
from prodgen.shots import shoot


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


def pillow_paste(photo: Path, matte: Path, folder: Path) -> None:
    picture, mask = Image.open(photo).convert("RGB"), Image.open(matte).convert("L")
    ground = Image.new("RGB", picture.size, (120, 90, 60))
    ground.paste(picture, mask=mask)
    ground.save(folder / "pillow.png")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="1300x2000")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files.save(folder / "photo.png", photograph(width, height))
        first = shoot(folder / "photo.png", "wooden table, sunset", backend="embedded://", seed=1,
                      settings={"place": "original", "segmenter": "classical"})  # fmt: skip
        files.save_matte(folder / "matte.png", first.frame[CutOut].matte)
        settings = {"place": "original"}
        rows: dict[str, list[float]] = {}
        for _ in range(args.rounds):
            begun = time.perf_counter()
            done = shoot(folder / "photo.png", "wooden table, sunset", output=folder / "out.png", backend="embedded://",
                         seed=1, matte=folder / "matte.png", settings=settings)  # fmt: skip
            rows.setdefault("everything", []).append(time.perf_counter() - begun)
            for stage, seconds in done.seconds.items():
                rows.setdefault(stage, []).append(seconds)
            begun = time.perf_counter()
            pillow_paste(folder / "photo.png", folder / "matte.png", folder)
            rows.setdefault("(Pillow: read, paste, save)", []).append(time.perf_counter() - begun)
    timed = zip(rows["everything"], rows["relight"], rows["segment"], strict=True)
    rows["CPU stages, files included"] = [whole - relight - segment for whole, relight, segment in timed]
    paste = statistics.median(rows["(Pillow: read, paste, save)"])
    print(f"{args.size}, median of {args.rounds}")
    for stage, times in rows.items():
        took = statistics.median(times)
        print(f"  {stage:<28} {took * 1000:7.0f} ms   {took / paste:5.2f} x Pillow")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
