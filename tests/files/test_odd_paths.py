"""Paths that no file can have, and a working folder that is gone: one sentence each."""

from __future__ import annotations

import numpy as np
import pytest

from prodgen import files
from prodgen.errors import ImageError, ProdgenError, SettingError
from prodgen.text2image.wildcards import Wildcards

LONG = "a" * 300


@pytest.fixture
def gone(tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()


GREY = np.full((4, 4, 3), 0.5, np.float32)


@pytest.mark.parametrize(
    "use",
    [
        lambda folder: files.load(folder / f"{LONG}.png"),
        lambda folder: files.read_text(folder / f"{LONG}.png"),
        lambda folder: files.save(folder / f"{LONG}.png", GREY),
        lambda folder: files.refuse_overwriting(folder / f"{LONG}.png", folder / "a.png"),
        lambda folder: files.refuse_overwriting(folder / f"{LONG}.png"),
        lambda folder: files.refuse_overwriting(folder / "new" / f"{LONG}.png"),
        lambda folder: Wildcards(folder / LONG).fill("__a__", seed=1),
    ],
)
def test_a_name_too_long_for_the_file_system_is_said_to_be(use, tmp_path):
    with pytest.raises(ProdgenError, match="name is too long for this file system; choose a shorter one"):
        use(tmp_path)


@pytest.mark.parametrize(
    "use",
    [
        lambda: files.load("a.png"),
        lambda: files.save("a.png", GREY),
        lambda: files.save("deeper/a.png", GREY),
        lambda: files.refuse_overwriting(files.Path("a.png")),
    ],
)
def test_a_working_folder_that_was_deleted_is_said_to_be(use, gone):
    with pytest.raises(ImageError, match="the folder you are in no longer exists"):
        use()


def test_a_file_that_is_not_there_is_not_blamed_on_the_working_folder(tmp_path):
    with pytest.raises(ImageError, match="does not exist"):
        files.load(tmp_path / "a.png")


def test_wildcards_in_a_folder_that_is_none_are_refused_as_a_setting(tmp_path):
    with pytest.raises(SettingError, match="must be a folder"):
        Wildcards(tmp_path / "none").fill("__a__", seed=1)
