"""Fits prodgen's fusion of networks and photograph, and tells how good it is on products that it never saw.

    python -m benchmarks.cutout.training --set DIR [--set DIR2] [--also DIR3] [--composites 240]
        [--keep DIR] [--cross-validate] [-o prodgen/cutout/fusion.npz]

Fitted are the photographs of the sets, but not those set aside, and as many composites of their products
(`composites`); with --also further photographs, of which no composites are made. For each photograph the
networks are asked as prodgen asks them; with --keep their answers stay in a folder. Coefficients of a network
whose weights are not here stay as they are in the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.cutout.composites import composites
from benchmarks.cutout.fitting import Example, fit, labelled
from benchmarks.cutout.measures import Measured, measured
from benchmarks.cutout.photo_set import Sample, samples
from prodgen import color, files
from prodgen.cutout import fusion, networks
from prodgen.cutout.fusion import Models, Opinion, Piece
from prodgen.cutout.matting import resized
from prodgen.cutout.regions import part
from prodgen.images import Plane, RgbImage, resize, to_uint8

BETTER = "isnet-general-use"
"""The network that stands for every better one: the coefficients of "network" are fitted on its answers."""

EVERY = {"crop": 1, "network": 2}
"""Every composite is fitted for the small network, every second for the better one, which takes seconds."""

FOLDS = 10
"""Parts in which products are held out. Chosen: two or three products in each."""

COEFFICIENTS = Path(networks.__file__).parent / "fusion.npz"


@dataclass(frozen=True)
class Looks:
    """What networks say of photographs, kept in a folder."""

    folder: Path

    def at(self, rgb: RgbImage, opinion: Opinion) -> tuple[Plane, Plane]:
        """The small network's look at a photograph, and the second look."""
        first = self._kept(rgb, networks.PACKAGED, lambda: networks.predict(networks.PACKAGED, rgb))
        if opinion == "crop":
            return first, self._kept(rgb, "crop", lambda: networks.look_closer(rgb, first))
        return first, self._kept(rgb, BETTER, lambda: networks.predict(BETTER, rgb))

    def _kept(self, rgb: RgbImage, name: str, look: Callable[[], Plane]) -> Plane:
        digest = hashlib.sha256(to_uint8(rgb).tobytes() + str(rgb.shape).encode()).hexdigest()[:16]
        path = self.folder / f"{digest}.{name}.npz"
        if not path.is_file():
            np.savez_compressed(path, look=look().astype(np.float16))
        with np.load(path) as table:
            return np.asarray(table["look"], np.float32)


@click.command()
@click.option("--set", "folders", type=Path, multiple=True, required=True, help="Photographs with mattes.")
@click.option("--also", "others", type=Path, multiple=True, help="The same; no composites are made of it.")
@click.option("--composites", "count", type=click.IntRange(0), default=240, help="How many are made.")
@click.option("--keep", type=Path, help="Where the networks' answers stay.")
@click.option("--cross-validate", is_flag=True, help="Only tell how good it is on products held out.")
@click.option("-o", "--output", type=Path, default=COEFFICIENTS, help="The file of coefficients.")
def main(
    folders: tuple[Path, ...],
    others: tuple[Path, ...],
    count: int,
    keep: Path | None,
    cross_validate: bool,
    output: Path,
) -> None:
    """Fit the fusion, or cross-validate it."""
    main_sets = [sample for folder in folders for sample in samples(folder)]
    pictures = main_sets + [sample for folder in others for sample in samples(folder)]
    fitted = [sample for sample in pictures if not sample.aside]
    composed = [sample for sample in main_sets if not sample.aside]
    opinions: list[Opinion] = ["crop", "network"] if networks.weights(BETTER) else ["crop"]
    with TemporaryDirectory() as temporary:
        looks = Looks(keep or Path(temporary))
        looks.folder.mkdir(parents=True, exist_ok=True)
        tables = _tables(output)
        for opinion in opinions:
            examples = [*_photographs(fitted, looks, opinion), *_composites(composed, looks, opinion, count)]
            print(f"{opinion}: {len(examples)} photographs and composites", flush=True)
            if cross_validate:
                _report(opinion, pictures, looks, cross_validated(examples, pictures))
            else:
                tables.update(_table(opinion, fit(examples)))
    if not cross_validate:
        np.savez_compressed(output, **dict(sorted(tables.items())))  # type: ignore[arg-type]


def cross_validated(examples: Sequence[Example], pictures: Sequence[Sample]) -> dict[str, Models]:
    """Models for each photograph, fitted without its product, in composites and their backdrops too."""
    products = sorted({sample.product for sample in pictures})
    np.random.default_rng(1).shuffle(products)
    result: dict[str, Models] = {}
    for number in range(min(FOLDS, len(products))):
        held_out = set(products[number::FOLDS])
        models = fit([one for one in examples if not one.products & held_out])
        result.update({sample.name: models for sample in pictures if sample.product in held_out})
    return result


def _photographs(pictures: Iterable[Sample], looks: Looks, opinion: Opinion) -> Iterator[Example]:
    for sample in pictures:
        rgb = files.load(sample.photo).rgb
        yield _example(sample.name, frozenset({sample.product}), rgb, sample.true, looks, opinion)


def _composites(pictures: Sequence[Sample], looks: Looks, opinion: Opinion, count: int) -> Iterator[Example]:
    for number, made in enumerate(composites(pictures, count)):
        if number % EVERY[opinion] == 0:
            one = _example(f"composite {number}", made.products, made.rgb, made.true, looks, opinion)
            yield one._replace(is_composite=True)


def _example(
    name: str, products: frozenset[str], rgb: RgbImage, true: Plane, looks: Looks, opinion: Opinion
) -> Example:
    size = fusion.working_size(rgb)
    first, second = (np.clip(resized(look, size), 0, 1) for look in looks.at(rgb, opinion))
    regions = part(color.to_lab(resized(rgb, size)), (first, second), fusion.WEIGHTS[opinion])
    return labelled(name, products, regions, resized(true, size))


def _report(opinion: Opinion, pictures: Sequence[Sample], looks: Looks, models: dict[str, Models]) -> None:
    """Print mean IoU by kind: of both looks, of their mean, and fused, by shipped and held-out models."""
    rows: list[tuple[str, list[Measured]]] = []
    for sample in pictures:
        rgb, true = files.load(sample.photo).rgb, sample.true
        first, second = looks.at(rgb, opinion)
        height, width = true.shape
        both = [resize(look, width, height) for look in (first, second)]
        weights = fusion.WEIGHTS[opinion]
        mean = weights[0] * both[0] + weights[1] * both[1]
        held_out = resize(fusion.fuse(rgb, first, second, opinion, models[sample.name]), width, height)
        shipped = resize(fusion.fuse(rgb, first, second, opinion), width, height)
        rows.append((sample.kind, [measured(found, true) for found in (*both, mean, shipped, held_out)]))
        print(f"{sample.name:32}", *(f"{one.iou:.3f}" for one in rows[-1][1]), flush=True)
    print("\n| kind | pictures | first look | second look | their mean | shipped | held out |")
    print("|---|---|---|---|---|---|---|")
    for kind in (*sorted({kind for kind, _ in rows}), "all"):
        some = [scores for here, scores in rows if kind in (here, "all")]
        ious = np.mean([[score.iou for score in scores] for scores in some], axis=0)
        print(f"| {kind} | {len(some)} |", " | ".join(f"{iou:.3f}" for iou in ious), "|")
    holes = np.mean([[score.are_holes_right for score in scores] for _, scores in rows], axis=0)
    print("| holes right | |", " | ".join(f"{share:.2f}" for share in holes), "|", flush=True)


def _tables(path: Path) -> dict[str, NDArray[np.float32]]:
    if not path.is_file():
        return {}
    with np.load(path) as table:
        return {name: table[name] for name in table.files}


def _table(opinion: Opinion, models: Models) -> dict[str, NDArray[np.float32]]:
    """Rows as `fusion` reads them: per kind its mean, deviation, coefficients, and intercept."""
    return {
        f"{opinion}_{stage}": np.stack([_rows(piece) for piece in pieces]).astype(np.float32)
        for stage, pieces in zip(("first", "second"), models, strict=True)
    }


def _rows(piece: Piece) -> NDArray[np.float64]:
    intercept = np.zeros_like(piece.mean)
    intercept[0] = piece.intercept
    return np.stack([piece.mean, piece.deviation, piece.coefficients, intercept])


if __name__ == "__main__":
    main()
