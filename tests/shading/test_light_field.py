"""The light field and the blend: what stays exact, what light does, and what it must not do."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from prodgen import shading
from prodgen.color import delta_e, from_lab, to_lab, to_linear, to_srgb
from prodgen.errors import IdentityError, ImageError
from prodgen.shading.register import align
from prodgen.shading.turn import find_turn

SIZE = 160


def carton(size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """A carton with orange, blue and white parts and black strokes, on light grey; and its matte."""
    picture = np.full((size, size, 3), 0.8, np.float32)
    k = size / 160
    box = [round(v * k) for v in (28, 24, 132, 140)]
    left, top, right, bottom = box
    picture[top:bottom, left:right] = 0.88
    picture[round(104 * k) : bottom, left:right] = (0.85, 0.42, 0.15)
    picture[top : round(50 * k), left:right] = (0.15, 0.32, 0.75)
    for line in range(4):
        y = round((58 + 11 * line) * k)
        for column in range(9 - line):
            x = round((36 + 10 * column) * k)
            picture[y : y + round(6 * k), x : x + max(2, round(3 * k))] = 0.1
            picture[y : y + max(2, round(2 * k)), x : x + round(6 * k)] = 0.1
    matte = np.zeros((size, size), np.float32)
    matte[top:bottom, left:right] = 1
    matte = cv2.GaussianBlur(matte, (0, 0), 0.7)
    matte[matte > 0.98], matte[matte < 0.02] = 1, 0
    return picture, matte


def soft_light(size: int = SIZE) -> np.ndarray:
    """Smooth light between 0.35 and 1."""
    y, x = np.mgrid[:size, :size] / size
    return (0.35 + 0.65 * x * (1 - 0.4 * y)).astype(np.float32)[..., None]


def in_light(picture: np.ndarray, color: tuple[float, float, float] = (1, 1, 1)) -> np.ndarray:
    return to_srgb(to_linear(picture) * soft_light(picture.shape[0]) * np.float32(color))


def turned(picture: np.ndarray, degrees: float, chroma: float = 1.0) -> np.ndarray:
    """The picture with its hue turned in CIE L*a*b* and its chroma scaled."""
    lab = to_lab(picture)
    c, s = chroma * np.cos(np.radians(degrees)), chroma * np.sin(np.radians(degrees))
    a, b = lab[..., 1].copy(), lab[..., 2].copy()
    lab[..., 1], lab[..., 2] = c * a - s * b, s * a + c * b
    return from_lab(lab)


def turned_around_the_hexagon(picture: np.ndarray, degrees: float) -> np.ndarray:
    """The picture with its hue turned in HSV, as photo editors do."""
    hsv = cv2.cvtColor(picture.astype(np.float32), cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + degrees) % 360
    return np.clip(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), 0, 1)


def far(a: np.ndarray, b: np.ndarray, matte: np.ndarray) -> float:
    inside = matte > 0.9
    return float(delta_e(to_lab(a[inside]), to_lab(b[inside])).mean())


def test_a_relit_picture_that_is_the_photograph_changes_nothing():
    photo, matte = carton()

    result = shading.blend(photo, photo, matte)

    assert np.abs(result - photo).max() <= 1 / 255


@pytest.mark.parametrize("color", [(1, 1, 1), (1.1, 0.98, 0.8)])
def test_a_photograph_in_smooth_light_is_reproduced(color):
    photo, matte = carton()
    relit = in_light(photo, color)

    result = shading.blend(photo, relit, matte)

    assert far(result, relit, matte) < 1, far(result, relit, matte)


@pytest.mark.parametrize("turn_hues", [turned, turned_around_the_hexagon])
@pytest.mark.parametrize("degrees", [5, 25, 60, 120, 180, 270])
def test_turning_the_hues_of_the_relit_product_hardly_changes_the_result(turn_hues, degrees):
    photo, matte = carton()
    relit = in_light(photo)
    wrong = np.where(matte[..., None] > 0, turn_hues(relit, degrees), relit)

    change = far(shading.blend(photo, wrong, matte), shading.blend(photo, relit, matte), matte)

    assert change < 1.5, change


def test_what_a_turn_pushed_out_of_srgb_is_completed():
    photo, matte = carton()
    relit = in_light(photo)
    wrong = np.where(matte[..., None] > 0, turned(relit, 180), relit)

    result = shading.blend(photo, wrong, matte)

    # The orange and the blue are cut off; taken back as they are they come out 8 steps duller.
    assert far(result, relit, matte) < 0.7, far(result, relit, matte)


@pytest.mark.parametrize("color", [(1, 0.92, 0.8), (0.8, 0.95, 1.1), (1.1, 0.98, 0.7)])
def test_coloured_light_is_no_turn(color):
    photo, matte = carton()
    weight = (matte > 0.9).astype(np.float32)

    found = find_turn(to_linear(photo), to_linear(in_light(photo, color)), weight, np.ones(3, np.float32))

    assert found.angle_deg == 0


def test_a_bleached_product_gets_its_colours_back():
    photo, matte = carton()
    relit = in_light(photo)
    grey = np.where(matte[..., None] > 0, turned(relit, 0, chroma=0.3), relit)

    result = shading.blend(photo, grey, matte)

    assert far(result, relit, matte) < 0.4 * far(grey, relit, matte)


def test_the_lights_colour_is_told_from_a_veil_by_what_survived_of_the_products_colours():
    photo, matte = carton()
    linear = to_linear(in_light(photo, (1.2, 0.97, 0.7)))
    luma = linear @ np.float32([0.2126, 0.7152, 0.0722])
    veil = np.float32([0.8, 1.0, 1.6])
    relit = to_srgb(
        0.35 * linear + 0.65 * luma[..., None] * veil / (veil @ np.float32([0.2126, 0.7152, 0.0722]))
    )

    light = shading.light_field(photo, relit, matte).illuminant

    assert light.share == pytest.approx(0.35, abs=0.08)
    # The veil is blue, the light is not.
    assert light.veil[2] > light.veil[0]
    assert light.light[0] > light.light[2]


def test_a_material_that_the_model_made_darker_is_not_taken_for_shadow():
    photo, matte = carton()
    relit = turned(in_light(photo), 0, chroma=0.3)
    orange = (to_lab(photo)[..., 1] > 25) & (matte > 0)
    dark = np.where(orange[..., None], to_srgb(to_linear(relit) * np.float32(0.7)), relit)

    result = shading.blend(photo, dark, matte)

    ratio = to_linear(result)[orange].mean() / to_linear(in_light(photo))[orange].mean()
    # Untreated it would be 0.7.
    assert ratio > 0.8, ratio


def test_strength_0_is_the_photograph_exactly():
    photo, matte = carton()

    result = shading.blend(photo, in_light(photo), matte, strength=0)

    np.testing.assert_array_equal(result[matte == 1], photo[matte == 1])


def test_ambience_0_takes_no_colour_from_the_light():
    photo, matte = carton()

    field = shading.light_field(photo, in_light(photo, (1.15, 0.98, 0.75)), matte, ambience=0)

    assert np.abs(field.gain / field.gain.mean(axis=-1, keepdims=True) - 1).max() < 1e-3


def test_outside_the_matte_the_scene_stays_to_the_bit():
    photo, matte = carton()
    relit = np.random.default_rng(1).random(photo.shape, np.float32) * 0.2 + in_light(photo) * 0.8

    result = shading.blend(photo, relit, matte)

    np.testing.assert_array_equal(result[matte == 0], relit[matte == 0])


def test_an_edge_before_a_new_scene_has_no_fringe_of_the_old_one():
    photo, matte = carton()
    # The photograph's edge pixels are mixed with its white backdrop, the relit one's with night.
    mixed = photo * matte[..., None] + 1.0 * (1 - matte[..., None])
    night = 0.35 * photo * matte[..., None] + 0.02 * (1 - matte[..., None])

    result = shading.blend(mixed, night, matte)

    edge = (matte > 0.05) & (matte < 0.95)
    assert np.abs(result - night)[edge].max() < 0.06


@pytest.mark.parametrize(("side", "factor"), [(160, 0.5), (160, 0.37), (96, 2.0)])
def test_photograph_and_relit_picture_may_differ_in_resolution(side, factor):
    photo, matte = carton(side)
    relit = in_light(photo)
    other = cv2.resize(relit, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)

    result = shading.blend(photo, other, matte)

    assert result.shape == photo.shape
    assert far(result, relit, matte) < 1.2, far(result, relit, matte)


@pytest.mark.parametrize("warp", [[[1, 0, 3], [0, 1, 2]], [[1.03, 0, -2.4], [0, 1.03, -2.4]]])
def test_a_product_that_moved_or_grew_is_found_first(warp):
    photo, matte = carton()
    relit = in_light(photo)
    moved = cv2.warpAffine(relit, np.float32(warp), (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE)
    core = cv2.erode(matte, np.ones((9, 9)))

    result = shading.blend(photo, moved, matte)

    assert far(result, relit, core) < 1.5, far(result, relit, core)


def test_a_picture_of_something_else_is_refused():
    photo, matte = carton()
    noise = cv2.resize(np.random.default_rng(0).random((20, 20, 3), np.float32), (SIZE, SIZE))

    with pytest.raises(IdentityError, match="does not show this product"):
        shading.blend(photo, noise, matte)


def test_two_products_in_one_frame_have_the_light_that_each_would_have_alone():
    photo, matte = (x[:, 10:150] for x in carton())
    orange = ((to_lab(photo)[..., 1] > 25) & (matte > 0))[..., None]
    bleached = turned(to_srgb(to_linear(photo) * 0.6), 0, chroma=0.3)
    # The model drew the one's orange darker and the other's lighter: together they would tell of neither.
    dark, light = (
        np.where(orange, to_srgb(to_linear(bleached) * np.float32(k)), bleached) for k in (0.55, 1.5)
    )

    both = shading.blend(np.hstack([photo] * 2), np.hstack([dark, light]), np.hstack([matte] * 2))

    assert far(both[:, :140], shading.blend(photo, dark, matte), matte) < 0.15
    assert far(both[:, 140:], shading.blend(photo, light, matte), matte) < 0.15


@pytest.mark.parametrize(("scale", "shift"), [(1.03, 0.0), (0.97, 0.0), (1.0, 3.0), (1.02, 2.0)])
def test_registration_finds_growth_and_shift(scale, shift):
    photo, matte = carton()
    warp = np.float32([[scale, 0, 80 * (1 - scale) + shift], [0, scale, 80 * (1 - scale)]])
    moved = cv2.warpAffine(in_light(photo), warp, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE)

    found = align(to_linear(photo), to_linear(moved), (matte > 0.9).astype(np.float32))

    assert found.warp[0, 0] == pytest.approx(scale, abs=0.006)
    assert found.warp[0, 2] * SIZE + found.warp[0, 0] * 80 - 80 == pytest.approx(shift, abs=0.5)


@pytest.mark.parametrize("degrees", [-150, -60, 40, 110])
def test_a_turn_of_the_hues_is_found_and_told_from_light(degrees):
    photo, matte = carton()
    pale = turned(photo, 0, chroma=0.4)
    weight = (matte > 0.9).astype(np.float32)
    relit = in_light(pale, (1.1, 0.98, 0.8))

    honest = find_turn(to_linear(pale), to_linear(relit), weight, np.ones(3, np.float32))
    found = find_turn(to_linear(pale), to_linear(turned(relit, degrees)), weight, np.ones(3, np.float32))

    assert honest.angle_deg == 0
    assert found.angle_deg == pytest.approx(degrees, abs=1)


@pytest.mark.parametrize("degrees", [30, 90, 180, 270])
def test_in_light_of_strong_colour_a_turn_of_hues_hardly_changes_the_result(degrees):
    photo, matte = carton()
    pale = turned(photo, 0, chroma=0.3)
    relit = in_light(pale, (0.8, 0.68, 0.49))
    wrong = np.where(matte[..., None] > 0, turned(relit, degrees), relit)

    change = far(shading.blend(pale, wrong, matte), shading.blend(pale, relit, matte), matte)

    assert far(wrong, relit, matte) > 4
    assert change < 1.5, change


def test_light_bluer_than_any_sky_is_not_believed():
    photo, matte = carton()

    seen = shading.light_field(photo, in_light(photo, (0.4, 0.9, 2.6)), matte).illuminant

    assert seen.confidence < 0.2
    assert seen.light.max() < 1.2


def test_a_field_fits_a_photograph_of_any_size():
    photo, matte = carton(96)
    field = shading.light_field(photo, in_light(photo), matte)
    large, large_matte = carton(192)

    result = shading.apply(large, field, large_matte)

    assert far(result, in_light(large), large_matte) < 1.5
    np.testing.assert_array_equal(result[large_matte == 0], large[large_matte == 0])


def test_over_exposed_white_stays_white_in_coloured_light():
    photo, matte = carton()
    relit = to_srgb(to_linear(photo) * np.float32([2.2, 1.9, 1.5]))

    result = shading.blend(photo, relit, matte)

    label = result[90:100, 110:125]
    assert label.min() > 0.97, label.min()


@pytest.mark.parametrize("matte", [np.zeros((SIZE, SIZE), np.float32), np.eye(SIZE, dtype=np.float32) * 0.5])
def test_a_matte_without_a_product_is_an_error(matte):
    photo, _ = carton()

    with pytest.raises(IdentityError):
        shading.blend(photo, photo, matte)


def test_a_matte_of_another_size_is_an_error():
    photo, matte = carton()

    with pytest.raises(ImageError, match="matte"):
        shading.blend(photo, photo, matte[:-1])


def test_the_inputs_are_not_modified():
    photo, matte = carton(96)
    relit = in_light(photo)
    before = photo.copy(), relit.copy(), matte.copy()

    shading.blend(photo, relit, matte)

    for was, now in zip(before, (photo, relit, matte), strict=True):
        np.testing.assert_array_equal(was, now)
