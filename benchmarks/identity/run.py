"""How much of a product survives relighting: prodgen and everything else one could do, against truth.

    python benchmarks/identity/run.py [--truth DIR] [--seed 0] [-o docs/identity-benchmark.md]

Needs the `dev` extra (scikit-image). Writes the page and the sheet of pictures that it shows; `--json`
keeps every single number. About two minutes on one core.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import cycle
from pathlib import Path

import click
import cv2
from methods import METHODS, OURS, finished
from report import Judged, write_report
from scoring import Score, difference, ratios, table
from sheet import Shown, write_sheet
from spoiling import SPOILINGS, generator
from truth import Case, cases

from prodgen import identity
from prodgen.images import RgbImage

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent.parent / "docs"


@click.command()
@click.option(
    "--truth", "folder", type=Path, default=DOCS.parent / "tests" / "data" / "truth", help="The truth set."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the spoilings.")
@click.option("-o", "--output", type=Path, default=DOCS / "identity-benchmark.md", help="The page.")
@click.option("--sheet", type=Path, default=DOCS / "images" / "identity-sheet.jpg", help="The pictures.")
@click.option("--json", "json_file", type=Path, help="Every number, as JSON.")
def main(folder: Path, seed: int, output: Path, sheet: Path, json_file: Path | None) -> None:
    """Run the benchmark and write its page."""
    cv2.setNumThreads(1)
    scores: list[Score] = []
    judged: list[Judged] = []
    floors: dict[str, float] = {}
    everything = list(cases(folder))
    for case in everything:
        judged += judge("the truth itself", case, case.truth)
        perfect = finished(OURS, case.photo, case.truth, case.matte)
        floors[case.name] = difference(perfect, case.truth, case.matte)[0]
        for spoiling in SPOILINGS:
            new, pictures = compete(case, spoiling, seed)
            scores += new
            judged += judge(f"relit, {spoiling}", case, pictures["nothing (the relit picture)"])
            judged += judge("prodgen's result", case, pictures[OURS])
        told = [score for score in scores if score.case == case.name]
        own = [f"{score.mean:.1f}" for score in told if score.method == OURS]
        ratio = [f"{value:.2f}" for value in ratios(told).values()]
        print(f"{case.name:20} dE {' '.join(own):18} to best other {' '.join(ratio)}", flush=True)
    for row in table(scores):
        print(f"{row.method:38} dE {row.mean:5.2f}  p95 {row.p95:5.2f}  ratio {row.ratio:.2f}")
    write_sheet(sheet, [shown(case, spoiling, scores, seed) for case, spoiling in chosen(everything, scores)])
    size = everything[0].photo.shape[:2]
    write_report(output, scores, judged, floors, seed=seed, size=size, sheet=sheet)
    if json_file is not None:
        json_file.write_text(json.dumps([asdict(score) for score in scores], indent=1), "utf-8")


def compete(case: Case, spoiling: str, seed: int) -> tuple[list[Score], dict[str, RgbImage]]:
    """Spoil one case and let every method restore it."""
    relit = spoilt(case, spoiling, seed)
    pictures = {name: finished(name, case.photo, relit, case.matte) for name in (*METHODS, OURS)}
    scores = [
        Score(case.name, case.product, spoiling, name, *difference(picture, case.truth, case.matte))
        for name, picture in pictures.items()
    ]
    return scores, pictures


def spoilt(case: Case, spoiling: str, seed: int) -> RgbImage:
    """The relit picture of a case."""
    dice = generator(seed, f"{case.name}/{spoiling}")
    return SPOILINGS[spoiling](case.truth, case.matte, case.photo, dice)


def judge(what: str, case: Case, picture: RgbImage) -> list[Judged]:
    """What `prodgen inspect` would say of a picture, by each profile."""
    numbers = identity.measure(case.photo, picture, case.matte).likeness
    return [Judged(what, profile, numbers.verdict(profile).status) for profile in identity.profiles()]


def chosen(everything: list[Case], scores: list[Score]) -> list[tuple[Case, str]]:
    """For the sheet: of each product a case from the middle, spoilings in turn, and the worst case of all."""
    found = ratios(scores)
    ranked = sorted(found, key=lambda key: found[key])
    named = {case.name: case for case in everything}
    turns = zip(dict.fromkeys(case.product for case in everything), cycle(SPOILINGS), strict=False)
    of = [[key for key in ranked if named[key[0]].product == p and key[1] == how] for p, how in turns]
    keys = [keys[len(keys) // 2] for keys in of]
    keys += [key for key in reversed(ranked) if key not in keys][:1]
    return [(named[name], spoiling) for name, spoiling in keys]


def shown(case: Case, spoiling: str, scores: list[Score], seed: int) -> Shown:
    """One row of the sheet."""
    of = {s.method: s.mean for s in scores if s.case == case.name and s.spoiling == spoiling}
    best = min((name for name in METHODS if name in of), key=lambda name: of[name])
    relit = spoilt(case, spoiling, seed)
    return Shown(
        title=f"{case.name}, {spoiling}",
        pictures=(
            ("photograph", case.photo),
            (f"relit: dE {of['nothing (the relit picture)']:.1f}", relit),
            (f"{best}: dE {of[best]:.1f}", finished(best, case.photo, relit, case.matte)),
            (f"prodgen: dE {of[OURS]:.1f}", finished(OURS, case.photo, relit, case.matte)),
            ("truth", case.truth),
        ),
    )


if __name__ == "__main__":
    main()
