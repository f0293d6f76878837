"""Reading: what Tesseract prints is understood, and a program that does not work harms nothing."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from prodgen import ocr
from prodgen.ocr import Tesseract

RECORDED = "\n".join(
    [
        "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext",
        "1\t1\t0\t0\t0\t0\t0\t0\t400\t120\t-1\t",
        "2\t1\t1\t0\t0\t0\t23\t37\t293\t33\t-1\t",
        "3\t1\t1\t1\t0\t0\t23\t37\t293\t33\t-1\t",
        "4\t1\t1\t1\t1\t0\t23\t37\t293\t33\t-1\t",
        "5\t1\t1\t1\t1\t1\t23\t38\t124\t32\t96.771896\tHAND",
        "5\t1\t1\t1\t1\t2\t162\t37\t154\t33\t96.152229\tCREAM",
        "5\t1\t1\t1\t1\t3\t320\t37\t10\t33\t95.000000\t ",
    ]
)
"""By tesseract 5.3.0, of HAND CREAM in a picture of 400 x 120 pixels."""

HEADER = RECORDED.splitlines()[0]


@pytest.fixture
def page() -> np.ndarray:
    picture = np.full((120, 400, 3), 255, np.uint8)
    cv2.putText(picture, "HAND CREAM", (20, 70), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (0, 0, 0), 4)
    return picture.astype(np.float32) / 255


@pytest.fixture
def program(tmp_path):
    """Writes a program that stands in Tesseract's place."""

    def write(script: str) -> str:
        path = tmp_path / "tesseract"
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    return write


def printing(text: str) -> str:
    return f"cat >/dev/null; cat <<'END'\n{text}\nEND"


def test_a_recorded_table_gives_words_confidences_and_places():
    hand, cream = ocr.parse(RECORDED)

    assert (hand.text, cream.text) == ("HAND", "CREAM")
    assert hand.confidence == pytest.approx(96.77, abs=0.01)
    assert hand[2:] == pytest.approx((23 / 400, 38 / 120, 147 / 400, 70 / 120))


@pytest.mark.parametrize(
    "table",
    [
        "",
        "Usage: tesseract imagename outputbase",
        f"{HEADER}\n5\t1\t1",
        f"{HEADER}\n5\t1\t1\t1\t1\t1\tx\t38\t124\t32\t96\tHAND",
        f"{HEADER}\n5\t1\t1\t1\t1\t1\t23\t38\t124\t32\t96\tHAND",
    ],
)
def test_what_is_no_such_table_is_refused(table):
    with pytest.raises(ValueError, match=r"table|could not convert"):
        ocr.parse(table)


def test_without_the_program_nothing_is_read(tmp_path, monkeypatch):
    monkeypatch.delenv("PRODGEN_TESSERACT")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert ocr.tesseract() is None


def test_the_program_is_found_on_the_path(program, monkeypatch, page):
    folder = Path(program(printing(RECORDED))).parent
    monkeypatch.delenv("PRODGEN_TESSERACT")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    assert [word.text for word in ocr.tesseract()(page)] == ["HAND", "CREAM"]


def test_a_program_named_in_the_environment_goes_before_that_on_the_path(program, monkeypatch, page):
    monkeypatch.setenv(
        "PRODGEN_TESSERACT", program(printing(f"{HEADER}\n1\t1\t0\t0\t0\t0\t0\t0\t9\t9\t-1\t"))
    )

    assert ocr.tesseract()(page) == ()


def test_reading_can_be_switched_off_without_a_warning(program, monkeypatch, caplog):
    monkeypatch.setenv("PATH", str(Path(program("exit 0")).parent))
    monkeypatch.setenv("PRODGEN_TESSERACT", "off")

    assert ocr.tesseract() is None
    assert not caplog.records


def test_a_named_program_that_is_not_there_is_told_of_once(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("PRODGEN_TESSERACT", str(tmp_path / "nowhere"))

    assert [ocr.tesseract(), ocr.tesseract()] == [None, None]
    assert len([record for record in caplog.records if "PRODGEN_TESSERACT" in record.message]) == 1


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo no such language >&2; exit 1", "ended with 1: no such language"),
        ('cat >/dev/null; echo "unknown option --psm"', "version 4 or newer"),
        ("printf '\\377\\376rubbish'", "table"),
        ("kill -SEGV $$", "ended with -11"),
        ("exit 0", "table"),
    ],
)
def test_a_program_that_fails_reads_nothing_and_says_why(program, page, caplog, script, reason):
    assert Tesseract(program(script))(page) is None
    assert [reason in record.message for record in caplog.records] == [True]


@pytest.mark.parametrize("script", ["exec sleep 100", "sleep 100; true"])
def test_a_program_that_hangs_is_given_up_in_time(program, page, caplog, script):
    started = time.monotonic()

    assert Tesseract(program(script), timeout_s=0.3)(page) is None

    assert time.monotonic() - started < 50
    assert "did not finish" in caplog.text


def test_a_program_that_is_no_program_is_no_crash(tmp_path, page, caplog):
    path = tmp_path / "tesseract"
    path.write_bytes(b"\x00\x01")
    path.chmod(0o755)

    assert Tesseract(str(path))(page) is None
    assert ocr.version(str(path)) is None


def test_a_program_that_never_works_is_soon_left_alone_and_told_of_once(program, page, tmp_path, caplog):
    reader = Tesseract(program(f"echo run >> {tmp_path}/runs; exit 1"))

    for _ in range(ocr.TRIES + 3):
        reader(page)

    assert len((tmp_path / "runs").read_text().split()) == ocr.TRIES
    assert len(caplog.records) == 1


def test_a_picture_that_was_read_is_not_read_again(program, page, tmp_path):
    reader = Tesseract(program(f"echo run >> {tmp_path}/runs; {printing(RECORDED)}"))

    words = [reader(picture) for picture in (page, page.copy(), page[:, ::-1])]

    assert words[0] == words[1] == words[2]
    assert len((tmp_path / "runs").read_text().split()) == 2


def test_the_program_runs_on_one_thread_and_in_no_shell(program, page):
    table = f"{RECORDED.splitlines()[0]}\n{RECORDED.splitlines()[1]}"
    row = "5\\t1\\t1\\t1\\t1\\t1\\t1\\t1\\t9\\t9\\t90\\t%s\\n"
    script = f"cat >/dev/null\ncat <<'END'\n{table}\nEND\nprintf '{row}' \"limit$OMP_THREAD_LIMIT\" \"$*\""

    words = Tesseract(program(script))(page)

    assert [word.text for word in words] == ["limit1", "- - --psm 11 tsv"]


def test_tesseract_itself_reads_a_line_of_print(page, monkeypatch):
    if shutil.which("tesseract") is None:
        pytest.skip("tesseract is not installed: apt install tesseract-ocr")
    monkeypatch.delenv("PRODGEN_TESSERACT")

    assert [word.text for word in ocr.tesseract()(page)] == ["HAND", "CREAM"]
    assert ocr.version(ocr.find_program()).startswith("tesseract ")
