"""Lettering: letters that read otherwise are counted; light, and a reader's own slips, are not."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prodgen import files, identity, ocr
from prodgen.color import to_linear, to_srgb
from prodgen.identity import Word, profile_limits
from prodgen.identity.lettering import edits, letters, text_errors_percent
from prodgen.images import Photo
from prodgen.inspecting import inspect_pictures
from prodgen.shots.frame import Frame, Tools
from prodgen.shots.layers import Brief, Given, Kept
from prodgen.shots.stages import (
    IdentityStage,
    PlaceStage,
    SegmentStage,
    SweepStage,
    UpscaleStage,
)

WORDS = ("nemomen", "ennomo", "momonee")
"""Three words in an alphabet of four shapes that a few lines of code can read: n, m, o, e."""

SHAPES = {"n": (7, 14), "m": (22, 14), "o": (14, 14), "e": (14, 14)}


def written(words: tuple[str, ...], *, ink: float = 0.1, ground: float = 0.85) -> np.ndarray:
    """Lightness, L*, of a label with those words: n is narrow, m is wide, o is a ring, e is a square."""
    label = np.full((240, 320), ground, np.float32)
    for line, word in enumerate(words):
        x, y = 30, 40 + 60 * line
        for letter in word:
            width, height = SHAPES[letter]
            label[y : y + height, x : x + width] = ink
            if letter == "o":
                label[y + 4 : y + height - 4, x + 4 : x + width - 4] = ground
            x += width + 5
    return 100 * label


def read_shapes(picture: np.ndarray) -> list[Word]:
    """A reader of that alphabet; sure of everything that it reads."""
    height, width = picture.shape[:2]
    ink = (picture[..., 0] < 0.5).astype(np.uint8)
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(ink)
    lines: list[list[tuple[int, int, int, int, str]]] = []
    for index, (x, y, w, h, area) in sorted(enumerate(boxes), key=lambda item: item[1][0]):
        if index == 0 or area < 30 or h < 8:
            continue
        shape = labels[y : y + h, x : x + w] == index
        solid = shape[h // 3 : h - h // 3, w // 3 : w - w // 3].mean() > 0.5
        letter = "n" if w < 0.75 * h else "m" if w > 1.25 * h else "e" if solid else "o"
        line = next((line for line in lines if abs(line[0][1] - y) < h / 2), None)
        lines.append([(x, y, w, h, letter)]) if line is None else line.append((x, y, w, h, letter))
    return [
        Word(
            "".join(letter for *_, letter in line),
            95.0,
            line[0][0] / width,
            min(y for _, y, *_ in line) / height,
            max(x + w for x, _, w, _, _ in line) / width,
            max(y + h for _, y, _, h, _ in line) / height,
        )
        for line in lines
    ]


def is_page_of_crops(picture: np.ndarray, drawn: np.ndarray) -> bool:
    """Whether a reader was handed single words, and not a drawing of the label: two labels high."""
    return abs(picture.shape[0] / picture.shape[1] - 2 * drawn.shape[0] / drawn.shape[1]) > 0.01


INSIDE = np.ones((240, 320), np.float32)


def test_the_same_print_has_no_errors():
    label = written(WORDS)

    assert text_errors_percent(label, label, INSIDE, read_shapes) == 0


def test_light_alone_is_no_error():
    label = written(WORDS)
    light = np.linspace(0.25, 1.1, 320, dtype=np.float32)[None] * np.linspace(1, 0.6, 240)[:, None]

    lit = np.clip(label * light, 0, 100).astype(np.float32)

    assert text_errors_percent(label, lit, INSIDE, read_shapes) == 0


def test_light_print_on_dark_ground_is_read_as_well():
    label = written(WORDS, ink=0.9, ground=0.3)
    other = written(("nemomen", "ennomo", "eeeonee"), ink=0.9, ground=0.3)

    assert text_errors_percent(label, label, INSIDE, read_shapes) == 0
    assert text_errors_percent(label, other, INSIDE, read_shapes) == pytest.approx(100 * 3 / 20)


def test_changed_letters_are_counted_as_a_share_of_all():
    changed = written(("nemomen", "ennomo", "mooonne"))

    assert text_errors_percent(written(WORDS), changed, INSIDE, read_shapes) == pytest.approx(100 * 2 / 20)


def test_print_that_is_gone_is_wrong_altogether():
    blank = np.full((240, 320), 85, np.float32)

    assert text_errors_percent(written(WORDS), blank, INSIDE, read_shapes) == 100


def test_a_slip_on_a_label_of_one_word_is_not_the_share_of_that_word():
    label, slip = written(("omo",)), written(("ome",))

    assert text_errors_percent(label, slip, INSIDE, read_shapes) == pytest.approx(100 / 12)


def test_without_print_there_is_nothing_to_say():
    blank = np.full((240, 320), 85, np.float32)

    assert text_errors_percent(blank, written(WORDS), INSIDE, read_shapes) is None


def test_words_of_which_the_reader_is_unsure_do_not_count():
    def unsure(picture):
        return [word._replace(confidence=60.0) for word in read_shapes(picture)]

    assert text_errors_percent(written(WORDS), written(("eee",)), INSIDE, unsure) is None


def test_words_of_two_letters_do_not_count():
    assert text_errors_percent(written(("mo",)), written(("ee",)), INSIDE, read_shapes) is None


def test_a_word_that_a_harmless_change_makes_read_otherwise_does_not_count():
    label = written(WORDS)
    pages = []

    def nervous(picture):
        read = read_shapes(picture)
        if is_page_of_crops(picture, label):
            # Of the second looks at each word, the last is read otherwise.
            read = sorted(read, key=lambda word: word.top)
            read = [word._replace(text="xxx") if index % 4 == 3 else word for index, word in enumerate(read)]
            pages.append(picture)
        return read

    assert text_errors_percent(label, np.full_like(label, 85), INSIDE, nervous) is None
    assert len(pages) == 1


def test_a_word_missed_in_the_whole_but_read_on_its_own_is_no_error():
    label, calls = written(WORDS), []

    def missing_one(picture):
        calls.append(picture)
        read = read_shapes(picture)
        return read[1:] if len(calls) == 2 else read

    assert text_errors_percent(label, label, INSIDE, missing_one) == 0
    assert len(calls) == 4


def test_what_one_of_the_looks_at_the_result_reads_right_is_forgiven():
    label, calls = written(WORDS), []

    def right_once(picture):
        calls.append(picture)
        read = sorted(read_shapes(picture), key=lambda word: word.top)
        if len(calls) == 2:
            return []
        if len(calls) == 4:
            read = [word if index % 4 == 1 else word._replace(text="x") for index, word in enumerate(read)]
        return read

    assert text_errors_percent(label, label, INSIDE, right_once) == 0
    assert len(calls) == 4


def test_what_only_the_result_has_is_neither_drawn_nor_counted():
    label, more, drawn = written(WORDS[:1]), written(WORDS), []

    def watching(picture):
        drawn.append(picture)
        return read_shapes(picture)

    assert text_errors_percent(label, more, INSIDE, watching) == 0
    dark_strokes = len(drawn[0]) // 2
    np.testing.assert_allclose(drawn[1][:dark_strokes], drawn[0][:dark_strokes], atol=0.02)


@pytest.mark.parametrize("last_good", [0, 1, 2, 3])
def test_a_reader_that_breaks_down_on_the_way_means_not_measured(last_good):
    label, calls = written(WORDS), []

    def failing(picture):
        calls.append(picture)
        return read_shapes(picture) if len(calls) <= last_good else None

    assert text_errors_percent(label, written(("eee", "eee", "eee")), INSIDE, failing) is None
    assert len(calls) == last_good + 1


def test_case_punctuation_and_one_shape_for_two_letters_make_no_difference():
    assert letters("GOoD, 100 ml!") == letters("g00d loo ML")
    assert letters("Crème·№") == "crèmeno"


def test_edits_are_levenshteins_within_a_longer_text():
    assert [edits("milk", text) for text in ("milk", "xxmilkxx", "silk", "mlk", "mi1lk", "")] == [
        0,
        0,
        1,
        1,
        1,
        4,
    ]


@given(st.text("abc", max_size=6), st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_a_word_is_found_in_any_surroundings_and_costs_its_length_at_the_most(before, word, after):
    assert edits(word, before + word + after) == 0
    assert edits(word, before) <= len(word)


# In the measurement.


def carton(lines: tuple[str, ...], *, size: int = 420) -> tuple[np.ndarray, np.ndarray]:
    """A white carton printed with those lines, on grey, sRGB; and its matte."""
    picture = np.full((size, size, 3), 150, np.uint8)
    picture[30 : size - 30, 60 : size - 60] = (236, 232, 226)
    picture[size - 90 : size - 30, 60 : size - 60] = (200, 90, 40)
    for row, line in enumerate(lines):
        place = (75, 85 + 42 * row)
        cv2.putText(picture, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.9, (30, 40, 60), 2, cv2.LINE_AA)
    matte = np.zeros((size, size), np.float32)
    matte[30 : size - 30, 60 : size - 60] = 1
    return picture.astype(np.float32) / 255, matte


LINES = ("HAND CREAM", "with olive oil", "for dry skin", "sun factor 30", "keep it cool")


def in_light(picture: np.ndarray) -> np.ndarray:
    """Evening from the right."""
    shading = np.linspace(0.25, 0.9, picture.shape[1], dtype=np.float32)[None, :, None]
    return to_srgb(to_linear(picture) * shading * np.array([1.15, 1.0, 0.75], np.float32))


def test_measure_reads_only_if_it_is_given_a_reader():
    photo, matte = carton(LINES)

    assert identity.measure(photo, photo, matte).likeness.text_errors_percent is None


def test_measure_asks_no_reader_about_a_product_without_print():
    photo, matte = carton(())

    def never(picture):
        raise AssertionError("there is nothing to read")

    assert identity.measure(photo, photo, matte, reader=never).likeness.text_errors_percent is None


def always_other(picture: np.ndarray) -> list[Word]:
    """Reads one word in the first picture of four, and another one in all others but the second looks."""
    always_other.calls += 1
    text = "other" if always_other.calls % 4 in (2, 0) else "label"
    rows = 4 if always_other.calls % 4 in (3, 0) else 1
    tops = (np.arange(rows) + 0.5) / rows if rows > 1 else np.array([0.25])
    return [Word(text, 95.0, 0.3, top - 0.02, 0.7, top + 0.02) for top in tops]


def test_restoring_reads_print_once():
    photo, matte = carton(LINES)
    always_other.calls = 0

    likeness = identity.restore(photo, in_light(photo), matte, reader=always_other).measurement.likeness

    assert always_other.calls == 4
    assert likeness.text_errors_percent > profile_limits("editorial")["text_errors_percent"].fail
    assert likeness.verdict().status == "fail"


def test_other_letters_are_said_in_the_summary_and_in_the_reasons():
    photo, matte = carton(LINES)
    read = identity.measure(photo, photo, matte).likeness.model_copy(update={"text_errors_percent": 31.4})

    assert "misread 31 %" in identity.summary(read.verdict(), read)
    (reason,) = identity.reasons(read.verdict())
    assert reason.startswith("the print on the product changed")
    assert "letters misread 31.40 % is above" in reason


@pytest.fixture
def reads(tmp_path, monkeypatch):
    """A program in Tesseract's place that finds no words, and the file in which it notes each run."""
    program, runs = tmp_path / "tesseract", tmp_path / "runs"
    table = "level\\tpage\\tblock\\tpar\\tline\\tword\\tleft\\ttop\\twidth\\theight\\tconf\\ttext\\n"
    program.write_text(f"#!/bin/sh\ncat >/dev/null\necho run >>{runs}\nprintf '{table}'\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PRODGEN_TESSERACT", str(program))
    return runs


def test_inspect_reads_print_where_a_program_is_there(reads, caplog):
    photo, matte = carton(LINES)

    inspect_pictures(photo, in_light(photo), matte)

    assert reads.exists()
    assert not caplog.records


def test_the_stage_reads_print_where_a_program_is_there(reads, caplog):
    photo, matte = carton(LINES)
    offline = Tools(client=pytest.fail)
    frame = Frame().holding(Given(Photo(photo, matte)), Brief("on a table", seed=1))
    for stage in (SegmentStage(), PlaceStage(place="original"), SweepStage(), UpscaleStage()):
        frame = stage.apply(frame, offline)

    done = IdentityStage().apply(frame, offline)

    assert done[Kept].likeness.print_agreement is not None
    assert reads.exists()
    assert not caplog.records


# With Tesseract itself.


@pytest.fixture
def tesseract(monkeypatch):
    if shutil.which("tesseract") is None:
        pytest.skip("tesseract is not installed: apt install tesseract-ocr")
    monkeypatch.delenv("PRODGEN_TESSERACT")
    return ocr.tesseract()


def misread(
    photo: np.ndarray, result: np.ndarray, matte: np.ndarray, reader: identity.Reader
) -> float | None:
    measured = identity.measure(photo, result.astype(np.float32), matte, reader=reader)
    return measured.likeness.text_errors_percent


def melted(picture: np.ndarray, matte: np.ndarray, *, by_px: float) -> np.ndarray:
    """Strokes displaced at random, as relighting models redraw small print."""
    dice = np.random.default_rng(3)
    slips = [cv2.GaussianBlur(dice.normal(size=matte.shape).astype(np.float32), (0, 0), 3) for _ in "xy"]
    y, x = np.mgrid[: matte.shape[0], : matte.shape[1]].astype(np.float32)
    across, down = (by_px * slip / slip.std() for slip in slips)
    moved = cv2.remap(picture, x + across, y + down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return moved * matte[..., None] + picture * (1 - matte[..., None])


def test_the_same_carton_in_new_light_reads_the_same(tesseract):
    photo, matte = carton(LINES)

    assert misread(photo, in_light(photo), matte, tesseract) == 0


def test_other_words_in_new_light_fail_both_profiles(tesseract):
    photo, matte = carton(LINES)
    other, _ = carton(("FOOT CREAM", "with argan oil", "for wet hair", "our number 10", "throw it away"))

    found = misread(photo, in_light(other), matte, tesseract)

    assert found > profile_limits("editorial")["text_errors_percent"].fail


def test_melted_print_fails_the_strict_profile(tesseract):
    photo, matte = carton(LINES)

    found = misread(photo, in_light(melted(photo, matte, by_px=2.5)), matte, tesseract)

    assert found > profile_limits("catalogue")["text_errors_percent"].fail


def test_one_changed_word_is_noticed_though_nearly_all_print_agrees(tesseract):
    photo, matte = carton(LINES)
    other, _ = carton((*LINES[:3], "sun factor 30", "keep it warm"))

    measured = identity.measure(photo, in_light(other), matte, reader=tesseract).likeness

    assert measured.text_errors_percent > profile_limits("catalogue")["text_errors_percent"].warn


def test_only_reading_notices_a_changed_digit(tesseract):
    lines = ("ORANGE JAM", "net weight 340", "before 2027", "fruit and sugar", "keep it cool")
    photo, matte = carton(lines, size=700)
    other, _ = carton(("ORANGE JAM", "net weight 840", "before 2021", *lines[3:]), size=700)

    likeness = identity.measure(photo, in_light(other), matte, reader=tesseract).likeness
    verdict = likeness.verdict("catalogue")

    assert {limit.number for limit in verdict.broken} == {"text_errors_percent"}, verdict.broken


def test_carton_melted_less_than_a_letter_can_be_told_by_is_not_misread(tesseract):
    photo, matte = carton(LINES)

    assert misread(photo, cv2.GaussianBlur(photo, (0, 0), 0.7), matte, tesseract) == 0


@pytest.mark.parametrize("case", ["mug_night", "pouch_city", "jar_city"])
def test_a_product_that_truly_stood_in_another_place_is_not_misread(root: Path, tesseract, case):
    folder = root / "tests" / "data" / "truth"
    product = case.split("_")[0]
    photo, truth = (files.load(folder / f"{name}.jpg").rgb for name in (f"{product}_input", case))
    matte = files.load_matte(folder / f"{product}_matte.png")

    found = misread(photo, truth, matte, tesseract)

    assert found is not None
    assert found <= profile_limits("catalogue")["text_errors_percent"].warn
