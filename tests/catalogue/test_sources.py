"""Every kind of sheet: what is read of it, what survives, and what is refused in one sentence."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import sys
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from prodgen.catalogue import Catalogue, Wishes, check_catalogue, plan_orders, read_catalogue, write_failed
from prodgen.catalogue.unpacked import MAX_UNPACKED_BYTES
from prodgen.errors import SettingError, SheetError
from prodgen.storage.folder_store import FolderStore

_where = importlib.util.spec_from_file_location(
    "workbook_writing", Path(__file__).with_name("workbook_writing.py")
)
workbook_writing = importlib.util.module_from_spec(_where)
_where.loader.exec_module(workbook_writing)
Raw, ods_row, sheet_xml, write_ods, write_xlsx = (
    getattr(workbook_writing, name) for name in ("Raw", "ods_row", "sheet_xml", "write_ods", "write_xlsx")
)

Sheet = Callable[..., Path]


def cells(catalogue: Catalogue) -> list[dict[str, str]]:
    return [dict(row.cells) for row in catalogue]


def refused(path: Path, **wishes: Any) -> str:
    """The sentence by which a sheet is refused."""
    with pytest.raises((SettingError, SheetError)) as caught:
        check_catalogue(read_catalogue(path), Wishes(prompt="on a table", **wishes))
    return str(caught.value)


def write(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    """Write texts as a sheet of the kind that the path's ending says."""
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    match path.suffix:
        case ".csv":
            text = io.StringIO(newline="")
            csv.writer(text).writerows([columns, *rows])
            path.write_bytes(text.getvalue().encode("utf-8-sig"))
        case ".json":
            path.write_text(json.dumps({"products": records}), "utf-8")
        case ".jsonl":
            path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
        case ".parquet":
            parquet.write_table(
                pa.Table.from_pylist(records, pa.schema([(name, pa.string()) for name in columns])), path
            )
        case ".xlsx":
            write_xlsx(path, {"Sheet": sheet_xml(dict(enumerate([columns, *rows], start=1)))})
        case ".ods":
            write_ods(path, "".join(ods_row(row) for row in (columns, *rows)))
    return path


KINDS = (".csv", ".json", ".jsonl", ".parquet", ".xlsx", ".ods")
SKUS = ("00123", "90.750", "4006381333931", "0", "1e5x", "-7", "=1+1", "A/B:1", "ä ö", "12345678901234567890")


@pytest.mark.parametrize("kind", KINDS)
def test_skus_survive_every_format_and_the_way_back(shop: Path, kind: str):
    path = write(shop / f"sheet{kind}", ("photo", "sku"), [("photos/1.jpg", sku) for sku in SKUS])
    (shop / "out").mkdir()
    (shop / "out/ledger.sqlite").write_bytes(b"")
    catalogue = read_catalogue(path)
    orders = list(plan_orders(catalogue, Wishes(prompt="on a table")))

    written = write_failed(
        catalogue, [(order, "no\nreason") for order in orders[1:]], shop / "out/failed.csv"
    )
    again = list(plan_orders(read_catalogue(shop / "out/failed.csv"), Wishes(prompt="on a table")))

    assert [order.sku for order in orders] == list(SKUS)
    assert written == len(SKUS) - 1
    assert [(o.slot, o.photo, o.seed, o.digest) for o in again] == [
        (o.slot, o.photo, o.seed, o.digest) for o in orders[1:]
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(skus=st.lists(st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1), min_size=1))
def test_any_text_survives_csv_json_and_the_way_back(tmp_path: Path, skus: list[str]):
    for kind in (".csv", ".json", ".jsonl", ".parquet"):
        path = write(tmp_path / f"sheet{kind}", ("photo", "sku"), [("1.jpg", f"x{sku}") for sku in skus])
        assert [row["sku"] for row in cells(read_catalogue(path))] == [f"x{sku}" for sku in skus]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_csv_is_read_whatever_program_wrote_it(sheet: Sheet, encoding: str, delimiter: str, end: str):
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
def test_a_broken_csv_is_refused_in_one_sentence(sheet: Sheet, content: bytes, words: str):
    said = refused(sheet(content))

    assert words in said
    assert "\n" not in said


def test_json_numbers_keep_every_digit(sheet: Sheet):
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
def test_broken_json_is_refused_in_one_sentence(sheet: Sheet, text: str, words: str):
    said = refused(sheet(text, "sheet.json"))

    assert words in said
    assert len(said) < 400


def test_a_line_that_is_no_json_is_a_fault_of_its_row(sheet: Sheet):
    said = refused(sheet('{"photo": "photos/1.jpg"}\n\n{"photo"\n', "sheet.jsonl"))

    assert "row 3: is no JSON: column 9: Expecting ':' delimiter; write each product as {" in said


def test_json_that_is_not_utf8_is_told_how_to_save_it(sheet: Sheet):
    for name in ("sheet.json", "sheet.jsonl"):
        assert "save it again as UTF-8" in refused(
            sheet('[{"photo": "caf\xe9.jpg"}]'.encode("latin-1"), name)
        )


def test_columns_that_come_late_in_jsonl_are_read(sheet: Sheet):
    path = sheet(
        '{"photo": "photos/1.jpg", "SKU": "a"}\n{"photo": "photos/2.jpg", "Sku": "b", "Seed": 5}\n', "s.jsonl"
    )

    assert [order.seed for order in plan_orders(read_catalogue(path), Wishes(prompt="x"))][1] == 5


def workbook(shop: Path, rows: Mapping[int, Sequence[Any]], **others: str) -> Path:
    return write_xlsx(shop / "sheet.xlsx", {**others, "Products": sheet_xml(rows)})


def test_numbers_where_text_was_meant_are_kept_exactly_or_refused(shop: Path):
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


def refused_with(path: Path, prompt: str) -> str:
    with pytest.raises(SheetError) as caught:
        check_catalogue(read_catalogue(path), Wishes(prompt=prompt))
    return str(caught.value)


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


def test_a_merged_cell_stands_in_its_first_row_only(shop: Path):
    xml = sheet_xml(
        {1: ("photo", "sku", "light"), 2: ("photos/1.jpg", "a", "left"), 3: ("photos/2.jpg", "b", None)}
    )
    merged = xml.replace("</worksheet>", '<mergeCells><mergeCell ref="C2:C3"/></mergeCells></worksheet>')
    write_xlsx(shop / "sheet.xlsx", {"S": merged})

    assert [row["light"] for row in cells(read_catalogue(shop / "sheet.xlsx"))] == ["left", ""]


def test_a_million_empty_rows_cost_nothing(shop: Path):
    rows = {1: ("photo", "sku"), 2: ("photos/1.jpg", "a"), 1_000_000: (Raw('<c {} s="1"/>'),)}
    path = workbook(shop, rows)

    assert len(cells(read_catalogue(path))) == 1


@pytest.mark.parametrize("last", [Raw('<c r="XFD1048576"><v>1</v></c>'), Raw("<c r='XFD9'><v>1</v></c>")])
def test_a_used_cell_far_out_is_refused_before_memory_is_taken(shop: Path, last: Raw):
    rows = {1: ("photo", "sku"), 2: ("photos/1.jpg", "a"), 1_048_576: (last, "end")}

    assert "far out" in refused(workbook(shop, rows))


def test_a_run_of_a_million_equal_cells_in_an_ods_is_refused_before_memory_is_taken(shop: Path):
    cell = '<table:table-cell table:number-columns-repeated="16384"'
    run = f'<table:table-row table:number-rows-repeated="1048576">{cell}'
    row = f"{run}><text:p>x</text:p></table:table-cell></table:table-row>"
    empty = f"{run}/></table:table-row>"

    assert "far out" in refused(write_ods(shop / "a.ods", ods_row(["photo"]) + row))
    assert (
        len(cells(read_catalogue(write_ods(shop / "b.ods", ods_row(["photo"]) + ods_row(["x"]) + empty))))
        == 1
    )


def test_a_zip_bomb_is_refused_also_if_it_lies_about_its_size(shop: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("prodgen.catalogue.unpacked.MAX_UNPACKED_BYTES", 1 << 20)
    path = workbook(shop, {1: ("photo", "sku"), 2: ("photos/1.jpg", "a")})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/sharedStrings.xml", b" " * (2 << 20))
    assert "when unpacked" in refused(path)

    lying = path.read_bytes().replace((2 << 20).to_bytes(4, "little"), (9).to_bytes(4, "little"))
    path.write_bytes(lying)

    assert "when unpacked" in refused(path)
    assert MAX_UNPACKED_BYTES > 400 << 20


@pytest.mark.parametrize("ending", [".xlsx", ".ods", ".xls", ".parquet", ".xlsm"])
@pytest.mark.parametrize(
    "content", [b"", b"photo,sku\n1.jpg,a\n", b"PK\3\4 and then nothing", bytes(range(256)) * 40]
)
def test_a_file_of_another_kind_is_refused_in_one_sentence(shop: Path, ending: str, content: bytes):
    path = shop / f"sheet{ending}"
    path.write_bytes(content)

    said = refused(path)

    assert path.name in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("ending", "module", "extra"), [(".xlsx", "python_calamine", "xlsx"), (".parquet", "pyarrow", "parquet")]
)
def test_a_missing_extra_is_told_with_the_command_that_installs_it(
    shop: Path, monkeypatch: pytest.MonkeyPatch, ending: str, module: str, extra: str
):
    path = write(shop / f"sheet{ending}", ("photo", "sku"), [("photos/1.jpg", "a")])
    monkeypatch.setitem(sys.modules, module, None)

    assert f"pip install 'prodgen[{extra}]'" in refused(path)


def test_typed_columns_of_parquet_become_exact_text(shop: Path):
    path = shop / "sheet.parquet"
    table = {
        "photo": ["photos/1.jpg"] * 2,
        "sku": [4006381333931, 7],
        "price": [0.5, None],
        "points": [["+1,2"], None],
    }
    parquet.write_table(pa.table(table), path)

    first, second = cells(read_catalogue(path))

    assert first == {"photo": "photos/1.jpg", "sku": "4006381333931", "price": "0.5", "points": "+1,2"}
    assert second["price"] == second["points"] == ""


def test_a_folder_is_read_by_name_with_its_sub_folders(shop: Path):
    for name in (
        "photos/new/b.PNG",
        "photos/new/notes.txt",
        ".hidden/x.jpg",
        "run/ledger.sqlite",
        "run/made.png",
    ):
        (shop / name).parent.mkdir(exist_ok=True)
        (shop / name).write_bytes(b"")

    orders = list(plan_orders(read_catalogue(shop), Wishes(prompt="x")))

    assert [order.sku for order in orders] == [
        *(f"photos/{number}" for number in range(1, 10)),
        "photos/new/b",
    ]
    assert orders[-1].photo == str(shop / "photos/new/b.PNG")
    assert orders[-1].output == f"photos/new/b/b-{orders[-1].seed}.png"


def test_two_photographs_of_one_name_in_a_folder_are_a_fault(shop: Path):
    (shop / "photos/1.png").write_bytes(b"")

    assert "'photos/1'" in refused(shop)


@pytest.mark.skipif(os.name != "posix" or sys.platform == "darwin", reason="names are text on this system")
def test_a_file_whose_name_is_no_text_is_a_fault_with_its_remedy(shop: Path):
    Path(os.fsdecode(b"%s/photos/b\xff.jpg" % os.fsencode(shop))).write_bytes(b"")

    said = refused(shop)

    assert "rename the file" in said
    said.encode()


def test_half_a_character_in_json_is_a_fault(shop: Path):
    sheet = shop / "half.json"
    sheet.write_text('[{"photo": "photos/1.jpg", "name": "a \\ud83d"}]')

    assert "name" in refused(sheet)


def test_a_folder_without_photographs_is_refused(tmp_path: Path):
    assert "no photograph" in refused(tmp_path)


def test_what_is_no_sheet_is_refused_with_the_kinds_that_are(shop: Path):
    assert ".csv" in refused(shop / "photos/1.jpg")
    assert "does not exist" in refused(shop / "none.csv")
    with pytest.raises(SettingError, match="--sheet"):
        read_catalogue(shop, sheet="x")


def test_a_sheet_in_an_object_store_has_its_photographs_beside_it(
    shop: Path, sheet: Sheet, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        "prodgen.catalogue.sheet_opening.open_store", {"s3://shop/new": FolderStore(shop)}.get
    )
    sheet("photo,sku\nphotos/1.jpg,a\ns3://shop/new/2.jpg,b\ns3://shop/other/3.jpg,c\n")
    catalogue = read_catalogue("s3://shop/new/sheet.csv")

    with pytest.raises(SheetError, match=r"row 4.*--allow-urls"):
        check_catalogue(catalogue, Wishes(prompt="x"))
    orders = list(plan_orders(catalogue, Wishes(prompt="x", allow_urls=True)))

    assert [order.photo for order in orders] == [
        *("s3://shop/new/photos/1.jpg", "s3://shop/new/2.jpg", "s3://shop/other/3.jpg")
    ]
    sheet("photo,sku\n../other/1.jpg,a\ns3://shop/new/../other/1.jpg,b\n")
    with pytest.raises(SheetError) as caught:
        check_catalogue(read_catalogue("s3://shop/new/sheet.csv"), Wishes(prompt="x"))
    assert [fault.row for fault in caught.value.faults] == [2, 3]


def test_a_folder_in_an_object_store_is_a_catalogue(shop: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("prodgen.catalogue.sheet_opening.open_store", {"s3://shop": FolderStore(shop)}.get)

    orders = list(plan_orders(read_catalogue("s3://shop/"), Wishes(prompt="x", limit=2)))

    assert [(order.sku, order.photo) for order in orders] == [
        ("photos/1", "s3://shop/photos/1.jpg"),
        ("photos/2", "s3://shop/photos/2.jpg"),
    ]


def test_a_file_url_is_a_sheet_as_its_path_is(shop: Path, sheet: Sheet):
    path = sheet("photo,sku\nphotos/1.jpg,a\n")

    (order,) = plan_orders(read_catalogue(f"file://{path}"), Wishes(prompt="x"))

    assert order.photo == str(shop / "photos/1.jpg")


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
