"""Opens whatever is a catalogue: a folder, a CSV, TSV, JSON, JSONL, XLSX, ODS, XLS or Parquet file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prodgen.catalogue.columns import keys_of
from prodgen.catalogue.json_rows import read_json, read_json_lines
from prodgen.catalogue.parquet_rows import read_parquet
from prodgen.catalogue.photo_folders import read_folder
from prodgen.catalogue.separated_values import read_separated
from prodgen.catalogue.sheet_rows import Row, Table
from prodgen.catalogue.workbooks import read_workbook
from prodgen.errors import SettingError
from prodgen.files import reason_of

READERS: dict[str, Callable[[Path], Table]] = {
    ".csv": read_separated,
    ".tsv": read_separated,
    ".txt": read_separated,
    ".json": read_json,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".parquet": read_parquet,
}
"""What reads a sheet, by the file's ending; workbooks, which have several sheets, are `WORKBOOKS`."""

WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods")

FOLDER_NOTE = ".folder"
"""Ending of the hidden file that says in which folder a sheet's paths begin; see `failed_rows`."""


@dataclass(frozen=True)
class Catalogue:
    """A sheet of products, or a folder of photographs; it is read anew each time that it is iterated."""

    source: Path
    """The file or folder."""
    folder: Path
    """Where the paths in its cells begin; absolute."""
    keys: tuple[str, ...]
    """The key of each column: what it sets, or a free column's name with "_" for spaces."""
    table: Table
    """How it is read."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns as the sheet spells them."""
        return self.table.columns

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should know about how it is read."""
        return self.table.notices

    def __iter__(self) -> Iterator[Row]:
        return self.table.rows(self.keys)

    def spelling(self, key: str) -> str:
        """Return a column's name as the sheet spells it."""
        return dict(zip(self.keys, self.columns, strict=True)).get(key, key).strip()


def read_catalogue(source: str | Path, *, sheet: str | None = None) -> Catalogue:
    """Open a catalogue; of a large file only the beginning is read now.

    Args:
        source: A folder of photographs, or a CSV, TSV, JSON, JSONL, XLSX, ODS, XLS or Parquet file.
        sheet: The sheet of a workbook; None takes the first that is not empty.

    Raises:
        SettingError: If it cannot be read, or is of no such kind.
        SheetError: If two of its columns mean the same.
    """
    path = Path(source)
    ending = path.suffix.lower()
    try:
        is_folder = path.is_dir()
        if not is_folder and not path.exists():
            raise SettingError(f"catalogue {str(path)!r} does not exist; give a folder of photos or a sheet")
    except (OSError, ValueError) as error:
        raise SettingError(f"catalogue {str(path)!r} cannot be read: {reason_of(error)}") from error
    if sheet is not None and (is_folder or ending not in WORKBOOKS):
        raise SettingError(f"only workbooks ({', '.join(WORKBOOKS)}) have sheets; leave out --sheet")
    if is_folder:
        table = read_folder(path)
    elif ending in WORKBOOKS:
        table = read_workbook(path, sheet=sheet)
    elif ending in READERS:
        table = READERS[ending](path)
    else:
        known = ", ".join((*READERS, *WORKBOOKS))
        raise SettingError(f"{str(path)!r} is no sheet of products; its ending must be one of {known}")
    return Catalogue(path, _folder_of(path, is_folder=is_folder), keys_of(str(path), table.columns), table)


def _folder_of(path: Path, *, is_folder: bool) -> Path:
    """Return where the paths of a sheet begin: in its own folder, unless a note beside it says another."""
    if is_folder:
        return path.absolute()
    try:
        noted = Path(folder_note(path).read_text("utf-8").strip())
    except (OSError, ValueError):
        return path.absolute().parent
    return noted if noted.is_absolute() else path.absolute().parent


def folder_note(sheet: Path) -> Path:
    """Return the path of the note that belongs to a sheet."""
    return sheet.with_name(f".{sheet.name}{FOLDER_NOTE}")
