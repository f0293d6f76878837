"""Runs one way over a set in a process of its own, so that its memory is its own, and keeps what it found.

A folder holds per way `WAY.json` and the mattes `WAY/NAME.png`. What is there already, of the same pictures
and the same code, is not measured again.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np

import prodgen
from benchmarks.cutout import ways
from benchmarks.cutout.measures import Measured, measured
from benchmarks.cutout.photo_set import Sample
from prodgen import files, images

TIMED_PIXELS = 2.6e6
"""Size of the picture that is timed: what a shop's platform asks for, about 1600 x 1600."""

TIMED_RUNS, TIMED_S = 3, 20.0
"""The quickest of so many runs counts, or of fewer when those took so many seconds together."""

ONE_CORE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Environment of the process: threads that wait for each other spin, which would count as time."""


@dataclass(frozen=True)
class Row:
    """One way's cut-out of one photograph."""

    way: str
    name: str
    digest: str
    """Hash of the photograph's and the matte's files: another picture is measured anew."""
    score: Measured
    doubts: tuple[str, ...]
    """Kinds of its doubts, whether they are right or not."""
    quality: float | None = None
    """How likely it is right, by the way's own account."""

    @property
    def is_doubted(self) -> bool:
        """Whether it was doubted; that what is cut off is cut off is not a doubt."""
        return any(not (kind == "cut off" and self.score.is_cut) for kind in self.doubts)


@dataclass(frozen=True)
class Cost:
    """What one picture of 2.6 megapixels costs."""

    seconds: float
    """Processor time on one core, once all is loaded; it hardly depends on what else the machine does."""
    peak_mb: float
    """Most memory of the whole process."""


def run(way: str, found: tuple[str, ...], pictures: Sequence[Sample], folder: Path) -> tuple[list[Row], Cost]:
    """Run a way over a set, or read what an earlier run found.

    Args:
        way: Its name.
        found: The networks that are here.
        pictures: The set.
        folder: Where rows and mattes are kept.
    """
    kept = _kept(way, folder)
    missing = (
        [one for one in pictures if one.digest not in {row.digest for row in kept[0]}]
        if kept
        else [*pictures]
    )
    if kept is None or missing:
        spawn = multiprocessing.get_context("spawn")
        os.environ.update(ONE_CORE)
        with ProcessPoolExecutor(1, mp_context=spawn) as alone:
            fresh, cost = alone.submit(_work, way, found, missing, pictures[0], folder).result()
        rows = [*(kept[0] if kept else []), *fresh]
        keep(way, rows, cost, folder)
        kept = rows, cost
    by_digest = {row.digest: row for row in kept[0]}
    return [by_digest[one.digest] for one in pictures], kept[1]


def keep(way: str, rows: Sequence[Row], cost: Cost, folder: Path) -> None:
    """Write down what was found, for `run` to read."""
    told = {"stamp": _stamp(way), "cost": asdict(cost), "rows": [asdict(row) for row in rows]}
    _file(way, folder).write_text(json.dumps(told, indent=1), "utf-8")


def matte_file(way: str, name: str, folder: Path) -> Path:
    """Where the matte of one picture is kept; there is none where the way refused."""
    return folder / way.replace(", ", "_").replace(" ", "-") / f"{name}.png"


def _file(way: str, folder: Path) -> Path:
    return folder / (way.replace(", ", "_").replace(" ", "-") + ".json")


def _stamp(way: str) -> str:
    """What changes when the code of a way does."""
    if not ways.is_ours(way):
        return f"rembg {version('rembg')}, onnxruntime {version('onnxruntime')}"
    room = Path(prodgen.__file__).parent / "cutout"
    sources = sorted(path for path in room.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def _kept(way: str, folder: Path) -> tuple[list[Row], Cost] | None:
    path = _file(way, folder)
    if not path.is_file():
        return None
    told = json.loads(path.read_text("utf-8"))
    if told["stamp"] != _stamp(way):
        return None
    rows = [
        Row(**{**row, "score": Measured(**row["score"]), "doubts": tuple(row["doubts"])})
        for row in told["rows"]
    ]
    return rows, Cost(**told["cost"])


def _work(
    way: str, found: tuple[str, ...], todo: Sequence[Sample], timed: Sample, folder: Path
) -> tuple[list[Row], Cost]:
    """Do what `run` asks for, in the process of its own."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as home:
        cutter = ways.prepare(way, found, Path(home))
        rows = [_row(way, cutter, sample, folder) for sample in todo]
        large = Path(home) / "large.png"
        rgb = files.load(timed.photo).rgb
        scale = (TIMED_PIXELS / rgb[..., 0].size) ** 0.5
        files.save(large, images.resize(rgb, round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)))
        cutter(timed.photo)  # loads what is loaded once
        spent: list[float] = []
        while len(spent) < TIMED_RUNS and sum(spent) < TIMED_S:
            start = time.process_time()
            cutter(large)
            spent.append(time.process_time() - start)
    return rows, Cost(min(spent), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _row(way: str, cutter: ways.Cutter, sample: Sample, folder: Path) -> Row:
    true = sample.true
    cut = cutter(sample.photo)
    matte = np.zeros_like(true) if cut.matte is None else cut.matte
    path = matte_file(way, sample.name, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.save_matte(path, matte)
    return Row(way, sample.name, sample.digest, measured(matte, true), cut.doubts, cut.quality)
