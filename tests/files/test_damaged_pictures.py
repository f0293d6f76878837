"""2,000 damaged files of every format: each becomes a sound picture or one sentence, soon and silently."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from prodgen import codecs, files, provenance
from prodgen.errors import ImageError

_where = importlib.util.spec_from_file_location("damaging", Path(__file__).with_name("damaging.py"))
damaging = importlib.util.module_from_spec(_where)
_where.loader.exec_module(damaging)

STORY = provenance.text_chunks(
    {"prompt": "a mug", "seed": 5, "recipe": {"stages": [{"stage": "segment"}]}},
    infotext="a mug\nSteps: 2, Seed: 5",
    source_type=provenance.COMPOSITE_SYNTHETIC,
)

SOUND = damaging.sound_files()
EACH = 58
"""Damaged versions of each of the 33 kinds of file; with those that tell a story some 2,000 in all."""

SLOW_S = 3.0
"""Seconds of work after which a file of one thousand pixels is called a hang."""


def outcome_of(read, *arguments):
    """What reading gives: its value, or None with an ImageError of one line; and it must not take long."""
    started = time.process_time()
    value, said = None, ""
    try:
        value = read(*arguments)
    except ImageError as error:
        said = str(error)
    assert "\n" not in said
    assert len(said) < 500
    assert time.process_time() - started < SLOW_S
    return value


def check(data):
    """Read one file in every way."""
    photo = outcome_of(files.load, data)
    if photo is not None:
        assert photo.rgb.ndim == 3
        assert photo.rgb.dtype == np.float32
        assert photo.rgb.min() >= 0
        assert photo.rgb.max() <= 1  # also no NaN
        assert photo.matte is None or (photo.matte.min() >= 0 and photo.matte.max() <= 1)
    matte = outcome_of(files.load_matte, data)
    assert matte is None or (matte.ndim == 2 and matte.min() >= 0 and matte.max() <= 1)
    chunks = outcome_of(codecs.decode_text, data)
    if chunks is not None:
        outcome_of(provenance.read_story, chunks)
        provenance.read_source_type(chunks)


@pytest.mark.parametrize("name", SOUND)
def test_each_sound_file_is_read_or_refused_for_its_many_pictures(name):
    photo = outcome_of(files.load, SOUND[name])

    assert (photo is None) == name.startswith(("animated", "pages"))


# A user sees no warning of Pillow's: `codecs` leaves them out, which pytest undoes.
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning:PIL")
@pytest.mark.parametrize("name", SOUND)
def test_a_damaged_file_is_a_picture_or_one_sentence(name, capfd, tmp_path):
    for data in damaging.damaged(name, SOUND[name], EACH):
        (tmp_path / name).write_bytes(data)  # the one that fails is kept
        check(data)
    assert capfd.readouterr().err == ""


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", damaging.told_files(STORY))
def test_a_damaged_story_is_read_or_called_damaged(name, capfd):
    for data in damaging.damaged(name, damaging.told_files(STORY)[name], EACH):
        check(data)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (13, 9), (40, 33)])
def test_an_interlaced_16_bit_picture_is_no_damaged_one(size):
    pixels = np.random.default_rng(2).integers(0, 65_536, (size[1], size[0], 3))

    photo = files.load(damaging.deep_png(pixels, 2, passes=damaging.ADAM7))

    np.testing.assert_allclose(photo.rgb, pixels / 65_535, atol=1e-5)


@pytest.mark.parametrize("most", [1, 2, 7])
def test_a_16_bit_picture_may_be_packed_in_many_small_chunks(most):
    pixels = np.random.default_rng(2).integers(0, 65_536, (5, 4, 3))
    head, packed, end = (body for _, body in damaging.chunks_of(damaging.deep_png(pixels, 2)))
    pieces = [packed[place : place + most] for place in range(0, len(packed), most)]

    photo = files.load(
        damaging.png_of((b"IHDR", head), *((b"IDAT", piece) for piece in pieces), (b"IEND", end))
    )

    np.testing.assert_allclose(photo.rgb, pixels / 65_535, atol=1e-5)


SILENT = """
import sys
from pathlib import Path
from prodgen import codecs, files
from prodgen.errors import ImageError
for path in sorted(Path(sys.argv[1]).iterdir()):
    for read in (files.load, files.read_text):
        try:
            read(path)
        except ImageError:
            pass
"""


def test_reading_damaged_files_writes_nothing_on_the_terminal(tmp_path):
    for name, file in SOUND.items():
        for number, data in enumerate(damaging.damaged(name, file, 14, seed=2)):
            (tmp_path / f"{number}-{name}").write_bytes(data)

    read = subprocess.run(
        [sys.executable, "-c", SILENT, str(tmp_path)], capture_output=True, text=True, timeout=120
    )

    assert (read.returncode, read.stdout, read.stderr) == (0, "", "")
