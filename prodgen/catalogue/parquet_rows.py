"""Parquet files, read in batches by pyarrow (extra `parquet`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from prodgen.catalogue.sheet_rows import Row, Table, typed_rows
from prodgen.errors import SettingError
from prodgen.files import reason_of

ROWS_IN_MEMORY = 4096
"""Rows that are read at a time. Chosen: some megabytes; larger batches gain nothing beside a shot's time."""


def read_parquet(path: Path) -> Table:
    """Read the schema of a Parquet file.

    Raises:
        SettingError: If pyarrow is not installed, or the file cannot be read.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise SettingError(f"sheet {str(path)!r} needs pyarrow: pip install 'prodgen[parquet]'") from error

    def values(batches: Any) -> Iterator[tuple[int, Sequence[Any]]]:
        number = 1
        for batch in batches:
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                number += 1  # the header counts as the first row, as in every other sheet
                yield number, row

    def rows(keys: Sequence[str]) -> Iterator[Row]:
        try:
            with parquet.ParquetFile(path) as file:
                yield from typed_rows(values(file.iter_batches(batch_size=ROWS_IN_MEMORY)), keys)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise _unreadable(path, error) from error

    try:
        with parquet.ParquetFile(path) as file:
            columns = tuple(file.schema_arrow.names)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error
    return Table(columns, rows)


def _unreadable(path: Path, error: Exception) -> SettingError:
    reason = reason_of(error) if isinstance(error, OSError | ValueError) else str(error)
    first = reason.splitlines()[0] if reason else type(error).__name__
    return SettingError(f"sheet {str(path)!r} cannot be read as Parquet: {first}")
