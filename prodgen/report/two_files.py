"""Writes report.html and report.csv in one pass over the ledger, each whole or not at all.

Rows go to the disk as they come; memory grows by some hundred bytes a row, for the comparison side by side.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import cache
from html import escape
from importlib.resources import files as package_files
from pathlib import Path
from string import Template
from typing import Any

from prodgen import __version__, files, identity
from prodgen.catalogue import Order
from prodgen.identity import MIRROR_PERCENT, NUMBERS
from prodgen.ledger import OrderFailure, PictureRecord, State
from prodgen.report import csv_table
from prodgen.report.consistency import LooksByScene, SceneLooks, scene_of, sentences
from prodgen.report.page_rows import (
    COLUMNS,
    STATUSES,
    THUMBNAIL_ENDS,
    Words,
    limits_of,
    row_of,
    status_of,
    worst_of,
)
from prodgen.report.run_facts import RunFacts

Row = tuple[Order, State, PictureRecord | None, OrderFailure | None]

ROWS_A_BLOCK = 1000
"""Rows in one JSON block of the page: small enough that no block needs much memory to be read."""

PLAIN_ROWS = 500
"""Rows of the table for browsers without scripts: more make a page of plain rows slow to open."""


PLAIN_CHARACTERS = 300
"""Beginning of a prompt that the table for browsers without scripts shows."""


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def write_report(
    out: Path, rows: Iterable[Row], *, title: str, run: RunFacts | None = None
) -> tuple[str, ...]:
    """Write report.html and report.csv into a run's folder.

    Args:
        out: The run's folder; links in the page are relative to it.
        rows: What `Ledger.rows()` gives; what was dropped from the sheet is left out.
        title: What the page is called, such as the sheet's name.
        run: When and where the pictures were made.

    Returns:
        What stands out side by side, a sentence each.

    Raises:
        ImageError: If the files cannot be written; what was there before is left as it was.
    """
    asked = (row for row in rows if row[1] != "dropped")
    with files.writing(out / "report.html") as page, files.writing(out / "report.csv") as table:
        top, middle, bottom = _page_parts(title)
        page.write(_encoded(top))
        table.write(csv_table.head())
        words, looks, plain, count = Words(), LooksByScene(), list[Row](), 0
        for block in _batched(asked):
            lines = []
            for order, state, record, failure in block:
                worst = worst_of(record)
                table.write(csv_table.line_of(order, state, record, failure, worst=worst))
                scene = scene_of(order)[1]
                told = row_of(order, state, record, failure, worst=worst, scene=scene, words=words, out=out)
                lines.append(_json(told))
                if record is not None and state == "done":
                    looks.add(order, record)
            plain += block[: PLAIN_ROWS - len(plain)]
            count += len(block)
            page.write(_encoded(_data_block("rows", "[" + ",\n".join(lines) + "]")))
        scenes = looks.compare()
        about = _about(title, run or RunFacts(), words, scenes)
        page.write(
            _encoded(_data_block("about", _json(about)) + middle + _plain_table(plain, count) + bottom)
        )
    return sentences(scenes)


def _page_parts(title: str) -> tuple[str, str, str]:
    """Return what stands before the rows, between them and the plain table, and at the end."""
    script, style = _asset("report.js"), _asset("report.css")
    fields = {
        "title": escape(title),
        "generator": f"prodgen {escape(__version__)}",
        "style": style,
        "script": script,
        "style_hash": _hash(style),
        "script_hash": _hash(script),
    }
    top, middle, bottom = (
        Template(part).substitute(fields) for part in _asset("report.html").split("<!-- here -->\n")
    )
    return top, middle, bottom


def _about(title: str, run: RunFacts, words: Words, scenes: Iterable[SceneLooks]) -> dict[str, Any]:
    """Return what the page's script has to know beside the rows."""
    return {
        "title": title,
        "run": asdict(run),
        "columns": COLUMNS,
        "statuses": STATUSES,
        "thumbnailEnds": THUMBNAIL_ENDS,
        "numbers": [[name, *NUMBERS[name]] for name in NUMBERS],
        "mirrorPercent": MIRROR_PERCENT,
        "limits": limits_of(identity.profiles()),
        "words": words.texts,
        "scenes": [_scene(scene) for scene in scenes],
    }


def _batched(rows: Iterable[Row]) -> Iterator[tuple[Row, ...]]:
    iterator = iter(rows)
    while block := tuple(itertools.islice(iterator, ROWS_A_BLOCK)):
        yield block


def _scene(looks: SceneLooks) -> dict[str, Any]:
    return {
        "scene": looks.scene,
        "count": looks.count,
        "spreads": [
            {
                "name": spread.aspect.name,
                "count": spread.count,
                "typical": spread.aspect.shown(spread.typical),
                "spread": spread.aspect.shown(spread.mad),
                "isWide": spread.is_wide,
                "outliers": [[one.slot, one.aspect.shown(one.value)] for one in spread.outliers],
            }
            for spread in looks.spreads
        ],
    }


def _plain_table(rows: list[Row], count: int) -> str:
    """The first rows as an ordinary table, for browsers that run no scripts."""
    lines = []
    for order, state, record, failure in rows:
        status = status_of(state, record)
        said = record.headline if record is not None else failure.reason if failure is not None else ""
        cells = (
            order.sku,
            status,
            said,
            order.prompt[:PLAIN_CHARACTERS],
            record.output if record is not None else "",
        )
        lines.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>\n")
    more = (
        f"<p>The first {len(rows)} of {count} rows; all are in report.csv.</p>" if count > len(rows) else ""
    )
    names = "".join(
        f'<th scope="col">{name}</th>' for name in ("sku", "status", "verdict", "prompt", "picture")
    )
    body = "".join(lines)
    return (
        f"<noscript>{more}<table><thead><tr>{names}</tr></thead><tbody>\n{body}</tbody></table></noscript>\n"
    )


def _data_block(name: str, text: str) -> str:
    """Return JSON in a block of the page that no browser runs; `<` is spelled so that nothing can end it."""
    return f'<script type="application/json" class="{name}">{text.replace("<", chr(92) + "u003c")}</script>\n'


def _json(value: object) -> str:
    return _JSON.encode(value)


def _encoded(text: str) -> bytes:
    """Encode; what is no character, such as half of a pair in a file's name, stays readable JSON."""
    return text.encode("utf-8", "backslashreplace")


def _hash(text: str) -> str:
    """Return a script's or style's digest as a Content-Security-Policy wants it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _asset(name: str) -> str:
    return package_files("prodgen.report").joinpath(name).read_text("utf-8")
