"""A matte gets one number that needs no truth, with reasons and the places."""

import numpy as np
import pytest

from prodgen import files
from prodgen.cutout.quality import assess
from prodgen.errors import ImageError

RED, BLUE = np.float32([0.8, 0.1, 0.1]), np.float32([0.1, 0.2, 0.8])


@pytest.fixture
def photo(disc):
    """A red disc before blue, with a soft edge."""
    return (RED * disc[..., None] + BLUE * (1 - disc[..., None])).astype(np.float32)


def test_a_matte_that_every_look_and_every_edge_confirms_passes(photo, disc):
    quality = assess(photo, disc, [disc, disc[::2, ::2]])

    assert quality.status == "pass"
    assert quality.score > 0.9
    assert quality.doubts == ()


def test_a_part_that_one_look_has_and_the_matte_lacks_is_doubted_and_shown(photo, disc):
    half = disc.copy()
    half[:, 32:] = 0

    quality = assess(photo, half, [disc, disc])

    assert quality.status == "fail"
    assert quality.doubtful[20:44, 36:48].mean() > 0.9
    assert quality.doubtful[:, :8].max() < 0.1


def test_an_outline_where_the_photo_shows_no_edge_is_doubted_though_every_look_has_it(photo, disc):
    with_shadow = np.maximum(disc, np.roll(disc, 12, axis=1))

    quality = assess(photo, with_shadow, [with_shadow])

    assert quality.status != "pass"
    (doubt,) = quality.doubts
    assert "of the outline is not seen in the photograph" in str(doubt)
    assert all(remedy in str(doubt) for remedy in ("--segmenter", "--box", "--points", "--matte", "brush"))


def test_a_smooth_outline_in_a_blank_photo_is_doubted():
    box = np.zeros((400, 400), np.float32)
    box[80:320, 80:320] = 1

    assert assess(np.ones((400, 400, 3), np.float32), box, [box]).status == "fail"


@pytest.mark.parametrize("product", ["box", "jar", "mug", "pouch"])
def test_a_true_matte_passes_even_white_before_white(root, product):
    truth = root / "tests" / "data" / "truth"
    photo = files.load(truth / f"{product}_input.jpg").rgb
    true = files.load_matte(truth / f"{product}_matte.png")

    assert assess(photo, true, [true]).status == "pass"


def test_the_map_of_doubt_is_small_for_a_large_photo(disc):
    large = np.kron(disc, np.ones((20, 10), np.float32))

    quality = assess(np.dstack([large] * 3), large, [large])

    assert quality.doubtful.shape == (512, 256)


def test_a_matte_of_another_size_than_the_photo_is_refused(disc):
    with pytest.raises(ImageError, match="the matte is 64x64 but the photo is 65x64"):
        assess(np.zeros((64, 65, 3), np.float32), disc, [disc])
