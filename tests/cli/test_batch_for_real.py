"""`prodgen batch` and `prodgen status` over a whole run: two tiny pictures and one bad row."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from prodgen import files
from prodgen.cli import main
from prodgen.engines import engine_server
from prodgen.ledger import read_status
from prodgen.server import Behaviour
from prodgen.server.socket_server import listening
from prodgen.storage import open_store

BATCH = ["--prompt", "{name} on a table", "--backend", "embedded://", "--size", "256x256", "--workers", "0"]


def prodgen(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def save_disc(path: Path, colour: tuple[float, float, float]) -> None:
    y, x = np.mgrid[:160, :160].astype(np.float32)
    picture = np.repeat((0.85 + 0.1 * y / 160)[..., None], 3, axis=2).astype(np.float32)
    picture[np.hypot(x - 80, y - 90) < 45] = colour
    files.save(path, picture)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A sheet of three products, the last one's photograph no picture."""
    save_disc(tmp_path / "red.png", (0.7, 0.08, 0.1))
    save_disc(tmp_path / "blue.png", (0.1, 0.1, 0.7))
    (tmp_path / "bad.png").write_text("no picture", "utf-8")
    rows = [("sku", "photo", "name"), *(("00" + n, f"{n}.png", n) for n in ("red", "blue", "bad"))]
    with (tmp_path / "shop.csv").open("w", newline="", encoding="utf-8") as sheet:
        csv.writer(sheet).writerows(rows)
    return tmp_path


def test_a_catalogue_is_made_but_for_its_poison_row_and_failed_csv_makes_the_rest_of_it(shop):
    out = shop / "out"
    first = prodgen("batch", shop / "shop.csv", "-o", out, *BATCH)

    assert first.exit_code == 1, first.output
    assert "2 of 3 done, 1 failed, 0 left" in first.stdout
    assert "1 of 3 pictures failed" in first.stderr
    failed = list(csv.DictReader((out / "failed.csv").read_text("utf-8-sig").splitlines()))
    assert [(row["sku"], "not a picture" in row["reason"]) for row in failed] == [("00bad", True)]
    assert (out / "report.html").is_file()
    pictures = {path: path.stat().st_mtime_ns for path in out.glob("*/*.png")}
    assert {path.parent.name for path in pictures} == {"00red", "00blue"}

    told = json.loads(prodgen("status", out, "--json").stdout)
    assert (told["running"], told["end"], told["done"], told["failed"]) == (False, "complete", 2, 1)

    save_disc(shop / "bad.png", (0.1, 0.6, 0.1))
    second = prodgen("batch", out / "failed.csv", "-o", out, *BATCH)

    assert second.exit_code == 0, second.output
    assert "3 of 3 done" in second.stdout
    assert not (out / "failed.csv").exists()
    third = prodgen("batch", shop / "shop.csv", "-o", out, *BATCH)
    assert "3 pictures: 3 done already, 0 to make" in third.stderr
    assert {path: path.stat().st_mtime_ns for path in pictures} == pictures


TERMINATED = """
import signal, sys
signal.signal(signal.SIGTERM, signal.SIG_DFL)
from prodgen import stopping
stopping.run("prodgen.cli:main")
"""


def test_sigterm_ends_a_run_within_seconds_and_leaves_its_ledger_clean_and_its_report(shop):
    out = shop / "out"
    save_disc(shop / "bad.png", (0.1, 0.6, 0.1))
    with listening(engine_server("load-test", behaviour=Behaviour(delay_s=60))) as url:
        asked = ["batch", "shop.csv", "-o", "out", "--prompt", "a table", "--backend", url, "--json-lines"]
        run = subprocess.Popen(
            [sys.executable, "-c", TERMINATED, *asked, "--workers", "1"],
            cwd=shop,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in run.stdout:
            if '"draw"' in line:
                break
        workers = Path(f"/proc/{run.pid}/task/{run.pid}/children")
        before = [*workers.read_text("ascii").split()] if workers.exists() else []
        run.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        try:
            _, said = run.communicate(timeout=45)
        finally:
            run.kill()

    assert (run.returncode, said.splitlines()[-1].split(";")[:2]) == (
        143,
        ["prodgen: stopped", " 3 pictures left, nothing half-written"],
    )
    assert "Traceback" not in said
    assert time.monotonic() - begun < 45
    assert not [pid for pid in before if Path(f"/proc/{pid}").exists()]
    found = read_status(open_store(out))
    assert (found.is_running, found.end) == (False, "stopped")
    assert (found.counts.waiting, found.counts.claimed, found.counts.failed) == (3, 0, 0)
    assert (out / "report.html").is_file()


@pytest.mark.timeout(180)  # three programs, one after another
def test_a_run_that_is_ended_again_and_again_loses_no_picture_and_makes_none_twice(shop):
    save_disc(shop / "bad.png", (0.1, 0.6, 0.1))
    codes, made = [], []
    with listening(engine_server("load-test", behaviour=Behaviour(delay_s=0.4))) as url:
        asked = ["batch", "shop.csv", "-o", "out", "--prompt", "a table", "--backend", url, "--json-lines"]
        for is_ended in (True, True, False):
            with subprocess.Popen(
                [sys.executable, "-c", TERMINATED, *asked, "--workers", "0"],
                cwd=shop,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            ) as run:
                for line in run.stdout:
                    event = json.loads(line)
                    if event["event"] == "done":
                        made.append(event["slot"])
                    if is_ended and event["event"] == "step" and event["step"] == "complete":
                        run.send_signal(signal.SIGTERM)
            codes.append(run.returncode)

    counts = read_status(open_store(shop / "out")).counts
    assert codes[0] == 143
    assert codes[-1] == 0
    assert (counts.done, counts.claimed, counts.failed) == (3, 0, 0)
    assert sorted(made) == sorted(set(made))
    assert len(made) == 3
