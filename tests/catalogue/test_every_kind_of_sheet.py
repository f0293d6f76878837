"""What holds for every kind of sheet: what survives, and what is refused in one sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prodgen.catalogue import Catalogue, Wishes, plan_orders, read_catalogue, write_failed
from prodgen.errors import SettingError

Cells = Callable[[Catalogue], list[dict[str, str]]]
Refused = Callable[..., str]
Write = Callable[..., Path]


KINDS = (".csv", ".json", ".jsonl", ".parquet", ".xlsx", ".ods")
SKUS = ("00123", "90.750", "4006381333931", "0", "1e5x", "-7", "=1+1", "A/B:1", "ä ö", "12345678901234567890")


@pytest.mark.parametrize("kind", KINDS)
def test_skus_survive_every_format_and_the_way_back(shop: Path, kind: str, write: Write):
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
def test_any_text_survives_csv_json_and_the_way_back(
    tmp_path: Path, skus: list[str], cells: Cells, write: Write
):
    for kind in (".csv", ".json", ".jsonl", ".parquet"):
        path = write(tmp_path / f"sheet{kind}", ("photo", "sku"), [("1.jpg", f"x{sku}") for sku in skus])
        assert [row["sku"] for row in cells(read_catalogue(path))] == [f"x{sku}" for sku in skus]


@pytest.mark.parametrize("ending", [".xlsx", ".ods", ".xls", ".parquet", ".xlsm"])
@pytest.mark.parametrize(
    "content", [b"", b"photo,sku\n1.jpg,a\n", b"PK\3\4 and then nothing", bytes(range(256)) * 40]
)
def test_a_file_of_another_kind_is_refused_in_one_sentence(
    shop: Path, ending: str, content: bytes, refused: Refused
):
    path = shop / f"sheet{ending}"
    path.write_bytes(content)

    said = refused(path)

    assert path.name in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("ending", "module", "extra"), [(".xlsx", "python_calamine", "xlsx"), (".parquet", "pyarrow", "parquet")]
)
def test_a_missing_extra_is_told_with_the_command_that_installs_it(
    shop: Path,
    monkeypatch: pytest.MonkeyPatch,
    ending: str,
    module: str,
    extra: str,
    refused: Refused,
    write: Write,
):
    path = write(shop / f"sheet{ending}", ("photo", "sku"), [("photos/1.jpg", "a")])
    monkeypatch.setitem(sys.modules, module, None)

    assert f"pip install 'prodgen[{extra}]'" in refused(path)


def test_what_is_no_sheet_is_refused_with_the_kinds_that_are(shop: Path, refused: Refused):
    assert ".csv" in refused(shop / "photos/1.jpg")
    assert "does not exist" in refused(shop / "none.csv")
    with pytest.raises(SettingError, match="--sheet"):
        read_catalogue(shop, sheet="x")
