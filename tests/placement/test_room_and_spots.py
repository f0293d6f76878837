"""Anchors, padding, ground line, turning, and products that the photograph cut off."""

from __future__ import annotations

import math

import numpy as np
import pytest

from prodgen.errors import PlacementError, SettingError, UnknownNameError, WrongValueError
from prodgen.placement import VARIANTS, Padding, apply, place, read_spot, sides_in_mid_air


def matte_of(box=(70, 120, 130, 220), width=200, height=300):
    """A matte with one rectangle: left, top, right, bottom."""
    matte = np.zeros((height, width), np.float32)
    left, top, right, bottom = box
    matte[top:bottom, left:right] = 1
    return matte


@pytest.mark.parametrize("across", ["left", "", "right"])
@pytest.mark.parametrize("down", ["top", "middle", "bottom"])
def test_an_anchor_puts_the_product_against_the_padding(down, across):
    name = "-".join(filter(None, [down, across]))

    placed = place(matte_of(), canvas=(400, 400), where=name, padding="10%")

    lefts = {"left": 40, "": 170, "right": 300}
    tops = {"top": 40, "middle": 150, "bottom": 260}
    assert (placed.left, placed.top) == (lefts[across], tops[down])


@pytest.mark.parametrize(("theirs", "ours"), [("upper_left", "top-left"), ("bottom-centre", "bottom")])
def test_the_spots_have_the_names_of_other_tools_too(theirs, ours):
    assert read_spot(theirs) == read_spot(ours)


def test_a_padding_is_kept_side_by_side_and_the_product_fills_the_room():
    matte = matte_of((10, 10, 190, 290))

    placed = place(matte, canvas=(100, 100), where="top-left", padding="left=10,top=20%,bottom=5")

    assert (placed.left, placed.top) == (10, 20)
    assert placed.bottom == pytest.approx(95)


def test_with_padding_a_product_stands_in_the_middle_on_the_rooms_bottom():
    placed = place(matte_of(), canvas=(400, 400), padding="bottom=40")

    assert (placed.left + placed.right) / 2 == 200
    assert placed.bottom == 360


def test_a_free_canvas_is_as_large_as_the_product_and_its_padding():
    matte = matte_of((500, 500, 1500, 2500), 2000, 3000)

    placed = place(matte, canvas="1:1", padding="10%")

    assert (placed.width, placed.height, placed.scale) == (2500, 2500, 1)
    assert placed.top == 250


@pytest.mark.parametrize(
    "text", ["", "ten", "-1", "50%", "left=5%,left=6%", "up=4", "left", "9000", "1e9%", "nan"]
)
def test_a_padding_that_cannot_be_read_is_refused(text):
    with pytest.raises(WrongValueError, match="padding"):
        Padding.parse(text)


def test_a_padding_that_leaves_no_room_is_refused():
    with pytest.raises(WrongValueError, match="leaves no room"):
        place(matte_of(), canvas=(100, 100), padding="60")


@pytest.mark.parametrize("where", ["auto", "left", "middle", "bottom-right"])
def test_a_ground_line_moves_the_foot_of_any_spot(where):
    placed = place(matte_of(), canvas=(400, 400), where=where, ground_line=0.9)

    assert placed.bottom == 360


@pytest.mark.parametrize(
    "wrong", [{"ground_line": 0.0}, {"ground_line": 1.2}, {"where": "original", "ground_line": 0.5}]
)
def test_a_ground_line_outside_or_of_the_original_is_refused(wrong):
    with pytest.raises(SettingError, match="ground_line"):
        place(matte_of(), canvas=(400, 400), **wrong)


@pytest.mark.parametrize("beside", [{"padding": "5%"}, {"rotation_deg": 4.0}])
def test_the_original_place_admits_neither_padding_nor_turning(beside):
    with pytest.raises(WrongValueError, match="original"):
        place(matte_of(), where="original", **beside)


def test_an_unknown_spot_names_the_near_one():
    with pytest.raises(UnknownNameError, match="bottom-right"):
        read_spot("botom-right")


def test_every_variant_is_another_place():
    places = {place(matte_of(), canvas=(400, 400), where=name).left for name in VARIANTS}
    lines = {place(matte_of(), canvas=(400, 400), where=name).bottom for name in VARIANTS}

    assert len(VARIANTS) == 7
    assert len(places) >= 5
    assert len(lines) == 3


@pytest.mark.parametrize("angle", [-170.0, -30.0, 15.0, 90.0])
def test_a_turned_product_has_its_turned_box_and_lies_inside_it(angle):
    matte = matte_of()
    placed = place(matte, canvas=(500, 500), where="middle", rotation_deg=angle)
    turn = math.radians(angle)
    wide = abs(60 * math.cos(turn)) + abs(100 * math.sin(turn))

    _picture, there = apply(placed, np.ones((300, 200, 3), np.float32), matte)
    rows, columns = np.nonzero(there > 0.5)

    assert placed.right - placed.left == pytest.approx(wide, abs=1e-6)
    assert columns.min() == pytest.approx(placed.left, abs=1.5)
    assert rows.max() + 1 == pytest.approx(placed.bottom, abs=1.5)
    assert there.sum() == pytest.approx(matte.sum(), rel=0.01)


def test_turning_is_clockwise():
    matte = matte_of((40, 140, 160, 150))  # a rod that lies level
    matte[130:140, 40:60] = 1  # with a head at its left end, above

    placed = place(matte, canvas=(300, 300), where="middle", rotation_deg=90)
    _picture, there = apply(placed, np.zeros((300, 200, 3), np.float32), matte)

    top = there[: there.shape[0] // 2].sum(axis=0)
    bottom = there[there.shape[0] // 2 :].sum(axis=0)
    assert np.count_nonzero(top > 1) > np.count_nonzero(bottom > 1)  # the left end has come to the top


def test_a_turned_composition_is_the_same_on_a_larger_canvas():
    matte = matte_of()
    placed = place(matte, canvas=(400, 400), where="middle", rotation_deg=25)
    larger = placed.at_size(800, 800)

    _picture, there = apply(larger, np.zeros((300, 200, 3), np.float32), matte)
    rows, columns = np.nonzero(there > 0.5)

    assert columns.min() == pytest.approx(larger.left, abs=1.5)
    assert rows.max() + 1 == pytest.approx(larger.bottom, abs=1.5)


@pytest.mark.parametrize("where", ["auto", "middle"])
@pytest.mark.parametrize("size", [(400, 400), None, "16:9"])
def test_what_the_photograph_cut_off_below_ends_at_the_canvas_edge(where, size):
    matte = matte_of((70, 120, 130, 300))

    placed = place(matte, canvas=size, where=where)

    assert placed.bottom == placed.height
    assert sides_in_mid_air(matte, placed) == ()


@pytest.mark.parametrize("size", ["1:1", "16:9", (100, 100)])
def test_a_product_cut_off_on_both_sides_spans_the_canvas(size):
    matte = matte_of((0, 120, 200, 150))

    placed = place(matte, canvas=size)

    if isinstance(size, tuple):
        assert (placed.left, placed.right) == (0, 100)
    else:  # its own pixels do not reach across the smallest canvas
        assert placed.width == 768
        assert sides_in_mid_air(matte, placed)


def test_a_large_product_cut_off_on_both_sides_keeps_its_pixels_across_the_canvas():
    matte = matte_of((0, 1200, 2000, 1500), 2000, 3000)

    placed = place(matte, canvas="1:1")

    assert (placed.left, placed.right, placed.width, placed.scale) == (0, 2000, 2000, 1)


def test_snapping_may_be_refused_and_may_be_asked_for_anywhere():
    matte = matte_of((0, 120, 60, 220))

    assert place(matte, canvas=(400, 400)).left == 0
    assert place(matte, canvas=(400, 400), snap=False).left > 100
    assert sides_in_mid_air(matte, place(matte, canvas=(400, 400), snap=False)) == ("left",)
    assert place(matte, canvas=(400, 400), where="right").left > 0
    assert place(matte, canvas=(400, 400), where="right", snap=True).left == 0


def test_a_corner_that_just_reaches_the_frame_is_not_cut_off():
    matte = matte_of((0, 120, 60, 124))
    matte[124:220, 20:60] = 1

    assert place(matte, canvas=(400, 400)).left > 100


def test_no_room_above_the_ground_line_is_refused():
    with pytest.raises(PlacementError, match="ground line"):
        place(matte_of(), canvas=(400, 400), where="left", ground_line=0.1, padding="top=45%")


@pytest.mark.parametrize(
    ("box", "edge"), [((140, 120, 200, 220), "right"), ((70, 0, 130, 100), "top"), ((0, 99, 60, 220), "left")]
)
def test_each_side_that_was_cut_off_reaches_its_own_edge(box, edge):
    placed = place(matte_of(box), canvas=(400, 400))

    ends = {"left": placed.left, "top": placed.top, "right": placed.right - 400}
    assert ends.pop(edge) == 0
    assert all(abs(end) > 8 for end in ends.values())


def test_a_tall_product_cut_off_above_and_below_keeps_its_pixels_from_edge_to_edge():
    placed = place(matte_of((900, 0, 1100, 3000), 2000, 3000), canvas="1:1")

    assert (placed.top, placed.bottom, placed.height, placed.scale) == (0, 3000, 3000, 1)


def test_a_turned_product_has_no_side_that_could_reach_an_edge():
    placed = place(matte_of((0, 120, 60, 220)), canvas=(400, 400), rotation_deg=5.0)

    assert placed.left > 100


def test_on_a_ground_line_of_its_own_an_anchor_keeps_its_side():
    placed = place(matte_of(), canvas=(400, 400), where="bottom-right", ground_line=0.8)

    assert (placed.left + placed.right) / 2 > 250


def test_a_wide_product_decides_a_free_canvas_by_its_width():
    placed = place(matte_of((200, 1400, 1800, 1500), 2000, 3000), canvas="1:1", padding="10%")

    assert (placed.left, placed.width) == (200, 2000)


def test_an_asked_ground_line_holds_beside_a_padding_and_for_a_product_cut_off_below():
    assert place(matte_of(), canvas=(400, 400), ground_line=0.7, padding="10%").bottom == 280
    assert place(matte_of(), canvas=(400, 400), where="0.5,0.7", padding="10%").bottom == 280
    assert place(matte_of((70, 120, 130, 300)), canvas=(400, 400), ground_line=0.6).bottom == 240


def test_a_padding_below_holds_for_a_foot_too():
    placed = place(matte_of(), canvas=(400, 400), where="left-third", padding="bottom=45%")

    assert placed.bottom == pytest.approx(220)
    assert placed.top >= 0


def test_what_is_turned_cannot_be_brought_to_an_edge():
    with pytest.raises(WrongValueError, match="not turned"):
        place(matte_of((0, 120, 60, 220)), rotation_deg=10, snap=True)
