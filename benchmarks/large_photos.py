"""How long cutting out takes, and how much memory, from 2.6 to 150 megapixels: prodgen's and rembg's own.

    python benchmarks/large_photos.py [MEGAPIXELS ...] [--segmenter NAME]

The same network works in both, and alone, as prodgen asks it; each works in a process of its own, which has
cut out a small picture before, so that importing and loading the network are not in the seconds. Of three
runs the quickest counts, once by the clock and once by the processor's seconds, which other work
hardly changes. Memory is the most that the process ever held (peak RSS), reading the file included.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

ROUNDS = 3
SIZES = (2.6, 24.0, 88.0, 150.0)
PHOTO = Path(__file__).resolve().parent.parent / "examples" / "photos" / "mug.png"


def write_photo(folder: Path, megapixels: float) -> Path:
    """Write the example photograph enlarged to a size, three by four, as a JPEG."""
    import cv2

    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    large = cv2.resize(cv2.imread(str(PHOTO)), (height * 4 // 3, height), interpolation=cv2.INTER_CUBIC)
    path = folder / f"{megapixels:g}.jpg"
    cv2.imwrite(str(path), large, [cv2.IMWRITE_JPEG_QUALITY, 92])
    return path


def by_prodgen(path: Path, name: str) -> Callable[[], object]:
    """Cutting out with prodgen, the file read already."""
    from prodgen import files
    from prodgen.cutout import cut_out
    from prodgen.images import Photo

    pixels = files.load(path).pixels
    return lambda: cut_out(Photo(pixels), segmenter=name)


def by_network(path: Path, name: str) -> Callable[[], object]:
    """Asking the network alone, the file read already."""
    from prodgen import files
    from prodgen.cutout import networks

    rgb = files.load(path).rgb
    return lambda: networks.predict(name, rgb)


def by_rembg(path: Path, name: str) -> Callable[[], object]:
    """Cutting out with rembg's own `remove`, the file read already."""
    import rembg
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    with Image.open(path) as opened:
        photo = opened.convert("RGB")
    session = rembg_session(name)
    return lambda: rembg.remove(photo, session=session, only_mask=True, post_process_mask=False)


@lru_cache
def rembg_session(name: str) -> Any:
    """Return rembg's session, which its users keep between pictures as well."""
    import rembg

    return rembg.new_session(name)


WAYS = {"prodgen": by_prodgen, "network": by_network, "rembg": by_rembg}


def measure(way: str, name: str, small: Path, path: Path) -> None:
    """Print seconds and peak memory of one picture, as JSON."""
    WAYS[way](small, name)()
    work = WAYS[way](path, name)
    clock, processor = [], []
    for _ in range(ROUNDS):
        started, used = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - started)
        processor.append(time.process_time() - used)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": min(clock), "cpu": min(processor), "peak_mb": peak_mb}))


def measured(way: str, name: str, small: Path, path: Path, home: Path) -> dict[str, float] | None:
    """Measure in a process of its own; None: it ended otherwise."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", way, name, str(small), str(path)],
        env={**os.environ, "U2NET_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None


def main() -> None:
    """Measure each way at each size and print a table."""
    from prodgen.cutout import networks

    parser = argparse.ArgumentParser()
    parser.add_argument("megapixels", nargs="*", type=float, default=SIZES)
    parser.add_argument("--segmenter", default="u2netp")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "weights"
        home.mkdir()
        for file in {*networks.weights("u2netp"), *networks.weights(args.segmenter)}:
            (home / file.name).symlink_to(file)
        small = write_photo(Path(folder), 0.1)
        print("megapixels  way         seconds  processor  memory")
        for size in args.megapixels:
            path = write_photo(Path(folder), size)
            found = {way: measured(way, args.segmenter, small, path, home) for way in WAYS}
            for way, one in found.items():
                cells = one and f"{one['seconds']:7.2f}  {one['cpu']:9.2f}  {one['peak_mb']:6.0f} MB"
                print(f"{size:10g}  {way:10}  {cells or 'failed'}")
            ours = found.pop("prodgen")
            for way, one in found.items():
                if ours and one:
                    ratios = [f"{ours[unit] / one[unit]:.2f} x {unit}" for unit in ours]
                    print(f"{size:10g}  prodgen : {way}  {', '.join(ratios)}", flush=True)
            path.unlink()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measure(sys.argv[2], sys.argv[3], Path(sys.argv[4]), Path(sys.argv[5]))
    else:
        main()
