"""A folder of photographs as a catalogue."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from prodgen.catalogue import Wishes, plan_orders, read_catalogue

Refused = Callable[..., str]


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


def test_links_to_folders_and_what_a_mac_packs_beside_photographs_are_left_alone(shop: Path):
    (shop / "__MACOSX").mkdir()
    (shop / "__MACOSX/1.jpg").write_bytes(b"")
    (shop / "loop").symlink_to(shop)

    assert len(list(plan_orders(read_catalogue(shop), Wishes(prompt="x")))) == 9


def test_a_folder_of_photographs_may_be_a_runs_own_folder(shop: Path):
    (shop / "ledger.sqlite").write_bytes(b"")

    assert len(list(plan_orders(read_catalogue(shop), Wishes(prompt="x")))) == 9


def test_two_photographs_of_one_name_in_a_folder_are_a_fault(shop: Path, refused: Refused):
    (shop / "photos/1.png").write_bytes(b"")

    assert "'photos/1'" in refused(shop)


@pytest.mark.skipif(os.name != "posix" or sys.platform == "darwin", reason="names are text on this system")
def test_a_file_whose_name_is_no_text_is_a_fault_with_its_remedy(shop: Path, refused: Refused):
    Path(os.fsdecode(b"%s/photos/b\xff.jpg" % os.fsencode(shop))).write_bytes(b"")

    said = refused(shop)

    assert "rename the file" in said
    said.encode()


def test_a_folder_without_photographs_is_refused(tmp_path: Path, refused: Refused):
    assert "no photograph" in refused(tmp_path)
