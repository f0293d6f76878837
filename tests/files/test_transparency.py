"""Colours that nobody can see are never looked at: not on reading, not in measuring, not in cutting out."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from prodgen import files, transparency
from prodgen.cli import main
from prodgen.client import Client
from prodgen.cutout import cut_out
from prodgen.images import Photo, from_uint8, resize, to_uint8

SIDE = 160
EMBEDDED = ("--backend", "embedded://")


def prodgen(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def soft_disc(radius=45.0):
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    return np.clip((radius + 1 - np.hypot(x - 80, y - 85)) / 2, 0, 1).astype(np.float32)


def rgba(matte, hidden):
    """A red product with a stripe as straight RGBA in 8 bit; `hidden` is what lies under alpha 0."""
    colours = np.empty((SIDE, SIDE, 3), np.float32)
    colours[:] = (0.7, 0.1, 0.12)
    colours[70:90] = (0.9, 0.85, 0.3)
    colours = np.where(matte[..., None] > 0, colours, hidden)
    return np.dstack([to_uint8(colours), to_uint8(matte)])


def save(path, pixels):
    files.save(path, from_uint8(pixels[..., :3]), matte=from_uint8(pixels[..., 3]))


def hidden_colours():
    """What programs leave under alpha 0: black, white, noise, and another product beside this one."""
    noise = np.random.default_rng(3).random((SIDE, SIDE, 3)).astype(np.float32)
    other = np.full((SIDE, SIDE, 3), 0.9, np.float32)
    other[10:150, 5:40] = (0.1, 0.2, 0.6)
    return {"black": np.zeros_like(noise), "white": np.ones_like(noise), "noise": noise, "another": other}


@pytest.mark.parametrize("kind", hidden_colours())
def test_a_picture_is_read_alike_whatever_is_hidden_under_its_alpha(kind):
    matte = soft_disc()

    read = files.load(rgba(matte, hidden_colours()[kind]))

    expected = files.load(rgba(matte, np.full((SIDE, SIDE, 3), 0.5, np.float32)))
    np.testing.assert_array_equal(read.rgb, expected.rgb)


def test_hidden_colours_become_those_of_the_nearest_visible_pixels():
    read = files.load(rgba(soft_disc(), hidden_colours()["white"]))

    np.testing.assert_allclose(read.rgb[5, 80], (0.7, 0.1, 0.12), atol=0.02)
    np.testing.assert_allclose(read.rgb[80, 5], (0.9, 0.85, 0.3), atol=0.02)


def test_visible_colours_stay_to_the_bit():
    pixels = rgba(soft_disc(), hidden_colours()["noise"])

    read = files.load(pixels)

    visible = pixels[..., 3] > 0
    np.testing.assert_array_equal(to_uint8(read.rgb)[visible], pixels[..., :3][visible])


def test_a_picture_with_nothing_visible_is_given_back_as_it_is():
    photo = Photo(np.full((8, 8, 3), 0.3, np.float32), np.zeros((8, 8), np.float32))

    assert transparency.without_hidden_colours(photo) is photo


def test_a_large_picture_is_treated_stripe_by_stripe_as_a_small_one_is_whole(monkeypatch):
    pixels = rgba(soft_disc(), hidden_colours()["black"])
    whole = transparency.seen(files.load(pixels))
    monkeypatch.setattr(transparency, "STRIPE_PX", 7)

    np.testing.assert_array_equal(transparency.seen(files.load(pixels)), whole)


@pytest.mark.parametrize("product", [0.1, 0.9])
def test_a_transparent_picture_is_seen_before_a_ground_that_differs_from_it(product):
    matte = soft_disc()
    photo = Photo(np.full((SIDE, SIDE, 3), product, np.float32), matte)

    shown = transparency.seen(photo)

    assert abs(float(shown[0, 0, 0]) - product) > 0.5
    np.testing.assert_array_equal(shown[matte >= 1], photo.rgb[matte >= 1])


@pytest.mark.parametrize("kind", hidden_colours())
def test_a_named_segmenter_finds_the_product_that_is_visible(kind):
    matte = soft_disc()

    found = cut_out(rgba(matte, hidden_colours()[kind]), segmenter="classical").matte

    both, either = (found > 0.5) & (matte > 0.5), (found > 0.5) | (matte > 0.5)
    assert both.sum() / either.sum() > 0.97


def test_a_cut_out_with_its_own_alpha_keeps_its_own_colours():
    pixels = rgba(soft_disc(), hidden_colours()["white"])

    cut = cut_out(pixels)

    soft = (cut.matte > 0) & (cut.matte < 1)
    np.testing.assert_array_equal(to_uint8(cut.foreground)[soft], pixels[..., :3][soft])


def test_a_jpeg_of_a_transparent_picture_stands_on_white(tmp_path):
    photo = files.load(rgba(soft_disc(), hidden_colours()["black"]))

    files.save(tmp_path / "a.jpg", photo.rgb, matte=photo.matte, quality=100)

    read = files.load(tmp_path / "a.jpg").rgb
    np.testing.assert_allclose(read[2:10, 2:10], 1, atol=0.01)
    np.testing.assert_allclose(read[100, 80], (0.7, 0.1, 0.12), atol=0.03)


def test_an_enlarged_picture_keeps_its_transparency(tmp_path):
    save(tmp_path / "a.png", rgba(soft_disc(), hidden_colours()["white"]))

    done = prodgen("upscale", tmp_path / "a.png", *EMBEDDED, "-o", tmp_path / "b.png")

    large = files.load(tmp_path / "b.png")
    assert done.exit_code == 0, done.output
    np.testing.assert_allclose(large.matte, resize(soft_disc(), 320, 320), atol=0.01)
    assert large.matte[0, 0] == large.matte[-1, -1] == 0
    rim = (large.matte > 0.05) & (large.matte < 0.3)  # nothing of what was hidden shines through at the edge
    assert np.abs(large.rgb[rim][:, 1] - 0.1).min() < 0.05
    assert large.rgb[rim].max() < 0.93


def test_an_enlarged_jpeg_of_a_transparent_picture_is_said_to_stand_on_white(tmp_path):
    save(tmp_path / "a.png", rgba(soft_disc(), hidden_colours()["black"]))

    done = prodgen("upscale", tmp_path / "a.png", *EMBEDDED, "-o", tmp_path / "b.jpg")

    assert "stands on white" in done.output
    assert files.load(tmp_path / "b.jpg").rgb[0, 0].min() > 0.97


def test_an_enlargement_of_the_library_keeps_transparency_too(tmp_path):
    with Client("embedded://") as client:
        larger = client.upscale(image=rgba(soft_disc(), hidden_colours()["black"]))

    larger.save(tmp_path / "b.png")
    np.testing.assert_allclose(files.load(tmp_path / "b.png").matte, resize(soft_disc(), 320, 320), atol=0.01)


def test_blending_into_a_transparent_picture_leaves_it_transparent_around_the_product(tmp_path):
    pixels = rgba(soft_disc(), hidden_colours()["black"])
    save(tmp_path / "a.png", pixels)
    save(tmp_path / "relit.png", pixels)
    files.save_matte(tmp_path / "matte.png", soft_disc())

    done = prodgen(
        *("blend", tmp_path / "a.png", tmp_path / "relit.png", "--matte", tmp_path / "matte.png"),
        *("-o", tmp_path / "b.png"),
    )

    assert done.exit_code == 0, done.output
    blended = files.load(tmp_path / "b.png")
    np.testing.assert_allclose(blended.matte, soft_disc(), atol=0.01)
    np.testing.assert_allclose(blended.rgb[100, 80], (0.7, 0.1, 0.12), atol=0.02)


def test_blending_a_transparent_original_into_an_opaque_picture_says_that_it_is_opaque(tmp_path):
    pixels = rgba(soft_disc(), hidden_colours()["black"])
    save(tmp_path / "a.png", pixels)
    files.save(tmp_path / "relit.png", transparency.seen(files.load(tmp_path / "a.png")))

    done = prodgen("blend", tmp_path / "a.png", tmp_path / "relit.png", "-o", tmp_path / "b.png", "--json")

    assert files.load(tmp_path / "b.png").matte is None
    assert "RELIT is not" in " ".join(json.loads(done.stdout)["notices"])


@pytest.mark.parametrize("kind", hidden_colours())
def test_a_transparent_photo_keeps_its_outline_whatever_is_hidden_in_it(kind, tmp_path):
    save(tmp_path / "a.png", rgba(soft_disc(), hidden_colours()[kind]))

    done = prodgen(
        *("shoot", tmp_path / "a.png", "--prompt", "on a pink podium", *EMBEDDED, "--seed", 7, "--json"),
        *("-o", tmp_path / "b.png"),
    )

    told = json.loads(done.stdout)
    assert told["identity"]["outline_growth_percent"] is None or (
        abs(told["identity"]["outline_growth_percent"]) < 0.5
    )
    assert told["verdict"] == "pass"
