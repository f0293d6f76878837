"""Options of a run that have a grammar are refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from prodgen import batch
from prodgen.batching.reading_options import read_cluster
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
