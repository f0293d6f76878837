"""Time of a preview of light and shadow on one core, as a screen asks for it while a lamp is dragged.

    python benchmarks/light_preview.py [--rounds 15]

A drawn bottle, 512 pixels high, under one, two and four lights. The demand is 150 ms at most.
"""

from __future__ import annotations

import argparse
import statistics
import time

import cv2
import numpy as np

from prodgen.light import Light
from prodgen.shots.light_preview import PREVIEW_SIDE_PX, preview

LIGHTS = ("window left", "#ff8800 back-right 40%", "#0044ff right 20%", "top 10%")

MOST_MS = 150
"""Most milliseconds for one preview, by which a dragged handle still follows the hand."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    cv2.setNumThreads(1)
    side = PREVIEW_SIDE_PX
    matte = np.zeros((side, side), np.float32)
    cv2.rectangle(matte, (190, 180), (320, 430), 1.0, -1)
    cv2.rectangle(matte, (232, 80), (278, 200), 1.0, -1)
    photo = np.where(matte[..., None] > 0, np.array((0.1, 0.45, 0.3)), 0.9).astype(np.float32)
    print(f"{side}x{side}, one core, median and slowest of {rounds}; {MOST_MS} ms are possible")
    for count in (1, 2, 4):
        lights = [Light.parse(text) for text in LIGHTS[:count]]
        preview(photo, matte, lights)
        taken = []
        for _ in range(rounds):
            begun = time.perf_counter()
            preview(photo, matte, lights)
            taken.append(1000 * (time.perf_counter() - begun))
        print(f"{count} light(s): {statistics.median(taken):5.0f} ms, slowest {max(taken):5.0f} ms")


if __name__ == "__main__":
    main()
