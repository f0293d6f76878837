"""Options of a run that have a grammar are refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from prodgen import batch
from prodgen.batching.reading_options import check_out, read_cluster
from prodgen.catalogue import Wishes
from prodgen.cli import main
from prodgen.errors import WrongValueError

WRONG = [
    "nix",
    "local:0",
    "local:many",
    "local:257",
    "tcp://farm",
    "tcp://farm:0",
    "http://farm:8786",
    "tcp://a b:1",
]


@pytest.mark.parametrize("address", WRONG)
def test_a_clusters_address_that_is_none_is_wrong_usage_and_leaves_nothing(tmp_path: Path, address: str):
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("photo\nmug.png\n")
    (tmp_path / "mug.png").write_bytes(b"photo")
    out = tmp_path / "out"

    found = CliRunner().invoke(
        main, ["batch", str(sheet), "-o", str(out), "--prompt", "x", "--cluster", address]
    )
    with pytest.raises(WrongValueError):
        next(batch(sheet, out, prompt="x", cluster=address))

    assert found.exit_code == 2
    assert found.stderr.startswith("prodgen: --cluster must be ")
    assert not out.exists()


@pytest.mark.parametrize(
    "address", ["local:1", "local:256", "tcp://farm:8786", "10.0.0.5:8786", "tls://[::1]:8786"]
)
def test_addresses_of_clusters_stay_as_they_are(address: str):
    assert read_cluster(address) == address


def test_a_workers_scheduler_is_an_address_too():
    found = CliRunner().invoke(main, ["worker", "--scheduler", "farm"])

    assert found.exit_code == 2, found.stderr


@pytest.mark.parametrize(
    ("out", "remedy"),
    [
        ("{sku}.psd", "-o pictures --name '{sku}.psd'"),
        ("shop/{sku}/{seed}.jpg", "-o shop --name '{sku}/{seed}.jpg'"),
        ("shop/{sku}", "-o shop --name '{sku}'"),
        ("shop/{sku}.gif", "-o shop --name '{sku}.png'"),
        ("shop/picture.webp", "-o shop --name '{sku}.webp'"),
        ("s3://bucket/shop/{sku}.tif", "-o s3://bucket/shop --name '{sku}.tif'"),
    ],
)
def test_a_name_of_pictures_is_no_folder_and_the_remedy_is_said(tmp_path, monkeypatch, out: str, remedy: str):
    monkeypatch.chdir(tmp_path)

    done = CliRunner().invoke(main, ["batch", str(tmp_path), "-o", out, "--recipe", "cutout"])

    assert (done.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert f"must be a folder for the whole run, with the pictures' names apart ({remedy})" in done.output


def test_a_folder_that_is_there_may_be_called_as_a_picture(tmp_path: Path):
    (tmp_path / "shop.png").mkdir()

    assert check_out(tmp_path / "shop.png") == tmp_path / "shop.png"
    assert check_out("shop-v1.5") == "shop-v1.5"


def test_a_pattern_of_names_ends_as_what_can_be_written(tmp_path: Path):
    with pytest.raises(WrongValueError, match="must end in one of"):
        Wishes(name="{sku}.gif")
    assert Wishes(name="{sku}-v1.5").name
