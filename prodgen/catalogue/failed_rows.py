"""Writes the rows of a sheet that failed as a sheet of their own, which `read_catalogue` takes again."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path

from prodgen import files
from prodgen.catalogue.columns import PICTURES, REASON
from prodgen.catalogue.order import Order
from prodgen.catalogue.output_pattern import sku_of
from prodgen.catalogue.photo_places import PicturePlaces
from prodgen.catalogue.sheet_opening import Catalogue
from prodgen.catalogue.sheet_rows import Row
from prodgen.errors import SettingError


def write_failed(
    catalogue: Catalogue, failed: Iterable[tuple[Order, str]], path: Path, *, is_moved: bool = False
) -> int:
    """Write the failed rows as CSV: every column as it was, and a column "reason".

    Cells are kept to the letter, also those that begin with "=", "+", "-" or "@", which a spreadsheet would
    calculate: they are the user's own. Only paths change: they begin in the folder of the file that is
    written. A row that failed in several scenes stands there once, with all reasons.

    Args:
        catalogue: The sheet that the orders are of; rows are found by sku and scene, not by number.
        failed: Orders that failed, and why.
        path: The CSV file; written whole or not at all. Without a failure it is removed.
        is_moved: Whether it will be read in another folder; its paths are then absolute.

    Returns:
        The number of rows written.

    Raises:
        ImageError: If it cannot be written.
    """
    reasons: dict[str, list[tuple[str, str]]] = {}
    for order, reason in failed:
        reasons.setdefault(order.sku, []).append((order.scene, " ".join(reason.split())))
    if not reasons:
        path.unlink(missing_ok=True)
        return 0
    places = PicturePlaces(catalogue.folder, allow_outside=True, allow_urls=True)
    start = None if is_moved else str(path.absolute().parent)
    columns = dict(zip(catalogue.keys, catalogue.columns, strict=True))
    kept = [key for key in columns if key not in ("", REASON)]
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow([*(columns[key] for key in kept), REASON])
    written = 0
    for row in catalogue:
        if why := _reasons_of(row, reasons):
            cells = [_moved(row, key, places, start) for key in kept]
            rows.writerow([*cells, "; ".join(dict.fromkeys(why))])
            written += 1
    files.write_bytes(path, text.getvalue().encode("utf-8-sig"))
    return written


def _reasons_of(row: Row, reasons: dict[str, list[tuple[str, str]]]) -> list[str]:
    """Return why a row failed, in each of its scenes; nothing if it did not."""
    own = row.cells.get("scene", "").strip()
    found = reasons.get(sku_of(row.cells), ())
    return [reason for scene, reason in found if not own or scene == own or scene.startswith(f"{own}/")]


def _moved(row: Row, key: str, places: PicturePlaces, start: str | None) -> str:
    """Return a cell; of a path its way from the folder `start`, or an absolute one without it."""
    cell = row.cells[key]
    is_path = key in PICTURES or (key == "recipe" and cell.strip().lower().endswith(".toml"))
    if not is_path or not cell.strip():
        return cell
    try:
        place = places.place_of(cell.strip())
        return (
            place if start is None or "://" in place else os.path.relpath(place, start).replace(os.sep, "/")
        )
    except (SettingError, ValueError):  # a path that is none, or on another drive than `start`
        return cell
