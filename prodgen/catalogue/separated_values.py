"""CSV and TSV files, with whichever of the usual delimiters, line ends and byte order marks they have."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from prodgen.catalogue.cells import ID_COLUMNS, written
from prodgen.catalogue.sheet_rows import Row, Table
from prodgen.errors import SettingError, SheetFault
from prodgen.files import reason_of

DELIMITERS = ",;\t|"
"""What may stand between two cells; ';' is what Excel writes where the comma is the decimal sign."""

LONGEST_CELL = 131_072
"""Most characters of a cell, as Python's csv has it; a quote that is never closed makes a longer one."""

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Encodings by their byte order mark. Excel's "Unicode text" is UTF-16."""

_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)
"""First line by which Excel is told the delimiter; it is no row of products but counts as a row."""


def read_separated(path: Path) -> Table:
    """Read the header of a CSV or TSV file.

    Raises:
        SettingError: If it cannot be read, is empty, or is not UTF-8 or UTF-16.
    """
    encoding, delimiter, skipped = _layout(path)

    def records() -> Iterator[tuple[int, list[str]]]:
        with _opened(path, encoding) as file:
            for _ in range(skipped):
                file.readline()
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            yield from enumerate(reader, start=1 + skipped)

    def rows(keys: Sequence[str]) -> Iterator[Row]:
        id_places = [place for place, key in enumerate(keys) if key in ID_COLUMNS]
        width, number = len(keys), 1
        names = [key or f"\0{place}" for place, key in enumerate(keys)]
        found = records()
        next(found)
        try:
            for number, values in found:
                if len(values) > width and any(values[width:]):
                    what = f"has {len(values)} cells, the header has {width}"
                    remedy = f"put cells that hold {delimiter!r} in double quotes"
                    yield Row(number, {}, SheetFault(number, "", what, remedy))
                    continue
                if not any(map(str.strip, values)):
                    continue
                if len(values) < width:
                    values += [""] * (width - len(values))
                for place in id_places:
                    values[place] = written(values[place], keys[place])
                yield Row(number, dict(zip(names, values, strict=False)))
        except csv.Error as error:
            yield Row(number + 1, {}, _fault(error, number + 1))

    try:
        columns = next(records(), (0, []))[1]
    except csv.Error as error:
        raise SettingError(f"{str(path)!r}: {_fault(error, 1)}") from error
    if not any(map(str.strip, columns)):
        raise SettingError(
            f"{str(path)!r} has no header; name the columns in its first line, such as photo,sku"
        )
    return Table(tuple(columns), rows)


def _layout(path: Path) -> tuple[str, str, int]:
    """Return encoding, delimiter, and how many lines there are before the header."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise SettingError(f"sheet {str(path)!r} cannot be read: {reason_of(error)}") from error
    encoding = next((name for mark, name in _MARKS.items() if start.startswith(mark)), "utf-8")
    with _opened(path, encoding) as text:
        first = text.readline(LONGEST_CELL)
    if match := _SEPARATOR_LINE.fullmatch(first):
        return encoding, match[1], 1
    bare = re.sub(r'"[^"]*"', "", first)
    # All alike: the sheet has one column, and any delimiter will do.
    return encoding, max(DELIMITERS, key=bare.count), 0


@contextmanager
def _opened(path: Path, encoding: str) -> Iterator[TextIO]:
    try:
        with path.open(encoding=encoding, newline="") as file:
            yield file
    except OSError as error:
        raise SettingError(f"sheet {str(path)!r} cannot be read: {reason_of(error)}") from error
    except UnicodeError as error:
        name = encoding.removesuffix("-sig").upper()
        raise SettingError(
            f"sheet {str(path)!r} is not {name} text; save it again as CSV with the encoding UTF-8"
        ) from error


def _fault(error: csv.Error, number: int) -> SheetFault:
    reason = str(error)
    if "field larger" in reason or "unexpected end" in reason:
        what = "a cell begins with a double quote that is never closed"
        return SheetFault(number, "", what, 'close it, or write "" for a quote inside a cell')
    if "expected after" in reason:
        what = "a cell has a double quote in its middle"
        return SheetFault(number, "", what, 'put the cell in quotes and write "" for the quote inside it')
    return SheetFault(number, "", f"cannot be read: {reason}", "save the sheet again as CSV")
