"""Photographs larger than segmenters need: found in a reduced one, fitted in the photograph's own pixels."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from prodgen import codecs, files
from prodgen.cutout import cut_out
from prodgen.cutout.doubts import Segmentation
from prodgen.errors import SettingError
from prodgen.images import Photo, resize

WIDTH, HEIGHT = 4200, 3000


@pytest.fixture(scope="module")
def large():
    """A photograph of 12.6 megapixels in 8 bit, of a red disc with an edge of three pixels, and its matte."""
    y, x = np.ogrid[:HEIGHT, :WIDTH]
    away = np.sqrt(((x - 2000) ** 2 + (y - 1600) ** 2).astype(np.float32))
    matte = np.clip((900.5 - away) / 3 + 0.5, 0, 1)
    product, behind = np.float32([0.7, 0.1, 0.12]), np.float32([0.85, 0.86, 0.88])
    pixels = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    for channel in range(3):
        mixed = behind[channel] + matte * (product[channel] - behind[channel])
        pixels[..., channel] = mixed * 255 + 0.5
    return Photo(pixels), matte


class Finder:
    """A segmenter that finds what is told, a pixel too far out, and remembers what it was shown."""

    name = "finder"

    def __init__(self, truth):
        self.truth, self.asked = truth, {}

    def segment(self, rgb, *, box=None, points=()):
        self.asked = {"shape": rgb.shape, "box": box, "points": tuple(points)}
        found = np.roll(resize(self.truth, rgb.shape[1], rgb.shape[0]), 1, axis=1)
        return Segmentation(found)


def test_the_edge_of_a_large_photo_is_fitted_at_its_own_resolution(large):
    photo, truth = large

    cut = cut_out(photo, segmenter=Finder(truth))

    rough = resize(np.roll(resize(truth, 2048, 1463), 1, axis=1), WIDTH, HEIGHT)
    before, after = np.abs(rough - truth).sum(), np.abs(cut.matte - truth).sum()
    assert cut.matte.shape == truth.shape
    assert cut.photo is photo
    assert after < 0.25 * before, f"error {after:.0f}, was {before:.0f}"


def test_a_large_photo_is_never_made_floats_as_a_whole(large):
    photo, truth = large
    photo = Photo(photo.pixels)
    finder = Finder(resize(truth, 840, 600))

    tracemalloc.start()
    cut = cut_out(photo, segmenter=finder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert max(finder.asked["shape"]) < 3000
    assert "rgb" not in vars(photo)
    assert peak - cut.matte.nbytes < 4 * photo.pixels.nbytes  # in floats alone it takes as much


def test_box_and_points_of_a_large_photo_are_told_where_they_lie_in_the_reduced_one(large):
    photo, truth = large
    finder = Finder(truth)

    cut = cut_out(photo, segmenter=finder, box=(1000, 500, 3000, 2600), points=[(2000, 1600, True)])

    assert cut.matte[:500].max() == cut.matte[:, 3000:].max() == 0
    assert cut.matte[1600, 2000] == 1
    if finder.asked["points"]:
        x, _, is_product = finder.asked["points"][0]
        assert is_product
        assert x < 2000 * 0.6


def test_a_box_outside_a_large_photo_is_refused_in_its_own_pixels(large):
    with pytest.raises(SettingError, match=f"{WIDTH}x{HEIGHT}"):
        cut_out(large[0], segmenter=Finder(large[1]), box=(0, 0, WIDTH + 1, 10))


def test_what_is_transparent_in_a_large_photo_is_no_product(large):
    photo, truth = large
    alpha = np.ones((HEIGHT, WIDTH), np.float32)
    alpha[:, :2000] = 0

    cut = cut_out(Photo(photo.pixels, alpha), segmenter=Finder(truth))

    assert cut.matte[:, :2000].max() == 0
    assert cut.matte[1600, 2400] > 0.99


@pytest.mark.parametrize("shape", [(8, 20_000), (1, 4_000), (4_000, 3)])
def test_a_strip_of_few_rows_is_cut_out_like_any_other(shape):
    pixels, truth = np.full((*shape, 3), 230, np.uint8), np.zeros(shape, np.float32)
    middle = tuple(slice(0, side) if side < 10 else slice(side // 4, side // 2) for side in shape)
    pixels[middle], truth[middle] = (150, 40, 30), 1

    cut = cut_out(Photo(pixels), segmenter=Finder(truth))

    assert np.abs(cut.matte - truth).mean() < 0.01


def test_an_8_bit_file_is_kept_in_8_bit_until_its_floats_are_asked_for(large):
    read = files.load(codecs.encode("JPEG", large[0].rgb[:64, :64]))

    assert read.pixels.dtype == np.uint8
    assert read.rgb.dtype == np.float32
    np.testing.assert_array_equal(read.rgb, read.pixels.astype(np.float32) * np.float32(1 / 255))
