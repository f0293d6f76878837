import tracemalloc

import numpy as np
import pytest

from prodgen.cutout import matting
from prodgen.errors import ImageError

RED, BLUE = np.float32([0.8, 0.1, 0.1]), np.float32([0.1, 0.2, 0.8])


def mixed(matte, product=RED, behind=BLUE):
    """What a camera sees: product over backdrop, mixed at the edge."""
    return (product * matte[..., None] + behind * (1 - matte[..., None])).astype(np.float32)


@pytest.fixture
def soft_disc():
    """A disc with an edge four pixels wide."""
    y, x = np.mgrid[:96, :96]
    return np.clip((30 - np.hypot(x - 47.5, y - 47.5)) / 4 + 0.5, 0, 1).astype(np.float32)


@pytest.mark.parametrize("work", [matting.estimate_foreground, matting.refine])
def test_a_matte_of_another_size_than_the_photo_is_refused(work, disc):
    with pytest.raises(ImageError, match="the matte is 64x64 but the photo is 65x64"):
        work(np.zeros((64, 65, 3), np.float32), disc)


def test_foreground_is_the_photo_to_the_bit_where_the_matte_is_one(soft_disc):
    noisy = mixed(soft_disc) + np.random.default_rng(0).normal(0, 0.02, (96, 96, 3)).astype(np.float32)

    result = matting.estimate_foreground(noisy, soft_disc)

    np.testing.assert_array_equal(result[soft_disc == 1], noisy[soft_disc == 1])


def test_foreground_at_the_edge_has_the_products_colour_not_the_backdrops(soft_disc):
    photo = mixed(soft_disc)
    edge = (soft_disc > 0.1) & (soft_disc < 0.95)

    result = matting.estimate_foreground(photo, soft_disc)

    before = np.abs(photo - RED)[edge].mean()
    after = np.abs(result - RED)[edge].mean()
    assert after < 0.15 * before, f"error {after:.3f}, was {before:.3f}"


def test_foreground_stays_in_range_on_hard_colours(soft_disc):
    photo = mixed(soft_disc, product=np.float32([1, 1, 1]), behind=np.float32([0, 0, 0]))

    result = matting.estimate_foreground(photo, soft_disc)

    assert result.min() >= 0
    assert result.max() <= 1


def test_foreground_of_a_hard_matte_is_the_photo(disc):
    hard = (disc > 0.5).astype(np.float32)
    photo = mixed(hard)

    np.testing.assert_array_equal(matting.estimate_foreground(photo, hard), photo)


def test_refine_brings_a_misplaced_edge_to_where_the_photo_has_it(disc):
    photo = mixed(disc)
    misplaced = np.roll(disc, 1, axis=1)

    result = matting.refine(photo, misplaced, band_px=3)

    before, after = np.abs(misplaced - disc).mean(), np.abs(result - disc).mean()
    assert after < 0.2 * before, f"error {after:.4f}, was {before:.4f}"


def test_refine_changes_nothing_beyond_its_band(disc):
    faint = np.clip(disc, 0.03, 0.97)
    y, x = np.mgrid[:64, :64]
    far = np.abs(np.hypot(x - 31.5, y - 31.5) - 20) > 4

    result = matting.refine(mixed(disc), faint, band_px=2)

    np.testing.assert_array_equal(result[far], faint[far])


def test_refine_leaves_a_matte_alone_where_product_and_backdrop_look_alike(disc):
    white = mixed(disc, product=np.float32([0.9, 0.9, 0.9]), behind=np.float32([0.902, 0.902, 0.902]))
    misplaced = np.roll(disc, 1, axis=1)

    result = matting.refine(white, misplaced, band_px=2)

    np.testing.assert_allclose(result, misplaced, atol=0.02)


def test_refine_keeps_the_edge_soft(soft_disc):
    result = matting.refine(mixed(soft_disc), soft_disc, band_px=3)

    assert np.abs(result - soft_disc).mean() < 0.005
    assert ((result > 0.2) & (result < 0.8)).sum() > 0.8 * ((soft_disc > 0.2) & (soft_disc < 0.8)).sum()


def test_refine_of_an_empty_matte_is_empty():
    empty = np.zeros((20, 30), np.float32)

    np.testing.assert_array_equal(matting.refine(np.zeros((20, 30, 3), np.float32), empty), empty)


def test_refine_keeps_a_pale_rim_of_a_product_whose_colours_are_uneven():
    y, x = np.mgrid[:96, :96]
    away = np.hypot(x - 47.5, y - 47.5)
    matte = np.clip(30.5 - away, 0, 1).astype(np.float32)
    stripes = np.where((x // 3) % 2 == 0, 0.95, 0.05)[..., None] * np.ones(3)
    product = np.where((away > 28)[..., None], 0.86, stripes).astype(
        np.float32
    )  # it shines like the backdrop
    photo = mixed(matte, product, np.float32([0.85, 0.85, 0.85]))

    result = matting.refine(photo, matte, band_px=3)

    rim = (away > 28) & (matte == 1)
    assert result[rim].mean() > 0.8


@pytest.fixture(scope="module")
def large():
    """A matte of 2,400 x 2,400 whose edge is two pixels wide, and the same moved by two pixels."""
    y, x = np.mgrid[:2400, :2400].astype(np.float32)
    away = np.hypot(x - 1200, y - 1180)
    return (np.clip((700 - away) / 2 + 0.5, 0, 1), np.clip((702 - away) / 2 + 0.5, 0, 1))


def peak_bytes(work, *arguments):
    tracemalloc.start()
    try:
        work(*arguments)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_refine_places_the_edge_of_a_large_picture_to_the_pixel(large):
    truth, wide = large

    result = matting.refine(mixed(truth), wide)

    before, after = np.abs(wide - truth).sum(), np.abs(result - truth).sum()
    assert after < 0.1 * before, f"error {after:.0f}, was {before:.0f}"


def test_the_soft_edge_of_a_large_picture_takes_little_memory_beside_its_results(large):
    truth, wide = large
    photo = mixed(truth)

    assert peak_bytes(matting.refine, photo, wide) - truth.nbytes < 0.5 * photo.nbytes
    assert peak_bytes(matting.estimate_foreground, photo, truth) - photo.nbytes < 0.5 * photo.nbytes


def test_tiles_leave_no_seams_in_the_colours_of_the_edge(soft_disc, monkeypatch):
    photo = mixed(soft_disc)
    whole = matting.estimate_foreground(photo, soft_disc)
    monkeypatch.setattr(matting, "TILE_PX", 16)

    np.testing.assert_allclose(matting.estimate_foreground(photo, soft_disc), whole, atol=1e-5)


def test_the_band_is_the_same_however_many_pixels_are_fitted_at_a_time(soft_disc, monkeypatch):
    photo = mixed(np.roll(soft_disc, 2, axis=0))
    whole = matting.refine(photo, soft_disc, band_px=4)
    monkeypatch.setattr(matting, "CELLS", 5)

    np.testing.assert_array_equal(matting.refine(photo, soft_disc, band_px=4), whole)
