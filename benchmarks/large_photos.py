"""How long cutting out takes, and how much memory, from 2.6 to 150 megapixels: prodgen's and rembg's own.

    python benchmarks/large_photos.py [MEGAPIXELS ...]

The same network, u2netp, works in both; each picture is cut out in a process of its own, which has cut out
a small one before, so that importing and loading the network are not in the seconds. Memory is the most that
the process ever held (peak RSS), reading the file included.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

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


def cut_by_prodgen(path: Path) -> float:
    """Cut out with prodgen; seconds after reading."""
    from prodgen import files
    from prodgen.cutout import cut_out

    photo = files.load(path)
    started = time.perf_counter()
    cut_out(photo, segmenter="u2netp")
    return time.perf_counter() - started


def cut_by_rembg(path: Path) -> float:
    """Cut out with rembg's own `remove`; seconds after reading."""
    import rembg
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    with Image.open(path) as opened:
        photo = opened.convert("RGB")
    started = time.perf_counter()
    rembg.remove(photo, session=rembg_session(), only_mask=True, post_process_mask=False)
    return time.perf_counter() - started


@lru_cache
def rembg_session() -> Any:
    """Return rembg's session, which its users keep between pictures as well."""
    import rembg

    return rembg.new_session("u2netp")


WAYS = {"prodgen": cut_by_prodgen, "rembg": cut_by_rembg}


def measure(way: str, small: Path, path: Path) -> None:
    """Print seconds and peak memory of one picture, as JSON."""
    WAYS[way](small)
    seconds = WAYS[way](path)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mb": peak_mb}))


def measured(way: str, small: Path, path: Path, home: Path) -> dict[str, float] | None:
    """Measure in a process of its own; None: it ended otherwise."""
    import os

    done = subprocess.run(
        [sys.executable, __file__, "--one", way, str(small), str(path)],
        env={**os.environ, "U2NET_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None


def main() -> None:
    """Measure both ways at each size and print a table."""
    from prodgen.cutout import networks

    sizes = [float(word) for word in sys.argv[1:]] or SIZES
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "weights"
        home.mkdir()
        (home / "u2netp.onnx").symlink_to(networks.weights("u2netp")[0])
        small = write_photo(Path(folder), 0.1)
        print("megapixels   prodgen           rembg.remove      prodgen : rembg")
        for size in sizes:
            path = write_photo(Path(folder), size)
            ours, theirs = (measured(way, small, path, home) for way in WAYS)
            cells = [
                "failed" if one is None else f"{one['seconds']:5.1f} s {one['peak_mb']:6.0f} MB"
                for one in (ours, theirs)
            ]
            ratio = "-"
            if ours and theirs:
                share = ours["peak_mb"] / theirs["peak_mb"]
                ratio = f"{ours['seconds'] / theirs['seconds']:.2f} x time, {share:.2f} x memory"
            print(f"{size:10g}   {cells[0]:17} {cells[1]:17} {ratio}", flush=True)
            path.unlink()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measure(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        main()
