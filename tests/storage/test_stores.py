"""What a folder and an object store have to do alike, and what each refuses."""

from __future__ import annotations

import os
import pickle
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from prodgen import files
from prodgen.errors import StorageError
from prodgen.storage import Store, Stored, open_store, state_folder


@pytest.fixture(params=["folder", "file URL", "bucket", "folder of a bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    match request.param:
        case "folder":
            return open_store(tmp_path / "run 1")
        case "file URL":
            return open_store((tmp_path / "run 1").as_uri())
        case "bucket":
            return open_store(request.getfixturevalue("s3"))
    return open_store(f"{request.getfixturevalue('s3')}/runs/one")


AWKWARD = ["mug.png", "00123/kitchen-1.png", "a b/ü é.png", "50%/#1?.png", "x/.hidden", "x/y=z&w+v.json"]


@pytest.mark.parametrize("name", AWKWARD)
def test_what_was_put_is_what_is_got(store, name):
    store.put(name, b"one")
    store.put(name, b"two words")

    assert store.get(name) == b"two words"
    assert list(store.list()) == [name]
    assert store.stat(name).size == 9


def test_an_object_that_is_not_there_is_said_to_be_missing(store):
    with pytest.raises(StorageError, match=r"nothing\.png") as caught:
        store.get("nothing.png")

    assert caught.value.cause == "missing"
    assert store.stat("nothing.png") is None
    store.delete("nothing.png")


def test_of_many_who_put_a_new_object_one_wins(store):
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda number: store.put_new("claim", str(number).encode()), range(8)))

    assert won.count(True) == 1
    assert store.get("claim") == str(won.index(True)).encode()
    assert list(store.list()) == ["claim"]


def test_a_change_changes_the_version_and_nothing_else_does(store):
    store.put("a", b"one")
    first = store.stat("a")
    assert store.stat("a") == first

    store.put("a", b"two")

    assert isinstance(first, Stored)
    assert store.stat("a").size == first.size
    assert store.stat("a").version != first.version


def test_a_listing_has_all_of_a_folder_and_nothing_beside_it(store):
    for name in ("a/1", "a/b/2", "ab/3", "4"):
        store.put(name, b"")

    assert sorted(store.list("a")) == ["a/1", "a/b/2"]
    assert sorted(store.list()) == ["4", "a/1", "a/b/2", "ab/3"]
    assert list(store.list("nowhere")) == []


def test_what_was_deleted_is_gone(store):
    store.put("a/b", b"x")
    store.delete("a/b")

    assert store.stat("a/b") is None
    assert list(store.list()) == []


def test_a_store_goes_to_another_process(store):
    store.put("a", b"x")

    there = pickle.loads(pickle.dumps(store))

    assert there.get("a") == b"x"
    assert there.address == store.address


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a/", "C:/x", "..\\x", "a\0b", "s3://b/x"],
)
def test_no_name_climbs_out(store, name):
    for verb in (store.get, store.stat, store.delete, lambda it: store.put(it, b"")):
        with pytest.raises(StorageError, match="cannot hold"):
            verb(name)
    assert list(store.list()) == []


def test_a_second_client_sees_at_once_what_the_first_wrote(s3):
    first, second = open_store(s3), open_store(s3)
    assert list(second.list()) == []
    assert second.stat("a") is None

    first.put("a", b"x")

    assert list(second.list()) == ["a"]
    assert second.stat("a") is not None


def test_a_bucket_that_does_not_exist_is_named_and_never_made(s3, s3_server):
    store = open_store("s3://elsewhere/run")

    with pytest.raises(StorageError, match="bucket 'elsewhere'") as caught:
        store.put("a", b"x")
    with pytest.raises(StorageError, match="bucket 'elsewhere'"):
        store.check()

    assert caught.value.cause == "missing"
    assert httpx.head(f"{s3_server}/elsewhere").status_code == 404


def test_a_server_that_is_gone_is_said_with_the_remedy_and_without_the_secret(s3, s3_server, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setattr("prodgen.storage.object_store.RETRIES", 1)
    store = open_store(s3)

    with pytest.raises(StorageError) as caught:
        store.put("a", b"x")

    assert caught.value.cause == "unreachable"
    assert "AWS_ENDPOINT_URL" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "a-secret-word" not in str(caught.value)
    assert b"a-secret-word" not in pickle.dumps(store)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)  # as on another machine, which has its own environment
    pickle.loads(pickle.dumps(store)).put("a", b"x")


def test_a_connection_that_breaks_in_the_middle_of_an_upload_leaves_no_object(s3, s3_server, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as between:
        seen: list[bytes] = []
        threading.Thread(target=pass_on_the_beginning, args=(between, s3_server, seen), daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{between.getsockname()[1]}")
        monkeypatch.setattr("prodgen.storage.object_store.RETRIES", 0)

        with pytest.raises(StorageError):
            open_store(f"{s3}/run").put("half.png", os.urandom(4 << 20))

    assert len(seen) == 1
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    assert list(open_store(s3).list()) == []


def pass_on_the_beginning(between: socket.socket, server: str, seen: list[bytes]) -> None:
    """Pass the first 100 kB of a request on to the server, then break both connections."""
    host, _, port = server.removeprefix("http://").partition(":")
    with between.accept()[0] as client, socket.create_connection((host, int(port))) as real:
        beginning = b""
        while len(beginning) < 100_000:
            beginning += client.recv(65536)
        real.sendall(beginning)
        seen.append(beginning)


def test_a_raise_in_the_middle_of_a_file_leaves_neither_it_nor_a_part(tmp_path, monkeypatch):
    store = open_store(tmp_path)

    def fail(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "fsync", fail)
    for put in (store.put, store.put_new):
        with pytest.raises(KeyboardInterrupt):
            put("a/half.png", b"x")

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_full_disk_is_a_cause_of_its_own(tmp_path, monkeypatch):
    def fail(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", fail)

    with pytest.raises(StorageError, match=r"a\.png.*cannot be written") as caught:
        open_store(tmp_path).put("a.png", b"x")

    assert caught.value.cause == "full"


def test_the_name_of_a_new_file_is_synced_in_every_folder_that_was_made_for_it(tmp_path, monkeypatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(
        files.os,
        "fsync",
        lambda handle: (synced.append(Path(f"/proc/self/fd/{handle}").readlink()), real(handle)),
    )
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("which file a handle is of can be seen on Linux only")

    open_store(tmp_path).put("a/b/c.png", b"x")

    assert [path for path in synced if path.is_dir()] == [
        tmp_path,
        tmp_path / "a",
        tmp_path / "a/b",
    ]
    assert synced[2].parent == tmp_path / "a/b"  # the content comes before the name


def test_a_file_in_the_way_of_a_folder_is_said(tmp_path):
    (tmp_path / "run").write_bytes(b"")
    store = open_store(tmp_path / "run")

    for attempt in (store.check, lambda: store.put("a", b"")):
        with pytest.raises(StorageError, match="run"):
            attempt()


@pytest.mark.parametrize(
    ("address", "remedy"),
    [
        ("ftp://host/x", "there are: file://, s3://"),
        ("s3://", "names no bucket"),
        ("s3:///x", "names no bucket"),
        ("s3://key:secret@bucket/x", "credentials belong into AWS_ACCESS_KEY_ID"),
        ("s3://bucket/../other", "leave out '..'"),
        ("file://server/share", "write it as file:///FOLDER"),
    ],
)
def test_a_wrong_address_is_refused_with_its_remedy_and_without_its_secret(address, remedy):
    with pytest.raises(StorageError) as caught:
        open_store(address)

    assert remedy in str(caught.value)
    assert "secret" not in str(caught.value)


def test_google_s_and_azure_s_addresses_are_stores_too():
    assert open_store("gs://shop/run").address == "gs://shop/run"
    assert open_store("az://shop/run/").address == "az://shop/run"


def test_the_state_of_a_run_has_a_folder_by_its_address(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    one, other = state_folder("s3://shop/run 1"), state_folder("s3://shop/run-1")

    assert one != other
    assert one == state_folder("s3://shop/run 1")
    assert one.parent == tmp_path / "prodgen"
    assert one.name.startswith("s3-shop-run-1-")
