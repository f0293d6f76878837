"""What the user knows of where the product is."""

import numpy as np
import pytest

from prodgen.cutout.hints import (
    box_in_pixels,
    clear_outside,
    hints_in,
    points_in_pixels,
    seen_in_view,
    view_of,
)
from prodgen.errors import SettingError


def test_nothing_is_left_outside_the_box_and_everything_inside():
    full = np.ones((20, 30), np.float32)

    result = clear_outside(full, (4, 3, 25, 15))

    expected = np.zeros((20, 30), np.float32)
    expected[3:15, 4:25] = 1
    np.testing.assert_array_equal(result, expected)
    assert full.min() == 1


def test_without_a_box_the_matte_stays():
    full = np.ones((20, 30), np.float32)

    np.testing.assert_array_equal(clear_outside(full, None), full)


@pytest.mark.parametrize("box", [(0, 0, 30, 20), (5, 5, 6, 6)])
def test_a_box_up_to_the_border_and_one_of_a_pixel_are_fine(box):
    assert hints_in(box, [(5.5, 5.9, True)], (20, 30, 3)) == (box, ((5.5, 5.9, True),))


@pytest.mark.parametrize("box", [(-1, 0, 5, 5), (0, 0, 31, 5), (0, 0, 5, 21), (5, 5, 5, 9), (5, 9, 9, 5)])
def test_a_box_that_leaves_the_photo_or_holds_nothing_is_refused(box):
    with pytest.raises(SettingError, match="does not lie in the photo of 30x20"):
        box_in_pixels(box, (20, 30, 3))


@pytest.mark.parametrize("point", [(30, 5, True), (5, 20, False), (-0.1, 5, True), (float("nan"), 5, True)])
def test_a_point_beside_the_photo_is_refused(point):
    with pytest.raises(SettingError, match="does not lie in the photo of 30x20"):
        points_in_pixels([point], (20, 30, 3))


@pytest.mark.parametrize("box", [(1, 2, 3), (1, 2, 3, 4, 5), (1.5, 2.5, 8.5, 9.5), 3, ("a", 2, 3, 4)])
def test_a_box_that_is_not_four_whole_numbers_is_refused(box):
    with pytest.raises(SettingError, match="is not left, top, right, bottom in whole pixels"):
        box_in_pixels(box, (20, 30, 3))


@pytest.mark.parametrize("point", [(1, 2), 3, ("a", 2, True)])
def test_a_point_that_does_not_say_what_is_there_is_refused(point):
    with pytest.raises(SettingError, match="is not x, y, and whether the product is there"):
        points_in_pixels([point], (20, 30, 3))


@pytest.mark.parametrize(
    ("words", "box"),
    [
        ("40,20,160,80", (40, 20, 160, 80)),
        ("10%,5%,90%,100%", (20, 5, 180, 100)),
        (" 0, 0, 50%, 9 ", (0, 0, 100, 9)),
    ],
)
def test_a_box_in_words_is_in_pixels_or_in_shares_of_the_photo(words, box):
    assert box_in_pixels(words, (100, 200, 3)) == box


@pytest.mark.parametrize(
    "words", ["", "a,b", "1,2,3", "1,2,3,4,5", "-1,2,3,4", "1.5,2,3,4", "1,2,3,1e9", "1;2;3;4"]
)
def test_a_box_in_other_words_is_refused_with_what_is_possible(words):
    with pytest.raises(SettingError, match=r"box must be LEFT,TOP,RIGHT,BOTTOM.* such as 40,20,600,580"):
        box_in_pixels(words, (100, 200, 3))


@pytest.mark.parametrize(
    "words", ["+20,30 -5,9.5", "+20,30/-5,9.5", "20,30;-5,9.5", " + 10%, 30% / -5, 9.5 ".replace("+ ", "+")]
)
def test_points_in_words_have_signs_and_several_kinds_of_gaps(words):
    assert points_in_pixels(words, (100, 200, 3)) == ((20, 30, True), (5, 9.5, False))


def test_a_hundred_percent_is_the_last_pixel():
    ((x, y, _),) = points_in_pixels("100%,100%", (100, 200, 3))

    assert (int(x), int(y)) == (199, 99)


@pytest.mark.parametrize("words", ["", "a", "+1", "+1,2,3", "+1,2 x", "++1,2", "101%,5%"])
def test_points_in_other_words_or_beside_the_photo_are_refused(words):
    with pytest.raises(SettingError, match=r"points must be \+X,Y|does not lie in the photo"):
        points_in_pixels(words, (100, 200, 3))


def test_a_point_of_the_product_outside_the_box_is_refused():
    with pytest.raises(SettingError, match=r"point \+2,2 is product but lies outside the box"):
        hints_in((5, 5, 20, 20), [(2, 2, True)], (20, 30, 3))

    hints_in((5, 5, 20, 20), [(2, 2, False)], (20, 30, 3))


def test_the_view_of_a_box_has_a_margin_that_ends_at_the_photos_border():
    assert view_of((40, 0, 140, 50), (60, 200, 3)) == (slice(0, 60), slice(30, 150))


def test_box_and_points_move_with_the_view_and_points_outside_it_are_left_out():
    view = view_of((40, 10, 140, 50), (100, 200, 3))

    box, points = seen_in_view((40, 10, 140, 50), [(60, 20, True), (5, 5, False)], view)

    assert (box, points) == ((10, 10, 110, 50), ((30, 20, True),))
