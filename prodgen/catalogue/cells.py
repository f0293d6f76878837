"""How a cell's value becomes text without losing a digit, and which values are no text that can be trusted.

A cell that a spreadsheet or a program has changed on the way (00123 read as 123.0, a GTIN as 4.0e12, "1-2" as
a date) becomes an `OddCell`: text that knows what is wrong with it. Whoever uses such a cell refuses it; in a
column that nobody uses it does no harm.
"""

from __future__ import annotations

import datetime as dt
import decimal
import re
import unicodedata
from collections.abc import Callable

# fmt: off
ID_COLUMNS = frozenset((
    "sku", "gtin", "gtin13", "gtin14", "ean", "ean13", "upc", "isbn", "asin", "mpn", "barcode",
    "id", "product_id", "item_id", "article", "article_number", "item_number", "part_number",
    "model_number",
))
# fmt: on
"""Columns, by their keys, whose cells are names that happen to look like numbers."""

LONGEST_ID_NUMBER = 11
"""Most digits of a number in an id column that is taken as it is.

From 12 digits on spreadsheets show 4.00638E+12 and people save that, and a UPC has 12 (the GTIN family has 12
to 14), so a number there may have been rounded or have lost its leading zero.
"""

EXACT_DIGITS = 15
"""Most digits of a whole number that a spreadsheet keeps: its numbers are IEEE 754 doubles."""

AS_TEXT = "format the column as text, and type the value again"

_SCIENTIFIC = re.compile(r"[-+]?\d(?:[.,]\d+)?[eE][-+]?\d+")
"""A number as spreadsheets show one that is too long for its cell, such as 4.00638E+12."""


class OddCell(str):
    """Text of a cell that should not be used as text; `what` is wrong with it, and `remedy` mends it."""

    __slots__ = ("remedy", "what")

    what: str
    remedy: str

    def __new__(cls, text: str, what: str, remedy: str) -> OddCell:
        """Return the text, with what is wrong with it."""
        cell = super().__new__(cls, text)
        cell.what, cell.remedy = what, remedy
        return cell


def key_of(header: str) -> str:
    """Return the key by which a column is known: case, spaces and hyphens do not count."""
    words = unicodedata.normalize("NFC", header).replace("\ufeff", "").casefold()
    return re.sub(r"[\s_-]+", "_", words).strip("_")


def written(text: str, key: str) -> str:
    """Return a cell that a text file has; it is odd if it is an id in scientific notation."""
    if key in ID_COLUMNS and _SCIENTIFIC.fullmatch(text):
        return OddCell(text, f"{text!r} has lost digits of a longer number", AS_TEXT)
    return text


def as_text(value: object, key: str) -> str:
    """Return the text of a cell that has a type.

    Args:
        value: None, text, a number, a truth value, a date, a time, bytes, or a list of these.
        key: The column's key.

    Returns:
        The text, exactly; an `OddCell` where it is not sure that it is what was meant.
    """
    if isinstance(value, str):
        return written(value, key)
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return _listed(value, key)
    for kind, spell in _SPELLINGS.items():
        if isinstance(value, kind):
            return spell(value, key)
    name = "a table" if isinstance(value, dict) else f"a value of type {type(value).__name__}"
    return OddCell(str(value), f"is {name}", "give text or a number")


def _listed(values: list[object] | tuple[object, ...], key: str) -> str:
    """Return a list as one cell, such as the four numbers of a box; one odd part makes all of it odd."""
    parts = [as_text(value, key) for value in values]
    text = ",".join(parts)
    odd = next((part for part in parts if isinstance(part, OddCell)), None)
    return text if odd is None else OddCell(text, odd.what, odd.remedy)


def _truth(value: bool, key: str) -> str:
    text = "true" if value else "false"
    if key in ID_COLUMNS:
        return OddCell(text, f"is the truth value {text}, where text was meant", AS_TEXT)
    return text


def _whole(value: int, key: str) -> str:
    del key  # a whole number of JSON or Parquet has all its digits
    return str(value)


def _number(value: float, key: str) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return OddCell(str(value), "is no finite number", "correct it")
    is_whole = value == int(value)
    text = str(int(value)) if is_whole else repr(value)
    digits = len(text.lstrip("-"))
    if is_whole and digits > EXACT_DIGITS:
        return OddCell(text, f"is a number of {digits} digits, of which the last are lost", AS_TEXT)
    if key in ID_COLUMNS and not is_whole:
        what = f"is the number {text}: zeros at its end would be lost"
        return OddCell(text, what, AS_TEXT)
    if key in ID_COLUMNS and digits > LONGEST_ID_NUMBER:
        what = f"is the number {text}, not text: zeros before it would be lost"
        return OddCell(text, what, AS_TEXT)
    return text


def _date(value: dt.date | dt.time, key: str) -> str:
    del key
    text = value.isoformat()
    return OddCell(text, f"is the date or time {text}, where text was meant", AS_TEXT)


def _duration(value: dt.timedelta, key: str) -> str:
    del key
    return OddCell(str(value), f"is the duration {value}, where text was meant", AS_TEXT)


def _bytes(value: bytes, key: str) -> str:
    del key
    return OddCell("", f"holds {len(value)} bytes, where text was meant", "give a file's name")


_SPELLINGS: dict[type, Callable[..., str]] = {
    bool: _truth,  # before int, of which it is a kind
    int: _whole,
    float: _number,
    decimal.Decimal: lambda value, key: str(value),
    dt.date: _date,
    dt.time: _date,
    dt.timedelta: _duration,
    bytes: _bytes,
}
