"""Bare metal: who says that it is, which parts are, and what they mirror of a place."""

import numpy as np
import pytest

from prodgen.color import to_linear
from prodgen.engines.ibl.panorama import make_environment
from prodgen.engines.ibl.product_light import mirrored_place
from prodgen.light.bare_metal import find_metal, mirror_image
from prodgen.light.made_of import find_material, named_metal, read_material
from prodgen.light.relighting import relight_on

GREY, BLUE, WHITE_BACKDROP = (0.75, 0.75, 0.76), (0.1, 0.15, 0.6), 0.95


def jar():
    """A blue body with a grey lid and grey letters, on white."""
    photo = np.full((160, 160, 3), WHITE_BACKDROP, np.float32)
    matte = np.zeros((160, 160), np.float32)
    matte[30:140, 40:120] = 1
    photo[30:140, 40:120] = BLUE
    photo[30:65, 40:120] = GREY
    for left in range(50, 110, 8):
        photo[95:110, left : left + 3] = GREY
    return photo, matte


def room(floor, wall):
    place = np.empty((160, 160, 3), np.float32)
    place[:100], place[100:] = wall, floor
    return place


def test_a_plain_lid_can_be_metal_and_letters_and_paint_cannot():
    photo, matte = jar()

    found = find_metal(photo, matte)

    assert found.share[35:60, 45:115].min() > 0.9
    assert found.share[75:135].max() == 0


def test_a_black_handle_is_no_metal_beside_a_bright_pot():
    photo, matte = jar()
    photo[30:140, 40:120] = GREY
    photo[110:140, 40:120] = 0.12

    found = find_metal(photo, matte)

    assert found.share[40:95, 50:110].min() > 0.9
    assert found.share[122:135, 50:110].max() < 0.1


def test_a_screw_s_head_is_too_little_to_make_a_product_of_metal():
    photo, matte = jar()
    photo[30:140, 40:120] = BLUE
    photo[60:76, 72:88] = GREY

    assert find_metal(photo, matte) is None


def test_metal_shows_the_place_that_it_stands_in_and_paint_does_not_change():
    photo, matte = jar()
    red_wall = room(floor=(0.5, 0.5, 0.5), wall=(0.7, 0.1, 0.1))

    metal, paint = (relight_on(photo, matte, red_wall, is_metal=is_metal) for is_metal in (True, False))

    redness = [
        float((lid[..., 0] / lid[..., 1]).mean()) for lid in (metal[32:60, 50:110], paint[32:60, 50:110])
    ]
    assert redness[0] > 1.5 * redness[1]
    np.testing.assert_array_equal(metal[80:135, 45:115], paint[80:135, 45:115])


def test_a_studio_s_soft_shading_goes_and_an_engraving_stays():
    photo, matte = jar()
    shading = np.linspace(0.5, 0.9, 80, dtype=np.float32)[None, :, None]
    photo[30:140, 40:120] = shading
    photo[80, 60:100] *= 0.7

    image = mirror_image(photo, matte, lambda directions: np.full_like(directions, 0.5))
    lit = image.on(to_linear(photo), np.zeros((160, 160, 3), np.float32), (slice(0, 160), slice(0, 160)))

    across = lit[60, 60:100, 1]
    assert across.max() / across.min() < 1.1
    assert lit[80, 80, 1] < 0.6 * lit[60, 80, 1]


@pytest.mark.parametrize("lies_flat", [False, True])
def test_upright_metal_mirrors_the_floor_before_it_and_what_lies_flat_mirrors_the_sky(lies_flat):
    photo, matte = jar()
    photo[30:140, 40:120] = GREY
    heights = []

    def radiance(directions):
        heights.append(directions[85, 80, 1])
        return np.ones_like(directions)

    mirror_image(photo, matte, radiance, camera_pitch_deg=70, lies_flat=lies_flat)

    assert (heights[0] > 0) == lies_flat


@pytest.mark.parametrize("pitch_deg", [5, 30, 60])
def test_the_front_mirrors_the_floor_as_far_down_as_the_camera_looks(pitch_deg):
    photo, matte = jar()
    photo[30:140, 40:120] = GREY
    seen = []

    def radiance(directions):
        seen.append(directions[85, 80])
        return np.ones_like(directions)

    mirror_image(photo, matte, radiance, camera_pitch_deg=pitch_deg)

    down = np.radians(pitch_deg)
    np.testing.assert_allclose(seen[0], (0, -np.sin(down), np.cos(down)), atol=0.1)


@pytest.mark.parametrize(
    ("prompt", "metal"),
    [
        ("stainless steel flask on oak", "stainless steel"),
        ("a chromed kettle, kitchen", "chromed"),
        ("brushed aluminium coffee pot on slate", "aluminium"),
        ("a pan made of polished copper, kitchen", "copper"),
        ("gold wedding ring on velvet", "gold"),
        ("a flask on brushed steel", None),
        ("a steel blue mug on marble", None),
        ("chrome yellow vase", None),
        ("steel-cut oats box on oak, kitchen", None),
        ("bowl without metal on oak", None),
        ("no metal, wooden bowl", None),
        ("a non-metal spatula", None),
        ("nickel-free earrings", None),
        ("a poster of a steel flask", None),
        ("bottle of stainless steel cleaner", None),
        ("metal polish bottle", None),
        ("heavy metal band t-shirt", None),
        ("titanium dioxide sunscreen tube", None),
        ("copper conditioner on a shelf", None),
        ("on a metal table", None),
        ("", None),
    ],
)
def test_metal_is_read_from_the_words_for_the_product_alone(prompt, metal):
    assert named_metal(prompt) == metal


@pytest.mark.parametrize(
    ("hint", "prompt", "is_metal"),
    [
        ("auto", "on oak", False),
        ("auto", "chrome jar on oak", True),
        ("auto", "on oak, polished metal", True),
        ("opaque", "on oak, polished metal", False),
        ("opaque", "chrome jar on oak", False),
        ("metal", "on oak", True),
    ],
)
def test_metal_is_believed_where_user_or_prompt_say_so(hint, prompt, is_metal):
    photo, matte = jar()

    assert find_material(photo, matte, hint=hint).in_prompt(prompt).is_metal is is_metal


def test_metal_that_is_asked_of_a_product_without_plain_parts_is_told():
    photo, matte = jar()
    photo[30:140, 40:120] = BLUE

    assert "no part of the product" in find_material(photo, matte, hint="metal").notice


def test_black_rubber_is_no_metal_where_it_is_the_only_grey_part():
    photo, matte = jar()
    photo[30:140, 40:120] = (0.7, 0.1, 0.1)
    photo[100:140, 40:120] = 0.2

    assert find_metal(photo, matte) is None


def test_a_part_that_looks_like_a_mirror_of_its_studio_is_told_and_still_lit_as_paint():
    photo, matte = jar()
    photo[30:65, 40:120] = np.abs(np.sin(np.arange(80) / 8))[:, None] * 0.6 + 0.25

    looks = find_material(photo, matte)
    flat = find_material(*jar())

    assert not looks.is_metal
    assert "looks like bare metal" in looks.notice
    assert flat.notice is None


def test_of_two_kinds_of_plain_parts_metal_is_the_one_that_mirrors_more():
    photo, matte = jar()
    photo[65:140, 40:120] = (0.9, 0.75, 0.1)
    photo[30:65, 40:120] = np.abs(np.sin(np.arange(80) / 8))[:, None] * 0.6 + 0.25

    found = find_metal(photo, matte)

    assert found.share[40:55, 50:110].mean() > 0.5
    assert found.share[80:130].max() == 0


def test_the_words_that_are_sent_are_read_again_and_taken_out():
    assert read_material("on oak, polished metal, kitchen") == (True, "on oak, kitchen")
    assert read_material("on polished metal, kitchen") == (False, "on polished metal, kitchen")


def test_a_panorama_is_mirrored_where_its_light_is():
    small = np.full((64, 128, 3), 0.1, np.float32)
    small[:, 60:68] = 5.0  # longitude 0, where the camera looks
    seen = mirrored_place(make_environment(small, 0.0), gain=np.ones(3, np.float32))

    behind, camera = seen(np.array([[[0, 0, -1], [0, 0, 1]]], np.float32))[0, :, 1]

    assert behind > 1 > 0.2 > camera
