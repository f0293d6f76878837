"""Numbers that programs and sites write oddly: read where they mean something, named where they do not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prodgen.errors import ImageError
from prodgen.replaying import RecordedJob, read_recorded
from prodgen.replaying.numbers_told import number_of, whole_number_of

LINE = "Steps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 512x512, Model: v1-5"


def told(line: str, folder: Path) -> RecordedJob:
    (folder / "told.txt").write_text(f"a dog\n{line}", encoding="utf-8")
    recorded = read_recorded(folder / "told.txt")
    assert isinstance(recorded, RecordedJob)
    return recorded


def differences(recorded: RecordedJob) -> dict[str, str]:
    return {x.what: x.words for x in recorded.differences}


@pytest.mark.parametrize("written", ["None", "undefined", "", "nan", "NaN", "null", "inf", "seven", "1e999"])
def test_a_value_that_is_no_number_is_a_difference_and_the_rest_is_drawn(tmp_path, written):
    recorded = told(LINE.replace("CFG scale: 7", f"CFG scale: {written}"), tmp_path)

    assert recorded.job.cfg_scale is None
    assert (recorded.job.steps, recorded.job.seed) == (20, 1)
    assert list(differences(recorded)) == ["CFG scale"]
    assert "is no number" in differences(recorded)["CFG scale"]


@pytest.mark.parametrize(
    ("written", "meant"), [("7,5", 7.5), ("7.50", 7.5), ("750%", 7.5), ("7", 7), ("7,0", 7)]
)
def test_decimal_commas_and_percent_signs_are_read(tmp_path, written, meant):
    recorded = told(LINE.replace("CFG scale: 7", f"CFG scale: {written}"), tmp_path)

    assert (recorded.job.cfg_scale, recorded.job.seed, recorded.differences) == (meant, 1, ())


def test_a_decimal_comma_at_the_end_of_the_line_is_read(tmp_path):
    recorded = told(f"{LINE}, Hires upscale: 2, Hires upscaler: Lanczos, Denoising strength: 0,45", tmp_path)

    assert recorded.job.denoising_strength == 0.45


def test_a_comma_without_a_space_divides_two_settings(tmp_path):
    assert told(LINE.replace(", ", ","), tmp_path).job == told(LINE, tmp_path).job


@pytest.mark.parametrize("key", ["Steps: 0", "CFG scale: 99", "Clip skip: 40", "Eta: 7"])
def test_a_number_out_of_range_is_a_difference(tmp_path, key):
    recorded = told(f"{LINE}, {key}", tmp_path)

    assert "more or less than can be asked for" in differences(recorded)[key.partition(":")[0]]


@pytest.mark.parametrize("seed", [0, 2**32 - 1, 2**32, 2**40, 2**53 + 1, 5441180189181032878, 2**64 - 1])
def test_every_seed_of_64_bits_is_taken_to_the_digit(tmp_path, seed):
    recorded = told(LINE.replace("Seed: 1", f"Seed: {seed}"), tmp_path)

    assert (recorded.job.seed, recorded.differences) == (seed, ())


@pytest.mark.parametrize("seed", [2**64, 10**25])
def test_a_larger_seed_is_refused_with_the_largest_that_servers_take(tmp_path, seed):
    with pytest.raises(ImageError, match=f"its seed is {seed}; the largest .* is 18446744073709551615"):
        told(LINE.replace("Seed: 1", f"Seed: {seed}"), tmp_path)


@pytest.mark.parametrize("seed", ["-1", "-2", "None", "random", "9" * 5000])
def test_a_seed_that_is_none_is_a_difference_and_another_is_drawn(tmp_path, seed):
    recorded = told(LINE.replace("Seed: 1", f"Seed: {seed}"), tmp_path)

    assert recorded.job.seed is None
    assert "another one is drawn" in differences(recorded)["Seed"]


@pytest.mark.parametrize(
    "missing", ["Steps: 20, ", "Sampler: Euler, ", "CFG scale: 7, ", "Seed: 1, ", "Size: 512x512, "]
)
def test_a_setting_that_is_not_told_is_a_difference(tmp_path, missing):
    recorded = told(LINE.replace(missing, ""), tmp_path)

    assert list(differences(recorded)) == [missing.partition(":")[0]]


@pytest.mark.parametrize("size", ["None", "undefined", "", "0x0", "7x512", "512", "automatic"])
def test_a_size_that_is_none_is_a_difference_and_the_rest_is_drawn(tmp_path, size):
    recorded = told(f"{LINE.replace('512x512', size)}, Hires upscale: 1, Denoising strength: 0.4", tmp_path)

    assert (recorded.job.first_pass, recorded.job.seed) == (None, 1)
    assert list(differences(recorded)) == ["Size"]


@pytest.mark.parametrize("name", ["Undefined", "None", ""])
def test_a_sampler_that_a_site_did_not_know_is_a_difference(tmp_path, name):
    recorded = told(LINE.replace("Sampler: Euler", f"Sampler: {name}"), tmp_path)

    assert recorded.job.sampler_name is None
    assert "Sampler" in differences(recorded)


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_numbers(text):
    assert isinstance(number_of(text), float | int | None)
    assert isinstance(whole_number_of(text), int | None)


@pytest.mark.parametrize("size", ["512X768", "512.0x768.0", "512 × 768", "512*768"])
def test_a_size_is_read_however_its_sides_are_joined(tmp_path, size):
    assert told(LINE.replace("512x512", size), tmp_path).job.first_pass == "512x768"


@given(st.integers(-(10**28), 10**28), st.sampled_from(["", ".0", ",0", ".00"]))
def test_whole_numbers_are_read_exactly(number, ending):
    assert whole_number_of(f"{number}{ending}") == number


@pytest.mark.parametrize("text", ["1e300", "20.5", "50%", "9" * 41])
def test_what_is_no_whole_number_or_beyond_any_seed_is_none(text):
    assert whole_number_of(text) is None


@pytest.mark.parametrize(
    ("more", "what"),
    [("Variation seed strength: 0.5", "Variation seed strength"), ("Refiner: xl_refiner", "Refiner")],
)
def test_half_of_a_pair_of_settings_is_named_and_not_dropped_without_a_word(tmp_path, more, what):
    recorded = told(f"{LINE}, {more}", tmp_path)

    assert list(differences(recorded)) == [what]
    assert (recorded.job.subseed_strength, recorded.job.refiner) == (None, None)


@pytest.mark.parametrize(
    "more",
    [
        "Refiner switch at: 0.5, Refiner: None",
        "Variation seed: 5",
        "Variation seed: 5, Variation seed strength: 0",
    ],
)
def test_half_of_a_pair_of_settings_that_had_no_effect_is_no_difference(tmp_path, more):
    assert differences(told(f"{LINE}, {more}", tmp_path)) == {}
