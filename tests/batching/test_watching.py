"""A folder that is filled while it is watched."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from prodgen.batching.watching import WatchedFolder
from prodgen.errors import SettingError


@pytest.fixture
def clock(monkeypatch):
    """A clock that only goes when it is told to."""

    class Clock:
        now = 100.0

        def monotonic(self) -> float:
            return self.now

        def sleep(self, seconds: float) -> None:
            self.now += seconds

    clock = Clock()
    monkeypatch.setattr("prodgen.batching.watching.time", clock)
    return clock


def names(photos) -> set[str]:
    return {photo.name for photo in photos}


def test_a_file_counts_once_it_has_stayed_as_it_is_and_only_once(tmp_path, clock):
    folder = WatchedFolder(tmp_path)
    (tmp_path / "a.jpg").write_bytes(b"photo")

    assert folder.look() == frozenset()
    clock.sleep(5)
    assert folder.look() == {tmp_path / "a.jpg"}
    clock.sleep(5)
    assert folder.look() == frozenset()


def test_a_file_that_still_grows_does_not_count(tmp_path, clock):
    folder = WatchedFolder(tmp_path)
    for length in (1, 2, 3):
        (tmp_path / "a.jpg").write_bytes(b"x" * length)
        assert folder.look() == frozenset()
        clock.sleep(5)

    assert names(folder.look()) == {"a.jpg"}


def test_an_empty_file_is_not_a_photograph_yet(tmp_path, clock):
    folder = WatchedFolder(tmp_path)
    (tmp_path / "a.jpg").touch()
    folder.look()
    clock.sleep(50)

    assert folder.look() == frozenset()


def test_a_file_that_was_changed_or_came_again_counts_again(tmp_path, clock):
    folder = WatchedFolder(tmp_path)
    path = tmp_path / "a.jpg"
    path.write_bytes(b"photo")
    folder.look()
    clock.sleep(5)
    folder.look()

    os.utime(path, ns=(1, 1))  # of the same size
    assert folder.look() == frozenset()
    clock.sleep(5)
    assert names(folder.look()) == {"a.jpg"}

    path.unlink()
    folder.look()
    path.write_bytes(b"photo")
    os.utime(path, ns=(1, 1))
    folder.look()
    clock.sleep(5)
    assert names(folder.look()) == {"a.jpg"}


def test_other_files_hidden_ones_and_a_runs_own_pictures_are_left_alone(tmp_path, clock):
    out = tmp_path / "out"
    out.mkdir()
    for path in (
        tmp_path / "a.jpg",
        tmp_path / "a.jpg.part",
        tmp_path / ".b.jpg",
        out / "c.png",
        out / "ledger.sqlite",
    ):
        path.write_bytes(b"x")
    folder = WatchedFolder(tmp_path)
    folder.look()
    clock.sleep(5)

    assert names(folder.look()) == {"a.jpg"}


def test_what_could_not_be_worked_on_is_given_again(tmp_path, clock):
    (tmp_path / "a.jpg").write_bytes(b"photo")
    folder = WatchedFolder(tmp_path)
    folder.look()
    clock.sleep(5)
    photos = folder.look()
    folder.return_later(photos)

    assert folder.look() == photos


def test_it_waits_until_there_is_something(tmp_path):
    folder = WatchedFolder(tmp_path, settled_s=0.05)
    threading.Timer(0.2, (tmp_path / "a.jpg").write_bytes, [b"photo"]).start()
    began = time.monotonic()

    assert names(folder.wait(stop=threading.Event())) == {"a.jpg"}
    assert time.monotonic() - began > 0.2


def test_waiting_is_ended_by_a_press_and_by_the_clock(tmp_path):
    folder = WatchedFolder(tmp_path, settled_s=200)
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    began = time.monotonic()

    assert folder.wait(stop=stop) == frozenset()
    assert folder.wait(stop=threading.Event(), until=time.time() - 1) == frozenset()
    assert time.monotonic() - began < 50


def test_a_share_that_is_gone_for_a_while_is_waited_for_and_said_once(tmp_path, caplog):
    share = tmp_path / "share"
    folder = WatchedFolder(share, settled_s=0.05)

    def comes_back() -> None:
        share.mkdir()
        (share / "a.jpg").write_bytes(b"photo")

    threading.Timer(0.3, comes_back).start()

    assert names(folder.wait(stop=threading.Event())) == {"a.jpg"}
    assert len(caplog.records) == 1


def test_a_folder_that_is_gone_is_said(tmp_path):
    with pytest.raises(SettingError, match="cannot be read"):
        WatchedFolder(Path(tmp_path / "gone")).look()
