"""Shadows: physics that must hold whatever the product."""

from __future__ import annotations

import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest

from prodgen.color import to_linear, to_srgb
from prodgen.errors import PlacementError
from prodgen.masks import hole_count
from prodgen.shadows import (
    ambient_occlusion,
    apply_shadow,
    bounce,
    cast_shadow,
    contact_shadow,
    existing_shadow,
    ground_shadow,
    keep_original_shadow,
    reflection,
    shadow_under,
    sky_directions,
)

GROUND = 120

ROOT = Path(__file__).resolve().parents[2]


def mug(*, handle=False):
    """A cylinder seen from a little above, 60 wide and 80 tall, in 320 x 200; perhaps with a handle."""
    matte = np.zeros((200, 320), np.float32)
    matte[40 : GROUND - 9, 130:191] = 1
    cv2.ellipse(matte, (160, GROUND - 10), (30, 9), 0, 0, 360, 1, -1)
    if handle:
        cv2.circle(matte, (194, 76), 16, 1, 5)
    return matte


def table():
    """Two legs and a top."""
    matte = np.zeros((180, 200), np.float32)
    matte[50:60, 40:160] = 1
    matte[50:GROUND, 42:48] = 1
    matte[50:GROUND, 152:158] = 1
    return matte


def darkest_side(shadow, matte):
    """Mean darkness left and right of the product, and in front of it, near the floor line."""
    dark = (1 - shadow) * (matte < 0.5)
    return dark[90:130, 70:128].mean(), dark[90:130, 192:250].mean(), dark[124:160, 130:190].mean()


@pytest.mark.parametrize("azimuth", [-90, 90])
def test_a_shadow_falls_away_from_the_light(azimuth):
    shadow = cast_shadow(mug(), azimuth_deg=azimuth, elevation_deg=40)

    left, right, _front = darkest_side(shadow, mug())

    assert (right > 5 * left) if azimuth < 0 else (left > 5 * right)


def test_a_light_from_behind_throws_the_shadow_towards_the_camera():
    left, right, front = darkest_side(cast_shadow(mug(), azimuth_deg=180, elevation_deg=40), mug())

    assert front > 3 * max(left, right)


def test_a_lower_light_throws_a_longer_shadow():
    low = cast_shadow(mug(), azimuth_deg=-90, elevation_deg=25)
    high = cast_shadow(mug(), azimuth_deg=-90, elevation_deg=60)

    assert (1 - low).sum() > 1.5 * (1 - high).sum()


def test_a_hard_shadow_has_the_length_that_its_height_and_elevation_give():
    # Its right edge is at 190; its top is 70 px over the middle of its foot, so 70 / cos 18 high.
    shadow = cast_shadow(mug(), azimuth_deg=-90, elevation_deg=45, softness=0)

    reach = np.flatnonzero(shadow[GROUND - 10] < 0.5).max()

    assert reach == pytest.approx(190 + 70 / np.cos(np.radians(18)), abs=10)


def test_a_softer_light_makes_a_wider_penumbra():
    def steepest(softness):
        shadow = cast_shadow(mug(), azimuth_deg=-90, elevation_deg=50, softness=softness)
        return np.abs(np.diff(shadow[GROUND - 10, 200:])).max()

    assert steepest(0.0) > 2 * steepest(0.8)


def test_a_penumbra_grows_with_the_distance_from_the_foot():
    shadow = cast_shadow(mug(), azimuth_deg=-135, elevation_deg=40, softness=0.5)
    gradient = np.abs(np.diff(shadow, axis=0))

    # The upper edge of a shadow to the back right: near the foot, and far from it.
    assert gradient[60:118, 194:200].max() > 1.3 * gradient[30:118, 235:242].max()


def test_a_handle_leaves_its_hole_in_the_shadow():
    shadow = cast_shadow(mug(handle=True), azimuth_deg=180, elevation_deg=35, softness=0)

    assert hole_count(1 - shadow, smallest_share=0.0002) == 1


def test_a_table_is_dark_at_its_legs_and_lighter_between():
    shadow = contact_shadow(table())

    assert shadow[GROUND - 1, 45] < 0.95
    assert shadow[GROUND - 1, 100] > 0.98


def test_the_sky_is_hidden_most_at_the_foot_and_about_a_width_around():
    hidden = 1 - ambient_occlusion(mug())
    row = hidden[GROUND - 10]

    assert row[194] > 0.18
    assert row[194] > row[210] > row[260]
    assert row[280] < 0.08


def test_a_curved_foot_has_a_curved_contact():
    shadow = contact_shadow(mug(), opacity=1)
    lowest = [int(np.flatnonzero(shadow[:, x] < 0.5).max()) for x in (136, 160, 184)]

    assert lowest[1] >= lowest[0] + 3
    assert lowest[1] >= lowest[2] + 3


def test_a_box_at_an_angle_stands_on_a_parallelogram():
    matte = np.zeros((180, 200), np.float32)
    corners = np.array([[60, 40], [150, 40], [150, 108], [120, 120], [60, 102]])
    cv2.fillPoly(matte, [corners], 1)

    shadow = 1 - contact_shadow(matte, opacity=1)

    # The contact follows both visible edges up from the nearest corner.
    edge_left = shadow[111, 86:94].max()
    edge_right = shadow[114, 132:140].max()
    assert edge_left > 0.3
    assert edge_right > 0.3


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_transmission_stays_within_nothing_and_everything(strength):
    shadow = ground_shadow(mug(), azimuth_deg=30, elevation_deg=30, strength=strength)

    assert shadow.shape == mug().shape
    assert shadow.dtype == np.float32
    assert shadow.min() >= 0
    assert shadow.max() == 1


def test_nothing_above_the_floors_end_is_darkened():
    shadow = ground_shadow(mug(), azimuth_deg=0, elevation_deg=20, strength=0.8, floor_top=80)

    assert (shadow[:78] == 1).all()


def test_a_light_under_the_floor_throws_no_shadow_of_its_own():
    below = ground_shadow(mug(), azimuth_deg=-90, elevation_deg=-40, strength=1.0)
    sky = ground_shadow(mug(), azimuth_deg=90, elevation_deg=40, strength=0.0)

    np.testing.assert_array_equal(below, sky)


def test_a_sky_of_one_light_is_that_lights_shadow():
    toward = np.float32([[-np.cos(np.pi / 4), np.sin(np.pi / 4), 0]])

    one = shadow_under(mug(), toward, np.ones(1, np.float32))
    hard = cast_shadow(mug(), azimuth_deg=-90, elevation_deg=45, softness=0)

    beside = np.s_[100:118, 200:270]
    assert np.abs((1 - one[beside]) / 0.9 - (1 - hard[beside])).mean() < 0.06


def test_the_sky_is_evenly_sampled():
    directions = sky_directions(200)

    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(directions.mean(axis=0), [0, 0.5, 0], atol=0.02)


def test_a_shadow_is_the_same_at_any_resolution():
    small = ground_shadow(mug(), azimuth_deg=-60, elevation_deg=40)
    large = ground_shadow(cv2.resize(mug(), (960, 600)), azimuth_deg=-60, elevation_deg=40)

    difference = np.abs(cv2.resize(large, (320, 200), interpolation=cv2.INTER_AREA) - small)

    assert difference[mug() < 0.1].mean() < 0.01


def test_a_speck_on_a_large_canvas_gets_its_shadow_and_leaves_the_rest():
    matte = np.zeros((900, 1200), np.float32)
    matte[400:430, 600:612] = 1

    shadow = ground_shadow(matte, azimuth_deg=-45, elevation_deg=40)

    assert shadow[425:435, 590:625].min() < 0.8
    assert (shadow[:, :400] == 1).all()


def test_a_wire_thinner_than_a_working_pixel_still_stands():
    matte = np.zeros((900, 900), np.float32)
    matte[100:800, 450:452] = 1

    assert np.isfinite(ground_shadow(matte, azimuth_deg=0, elevation_deg=50)).all()


@pytest.mark.parametrize(
    "shadow", [ambient_occlusion, contact_shadow, lambda m: cast_shadow(m, azimuth_deg=0, elevation_deg=9)]
)
def test_an_empty_matte_throws_no_shadow_but_an_error(shadow):
    with pytest.raises(PlacementError, match="empty"):
        shadow(np.zeros((30, 30), np.float32))


def test_a_shadow_multiplies_linear_light():
    scene = np.full((200, 320, 3), 0.7, np.float32)
    transmission = np.full((200, 320), 0.5, np.float32)

    dark = apply_shadow(scene, transmission)

    np.testing.assert_allclose(to_linear(dark), 0.5 * to_linear(scene), atol=1e-4)


def test_where_there_is_no_shadow_the_scene_stays_to_the_bit():
    scene = np.random.default_rng(0).random((200, 320, 3), np.float32)
    shadow = ground_shadow(mug(), azimuth_deg=-45, elevation_deg=50)

    dark = apply_shadow(scene, shadow)

    np.testing.assert_array_equal(dark[shadow == 1], scene[shadow == 1])
    assert (dark[shadow < 0.9] < scene[shadow < 0.9] + 1e-6).all()


def test_no_opacity_is_no_shadow():
    scene = np.random.default_rng(0).random((200, 320, 3), np.float32)

    np.testing.assert_array_equal(apply_shadow(scene, np.zeros((200, 320), np.float32), opacity=0), scene)


def test_a_tint_colours_the_shadow_and_keeps_light_white():
    scene = np.full((4, 4, 3), 0.8, np.float32)
    blue = apply_shadow(scene, np.full((4, 4), 0.5, np.float32), tint=np.float32([0.8, 1.0, 1.5]))

    assert blue[0, 0, 2] > blue[0, 0, 1] > blue[0, 0, 0]


def test_a_shadow_of_another_size_is_refused():
    with pytest.raises(PlacementError, match="10x10"):
        apply_shadow(np.zeros((20, 20, 3), np.float32), np.ones((10, 10), np.float32))


def floor_scene():
    rng = np.random.default_rng(1)
    light = (
        np.linspace(0.25, 0.5, 200)[:, None]
        * np.linspace(0.7, 1.3, 320)
        * np.exp(rng.normal(0, 0.01, (200, 320)))
    )
    return to_srgb(np.repeat(light[..., None], 3, axis=2).astype(np.float32))


def test_the_product_reflects_some_of_the_sky_that_it_hides_onto_the_floor():
    sky = ground_shadow(mug(), azimuth_deg=0, elevation_deg=45, strength=0.0)
    hidden = ground_shadow(mug(), azimuth_deg=0, elevation_deg=45, strength=0.0, bounce=0.0)
    beside = (mug() < 0.01) & (hidden < 0.6)

    assert (1 - sky)[beside].mean() < 0.95 * (1 - hidden)[beside].mean()


def test_a_skys_shadow_ends_where_no_eye_sees_it():
    shadow = ground_shadow(mug(), azimuth_deg=0, elevation_deg=45, strength=0.0)
    whole = ambient_occlusion(mug())

    assert (shadow < 1).mean() < 0.6 * (whole < 0.998).mean()
    assert shadow.min() < 0.5


def test_a_flat_bottom_hides_a_depth_that_its_edge_does_not_show():
    flat = np.zeros((200, 320), np.float32)
    flat[40:GROUND, 130:191] = 1

    thickness = (cast_shadow(flat, azimuth_deg=90, elevation_deg=20) < 0.5)[:, 100:128].sum(axis=0)

    assert thickness.mean() > 5


def test_a_floors_own_grain_is_no_shadow():
    grain = cv2.GaussianBlur(np.random.default_rng(1).normal(0, 1, (200, 320)).astype(np.float32), (0, 0), 4)
    scene = floor_scene() * np.exp(0.015 * grain / grain.std())[..., None]

    assert existing_shadow(np.clip(scene, 0, 1).astype(np.float32), mug()).min() > 0.99


def ball():
    """A ball of 80 on a floor, in 320 x 200."""
    matte = np.zeros((200, 320), np.float32)
    cv2.circle(matte, (160, GROUND - 40), 40, 1, -1)
    return matte


def near_foot(matte, **settings):
    """Mean transmission of the floor within a few pixels before the foot."""
    shadow = ground_shadow(matte, azimuth_deg=0, elevation_deg=60, strength=0, **settings)
    foot = int(np.flatnonzero((matte > 0.5).any(axis=1))[-1])
    return float(shadow[foot + 2 : foot + 5, 155:166].mean())


def test_the_gap_under_a_body_that_overhangs_its_foot_is_dark():
    assert at_foot(tin(rounded=20)) < 0.85 * at_foot(tin(rounded=0))


def tin(*, rounded: int):
    """A cylinder seen from 18 degrees, 180 wide and 240 tall, with edges rounded by so much, in 960 x 600."""
    matte = np.zeros((600, 960), np.float32)
    half, rise = 90 - rounded, (90 - rounded) * np.sin(np.radians(18))
    foot = 450 - rounded - rise
    matte[round(210 + rounded) : round(foot), 480 - half : 481 + half] = 1
    cv2.ellipse(matte, (480, round(foot)), (half, round(rise)), 0, 0, 360, 1, -1)
    ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rounded + 1, 2 * rounded + 1))
    return cv2.dilate(matte, ball)  # a sphere's outline is a disc, from wherever it is seen


def at_foot(matte, **settings):
    """Mean transmission of the floor right before the foot of a tin."""
    shadow = ground_shadow(matte, azimuth_deg=0, elevation_deg=60, strength=0, **settings)
    return float(shadow[453:460, 460:500].mean())


def tapered(*, by: int):
    """A beaker 50 wide at its foot and 60 tall, wider above by `by` on each side, in 320 x 200."""
    matte = np.zeros((200, 320), np.float32)
    corners = [(135, GROUND), (135 - by, GROUND - 60), (184 + by, GROUND - 60), (184, GROUND)]
    cv2.fillPoly(matte, [np.array(corners)], 1.0)
    return matte


@pytest.mark.parametrize("by", [10, 20, 40])
def test_no_black_line_is_drawn_under_a_wall_that_leans_from_the_floor_up(by):
    # Candles, tumblers and bowls stood in a row of black beads: their lean was taken for a rounded edge.
    assert near_foot(tapered(by=by)) > 0.75 * near_foot(tapered(by=0))


def test_the_gap_under_a_pale_body_is_lit_by_it():
    assert at_foot(tin(rounded=20), bounce=0.5) > at_foot(tin(rounded=20), bounce=0.0) + 0.2


def test_a_product_before_a_dark_wall_takes_less_light_from_the_floor_before_it():
    assert 1 - near_foot(mug(), behind=0.1) < 0.8 * (1 - near_foot(mug(), behind=1.0))


def test_a_pale_product_gives_its_floor_back_some_of_the_light_it_hides():
    pale = bounce(np.full((200, 320, 3), 0.9, np.float32), mug(), 1.0)
    black = bounce(np.full((200, 320, 3), 0.05, np.float32), mug(), 1.0)

    assert near_foot(mug(), bounce=pale) > near_foot(mug(), bounce=black) + 0.1


def test_shadows_are_near_to_path_traced_truth():
    score = runpy.run_path(str(ROOT / "benchmarks" / "calibrating" / "shadows.py"))["score"]()

    figures = {name: value for name, (value, _) in score.items()}
    assert figures["error of the computed shadow, %"] < 6.2
    assert figures["error of the shadow found in a scene, %"] < 4.4
    assert 5.5 < figures["depth of the studio's shadow kept, %"] < 6.0


def test_a_scene_without_shadow_is_found_to_have_none():
    assert existing_shadow(floor_scene(), mug()).min() > 0.95


def test_a_shadow_that_is_there_is_found_again():
    matte = mug()
    truth = ground_shadow(matte, azimuth_deg=180, elevation_deg=50, strength=0.6)
    found = existing_shadow(apply_shadow(floor_scene(), truth), matte)

    deep = (truth < 0.6) & (matte < 0.01)
    deep[:100] = False

    assert np.abs(found - truth)[deep].mean() < 0.15


def test_a_studios_shadow_is_kept_and_its_sweep_is_not():
    matte = mug()
    y, x = np.mgrid[0:200, 0:320] / 200
    sweep = (0.95 - 0.35 / (1 + np.exp((y - 0.45) * 25)) - 0.08 * (x - 0.8) ** 2).astype(np.float32)
    truth = ground_shadow(matte, azimuth_deg=-60, elevation_deg=50, strength=0.4)
    photo = to_srgb(np.repeat((sweep * truth)[..., None], 3, axis=2).astype(np.float32))

    kept = keep_original_shadow(photo, matte)

    outside = matte < 0.01
    assert np.abs(kept - truth)[outside].mean() < 0.05
    assert np.corrcoef(kept[outside], truth[outside])[0, 1] > 0.85


@pytest.mark.parametrize(("falls_off", "most"), [(0.03, 0.006), (0.05, 0.02)])
def test_a_backdrop_that_falls_off_by_a_few_steps_of_eight_bits_is_no_shadow(falls_off, most):
    # Cans on a studio's sweep had a grey band with a hard edge beside them, down to the picture's corner.
    matte = np.zeros((400, 400), np.float32)
    matte[90:340, 150:250] = 1
    y, x = np.mgrid[0:400, 0:400] / 400
    empty = 0.75 + 0.15 / (1 + np.exp((0.5 - y) * 12)) - falls_off * x**2 * y**3
    truth = ground_shadow(matte, azimuth_deg=70, elevation_deg=40, strength=0.4)
    photo = to_srgb(np.repeat((empty * truth)[..., None], 3, axis=2).astype(np.float32))
    photo = (np.round(photo * 255) / 255).astype(np.float32)

    kept = keep_original_shadow(photo, matte)

    lit = (truth > 0.99) & (cv2.dilate(matte, np.ones((5, 5))) < 0.01)
    assert (1 - kept)[lit].max() < most
    deep = (truth < 0.7) & (matte < 0.01)
    assert np.abs(kept - truth)[deep].mean() < 0.06


def test_a_patterned_backdrop_gives_no_shadow_but_an_error():
    rng = np.random.default_rng(0)
    photo = cv2.resize(rng.random((18, 20, 3), np.float32), (320, 200), interpolation=cv2.INTER_NEAREST)

    with pytest.raises(PlacementError, match="not plain"):
        keep_original_shadow(photo, mug())


def test_a_reflection_is_the_product_upside_down_under_its_foot():
    matte = np.zeros((180, 200), np.float32)
    matte[40:GROUND, 70:130] = 1
    picture = np.zeros((180, 200, 3), np.float32)
    picture[GROUND - 10 : GROUND, 70:130, 0] = 1
    picture[40 : GROUND - 10, 70:130, 2] = 1

    mirrored, opacity = reflection(picture, matte, strength=0.5, roughness=0.05)

    assert mirrored[GROUND + 3, 100, 0] > 0.9
    assert mirrored[GROUND + 16, 100, 2] > 0.9
    assert (opacity[:GROUND] == 0).all()
    assert 0.5 >= opacity[GROUND + 1, 100] > opacity[GROUND + 20, 100] > 0


def test_what_hangs_over_is_mirrored_as_far_below_the_floor_as_it_is_above():
    matte = np.zeros((180, 200), np.float32)
    matte[60:GROUND, 60:120] = 1
    matte[GROUND - 40 : GROUND - 25, 120:150] = 1  # a handle

    _mirrored, opacity = reflection(np.ones((180, 200, 3), np.float32), matte, fade=2, roughness=0)

    assert opacity[: GROUND + 24, 124:150].max() < 0.01
    assert opacity[GROUND + 30, 124:148].min() > 0.1


def test_a_box_seen_from_its_corner_meets_its_image_along_both_sides():
    matte = np.zeros((180, 200), np.float32)
    corners = np.array([[50, GROUND - 20], [100, GROUND], [150, GROUND - 15], [150, 50], [50, 50]], np.int32)
    cv2.fillPoly(matte, [corners], 1.0)

    _mirrored, opacity = reflection(np.ones((180, 200, 3), np.float32), matte, roughness=0)

    for x, foot in ((60, GROUND - 16), (100, GROUND), (140, GROUND - 12)):
        assert opacity[foot + 4, x] > 0.1, x


def test_a_reflection_of_a_product_that_ends_at_the_border_is_empty():
    matte = np.ones((20, 20), np.float32)

    _mirrored, opacity = reflection(np.ones((20, 20, 3), np.float32), matte)

    assert opacity.max() == 0


def leaflet():
    """A sheet that lies on the floor, seen from above, turned by 20 degrees, in 320 x 200."""
    matte = np.zeros((200, 320), np.uint8)
    cv2.fillPoly(matte, [cv2.boxPoints(((160, 100), (90, 60), 20)).astype(np.int32)], 1)
    return matte.astype(np.float32)


def ring(matte, *, grow=5):
    """Where the outline's floor is just outside of it: above, below, left and right of its middle."""
    around = (cv2.dilate(matte, np.ones((2 * grow + 1, 2 * grow + 1))) > 0) & (matte == 0)
    ys, xs = np.mgrid[0 : matte.shape[0], 0 : matte.shape[1]]
    middle_y, middle_x = (np.flatnonzero(matte.any(axis=axis)).mean() for axis in (1, 0))
    across, along = np.abs(xs - middle_x), np.abs(ys - middle_y)
    return [
        around & side
        for side in (
            (ys < middle_y) & (along > across),
            (ys > middle_y) & (along > across),
            (xs < middle_x) & (across > along),
            (xs > middle_x) & (across > along),
        )
    ]


def test_what_lies_flat_is_dark_all_round_under_an_even_sky():
    matte = leaflet()
    lying = ambient_occlusion(matte, camera_pitch_deg=88, lies_flat=True)
    standing = ambient_occlusion(matte)

    assert all(lying[side].mean() < 0.93 for side in ring(matte))
    assert (
        standing[ring(matte)[0]].mean() > 0.99
    )  # behind what stands no floor is hidden from the camera's side


@pytest.mark.parametrize(("azimuth", "dark", "bright"), [(-90, 3, 2), (90, 2, 3), (180, 1, 0), (0, 0, 1)])
def test_the_shadow_of_what_lies_flat_falls_away_from_the_light_and_stays_short(azimuth, dark, bright):
    matte = leaflet()
    shadow = cast_shadow(
        matte, azimuth_deg=azimuth, elevation_deg=45, softness=0.1, camera_pitch_deg=88, lies_flat=True
    )
    sides = ring(matte)

    assert shadow[sides[dark]].mean() < shadow[sides[bright]].mean() - 0.1
    far = cv2.dilate(matte, np.ones((31, 31))) == 0
    assert shadow[far].min() > 0.99


def test_of_a_shadow_around_what_lies_flat_some_is_found_on_every_side_and_none_invented():
    matte, floor = leaflet(), np.full((200, 320, 3), 0.6, np.float32)
    truth = ambient_occlusion(matte, camera_pitch_deg=88, lies_flat=True)

    found = existing_shadow(apply_shadow(floor, truth), matte, lies_flat=True)

    assert existing_shadow(floor, matte, lies_flat=True).min() > 0.99
    for side in ring(matte, grow=3):
        assert truth[side].mean() < found[side].mean() < 0.93


def test_what_stands_farther_back_has_its_shadow_at_its_own_foot():
    # Toy cars stood on a front wheel, and the second of two products hovered: there was one foot for all.
    matte = np.zeros((300, 400), np.float32)
    matte[60:240, 100:150] = 1
    matte[40:210, 260:310] = 1  # its foot is 30 rows higher: it stands farther back

    shadow = contact_shadow(matte) * ambient_occlusion(matte)

    feet = ((240, 110, 140), (210, 270, 300))
    before = [float(shadow[foot + 2 : foot + 6, left:right].mean()) for foot, left, right in feet]
    assert before[1] == pytest.approx(before[0], abs=0.08)
    assert max(before) < 0.75


@pytest.mark.parametrize("azimuth", [-90.0, 0.0, 60.0, 180.0])
def test_the_shadow_of_the_second_of_two_falls_as_that_of_the_first(azimuth):
    matte = np.zeros((400, 700), np.float32)
    matte[130:240, 200:230] = 1
    matte[100:210, 400:430] = 1

    shadow = cast_shadow(matte, azimuth_deg=azimuth, elevation_deg=50, softness=0.1)

    first, second = shadow[130:380, 100:330], shadow[100:350, 300:530]
    free = (matte[130:380, 100:330] < 0.5) & (matte[100:350, 300:530] < 0.5)
    # Each is alone in its window but for the faint end of the other's.
    assert np.abs(first - second)[free].mean() < 0.01


def test_a_handle_that_hangs_in_the_air_is_no_foot():
    matte = mug()
    cv2.line(matte, (190, 60), (205, 60), 1, 4)
    cv2.circle(matte, (212, 72), 12, 1, 4)

    below = contact_shadow(matte)[87:91, 206:219]

    assert below.min() > 0.95


def test_what_is_a_few_pixels_tall_or_low_and_wide_has_a_shadow_too():
    for rows, columns in ((3, 3), (4, 60), (60, 2), (1, 1), (20, 300)):
        matte = np.zeros((200, 320), np.float32)
        matte[120 - rows : 120, 5 : 5 + columns] = 1

        shadow = ground_shadow(matte, azimuth_deg=180, elevation_deg=40)

        assert np.isfinite(shadow).all()
        assert shadow.min() < 0.95
