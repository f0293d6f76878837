"""report.csv: every row of a run with all its numbers, for spreadsheets and for people.

UTF-8 with a byte order mark, without which Excel misreads umlauts; commas; one line an order.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from pathlib import PurePath

from prodgen.catalogue import Order
from prodgen.identity import NUMBERS
from prodgen.ledger import OrderFailure, PictureRecord, State
from prodgen.report.consistency import ASPECTS
from prodgen.report.page_rows import sidecar_of, status_of

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""First characters with which a spreadsheet takes a cell for a formula, which may run programs.

Source: OWASP, CSV Injection."""

LOOKS = tuple(aspect.key for aspect in ASPECTS if aspect.key not in NUMBERS)
"""Columns of `PictureRecord.look`."""

COLUMNS = (
    *("sku", "slot", "status", "verdict", "reasons", "notices", "picture", "sidecar", "photo", "prompt"),
    *("seed", "row", "made_by", "made_at", "seconds", "sha256", "failure", "whose_fault"),
    *("nearest_to_its_limit", "of_its_limit", "cut_out", *NUMBERS, *LOOKS),
)
"""What the file has, from left to right."""


def head() -> bytes:
    """Return the byte order mark and the line of column names."""
    return b"\xef\xbb\xbf" + _line(COLUMNS)


def line_of(
    order: Order,
    state: State,
    record: PictureRecord | None,
    failure: OrderFailure | None,
    *,
    worst: tuple[str, float] | None,
) -> bytes:
    """Return one order as a line; cells from outside that look like formulas begin with an apostrophe."""
    cells: dict[str, object] = {
        "status": status_of(state, record),
        "row": order.row or "",
        "seed": order.seed,
    }
    outside = {"sku": order.sku, "slot": order.slot, "photo": _name(order.photo), "prompt": order.prompt}
    if failure is not None:
        cells |= {"failure": failure.kind, "whose_fault": failure.whose}
        outside["reasons"] = failure.reason
    if record is not None:
        cells |= dict(_cells_of(record, worst))
        outside |= {
            "verdict": record.headline,
            "reasons": " | ".join(record.reasons),
            "notices": " | ".join(record.notices),
            "picture": record.output,
            "sidecar": sidecar_of(record.output),
            "made_by": record.place,
        }
    cells |= {name: _harmless(text) for name, text in outside.items()}
    return _line(cells.get(name, "") for name in COLUMNS)


def _cells_of(record: PictureRecord, worst: tuple[str, float] | None) -> Iterator[tuple[str, object]]:
    """What prodgen itself measured and counted."""
    yield "seed", record.seed
    yield "sha256", record.sha256
    if record.finished_at:
        yield "made_at", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.finished_at))
    if record.seconds:
        yield "seconds", f"{sum(record.seconds.values()):.2f}"
    if worst is not None:
        yield "nearest_to_its_limit", worst[0]
        yield "of_its_limit", f"{worst[1]:.2f}"
    yield "cut_out", _number(record.cut_out.get("score"))
    for name in NUMBERS:
        yield name, _number(record.identity.get(name))
    for name in LOOKS:
        yield name, _number(record.look.get(name))


def _name(photo: str) -> str:
    """Return a photograph's name: people mail the table, and its folder is this machine's business."""
    return photo if "://" in photo else PurePath(photo).name


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else ""


def _harmless(text: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _line(cells: Iterator[object] | tuple[str, ...]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(list(cells))
    return text.getvalue().encode("utf-8", "backslashreplace")
