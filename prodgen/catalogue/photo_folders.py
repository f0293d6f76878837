"""A folder of photographs as a catalogue: each file is a product, named by its path without the ending."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from prodgen.catalogue.sheet_rows import Row, Table
from prodgen.errors import SettingError
from prodgen.files import reason_of
from prodgen.storage import Store

# fmt: off
PHOTO_ENDINGS = frozenset((
    ".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".avif", ".heic", ".heif",
    ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".rw2", ".orf", ".pef", ".srw",
))
# fmt: on
"""Endings of files that are taken for photographs; others in the folder are left alone."""

MARK_OF_A_RUN = "ledger.sqlite"
"""File in the folder of a run: what else is in such a folder are pictures that prodgen made."""


def read_folder(folder: Path) -> Table:
    """Read a folder of photographs, sub-folders too, by name; hidden ones and those of runs are left out."""

    def rows(keys: Sequence[str]) -> Iterator[Row]:
        del keys
        for number, name in enumerate(photo_names(folder), start=1):
            yield Row(number, {"photo": name, "sku": os.path.splitext(name)[0]})  # noqa: PTH122 - of 100,000 names

    if next(rows(()), None) is None:
        kinds = ", ".join(sorted(PHOTO_ENDINGS)[:6])
        raise SettingError(f"there is no photograph ({kinds}, ...) in {str(folder)!r}")
    return Table(("photo", "sku"), rows)


def listed_photos(address: str, store: Store) -> Table:
    """Return the photographs in an object store, by name.

    Args:
        address: The store's URL, for messages.
        store: Lists the names.

    Raises:
        SettingError: If there is none.
        StorageError: If the store does not answer.
    """

    def rows(keys: Sequence[str]) -> Iterator[Row]:
        del keys
        for number, name in enumerate(filter(_is_photo, store.list()), start=1):
            yield Row(number, {"photo": name, "sku": os.path.splitext(name)[0]})  # noqa: PTH122 - no path

    if next(rows(()), None) is None:
        raise SettingError(f"there is no photograph in {address!r}, and it is no sheet of products")
    return Table(("photo", "sku"), rows)


def _is_photo(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in PHOTO_ENDINGS  # noqa: PTH122 - of 100,000 names


def photo_names(folder: Path, below: str = "") -> Iterator[str]:
    """Give the photographs' paths in a folder, by name, with forward slashes.

    Memory holds the names of one folder at a time.

    Args:
        folder: The folder.
        below: Only what is in this folder of it, "name/".

    Raises:
        SettingError: If it cannot be read.
    """
    try:
        with os.scandir(folder / below) as found:
            entries = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in found)
    except OSError as error:
        raise SettingError(f"folder {str(folder / below)!r} cannot be read: {reason_of(error)}") from error
    if below and (MARK_OF_A_RUN, False) in entries:
        return
    for name, is_folder in entries:
        if name.startswith(".") or name == "__MACOSX":
            continue
        if is_folder:
            yield from photo_names(folder, f"{below}{name}/")
        elif _is_photo(name):
            yield below + name
