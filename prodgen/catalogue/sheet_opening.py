"""Opens whatever is a catalogue: a folder, a CSV, TSV, JSON, JSONL, XLSX, ODS, XLS or Parquet file."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from prodgen.catalogue.columns import FAILED_ROWS, keys_of
from prodgen.catalogue.json_rows import read_json, read_json_lines
from prodgen.catalogue.parquet_rows import read_parquet
from prodgen.catalogue.photo_folders import MARK_OF_A_RUN, listed_photos, read_folder
from prodgen.catalogue.separated_values import read_separated
from prodgen.catalogue.sheet_rows import Row, Table
from prodgen.catalogue.workbooks import read_workbook
from prodgen.errors import SettingError
from prodgen.files import reason_of
from prodgen.storage import is_url, open_store, split_object

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


@dataclass(frozen=True)
class Catalogue:
    """A sheet of products, or a folder of photographs; it is read anew each time that it is iterated."""

    source: str
    """The file, folder or URL."""
    folder: str
    """Where the paths in its cells begin: an absolute path, or a URL."""
    keys: tuple[str, ...]
    """The key of each column: what it sets, or a free column's name with "_" for spaces."""
    table: Table
    """How it is read."""
    is_of_a_run: bool = False
    """Whether it is the failed.csv of a run, in its folder; its paths may lead out of there."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns as the sheet spells them."""
        return self.table.columns

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should know about how it is read."""
        return self.table.notices

    def __iter__(self) -> Iterator[Row]:
        yield from self.table.rows(self.keys)  # a copied sheet stays while somebody reads from it

    def spelling(self, key: str) -> str:
        """Return a column's name as the sheet spells it."""
        return dict(zip(self.keys, self.columns, strict=True)).get(key, key).strip()


def read_catalogue(source: str | Path, *, sheet: str | None = None) -> Catalogue:
    """Open a catalogue; of a large file only the beginning is read now.

    Args:
        source: A folder of photographs, or a CSV, TSV, JSON, JSONL, XLSX, ODS, XLS or Parquet file; or the
            URL of one (file://, s3://, gs://, az://), which is fetched into a temporary file now.
        sheet: The sheet of a workbook; None takes the first that is not empty.

    Raises:
        SettingError: If it cannot be read, or is of no such kind.
        SheetError: If two of its columns mean the same.
        StorageError: If it is at a URL and cannot be fetched.
    """
    address = str(source)
    if is_url(address) and not address.lower().startswith("file:"):
        return _read_remote(address.rstrip("/"), sheet)
    path = Path(*split_object(address)) if is_url(address) else Path(source)
    try:
        is_folder = path.is_dir()
        if not is_folder and not path.exists():
            raise SettingError(f"catalogue {str(path)!r} does not exist; give a folder of photos or a sheet")
    except (OSError, ValueError) as error:
        raise SettingError(f"catalogue {str(path)!r} cannot be read: {reason_of(error)}") from error
    if is_folder:
        _refuse_sheet_of("", sheet)
        return _catalogue(address, str(path.absolute()), read_folder(path))
    folder = path.absolute().parent
    if path.name != FAILED_ROWS or not (folder / MARK_OF_A_RUN).is_file():
        return _catalogue(address, str(folder), _table(path, sheet))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SettingError(f"catalogue {str(path)!r} cannot be read: {reason_of(error)}") from error
    # A run writes failed.csv anew while it goes on, and this may be what it is going through.
    return replace(_copied(content, path.name, address, str(folder), sheet), is_of_a_run=True)


def _read_remote(address: str, sheet: str | None) -> Catalogue:
    """Read a sheet, or the names of the photographs, in an object store."""
    folder, _, name = address.rpartition("/")
    if Path(name).suffix.lower() not in (*READERS, *WORKBOOKS):
        _refuse_sheet_of("", sheet)
        return _catalogue(address, address, listed_photos(address, open_store(address)))
    return _copied(open_store(folder).get(name), name, address, folder, sheet)


def _copied(content: bytes, name: str, address: str, folder: str, sheet: str | None) -> Catalogue:
    """Read a sheet from a copy of its own, which stays as long as the catalogue."""
    scratch = Path(tempfile.mkdtemp(prefix="prodgen-sheet-"))
    try:
        copy = scratch / name
        copy.write_bytes(content)
        table = _table(copy, sheet)
        catalogue = _catalogue(address, folder, table)
    except BaseException:  # Ctrl-C too leaves no copy behind
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    weakref.finalize(table, shutil.rmtree, scratch, ignore_errors=True)
    return catalogue


def _catalogue(source: str, folder: str, table: Table) -> Catalogue:
    return Catalogue(source, folder, keys_of(source, table.columns), table)


def _table(path: Path, sheet: str | None) -> Table:
    ending = path.suffix.lower()
    _refuse_sheet_of(ending, sheet)
    if ending in WORKBOOKS:
        return read_workbook(path, sheet=sheet)
    if ending in READERS:
        return READERS[ending](path)
    known = ", ".join((*READERS, *WORKBOOKS))
    raise SettingError(f"{str(path)!r} is no sheet of products; its ending must be one of {known}")


def _refuse_sheet_of(ending: str, sheet: str | None) -> None:
    if sheet is not None and ending not in WORKBOOKS:
        raise SettingError(f"only workbooks ({', '.join(WORKBOOKS)}) have sheets; leave out --sheet")
