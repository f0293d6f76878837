"""Sheets and folders at URLs: object stores, and file:// as the path that it stands for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from prodgen.catalogue import Wishes, check_catalogue, plan_orders, read_catalogue
from prodgen.errors import SheetError
from prodgen.storage.folder_store import FolderStore

Sheet = Callable[..., Path]


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
