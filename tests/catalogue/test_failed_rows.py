"""failed.csv: a sheet like any other, with the reason beside each row."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

from prodgen.catalogue import Wishes, check_catalogue, plan_orders, read_catalogue, write_failed

Sheet = Callable[..., Path]


def test_rows_come_back_to_the_letter_with_their_reason(sheet: Sheet, shop: Path):
    path = sheet(
        "Photo;SKU;name; note \n"
        "photos/1.jpg;00123; Mug ;=1+1\n"
        'photos/2.jpg;90.750;"a;""b""\nc";@x\n'
        "photos/3.jpg;4006381333931;Pot;-5\n"
    )
    catalogue = read_catalogue(path)
    orders = list(plan_orders(catalogue, Wishes(prompt="x", scenes=(("a", "x"), ("b", "y")))))
    out = shop / "out/failed.csv"

    written = write_failed(
        catalogue, [(orders[0], "no product"), (orders[1], "too dark"), (orders[3], "lost")], out
    )

    assert written == 2
    with out.open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file)) == [
            ["Photo", "SKU", "name", " note ", "reason"],
            ["photos/1.jpg", "00123", " Mug ", "=1+1", "no product; too dark"],
            ["photos/2.jpg", "90.750", 'a;"b"\nc', "@x", "lost"],
        ]


def test_a_failed_sheet_gives_the_same_orders_and_may_fail_again(sheet: Sheet, shop: Path, tmp_path: Path):
    wishes = Wishes(prompt="{name} on oak", settings={"steps": 5})
    catalogue = read_catalogue(sheet("photo,name\nphotos/1.jpg,Mug\nphotos/2.jpg,Pot\n"))
    orders = list(plan_orders(catalogue, wishes))

    write_failed(catalogue, [(orders[1], "dark")], tmp_path / "elsewhere/failed.csv")
    once = read_catalogue(tmp_path / "elsewhere/failed.csv")
    check_catalogue(once, wishes)
    write_failed(
        once, [(order, "darker") for order in plan_orders(once, wishes)], tmp_path / "other/failed.csv"
    )
    twice = read_catalogue(tmp_path / "other/failed.csv")

    for again in (once, twice):
        (order,) = plan_orders(again, wishes)
        assert (order.slot, order.photo, order.digest) == (orders[1].slot, orders[1].photo, orders[1].digest)
    assert twice.columns == ("photo", "name", "reason")


def test_a_folders_failures_are_a_sheet_too(shop: Path, tmp_path: Path):
    catalogue = read_catalogue(shop)
    orders = list(plan_orders(catalogue, Wishes(prompt="x")))

    write_failed(catalogue, [(orders[4], "dark")], tmp_path / "failed.csv")

    (again,) = plan_orders(read_catalogue(tmp_path / "failed.csv"), Wishes(prompt="x"))
    assert (again.slot, again.photo, again.seed) == (orders[4].slot, orders[4].photo, orders[4].seed)


def test_without_failures_the_sheet_has_a_header_only(sheet: Sheet, tmp_path: Path):
    catalogue = read_catalogue(sheet("photo,sku\nphotos/1.jpg,a\n"))

    assert write_failed(catalogue, [], tmp_path / "failed.csv") == 0
    assert list(read_catalogue(tmp_path / "failed.csv")) == []
