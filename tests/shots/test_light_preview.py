"""The quick look at light and shadow that a screen shows while a lamp is dragged."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest

from prodgen.color import luminance, to_linear
from prodgen.errors import PlacementError
from prodgen.light import Light
from prodgen.shots.light_preview import preview


@pytest.fixture(scope="module")
def bottle():
    matte = np.zeros((512, 384), np.float32)
    cv2.rectangle(matte, (140, 160), (244, 420), 1.0, -1)
    return np.full((512, 384, 3), 0.6, np.float32), matte


def shadow_at(picture: np.ndarray, matte: np.ndarray) -> float:
    """Where the darkest floor beside the foot is: below 0 left, above 0 right of the product."""
    row = luminance(to_linear(picture))[405:425].mean(axis=0)
    left, right = row[60:136].mean(), row[248:324].mean()
    return float(left - right)


def test_the_shadow_is_on_the_side_away_from_the_lamp(bottle):
    photo, matte = bottle

    from_left = preview(photo, matte, [Light.parse("hard left 80%")])
    from_right = preview(photo, matte, [Light.parse("hard right 80%")])

    assert shadow_at(from_left, matte) > 0.1
    assert shadow_at(from_right, matte) < -0.1


def test_each_of_two_gels_fills_the_shadow_of_the_other(bottle):
    photo, matte = bottle
    lamps = [Light.parse("hard left #ff0000 60%"), Light.parse("hard right #0000ff 60%")]

    picture = preview(photo, matte, lamps)

    west, east = picture[412, 100:136].mean(axis=0), picture[412, 248:284].mean(axis=0)
    assert west[0] > west[2] + 0.1
    assert east[2] > east[0] + 0.1


def test_a_large_photograph_is_previewed_small_and_a_background_shows(bottle):
    photo, matte = (cv2.resize(picture, (768, 1024)) for picture in bottle)
    place = np.full_like(photo, 0.25)

    picture = preview(photo, matte, [Light.parse("ambient")], background=place)

    assert picture.shape == (512, 384, 3)
    np.testing.assert_allclose(picture[20, 20], 0.25, atol=0.02)


def test_a_preview_without_a_product_is_refused(bottle):
    photo, matte = bottle

    with pytest.raises(PlacementError):
        preview(photo, np.zeros_like(matte), [Light.parse("left")])


def test_a_preview_keeps_up_with_a_hand(bottle):
    photo, matte = bottle
    lamps = [Light.parse("window left")]
    preview(photo, matte, lamps)

    begun = time.process_time()
    for _ in range(3):
        preview(photo, matte, lamps)

    # 150 ms are wanted on one core; a machine that is busy or measured for coverage takes longer.
    assert (time.process_time() - begun) / 3 < 0.6
