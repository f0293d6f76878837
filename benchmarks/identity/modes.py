"""What each blend mode costs the product in likeness, and gains in light, against truth.

    python benchmarks/identity/modes.py [--truth DIR] [--every 1] [--seed 0]
    python benchmarks/identity/modes.py --sheet docs/images/blend-modes.jpg

Each product of the truth set, relit as relighting models do it (`spoiling`), is blended in every mode, then
measured as `prodgen blend` measures it, and compared with the same product truly standing there. Prints the
table of docs/craft.md; with --sheet writes its picture instead. Needs the `dev` extra (scikit-image). All 24
cases take about eight minutes on one core.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import click
import cv2
import numpy as np
from scoring import difference
from sheet import Shown, write_sheet
from spoiling import SPOILINGS, generator
from truth import Case, cases

from prodgen import identity
from prodgen.identity import Blending, Likeness

TRUTH = Path(__file__).resolve().parents[2] / "tests" / "data" / "truth"

WAYS: dict[str, Blending] = {
    "`--blend 0`: the photograph": Blending(blend=0),
    "`light`": Blending(),
    "`light`, `--blend 0.5`": Blending(blend=0.5),
    "`color`": Blending(blend_mode="color"),
    "`luminosity`": Blending(blend_mode="luminosity"),
    "`alpha`": Blending(blend_mode="alpha"),
    '`alpha`, `"print=0.3"`': Blending(blend_mode="alpha", blend_regions="print=0.3"),
    "`detail`": Blending(blend_mode="detail"),
}
"""What is compared, by the names that the table uses."""


SHOWN = ("box/city", "drawn to the scene")
"""Case and spoiling that the picture is made of: print, several colours, and a model that changes both."""

CROP = slice(54, 306), slice(50, 302)
"""Rows and columns of the picture that are shown. Chosen: the product with a rim."""


@click.command()
@click.option("--truth", "folder", type=Path, default=TRUTH, help="The truth set.")
@click.option("--every", type=int, default=1, show_default=True, help="Only each so many-th case.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the spoilings.")
@click.option("--sheet", type=Path, help="Write the picture here, and no table.")
def main(folder: Path, every: int, seed: int, sheet: Path | None) -> None:
    """Blend, measure, and print the table; or write the picture."""
    cv2.setNumThreads(1)
    if sheet is not None:
        write_sheet(sheet, shown({case.name: case for case in cases(folder)}[SHOWN[0]], SHOWN[1], seed))
        return
    found: dict[str, list[tuple[float, Likeness]]] = defaultdict(list)
    for case in list(cases(folder))[::every]:
        for name, spoil in SPOILINGS.items():
            relit = spoil(case.truth, case.matte, case.photo, generator(seed, f"{case.name}/{name}"))
            for way, blending in WAYS.items():
                picture, measured, _ = identity.restore(case.photo, relit, case.matte, blending=blending)
                off, _ = difference(picture, case.truth, case.matte)
                found[way].append((off, measured.likeness))
    print("| | to the truth | colours | print | light kept | pass | warn | fail |")
    print("|---|---|---|---|---|---|---|---|")
    for way, numbers in found.items():
        print(row(way, numbers))


def shown(case: Case, spoiling: str, seed: int) -> list[Shown]:
    """Photograph, relit picture and truth; below them the modes in full."""
    relit = SPOILINGS[spoiling](
        case.truth, case.matte, case.photo, generator(seed, f"{case.name}/{spoiling}")
    )
    made = {
        mode: identity.restore(case.photo, relit, case.matte, blending=Blending(blend_mode=mode)).picture
        for mode in ("light", "color", "luminosity", "alpha", "detail")
    }
    half = Blending(blend_mode="alpha", blend_regions="print=0.2")
    made["alpha, print=0.2"] = identity.restore(case.photo, relit, case.matte, blending=half).picture
    first = {"photograph": case.photo, "relit: colours and print changed": relit}
    last = {"truly standing there": case.truth}
    everything = {**first, **made, **last}
    labelled = [(label, picture[CROP]) for label, picture in everything.items()]
    words = "A product, relit; what each mode makes of both", "", ""
    return [Shown(words[n], tuple(labelled[3 * n : 3 * n + 3])) for n in range(3)]


def row(way: str, numbers: list[tuple[float, Likeness]]) -> str:
    """One line of the table: means over all pictures, and how many were judged how."""
    likenesses = [likeness for _, likeness in numbers]
    verdicts = [likeness.verdict().status for likeness in likenesses]
    figures = (
        f"{np.mean([off for off, _ in numbers]):.1f}",
        f"{np.mean([likeness.delta_e_mean for likeness in likenesses]):.1f}",
        mean(likeness.print_agreement for likeness in likenesses),
        mean(likeness.light_kept for likeness in likenesses),
        *(f"{100 * verdicts.count(status) / len(verdicts):.0f} %" for status in ("pass", "warn", "fail")),
    )
    return f"| {way} | {' | '.join(figures)} |"


def mean(values: Iterable[float | None]) -> str:
    """Mean of what was measured; a dash where nothing was."""
    measured = [value for value in values if value is not None]
    return f"{np.mean(measured):.2f}" if measured else "-"


if __name__ == "__main__":
    main()
