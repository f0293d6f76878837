"""Parquet: typed columns become text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from prodgen.catalogue import Catalogue, read_catalogue

Cells = Callable[[Catalogue], list[dict[str, str]]]


def test_typed_columns_of_parquet_become_exact_text(shop: Path, cells: Cells):
    path = shop / "sheet.parquet"
    table = {
        "photo": ["photos/1.jpg"] * 2,
        "sku": [4006381333931, 7],
        "price": [0.5, None],
        "points": [["+1,2"], None],
    }
    parquet.write_table(pa.table(table), path)

    first, second = cells(read_catalogue(path))

    assert first == {"photo": "photos/1.jpg", "sku": "4006381333931", "price": "0.5", "points": "+1,2"}
    assert second["price"] == second["points"] == ""
