"""Looks into a zipped workbook (XLSX, ODS) before it is opened, and finds what its reader would not tell.

calamine unpacks whatever is in the file, and sets aside a cell for every place up to the last used one: a
file of some kilobytes can ask for terabytes. It also gives an empty cell where a formula has an error or was
never calculated. The XML is searched for these few things, not parsed.
"""

from __future__ import annotations

import html
import re
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from prodgen.catalogue.cells import OddCell
from prodgen.errors import SettingError
from prodgen.files import reason_of

MAX_UNPACKED_BYTES = 512 << 20
"""Most bytes that a workbook may have when unpacked. A million rows of 8 short cells have some 400 MiB."""

MAX_CELLS = 32_000_000
"""Most places up to the last used cell: a million rows of 30 columns, at calamine's 30 bytes for each."""

MAX_SPOILT = 10_000
"""Most spoilt cells that are remembered; a sheet with more is refused for the first of them anyway."""

_PIECE = 1 << 20

LONGEST_PIECE = 4 * _PIECE
"""Most bytes of a sheet's XML without the end of a tag. A cell holds 32,767 characters, each written in 6
bytes at most ("&quot;"): 192 KiB. Without such an end a piece would grow, and be copied, with each read."""

_LONG_TAG = re.compile(rb"<\w[^<>]{4096}")
"""A tag with more letters than any program writes; cut by the end of a piece, it could hide a cell."""

_TAG = rb"<(?:\w+:)?"
_CELL_OF_MANY_COLUMNS = re.compile(_TAG + rb"c\s[^<>]*?\br=[\"']([A-Z]{2,3})\d+[\"'][^<>/]*>")
_CELL_OF_A_HIGH_ROW = re.compile(_TAG + rb"(?:c|row)\s[^<>]*?\br=[\"'][A-Z]{0,3}(\d{6,7})[\"'][^<>/]*>")
_COLUMNS_WITH_ONE_LETTER, _ROWS_WITH_FIVE_DIGITS = 26, 99_999
_ODS_TAG = re.compile(rb"<(/?)table:(table-row|table-cell|covered-table-cell|table)\b([^<>]*)>")
_ODS_REPEATED = re.compile(rb"number-(?:rows|columns)-repeated=[\"'](\d{1,9})[\"']")
_SPOILT_CELL = re.compile(
    _TAG + rb"c\s([^<>]*)>\s*+(<(?:\w+:)?f\b[^<>]*(?:/>|>[^<]*</(?:\w+:)?f>))?"
    rb"\s*+(?:<(?:\w+:)?v(?:\s*/>|>([^<]*)</(?:\w+:)?v>))?\s*+</(?:\w+:)?c>"
)
_ATTRIBUTE = re.compile(rb"([\w:]+)=(?:\"([^\"]*)\"|'([^']*)')")
_REFERENCE = re.compile(rb"([A-Z]{1,3})(\d{1,7})")

_NOT_UNPACKED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError)
"""What zipfile raises for an entry that cannot be unpacked: a wrong checksum or header, bytes that are no
deflate stream, an end too early, a place outside of the file. RuntimeError is for an entry locked by a
password; NotImplementedError, which is one, for a way of packing that zipfile does not know."""

SpoiltCells = dict[tuple[int, int], OddCell]
"""By row and column, both from 1: cells whose formula has an error, or has no value."""


def check_unpacked(path: Path) -> None:
    """Refuse a workbook that would take too much memory.

    Raises:
        SettingError: If it is too large when unpacked, its last used cell is too far out, or it is damaged.
    """
    left = MAX_UNPACKED_BYTES
    with _opened(path) as book:
        for entry in book.infolist():
            is_sheet = entry.filename.startswith("xl/worksheets/") or entry.filename == "content.xml"
            # What is no sheet is only counted: a picture in it need not have the end of a tag anywhere.
            extent = _OdsExtent() if entry.filename == "content.xml" else _XlsxExtent()
            for piece in (_pieces if is_sheet else _parts)(book, entry):
                left -= len(piece)
                if left < 0:
                    raise SettingError(
                        f"sheet {str(path)!r} has more than {MAX_UNPACKED_BYTES >> 20} MiB when unpacked;"
                        " save it as CSV, which may have any size"
                    )
                if is_sheet:
                    if _LONG_TAG.search(piece):
                        raise _damaged(book)
                    extent.look(piece)
                    if extent.cells > MAX_CELLS:
                        raise SettingError(
                            f"sheet {str(path)!r} has a used cell far out, and would take {extent.cells:,}"
                            " cells; delete what is beside and below the products, or save it as CSV"
                        )


def spoilt_cells(path: Path, sheet: str) -> SpoiltCells:
    """Return the cells of an XLSX sheet that hold a formula's error, or a formula that was never calculated.

    Raises:
        SettingError: If the workbook is damaged.
    """
    found: SpoiltCells = {}
    with _opened(path) as book:
        entry = _entry_of(book, sheet)
        if entry is None:
            return found
        for piece in _pieces(book, entry):
            for match in _SPOILT_CELL.finditer(piece):
                attributes = _attributes(match[1])
                is_error, is_formula = attributes.get("t") == "e", match[2] is not None
                if not (is_error or (is_formula and not match[3])):
                    continue
                if (place := _REFERENCE.fullmatch(attributes.get("r", "").encode())) is None:
                    continue
                value = html.unescape((match[3] or b"").decode("utf-8", "replace"))
                found[int(place[2]), _column(place[1])] = (
                    OddCell(value, f"holds the error {value}", "correct its formula")
                    if is_error
                    else OddCell(
                        "=", "holds a formula that was never calculated", "open and save the workbook"
                    )
                )
                if len(found) >= MAX_SPOILT:
                    return found
    return found


class _XlsxExtent:
    """How far out the last used cell of an XLSX sheet is."""

    def __init__(self) -> None:
        self.width, self.height = _COLUMNS_WITH_ONE_LETTER, _ROWS_WITH_FIVE_DIGITS

    @property
    def cells(self) -> int:
        return self.width * self.height

    def look(self, piece: bytes) -> None:
        columns = set(_CELL_OF_MANY_COLUMNS.findall(piece))
        self.width = max([self.width, *map(_column, columns)])
        self.height = max([self.height, *map(int, _CELL_OF_A_HIGH_ROW.findall(piece))])


class _OdsExtent:
    """How far out the last used cell of an ODS sheet is; it writes a run of equal rows or cells once."""

    def __init__(self) -> None:
        self.width = self.height = 0
        self._row = self._rows = self._column = self._used = 0
        self.cells = 0

    def look(self, piece: bytes) -> None:
        for closing, name, attributes in _ODS_TAG.findall(piece):
            is_empty = attributes.endswith(b"/")
            repeated = _ODS_REPEATED.search(attributes)
            times = int(repeated[1]) if repeated else 1
            if name == b"table":
                self.width = self.height = self._row = 0
            elif name == b"table-row" and not closing:
                self._rows, self._column, self._used = times, 0, 0
                self._row += times if is_empty else 0
            elif name == b"table-row":
                self._row += self._rows
                if self._used:
                    self.width, self.height = max(self.width, self._used), self._row
            elif not closing:
                self._column += times
                if not is_empty:
                    self._used = self._column
            self.cells = max(self.cells, self.width * self.height)


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except OSError as error:
        raise SettingError(f"sheet {str(path)!r} cannot be read: {reason_of(error)}") from error
    except zipfile.BadZipFile as error:
        remedy = "it is no such workbook, is locked by a password, or is damaged; save it again, without one"
        raise SettingError(f"sheet {str(path)!r} cannot be read: {remedy}") from error


def _damaged(book: zipfile.ZipFile) -> SettingError:
    return SettingError(f"sheet {book.filename!r} is damaged; save it again")


def _parts(book: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """Unpack an entry, part by part; the size that it claims is not believed."""
    entry.file_size = sys.maxsize  # otherwise zipfile stops at the size that is claimed
    try:
        with book.open(entry) as file:
            while part := file.read(_PIECE):
                yield part
    except _NOT_UNPACKED as error:
        raise _damaged(book) from error


def _pieces(book: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """Unpack an entry that is XML, cut behind a row where there are any."""
    rest = b""
    for part in _parts(book, entry):
        piece = rest + part
        end = (piece.rfind(b"row>") + 1 or piece.rfind(b">") - 2) + 3
        rest = piece[end:]
        if len(rest) > LONGEST_PIECE:
            raise _damaged(book)
        yield piece[:end]
    yield rest


def _entry_of(book: zipfile.ZipFile, sheet: str) -> zipfile.ZipInfo | None:
    """Return the part of an XLSX file that holds a sheet; None if it cannot be told."""
    try:
        listed = b"".join(_pieces(book, book.getinfo("xl/workbook.xml")))
        links = b"".join(_pieces(book, book.getinfo("xl/_rels/workbook.xml.rels")))
        tags = map(_attributes, re.findall(_TAG + rb"sheet\s([^>]*)>", listed))
        wanted = next(tag for tag in tags if tag.get("name") == sheet)
        identity = next(value for name, value in wanted.items() if name.endswith(":id"))
        targets = map(_attributes, re.findall(_TAG + rb"Relationship\s([^>]*)>", links))
        target = next(tag["Target"] for tag in targets if tag.get("Id") == identity)
        name = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
        return book.getinfo(name)
    except (KeyError, StopIteration):
        return None


def _attributes(text: bytes) -> dict[str, str]:
    return {
        name.decode(): html.unescape((double or single).decode("utf-8", "replace"))
        for name, double, single in _ATTRIBUTE.findall(text)
    }


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number
