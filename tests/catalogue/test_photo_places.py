"""Where photographs may be: below the sheet's folder, and elsewhere only if the user says so."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from prodgen.catalogue import Wishes, check_catalogue, plan_orders, read_catalogue
from prodgen.errors import SheetError

Sheet = Callable[..., Path]


def photo_of(path: Path, **wishes: bool) -> str:
    catalogue, asked = read_catalogue(path), Wishes(prompt="x", **wishes)
    check_catalogue(catalogue, asked)
    return next(plan_orders(catalogue, asked)).photo


def refused(path: Path, **wishes: bool) -> str:
    with pytest.raises(SheetError) as caught:
        photo_of(path, **wishes)
    assert caught.value.faults[0].row == 2
    return str(caught.value)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    photo = tmp_path / "secret.jpg"
    photo.write_bytes(b"photo")
    return photo


@pytest.mark.parametrize(
    "cell",
    [
        "../secret.jpg",
        "photos/../../secret.jpg",
        "..\\secret.jpg",
        "./../secret.jpg",
        "photos//../../secret.jpg",
    ],
)
def test_a_path_that_climbs_out_needs_a_flag(sheet: Sheet, outside: Path, cell: str):
    path = sheet(f"photo,sku\n{cell},a\n")

    assert "--allow-outside" in refused(path)
    assert photo_of(path, allow_outside=True) == str(outside)


def test_an_absolute_path_needs_a_flag(sheet: Sheet, outside: Path):
    path = sheet(f"photo,sku\n{outside},a\n")

    assert "absolute" in refused(path)
    assert photo_of(path, allow_outside=True) == str(outside)
    assert "absolute" in refused(sheet(f"photo,sku\n{outside.parent}/shop/photos/1.jpg,a\n"))
    assert "absolute" in refused(sheet("photo,sku\nC:\\secret.jpg,a\n"))


def test_a_link_that_leads_out_needs_a_flag(sheet: Sheet, shop: Path, outside: Path):
    (shop / "photos/link.jpg").symlink_to(outside)
    (shop / "folder").symlink_to(outside.parent)

    for cell in ("photos/link.jpg", "folder/secret.jpg"):
        path = sheet(f"photo,sku\n{cell},a\n")
        assert "link" in refused(path)
        assert photo_of(path, allow_outside=True) == str(shop / cell)


def test_a_link_inside_and_a_linked_sheets_folder_are_fine(sheet: Sheet, shop: Path, tmp_path: Path):
    (shop / "photos/link.jpg").symlink_to(shop / "photos/1.jpg")
    (tmp_path / "alias").symlink_to(shop)
    sheet("photo,sku\nphotos/link.jpg,a\n")

    assert photo_of(tmp_path / "alias/sheet.csv") == str(tmp_path / "alias/photos/link.jpg")


def test_a_matte_and_a_recipe_are_held_inside_too(sheet: Sheet, outside: Path):
    for column in ("matte", "background"):
        assert "--allow-outside" in refused(sheet(f"photo,sku,{column}\nphotos/1.jpg,a,../secret.jpg\n"))
    assert "--allow-outside" in refused(sheet("photo,sku,recipe\nphotos/1.jpg,a,../x.toml\n"))


@pytest.mark.parametrize("cell", ["photos/none.jpg", "photos", "photos/1.jpg/x", "x" * 300, "photos/a\0b"])
def test_what_is_no_file_is_a_fault_of_its_row(sheet: Sheet, cell: str):
    assert "row 2, photo" in refused(sheet(f"photo,sku\n{cell},a\n"))


def test_a_pipe_is_refused_without_being_opened(sheet: Sheet, shop: Path):
    os.mkfifo(shop / "photos/pipe.jpg")

    assert "no file" in refused(sheet("photo,sku\nphotos/pipe.jpg,a\n"))


@pytest.mark.parametrize(
    "url",
    ["https://shop.example/1.jpg", "http://shop.example/1.jpg?x=1", "s3://shop/1.jpg", "gs://shop/1.jpg"],
)
def test_urls_are_off_until_they_are_allowed(sheet: Sheet, url: str):
    path = sheet(f"photo\n{url}\n")

    assert "--allow-urls" in refused(path)
    assert photo_of(path, allow_urls=True) == url
    assert next(plan_orders(read_catalogue(path), Wishes(prompt="x", allow_urls=True))).sku == "1"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x/1.jpg",
        "javascript://x",
        "https://user:word@x/1.jpg",
        "https://x/a b.jpg",
        "file:///etc/passwd",
    ],
)
def test_urls_of_other_kinds_or_with_secrets_are_refused_in_any_case(sheet: Sheet, url: str):
    said = refused(sheet(f"photo,sku\n{url},a\n"), allow_urls=True)

    assert "word" not in said.replace("password", "")


def test_a_file_url_counts_as_a_path(sheet: Sheet, shop: Path, outside: Path):
    inside = f"file://{shop}/photos/1.jpg"

    assert photo_of(sheet(f"photo,sku\n{inside},a\n"), allow_urls=True) == str(shop / "photos/1.jpg")
    assert "--allow-outside" in refused(sheet(f"photo,sku\nfile://{outside},a\n"), allow_urls=True)


@pytest.mark.parametrize("climbing", ["%2e%2e/secret.jpg", "photos/%2E%2E/..%2fsecret.jpg", "link.jpg"])
def test_no_spelling_of_a_file_url_leads_out_of_the_folder(
    sheet: Sheet, shop: Path, outside: Path, climbing: str
):
    (shop / "link.jpg").symlink_to(outside)

    said = refused(sheet(f"photo,sku\nfile://{shop}/{climbing},a\n"), allow_urls=True)

    assert "leads out of the sheet's folder; say --allow-outside" in said


@pytest.mark.parametrize("url", ["file://server/share/1.jpg", "file:///a%00b.jpg", "file:///dev/zero"])
def test_a_file_url_of_no_file_is_a_fault_of_its_row(sheet: Sheet, url: str):
    assert refused(sheet(f"photo,sku\n{url},a\n"), allow_urls=True, allow_outside=True)


def test_only_the_rows_of_given_photographs_can_be_taken(shop: Path):
    chosen = frozenset(str(shop / "photos" / name) for name in ("2.jpg", "5.jpg"))

    orders = plan_orders(read_catalogue(shop), Wishes(prompt="x", photos=chosen))

    assert [order.sku for order in orders] == ["photos/2", "photos/5"]
