"""What can happen to a ledger: broken, disk full, on a network, removed; each ends in one sentence."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from prodgen.errors import LedgerError
from prodgen.ledger import Counts, OrderFailure, database, file_systems, open_run, read_status

FAILURE = OrderFailure("BackendLostError", "box:7860: the connection broke", "place")


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2 + 100])
    elif how == "no database":
        path.write_bytes(b"these are not the tables that you look for" * 500)
    elif how == "overwritten":
        path.write_bytes(content[:4096] + os.urandom(len(content) - 4096))
    else:
        path.write_bytes(b"")


@pytest.mark.parametrize("how", ["truncated", "no database", "overwritten", "emptied"])
def test_a_damaged_ledger_is_made_anew_from_the_pictures_and_nothing_is_drawn_twice(shop, how):
    shop.run(shop.orders(30))
    damage(shop.out / "ledger.sqlite", how)

    with open_run(shop.out) as run:
        planned = run.ledger.plan(shop.orders(31))

        assert (planned.done, planned.reasons) == (30, {"new": 1})
        assert [(shop.out / "ledger.damaged-1.sqlite").exists(), len(run.notices)] == (
            [False, 0] if how == "emptied" else [True, 1]
        )
        assert all("ledger.damaged-1.sqlite" in notice for notice in run.notices)


def test_a_second_damaged_ledger_does_not_replace_the_first(shop):
    for _ in range(2):
        shop.run(shop.orders(2))
        damage(shop.out / "ledger.sqlite", "no database")
    shop.run(shop.orders(2))

    assert len(list(shop.out.glob("ledger.damaged-*.sqlite"))) == 2


def test_a_database_of_another_program_is_left_alone(shop):
    shop.out.mkdir()
    with closing(sqlite3.connect(shop.out / "ledger.sqlite")) as other:
        other.execute("CREATE TABLE customers (name TEXT)")

    with pytest.raises(LedgerError, match="another program"), open_run(shop.out):
        pass


def test_a_ledger_of_a_newer_prodgen_is_left_alone(shop):
    shop.run([])
    with closing(sqlite3.connect(shop.out / "ledger.sqlite")) as newer:
        newer.execute("PRAGMA user_version=99")

    with pytest.raises(LedgerError, match="newer prodgen"), open_run(shop.out):
        pass


def test_a_ledger_that_another_program_holds_is_one_sentence_and_goes_on_afterwards(shop, run, monkeypatch):
    run.ledger.plan(shop.orders(1))
    with closing(sqlite3.connect(shop.out / "ledger.sqlite", isolation_level=None)) as viewer:
        viewer.execute("BEGIN IMMEDIATE")
        run.ledger._database._connection.execute("PRAGMA busy_timeout=50")
        with pytest.raises(LedgerError, match="another program holds the ledger; close it") as refused:
            shop.take(run)
        assert "\n" not in str(refused.value)

    assert shop.take(run).attempt == 1


@contextmanager
def full_disk(size: int):
    """Let no file grow beyond a size, which is what a full disk does to a ledger."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("verb", ["plan", "claim", "finish", "fail", "release"])
def test_a_full_disk_is_one_sentence_at_every_verb_and_loses_nothing(shop, run, verb):
    run.ledger.plan(shop.orders(20))
    done = shop.take(run)
    run.ledger.finish(done, shop.draw(done.order))
    claim = shop.take(run)
    record = shop.draw(claim.order)
    before = run.ledger.counts()
    more = shop.orders(500)
    wal = (shop.out / "ledger.sqlite-wal").stat().st_size

    with full_disk(wal), pytest.raises(LedgerError, match="start the same command again") as refused:
        {
            "plan": lambda: run.ledger.plan(more),
            "claim": lambda: shop.take(run),
            "finish": lambda: run.ledger.finish(claim, record),
            "fail": lambda: run.ledger.fail(claim, FAILURE, is_final=True),
            "release": lambda: run.ledger.release([claim]),
        }[verb]()

    assert "\n" not in str(refused.value)
    assert run.ledger.counts() == before
    run.ledger.finish(claim, record)
    shop.make_all(run)
    assert run.ledger.counts() == Counts(done=20)
    with closing(sqlite3.connect(shop.out / "ledger.sqlite")) as ledger:
        assert ledger.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no open file")
def test_a_removed_output_is_one_sentence_instead_of_work_for_nothing(shop):
    with open_run(shop.out) as run:
        run.ledger.plan(shop.orders(2))
        claim = shop.take(run)
        record = shop.draw(claim.order)
        shutil.rmtree(shop.out)
        with pytest.raises(LedgerError, match="the folder was removed or replaced") as refused:
            run.ledger.finish(claim, record)
        assert "\n" not in str(refused.value)

    assert not shop.out.exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no open file")
def test_an_output_that_another_run_made_anew_is_not_written(shop):
    with open_run(shop.out) as run:
        run.ledger.plan(shop.orders(2))
        shutil.rmtree(shop.out)
        shop.run(shop.orders(1))
        with pytest.raises(LedgerError, match="removed or replaced"):
            run.ledger.claim("a place", lease_s=60)


@pytest.mark.parametrize("path", ["a file", "below a file"])
def test_an_output_that_can_be_no_folder_is_one_sentence(tmp_path, path):
    file = tmp_path / "file"
    file.write_bytes(b"")

    with (
        pytest.raises(LedgerError, match="the folder cannot be made"),
        open_run(file if path == "a file" else file / "out"),
    ):
        pass


def test_c12_there_is_no_write_ahead_log_on_a_network_file_system(shop, monkeypatch):
    """SQLite's WAL corrupts silently over NFS and SMB (oh-my-pi 9082, databasement 344)."""
    monkeypatch.setattr(file_systems, "kind_of", lambda _: "nfs4")

    with open_run(shop.out) as run:
        run.ledger.plan(shop.orders(3))
        shop.make_all(run)
        mode = run.ledger._database.read(lambda it: it.execute("PRAGMA journal_mode").fetchone()[0])
        synchronous = run.ledger._database.read(lambda it: it.execute("PRAGMA synchronous").fetchone()[0])
        names = [path.name for path in shop.out.iterdir() if path.is_file()]
        assert read_status(shop.out).counts == Counts(done=3)

    assert (mode, synchronous) == ("truncate", 2)
    assert not any(name.endswith(("-wal", "-shm")) for name in names)
    assert len(run.notices) == 1
    assert "nfs4" in run.notices[0]


def test_a_ledger_that_moved_from_a_local_disk_to_a_network_loses_nothing(shop, monkeypatch):
    shop.run(shop.orders(3))
    monkeypatch.setattr(file_systems, "kind_of", lambda _: "smb3")

    assert shop.run(shop.orders(3)) == {}


@pytest.mark.parametrize(
    ("kind", "is_local"),
    [
        ("ext4", True),
        ("overlay", True),
        ("apfs", True),
        ("fixed", True),
        ("nfs4", False),
        ("cifs", False),
        ("smbfs", False),
        ("fuse.sshfs", False),
        ("9p", False),
        ("remote", False),
        ("virtiofs", False),
        ("", False),
    ],
)
def test_only_file_systems_that_are_known_as_local_get_a_write_ahead_log(kind, is_local):
    assert file_systems.is_local(kind) == is_local


MOUNTS = r"""
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
23 22 0:40 / /srv/shop rw - nfs4 nas:/shop rw
24 23 0:41 / /srv/shop/with\040space rw shared:1 - cifs //nas/x rw
25 22 0:42 / /mnt/shop rw - ext4 /dev/vdb rw
26 25 0:43 / /mnt/shop rw - fuse.sshfs box: rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/shop/out", "nfs4"),
        ("/srv/shopping", "ext4"),
        ("/srv/shop", "nfs4"),
        ("/home", "ext4"),
        ("/srv/shop/with space/out", "cifs"),
        ("/mnt/shop/out", "fuse.sshfs"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="mountinfo is Linux's")
def test_linux_tells_the_kind_of_the_nearest_mount_above(monkeypatch, path, kind):
    monkeypatch.setattr(Path, "read_text", lambda *_: MOUNTS.strip())

    assert file_systems.kind_of(Path(path)) == kind


def test_macos_tells_the_kind_of_the_nearest_mount_above(monkeypatch):
    said = "/dev/disk3s1s1 on / (apfs, sealed, local)\n//me@nas/shop on /Volumes/a (b) (smbfs, nodev)\n"
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, said, ""))

    assert file_systems.kind_of(Path("/Volumes/a (b)/out")) == "smbfs"
    assert file_systems.kind_of(Path("/Users/me")) == "apfs"


def test_a_system_that_tells_nothing_counts_as_a_network(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: (_ for _ in ()).throw(FileNotFoundError))

    assert file_systems.kind_of(Path("/out")) == ""


ONE_BY_ONE = """
import sys
from pathlib import Path
from prodgen.catalogue import Order
from prodgen.ledger import PictureRecord, open_run

out = Path(sys.argv[1])
with open_run(out) as run:
    run.ledger.plan([Order(str(n), str(n), n, str(out), "x", 7, f"{n}.png") for n in range(40)])
    print("begin", file=sys.stderr, flush=True)
    for _ in range(20):
        claim = run.ledger.claim("a place", lease_s=60)
        photos = {claim.order.photo: "0"}
        record = PictureRecord(claim.order.output, "0", 1, 7, "pass", "", photo_sha256=photos)
        run.ledger.finish(claim, record)
    print("end", file=sys.stderr, flush=True)
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_an_order_costs_one_sync_to_claim_and_one_to_finish(tmp_path):
    """Counted, not timed: where the disk's sync is nearly free, time says nothing."""
    trace = tmp_path / "trace"
    subprocess.run(
        [
            "strace",
            "-f",
            "-e",
            "trace=fsync,fdatasync,write",
            "-o",
            trace,
            sys.executable,
            "-c",
            ONE_BY_ONE,
            tmp_path,
        ],
        check=True,
        capture_output=True,
        timeout=50,
    )
    calls = trace.read_text().partition('"begin')[2].partition('"end')[0]

    assert Counter(word for word in ("fsync(", "fdatasync(") for _ in range(calls.count(word))).total() == 40


def change_at_once(base: database.Database, changes: Sequence[Callable[[], object]]) -> None:
    """Make changes, each in a thread, that all wait while one commit is under way."""
    threads = [threading.Thread(target=change) for change in changes]
    with base._lock:
        for thread in threads:
            thread.start()
        while len(base._queue) < len(threads):
            pass
    for thread in threads:
        thread.join()


def test_finishes_that_wait_at_the_same_time_share_one_commit(shop, run):
    run.ledger.plan(shop.orders(5))
    claims = [shop.take(run) for _ in range(5)]
    records = [shop.draw(claim.order) for claim in claims]
    commits: list[str] = []
    base = run.ledger._database
    base._connection.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    change_at_once(base, [partial(run.ledger.finish, *pair) for pair in zip(claims, records, strict=True)])

    assert commits == ["COMMIT"]
    assert run.ledger.counts() == Counts(done=5)


def test_one_change_that_fails_does_not_take_others_of_its_commit_with_it(shop, run):
    run.ledger.plan(shop.orders(2))
    claims = [shop.take(run) for _ in range(2)]
    records = [shop.draw(claim.order) for claim in claims]
    base = run.ledger._database
    refused: list[Exception] = []

    def fail() -> None:
        try:
            base.write(lambda run: run.execute("INSERT INTO nothing VALUES (1)"))
        except LedgerError as error:
            refused.append(error)

    finishes = [partial(run.ledger.finish, *pair) for pair in zip(claims, records, strict=True)]
    change_at_once(base, [fail, *finishes])

    assert len(refused) == 1
    assert run.ledger.counts() == Counts(done=2)


def test_a_damage_found_during_a_run_says_what_to_do(tmp_path):
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorname = "SQLITE_CORRUPT"

    with pytest.raises(LedgerError, match="set aside, and rebuilt"), database.told(tmp_path):
        raise error
