"""What the user knows of where the product is."""

import numpy as np
import pytest

from prodgen.cutout.hints import check_hints, clear_outside
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
    check_hints((20, 30, 3), box, [(29.9, 19.9, True)])


@pytest.mark.parametrize("box", [(-1, 0, 5, 5), (0, 0, 31, 5), (0, 0, 5, 21), (5, 5, 5, 9), (5, 9, 9, 5)])
def test_a_box_that_leaves_the_photo_or_holds_nothing_is_refused(box):
    with pytest.raises(SettingError, match="does not lie in the photo of 30x20"):
        check_hints((20, 30, 3), box, [])


@pytest.mark.parametrize("point", [(30, 5, True), (5, 20, False), (-0.1, 5, True)])
def test_a_point_beside_the_photo_is_refused(point):
    with pytest.raises(SettingError, match="does not lie in the photo of 30x20"):
        check_hints((20, 30, 3), None, [point])


@pytest.mark.parametrize("box", [(1, 2, 3), (1, 2, 3, 4, 5), (1.5, 2.5, 8.5, 9.5), 3, ("a", 2, 3, 4)])
def test_a_box_that_is_not_four_whole_numbers_is_refused(box):
    with pytest.raises(SettingError, match="is not left, top, right, bottom in whole pixels"):
        check_hints((20, 30, 3), box, [])


@pytest.mark.parametrize("point", [(1, 2), 3])
def test_a_point_that_does_not_say_what_is_there_is_refused(point):
    with pytest.raises(SettingError, match="is not x, y, and whether the product is there"):
        check_hints((20, 30, 3), None, [point])
