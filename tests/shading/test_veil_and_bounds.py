"""The veil model, and the bounds of the light field: what no estimate may exceed."""

from __future__ import annotations

import numpy as np
import pytest

from prodgen import shading
from prodgen.color import LUMA, to_srgb
from prodgen.shading import field as field_module
from prodgen.shading.illuminant import Illuminant
from prodgen.shading.veil_model import fit_veil, with_luminance_1

SIDE = 120
GREY = np.ones(3, np.float32)
PAINTS = np.repeat(
    np.float32([[0.7, 0.15, 0.1], [0.1, 0.25, 0.6], [0.8, 0.8, 0.8], [0.2, 0.5, 0.25]]), 50, axis=0
)
"""Linear light: red, blue, white, green."""


def box(lightness: float) -> tuple[np.ndarray, np.ndarray]:
    """A plain grey box with a darker lid, linear light, and its matte."""
    linear = np.full((SIDE, SIDE, 3), 0.5, np.float32)
    linear[30:90, 30:90] = lightness
    linear[30:50, 30:90] = 0.7 * lightness
    matte = np.zeros((SIDE, SIDE), np.float32)
    matte[30:90, 30:90] = 1
    return linear, matte


def test_no_light_brightens_the_product_more_than_sixfold():
    linear, matte = box(0.02)

    field = shading.light_field(to_srgb(linear), to_srgb(linear * 12), matte)

    assert 5 < (field.gain @ LUMA).max() < 6.1


def test_no_light_darkens_the_product_by_more_than_four_stops():
    linear, matte = box(0.8)

    field = shading.light_field(to_srgb(linear), to_srgb(linear / 60), matte)

    assert 1 / 16.5 < (field.gain @ LUMA).min() < 1 / 12


def test_no_local_tint_exceeds_a_lamp_beside_daylight(monkeypatch):
    linear, matte = box(0.4)
    x = np.linspace(-1, 1, SIDE, dtype=np.float32)[None, :, None]
    sides = np.exp(1.2 * x * np.float32([1, 0, -1]))
    # A fit that is sure of itself, and says that little colour survived: taking the veil off amplifies.
    sure = Illuminant(GREY, GREY, share=0.3, misfit=0.0, raw_light=GREY, confidence=1.0)
    monkeypatch.setattr(field_module, "fit_illuminant", lambda pair: sure)
    pair = shading.pair_pictures(to_srgb(linear), to_srgb(0.5 * linear * sides), matte, is_registered=True)

    gain = shading.read_field(pair, is_mirroring=False).gain

    tint = np.log(gain[..., 0] / gain[..., 2])[pair.weight > 0]
    assert 0.9 < tint.max() < 1.01
    assert -1.01 < tint.min() < -0.9


def veiled(share: float) -> np.ndarray:
    """The paints with that share of their colour replaced by grey."""
    return (1 - share) * PAINTS + share * (PAINTS @ LUMA)[:, None]


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_the_surviving_share_of_colour_is_found(share):
    (fit,) = fit_veil(with_luminance_1(PAINTS), with_luminance_1(veiled(share))[None], GREY)

    assert fit.share == pytest.approx(1 - share, abs=0.06)


def test_a_loss_of_colour_within_the_noise_is_not_called_a_veil():
    (fit,) = fit_veil(with_luminance_1(PAINTS), with_luminance_1(veiled(0.02))[None], GREY)

    assert fit.share == 1


def test_coloured_light_alone_is_no_veil():
    light = np.float32([1.2, 0.97, 0.7])

    (fit,) = fit_veil(with_luminance_1(PAINTS), with_luminance_1(PAINTS * light)[None], GREY)

    assert fit.share == 1
    assert fit.light == pytest.approx(light / (light @ LUMA), abs=0.03)


def test_a_few_misdrawn_pixels_do_not_change_the_light():
    light = np.float32([1.2, 0.97, 0.7])
    after = PAINTS * light
    after[::12] = after[::12, ::-1]

    (fit,) = fit_veil(with_luminance_1(PAINTS), with_luminance_1(after)[None], GREY)

    assert fit.light == pytest.approx(light / (light @ LUMA), abs=0.05)


def test_a_paint_with_some_gloss_still_counts_beside_paints_that_fit_exactly():
    after = veiled(0.5)
    after[:50] *= np.float32([1.1, 1, 1 / 1.1])

    (fit,) = fit_veil(with_luminance_1(PAINTS), with_luminance_1(after)[None], GREY)

    assert fit.light[0] / fit.light[2] == pytest.approx(1.09, abs=0.03)


def test_on_one_colour_the_priors_choose_light_before_an_unlikely_magenta():
    red = PAINTS[:50]
    amber, magenta = np.float32([1.2, 0.97, 0.7]), np.float32([1.2, 0.8, 1.2])

    (likely,), (unlikely,) = (
        fit_veil(with_luminance_1(red), with_luminance_1(red * light)[None], GREY)
        for light in (amber, magenta)
    )

    assert likely.prior_cost < 3 < unlikely.prior_cost
