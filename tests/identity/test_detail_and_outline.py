"""Texture, print and fringes: each number measures its own subject and no other."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from prodgen.identity.detail import compare, find_print
from prodgen.identity.outline import growth_percent, halo

SIZE = 240
EVERYWHERE = np.ones((SIZE, SIZE), np.float32)


def weave(seed: int, deviation: float) -> np.ndarray:
    """Fine structure around L* 60."""
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(SIZE, SIZE)), (0, 0), 1.2)
    return (60 + noise / noise.std() * deviation).astype(np.float32)


def letters(picture: np.ndarray) -> np.ndarray:
    """Black letters on the upper half."""
    printed = picture.copy()
    for y in range(20, 110, 30):
        for x in range(20, 200, 24):
            printed[y : y + 16, x : x + 5] = 10
            printed[y : y + 5, x : x + 14] = 10
    return printed


def test_the_same_texture_under_stronger_relief_light_is_the_same():
    before = weave(0, 2)

    assert compare(before, 60 + 1.6 * (before - 60), EVERYWHERE).texture > 0.98


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (weave(0, 2), weave(0, 0.1)),
        (weave(0, 2), weave(1, 2)),
        (weave(0, 0.1), weave(1, 2)),
    ],
    ids=["smoothed", "exchanged", "invented"],
)
def test_texture_is_missed_although_print_outshouts_it(before, after):
    found = compare(letters(before), letters(after), EVERYWHERE)

    assert found.texture < 0.6
    assert found.print_correlation > 0.95
    assert found.gradient > 0.9


def test_noise_that_nobody_sees_is_no_texture():
    assert compare(weave(0, 0.5), weave(1, 0.5), EVERYWHERE).texture > 0.99


def test_print_that_melted_is_the_prints_affair_and_leaves_the_texture_alone():
    before, after = letters(weave(0, 2)), weave(0, 2)
    after[:112] = cv2.GaussianBlur(letters(np.full_like(after, 60)), (0, 0), 2.5)[:112] + (after[:112] - 60)

    found = compare(before, after, EVERYWHERE)

    assert found.print_correlation < 0.85
    assert found.texture > 0.85


@pytest.mark.parametrize(("pixels", "is_forgiven"), [(1, True), (3, False)])
def test_print_may_lie_one_pixel_off_and_no_more(pixels, is_forgiven):
    before = letters(weave(0, 0))

    found = compare(before, np.roll(before, pixels, axis=1), EVERYWHERE)

    assert (found.print_correlation > 0.98) == is_forgiven


def test_one_changed_word_does_not_hide_among_many_that_stayed():
    before = letters(weave(0, 0))
    changed = before.copy()
    changed[20:36, 140:200] = changed[20:36, 140:200][:, ::-1]

    assert compare(before, changed, EVERYWHERE).print_correlation < 0.9


def test_a_crease_across_the_product_is_no_print():
    creased = letters(weave(0, 0))
    creased[180:183, 10:-10] = 20

    where = find_print(creased, EVERYWHERE)

    assert where[20:110].sum() > 500
    assert where[170:190].sum() == 0


def product(lab: tuple[float, float, float], scene: tuple[float, float, float], *, side: int = 120):
    """A square of one colour in a scene, L*a*b*, and its matte."""
    matte = np.zeros((SIZE, SIZE), np.float32)
    low, high = (SIZE - side) // 2, (SIZE + side) // 2
    matte[low:high, low:high] = 1
    matte = cv2.GaussianBlur(matte, (0, 0), 0.7)
    matte[matte < 0.02], matte[matte > 0.98] = 0, 1
    return np.float32(scene) + matte[..., None] * (np.float32(lab) - np.float32(scene)), matte


def rim(matte: np.ndarray) -> np.ndarray:
    solid = (matte > 0).astype(np.uint8)
    return (cv2.dilate(solid, np.ones((3, 3), np.uint8)) - solid) > 0


BLUE, DARK = (40, 10, -40), (20, 0, 0)


@pytest.mark.parametrize("colour", [(95, 0, 0), (2, 0, 0), (30, 0, 40)], ids=["white", "black", "spill"])
def test_a_rim_unlike_product_and_scene_is_a_halo(colour):
    picture, matte = product(BLUE, DARK)
    fringed = np.where(rim(matte)[..., None], np.float32(colour), picture)

    assert halo(picture, picture, matte) < 1
    assert halo(picture, fringed, matte) > 12


@pytest.mark.parametrize("side", [116, 118, 122, 124])
def test_a_product_that_grew_or_shrank_has_no_halo(side):
    picture, matte = product(BLUE, DARK)
    other, _ = product(BLUE, DARK, side=side)

    assert halo(picture, other, matte) < 2
    assert growth_percent(picture, other, matte) == pytest.approx(100 * (side**2 / 120**2 - 1), abs=0.5)


def test_a_white_rim_around_a_white_product_is_growth():
    picture, matte = product((95, 0, 0), DARK)
    wide = rim(matte) | (matte > 0)
    fringed = np.where(wide[..., None], np.float32((95, 0, 0)), picture)

    assert halo(picture, fringed, matte) < 4
    assert growth_percent(picture, fringed, matte) > 1.5


def bowl_on_white(shadow: tuple[int, int]) -> np.ndarray:
    """A white product on white: of its outline only a shadow is seen, at its foot, in these rows."""
    picture = np.full((SIZE, SIZE, 3), np.float32((96, 0, 0)))
    top, bottom = shadow
    picture[top:bottom, 60:180] = (70, 0, 0)
    return picture


def test_another_shadow_under_a_white_product_on_white_is_no_growth():
    _, matte = product((96, 0, 0), (96, 0, 0))

    assert growth_percent(bowl_on_white((179, 190)), bowl_on_white((181, 190)), matte) is None


def test_an_outline_that_is_seen_on_both_sides_of_a_product_is_still_judged():
    picture, matte = product(BLUE, DARK)
    other, _ = product(BLUE, DARK, side=124)
    unseen = np.arange(SIZE)[:, None, None] < 80
    picture, other = (np.where(unseen, np.float32(BLUE), one) for one in (picture, other))

    assert growth_percent(picture, other, matte) > 4


def test_an_outline_of_hairs_is_no_longer_than_the_body_that_they_stand_on():
    def furry(side: int) -> tuple[np.ndarray, np.ndarray]:
        picture, matte = product(BLUE, DARK, side=side)
        for hair in range(62, 180, 4):
            low = (SIZE - side) // 2
            for part in (np.s_[hair, low - 8 : low], np.s_[low - 8 : low, hair]):
                picture[part], matte[part] = BLUE, 1
        return picture, matte

    picture, matte = furry(120)
    other, _ = furry(122)

    assert growth_percent(picture, other, matte) == pytest.approx(100 * (122**2 / 120**2 - 1), rel=0.4)
