"""What is measured of a picture for the comparison side by side, and the photograph that lies under it."""

from __future__ import annotations

import numpy as np
import pytest

from prodgen.color import from_lab, to_linear, to_srgb
from prodgen.images import Photo
from prodgen.masks import erode
from prodgen.placement import Placement, apply
from prodgen.shots.appearance import appearance, photo_as_placed
from prodgen.shots.frame import Frame
from prodgen.shots.layers import FinalScene, Given, Kept, Placed


def place_of(**changes: float) -> Placement:
    """A canvas of 400 x 300 with the product in its middle, 200 wide and 60 high."""
    fields = {"width": 400, "height": 300, "photo_width": 400, "photo_height": 300, "scale": 1}
    box = {"offset_x": 0, "offset_y": 0, "left": 100, "top": 120, "right": 300, "bottom": 180}
    return Placement.model_validate({**fields, **box, **changes})


def frame_of(place: Placement, product: float = 0.5, kept: float = 0.5, lab: tuple[float, ...] = (60, 0, 12)):
    shape = (place.height, place.width)
    matte = np.zeros(shape, np.float32)
    matte[int(place.top) : int(place.bottom), int(place.left) : int(place.right)] = 1
    grey = np.full((*shape, 3), product, np.float32)
    scene = from_lab(np.broadcast_to(np.array(lab, np.float32), (*shape, 3)).copy())
    layers = (Given(Photo(grey)), Placed(place, grey, matte), FinalScene(scene))
    return Frame().holding(*layers, Kept(np.full((*shape, 3), kept, np.float32)))


def test_fill_is_the_longer_side_of_the_product_as_a_share_of_the_canvas():
    assert appearance(frame_of(place_of()))["fill"] == 0.5
    assert appearance(frame_of(place_of(top=0, bottom=270)))["fill"] == 0.9


def test_lightness_and_warmth_are_those_of_the_scene_and_not_of_the_product():
    dark, light = (appearance(frame_of(place_of(), product=grey, kept=grey)) for grey in (0.1, 0.9))

    assert dark["exposure_l"] == pytest.approx(60, abs=0.1)
    assert dark["warmth_b"] == pytest.approx(12, abs=0.1)
    assert light["exposure_l"] == dark["exposure_l"]


def test_a_product_in_twice_the_light_is_one_stop_lighter():
    twice = float(to_srgb(2 * to_linear(np.float32([0.4])))[0])

    assert appearance(frame_of(place_of(), product=0.4, kept=twice))["product_stops"] == pytest.approx(
        1, abs=0.01
    )


def test_a_black_product_says_nothing_about_its_exposure():
    assert "product_stops" not in appearance(frame_of(place_of(), product=0.02, kept=0.5))


def test_a_picture_that_is_all_product_has_no_scene_to_measure():
    whole = place_of(left=0, top=0, right=400, bottom=300)

    assert set(appearance(frame_of(whole))) == {"fill", "product_stops"}


@pytest.mark.parametrize(("scale", "x", "y"), [(1, 0, 0), (0.5, 120, 40), (1.6, -90, -60), (1, 250, 200)])
def test_the_photograph_lies_where_its_product_was_put(scale, x, y):
    grid_y, grid_x = np.mgrid[:300, :400].astype(np.float32)
    pixels = np.stack([grid_x / 400, grid_y / 300, np.full_like(grid_x, 0.3)], axis=-1)
    place = place_of(scale=scale, offset_x=x, offset_y=y)
    matte = np.ones((300, 400), np.float32)
    there, inside = apply(place, pixels, matte)

    shown = photo_as_placed(Frame().holding(Given(Photo(pixels)), Placed(place, there, inside)), 400)

    sure = erode(inside, 3) > 0.99  # `apply` sharpens the very edge
    assert shown.shape == there.shape
    assert np.abs(shown[sure] - there[sure]).max() < 0.02


def test_the_photograph_is_as_small_as_asked_in_the_ratio_of_the_canvas():
    assert photo_as_placed(frame_of(place_of()), 100).shape == (75, 100, 3)


def test_a_photograph_with_alpha_is_shown_on_white():
    frame = frame_of(place_of())
    clear = Photo(np.zeros((300, 400, 3), np.float32), matte=np.zeros((300, 400), np.float32))

    assert photo_as_placed(frame.holding(Given(clear)), 100).min() == 1
