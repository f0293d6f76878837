"""A scene seen through glass."""

from __future__ import annotations

import cv2
import numpy as np

from prodgen.glass import scene_without, see_through
from prodgen.glass.bending import MOST_BENT, bent, tangent_bent
from tests.glass.glass_photo import BODY, LID, SIDE, matte_of_jar


def horizon() -> np.ndarray:
    scene = np.full((SIDE, SIDE, 3), 0.2, np.float32)
    scene[150:] = 0.7
    return scene


def ramp() -> np.ndarray:
    across = np.linspace(0, 1, SIDE, dtype=np.float32)
    return np.broadcast_to(across[None, :, None], (SIDE, SIDE, 3)).copy()


def test_a_horizon_goes_on_level_behind_the_product():
    scene = horizon()
    scene[matte_of_jar() > 0] = [1, 0, 0]

    assert np.allclose(scene_without(scene, matte_of_jar()), horizon(), atol=1e-5)


def test_what_has_a_shape_beside_the_product_is_not_seen_in_it():
    scene = np.full((SIDE, SIDE, 3), 0.6, np.float32)
    cv2.circle(scene, (BODY[1].stop + 55, 170), 30, (0.1, 0.5, 0.1), -1)
    behind = scene_without(scene, matte_of_jar())[BODY]

    assert behind[..., 0].min() > 0.55


def test_grain_goes_on_behind_the_product():
    grain = np.random.default_rng(4).normal(0.5, 0.05, (SIDE, SIDE, 1)).astype(np.float32)
    scene = np.repeat(grain, 3, axis=2)
    behind = scene_without(scene, matte_of_jar())[BODY]

    assert 0.02 < (behind - behind.mean(axis=1, keepdims=True)).std() < 0.06


def test_a_gap_in_a_handle_is_too_narrow_to_go_on_from():
    matte, scene = matte_of_jar(), horizon()
    gap = slice(110, 200), slice(220, 232)
    matte[105:205, 220:240] = 1
    matte[gap] = 0
    scene[gap] = 0

    assert scene_without(scene, matte)[BODY].min() > 0.19


def test_beside_the_product_the_scene_stays_to_the_bit():
    scene = np.random.default_rng(2).random((SIDE, SIDE, 3)).astype(np.float32)
    outside = matte_of_jar() == 0

    assert np.array_equal(scene_without(scene, matte_of_jar())[outside], scene[outside])


def test_a_product_at_the_frames_edge_is_filled_from_its_other_side():
    matte = np.zeros((SIDE, SIDE), np.float32)
    matte[100:200, :80] = 1
    scene = horizon()
    scene[matte > 0] = [1, 0, 0]

    assert np.allclose(scene_without(scene, matte), horizon(), atol=1e-5)


def test_behind_rows_that_the_product_fills_the_next_row_goes_on():
    matte, scene = np.zeros((SIDE, SIDE), np.float32), horizon()
    matte[200:260] = 1
    matte[190:200, 10:-10] = 1
    scene[matte > 0] = [1, 0, 0]

    assert np.allclose(scene_without(scene, matte)[matte > 0], 0.7, atol=1e-5)


def test_through_the_middle_of_a_hollow_body_the_scene_is_where_it_is():
    middle = slice(160, 190), slice(150, 170)

    assert np.abs(bent(ramp(), matte_of_jar())[middle] - ramp()[middle]).max() < 0.5 / SIDE


def test_near_its_rims_it_is_displaced_outwards():
    left, right = BODY[1].start, BODY[1].stop
    shift = bent(ramp(), matte_of_jar())[180, :, 0] * SIDE - np.arange(SIDE)

    assert shift[left : left + 10].mean() < -2
    assert shift[right - 10 : right].mean() > 2


def test_through_its_upper_end_the_scene_above_is_seen():
    upright = np.ascontiguousarray(ramp().transpose(1, 0, 2))
    shift = bent(upright, matte_of_jar())[:, 160, 0] * SIDE - np.arange(SIDE)

    assert shift[LID[0].start : LID[0].start + 8].mean() < -2
    assert shift[BODY[0].stop - 8 : BODY[0].stop].mean() > 2


def test_a_ray_that_stays_in_the_wall_is_bent_as_by_a_rod():
    # Snell's law for a rod of index 1.5, met at 0.98 of its radius: 2 (asin 0.98 - asin 0.98 / 1.5).
    expected = np.tan(2 * (np.arcsin(0.98) - np.arcsin(0.98 / 1.5)))
    middle, wall, rim = tangent_bent(np.float32([0, 0.8, 0.98]))

    assert middle == 0
    assert -0.2 < wall < 0
    assert np.isclose(rim, np.clip(expected, -MOST_BENT, MOST_BENT))


def test_opaque_pixels_stay_to_the_bit():
    product = np.random.default_rng(3).random((SIDE, SIDE, 3)).astype(np.float32)
    through = np.zeros((SIDE, SIDE, 3), np.float32)
    through[160:180, 150:170] = 0.8
    seen = see_through(product, ramp(), matte_of_jar(), through, 1 - through)
    opaque = through[..., 0] == 0

    assert np.array_equal(seen[opaque], product[opaque])
    assert np.abs(seen - product)[~opaque].max() > 0.1
