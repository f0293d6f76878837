"""The page of the identity benchmark: tables made of the scores, and how they were made."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

import numpy as np
from methods import METHODS, OURS
from scoring import Row, Score, ratios, table
from spoiling import SPOILINGS

from prodgen.files import write_bytes

PAGE = Path(__file__).with_name("page.md")
"""The page's words; what the numbers say is filled in."""


@dataclass(frozen=True)
class Judged:
    """The verdict on one picture."""

    what: str
    profile: str
    status: str


def write_report(
    path: Path,
    scores: list[Score],
    judged: list[Judged],
    floors: dict[str, float],
    *,
    seed: int,
    size: tuple[int, int],
    sheet: Path,
) -> None:
    """Write the page, whole or not at all.

    Args:
        path: Where to.
        scores: Of every method in every case.
        judged: Every verdict.
        floors: By case: prodgen's difference to the truth when the relit picture is the truth itself.
        seed: Of the spoilings.
        size: Height and width of the set's pictures.
        sheet: The pictures that the page shows.
    """
    own = list(ratios(scores).values())
    mine = [score.mean for score in scores if score.method == OURS]
    text = Template(PAGE.read_text("utf-8")).substitute(
        cases=len({score.case for score in scores}),
        size=f"{size[1]}x{size[0]}",
        seed=seed,
        mean=f"{np.mean(mine):.2f}",
        ratio=f"{np.mean(own):.2f}",
        worst=f"{max(own):.2f}",
        methods=_methods(table(scores)),
        by_spoiling=_by_spoiling(scores),
        by_product=_by_product(scores, floors),
        picture=Path(os.path.relpath(sheet, path.parent)).as_posix(),
        verdicts=_verdicts(judged),
        spoiling_list=_explained(SPOILINGS),
        method_list=_explained(METHODS),
    )
    write_bytes(path, text.encode())


def _explained(named: Mapping[str, object]) -> str:
    """Each function's name in the tables, and the first line of what it says about itself."""
    return "\n".join(
        f"  * *{name}*: {(made.__doc__ or '').splitlines()[0].rstrip('.')}." for name, made in named.items()
    )


def _table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _methods(rows: list[Row]) -> str:
    head = ("method", "dE mean", "dE p95", "worst case", "ratio to best other", "worst ratio", "best in")
    return _table(
        head,
        [
            (
                f"**{row.method}**" if row.method == OURS else row.method,
                f"{row.mean:.2f}",
                f"{row.p95:.2f}",
                f"{row.worst:.1f}",
                f"{row.ratio:.2f}",
                f"{row.worst_ratio:.1f}",
                row.firsts,
            )
            for row in rows
        ],
    )


def _by_spoiling(scores: list[Score]) -> str:
    names = [row.method for row in table(scores)]
    rows: list[tuple[object, ...]] = []
    for name in names:
        cells = []
        for spoiling in SPOILINGS:
            some = [s.mean for s in scores if s.method == name and s.spoiling == spoiling]
            cells.append(f"{np.mean(some):.2f}")
        rows.append((f"**{name}**" if name == OURS else name, *cells))
    return _table(("method", *SPOILINGS), rows)


def _by_product(scores: list[Score], floors: dict[str, float]) -> str:
    rows: list[tuple[object, ...]] = []
    for product in dict.fromkeys(score.product for score in scores):
        some = [score for score in scores if score.product == product]
        ranked = table(some)
        ours = next(row for row in ranked if row.method == OURS)
        other = next(row for row in ranked if row.method != OURS)
        floor = np.mean([floors[case] for case in dict.fromkeys(score.case for score in some)])
        rows.append(
            (
                product,
                f"{ours.mean:.2f}",
                f"{floor:.2f}",
                f"{ours.ratio:.2f}",
                f"{ours.worst_ratio:.2f}",
                f"{other.method}, {other.mean:.2f}",
            )
        )
    head = ("product", "prodgen, dE", "of a perfect relit picture", "ratio", "worst ratio", "best other, dE")
    return _table(head, rows)


def _verdicts(judged: list[Judged]) -> str:
    counts = Counter((one.what, one.profile, one.status) for one in judged)
    whats = sorted({one.what for one in judged}, key=[one.what for one in judged].index)
    profiles = sorted({one.profile for one in judged})
    rows: list[tuple[object, ...]] = [
        (
            what,
            *(
                " / ".join(str(counts[what, p, status]) for status in ("pass", "warn", "fail"))
                for p in profiles
            ),
        )
        for what in whats
    ]
    return _table(("picture", *(f"{p}: pass / warn / fail" for p in profiles)), rows)
