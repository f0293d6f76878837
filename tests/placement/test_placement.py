"""Canvas, product box, and the sizes models work at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prodgen.errors import PlacementError, SettingError, UnknownNameError
from prodgen.placement import apply, parse_size, place, working_size


def photo(width=200, height=300):
    """A photograph with a 60 x 100 product, and its matte."""
    rng = np.random.default_rng(3)
    matte = np.zeros((height, width), np.float32)
    matte[120:220, 70:130] = 1
    return rng.random((height, width, 3), np.float32), matte


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1200x1500", (1200, 1500)),
        ("800 × 600", (800, 600)),
        ("4:5", (480, 600)),
        ("2k", (1365, 2048)),
        ("900", (600, 900)),
    ],
)
def test_a_size_is_read(text, size):
    assert parse_size(text, (400, 600)) == size


@pytest.mark.parametrize("text", ["", "big", "0x100", "30000x100", "1:50", "0:3", "5"])
def test_an_unusable_size_is_refused(text):
    with pytest.raises(SettingError):
        parse_size(text, (400, 600))


def test_by_default_the_product_keeps_its_own_pixels():
    _rgb, matte = photo(2000, 3000)
    big = np.zeros_like(matte)
    big[800:2200, 500:1500] = 1

    assert place(big).scale == 1


def test_a_copy_at_scale_one_is_the_photograph_to_the_bit():
    rgb, matte = photo()
    placed = place(matte, canvas=(400, 400))

    canvas, on_canvas = apply(placed, rgb, matte)

    assert placed.scale == 1
    np.testing.assert_array_equal(canvas[on_canvas > 0], rgb[matte > 0])


def test_the_contact_line_is_at_eye_level():
    _rgb, matte = photo()

    placed = place(matte, canvas=(400, 400))

    assert 0.62 <= placed.ground_y / placed.height <= 0.72


@pytest.mark.parametrize("where", ["left", "left-third", "center", "right", "0.3,0.8"])
@pytest.mark.parametrize("canvas", [(400, 400), (300, 900), (900, 300)])
def test_the_product_is_whole_on_the_canvas(where, canvas):
    _rgb, matte = photo()

    placed = place(matte, canvas=canvas, where=where)

    assert placed.left >= 0
    assert placed.top >= 0
    assert placed.right <= canvas[0]
    assert placed.bottom <= canvas[1]


def test_the_product_is_never_enlarged_unless_asked():
    _rgb, matte = photo()

    assert place(matte, canvas=(2000, 2000)).scale == 1
    assert place(matte, canvas=(2000, 2000), enlarge=True).scale > 5


def test_fill_is_the_share_of_the_larger_side():
    _rgb, matte = photo()

    placed = place(matte, canvas=(100, 100), fill=0.5)

    assert placed.bottom - placed.top == pytest.approx(50, abs=1)


def test_a_ratio_gives_a_canvas_on_which_own_pixels_fill_their_share():
    matte = np.zeros((3000, 2000), np.float32)
    matte[1000:2000, 800:1200] = 1

    placed = place(matte, canvas="1:1", fill=0.5)

    assert (placed.width, placed.height, placed.scale) == (2000, 2000, 1)


def test_original_leaves_everything_where_it_was():
    rgb, matte = photo()

    placed = place(matte, where="original")
    canvas, on_canvas = apply(placed, rgb, matte)

    assert placed.is_original
    np.testing.assert_array_equal(canvas, rgb)
    np.testing.assert_array_equal(on_canvas, matte)


def test_original_on_another_ratio_that_would_cut_the_product_is_refused():
    _rgb, matte = photo()

    with pytest.raises(PlacementError, match="cut off"):
        place(matte, where="original", canvas=(900, 100))


def test_an_empty_matte_cannot_be_placed():
    with pytest.raises(PlacementError, match="empty"):
        place(np.zeros((20, 20), np.float32))


def test_an_unknown_place_names_the_nearest():
    _rgb, matte = photo()

    with pytest.raises(UnknownNameError, match="left-third"):
        place(matte, where="left-thrid")


@pytest.mark.parametrize(("where", "fill"), [("1.5,0.5", None), ("auto", 0.01), ("auto", 2.0)])
def test_values_out_of_range_are_refused(where, fill):
    _rgb, matte = photo()

    with pytest.raises(SettingError):
        place(matte, where=where, fill=fill)


def test_a_photograph_of_another_size_is_refused():
    rgb, matte = photo()
    placed = place(matte, canvas=(400, 400))

    with pytest.raises(PlacementError, match="200x300"):
        apply(placed, rgb[:100], matte[:100])


@pytest.mark.parametrize("canvas", [(400, 400), (120, 120)])
def test_the_product_lands_in_the_box_that_was_announced(canvas):
    rgb, matte = photo()
    placed = place(matte, canvas=canvas, where="left")

    _canvas, on_canvas = apply(placed, rgb, matte)

    y, x = np.mgrid[0 : canvas[1], 0 : canvas[0]] + 0.5
    middle = ((x * on_canvas).sum() / on_canvas.sum(), (y * on_canvas).sum() / on_canvas.sum())
    announced = ((placed.left + placed.right) / 2, (placed.top + placed.bottom) / 2)
    np.testing.assert_allclose(middle, announced, atol=0.05)


def test_shrinking_keeps_the_products_area_in_proportion():
    rgb, matte = photo()
    placed = place(matte, canvas=(100, 100), fill=0.4)

    _canvas, on_canvas = apply(placed, rgb, matte)

    assert on_canvas.sum() == pytest.approx(matte.sum() * placed.scale**2, rel=0.02)


def test_the_same_composition_at_twice_the_size():
    _rgb, matte = photo()
    placed = place(matte, canvas=(400, 400))

    twice = placed.at_size(800, 800)

    assert (twice.left, twice.bottom, twice.scale) == (2 * placed.left, 2 * placed.bottom, 2 * placed.scale)


def test_a_canvas_of_another_ratio_keeps_the_products_middle_and_shape():
    _rgb, matte = photo()
    placed = place(matte, canvas=(400, 400), where="left")

    wider = placed.at_size(900, 800)

    assert (wider.left + wider.right) / 2 / 900 == pytest.approx((placed.left + placed.right) / 2 / 400)
    assert wider.right - wider.left == pytest.approx(2 * (placed.right - placed.left))


@given(st.integers(64, 4000), st.integers(64, 4000), st.sampled_from([8, 64]))
def test_a_working_size_is_of_eights_and_near_the_canvas_in_ratio(width, height, multiple):
    if not 1 / 4 <= width / height <= 4:
        return

    across, down = working_size(width, height, multiple=multiple)

    assert across % 8 == down % 8 == 0
    assert across * down <= 0.75e6
    # Sides near the least, 64, cannot meet every ratio.
    if min(across, down) >= 256:
        assert abs(np.log(across / down * height / width)) < 0.035


@pytest.mark.parametrize(
    ("size", "expected"), [((1024, 1024), (768, 768)), ((2000, 2000), (768, 768)), ((512, 512), (512, 512))]
)
def test_squares_work_at_squares_of_sixty_fours(size, expected):
    assert working_size(*size) == expected


def test_a_working_size_of_nothing_is_refused():
    with pytest.raises(SettingError):
        working_size(0, 100)


def test_in_the_middle_there_is_as_much_room_above_as_below_whatever_the_size():
    for fill, enlarge in ((0.3, False), (0.85, True), (1.0, True)):
        placed = place(photo()[1], canvas=(300, 400), where="middle", fill=fill, enlarge=enlarge)

        assert placed.top == pytest.approx(400 - placed.bottom, abs=1)
        assert placed.top >= 0
