"""Relighting on a given picture: the scene's light on the product's own colours."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from prodgen import files
from prodgen.color import delta_e, luminance, to_lab, to_linear, to_srgb
from prodgen.errors import ImageError
from prodgen.light import Light, Surroundings
from prodgen.light.relighting import normals_from_matte, relight, relight_on

TRUTH = Path(__file__).resolve().parents[1] / "data" / "truth"


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


def body(front):
    """Light that is `front` on a surface that faces the camera, and half of it on the others."""
    light = np.full(3, front, np.float32)
    return Surroundings(light, light / 2, light / 2, light / 2, Light(), 0.0)


def test_strong_light_compresses_the_highlights_and_does_not_clip_them(product):
    _photo, matte = product
    photo = np.full((120, 90, 3), 0.8, np.float32)
    photo[:, 45:] = 0.9

    relit = relight(photo, matte, body(2.0))

    pale, paler = relit[65, 40].mean(), relit[65, 50].mean()
    assert pale + 0.005 < paler < 1


def test_the_gloss_of_the_studio_is_taken_off_a_black_product(product):
    _photo, matte = product
    black = to_srgb(np.full((120, 90, 3), 0.045, np.float32))

    relit = relight(black, matte, body(1.0))

    assert to_linear(relit)[65, 45].mean() < 0.03


def test_relighting_is_nearer_to_path_traced_truth_than_the_photograph_is():
    ours, paste = [], []
    for name, size in (("box", "tall"), ("mug", "small"), ("pouch", "small")):
        photo, matte = (
            files.load(TRUTH / f"{name}_input.jpg").rgb,
            files.load_matte(TRUTH / f"{name}_matte.png"),
        )
        inside = matte > 0.95
        for place_name in ("city", "night", "sunset"):
            plate = files.load(TRUTH / f"plate_{size}_{place_name}.jpg").rgb
            truth = to_lab(files.load(TRUTH / f"{name}_{place_name}.jpg").rgb[inside])
            ours.append(delta_e(to_lab(relight_on(photo, matte, plate)[inside]), truth).mean())
            paste.append(delta_e(to_lab(photo[inside]), truth).mean())

    assert np.mean(ours) < 8.1, f"DeltaE {np.mean(ours):.2f} (photograph {np.mean(paste):.1f})"


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


def test_a_lamp_lights_the_side_that_faces_it_in_its_colour():
    matte = np.zeros((64, 64), np.float32)
    matte[12:56, 16:48] = 1
    grey, place = np.full((64, 64, 3), 0.5, np.float32), np.full((64, 64, 3), 0.4, np.float32)

    plain = relight_on(grey, matte, place)
    lit = relight_on(
        grey, matte, place, lights=[Light.parse("bare sun left #ff4400"), Light.parse("right #0044ff 40%")]
    )

    west, east = lit[30, 18] - plain[30, 18], lit[30, 45] - plain[30, 45]
    assert west[0] > 0.1 > west[2]
    assert east[2] > 0.1 > east[0]
    np.testing.assert_array_equal(lit[matte == 0], plain[matte == 0])


def test_without_lamps_and_under_an_even_light_the_place_alone_lights():
    matte = np.zeros((64, 64), np.float32)
    matte[12:56, 16:48] = 1
    grey, place = np.full((64, 64, 3), 0.5, np.float32), np.full((64, 64, 3), 0.4, np.float32)

    np.testing.assert_array_equal(
        relight_on(grey, matte, place, lights=[Light.parse("ambient")]), relight_on(grey, matte, place)
    )
