"""Relighting on a given picture: the scene's light on the product's own colours."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from prodgen.color import delta_e, luminance, to_lab, to_linear, to_srgb
from prodgen.errors import ImageError
from prodgen.light.relighting import normals_from_matte, relight_on


def place(floor, backdrop):
    linear = np.empty((120, 90, 3), np.float32)
    linear[:48], linear[48:] = backdrop, floor
    return to_srgb(linear)


@pytest.fixture
def product():
    matte = np.zeros((120, 90), np.float32)
    matte[40:90, 30:60] = 1
    matte = cv2.GaussianBlur(matte, (0, 0), 0.7)
    photo = np.full((120, 90, 3), 0.95, np.float32)
    photo[matte > 0.01] = (0.2, 0.5, 0.7)
    return photo, matte


def inside_mean(picture, matte):
    return to_linear(picture)[matte > 0.95].mean(axis=0)


def test_the_background_stays_to_the_bit(product):
    photo, matte = product
    scene = np.random.default_rng(0).random((120, 90, 3), np.float32)

    np.testing.assert_array_equal(relight_on(photo, matte, scene)[matte == 0], scene[matte == 0])


def test_an_ordinary_place_leaves_the_product_about_as_it_is(product):
    photo, matte = product

    relit = relight_on(photo, matte, place((0.3, 0.3, 0.3), (0.2, 0.2, 0.2)))

    assert delta_e(to_lab(relit), to_lab(photo))[matte > 0.95].mean() < 6


def test_a_dark_place_darkens_the_product(product):
    photo, matte = product
    day = inside_mean(relight_on(photo, matte, place((0.3,) * 3, (0.2,) * 3)), matte)
    night = inside_mean(relight_on(photo, matte, place((0.02,) * 3, (0.01,) * 3)), matte)

    assert luminance(night[None])[0] < 0.5 * luminance(day[None])[0]


def test_blue_light_makes_the_product_bluer(product):
    photo, matte = product
    neutral = inside_mean(relight_on(photo, matte, place((0.3,) * 3, (0.2,) * 3)), matte)
    blue = inside_mean(relight_on(photo, matte, place((0.25, 0.28, 0.4), (0.2,) * 3)), matte)

    assert blue[2] / blue[0] > 1.1 * neutral[2] / neutral[0]


def test_the_products_detail_survives(product):
    _photo, matte = product
    rng = np.random.default_rng(2)
    photo = rng.random((120, 90, 3), np.float32)

    relit = relight_on(photo, matte, place((0.3,) * 3, (0.2,) * 3))

    inside = matte > 0.95
    assert np.corrcoef(photo[inside].ravel(), relit[inside].ravel())[0, 1] > 0.97


def test_normals_are_units_that_face_outwards_at_the_rim(disc):
    normals = normals_from_matte(disc)

    np.testing.assert_allclose(np.linalg.norm(normals, axis=-1), 1, atol=1e-5)
    assert normals[32, 32, 2] > 0.95
    assert normals[32, 50, 0] > 0.3
    assert normals[32, 13, 0] < -0.3
    assert normals[13, 32, 1] > 0.3


def test_sizes_that_differ_are_refused(product):
    photo, matte = product

    with pytest.raises(ImageError, match="sizes differ"):
        relight_on(photo, matte, np.zeros((60, 60, 3), np.float32))


@pytest.mark.parametrize("place_name", ["night", "city", "sunset"])
def test_relighting_is_nearer_to_the_render_than_the_photograph_is(shared, place_name):
    def read(path):
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype(np.float32) / 255
        return np.ascontiguousarray(picture[..., [2, 1, 0, 3][: picture.shape[-1]]])

    truth_folder = shared / "truth"
    photo, matte = (
        read(truth_folder / "mug_input.png")[..., :3],
        read(truth_folder / "mug_cutout.png")[..., 3],
    )
    truth = to_lab(read(truth_folder / f"mug_{place_name}.png")[..., :3])

    relit = relight_on(photo, matte, read(truth_folder / f"plate_small_{place_name}.png")[..., :3])

    inside = matte > 0.9
    ours, paste = delta_e(to_lab(relit), truth)[inside].mean(), delta_e(to_lab(photo), truth)[inside].mean()
    assert ours < 0.95 * paste, f"DeltaE {ours:.1f}, photograph {paste:.1f}"
