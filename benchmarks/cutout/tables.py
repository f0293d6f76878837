"""The page of the cut-out benchmark: its tables, made of what was measured, and how they were made."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from benchmarks.cutout import ways
from benchmarks.cutout.measures import Group, auroc, grouped
from benchmarks.cutout.photo_set import Sample
from benchmarks.cutout.running import Cost, Row
from prodgen.files import write_bytes

WORDS = Path(__file__).with_name("cutout_words.md")
"""The page's words; what the numbers say is filled in."""


@dataclass(frozen=True)
class Results:
    """All that one run found."""

    pictures: Sequence[Sample]
    rows: Mapping[str, Sequence[Row]]
    """Way -> its rows, in the order of the pictures."""
    costs: Mapping[str, Cost]
    networks: tuple[str, ...]

    def group(self, way: str, wanted: Sequence[Sample]) -> Group:
        """What a way's cut-outs of some of the pictures come to."""
        names = {sample.name for sample in wanted}
        return grouped([(row.score, row.is_doubted) for row in self.rows[way] if row.name in names])


def write_page(path: Path, results: Results, sheet: Path) -> None:
    """Write the page, whole or not at all."""
    text = Template(WORDS.read_text("utf-8")).substitute(
        pictures=len(results.pictures),
        products=len({sample.product for sample in results.pictures}),
        left_out=_left_out(results),
        everything=overall(results, results.pictures),
        aside=overall(results, [sample for sample in results.pictures if sample.aside]),
        aside_count=sum(sample.aside for sample in results.pictures),
        by_kind=parted(results, "kind"),
        by_setting=parted(results, "setting"),
        doubts=_doubts(results),
        costs=_costs(results),
        picture=Path(os.path.relpath(sheet, path.parent)).as_posix(),
    )
    write_bytes(path, text.encode())


def _left_out(results: Results) -> str:
    missing = [way for way in ways.names(results.networks) if way not in results.rows]
    return f"Not measured in this run: {'; '.join(missing)}." if missing else "All ways were measured."


def overall(results: Results, pictures: Sequence[Sample]) -> str:
    """One row a way, all measures."""
    if not pictures:
        return "*This set has none.*"
    head = ("way", "IoU", "MAE x1000", "at the edge x1000", "outline F, 2 px", "openings right", "IoU < 0.9")
    rows = []
    for way in results.rows:
        g = results.group(way, pictures)
        cells = (
            f"{g.iou:.3f}",
            f"{g.mae:.1f}",
            f"{g.band:.0f}",
            f"{g.outline:.3f}",
            f"{g.holes_right:.0%}",
            f"{g.bad}",
        )
        rows.append((_named(way), *cells))
    return _table(head, rows)


def parted(results: Results, by: str) -> str:
    """Mean IoU, one row a way and one column a kind or a setting."""
    parts: dict[str, list[Sample]] = {}
    for sample in results.pictures:
        parts.setdefault(str(getattr(sample, by)), []).append(sample)
    names = sorted(parts)
    rows = [
        (_named(way), *(f"{results.group(way, parts[name]).iou:.3f}" for name in names))
        for way in results.rows
    ]
    return _table(("way", *(f"{name} ({len(parts[name])})" for name in names)), rows)


def _doubts(results: Results) -> str:
    """How often bad and good cut-outs are doubted, by prodgen's ways alone: no other says that it doubts."""
    rows = []
    for way in filter(ways.is_ours, results.rows):
        group = results.group(way, results.pictures)
        judged = [(row.quality, row.score.iou) for row in results.rows[way] if row.quality is not None]
        area = auroc([quality for quality, _ in judged], [iou for _, iou in judged])
        rows.append(
            (
                _named(way),
                f"{group.bad}",
                f"{group.silent} ({group.silent / group.count:.0%})",
                f"{group.false_alarms} ({group.false_alarms / group.count:.0%})",
                "no bad ones" if area is None else f"{area:.3f}",
            )
        )
    head = ("way", "IoU < 0.9", "of these without a doubt", "IoU >= 0.97 with a doubt", "AUROC")
    return _table(head, rows)


def _costs(results: Results) -> str:
    rows = []
    for way, cost in results.costs.items():
        base = ways.base(way, results.networks)
        if base not in results.costs:
            continue
        against = results.costs[base]
        rows.append(
            (
                _named(way),
                base,
                f"{cost.seconds / against.seconds:.2f}",
                f"{cost.peak_mb / against.peak_mb:.2f}",
                f"{cost.peak_mb:.0f}",
            )
        )
    return _table(("way", "beside", "time, ratio", "peak memory, ratio", "peak memory, MB"), rows)


def _named(way: str) -> str:
    return f"**{way}**" if ways.is_ours(way) else way


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
