"""CSV and its kin: read whatever program wrote them, or refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from prodgen.catalogue import Catalogue, read_catalogue

Sheet = Callable[..., Path]
Cells = Callable[[Catalogue], list[dict[str, str]]]
Refused = Callable[..., str]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_csv_is_read_whatever_program_wrote_it(
    sheet: Sheet, encoding: str, delimiter: str, end: str, cells: Cells
):
    """C14: "BOM eats the first column"; a semicolon and CRLF come with it."""
    lines = [
        delimiter.join(["Photo", " SKU ", "Negative Prompt", "name"]),
        delimiter.join(["photos/1.jpg", "00123", "", f'"Mug, {delimiter} ""big""{end}😀"']),
        "",
        delimiter.join(["photos/2.jpg", "90.750"]),
    ]
    catalogue = read_catalogue(sheet((end.join(lines) + end).encode(encoding)))

    assert catalogue.keys == ("photo", "sku", "negative_prompt", "name")
    assert [row.number for row in catalogue] == [2, 4]
    assert [row["sku"] for row in cells(catalogue)] == ["00123", "90.750"]
    assert cells(catalogue)[0]["name"] == f'Mug, {delimiter} "big"{end}😀'


def test_a_line_that_tells_excel_the_delimiter_is_no_header(sheet: Sheet):
    catalogue = read_catalogue(sheet("sep=|\nphoto|sku,\n1.jpg|a\n"))

    assert [(row.number, row.cells["photo"]) for row in catalogue] == [(3, "1.jpg")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("photo,sku\nphotos/1.jpg,caf\xe9\n".encode("latin-1"), "UTF-8"),
        (b"", "no header"),
        (b"\n\n", "no header"),
        (b'photo,sku\nphotos/1.jpg,"a\nphotos/2.jpg,b\n', "never closed"),
        (b'photo,sku\nphotos/1.jpg,"a"b\n', "double quote"),
        (b"photo,sku\nphotos/1.jpg,a,b,c\n", "has 4 cells"),
        (b"photo,sku,SKU\nphotos/1.jpg,a,b\n", "means the same"),
        (b"photo,sku\nphotos/1.jpg,4.00638E+12\n", "lost digits"),
    ],
)
def test_a_broken_csv_is_refused_in_one_sentence(sheet: Sheet, content: bytes, words: str, refused: Refused):
    said = refused(sheet(content))

    assert words in said
    assert "\n" not in said
