"""JSON and JSONL: numbers keep their digits, and what is no JSON is told with its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from prodgen.catalogue import Catalogue, Wishes, plan_orders, read_catalogue

Sheet = Callable[..., Path]
Cells = Callable[[Catalogue], list[dict[str, str]]]
Refused = Callable[..., str]


def test_json_numbers_keep_every_digit(sheet: Sheet, cells: Cells):
    text = '[{"photo": "photos/1.jpg", "sku": 90.750, "gtin": 4006381333931, "box": [1, 3.50], "steps": 20}]'

    (row,) = cells(read_catalogue(sheet(text, "sheet.json")))

    assert row == {
        "photo": "photos/1.jpg",
        "sku": "90.750",
        "gtin": "4006381333931",
        "box": "1,3.50",
        "steps": "20",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"photo": 1}', "list of products"),
        ("[1]", "list of products"),
        ('[{"photo": "photos/1.jpg"}, 1]', "row 2: is no product"),
        ('[{"photo": "photos/1.jpg", "PHOTO": "x"}]', "mean the same"),
        ('[{"photo": "photos/1.jpg", "sku": "4.00638E+12"}]', "lost digits"),
        (
            "[{",
            "column 3: Expecting property name enclosed in double quotes; write each product as {",
        ),
        (
            '[{"photo": "photos/1.jpg",\n "sku": 00123}]',
            "line 2, column 10: Expecting ',' delimiter; write each",
        ),
        ("[" * 100_000, "no JSON: its brackets"),
        ('[{"sku": ' + "1" * 5000 + "}]", "thousands of digits"),
        ('[{"photo": {"x": 1}, "sku": "a"}]', "a table"),
        ('[{"sku": "a"}]', "no column 'photo'"),
    ],
)
def test_broken_json_is_refused_in_one_sentence(sheet: Sheet, text: str, words: str, refused: Refused):
    said = refused(sheet(text, "sheet.json"))

    assert words in said
    assert len(said) < 400


def test_a_line_that_is_no_json_is_a_fault_of_its_row(sheet: Sheet, refused: Refused):
    said = refused(sheet('{"photo": "photos/1.jpg"}\n\n{"photo"\n', "sheet.jsonl"))

    assert "row 3: is no JSON: column 9: Expecting ':' delimiter; write each product as {" in said


def test_json_that_is_not_utf8_is_told_how_to_save_it(sheet: Sheet, refused: Refused):
    for name in ("sheet.json", "sheet.jsonl"):
        assert "save it again as UTF-8" in refused(
            sheet('[{"photo": "caf\xe9.jpg"}]'.encode("latin-1"), name)
        )


def test_columns_that_come_late_in_jsonl_are_read(sheet: Sheet):
    path = sheet(
        '{"photo": "photos/1.jpg", "SKU": "a"}\n{"photo": "photos/2.jpg", "Sku": "b", "Seed": 5}\n', "s.jsonl"
    )

    assert [order.seed for order in plan_orders(read_catalogue(path), Wishes(prompt="x"))][1] == 5


def test_half_a_character_in_json_is_a_fault(shop: Path, refused: Refused):
    sheet = shop / "half.json"
    sheet.write_text('[{"photo": "photos/1.jpg", "name": "a \\ud83d"}]')

    assert "name" in refused(sheet)
