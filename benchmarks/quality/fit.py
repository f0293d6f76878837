"""Fits and cross-validates the quality of cut-outs: prodgen/cutout/quality.toml and its figures.

    python benchmarks/quality/fit.py --set DIR [--set DIR ...] [--rows rows.json] [--write]

A set is a folder with meta.json (per picture: photo, product, kind and, if nothing may be fitted on it,
"aside": true), the photographs and NAME_matte.png, white = product, as benchmarks/cutout makes them. Every
photograph is cut out by every segmenter whose weights are here; what the networks answered before anything
was made of it counts as further mattes, and so does the true matte, and the true matte spoilt as segmenters
fail: a part lost, a slab of backdrop added, openings filled, only the print kept, the shadow added. What is
fitted is the error, log(0.02 + 1 - IoU), by ridge regression on what `prodgen.cutout.symptoms` measures, each
photograph with the same weight. Cross-validated with one product left out at a time; so is the score from
which a matte passes. With --rows the measurements are kept and not made again.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from prodgen import files
from prodgen.cutout.quality import FLOOR, LARGEST_DEVIATIONS, RIGHT_IOU, Model
from prodgen.cutout.segmenters import available, segmenter
from prodgen.cutout.symptoms import Symptoms, gather
from prodgen.errors import SegmentationError
from prodgen.images import Matte, Plane, RgbImage

TARGET = Path(__file__).resolve().parents[2] / "prodgen" / "cutout" / "quality.toml"
GOOD_IOU = 0.97
"""A doubt about a matte of this IoU or more is a false alarm."""

SILENT_SHARE = 0.02
"""Share of the pictures that may be wrong without a doubt: the pass score is the lowest that keeps it."""

FAIL_SCORE = 0.3
"""Below this a matte fails. Chosen."""

RIDGE = 0.03
"""Penalty on the weights. Measured: 0.003 to 0.2 change the AUROC by at most 0.01."""

SPOILT_WEIGHT = 0.2
"""Weight of all spoilt mattes of a photograph, where those that segmenters found weigh 1 together.
Measured: with 0.1 a jar's lost foot passes, with 0.3 the AUROC on the default's mattes falls by 0.01."""

WORSE = (
    "unsure",
    "log_apart",
    "log_unsure_beyond",
    "log_colour_against",
    "log_openings",
    "unseen",
    "log_product_outside",
)
"""Symptoms that can only speak against a matte; a fitted weight below 0 is set to 0."""


@dataclass
class Row:
    """One matte of one photograph."""

    picture: str
    product: str
    method: str
    iou: float
    symptoms: list[float]
    aside: bool = False

    @property
    def is_spoilt(self) -> bool:
        """Whether it was made of the true matte."""
        return self.method.startswith("true")


def rows_of(folder: Path) -> Iterator[Row]:
    """Measure every matte of every photograph of a set."""
    for name, row in json.loads((folder / "meta.json").read_text("utf-8")).items():
        rgb = files.load(folder / row["photo"]).rgb
        true = files.load_matte(folder / f"{name}_matte.png")
        for method, matte, looks in _mattes(rgb, true):
            if (matte > 0.5).sum() < 20:
                continue
            found = gather(rgb, matte, looks)
            yield Row(
                name, row["product"], method, _iou(matte, true), list(found.symptoms), row.get("aside", False)
            )


def _mattes(rgb: RgbImage, true: Matte) -> Iterator[tuple[str, Matte, Sequence[Plane]]]:
    size = true.shape[::-1]
    first: Sequence[Plane] = ()
    # Without auto, which is one of the others; the classical one last, which is judged by a network's looks.
    for name in sorted(available()[1:], key=lambda name: name == "classical"):
        try:
            found = segmenter(name).segment(rgb)
        except SegmentationError:
            continue
        first = first or found.looks
        yield name, found.matte, found.looks or first
        for number, look in enumerate(found.looks):
            yield f"{name} look {number}", cv2.resize(look, size, interpolation=cv2.INTER_LINEAR), found.looks
    for method, matte in {"true": true, **spoilt(rgb, true)}.items():
        yield method, matte, first


def spoilt(rgb: RgbImage, true: Matte) -> dict[str, Matte]:
    """The true matte spoilt in the ways that segmenters fail; each time the same for one photograph."""
    chance = np.random.default_rng(int(true.sum()))
    solid = (true > 0.5).astype(np.uint8)
    height, width = true.shape
    rows, columns = np.nonzero(solid)
    pick, angle = chance.integers(len(rows)), chance.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:height, :width]
    half = (x - columns[pick]) * np.cos(angle) + (y - rows[pick]) * np.sin(angle) < 0
    if (true * half).sum() < 0.3 * true.sum():
        half = ~half
    slab = np.zeros_like(true)
    top = int(rows.min() + (rows.max() - rows.min()) * chance.uniform(0.5, 0.9))
    slab[
        top : rows.max() + height // 20, max(0, columns.min() - width // 10) : columns.max() + width // 10
    ] = 1
    outside = np.pad(1 - solid, 1, constant_values=1)
    cv2.floodFill(outside, None, (0, 0), 2)
    down = float(rows.max()) * 0.65 + chance.uniform(0.02, 0.1) * height
    across = np.array([[1, 0, chance.uniform(-0.12, 0.12) * width], [0, 0.35, down]], np.float32)
    shadow = cv2.GaussianBlur(cv2.warpAffine(true, across, (width, height)), (0, 0), 3)
    grey = cv2.cvtColor((rgb * 255).astype(np.uint8), cv2.COLOR_RGB2GRAY)
    print_ = cv2.dilate(cv2.Canny(grey, 60, 160), np.ones((3, 3), np.uint8)) > 0
    return {
        "true, part lost": true * half.astype(np.float32),
        "true, slab added": np.maximum(true, slab),
        "true, openings filled": np.maximum(true, (outside[1:-1, 1:-1] == 1).astype(np.float32)),
        "true, shadow added": np.maximum(true, shadow),
        "true, print only": true * print_.astype(np.float32),
    }


def _iou(one: Matte, other: Matte) -> float:
    return float(((one > 0.5) & (other > 0.5)).sum() / max(((one > 0.5) | (other > 0.5)).sum(), 1))


def fit(rows: Sequence[Row]) -> Model:
    """Fit weights, the probability's curve, and the score from which a matte passes."""
    values = np.array([row.symptoms for row in rows])
    error = np.log(FLOOR + 1 - np.array([row.iou for row in rows]))
    weight = _row_weights(rows)
    means = weight @ values
    deviations = np.sqrt(weight @ (values - means) ** 2) + 1e-6
    away = np.clip((values - means) / deviations, -LARGEST_DEVIATIONS, LARGEST_DEVIATIONS)
    usual = float(weight @ error)
    kept = list(range(len(Symptoms._fields)))
    weights = np.zeros(len(kept))
    while True:
        inner = away[:, kept]
        solved = np.linalg.solve(
            (inner * weight[:, None]).T @ inner + RIDGE * np.eye(len(kept)),
            (inner * weight[:, None]).T @ (error - usual),
        )
        wrong = [k for k, one in zip(kept, solved, strict=True) if one < 0 and Symptoms._fields[k] in WORSE]
        if not wrong:
            break
        kept = [k for k in kept if k not in wrong]
    weights[kept] = solved
    guess = usual + away @ weights
    middle, spread = _curve(guess, np.array([row.iou >= RIGHT_IOU for row in rows]), weight)
    model = Model(means, deviations, weights, usual, spread, middle, 0.5, FAIL_SCORE)
    found = [row for row in rows if not row.is_spoilt]
    return model._replace(pass_score=max(pass_score(scores(model, found), found), FAIL_SCORE))


def _row_weights(rows: Sequence[Row]) -> np.ndarray:
    """The mattes that segmenters found weigh 1 a photograph together, the spoilt ones less; sum 1."""
    counts = Counter((row.picture, row.is_spoilt) for row in rows)
    weight = np.array(
        [(SPOILT_WEIGHT if row.is_spoilt else 1.0) / counts[row.picture, row.is_spoilt] for row in rows]
    )
    return weight / weight.sum()


def _curve(guess: np.ndarray, is_right: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Middle and spread of the logistic curve of being right over the guessed error: Newton's method."""
    design = np.stack([np.ones_like(guess), guess - guess.mean()], axis=1)
    point = np.array([0.0, -1.0])
    for _ in range(30):
        chance = 1 / (1 + np.exp(-design @ point))
        curvature = (design * (weight * chance * (1 - chance))[:, None]).T @ design + 1e-4 * np.eye(2)
        point = point + np.linalg.solve(curvature, design.T @ (weight * (is_right - chance)) - 1e-4 * point)
    return float(guess.mean() - point[0] / point[1]), float(-1 / point[1])


def scores(model: Model, rows: Sequence[Row]) -> np.ndarray:
    return np.array([model.probability(float(model.parts(Symptoms(*row.symptoms)).sum())) for row in rows])


def pass_score(score: np.ndarray, rows: Sequence[Row]) -> float:
    """Give the lowest score above which at most `SILENT_SHARE` of all mattes are wrong, by weight."""
    weight = _row_weights(rows)
    order = np.argsort(-score)
    silent = np.cumsum((weight * [row.iou < RIGHT_IOU for row in rows])[order])
    allowed = int((silent <= SILENT_SHARE).sum())
    return float(score[order][min(allowed, len(order) - 1)]) + 1e-6 if allowed < len(order) else 0.0


def cross_validate(rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray]:
    """Score and pass or not of every row by a model that knows no matte of its product."""
    score, passes = np.zeros(len(rows)), np.zeros(len(rows), np.bool_)
    fitted_on = [row for row in rows if not row.aside]
    for product in sorted({row.product for row in rows}):
        model = fit([row for row in fitted_on if row.product != product])
        mine = [k for k, row in enumerate(rows) if row.product == product]
        score[mine] = scores(model, [rows[k] for k in mine])
        passes[mine] = score[mine] >= model.pass_score
    return score, passes


def auroc(score: np.ndarray, is_right: np.ndarray) -> float:
    """Give the chance that a right matte has a higher score than a wrong one; ties count half."""
    right, wrong = score[is_right], score[~is_right]
    if not len(right) or not len(wrong):
        return float("nan")
    return float(np.mean((right[:, None] > wrong) + 0.5 * (right[:, None] == wrong)))


def report(rows: Sequence[Row], score: np.ndarray, passes: np.ndarray) -> str:
    """Make the table, a line a method."""
    lines = ["| mattes of | n | IoU < 0.9 | AUROC | silent | false alarms |", "|---|---|---|---|---|---|"]
    for aside in (False, True):
        for method in sorted({row.method for row in rows if not row.is_spoilt and row.aside == aside}):
            mine = np.array([k for k, row in enumerate(rows) if row.method == method and row.aside == aside])
            iou = np.array([rows[k].iou for k in mine])
            silent, false = passes[mine] & (iou < RIGHT_IOU), ~passes[mine] & (iou >= GOOD_IOU)
            lines.append(
                f"| {method}{' (aside)' if aside else ''} | {len(mine)} | {(iou < RIGHT_IOU).sum()} |"
                f" {auroc(score[mine], iou >= RIGHT_IOU):.3f} | {silent.sum()} ({silent.mean():.0%}) |"
                f" {false.sum()} ({false.mean():.0%}) |"
            )
    return "\n".join(lines)


def write(model: Model) -> None:
    """Write the model as the package reads it."""
    lines = ["# Fitted by benchmarks/quality/fit.py; docs/cutout.md says on what.", "", "[score]"]
    lines += [f"{name} = {getattr(model, name):.4f}" for name in Model._fields[3:]]
    lines += ["", "[symptoms]", "# name = [mean, deviation, weight]"]
    for name, *numbers in zip(Symptoms._fields, model.means, model.deviations, model.weights, strict=True):
        lines.append(f"{name} = [{', '.join(f'{number:.4f}' for number in numbers)}]")
    TARGET.write_text("\n".join(lines) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", type=Path, action="append", default=[], help="a folder with meta.json")
    parser.add_argument("--rows", type=Path, help="keep the measurements here, or take them from here")
    parser.add_argument("--write", action="store_true", help=f"write {TARGET.name}")
    args = parser.parse_args()
    if args.rows and args.rows.exists():
        rows = [Row(**row) for row in json.loads(args.rows.read_text("utf-8"))]
    else:
        rows = [row for folder in args.set for row in rows_of(folder)]
        if args.rows:
            args.rows.write_text(json.dumps([asdict(row) for row in rows]), "utf-8")
    if not rows:
        parser.error("nothing to fit on: name a folder with --set, or measurements with --rows")
    print(report(rows, *cross_validate(rows)))
    model = fit([row for row in rows if not row.aside])
    print({name: round(float(one), 3) for name, one in zip(Symptoms._fields, model.weights, strict=True)})
    print(f"passes from {model.pass_score:.3f}")
    if args.write:
        write(model)


if __name__ == "__main__":
    main()
