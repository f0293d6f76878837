"""Whole runs, from a sheet to the last picture, on backends behind sockets, and what goes wrong at night."""

from __future__ import annotations

import csv
import errno
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from hashlib import sha256

import pytest

from prodgen import files
from prodgen.batching import batch
from prodgen.dispatch import PictureDone, PictureFailed, PlaceBack, PlaceLost, PlanMade
from prodgen.errors import ProdgenError
from prodgen.ledger import Counts, read_sidecar, read_status
from prodgen.server.injected_faults import at_random

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")


def planned(events):
    return next(event.planned for event in events if isinstance(event, PlanMade))


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


@posix
@pytest.mark.timeout(150)
def test_forty_shots_on_two_servers_are_killed_and_resumed_and_lose_what_was_in_flight(shop, processes):
    shop.fill(40)
    servers = [processes(delay_s=0.05) for _ in range(2)]
    command = [sys.executable, "-m", "prodgen", "--quiet", "batch", shop.sheet, "-o", shop.out]
    command += [part for server in servers for part in ("--backend", server.url)]
    in_flight = 0
    for enough in (5, 12, 25):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while len(shop.pictures()) < enough and process.poll() is None:
                time.sleep(0.02)
            process.kill()
        time.sleep(0.3)  # the servers come to the end of what they were asked for
        in_flight += read_status(shop.out).counts.claimed
        assert read_status(shop.out).end == "killed"

    ended = subprocess.run(command, capture_output=True, text=True)

    assert ended.returncode == 0, ended.stderr
    assert len(shop.pictures()) == 40
    assert read_status(shop.out).counts == Counts(done=40)
    for name in shop.pictures():
        sidecar = read_sidecar((shop.out / name).with_suffix(".json").read_bytes())
        assert sha256((shop.out / name).read_bytes()).hexdigest() == sidecar.record.sha256
    assert not list(shop.out.glob("0*/.*"))
    lost = sum(server.asked for server in servers) - 40
    print(f"3 kills, {in_flight} orders in flight, {lost} renders lost")  # noqa: T201 - for `pytest -rP`
    assert lost <= in_flight


def test_the_same_command_again_makes_nothing(shop, servers):
    shop.fill(4)
    url = servers.start()
    shop.run(url)

    assert planned(shop.run(url)).reasons == {}
    assert servers.renders == 4


def test_a_sheet_that_was_edited_makes_what_was_edited(shop, servers):
    shop.fill(5)
    url = servers.start()
    shop.run(url)
    shop.rows[1]["prompt"] = "a mug in a forest"
    del shop.rows[3]
    shop.add(9)
    files.save(shop.folder / "001.png", files.load(shop.folder / "002.png").pixels[::-1].copy())
    shop.write()

    events = shop.run(url)

    assert planned(events).reasons == {"prompt changed": 1, "new": 1, "photo changed": 1}
    assert servers.renders == 5 + 3
    assert read_status(shop.out).counts == Counts(done=5, dropped=1)


@pytest.mark.parametrize("how", ["truncated", "removed"])
def test_a_ledger_that_is_lost_is_made_anew_from_the_pictures_and_no_gpu_is_asked(shop, servers, how):
    shop.fill(4)
    url = servers.start()
    shop.run(url)
    ledger = shop.out / "ledger.sqlite"
    if how == "truncated":
        ledger.write_bytes(ledger.read_bytes()[:9000])
    else:
        ledger.unlink()

    assert planned(shop.run(url)).done == 4
    assert servers.renders == 4


def test_c1_a_poison_row_costs_one_picture_and_is_a_row_of_failed_csv(shop, servers):
    """One error ended the whole batch (A1111 7943)."""
    shop.fill(6)
    photo = shop.folder / "003.png"
    whole = photo.read_bytes()
    photo.write_bytes(whole[: len(whole) // 2])
    url = servers.start()

    events = shop.run(url)

    assert events[-1].counts == Counts(done=5, failed=1)
    with (shop.out / "failed.csv").open(newline="", encoding="utf-8-sig") as failed:
        assert [row["sku"] for row in csv.DictReader(failed)] == ["00003"]
    photo.write_bytes(whole)
    again = list(
        batch(shop.out / "failed.csv", shop.folder / "mended", backends=[url], workers=0, allow_outside=True)
    )
    assert again[-1].counts == Counts(done=1)


@posix
def test_a_backend_that_dies_loses_its_shots_to_others_and_joins_again(shop, processes):
    shop.fill(30)
    good, other = processes(delay_s=0.3), processes(delay_s=0.3)
    events = []
    for event in batch(shop.sheet, shop.out, backends=[good.url, other.url], workers=0):
        events.append(event)
        if len(of(PictureDone, events)) == 3 and other.running.poll() is None and not of(PlaceLost, events):
            other.kill()
        if isinstance(event, PlaceLost):
            other.start()

    assert events[-1].counts == Counts(done=30)
    assert [lost.place for lost in of(PlaceLost, events)] == [f"127.0.0.1:{other.port}"]
    assert [back.place for back in of(PlaceBack, events)] == [f"127.0.0.1:{other.port}"]
    assert not [failure for failure in of(PictureFailed, events) if failure.is_final]


@posix
def test_a_backend_that_hangs_loses_its_shots_to_others(shop, processes):
    """The kernel takes its connections, and nobody ever answers."""
    shop.fill(14)
    good, other = processes(delay_s=0.1), processes(delay_s=0.1)
    events = []
    try:
        for event in batch(shop.sheet, shop.out, backends=[good.url, other.url], workers=0):
            events.append(event)
            if len(of(PictureDone, events)) == 6:
                other.signal(signal.SIGSTOP)
    finally:
        other.signal(signal.SIGCONT)

    assert events[-1].counts == Counts(done=14)
    assert not [failure for failure in of(PictureFailed, events) if failure.is_final]


@pytest.mark.parametrize("kind", ["garbage", "html", "half_json", "no_images", "cut_during", "bad_gateway"])
def test_a_backend_that_answers_garbage_makes_nothing_and_spoils_nothing(shop, servers, kind):
    shop.fill(6)
    good, bad = servers.start(), servers.start(faults=at_random(share=1, seed=1, kinds=[kind]))

    events = shop.run(good, bad)

    assert events[-1].counts == Counts(done=6)
    assert len(shop.pictures()) == 6
    assert {done.record.place for done in of(PictureDone, events)} == {good.removeprefix("http://")}


@pytest.mark.parametrize("writes", [0, 4, 7, 13])
def test_a_full_disk_ends_the_run_with_a_sentence_and_the_next_run_goes_on(
    shop, servers, monkeypatch, writes
):
    shop.fill(5)
    url = servers.start()
    whole, left = files.write_bytes, [writes]

    def write_bytes(target, data):
        left[0] -= 1
        if left[0] >= 0:
            whole(target, data)
            return
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise files.ImageError(f"{str(target)!r} cannot be written: {full.strerror}") from full

    monkeypatch.setattr(files, "write_bytes", write_bytes)
    try:
        ended = shop.run(url)[-1]
        assert ended.end == "storage"
        done = ended.counts.done
    except ProdgenError as error:
        assert "No space left" in str(error)  # noqa: PT017 - it may come from the report, too
        done = read_status(shop.out).counts.done
    assert done < 5
    assert read_status(shop.out).counts.failed == 0
    monkeypatch.undo()
    before = servers.renders

    events = shop.run(url)

    assert events[-1].counts == Counts(done=5)
    assert planned(events).done >= done
    assert servers.renders - before == 5 - planned(events).done, "what is there is not drawn again"


@posix
def test_an_output_that_is_removed_ends_the_run_with_one_sentence(shop, servers):
    shop.fill(8)
    url = servers.start(0.1)

    def remove_out_at_the_first_picture():
        for event in batch(shop.sheet, shop.out, backends=[url], workers=0):
            if isinstance(event, PictureDone):
                shutil.rmtree(shop.out)

    with pytest.raises(ProdgenError) as refused:
        remove_out_at_the_first_picture()

    assert "\n" not in str(refused.value)
    assert "removed" in str(refused.value)
    assert shop.run(url)[-1].counts == Counts(done=8)


@pytest.mark.parametrize("jump_s", [-7 * 86400, 7 * 86400])
def test_a_clock_that_jumps_by_a_week_changes_nothing(shop, servers, monkeypatch, jump_s):
    shop.fill(6)
    url, now = servers.start(0.05), time.time
    events = []
    for event in batch(shop.sheet, shop.out, backends=[url], workers=0):
        events.append(event)
        if len(of(PictureDone, events)) == 2:
            monkeypatch.setattr(time, "time", lambda: now() + jump_s)

    assert events[-1].counts == Counts(done=6)
    assert servers.renders == 6
    monkeypatch.undo()
    assert planned(shop.run(url)).reasons == {}


def test_a_database_viewer_that_reads_the_ledger_disturbs_no_run(shop, servers):
    shop.fill(4)
    url = servers.start()
    for event in batch(shop.sheet, shop.out, backends=[url], workers=0):
        if isinstance(event, PictureDone):
            with closing(sqlite3.connect(shop.out / "ledger.sqlite")) as viewer:
                viewer.execute("BEGIN")
                viewer.execute("SELECT count(*) FROM orders").fetchone()
        last = event

    assert last.counts == Counts(done=4)
    assert json.loads((shop.out / "run.json").read_text())["end"] == "complete"
