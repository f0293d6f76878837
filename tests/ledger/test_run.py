"""A run on a folder: one at a time, and seen from outside during it, after its end and after a kill."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from prodgen.catalogue import Order
from prodgen.errors import LedgerError, OutputInUseError, StorageError
from prodgen.ledger import (
    Counts,
    OrderFailure,
    PlaceState,
    ledger_copies,
    open_run,
    read_status,
    run_lock,
    sidecar_name,
    thumbnail_names,
)
from prodgen.storage import Stored

ANOTHER_RUN = """
import sys, time
from pathlib import Path
from prodgen.catalogue import Order
from prodgen.ledger import open_run

out, photo = Path(sys.argv[1]), sys.argv[2]
with open_run(out) as run:
    run.ledger.plan([Order(f"{n}/white", f"{n}", n, photo, "on a table", 7, f"{n}.png") for n in range(9)])
    run.ledger.claim("a place", lease_s=3600)
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def another(shop):
    """A run of another process on the shop's folder, which has planned nine orders and claimed one."""
    photo = str(shop.photo("all.jpg"))
    command = [sys.executable, "-c", ANOTHER_RUN, str(shop.out), photo]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def test_a_second_run_is_refused_and_told_who_works_there_since_when(shop, another):
    with pytest.raises(OutputInUseError) as refused, open_run(shop.out):
        pass

    assert refused.value.pid == another.pid
    assert str(refused.value).startswith(
        f"{shop.out}: another run works on this folder (process {another.pid} on "
    )
    assert refused.value.since
    assert "\n" not in str(refused.value)


def test_a_run_in_the_same_process_is_refused_too(shop, run):
    with pytest.raises(OutputInUseError), open_run(shop.out):
        pass


def test_a_killed_run_holds_nothing(shop, another):
    another.kill()
    another.wait()

    with open_run(shop.out) as run:
        assert run.ledger.counts() == Counts(waiting=9)


def test_what_a_killed_run_left_half_written_is_removed(shop, another):
    order = Order("0/white", "0", 0, "all.jpg", "on a table", 7, "0.png")
    names = (order.output, sidecar_name(order.output), *thumbnail_names(order.slot))
    halves = [(shop.out / name).with_name(f".{Path(name).stem}-a1b2c3.part") for name in names]
    others = shop.out / ".a-report-a1b2c3.part"
    for half in (*halves, others):
        half.parent.mkdir(parents=True, exist_ok=True)
        half.write_bytes(b"half")
    another.kill()
    another.wait()

    with open_run(shop.out):
        pass

    assert not [half for half in halves if half.exists()]
    assert others.exists(), "what is of no order that was under way is not the ledger's"


def test_a_lock_that_cannot_be_written_is_one_sentence_and_holds_nothing(shop, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(run_lock.os, "write", full)
        with pytest.raises(LedgerError, match=r"No space left on device.*make room"), open_run(shop.out):
            pass

    with open_run(shop.out):
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system forks no processes")
def test_a_forked_child_does_not_hold_the_lock_of_its_parent(shop):
    context = multiprocessing.get_context("fork")
    with open_run(shop.out):
        child = context.Process(target=time.sleep, args=(60,))
        child.start()
    try:
        with open_run(shop.out):
            pass
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.join()


def test_a_run_begins_although_status_tries_the_lock_just_then(shop):
    shop.run([])
    file = os.open(shop.out / "run.lock", os.O_RDWR)
    assert run_lock.try_lock(file)
    threading.Timer(0.3, os.close, (file,)).start()

    with open_run(shop.out):
        pass


def test_a_failure_of_an_earlier_run_is_not_the_last_one_of_this(shop):
    failure = OrderFailure("SegmentationError", "no product was found; give --matte", "row")
    with open_run(shop.out) as run:
        run.ledger.plan(shop.orders(2))
        run.ledger.fail(shop.take(run), failure, is_final=True)
    time.sleep(0.01)
    with open_run(shop.out):
        assert read_status(shop.out).last_failure is None


def test_status_is_read_during_a_run(shop, another):
    status = read_status(shop.out)

    assert (status.is_running, status.pid, status.end, status.ended) == (True, another.pid, "", None)
    assert status.counts == Counts(waiting=8, claimed=1)
    assert (status.total, status.left) == (9, 9)
    assert abs(status.started - time.time()) < 60


def test_status_is_read_after_a_kill(shop, another):
    another.kill()
    another.wait()

    status = read_status(shop.out)

    assert (status.is_running, status.pid, status.end) == (False, another.pid, "killed")
    assert status.total == 9


def test_status_says_what_places_do_and_what_failed_last(shop):
    places = (PlaceState("box:7860", "draw 00002/white/1", 0.02, 1), PlaceState("old:7860", is_lost=True))
    failure = OrderFailure("SegmentationError", "no product was found; give --matte", "row")
    with open_run(shop.out) as run:
        run.ledger.plan(shop.orders(3))
        run.ledger.fail(shop.take(run), failure, is_final=True)
        claim = shop.take(run)
        run.ledger.finish(claim, shop.draw(claim.order))
        time.sleep(1.01)
        run.tell_places(places)
        run.tell_places(places[:1])
        seen = read_status(shop.out)
        run.end("deadline")

    assert seen.places == places
    assert (seen.last_failure, seen.last_failed) == (failure, shop.order(1).slot)
    assert seen.pictures_a_minute > 0
    after = read_status(shop.out)
    assert (after.is_running, after.end, after.places) == (False, "deadline", places[:1])
    assert after.ended is not None


@pytest.mark.parametrize(
    ("raised", "said"), [(None, "interrupted"), (KeyboardInterrupt, "interrupted"), (RuntimeError, "error")]
)
def test_a_run_that_did_not_say_why_it_ended_is_described(shop, raised, said):
    try:
        with open_run(shop.out) as run:
            run.ledger.plan([])
            if raised is not None:
                raise raised
    except (KeyboardInterrupt, RuntimeError):
        pass

    assert read_status(shop.out).end == said


def test_status_of_a_folder_without_a_run_is_one_sentence(tmp_path):
    with pytest.raises(LedgerError, match="no catalogue run has begun here"):
        read_status(tmp_path / "nowhere")


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() == 0, reason="who may write everything is refused nothing"
)
def test_status_is_read_in_a_folder_that_may_not_be_written(shop):
    shop.run(shop.orders(2))
    shop.out.chmod(0o500)
    try:
        assert read_status(shop.out).counts == Counts(done=2)
    finally:
        shop.out.chmod(0o700)


def test_a_finished_ledger_is_one_plain_file(shop):
    shop.run(shop.orders(2))
    read_status(shop.out)

    assert sorted(path.name for path in shop.out.glob("*.*")) == ["ledger.sqlite", "run.json", "run.lock"]


def test_a_torn_run_file_does_not_keep_status_from_the_ledger(shop):
    shop.run(shop.orders(2))
    (shop.out / "run.json").write_text('{"places": [')

    assert read_status(shop.out).counts == Counts(done=2)


@dataclass
class Bucket:
    """Objects in memory, as a bucket of an object store keeps them."""

    address: str = "s3://shop/pictures"
    folder: None = None
    objects: dict[str, bytes] = field(default_factory=dict)
    writes: int = 0

    def get(self, name):
        if name not in self.objects:
            raise StorageError(self.address, f"has no {name}", cause="missing")
        return self.objects[name]

    def put(self, name, data):
        self.writes += 1
        self.objects[name] = data

    def put_new(self, name, data):
        if name in self.objects:
            return False
        self.put(name, data)
        return True

    def stat(self, name):
        if name not in self.objects:
            return None
        return Stored(len(self.objects[name]), str(hash(self.objects[name])))

    def delete(self, name):
        self.objects.pop(name, None)


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return Bucket()


def make_all_in(bucket, shop, run):
    """Make what waits; return how much that was."""
    made = 0
    while (claim := run.ledger.claim("a place", lease_s=60)) is not None:
        record = shop.draw(claim.order)
        for name in (claim.order.output, claim.order.output.replace(".png", ".json")):
            bucket.put(name, (shop.out / name).read_bytes())
        run.ledger.finish(claim, record)
        made += 1
    return made


def test_a_run_on_a_bucket_keeps_its_ledger_here_and_a_copy_there(shop, bucket):
    with open_run(bucket) as run:
        run.ledger.plan(shop.orders(2))
        assert make_all_in(bucket, shop, run) == 2
        assert "run.lock" in bucket.objects

    assert bucket.objects["ledger.sqlite"].startswith(b"SQLite format 3")
    assert "run.lock" not in bucket.objects
    assert read_status(bucket).counts == Counts(done=2)
    with open_run(bucket) as run:
        assert run.ledger.plan(shop.orders(2)).done == 2


def test_another_machine_goes_on_from_the_copy_in_the_bucket(shop, bucket, tmp_path, monkeypatch):
    with open_run(bucket) as run:
        run.ledger.plan(shop.orders(2))
        make_all_in(bucket, shop, run)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another machine"))
    with open_run(bucket) as run:
        assert run.ledger.plan(shop.orders(3)).done == 2
        make_all_in(bucket, shop, run)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    with open_run(bucket) as run:
        assert run.ledger.counts() == Counts(done=3), "the copy of the other machine is newer"


def test_a_bucket_in_use_by_another_machine_is_refused_and_one_of_this_machine_is_taken_over(shop, bucket):
    with open_run(bucket):
        held = json.loads(bucket.objects["run.lock"])
    bucket.objects["run.lock"] = json.dumps({**held, "host": "elsewhere"}).encode()
    with (
        pytest.raises(OutputInUseError, match=r"on elsewhere, since .*remove run.lock there"),
        open_run(bucket),
    ):
        pass
    bucket.objects["run.lock"] = json.dumps(held).encode()

    with open_run(bucket) as run:
        run.ledger.plan([])


def test_copies_go_to_the_bucket_during_a_run(shop, bucket, monkeypatch):
    monkeypatch.setattr(ledger_copies, "EVERY_S", 0.0)
    with open_run(bucket) as run:
        run.ledger.plan(shop.orders(1))
        time.sleep(1.01)
        run.tell_places(())
        for _ in range(1000):
            if "ledger.sqlite" in bucket.objects:
                break
            time.sleep(0.05)
        assert "ledger.sqlite" in bucket.objects


HALF_A_CHANGE = """
import os, sqlite3, sys
ledger = sqlite3.connect(sys.argv[1], isolation_level=None)
ledger.execute("PRAGMA cache_size=1")
ledger.execute("BEGIN")
ledger.execute("UPDATE orders SET why = hex(randomblob(2000))")
ledger.execute("UPDATE orders SET state = 'failed'")
os._exit(9)
"""


def test_status_undoes_a_change_in_the_middle_of_which_a_process_was_killed(shop):
    """Without WAL it stands in the file itself, and a reader that may not write cannot undo it."""
    shop.run(shop.orders(200))
    subprocess.run([sys.executable, "-c", HALF_A_CHANGE, shop.out / "ledger.sqlite"], check=False)
    assert (shop.out / "ledger.sqlite-journal").stat().st_size > 0

    assert read_status(shop.out).counts == Counts(done=200)
