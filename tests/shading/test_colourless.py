"""What has no colour of its own: light is believed there, and a model's colours are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from prodgen import identity, shading
from prodgen.color import LUMA, delta_e, to_lab, to_srgb
from prodgen.shading.colourless import LIGHT_PRIOR, believed_tint, coloured_misfit
from prodgen.shading.illuminant import fit_illuminant
from prodgen.shading.veil_model import VeilFit, with_luminance_1

SIDE = 200
MATTE = np.zeros((SIDE, SIDE), np.float32)
MATTE[30:170, 50:150] = 1
INSIDE = MATTE == 1
BLUE_SKY, LAMP = np.float32([0.8, 1.0, 1.35]), np.float32([1.3, 0.98, 0.6])
WHITE = np.ones(3, np.float32)
TABLE = np.float32([0.5, 0.35, 0.2])


def steel(light: np.ndarray, printed: np.ndarray | None = None) -> np.ndarray:
    """A grey cylinder in light from the left, linear, before a brown wall; with a stripe of paint."""
    picture = np.full((SIDE, SIDE, 3), TABLE * light, np.float32)
    round_ = 0.15 + 0.4 * np.cos(np.linspace(-0.7, 1.5, SIDE, dtype=np.float32))[None, :, None]
    paint = np.full((SIDE, SIDE, 3), 0.9, np.float32)
    if printed is not None:
        paint[120:150, 50:150] = printed
    return np.where(INSIDE[..., None], paint * round_ * light, picture).astype(np.float32)


def drawn_to_the_table(linear: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Most of a product's colour replaced by the scene's."""
    color = TABLE * light / (TABLE * light @ LUMA)
    veiled = 0.3 * linear + 0.7 * (linear @ LUMA)[..., None] * color
    return np.where(INSIDE[..., None], veiled, linear).astype(np.float32)


def off(result: np.ndarray, truth: np.ndarray) -> float:
    """Mean CIEDE2000 well inside the product."""
    core = cv2.erode(MATTE, np.ones((9, 9))) == 1
    return float(delta_e(to_lab(result[core]), to_lab(truth[core])).mean())


@pytest.mark.parametrize("light", [BLUE_SKY, LAMP])
def test_a_product_without_colours_takes_the_light_that_it_is_shown_in(light):
    photo, truth = to_srgb(steel(np.ones(3, np.float32))), to_srgb(steel(light))

    assert off(shading.blend(photo, truth, MATTE), truth) < 1


def test_print_in_colour_proves_that_a_model_drew_the_white_around_it_to_the_scene():
    green = np.float32([0.05, 0.4, 0.2])
    photo, linear = to_srgb(steel(np.ones(3, np.float32), green)), steel(LAMP, green)
    relit = to_srgb(drawn_to_the_table(linear, LAMP))

    illuminant = fit_illuminant(shading.pair_pictures(photo, relit, MATTE))

    assert illuminant.honest < 0.1
    assert off(shading.blend(photo, relit, MATTE), to_srgb(linear)) < 0.5 * off(relit, to_srgb(linear))


def test_a_dull_colour_beside_a_white_label_is_a_colour():
    teal = np.float32([0.5, 0.98, 0.9])
    linear = steel(np.ones(3, np.float32), 0.9 / teal) * teal
    relit = to_srgb(drawn_to_the_table(linear, np.ones(3, np.float32)))

    assert off(shading.blend(to_srgb(linear), relit, MATTE), to_srgb(linear)) < 0.3 * off(
        relit, to_srgb(linear)
    )


def test_a_tint_far_bluer_than_any_sky_is_not_light():
    photo = steel(np.ones(3, np.float32))

    result = shading.blend(to_srgb(photo), to_srgb(photo * np.float32([0.35, 0.8, 1.9])), MATTE)

    assert np.abs(to_lab(result[MATTE == 1])[:, 1:]).mean() < 3


def test_print_in_honest_light_is_no_reason_against_it():
    green = np.float32([0.05, 0.4, 0.2])
    photo, relit = to_srgb(steel(np.ones(3, np.float32), green)), to_srgb(steel(LAMP, green))

    assert fit_illuminant(shading.pair_pictures(photo, relit, MATTE)).honest == pytest.approx(LIGHT_PRIOR)


def test_a_few_painted_pixels_that_no_light_explains_take_the_trust_from_the_grey_around_them():
    photo = to_srgb(steel(np.ones(3, np.float32), np.float32([0.05, 0.4, 0.2])))
    relit = to_srgb(steel(np.float32([1.1, 0.9, 1.2]), np.float32([0.5, 0.05, 0.1])))

    illuminant = fit_illuminant(shading.pair_pictures(photo, relit, MATTE))

    assert illuminant.honest < 0.1


@pytest.mark.parametrize(("coloured", "misfit"), [(0, 0.0), (2, 0.04), (10, 0.2), (60, 0.2)])
def test_few_colours_are_judged_for_themselves_and_many_with_the_grey_around_them(coloured, misfit):
    photo = np.full((100, 3), 0.5, np.float32)
    photo[:coloured] = (0.5, 0.05, 0.05)
    before = with_luminance_1(photo)
    honest_colours = VeilFit(WHITE, WHITE, 1.0, 0.0, 0.0, misfit=0.2)  # of all pixels, the grey ones' varies

    found = coloured_misfit(photo, before, before, honest_colours)

    assert found == pytest.approx(misfit, abs=1e-3)


@pytest.mark.parametrize("tint", [[0.3, 0.02], [-0.4, -0.05]])
def test_the_tints_that_light_has_are_believed(tint):
    assert believed_tint(np.array(tint)) == pytest.approx(np.array(tint), rel=0.1)


@pytest.mark.parametrize("tint", [[0.0, 0.35], [0.1, -0.4]])
def test_green_and_magenta_that_no_light_has_are_hardly_believed(tint):
    assert abs(believed_tint(np.array(tint))[1]) < 0.1 * abs(tint[1])


def test_grey_that_was_painted_green_is_not_in_green_light():
    photo, painted = steel(np.ones(3, np.float32)), steel(np.float32([0.5, 1.2, 0.5]))
    field = shading.light_field(to_srgb(photo), to_srgb(painted), MATTE)

    assert np.ptp(np.log(field.illuminant.light)) < 0.2
    assert identity.measure(to_srgb(photo), to_srgb(painted), MATTE).likeness.verdict().status == "fail"


def test_a_window_and_a_lamp_on_ivory_are_not_taken_for_a_turn_of_its_hues():
    ivory = steel(np.float32([1.05, 1.0, 0.9]))
    left = np.linspace(1, 0, SIDE, dtype=np.float32)[None, :, None] ** 0.5
    photo, relit = to_srgb(ivory), to_srgb(ivory * (left * LAMP + (1 - left) * np.float32([0.6, 1.0, 1.7])))

    assert shading.pair_pictures(photo, relit, MATTE).turn.angle_deg == 0
