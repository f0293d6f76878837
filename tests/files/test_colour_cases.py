"""Pictures that came in wrong without a word, next to what is right: where that material is at hand."""

from __future__ import annotations

import numpy as np
import pytest

from prodgen import color, files

LIMIT = 1.0
"""Mean CIEDE2000 difference on the product."""


@pytest.fixture
def case(shared, request):
    found = list((shared / "cases" / "photo").glob(f"{request.param}_*"))
    if not found:
        pytest.skip(f"the case {request.param} is not among the reference material on this machine")
    return found[0]


def far(read: np.ndarray, meant: np.ndarray) -> np.ndarray:
    assert read.shape == meant.shape
    return color.delta_e(color.to_lab(read), color.to_lab(meant))


@pytest.mark.parametrize(
    ("case", "name"),
    [
        ("04", "input.jpg"),
        ("05", "input.png"),
        ("06", "gamma10.png"),
        ("06", "gamma18.png"),
        ("07", "input_o6.png"),
        ("08", "input.tif"),
        ("18", "input.tif"),
    ],
    indirect=["case"],
)
def test_a_picture_comes_in_with_its_colours(case, name):
    difference = far(files.load(case / name).rgb, files.load(case / "expected.png").rgb)
    matte = case / "expected_matte.png"

    assert difference[files.load_matte(matte) > 0.5 if matte.is_file() else ...].mean() < LIMIT


@pytest.mark.parametrize("case", ["09"], indirect=True)
def test_a_grey_picture_comes_in_with_its_lightness(case):
    grey = files.load(case / "expected_rgb_before_grey.png").rgb.mean(axis=2, keepdims=True).repeat(3, axis=2)
    photo = files.load(case / "input.png")

    assert photo.matte is not None
    assert far(photo.rgb, grey)[photo.matte > 0.5].mean() < LIMIT


@pytest.mark.parametrize("case", ["20"], indirect=True)
def test_an_opaque_picture_with_noise_in_its_alpha_has_no_matte(case):
    assert files.load(case / "input.png").matte is None
