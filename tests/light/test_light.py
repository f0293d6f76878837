"""Lights: their words, their maps, and what is read of them from one picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from prodgen.color import kelvin_to_linear, luminance, to_linear, to_srgb
from prodgen.errors import SettingError, UnknownNameError
from prodgen.light import (
    NEUTRAL_K,
    Light,
    Surroundings,
    estimate_light,
    estimate_surroundings,
    light_map,
    words,
)


def place(floor=(0.3, 0.3, 0.3), backdrop=(0.2, 0.2, 0.2), *, glare=1.0, spot=None):
    """A table before a wall, 120 x 90, linear colours; `glare` is far over near brightness of the table."""
    linear = np.empty((120, 90, 3), np.float32)
    linear[:48] = backdrop
    linear[48:] = np.asarray(floor) * np.geomspace(glare**0.5, glare**-0.5, 72)[:, None, None]
    if spot is not None:
        cv2.circle(linear, spot, 6, (1.5, 1.5, 1.5), -1)
    return to_srgb(linear.astype(np.float32))


def standing():
    matte = np.zeros((120, 90), np.float32)
    matte[40:90, 35:55] = 1
    return matte


def front(surroundings: Surroundings) -> float:
    return float(luminance(surroundings.front[None])[0])


@pytest.mark.parametrize(
    ("text", "azimuth", "elevation"),
    [
        ("left", -80, 30),
        ("Back-Right", 140, 30),
        ("left top", -80, 60),
        ("45,30", 45, 30),
        ("-120, 10", -120, 10),
    ],
)
def test_a_direction_is_read_from_words_or_degrees(text, azimuth, elevation):
    light = Light.parse(text.replace("left top", "left-top"))

    assert (light.azimuth_deg, light.elevation_deg) == (azimuth, elevation)


def test_qualities_are_read_beside_the_direction():
    light = Light.parse("hard warm left")

    assert light.softness < 0.2
    assert light.temperature_k < 4500


def test_ambient_light_has_no_direction_worth_a_shadow():
    assert Light.parse("ambient").strength == 0


def test_a_misspelt_direction_names_the_nearest():
    with pytest.raises(UnknownNameError, match="front-left"):
        Light.parse("frontleft")


@pytest.mark.parametrize("text", ["45,120", "400,10", "99999K left", "", "soft"])
def test_an_unusable_light_is_refused_with_one_sentence(text):
    with pytest.raises(SettingError):
        Light.parse(text)


def test_a_wrong_number_of_a_light_is_refused_with_one_sentence():
    with pytest.raises(SettingError, match=r"^azimuth_deg must be from -180 to 180, not 999$"):
        Light(azimuth_deg=999)


@pytest.mark.parametrize("azimuth", range(-180, 181, 45))
def test_the_direction_vector_is_a_unit_vector_on_the_named_side(azimuth):
    x, _y, z = Light(azimuth_deg=azimuth, elevation_deg=20).direction

    assert np.sign(round(x, 6)) == np.sign(round(np.sin(np.radians(azimuth)), 6))
    assert np.sign(round(z, 6)) == np.sign(round(np.cos(np.radians(azimuth)), 6))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("soft left", "soft light from the left"),
        ("hard warm back-right", "hard warm light from the back right"),
        ("top", "soft light from above"),
        ("ambient", "soft even ambient light"),
    ],
)
def test_a_prompt_says_where_light_comes_from(text, said):
    assert words(Light.parse(text)) == said


@pytest.mark.parametrize(
    ("text", "bright", "dark"),
    [
        ("left", np.s_[:, 0], np.s_[:, -1]),
        ("right", np.s_[:, -1], np.s_[:, 0]),
        ("top", np.s_[0], np.s_[-1]),
        ("bottom", np.s_[-1], np.s_[0]),
    ],
)
def test_a_light_map_is_brightest_on_the_lights_side(text, bright, dark):
    picture = light_map([Light.parse(text)], 40, 30)

    assert picture[bright].mean() > 0.9
    assert picture[dark].mean() < 0.1


def test_the_light_map_of_ambient_light_is_flat_mid_grey():
    np.testing.assert_allclose(light_map([Light.parse("ambient")], 16, 8), 0.5, atol=1e-6)


def test_a_warm_light_has_a_warm_map():
    picture = light_map([Light.parse("warm left")], 16, 8)

    assert picture[..., 0].mean() > 1.1 * picture[..., 2].mean()


def test_an_ordinary_place_lights_the_front_about_as_the_floor():
    found = estimate_surroundings(place(), standing())

    assert 0.7 < front(found) < 1.1
    assert found.light.strength < 0.1


def test_floors_of_different_paint_do_not_change_the_light():
    dark = estimate_surroundings(place(floor=(0.15, 0.15, 0.15)), standing())
    pale = estimate_surroundings(place(floor=(0.8, 0.8, 0.8)), standing())

    np.testing.assert_allclose(luminance(dark.above), luminance(pale.above), rtol=1e-4)


def test_a_pale_floor_lights_the_front_more_than_a_dark_one():
    dark = estimate_surroundings(place(floor=(0.15, 0.15, 0.15)), standing())
    pale = estimate_surroundings(place(floor=(0.8, 0.8, 0.8)), standing())

    assert 1.1 * front(dark) < front(pale) < 2 * front(dark)


def test_a_night_stays_a_night():
    night = estimate_surroundings(place(floor=(0.02, 0.02, 0.02), backdrop=(0.01, 0.01, 0.01)), standing())

    assert front(night) < 0.4


def test_a_blown_spot_behind_puts_the_front_in_shade_and_the_light_behind():
    found = estimate_surroundings(place(floor=(0.8, 0.8, 0.8), spot=(45, 15)), standing())

    assert front(found) < 0.7 * front(estimate_surroundings(place(floor=(0.8, 0.8, 0.8)), standing()))
    assert abs(found.light.azimuth_deg) > 150
    assert found.light.strength > 0.4


def test_a_light_behind_on_the_left_comes_from_the_back_left():
    assert estimate_light(place(spot=(15, 15)), standing()).azimuth_deg < 0


def test_a_white_wall_is_not_a_lamp():
    found = estimate_surroundings(place(floor=(0.9, 0.9, 0.9), backdrop=(1, 1, 1)), standing())

    assert found.light.strength < 0.2
    assert front(found) > 0.7


def test_a_floor_that_shines_towards_the_horizon_means_a_light_behind():
    found = estimate_light(place(glare=2.5), standing())

    assert abs(found.azimuth_deg) > 150
    assert found.strength > 0.5


def test_a_floor_that_mirrors_no_more_than_a_bright_backdrop_gives_shade_and_no_shadow():
    table = (0.15, 0.15, 0.15)
    sky, dull, lamp = (
        estimate_surroundings(place(table, (backdrop,) * 3, glare=glare), standing())
        for backdrop, glare in ((0.7, 2.5), (0.7, 1.0), (0.05, 2.5))
    )

    assert front(sky) < 0.7 * front(dull)
    assert sky.light.strength < 0.25
    assert (lamp.light.strength > 0.5, abs(lamp.light.azimuth_deg) > 150) == (True, True)


def test_a_bluish_floor_means_bluish_light_and_a_brown_one_hardly_warm_light():
    bluish = estimate_surroundings(place(floor=(0.25, 0.25, 0.33)), standing()).above
    brown = estimate_surroundings(place(floor=(0.4, 0.28, 0.18)), standing()).above

    assert bluish[2] > 1.1 * bluish[0]
    assert 0.8 < brown[2] / brown[0] < 1.05


def test_a_bright_backdrop_may_be_paint_and_lights_the_front_no_more():
    usual, pale = (estimate_surroundings(place(backdrop=(y, y, y)), standing()) for y in (0.2, 0.7))

    assert front(pale) == pytest.approx(front(usual), rel=0.01)


def test_glare_shows_the_colour_of_the_light_and_a_dull_floor_that_of_its_paint():
    wood = np.exp([0.2, 0, -0.3]) * 0.3
    dull, shining = (estimate_surroundings(place(floor=wood, glare=x), standing()).above for x in (1.0, 2.5))

    assert dull[0] / dull[2] == pytest.approx(1, abs=0.05)
    assert shining[0] / shining[2] > 1.3


def test_the_temperature_follows_the_tint():
    warm = estimate_light(place(floor=(0.6, 0.25, 0.08)), standing()).temperature_k
    cold = estimate_light(place(floor=(0.2, 0.25, 0.4)), standing()).temperature_k

    assert warm < NEUTRAL_K < cold


def test_the_floors_end_is_found():
    assert estimate_surroundings(place(), standing()).floor_top == pytest.approx(48, abs=6)


def test_a_product_in_the_picture_is_looked_past():
    empty, matte = place(), standing()
    matte[20:90, 35:55] = 1
    white = np.where(matte[..., None] > 0, np.float32(1), empty)

    without = estimate_surroundings(empty, matte)
    found = estimate_surroundings(white, matte, holds_product=True)

    np.testing.assert_allclose(found.front, without.front, atol=0.02)
    assert estimate_surroundings(white, matte).light.strength > 0.3


def test_each_side_of_a_body_gets_the_light_of_the_half_space_it_faces():
    found = estimate_surroundings(place(glare=2.0), standing())
    axes = np.float32([[0, 1, 0], [0, -1, 0], [0, 0, 1], [1, 0, 0]])

    light = found.irradiance(axes)

    np.testing.assert_allclose(light, [found.above, found.below, found.front, found.sides], rtol=1e-6)
    diagonal = found.irradiance(np.float32([[0, 2**-0.5, 2**-0.5]]))[0]
    np.testing.assert_allclose(diagonal, (found.above + found.front) / 2, rtol=1e-5)


def test_estimates_stand_any_picture():
    for value in (0.0, 1.0):
        found = estimate_surroundings(np.full((9, 300, 3), value, np.float32))

        assert np.isfinite([found.front, found.sides, found.above, found.below]).all()
        assert min(found.front.min(), found.sides.min(), found.above.min(), found.below.min()) >= 0


def test_neutral_light_is_the_reference_of_the_map():
    tint = light_map([Light(azimuth_deg=-90, temperature_k=NEUTRAL_K)], 8, 8)[0, 0]

    assert tint.max() - tint.min() < 1e-5
    assert kelvin_to_linear(NEUTRAL_K).shape == (3,)
    assert to_linear(tint).shape == (3,)


def test_no_light_asked_for_is_no_light():
    from prodgen.light import read_lights

    assert read_lights(None) == read_lights(()) == ()
