"""The light that is really in a picture is told, and followed, where it is not the one asked for."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from prodgen import identity
from prodgen.light import Light
from prodgen.shots.frame import Frame
from prodgen.shots.layers import Brief, Drawn, Kept, Origin
from prodgen.shots.light_found import difference, found_light


@pytest.fixture(scope="module")
def ball():
    y, x = np.mgrid[:128, :128].astype(np.float32)
    matte = (np.hypot(x - 64, y - 64) < 48).astype(np.float32)
    return np.full((128, 128, 3), 0.5, np.float32), matte, (x - 64) / 48


def lit(ball, *, from_right: float, asked: str) -> Frame:
    """A ball that a light from the right (1) or the left (-1) falls on, as it was measured."""
    photo, matte, across = ball
    result = (photo * (1 + 0.5 * from_right * across[..., None])).astype(np.float32)
    light = Light.parse(asked)
    measured = identity.measure(
        photo,
        result,
        matte,
        asked_azimuth_deg=light.azimuth_deg,
        asked_elevation_deg=light.elevation_deg,
        is_registered=True,
    )
    return Frame().holding(Brief("x", lights=(light,)), Kept(result, likeness=measured.likeness))


def test_light_from_the_wrong_side_is_told_and_followed(ball):
    frame = lit(ball, from_right=1.0, asked="left")

    said, found = difference(frame), found_light(frame)

    assert said is not None
    assert "asked from the left" in said
    assert "lit from the right" in said
    assert 45 < found.azimuth_deg < 135


def test_light_from_the_side_that_was_asked_stays_as_asked_and_nothing_is_told(ball):
    frame = lit(ball, from_right=-1.0, asked="-80,5")

    assert difference(frame) is None
    assert found_light(frame) == Light.parse("-80,5")


def test_what_stands_behind_is_found_behind(ball):
    frame = lit(ball, from_right=1.0, asked="back-left")

    found = found_light(frame)

    assert abs(found.azimuth_deg) > 90
    assert math.sin(math.radians(found.azimuth_deg)) > 0


def test_without_an_asked_light_there_is_nothing_to_compare(ball):
    frame = lit(ball, from_right=1.0, asked="left").holding(Brief("x"))

    assert found_light(frame) is None
    assert difference(frame) is None


def test_a_light_that_is_next_to_even_has_no_direction_to_miss(ball):
    assert difference(lit(ball, from_right=1.0, asked="left 5%")) is None


def test_the_sum_of_stronger_lights_is_not_held_against_the_key_light(ball):
    frame = lit(ball, from_right=1.0, asked="left 30%")
    both = replace(frame[Brief], lights=(Light.parse("left 30%"), Light.parse("right 60%")))

    assert difference(frame) is not None
    assert difference(frame.holding(both)) is None


@pytest.mark.parametrize("is_generated", [True, False])
def test_another_seed_is_recommended_only_where_one_acts(ball, is_generated):
    frame = lit(ball, from_right=1.0, asked="left")
    drawn = Drawn(frame[Kept].product, None, Origin("test", is_generated=is_generated))

    said = difference(frame.holding(drawn))

    assert ("another seed" in said) is is_generated
