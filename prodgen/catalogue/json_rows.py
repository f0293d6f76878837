"""JSON and JSONL files: an array of products, {"products": [...]}, or one product a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from prodgen.catalogue.cells import as_text, key_of
from prodgen.catalogue.columns import known_key
from prodgen.catalogue.sheet_rows import Row, Table
from prodgen.errors import SettingError, SheetFault
from prodgen.files import reason_of

MAX_JSON_BYTES = 256 << 20
"""Largest JSON file, which is read as a whole; a JSONL file may have any size."""

LONGEST_LINE = 1 << 20
"""Most characters of one line of JSONL."""

LINES_FOR_COLUMNS = 1000
"""Lines of JSONL that are looked at for the names of columns."""

_AS_JSON = 'write each product as {"photo": "mug.jpg", "sku": "00123"}'
"""The remedy for what is no JSON; it shows where commas and quotes belong, which are forgotten most."""


def read_json(path: Path) -> Table:
    """Read a JSON file: an array of products, or an object with one array, such as {"products": [...]}.

    Raises:
        SettingError: If it cannot be read, or is something else.
    """
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            size = f"more than {MAX_JSON_BYTES >> 20} MiB"
            raise SettingError(f"sheet {str(path)!r} has {size}; write it as JSONL, one product a line")
        found = _loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise SettingError(f"sheet {str(path)!r} cannot be read: {reason_of(error)}") from error
    except UnicodeError as error:
        raise SettingError(f"sheet {str(path)!r} is not UTF-8 text; save it again as UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise SettingError(
            f"sheet {str(path)!r} is no JSON: {_why_none(error, in_lines=True)}; {_AS_JSON}"
        ) from error
    if isinstance(found, dict):
        arrays = [value for value in found.values() if isinstance(value, list)]
        found = found.get("products", arrays[0] if len(arrays) == 1 else None)
    products = found if isinstance(found, list) else []
    if not (columns := _columns(products)):
        raise SettingError(
            f'sheet {str(path)!r} has no list of products; write [{{"photo": "mug.jpg"}}, ...]'
        )
    return Table(columns, lambda keys: _rows(enumerate(products, start=1), keys))


def read_json_lines(path: Path) -> Table:
    """Look at the beginning of a JSONL file, which has one product a line.

    Raises:
        SettingError: If it cannot be read.
    """

    def products() -> Iterator[tuple[int, Any]]:
        try:
            with path.open(encoding="utf-8-sig") as file:
                number = 0
                while line := file.readline(LONGEST_LINE):
                    number += 1
                    if line.strip():
                        yield number, _product(line, number)
        except OSError as error:
            raise SettingError(f"sheet {str(path)!r} cannot be read: {reason_of(error)}") from error
        except UnicodeError as error:
            raise SettingError(f"sheet {str(path)!r} is not UTF-8 text; save it again as UTF-8") from error

    first = [product for _, product in islice(products(), LINES_FOR_COLUMNS)]
    return Table(_columns(first), lambda keys: _rows(products(), keys))


def _loads(text: str) -> Any:
    # A fraction stays as it is written: 90.750 keeps its last zero. Whole numbers have all their digits.
    return json.loads(text, parse_float=str, parse_constant=str)


def _product(line: str, number: int) -> Any:
    try:
        return _loads(line.rstrip())
    except (ValueError, RecursionError) as error:
        what = f"is no JSON: {_why_none(error)}"
        return SheetFault(number, "", what, f"{_AS_JSON}, on a line of its own")


def _why_none(error: ValueError | RecursionError, *, in_lines: bool = False) -> str:
    if isinstance(error, json.JSONDecodeError):
        line = f"line {error.lineno}, " if in_lines else ""
        return f"{line}column {error.colno}: {error.msg}"
    if isinstance(error, RecursionError):
        return "its brackets are too many, one in another"
    return "a number has thousands of digits"


def _columns(products: Iterable[Any]) -> tuple[str, ...]:
    names = {name: None for product in products if isinstance(product, dict) for name in product}
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(known_key(name), name)
    return tuple(first.values())


def _rows(products: Iterable[tuple[int, Any]], keys: Sequence[str]) -> Iterator[Row]:
    missing = dict.fromkeys((key for key in keys if key), "")
    known = {key_of(key): key for key in keys}
    for number, product in products:
        if isinstance(product, SheetFault):
            yield Row(number, {}, product)
        elif not isinstance(product, dict):
            fault = SheetFault(number, "", "is no product", 'write {"photo": "mug.jpg", ...}')
            yield Row(number, {}, fault)
        else:
            cells = {}
            for name, value in product.items():
                key = known.get(name) or known.setdefault(name, known_key(name))
                cells[key] = as_text(value, key)
            if len(cells) < len(product):
                what, remedy = "has two names that mean the same", f"leave one of them: {', '.join(product)}"
                yield Row(number, {}, SheetFault(number, "", what, remedy))
            elif any(cells.values()):
                yield Row(number, missing | cells)
