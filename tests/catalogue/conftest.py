"""A shop with some photographs, and sheets that name them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from prodgen.catalogue import Catalogue, Wishes, check_catalogue, read_catalogue
from prodgen.errors import SettingError, SheetError


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with photos/1.jpg to photos/9.jpg; nothing in this room opens a photograph."""
    folder = tmp_path / "shop"
    (folder / "photos").mkdir(parents=True)
    for number in range(1, 10):
        (folder / "photos" / f"{number}.jpg").write_bytes(b"photo")
    return folder


@pytest.fixture
def sheet(shop: Path) -> Callable[..., Path]:
    """Writes a sheet into the shop."""

    def write(text: str | bytes, name: str = "sheet.csv") -> Path:
        path = shop / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def cells() -> Callable[..., Any]:
    """Reads the cells of every row."""

    def cells(catalogue: Catalogue) -> list[dict[str, str]]:
        return [dict(row.cells) for row in catalogue]

    return cells


@pytest.fixture
def refused() -> Callable[..., Any]:
    """Gives the sentence by which a sheet is refused."""

    def refused(path: Path, **wishes: Any) -> str:
        with pytest.raises((SettingError, SheetError)) as caught:
            check_catalogue(read_catalogue(path), Wishes(prompt="on a table", **wishes))
        return str(caught.value)

    return refused


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Writes texts as a sheet of the kind that a path's ending says."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    kinds = import_module("workbook_writing")

    def write(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
        records = [dict(zip(columns, row, strict=True)) for row in rows]
        match path.suffix:
            case ".csv":
                text = io.StringIO(newline="")
                csv.writer(text).writerows([columns, *rows])
                path.write_bytes(text.getvalue().encode("utf-8-sig"))
            case ".json":
                path.write_text(json.dumps({"products": records}), "utf-8")
            case ".jsonl":
                path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
            case ".parquet":
                parquet.write_table(
                    pa.Table.from_pylist(records, pa.schema([(name, pa.string()) for name in columns])), path
                )
            case ".xlsx":
                kinds.write_xlsx(path, {"Sheet": kinds.sheet_xml(dict(enumerate([columns, *rows], start=1)))})
            case ".ods":
                kinds.write_ods(path, "".join(kinds.ods_row(row) for row in (columns, *rows)))
        return path

    return write
