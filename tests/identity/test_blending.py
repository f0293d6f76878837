"""Blending: how much is taken of a relit product, in which way, and how much of it on print."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from prodgen import files, identity, shading
from prodgen.color import LUMA, to_linear, to_srgb
from prodgen.errors import IdleSettingError, SettingError, WrongValueError
from prodgen.identity import Blending
from prodgen.identity.blended_regions import print_region, read_regions
from prodgen.shading.working_pair import product_region

SIZE = 240
MODES = ("light", "color", "luminosity", "alpha", "detail")
INK = (slice(150, 190), slice(80, 160))
"""Rows and columns that hold the print."""
BLUE = (slice(50, 90), slice(80, 160))
"""Rows and columns without print."""


def carton() -> tuple[np.ndarray, np.ndarray]:
    """A blue carton with a white label and black strokes on it, on light grey; and its matte."""
    picture = np.full((SIZE, SIZE, 3), 0.8, np.float32)
    picture[30:210, 60:180] = (0.2, 0.35, 0.7)
    picture[135:205, 65:175] = 0.9
    for line in range(4):
        for column in range(8):
            y, x = 145 + 14 * line, 74 + 12 * column
            picture[y : y + 8, x : x + 3] = 0.08
            picture[y : y + 2, x : x + 8] = 0.08
    matte = np.zeros((SIZE, SIZE), np.float32)
    matte[30:210, 60:180] = 1
    matte = cv2.GaussianBlur(matte, (0, 0), 0.8)
    matte[matte > 0.98], matte[matte < 0.02] = 1, 0
    return picture, matte


def relit_by_a_model(photo: np.ndarray) -> np.ndarray:
    """Warm light from the right, colours drawn towards it, and print as soft as a model leaves it."""
    x = np.linspace(0.35, 0.9, SIZE, dtype=np.float32)[None, :, None]
    linear = to_linear(cv2.GaussianBlur(photo, (0, 0), 1.2)) * x * np.float32([1.1, 0.98, 0.75])
    grey = (linear @ LUMA)[..., None] * np.float32([1.2, 0.97, 0.6])
    return to_srgb(0.6 * linear + 0.4 * grey)


def photographed(name: str) -> tuple[np.ndarray, np.ndarray]:
    """A path-traced product and its matte."""
    folder = Path(__file__).parents[1] / "data" / "truth"
    return files.load(folder / f"{name}_input.jpg").rgb, files.load_matte(folder / f"{name}_matte.png")


@pytest.fixture(scope="module")
def pictures() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    photo, matte = carton()
    return photo, relit_by_a_model(photo), matte


@pytest.fixture(scope="module")
def product(pictures):
    """Returns the blended product for settings, not yet in its scene."""
    photo, relit, matte = pictures
    pair = shading.pair_pictures(photo, relit, matte)

    def made(**settings) -> np.ndarray:
        taken = Blending(**settings).of(pair, photo, relit, matte).taken
        return identity.product_with(taken, photo, matte)

    return made


def restored(pictures, **settings) -> np.ndarray:
    return identity.restore(*pictures, blending=Blending(**settings)).picture


def far(one: np.ndarray, other: np.ndarray, where: tuple[slice, slice]) -> float:
    return float(np.abs(to_linear(one[where]) - to_linear(other[where])).mean())


@pytest.mark.parametrize("mode", MODES)
def test_at_0_the_product_is_the_photograph_to_the_bit(pictures, product, mode):
    np.testing.assert_array_equal(product(blend=0, blend_mode=mode), pictures[0])


def test_at_0_the_picture_has_the_photographs_pixels_and_the_relit_pictures_scene(pictures):
    photo, relit, matte = pictures

    picture = restored(pictures, blend=0, blend_mode="alpha")

    np.testing.assert_array_equal(picture[matte == 1], photo[matte == 1])
    np.testing.assert_array_equal(picture[matte == 0], relit[matte == 0])


@pytest.mark.parametrize("mode", MODES)
def test_nothing_outside_the_matte_changes(pictures, mode):
    _, relit, matte = pictures

    picture = restored(pictures, blend_mode=mode, blend=0.8)

    np.testing.assert_array_equal(picture[matte == 0], relit[matte == 0])


@pytest.mark.parametrize("mode", MODES)
def test_half_of_a_mode_lies_between_the_photograph_and_the_whole(pictures, product, mode):
    whole, half = (product(blend_mode=mode, blend=amount) for amount in (1.0, 0.5))

    to_whole, to_photo = far(half, whole, BLUE), far(half, pictures[0], BLUE)
    assert 0 < to_photo < far(whole, pictures[0], BLUE)
    assert 0 < to_whole < far(whole, pictures[0], BLUE)


def test_alpha_in_full_is_the_relit_picture(pictures, product):
    _, relit, matte = pictures

    picture = product(blend_mode="alpha")

    assert np.abs(picture - relit)[matte == 1].max() < 1e-4


def test_half_an_alpha_is_half_of_the_light_of_each(pictures, product):
    photo, relit, matte = pictures

    picture = product(blend_mode="alpha", blend=0.5)

    wanted = (to_linear(photo) + to_linear(relit)) / 2
    assert np.abs(to_linear(picture) - wanted)[matte == 1].max() < 1e-4


def test_detail_has_the_photographs_print_and_the_relit_pictures_colours(pictures, product):
    photo, relit, _ = pictures

    picture = product(blend_mode="detail")

    light = np.median(to_linear(relit[INK]), axis=(0, 1)) / np.median(to_linear(photo[INK]), axis=(0, 1))
    sharp, soft, ours = (
        float(np.percentile(np.abs(np.diff(to_linear(x[INK]) @ LUMA, axis=1)), 98))
        for x in (photo, relit, picture)
    )
    assert ours > 0.85 * sharp * float(light @ LUMA) > soft
    assert far(picture, relit, BLUE) < 0.1 * far(photo, relit, BLUE)


def test_light_without_settings_is_the_light_field(pictures):
    photo, relit, matte = pictures

    np.testing.assert_array_equal(restored(pictures), shading.blend(photo, relit, matte))


def test_a_displaced_product_is_laid_on_the_photographed_one_before_it_is_blended(pictures):
    photo, relit, matte = pictures
    moved = np.roll(relit, 4, axis=1)

    picture = restored((photo, moved, matte), blend_mode="alpha")

    core = cv2.erode(matte, np.ones((25, 25), np.uint8)) == 1
    assert np.abs(picture - relit)[core].mean() < 0.25 * np.abs(moved - relit)[core].mean()


@pytest.mark.parametrize("mode", MODES)
def test_a_region_of_0_is_the_photograph_to_the_bit(pictures, product, mode):
    made = product(blend_mode=mode, blend_regions="body=0")

    region = product_region(pictures[2])
    window = region.pixels(SIZE, SIZE)
    share = print_region(pictures[0], pictures[2], region)
    size = window[1].stop - window[1].start, window[0].stop - window[0].start
    is_body = np.ones((SIZE, SIZE), bool)
    is_body[window] = cv2.resize(share, size) == 0
    assert is_body[60:110, 70:170].all()
    np.testing.assert_array_equal(made[is_body], pictures[0][is_body])


@pytest.mark.parametrize("regions", [None, "print=0.3"])
def test_a_light_that_is_taken_back_wholly_leaves_the_photograph_to_the_bit(pictures, regions):
    photo, relit, matte = pictures
    taken = Blending(blend_regions=regions).of(shading.pair_pictures(photo, relit, matte), *pictures).taken

    nothing = taken.weakened(np.zeros(taken.shape, np.float32))

    np.testing.assert_array_equal(identity.product_with(nothing, photo, matte), photo)


@pytest.mark.parametrize("mode", ["color", "luminosity", "alpha"])
def test_print_can_be_kept_nearer_to_the_photograph_than_the_rest(pictures, product, mode):
    photo = to_linear(pictures[0][INK])
    whole, kept = product(blend_mode=mode), product(blend_mode=mode, blend_regions="print=0")

    def off(picture: np.ndarray) -> float:
        """Mean difference to the photograph's print in its own brightness."""
        linear = to_linear(picture[INK])
        return float(np.abs(linear * ((photo @ LUMA).mean() / (linear @ LUMA).mean()) - photo).mean())

    assert off(kept) < 0.75 * off(whole)
    np.testing.assert_array_equal(kept[BLUE], whole[BLUE])


@pytest.mark.parametrize("mode", MODES)
def test_print_that_is_kept_does_not_shine(product, mode):
    whole, kept = product(blend_mode=mode), product(blend_mode=mode, blend_regions="print=0")

    before, after = ((to_linear(picture[INK]) @ LUMA).mean() for picture in (whole, kept))
    assert after == pytest.approx(before, rel=0.06)


def test_regions_of_one_value_are_the_whole(product):
    by_region = product(blend_regions="print=0.4, BODY=0.4")

    np.testing.assert_array_equal(by_region, product(blend=0.4))


def test_print_is_found_softly_and_with_the_ground_between_its_strokes(pictures):
    photo, _, matte = pictures

    found = print_region(photo, matte, product_region(matte))

    fitted = cv2.resize(found, (1, 1), interpolation=cv2.INTER_AREA)
    assert found.min() == 0
    assert found.max() == pytest.approx(1, abs=1e-3)
    assert ((found > 0.05) & (found < 0.95)).any()
    assert 0.1 < fitted.item() < 0.5


def strokes_of(kind: str) -> np.ndarray:
    """A carton with strokes on it that no printer made."""
    photo, _ = carton()
    photo[30:210, 60:180] = (0.2, 0.35, 0.7)
    if kind == "highlights":
        for top, left in ((60, 80), (60, 140), (150, 110)):
            photo[top : top + 26, left : left + 5] = 1.0
    elif kind == "yarn":
        draw = np.random.default_rng(3)
        for left, tone in zip(range(66, 176, 5), draw.uniform(0.05, 0.6, 22), strict=True):
            for top in range(34, 206, 10):
                photo[top : top + 9, left : left + 4] = np.float32(tone * draw.uniform(0.3, 1.6))
    else:
        photo[40:200, 70:170] *= np.linspace(0.3, 2.2, 100, dtype=np.float32)[None, :, None]
        for left in (80, 100, 120, 140, 160):
            photo[60:180, left : left + 2] = 0.5
    return photo


@pytest.mark.parametrize("kind", ["highlights", "yarn", "spokes"])
def test_gloss_yarn_and_spokes_are_no_print(kind):
    _, matte = carton()

    assert not print_region(strokes_of(kind), matte, product_region(matte)).any()


@pytest.mark.parametrize("name", ["box", "jar", "mug", "pouch"])
def test_the_words_on_a_product_are_print_and_its_highlights_are_not(name):
    photo, matte = photographed(name)

    found = print_region(photo, matte, product_region(matte))

    share = found.sum() / found.size
    assert 0.04 < share < 0.3
    top = found[: len(found) // 8]
    assert name == "box" or not top.any()


def test_hue_and_saturation_alone_are_not_judged_by_the_light_that_they_leave_out(pictures):
    likeness = identity.restore(*pictures, blending=Blending(blend_mode="color")).measurement.likeness

    assert likeness.light_kept is None


def test_a_remedy_names_no_option_that_the_mode_refuses(pictures):
    likeness = identity.restore(*pictures, blending=Blending(blend_mode="alpha")).measurement.likeness
    worse = likeness.model_copy(update={"delta_e_mean": 30.0})

    said = identity.reasons(worse.verdict())[0]

    assert "--blend; in mode light also --ambience" in said


def test_where_there_is_no_print_it_is_said_and_all_is_body():
    photo, matte = carton()
    photo[30:210, 60:180] = (0.2, 0.35, 0.7)
    relit = relit_by_a_model(photo)

    made = identity.restore(photo, relit, matte, blending=Blending(blend_regions="print=0"))

    assert "no print was found" in made.notice
    assert np.abs(made.picture - shading.blend(photo, relit, matte)).max() < 1e-4


@pytest.mark.parametrize("mode", ["color", "alpha"])
def test_what_a_mode_cost_the_product_is_taken_back_where_it_broke_a_limit(pictures, mode):
    photo, _, matte = pictures
    green = to_srgb(to_linear(photo)[..., (2, 0, 1)] * np.float32(0.5))
    pair = shading.pair_pictures(photo, green, matte)
    taken = Blending(blend_mode=mode).of(pair, photo, green, matte).taken

    def judge(picture: np.ndarray) -> identity.Measurement:
        return identity.measure(photo, picture, matte, is_registered=True)

    def compose(layer: shading.RelitLayer) -> np.ndarray:
        return identity.product_with(layer, photo, matte)

    before = judge(compose(taken)).likeness
    repaired = identity.repair(taken, compose, judge)
    after = repaired.measurement.likeness

    assert before.verdict().status == "fail"
    assert after.repaired_percent > 0
    assert after.verdict().status != "fail"


@pytest.mark.parametrize(
    "text",
    ["", "print", "print=", "print=nan", "print=1.1", "print=-0.1", "print=1e-1", "lid=1", "print=1,print=0"],
)
def test_regions_that_cannot_be_read_are_refused(text):
    with pytest.raises(WrongValueError, match=r"print=0\.4,body=1"):
        read_regions(text)


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), -0.01, 1.01])
def test_an_amount_out_of_range_is_refused_in_one_sentence(amount):
    with pytest.raises(SettingError) as refused:
        Blending(blend=amount)

    assert "blend must be" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_cast_is_refused_where_no_light_is_read():
    with pytest.raises(IdleSettingError) as refused:
        Blending(blend_mode="alpha", ambience=0.5)

    assert refused.value.settings == ("ambience",)


def test_an_amount_for_the_whole_is_refused_beside_one_for_each_region():
    with pytest.raises(IdleSettingError) as refused:
        Blending(blend=0.5, blend_regions="print=0.3,body=0.9")

    assert refused.value.settings == ("blend",)
