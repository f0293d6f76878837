"""failed.csv: a sheet like any other, with the reason beside each row."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from prodgen.catalogue import Wishes, check_catalogue, plan_orders, read_catalogue, write_failed
from prodgen.errors import SheetError

Sheet = Callable[..., Path]


def test_rows_come_back_to_the_letter_with_their_reason(sheet: Sheet, shop: Path):
    path = sheet(
        "Photo;SKU;name; note \n"
        "photos/1.jpg;00123; Mug ;=1+1\n"
        'photos/2.jpg;90.750;"a;""b""\nc";@x\n'
        "photos/3.jpg;4006381333931;Pot;-5\n"
    )
    catalogue = read_catalogue(path)
    orders = list(plan_orders(catalogue, Wishes(scenes=(("a", "x"), ("b", "y")))))
    out = shop / "out/failed.csv"

    written = write_failed(
        catalogue, [(orders[0], "no product"), (orders[1], "too dark"), (orders[3], "lost")], out
    )

    assert written == 2
    with out.open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file)) == [
            ["Photo", "SKU", "name", " note ", "reason"],
            ["../photos/1.jpg", "00123", " Mug ", "=1+1", "no product; too dark"],
            ["../photos/2.jpg", "90.750", 'a;"b"\nc', "@x", "lost"],
        ]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The folder of a run, beside the shop."""
    (tmp_path / "OUT").mkdir()
    (tmp_path / "OUT/ledger.sqlite").write_bytes(b"")
    return tmp_path / "OUT"


def test_a_failed_sheet_gives_the_same_orders_and_may_fail_again(sheet: Sheet, shop: Path, out: Path):
    (shop / "mine.toml").write_text(
        (Path(__file__).parents[2] / "prodgen/shots/recipes/relight.toml").read_text("utf-8")
    )
    wishes = Wishes(prompt="{name} on oak", settings={"steps": 5})
    catalogue = read_catalogue(
        sheet("photo,name,recipe,matte\nphotos/1.jpg,Mug,,\nphotos/2.jpg,Pot,mine.toml,photos/3.jpg\n")
    )
    orders = list(plan_orders(catalogue, wishes))

    write_failed(catalogue, [(orders[1], "dark")], out / "failed.csv")
    once = read_catalogue(out / "failed.csv")
    check_catalogue(once, wishes)
    write_failed(once, [(order, "darker") for order in plan_orders(once, wishes)], out / "failed.csv")
    twice = read_catalogue(out / "failed.csv")

    for again in (once, twice):
        (order,) = plan_orders(again, wishes)
        assert order.pictures == orders[1].pictures
        assert (order.slot, order.digest) == (orders[1].slot, orders[1].digest)
    assert twice.columns == ("photo", "name", "recipe", "matte", "reason")
    assert [row.cells["reason"] for row in once] == ["dark"]
    assert [row.cells["reason"] for row in twice] == ["darker"]


def test_a_sheet_elsewhere_may_not_climb_as_failed_csv_may(sheet: Sheet, out: Path, tmp_path: Path):
    catalogue = read_catalogue(sheet("photo,sku\nphotos/1.jpg,a\n"))
    (order,) = plan_orders(catalogue, Wishes(prompt="x"))
    write_failed(catalogue, [(order, "dark")], out / "failed.csv")
    (out / "ledger.sqlite").unlink()

    with pytest.raises(SheetError, match="--allow-outside"):
        check_catalogue(read_catalogue(out / "failed.csv"), Wishes(prompt="x"))


def test_a_sheet_in_a_run_s_folder_may_not_climb_either(sheet: Sheet, shop: Path):
    (shop / "ledger.sqlite").write_bytes(b"")  # as after `prodgen batch sheet.csv -o .`

    with pytest.raises(SheetError, match="--allow-outside"):
        check_catalogue(read_catalogue(sheet("photo,sku\n../elsewhere.jpg,a\n")), Wishes(prompt="x"))


def test_failed_rows_for_another_folder_have_absolute_paths(sheet: Sheet, shop: Path, tmp_path: Path):
    catalogue = read_catalogue(sheet("photo,sku\nphotos/1.jpg,a\nhttps://x/2.jpg,b\n"))
    orders = plan_orders(catalogue, Wishes(prompt="x", allow_urls=True))

    write_failed(catalogue, [(order, "dark") for order in orders], tmp_path / "failed.csv", is_moved=True)

    rows = list(csv.reader((tmp_path / "failed.csv").read_text("utf-8-sig").splitlines()))
    assert [row[0] for row in rows[1:]] == [str(shop / "photos/1.jpg"), "https://x/2.jpg"]


def test_rows_are_found_by_sku_and_scene_whatever_their_number(sheet: Sheet, out: Path):
    before = read_catalogue(sheet("photo,sku,scene\nphotos/1.jpg,a,x\nphotos/2.jpg,a,y\nphotos/3.jpg,b,x\n"))
    orders = list(plan_orders(before, Wishes(scenes=(("1", "p"), ("2", "p")))))
    after = read_catalogue(sheet("photo,sku,scene\nphotos/3.jpg,b,x\nphotos/2.jpg,a,y\nphotos/1.jpg,a,x\n"))

    write_failed(after, [(orders[2], "dark"), (orders[3], "lost")], out / "failed.csv")

    (row,) = read_catalogue(out / "failed.csv")
    assert (row.cells["photo"], row.cells["reason"]) == ("../shop/photos/2.jpg", "dark; lost")


def test_a_folders_failures_are_a_sheet_too(shop: Path, out: Path):
    catalogue = read_catalogue(shop)
    orders = list(plan_orders(catalogue, Wishes(prompt="x")))

    write_failed(catalogue, [(orders[4], "dark")], out / "failed.csv")

    (again,) = plan_orders(read_catalogue(out / "failed.csv"), Wishes(prompt="x"))
    assert (again.slot, again.photo, again.seed) == (orders[4].slot, orders[4].photo, orders[4].seed)


def test_a_reason_is_one_line_and_told_once_and_columns_without_a_name_are_left_out(sheet: Sheet, out: Path):
    catalogue = read_catalogue(sheet("photo,sku,,reason\nphotos/1.jpg,a,x,old\n"))
    failed = [(order, "lost\n the backend") for order in plan_orders(catalogue, Wishes(prompt="x", count=2))]

    write_failed(catalogue, failed, out / "failed.csv")

    assert (out / "failed.csv").read_bytes().decode("utf-8").splitlines() == [
        "\ufeffphoto,sku,reason",
        "../shop/photos/1.jpg,a,lost the backend",
    ]


def test_a_scene_whose_name_begins_as_another_ones_does_not_fail_with_it(sheet: Sheet, out: Path):
    catalogue = read_catalogue(sheet("photo,sku,scene\nphotos/1.jpg,a,day\nphotos/2.jpg,a,daylight\n"))
    orders = list(plan_orders(catalogue, Wishes(prompt="x")))

    write_failed(catalogue, [(orders[1], "dark")], out / "failed.csv")

    assert [row.cells["scene"] for row in read_catalogue(out / "failed.csv")] == ["daylight"]


def test_a_row_that_was_spoilt_during_the_run_is_written_as_it_is_or_left_out(sheet: Sheet, out: Path):
    lines = '{"photo": "photos/1.jpg", "sku": "a"}\n{"photo": "photos/2.jpg", "sku": "b"}\n'
    orders = list(plan_orders(read_catalogue(sheet(lines, "s.jsonl")), Wishes(prompt="x")))
    after = read_catalogue(sheet('{"photo": "ftp://x/1.jpg", "sku": "a"}\n{"photo"\n', "s.jsonl"))

    write_failed(after, [(order, "dark") for order in orders], out / "failed.csv")

    assert (out / "failed.csv").read_text("utf-8-sig").splitlines() == [
        "photo,sku,reason",
        "ftp://x/1.jpg,a,dark",
    ]


def test_without_failures_there_is_no_such_file(sheet: Sheet, out: Path):
    catalogue = read_catalogue(sheet("photo,sku\nphotos/1.jpg,a\n"))
    (out / "failed.csv").write_text("stale")

    assert write_failed(catalogue, [], out / "failed.csv") == 0
    assert not (out / "failed.csv").exists()
