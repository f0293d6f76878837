"""Photographs that once came out wrong without a word: each is now cut out right, or doubted."""

from pathlib import Path

import numpy as np
import pytest

from prodgen import files
from prodgen.cutout import cut_out
from prodgen.cutout.completion import complete_outline

SEEN_RIGHT = {
    "01_white_on_white_print_only/input.png": 0.9,
    "02_black_on_black_print_only/input.png": 0.9,
    "03_completion_grows_open_curves/belt.jpg": 0.9,
    "03_completion_grows_open_curves/necklace.jpg": 0.9,
    "03_completion_grows_open_curves/rope.jpg": 0.9,
    "10_segment_ignores_alpha/input.png": 0.97,
    "15_lace_holes/input.png": 0.95,
    "16_wheel_spokes/input.png": 0.85,
    "17_jpeg25_islands/input.jpg": 0.97,
    "19_tiny64/input.png": 0.85,
    "20_alpha254/input.png": 0.97,
    "21_glasses_lenses_isnet/input.jpg": 0.9,
}
"""Least intersection over union with the true matte for each photograph to be right."""


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float(((one > 0.5) & (other > 0.5)).sum() / ((one > 0.5) | (other > 0.5)).sum())


def true_matte(photo: Path) -> Path:
    beside = photo.with_suffix(".matte.png")
    return beside if beside.exists() else photo.with_name("expected_matte.png")


@pytest.mark.parametrize(("name", "least"), SEEN_RIGHT.items(), ids=SEEN_RIGHT)
def test_a_photograph_that_came_out_wrong_is_right_now_or_doubted(shared, name, least):
    photo = shared / "cases" / "photo" / name

    made = cut_out(photo, segmenter="u2netp" if "alpha" not in name else "auto")

    assert made.doubts or overlap(made.matte, files.load_matte(true_matte(photo))) >= least


@pytest.mark.parametrize("thing", ["belt", "necklace", "rope"])
def test_a_thin_open_shape_that_is_cut_out_right_does_not_grow(shared, thing):
    photo = shared / "cases" / "photo" / "03_completion_grows_open_curves" / f"{thing}.jpg"
    true = files.load_matte(true_matte(photo))

    grown = complete_outline(files.load(photo).rgb, true)

    assert ((grown > 0.5) & (true <= 0.5)).sum() < 0.02 * (true > 0.5).sum()
