"""What every kind of sheet is read into: rows of text by column, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from prodgen.catalogue.cells import as_text
from prodgen.errors import SheetFault


class Row(NamedTuple):
    """One row of a sheet that is not empty."""

    number: int
    """Counted as the sheet's user does: from 1, with the header."""
    cells: Mapping[str, str]
    """Text by the column's key. What a spreadsheet may have changed on the way is an `OddCell`."""
    fault: SheetFault | None = None
    """What is wrong with the row as a whole; such a row has no cells."""


@dataclass(frozen=True)
class Table:
    """The content of one sheet: its header, and its rows as often as they are asked for."""

    columns: tuple[str, ...]
    """Names of the columns, as the sheet spells them."""
    rows: Callable[[Sequence[str]], Iterator[Row]]
    """Given the key of each column, opens the sheet anew and gives its rows."""
    notices: tuple[str, ...] = ()
    """What the user should know about how it was read."""


def typed_rows(values: Iterable[tuple[int, Sequence[Any]]], keys: Sequence[str]) -> Iterator[Row]:
    """Turn rows of typed values, with their numbers, into rows of text; empty ones are left out."""
    for number, row in values:
        cells = {key: as_text(value, key) for key, value in zip(keys, row, strict=False) if key}
        if any(cells.values()):
            yield Row(number, cells)
