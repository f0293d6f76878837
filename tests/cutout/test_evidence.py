"""What points do to a matte: the region around each changes sides, as far as the photograph bounds it."""

import cv2
import numpy as np
import pytest

from prodgen.cutout.evidence import follow_points
from prodgen.errors import ImageError

SIDE = 300


def drawn(*shapes, noise=0.004):
    """A grey picture with shapes of other lightness on it, with a camera's noise."""
    picture = np.full((SIDE, SIDE, 3), 0.8, np.float32)
    for mask, value in shapes:
        picture[mask] = value
    picture = cv2.GaussianBlur(picture, (0, 0), 1.0)
    grain = np.random.default_rng(3).standard_normal(picture.shape, np.float32)
    return np.clip(picture + noise * grain, 0, 1).astype(np.float32)


def disc(x, y, radius):
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.hypot(columns - x, rows - y) < radius


def soft(mask):
    return cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.0)


def fit(matte, true):
    found = matte > 0.5
    return (found & true).sum() / (found | true).sum()


BODY, CAP = disc(150, 150, 60), np.zeros((SIDE, SIDE), bool)
CAP[40:92, 125:175] = True
"""A bottle's body and its cap, which touch."""


def test_a_point_on_a_lost_part_brings_all_of_the_part_back():
    photo = drawn((BODY, 0.4), (CAP, 0.68))

    matte = follow_points(photo, soft(BODY), [(150, 60, True)])

    assert fit(soft(BODY), BODY | CAP) < 0.85
    assert fit(matte, BODY | CAP) > 0.97
    assert matte[85:105, 140:160].min() > 0.5, "a seam between the part and the rest"


def test_print_on_a_lost_part_comes_with_it():
    photo = drawn((BODY, 0.4), (CAP, 0.68), (disc(150, 62, 5), 0.1))

    matte = follow_points(photo, soft(BODY), [(135, 60, True)])

    assert matte[62, 150] > 0.9


def test_a_point_in_a_filled_hole_opens_the_hole_and_nothing_else():
    ring = BODY & ~disc(150, 150, 25)
    photo = drawn((ring, 0.4))

    matte = follow_points(photo, soft(BODY), [(150, 150, False)])

    assert fit(matte, ring) > 0.97
    np.testing.assert_array_equal(matte[:90], soft(BODY)[:90])


def test_a_point_on_a_stranger_takes_all_of_it_away_and_leaves_the_product_to_the_bit():
    stranger = disc(260, 40, 25)
    photo = drawn((BODY, 0.4), (stranger, 0.2))

    matte = follow_points(photo, soft(BODY | stranger), [(262, 38, False)])

    assert matte[:75, 230:].max() < 0.5
    np.testing.assert_array_equal(matte[90:, :220], soft(BODY | stranger)[90:, :220])


def test_what_was_half_sure_about_a_stranger_goes_with_it():
    stranger = disc(250, 60, 25)
    photo = drawn((BODY, 0.4), (stranger, 0.2))
    wide = 0.4 * disc(250, 60, 40).astype(np.float32)

    matte = follow_points(photo, np.maximum(soft(BODY | stranger), wide), [(252, 58, False)])

    assert matte[:110, 215:].max() == 0


def test_a_point_on_a_shadow_that_clings_to_the_product_takes_the_shadow_alone():
    shadow = np.zeros((SIDE, SIDE), bool)
    shadow[190:212, 60:240] = True
    photo = drawn((shadow, 0.7), (BODY, 0.4))

    matte = follow_points(photo, soft(BODY | shadow), [(75, 200, False), (225, 200, False)])

    assert fit(matte, BODY) > 0.95


def test_where_the_photograph_bounds_nothing_a_point_is_a_fingertip():
    photo = drawn()

    matte = follow_points(photo, np.zeros((SIDE, SIDE), np.float32), [(150, 150, True)])

    assert matte[150, 150] > 0.5
    assert (matte > 0.5).sum() < 100


def test_a_contrary_point_holds_a_region_back():
    photo = drawn((BODY, 0.4), (CAP, 0.68))
    points = [(150, 60, True), (150, 45, False)]

    matte = follow_points(photo, soft(BODY), points)

    assert matte[45, 150] < 0.5 < matte[60, 150]


@pytest.mark.parametrize("seed", range(6))
def test_the_matte_is_on_the_side_of_every_point_whatever_the_photograph_shows(seed):
    chance = np.random.default_rng(seed)
    photo = chance.random((80, 700, 3), np.float32)
    matte = soft(chance.random((SIDE, SIDE)) > 0.5)[:80, :140].repeat(5, axis=1)
    points = [
        (int(x), int(y), bool(k % 2)) for k, (x, y) in enumerate(chance.integers((30, 10), (660, 70), (6, 2)))
    ]

    result = follow_points(photo, matte, points)

    assert [(result[y, x] > 0.5) == is_product for x, y, is_product in points] == [True] * 6


def test_points_that_agree_with_the_matte_change_nothing():
    matte = soft(BODY)

    assert follow_points(drawn((BODY, 0.4)), matte, [(150, 150, True), (5, 5, False)]) is matte


def test_large_photos_get_an_edge_as_sharp_as_the_photographs():
    large = cv2.resize(drawn((BODY, 0.4), (CAP, 0.68)), (1500, 1500), interpolation=cv2.INTER_CUBIC)
    before = cv2.resize(soft(BODY), (1500, 1500), interpolation=cv2.INTER_LINEAR)

    column = follow_points(np.clip(large, 0, 1), before, [(750, 300, True)])[150:260, 750]

    assert ((column > 0.1) & (column < 0.9)).sum() < 16


def test_a_matte_of_another_size_is_refused():
    with pytest.raises(ImageError, match="must have the same size"):
        follow_points(drawn(), np.zeros((9, 9), np.float32), [(1, 1, True)])
