"""Light that comes from a picture: a light map to start from, or a reference whose light is estimated."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from prodgen import files
from prodgen.errors import IdleSettingError
from prodgen.light import Light, light_map
from prodgen.replaying import replay
from prodgen.shots import Shot, new_shot, shoot, shoot_all
from prodgen.shots.checking import check
from prodgen.shots.handing_over import start
from prodgen.shots.layers import Brief, Given
from prodgen.shots.lights_in_pictures import told

SIDE = 96


@pytest.fixture
def photo(tmp_path):
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    inside = (np.hypot(x - 48, y - 52) < 26).astype(np.float32)
    picture = np.where(inside[..., None] > 0, np.array((0.7, 0.1, 0.1)), 0.9).astype(np.float32)
    files.save(tmp_path / "photo.png", picture)
    files.save_matte(tmp_path / "matte.png", inside)
    files.save(tmp_path / "map.png", light_map([Light.parse("left")], 64, 48))
    files.save(tmp_path / "sunset.png", against_the_light())
    return tmp_path / "photo.png"


def against_the_light() -> np.ndarray:
    """A table before a dim wall, with a warm sun low over it that the table mirrors."""
    linear = np.full((120, 160, 3), 0.12, np.float32)
    linear[60:] = np.array((0.5, 0.33, 0.2)) * np.geomspace(2.2, 0.5, 60)[:, None, None]
    cv2.circle(linear, (80, 30), 9, (1.5, 1.3, 0.9), -1)
    return np.clip(linear, 0, 1) ** np.float32(1 / 2.2)


def asked(photo, **fields: object) -> Shot:
    settings = {"place": "original", "steps": 2}
    given = {"matte": photo.with_name("matte.png"), "seed": 3, "settings": settings}
    return new_shot(photo, "concrete floor, studio", **{**given, **fields})


def test_the_light_of_a_reference_picture_is_estimated_told_and_asked_for(photo):
    frame = start(asked(photo, light_from=photo.with_name("sunset.png")))

    (key,) = frame[Brief].lights
    assert abs(key.azimuth_deg) > 150
    assert key.temperature_k < 5500
    assert "light of the reference picture: azimuth" in str(told((), frame[Given]))


def test_a_light_map_without_words_gives_the_light_that_is_read_in_it(photo):
    frame = start(asked(photo, light_map=photo.with_name("map.png")))

    (key,) = frame[Brief].lights
    assert key.azimuth_deg < -60
    assert "light of the light map: azimuth -" in str(told((), frame[Given]))


def test_words_beside_a_light_map_are_the_light(photo):
    frame = start(asked(photo, light_map=photo.with_name("map.png"), light="10 o'clock"))

    assert frame[Brief].lights == (Light.parse("10 o'clock"),)


def test_an_even_picture_is_said_to_have_no_direction(photo):
    files.save(photo.with_name("even.png"), np.full((32, 32, 3), 0.5, np.float32))

    frame = start(asked(photo, light_map=photo.with_name("even.png")))

    assert frame[Brief].lights == ()
    assert "no direction" in str(told((), frame[Given]))


@pytest.mark.parametrize("order", [(None, "left"), ("left", None)])
def test_of_shots_that_share_a_preparation_each_is_told_of_the_light_that_it_takes(photo, order):
    map_file = photo.with_name("map.png")
    shots = [asked(photo, light_map=map_file, light=light, recipe="relight") for light in order]

    made = list(shoot_all(shots, backend="embedded://"))

    of_map = [sum("light of the light map" in notice for notice in one.notices) for one in made]
    assert of_map == [int(light is None) for light in order]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"light_from": "sunset.png", "light": "left"}, "light_from"),
        ({"light_from": "sunset.png", "light_map": "map.png"}, "light_from"),
        ({"light_map": "map.png", "background": "sunset.png"}, "light_map"),
        ({"light_map": "map.png", "recipe": "inpaint", "settings": {}}, "light_map"),
    ],
)
def test_pictures_of_light_that_would_do_nothing_are_refused(photo, fields, said):
    pictures = {name: photo.with_name(file) for name, file in fields.items() if str(file).endswith(".png")}

    with pytest.raises(IdleSettingError) as refused:
        check(asked(photo, **{**fields, **pictures}))

    assert refused.value.settings == (said,)


@pytest.mark.parametrize(
    ("name", "file", "option"),
    [("light_map", "map.png", "--light-map"), ("light_from", "sunset.png", "--light-from")],
)
def test_a_picture_made_with_such_a_light_is_made_again_with_that_file(photo, tmp_path, name, file, option):
    settings = {"place": "original", "steps": 2}
    matte, light = photo.with_name("matte.png"), photo.with_name(file)
    made = shoot(
        photo,
        "concrete floor, studio",
        output=tmp_path / "made.png",
        backend="embedded://",
        seed=3,
        matte=matte,
        settings=settings,
        **{name: light},
    )

    assert json.loads(json.dumps(made.story()))["asked"][name] == file
    with pytest.raises(Exception, match=option):
        replay(tmp_path / "made.png", photo=photo, matte=matte, backend="embedded://")
    again = replay(tmp_path / "made.png", photo=photo, matte=matte, backend="embedded://", **{name: light})
    np.testing.assert_array_equal(again.picture.image, made.image)


def test_a_light_lights_a_product_in_a_background_without_any_backend(photo):
    files.save(photo.with_name("room.png"), np.full((SIDE, SIDE, 3), 0.4, np.float32))

    def tilt(light: str) -> float:
        made = shoot(
            photo,
            matte=photo.with_name("matte.png"),
            background=photo.with_name("room.png"),
            recipe="background",
            settings={"place": "original"},
            light=light,
            seed=3,
        )
        return float(made.image[40:60, 26:40].mean() - made.image[40:60, 56:70].mean())

    assert tilt("soft left 60%") > tilt("soft right 60%") + 0.03
