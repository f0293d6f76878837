"""Arithmetic on masks: what stays exact, and what the fast ways may differ."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from prodgen import masks
from prodgen.errors import ImageError


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def test_the_box_of_a_mask_holds_just_its_pixels():
    mask = np.zeros((20, 30), np.float32)
    mask[5:9, 7:21] = 1

    assert masks.bounding_box(mask) == (7, 5, 21, 9)


def test_an_empty_mask_has_no_box():
    with pytest.raises(ImageError, match="empty"):
        masks.bounding_box(np.zeros((4, 4), np.float32))


@pytest.mark.parametrize("sigma_px", [2, 9, 25, 60])
def test_the_fast_blur_is_the_gaussian_blur(sigma_px):
    field = cv2.GaussianBlur(noise(300, 400), (0, 0), 3).astype(np.float32)

    exact = cv2.GaussianBlur(field, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT)

    worst = float(np.abs(masks.blur(field, sigma_px) - exact).max())
    assert worst < 0.004, f"worst difference {worst}"


def test_a_blur_wider_than_the_picture_gives_its_mean():
    field = noise(20, 30)

    np.testing.assert_allclose(masks.blur(field, 200), field.mean(), atol=0.02)


def test_a_normalised_blur_sees_nothing_outside_its_weight():
    field = np.full((40, 40, 3), 0.3, np.float32)
    field[:, 20:] = 1.0
    weight = np.zeros((40, 40), np.float32)
    weight[:, :20] = 1

    blurred = masks.normalised_blur(field, weight, 6.0)

    np.testing.assert_allclose(blurred[:, :20], 0.3, atol=1e-4)


def test_filling_leaves_what_is_known_to_the_bit():
    image, hole = noise(50, 70, 3), np.zeros((50, 70), np.float32)
    hole[10:30, 20:50] = 1

    filled = masks.fill(image, hole)

    np.testing.assert_array_equal(filled[hole == 0], image[hole == 0])


def test_filling_continues_a_flat_surrounding():
    image, hole = np.full((60, 60), 0.4, np.float32), np.zeros((60, 60), np.float32)
    hole[10:50, 10:50] = 1
    image[10:50, 10:50] = 0.9

    np.testing.assert_allclose(masks.fill(image, hole), 0.4, atol=1e-3)


def test_filling_follows_a_gradient():
    image = np.repeat(np.linspace(0, 1, 80, dtype=np.float32)[None], 60, axis=0)
    hole = np.zeros((60, 80), np.float32)
    hole[20:40, 30:50] = 1

    worst = float(np.abs(masks.fill(np.where(hole > 0, 0, image).astype(np.float32), hole) - image).max())
    assert worst < 0.1, f"worst difference {worst}"


def test_compositing_keeps_both_pictures_to_the_bit_where_the_matte_is_sure(disc):
    front, back = noise(64, 64, 3, seed=1), noise(64, 64, 3, seed=2)

    result = masks.composite(front, back, disc)

    np.testing.assert_array_equal(result[disc == 0], back[disc == 0])
    np.testing.assert_array_equal(result[disc == 1], front[disc == 1])


def test_compositing_refuses_pictures_of_different_sizes(disc):
    with pytest.raises(ImageError, match="sizes differ"):
        masks.composite(noise(64, 64, 3), noise(32, 64, 3), disc)


def test_growing_and_shrinking_move_the_outline_by_the_radius(disc):
    area = float((disc > 0.5).sum())

    grown, shrunk = masks.dilate(disc, 4), masks.erode(disc, 4)

    assert (grown > 0.5).sum() == pytest.approx(area * (24 / 20) ** 2, rel=0.07)
    assert (shrunk > 0.5).sum() == pytest.approx(area * (16 / 20) ** 2, rel=0.07)


def test_a_handle_is_one_hole(disc):
    ring = disc - masks.erode(disc, 8)

    assert masks.hole_count(ring) == 1
    assert masks.hole_count(disc) == 0
