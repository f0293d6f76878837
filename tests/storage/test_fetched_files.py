"""Photographs by URL: fetched once, whole, and not kept for ever."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from prodgen.errors import ImageError, StorageError
from prodgen.storage import FetchedFiles, open_store
from prodgen.storage.folder_store import FolderStore


@pytest.fixture
def photos(tmp_path: Path) -> FolderStore:
    store = open_store(tmp_path / "photos")
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        store.put(name, name.encode() * 100)
    return store


def url(photos: FolderStore, name: str) -> str:
    return photos.path_of(name).as_uri()


def test_a_path_stands_for_itself_from_the_catalogue_s_folder(tmp_path):
    fetched = FetchedFiles(tmp_path / "scratch", base=Path("/shop"))

    with fetched.held(["mug.jpg", "/elsewhere/cup.jpg"]) as paths:
        assert paths == {"mug.jpg": Path("/shop/mug.jpg"), "/elsewhere/cup.jpg": Path("/elsewhere/cup.jpg")}

    assert not (tmp_path / "scratch").exists()


def test_a_photograph_in_a_bucket_becomes_a_file_with_its_own_name(s3, tmp_path):
    open_store(s3).put("photos/mug 1.jpg", b"pixels")

    with FetchedFiles(tmp_path).held([f"{s3}/photos/mug%201.jpg"]) as paths:
        (path,) = paths.values()
        assert path.name == "mug 1.jpg"
        assert path.read_bytes() == b"pixels"
        assert path.is_relative_to(tmp_path)


def test_many_who_want_one_address_fetch_it_once(photos, tmp_path, monkeypatch):
    fetches = []
    real = FolderStore.get
    monkeypatch.setattr(FolderStore, "get", lambda self, name: (fetches.append(name), real(self, name))[1])
    fetched = FetchedFiles(tmp_path / "scratch")

    def size(_: int) -> int:
        with fetched.held([url(photos, "a.jpg")]) as paths:
            return len(next(iter(paths.values())).read_bytes())

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(size, range(16))) == {500}
    assert fetches == ["a.jpg"]


def test_the_longest_unused_goes_first_and_what_is_held_stays(photos, tmp_path):
    fetched = FetchedFiles(tmp_path / "scratch", max_bytes=1000)
    a, b, c = (url(photos, name) for name in ("a.jpg", "b.jpg", "c.jpg"))

    with fetched.held([a]) as held:
        for other in (b, c):
            with fetched.held([other]):
                pass
        kept = sorted(path.name for path in (tmp_path / "scratch").rglob("*.jpg"))
        assert kept == ["a.jpg", "c.jpg"]
        assert held[a].exists()


def test_what_was_used_again_is_not_the_longest_unused(photos, tmp_path):
    fetched = FetchedFiles(tmp_path / "scratch", max_bytes=1000)

    for name in ("a.jpg", "b.jpg", "a.jpg", "c.jpg"):
        with fetched.held([url(photos, name)]):
            pass

    assert sorted(path.name for path in (tmp_path / "scratch").rglob("*.jpg")) == ["a.jpg", "c.jpg"]


def test_one_that_cannot_be_fetched_is_an_error_each_time_and_leaves_nothing(photos, tmp_path):
    fetched = FetchedFiles(tmp_path / "scratch")

    for _ in range(2):
        with pytest.raises(ImageError, match=r"gone\.jpg"), fetched.held([url(photos, "gone.jpg")]):
            pass

    photos.put("gone.jpg", b"back")
    with fetched.held([url(photos, "gone.jpg")]) as paths:
        assert next(iter(paths.values())).read_bytes() == b"back"


def test_a_store_that_cannot_be_reached_is_not_the_picture_s_fault(photos, tmp_path, monkeypatch):
    def refuse(self, name):
        raise StorageError("photos", "is down", cause="unreachable")

    monkeypatch.setattr(FolderStore, "get", refuse)

    with pytest.raises(StorageError), FetchedFiles(tmp_path).held([url(photos, "a.jpg")]):
        pass


def test_closing_removes_what_was_fetched(photos, tmp_path):
    fetched = FetchedFiles(tmp_path / "scratch")
    with fetched.held([url(photos, "a.jpg")]):
        pass

    fetched.close()

    assert list((tmp_path / "scratch").iterdir()) == []


def test_in_another_process_it_fetches_for_itself(photos, tmp_path):
    fetched = FetchedFiles(tmp_path / "scratch", base=Path("/shop"), max_bytes=7)
    with fetched.held([url(photos, "a.jpg")]) as paths:
        there = pickle.loads(pickle.dumps(fetched))
        with there.held([url(photos, "a.jpg")]) as again:
            assert set(again.values()).isdisjoint(paths.values())

    assert (there.base, there.max_bytes) == (Path("/shop"), 7)
