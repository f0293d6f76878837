"""XLSX, ODS and XLS workbooks, read by python-calamine (extra `xlsx`).

calamine holds the whole sheet, outside of Python, while it is read: some 80 MB for 100,000 rows of 8 columns.
`unpacked` looks at the file first, since calamine trusts it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prodgen.catalogue.sheet_rows import Row, Table, typed_rows
from prodgen.catalogue.unpacked import SpoiltCells, check_unpacked, spoilt_cells
from prodgen.errors import SettingError, UnknownNameError

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

MAX_XLS_BYTES = 128 << 20
"""Largest XLS file. The format, which is not packed, ends at 65,536 rows; each may have 2 kB then."""


def read_workbook(path: Path, *, sheet: str | None) -> Table:
    """Read the header of one sheet of a workbook; it is the first row that is not empty.

    Args:
        path: The workbook.
        sheet: The sheet's name; None takes the first that is not empty.

    Raises:
        SettingError: If python-calamine is not installed, or the workbook cannot be read, is too large when
            unpacked, or has no such sheet.
    """
    is_xlsx = path.suffix.lower() in (".xlsx", ".xlsm")
    if is_xlsx or path.suffix.lower() == ".ods":
        check_unpacked(path)
    elif path.stat().st_size > MAX_XLS_BYTES:
        raise SettingError(f"sheet {str(path)!r} has more than {MAX_XLS_BYTES >> 20} MiB; save it as CSV")
    with _opened(path) as book:
        found, notices = _chosen(path, book, sheet)
        name, (_, header) = found.name, next(_filled(found, {}))
    spoilt = spoilt_cells(path, name) if is_xlsx else {}

    def rows(keys: Sequence[str]) -> Iterator[Row]:
        with _opened(path) as book:
            values = _filled(book.get_sheet_by_name(name), spoilt)
            next(values)
            yield from typed_rows(values, keys)

    return Table(tuple(map(str, header)), rows, notices)


def _chosen(path: Path, book: CalamineWorkbook, name: str | None) -> tuple[CalamineSheet, tuple[str, ...]]:
    names = book.sheet_names
    if name is not None and name not in names:
        raise UnknownNameError("sheet", name, names, f"(in {str(path)!r})")
    for candidate in names if name is None else (name,):
        found = book.get_sheet_by_name(candidate)
        if next(_filled(found, {}), None) is not None:
            others = [other for other in names if other != candidate]
            if name is not None or not others:
                return found, ()
            left = ", ".join(map(repr, others))
            return found, (f"sheet {candidate!r} is read, and not {left}; --sheet NAME takes another",)
    empty = f"sheet {name!r} of {str(path)!r}" if name is not None else f"{str(path)!r}"
    raise SettingError(f"{empty} is empty; name the columns in its first row, such as photo and sku")


def _filled(sheet: CalamineSheet, spoilt: SpoiltCells) -> Iterator[tuple[int, list[Any]]]:
    """Give the rows that are not empty, with their numbers as the spreadsheet shows them."""
    offset = sheet.start[1] if sheet.start is not None else 0
    spoilt_rows = {row for row, _ in spoilt}
    for number, values in enumerate(sheet.iter_rows(), start=1):
        if number in spoilt_rows:
            for place in range(len(values)):
                values[place] = spoilt.get((number, place + offset + 1), values[place])
        if values.count("") < len(values):
            yield number, values


@contextmanager
def _opened(path: Path) -> Iterator[CalamineWorkbook]:
    try:
        import python_calamine
    except ImportError as error:
        raise SettingError(
            f"sheet {str(path)!r} needs python-calamine: pip install 'prodgen[xlsx]'"
        ) from error
    try:
        with python_calamine.load_workbook(path) as book:
            yield book
    except python_calamine.PasswordError as error:
        raise SettingError(f"sheet {str(path)!r} is locked by a password; save it without one") from error
    except (python_calamine.CalamineError, OSError) as error:
        raise SettingError(f"sheet {str(path)!r} cannot be read: {error}; save it again") from error
    except BaseException as error:
        # What a Rust library does where it did not expect the file: no Exception, but no exit either.
        if type(error).__name__ != "PanicException":
            raise
        raise SettingError(f"sheet {str(path)!r} is damaged; save it again") from error
