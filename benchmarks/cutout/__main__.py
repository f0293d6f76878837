"""How well products are cut out: prodgen, each network alone, and rembg, beside true mattes.

    python -m benchmarks.cutout [--set DIR] [--keep DIR] [-o docs/cutout-benchmark.md]

Compared are the networks whose weights are on this machine (`prodgen weights get NAME` fetches one); the one
that comes with prodgen always is. Writes the page and the sheet of pictures that it shows. With --keep, what
was measured stays in a folder, and a second run measures only what changed.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from benchmarks.cutout import ways
from benchmarks.cutout.photo_set import SHIPPED, Sample, samples
from benchmarks.cutout.picture_sheet import Cell, cut_out_cell, small, write_sheet
from benchmarks.cutout.running import Cost, Row, matte_file, run
from benchmarks.cutout.tables import Results, overall, parted, write_page
from prodgen import files

DOCS = Path(__file__).resolve().parents[2] / "docs"


@click.command()
@click.option("--set", "folder", type=Path, default=SHIPPED, help="Photographs with mattes, and meta.json.")
@click.option("--keep", type=Path, help="Where rows and mattes stay.")
@click.option("--way", "wanted", multiple=True, help="Only ways whose name has this in it.")
@click.option("-o", "--output", type=Path, help="The page; with --way none is written unless named.")
@click.option("--sheet", type=Path, default=DOCS / "images" / "cutout-sheet.jpg", help="The pictures.")
def main(folder: Path, keep: Path | None, wanted: tuple[str, ...], output: Path | None, sheet: Path) -> None:
    """Run the benchmark and write its page."""
    pictures, found = list(samples(folder)), ways.networks_here()
    names = [way for way in ways.names(found) if not wanted or any(part in way for part in wanted)]
    with tempfile.TemporaryDirectory() as temporary:
        kept = keep or Path(temporary)
        kept.mkdir(parents=True, exist_ok=True)
        rows: dict[str, list[Row]] = {}
        costs: dict[str, Cost] = {}
        for way in names:
            rows[way], costs[way] = run(way, found, pictures, kept)
            mean = sum(row.score.iou for row in rows[way]) / len(pictures)
            print(f"{way:34} IoU {mean:.3f}   {costs[way].seconds:.1f} s at 2.6 MP", flush=True)
        results = Results(pictures, rows, costs, found)
        print(overall(results, pictures), parted(results, "kind"), sep="\n\n")
        if output is None and wanted:
            return
        write_sheet(
            sheet, ("photograph", "truth", *rows), [_shown(one, results, kept) for one in chosen(results)]
        )
        write_page(output or DOCS / "cutout-benchmark.md", results, sheet)


def chosen(results: Results) -> list[Sample]:
    """For the sheet: of each kind the picture in the middle, by prodgen's IoU, and the three worst of all."""
    iou = {row.name: row.score.iou for row in results.rows[ways.INSTALLED]}
    ranked = sorted(results.pictures, key=lambda sample: iou[sample.name])
    kinds = sorted({sample.kind for sample in ranked})
    of_kinds = [[sample for sample in ranked if sample.kind == kind] for kind in kinds]
    middle = [some[len(some) // 2] for some in of_kinds]
    return [*middle, *[sample for sample in ranked if sample not in middle][:3]]


def _shown(sample: Sample, results: Results, kept: Path) -> list[Cell]:
    photo, true = files.load(sample.photo).rgb, sample.true
    cells = [Cell(sample.name, small(photo)), cut_out_cell("", photo, true, true)]
    for way, rows in results.rows.items():
        row = next(row for row in rows if row.name == sample.name)
        found = files.load_matte(matte_file(way, sample.name, kept))
        words = f"IoU {row.score.iou:.3f}" + (", doubted" if row.is_doubted else "")
        cells.append(cut_out_cell(words, photo, found, true))
    return cells


if __name__ == "__main__":
    main()
