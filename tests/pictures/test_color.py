"""Colour arithmetic against scikit-image, which is the reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import color as reference

from prodgen import color


@pytest.fixture(scope="module")
def colours() -> np.ndarray:
    steps = np.linspace(0, 1, 17, dtype=np.float32)
    return np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(17, -1, 3)


def test_lab_agrees_with_the_definition(colours):
    worst = np.abs(color.to_lab(colours) - reference.rgb2lab(colours.astype(np.float64))).max()

    assert worst < 0.02, f"worst difference {worst}"


def test_lab_and_back_is_the_same_colour(colours):
    worst = np.abs(color.from_lab(color.to_lab(colours)) - colours).max()

    assert worst < 2e-4, f"worst difference {worst}"


def test_linear_light_and_back_is_the_same_value(colours):
    worst = np.abs(color.to_srgb(color.to_linear(colours)) - colours).max()

    assert worst < 1e-4, f"worst difference {worst}"


def test_delta_e_is_ciede2000():
    rng = np.random.default_rng(1)
    a = rng.uniform([0, -100, -100], [100, 100, 100], (20000, 3)).astype(np.float32)
    b = (a + rng.normal(0, 12, a.shape)).astype(np.float32)

    worst = np.abs(color.delta_e(a, b) - reference.deltaE_ciede2000(a, b)).max()

    assert worst < 2e-3, f"worst difference {worst}"


def test_delta_e_of_greys_is_ciede2000():
    a, b = np.array([[50, 0, 0]], np.float32), np.array([[60, 0, 0], [50, 10, 0]], np.float32)

    ours = color.delta_e(np.repeat(a, 2, axis=0), b)

    np.testing.assert_allclose(ours, reference.deltaE_ciede2000(np.repeat(a, 2, axis=0), b), atol=1e-3)


def test_delta_e_refuses_arrays_of_different_sizes():
    with pytest.raises(ValueError, match="shapes differ"):
        color.delta_e(np.zeros((2, 3), np.float32), np.zeros((3, 3), np.float32))


@given(st.floats(1000, 40000))
def test_every_colour_temperature_has_luminance_one(temperature_k):
    assert color.luminance(color.kelvin_to_linear(temperature_k)) == pytest.approx(1, abs=1e-4)


def test_a_candle_is_redder_than_the_sky():
    candle, sky = color.kelvin_to_linear(1900), color.kelvin_to_linear(10000)

    assert candle[0] / candle[2] > 5
    assert sky[2] > sky[0]


def test_daylight_of_6500_kelvin_is_nearly_white():
    assert np.ptp(color.kelvin_to_linear(6504)) < 0.12
