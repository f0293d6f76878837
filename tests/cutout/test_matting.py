import numpy as np
import pytest

from prodgen import files
from prodgen.cutout import matting
from prodgen.errors import ImageError, SegmentationError

RED, BLUE = np.float32([0.8, 0.1, 0.1]), np.float32([0.1, 0.2, 0.8])


def mixed(matte, product=RED, behind=BLUE):
    """What a camera sees: product over backdrop, mixed at the edge."""
    return (product * matte[..., None] + behind * (1 - matte[..., None])).astype(np.float32)


@pytest.fixture
def soft_disc():
    """A disc with an edge four pixels wide."""
    y, x = np.mgrid[:96, :96]
    return np.clip((30 - np.hypot(x - 47.5, y - 47.5)) / 4 + 0.5, 0, 1).astype(np.float32)


def test_check_has_nothing_to_say_about_a_sound_matte(disc):
    assert matting.check(disc, mixed(disc)) == []


@pytest.mark.parametrize(("value", "word"), [(0.0, "empty"), (1.0, "full"), (0.3, "empty")])
def test_check_refuses_a_useless_matte_and_says_what_to_try(value, word):
    matte = np.full((40, 40), value, np.float32)

    with pytest.raises(SegmentationError, match=f"{word}.*--model.*--box.*--matte"):
        matting.check(matte, mixed(matte))


def test_check_names_the_sides_where_the_product_is_cut_off(disc):
    touching = disc[15:]

    (notice,) = matting.check(touching, mixed(touching))

    assert "photo's top and is cut off" in notice


def test_check_tells_of_a_product_too_small_to_show():
    matte = np.zeros((200, 200), np.float32)
    matte[90:106, 90:106] = 1

    (notice,) = matting.check(matte, mixed(matte))

    assert "fills only 0.6%" in notice


def test_check_tells_of_a_matte_that_is_mostly_guessed(disc):
    guessed = disc * np.float32(0.6)

    assert any("half-sure" in notice for notice in matting.check(guessed, mixed(guessed)))


@pytest.mark.parametrize("sides", [np.s_[:, 24:72], np.s_[24:72]])
def test_check_doubts_a_product_that_goes_from_border_to_border(sides):
    band = np.zeros((96, 96), np.float32)
    band[sides] = 1

    (notice,) = matting.check(band, mixed(band))

    assert "if it is whole, the backdrop was taken for it" in notice


def test_check_doubts_a_matte_of_nearly_the_whole_photo():
    matte = np.ones((100, 100), np.float32)
    matte[2:12, 2:62] = 0  # one colour of a palette that is transparent

    assert any("94% of the photo is taken for product" in note for note in matting.check(matte, mixed(matte)))


def test_an_outline_where_the_photo_shows_no_edge_is_doubted(disc):
    with_shadow = np.maximum(disc, np.roll(disc, 12, axis=1))

    assert matting.doubt_outline(disc, mixed(disc)) == []
    (notice,) = matting.doubt_outline(with_shadow, mixed(disc))

    assert "of the outline is not seen in the photograph" in notice
    assert "--matte" in notice


@pytest.mark.parametrize("product", ["box", "jar", "mug", "pouch"])
def test_a_true_outline_is_never_doubted_not_even_white_before_white(shared, product):
    photo = files.load(shared / "truth" / f"{product}_input.png").rgb
    true = files.load_matte(shared / "truth" / f"{product}_cutout.png")

    assert matting.check(true, photo) == []
    assert matting.doubt_outline(true, photo) == []


@pytest.mark.parametrize(
    "work", [matting.check, matting.doubt_outline, lambda m, rgb: matting.refine(rgb, m)]
)
def test_a_matte_of_another_size_than_the_photo_is_refused(work, disc):
    with pytest.raises(ImageError, match="the matte is 64x64, the photo 65x64"):
        work(disc, np.zeros((64, 65, 3), np.float32))


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
