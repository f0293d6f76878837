"""Reads the cells of one row: words, pictures, seeds; what is wrong with one is told beside them."""

from __future__ import annotations

import os
import re

from prodgen.catalogue.cells import OddCell
from prodgen.catalogue.columns import PICTURES
from prodgen.catalogue.fault_list import FaultList
from prodgen.catalogue.photo_places import PicturePlaces
from prodgen.catalogue.sheet_opening import Catalogue
from prodgen.catalogue.sheet_rows import Row
from prodgen.catalogue.wishes import Wishes
from prodgen.cutout import check_box, check_points
from prodgen.errors import SettingError, SheetFault
from prodgen.schema.seeds import MAX_SEED

_SURROGATE = re.compile("[\ud800-\udfff]")
"""Halves of characters, by which Python also stands for bytes of a file's name that are not UTF-8."""

_PICTURES = (*PICTURES, "sku")
"""Columns that name files; a folder's photographs have their sku from theirs."""


class RowCells:
    """Reads cells by their column's key; faults gather in one list.

    Args:
        catalogue: Whose rows they are.
        wishes: What is asked of every row.
        faults: Where faults are told.
        looks: Whether it is looked if pictures are there.
    """

    def __init__(self, catalogue: Catalogue, wishes: Wishes, faults: FaultList, *, looks: bool) -> None:
        self.faults = faults
        self.places = PicturePlaces(
            catalogue.folder,
            allow_outside=wishes.allow_outside or catalogue.is_of_a_run,
            allow_urls=wishes.allow_urls,
        )
        self._spelling, self._seed, self._looks = catalogue.spelling, wishes.seed, looks

    def fault(self, row: Row, key: str, what: str, remedy: str = "") -> None:
        """Add a fault of a row; `key` is the column that it is about, "" if it is about none."""
        self.faults.add(SheetFault(row.number, self._spelling(key) if key else "", what, remedy))

    def check_text(self, row: Row) -> None:
        """Refuse what no UTF-8 file can hold: names of files and JSON escapes may be halves of characters."""
        for key, cell in row.cells.items():
            if not cell.isascii() and _SURROGATE.search(cell):
                what = f"{str(cell)!a} is no text: it cannot be written in UTF-8"
                self.fault(row, key, what, "rename the file" if key in _PICTURES else "write it anew")
                return

    def text(self, row: Row, key: str) -> str:
        """Return what a cell says, without spaces around it; "" if it is empty, or is not what was meant."""
        if not (cell := row.cells.get(key)):
            return ""
        if type(cell) is OddCell:
            self.fault(row, key, cell.what, cell.remedy)
            return ""
        return cell.strip()

    def picture(self, row: Row, key: str) -> str:
        """Return the place of a picture that a cell names; "" if it names none."""
        if not (cell := self.text(row, key)):
            return ""
        try:
            place = self.places.place_of(cell)
            if self._looks:
                self.places.look(place, cell)
        except SettingError as error:
            self.fault(row, key, str(error))
            return ""
        return place

    def picture_of_all(self, row: Row, key: str, wished: str | None) -> str:
        """Return the place of a row's own picture, else of the one that is asked of every row."""
        own = self.picture(row, key)
        return own or (wished if wished is None or "://" in wished else absolute(wished)) or ""

    def checked(self, row: Row, key: str) -> str:
        """Return a box or points as a cell says them; whether they can be read is looked at."""
        if text := self.text(row, key):
            try:
                _ = check_box(text) if key == "box" else check_points(text)
            except SettingError as error:
                self.fault(row, key, str(error))
        return text

    def seed(self, row: Row) -> int | None:
        """Return the row's own seed, else that of every row; None if there is neither."""
        if not (text := self.text(row, "seed")):
            return self._seed
        if text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= MAX_SEED:
            return int(text)
        self.fault(row, "seed", f"must be a whole number from 0 to {MAX_SEED}, not {text!r}")
        return None


def absolute(path: str) -> str:
    """Return a path from the root, with the user's own spelling of it."""
    return os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links, and the user's spelling be lost
