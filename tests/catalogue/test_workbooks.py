"""XLSX and ODS workbooks: typed cells, formulas, several sheets, and what would take too much memory."""

from __future__ import annotations

import importlib.util
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import python_calamine

from prodgen.catalogue import Catalogue, Wishes, check_catalogue, read_catalogue
from prodgen.catalogue.unpacked import MAX_UNPACKED_BYTES
from prodgen.errors import SettingError, SheetError

_where = importlib.util.spec_from_file_location(
    "workbook_writing", Path(__file__).with_name("workbook_writing.py")
)
workbook_writing = importlib.util.module_from_spec(_where)
_where.loader.exec_module(workbook_writing)
Raw, ods_row, sheet_xml, write_ods, write_xlsx = (
    getattr(workbook_writing, name) for name in ("Raw", "ods_row", "sheet_xml", "write_ods", "write_xlsx")
)


Cells = Callable[[Catalogue], list[dict[str, str]]]
Refused = Callable[..., str]


def workbook(shop: Path, rows: Mapping[int, Sequence[Any]], **others: str) -> Path:
    return write_xlsx(shop / "sheet.xlsx", {**others, "Products": sheet_xml(rows)})


def refused_with(path: Path, prompt: str) -> str:
    with pytest.raises(SheetError) as caught:
        check_catalogue(read_catalogue(path), Wishes(prompt=prompt))
    return str(caught.value)


def test_numbers_where_text_was_meant_are_kept_exactly_or_refused(shop: Path, cells: Cells):
    rows = {
        1: ("photo", "sku", "steps", "cfg_scale"),
        2: ("photos/1.jpg", 123, 20, 6.5),
        3: ("photos/1.jpg", 90.75, None, None),
        4: ("photos/1.jpg", 4006381333931, None, None),
        5: ("photos/1.jpg", True, None, None),
        6: ("photos/1.jpg", Raw('<c {} s="1"><v>45000</v></c>'), None, None),
        7: ("photos/1.jpg", "4006381333931", None, None),
    }
    catalogue = read_catalogue(workbook(shop, rows))

    with pytest.raises(SheetError) as caught:
        check_catalogue(catalogue, Wishes(prompt="on a table"))

    assert [(fault.row, fault.column) for fault in caught.value.faults] == [
        (row, "sku") for row in (3, 4, 5, 6)
    ]
    assert all("text" in fault.remedy for fault in caught.value.faults)
    first = cells(catalogue)[0]
    assert (first["sku"], first["steps"], first["cfg_scale"]) == ("123", "20", "6.5")


def test_a_number_that_lost_digits_harms_only_where_it_is_used(shop: Path):
    rows = {
        1: ("photo", "sku", "weight", "born"),
        2: ("photos/1.jpg", "a", 12345678901234567, Raw('<c {} s="1"><v>45000</v></c>')),
    }
    path = workbook(shop, rows)

    check_catalogue(read_catalogue(path), Wishes(prompt="on a table"))

    assert "row 2, weight" in refused_with(path, "of {weight}")
    assert "row 2, born" in refused_with(path, "of {born}")


def test_a_date_is_a_fault_also_where_a_row_before_has_it_as_text(shop: Path):
    rows = {
        1: ("photo", "sku", "negative_prompt"),
        2: ("photos/1.jpg", "a", "2023-03-15"),
        3: ("photos/2.jpg", "b", Raw('<c {} s="1"><v>45000</v></c>')),
    }

    assert "row 3, negative_prompt" in refused_with(workbook(shop, rows), "on a table")


def test_errors_and_formulas_that_were_never_calculated_are_faults_of_their_cells(shop: Path):
    rows = {
        1: ("photo", "sku", "name"),
        2: ("photos/1.jpg", "a", Raw('<c {} t="e"><f>A9/0</f><v>#DIV/0!</v></c>')),
        3: ("photos/1.jpg", "b", Raw("<c {}><f>A9&amp;1</f></c>")),
        4: ("photos/1.jpg", "c", Raw('<c {} t="str"><f>A9</f><v>Mug</v></c>')),
    }
    path = workbook(shop, rows)

    said = refused_with(path, "{name}")

    assert "row 2, name: holds the error #DIV/0!" in said
    assert "row 3, name" in said
    assert "row 4" not in said


def test_the_first_sheet_that_is_not_empty_is_read_unless_another_is_named(shop: Path):
    path = workbook(
        shop,
        {3: ("photo", "sku"), 5: ("photos/1.jpg", "a")},
        Empty=sheet_xml({}),
        **{"A & B": sheet_xml({1: ("photo",), 2: ("photos/2.jpg",)})},
    )

    first = read_catalogue(path)
    named = read_catalogue(path, sheet="Products")

    assert [row.cells["photo"] for row in first] == ["photos/2.jpg"]
    assert "'A & B'" in first.notices[0]
    assert "'Products'" in first.notices[0]
    assert [(row.number, row.cells["sku"]) for row in named] == [(5, "a")]
    assert not named.notices
    with pytest.raises(SettingError, match="did you mean 'Products'"):
        read_catalogue(path, sheet="Product")
    with pytest.raises(SettingError, match="is empty"):
        read_catalogue(path, sheet="Empty")


def test_what_is_left_out_of_a_workbook_stands_in_the_summary(shop: Path):
    path = workbook(
        shop, {1: ("photo",), 2: ("photos/1.jpg",)}, First=sheet_xml({1: ("photo",), 2: ("photos/2.jpg",)})
    )

    (notice,) = check_catalogue(read_catalogue(path), Wishes(prompt="x")).notices

    assert notice == "sheet 'First' is read, and not 'Products'; --sheet NAME takes another"


def test_an_xls_file_that_is_too_large_is_refused_unread(
    shop: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("prodgen.catalogue.workbooks.MAX_XLS_BYTES", 1 << 20)
    (shop / "sheet.xls").write_bytes(b"x" * ((1 << 20) + 1))

    assert "has more than 1 MiB; save it as CSV" in refused(shop / "sheet.xls")


def test_an_error_is_found_in_its_column_also_where_the_first_columns_are_empty(shop: Path):
    rows = {
        1: (None, "photo", "sku", "name"),
        2: (None, "photos/1.jpg", "a", Raw('<c {} t="e"><v>#REF!</v></c>')),
    }

    assert "row 2, name: holds the error #REF!" in refused_with(workbook(shop, rows), "{name}")


def test_a_workbook_that_is_locked_or_that_its_reader_breaks_off_at_is_refused(
    shop: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
):
    class PanicException(BaseException):
        """What a Rust library raises where it did not expect the file."""

    def broken(error: BaseException) -> Callable[[Path], None]:
        def load(path: Path) -> None:
            raise error

        return load

    path = workbook(shop, {1: ("photo",), 2: ("photos/1.jpg",)})
    for error, words in (
        (python_calamine.PasswordError("Workbook is password protected"), "save it without one"),
        (PanicException("index out of bounds"), "is damaged; save it again"),
    ):
        monkeypatch.setattr(python_calamine, "load_workbook", broken(error))
        assert words in refused(path)
    monkeypatch.setattr(python_calamine, "load_workbook", broken(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        read_catalogue(path)


def test_a_merged_cell_stands_in_its_first_row_only(shop: Path, cells: Cells):
    xml = sheet_xml(
        {1: ("photo", "sku", "light"), 2: ("photos/1.jpg", "a", "left"), 3: ("photos/2.jpg", "b", None)}
    )
    merged = xml.replace("</worksheet>", '<mergeCells><mergeCell ref="C2:C3"/></mergeCells></worksheet>')
    write_xlsx(shop / "sheet.xlsx", {"S": merged})

    assert [row["light"] for row in cells(read_catalogue(shop / "sheet.xlsx"))] == ["left", ""]


def test_a_million_empty_rows_cost_nothing(shop: Path, cells: Cells):
    rows = {1: ("photo", "sku"), 2: ("photos/1.jpg", "a"), 1_000_000: (Raw('<c {} s="1"/>'),)}
    path = workbook(shop, rows)

    assert len(cells(read_catalogue(path))) == 1


@pytest.mark.parametrize("last", [Raw('<c r="XFD1048576"><v>1</v></c>'), Raw("<c r='XFD9'><v>1</v></c>")])
def test_a_used_cell_far_out_is_refused_before_memory_is_taken(shop: Path, last: Raw, refused: Refused):
    rows = {1: ("photo", "sku"), 2: ("photos/1.jpg", "a"), 1_048_576: (last, "end")}

    assert "far out" in refused(workbook(shop, rows))


def test_a_run_of_a_million_equal_cells_in_an_ods_is_refused_before_memory_is_taken(
    shop: Path, cells: Cells, refused: Refused
):
    cell = '<table:table-cell table:number-columns-repeated="16384"'
    run = f'<table:table-row table:number-rows-repeated="1048576">{cell}'
    row = f"{run}><text:p>x</text:p></table:table-cell></table:table-row>"
    empty = f"{run}/></table:table-row>"

    assert "far out" in refused(write_ods(shop / "a.ods", ods_row(["photo"]) + row))
    assert (
        len(cells(read_catalogue(write_ods(shop / "b.ods", ods_row(["photo"]) + ods_row(["x"]) + empty))))
        == 1
    )


def test_a_zip_bomb_is_refused_also_if_it_lies_about_its_size(
    shop: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
):
    monkeypatch.setattr("prodgen.catalogue.unpacked.MAX_UNPACKED_BYTES", 1 << 20)
    path = workbook(shop, {1: ("photo", "sku"), 2: ("photos/1.jpg", "a")})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/sharedStrings.xml", b" " * (2 << 20))
    assert "when unpacked" in refused(path)

    lying = path.read_bytes().replace((2 << 20).to_bytes(4, "little"), (9).to_bytes(4, "little"))
    path.write_bytes(lying)

    assert "when unpacked" in refused(path)
    assert MAX_UNPACKED_BYTES > 400 << 20


@pytest.mark.parametrize(
    "filling",
    [b" " * (24 << 20), b"<c " * (1 << 20), b'<c r="A1">' + b" " * (1 << 20) + b"<x>", b"<c " + b" " * 9999],
    ids=["nothing but spaces", "tags without an end", "a cell of spaces", "a tag that hides a cell"],
)
def test_a_workbook_that_is_slow_to_search_is_searched_in_a_moment(shop: Path, filling: bytes):
    path = workbook(shop, {1: ("photo", "sku"), 2: ("photos/1.jpg", "a")})
    slow = shop / "slow.xlsx"
    with zipfile.ZipFile(path) as book, zipfile.ZipFile(slow, "w", zipfile.ZIP_DEFLATED) as other:
        for name in book.namelist():
            content = book.read(name)
            if name.startswith("xl/worksheets/"):
                content = content.replace(b"</sheetData>", filling + b"</sheetData>")
            other.writestr(name, content)
    begun = time.process_time()

    with pytest.raises(SettingError, match="save it again"):
        read_catalogue(slow)

    assert time.process_time() - begun < 5, "the time grows by the square of the size"
