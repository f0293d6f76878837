"""Writes the rows of a sheet that failed as a sheet of their own, which `read_catalogue` takes again."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from prodgen import files
from prodgen.catalogue.columns import REASON
from prodgen.catalogue.order import Order
from prodgen.catalogue.sheet_opening import Catalogue, folder_note


def write_failed(catalogue: Catalogue, failed: Iterable[tuple[Order, str]], path: Path) -> int:
    """Write the failed rows as CSV: every column as it was, and a column "reason".

    Cells are kept to the letter, also those that begin with "=", "+", "-" or "@", which a spreadsheet would
    calculate: they are the user's own. Paths in them begin in the sheet's folder; a hidden note beside the
    file says where that is. A row that failed in several scenes stands there once, with all reasons.

    Args:
        catalogue: The sheet that the orders are of.
        failed: Orders that failed, and why.
        path: The CSV file; written whole or not at all.

    Returns:
        The number of rows written.

    Raises:
        ImageError: If it cannot be written.
    """
    reasons: dict[int, dict[str, None]] = {}
    for order, reason in failed:
        reasons.setdefault(order.row, {})[" ".join(reason.split())] = None
    columns = [
        (key, name)
        for key, name in zip(catalogue.keys, catalogue.columns, strict=True)
        if key not in ("", REASON)
    ]
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow([*(name for _, name in columns), REASON])
    written = 0
    for row in catalogue if reasons else ():
        if row.number in reasons and row.fault is None:
            rows.writerow([*(row.cells[key] for key, _ in columns), "; ".join(reasons[row.number])])
            written += 1
    files.write_bytes(folder_note(path), catalogue.folder.encode())
    files.write_bytes(path, text.getvalue().encode("utf-8-sig"))
    return written
