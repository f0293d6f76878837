"""Time and memory of light field, blend and measurement, on one core.

    python benchmarks/identity_speed.py [--size 1300x2000] [--rounds 3]

The named alternative in the same run: scikit-image's own path from sRGB to CIEDE2000
(rgb2lab twice, deltaE_ciede2000), which any colour check of two pictures has to go. Needs
scikit-image beside prodgen. Memory is the peak of what NumPy allocates above the inputs, in
float32 RGB copies of the picture.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import tracemalloc
from collections.abc import Callable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2  # threads are bounded before NumPy and OpenCV are loaded
import numpy as np
from numpy.typing import NDArray

from prodgen import identity, shading
from prodgen.color import to_linear, to_srgb

Picture = NDArray[np.float32]


def pictures(width: int, height: int) -> tuple[Picture, Picture, Picture]:
    """Photograph, relit picture and matte of a printed carton that fills two thirds of the frame."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    photo = np.full((height, width, 3), 0.85, np.float32)
    inside = (abs(x / width - 0.5) < 0.33) & (abs(y / height - 0.5) < 0.36)
    photo[inside] = (0.2, 0.35, 0.65)
    photo[inside & (np.sin(x / 9) > 0.6) & (np.sin(y / 14) > 0.2)] = 0.9
    light = (0.4 + 0.5 * x / width)[..., None] * np.float32([1.1, 0.98, 0.8])
    matte = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 1.2)
    matte[matte > 0.98], matte[matte < 0.02] = 1, 0
    return photo, to_srgb(to_linear(photo) * light), matte


def timed(work: Callable[[], object], rounds: int) -> float:
    """Median seconds of `rounds` calls, after one to warm up."""
    work()
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--size", default="1300x2000")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    width, height = (int(n) for n in args.size.split("x"))
    photo, relit, matte = pictures(width, height)
    result = shading.blend(photo, relit, matte)

    def all_of_it() -> None:
        field = shading.light_field(photo, relit, matte)
        identity.measure(photo, shading.blend(photo, relit, matte, field=field), matte, relit=field)

    def alternative() -> None:
        from skimage.color import deltaE_ciede2000, rgb2lab

        deltaE_ciede2000(rgb2lab(photo), rgb2lab(result))

    steps = {
        "light field": lambda: shading.light_field(photo, relit, matte),
        "light field and blend": lambda: shading.blend(photo, relit, matte),
        "measurement": lambda: identity.measure(photo, result, matte, relit=relit),
        "all of it": all_of_it,
        "scikit-image rgb2lab + deltaE": alternative,
    }
    found = {name: timed(work, args.rounds) for name, work in steps.items()}
    tracemalloc.start()
    all_of_it()
    copies = tracemalloc.get_traced_memory()[1] / photo.nbytes
    tracemalloc.stop()
    for name, seconds in found.items():
        print(f"{name:32s} {seconds:7.2f} s   {seconds / found['scikit-image rgb2lab + deltaE']:5.2f} of it")
    print(f"peak of arrays above the inputs  {copies:7.1f} copies of the picture ({width}x{height})")


if __name__ == "__main__":
    main()
