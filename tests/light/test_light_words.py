"""A light in a photographer's words: sources, clock positions, gels, strength, and unknown words."""

from __future__ import annotations

import numpy as np
import pytest

from prodgen.errors import SettingError, UnknownNameError
from prodgen.light import Light, light_map, words


@pytest.mark.parametrize(
    ("text", "azimuth", "elevation"),
    [
        ("10 o'clock", -120, 30),
        ("light at 2 o'clock high", 120, 60),
        ("12 o\N{RIGHT SINGLE QUOTATION MARK}clock", 180, 30),
        ("6 oclock low", 0, 12),
        ("7:30 o'clock", -45, 30),
        ("from the left", -80, 30),
        ("from behind on the right", 140, 30),
        ("left top", -80, 60),
        ("golden hour from behind", 180, 10),
        ("top window", 0, 85),
        ("golden hour 45,30", 45, 30),
        ("high window, left", -80, 60),
        ("10 o'clock right", -120, 30),
        ("10 o'clock from above", -120, 85),
        ("45,30 high left", 45, 30),
        ("golden hour sun from behind", 180, 10),
    ],
)
def test_clock_positions_and_sentences_say_where_light_comes_from(text, azimuth, elevation):
    light = Light.parse(text)

    assert (light.azimuth_deg, light.elevation_deg) == (pytest.approx(azimuth), elevation)


def test_sources_are_as_wide_as_a_photographer_knows_them():
    sizes = [Light.parse(f"{source} from the left").softness for source in ("bare sun", "softbox", "window")]

    assert sizes == sorted(sizes)
    assert sizes[0] < 0.1 < 0.5 < sizes[1] < sizes[2]


def test_the_low_suns_are_warm_and_low():
    golden, morning = Light.parse("golden hour left"), Light.parse("morning sun from the left")

    assert golden.elevation_deg < morning.elevation_deg < 30
    assert golden.temperature_k < morning.temperature_k < 5000


def test_a_single_quality_wins_over_what_is_usual_for_the_source():
    light = Light.parse("70% hard 5000K window left")

    assert (light.strength, light.softness, light.temperature_k) == (0.7, 0.05, 5000)


@pytest.mark.parametrize("text", ["#FF8800 3000K left", "orange gel left"])
def test_a_gel_wins_over_the_colour_temperature(text):
    light = Light.parse(text)

    red, _green, blue = light.tint
    assert light.color == "#ff8800"
    assert red > 20 * blue
    assert "orange" in words(light)


def test_a_gels_picture_has_its_colour():
    np.testing.assert_allclose(
        light_map([Light.parse("#ff8800 bare sun left")], 8, 8)[0, 0], [1, 0x88 / 255, 0], atol=0.04
    )


def test_a_prompt_calls_a_low_sun_low():
    assert words(Light.parse("golden hour from behind")) == "low hard warm light from behind"


@pytest.mark.parametrize(
    ("text", "near"), [("wndow left", "window"), ("#ff8800 lft", "left"), ("goldn left", "golden hour")]
)
def test_a_misspelt_word_names_the_near_one(text, near):
    with pytest.raises(UnknownNameError, match=near):
        Light.parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("13 o'clock", "1 to 12"),
        ("#ff88 left", "six digits"),
        ("120% left", "0% to 100%"),
        ("left right", "contradict"),
        ("window", "no direction"),
        ("100K left", "1500K"),
        ("left low high", "height"),
        ("left 50% 20%", "strength"),
        ("left red blue", "gel"),
        ("left warm cool", "colour"),
        ("left soft hard", "softness"),
        ("45,30 90,30", "direction"),
        ("window sunset left", "contradict"),
        ("evening window left", "contradict"),
    ],
)
def test_what_no_lamp_can_do_is_refused_in_one_sentence(text, said):
    with pytest.raises(SettingError, match=said):
        Light.parse(text)


def test_two_lamps_add_up_as_on_a_wall():
    left, right = Light.parse("left #ff0000"), Light.parse("right #0000ff")

    picture = light_map([left, right], 40, 30)

    assert picture[:, 0, 0].mean() > 0.9 > 0.2 > picture[:, 0, 2].mean()
    assert picture[:, -1, 2].mean() > 0.9 > 0.2 > picture[:, -1, 0].mean()


def test_a_weaker_lamp_lights_less():
    key, fill = Light.parse("left 80%"), Light.parse("right 20%")

    picture = light_map([key, fill], 40, 30)

    assert picture[:, 0].mean() > picture[:, -1].mean() + 0.2
    assert picture[:, -1].mean() > light_map([key], 40, 30)[:, -1].mean() + 0.1


@pytest.mark.parametrize(
    "text", ["left warm 4200K strong 60% blue #ff8800", "#ff8800 60% 4200K left strong warm blue"]
)
def test_a_number_wins_over_a_word_wherever_it_stands(text):
    light = Light.parse(text)

    assert (light.temperature_k, light.strength, light.color) == (4200, 0.6, "#ff8800")


def test_daylight_through_a_window_is_a_windows():
    assert Light.parse("daylight window left") == Light.parse("window left")
