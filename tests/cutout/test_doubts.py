"""A useless matte is refused; what is doubtful about a usable one is a fact, with a sentence for people."""

import pickle

import numpy as np
import pytest

from prodgen.cutout import Doubt
from prodgen.cutout.doubts import check_matte, check_sureness
from prodgen.errors import ImageError, SegmentationError

RED, BLUE = np.float32([0.8, 0.1, 0.1]), np.float32([0.1, 0.2, 0.8])


def mixed(matte, product=RED, behind=BLUE):
    """What a camera sees: product over backdrop, mixed at the edge."""
    return (product * matte[..., None] + behind * (1 - matte[..., None])).astype(np.float32)


def test_check_has_nothing_to_say_about_a_sound_matte(disc):
    assert check_matte(disc, mixed(disc)) == []


@pytest.mark.parametrize(("value", "word"), [(0.0, "empty"), (1.0, "full"), (0.3, "empty")])
def test_check_refuses_a_useless_matte_and_says_what_to_try(value, word):
    matte = np.full((40, 40), value, np.float32)

    with pytest.raises(SegmentationError, match=f"{word}.*--segmenter.*--box.*--matte"):
        check_matte(matte, mixed(matte))


def test_check_names_the_sides_where_the_product_is_cut_off(disc):
    touching = disc[15:]

    (doubt,) = check_matte(touching, mixed(touching))

    assert "photo's top and is cut off" in str(doubt)


def test_tells_of_a_product_too_small_to_show():
    matte = np.zeros((200, 200), np.float32)
    matte[90:106, 90:106] = 1

    (doubt,) = check_matte(matte, mixed(matte))

    assert "fills only 0.6%" in str(doubt)


def test_tells_of_a_matte_that_is_mostly_guessed(disc):
    guessed = disc * np.float32(0.6)

    (doubt,) = check_sureness(guessed)

    assert check_sureness(disc) == []
    assert str(doubt).startswith("100% of the matte is half-sure")


@pytest.mark.parametrize("sides", [np.s_[:, 24:72], np.s_[24:72]])
def test_check_doubts_a_product_that_goes_from_border_to_border(sides):
    band = np.zeros((96, 96), np.float32)
    band[sides] = 1

    (doubt,) = check_matte(band, mixed(band))

    assert "if it is whole, the backdrop was taken for it" in doubt.fact
    assert "--box" in str(doubt)
    assert "--" not in doubt.fact, "a sheet is for people without a command line"


def test_check_doubts_a_matte_of_nearly_the_whole_photo():
    matte = np.ones((100, 100), np.float32)
    matte[2:12, 2:62] = 0  # one colour of a palette that is transparent

    assert any(
        "94% of the photo is taken for product" in str(doubt) for doubt in check_matte(matte, mixed(matte))
    )


def test_a_matte_of_another_size_than_the_photo_is_refused(disc):
    with pytest.raises(ImageError, match="the matte is 64x64 but the photo is 65x64"):
        check_matte(disc, np.zeros((64, 65, 3), np.float32))


def test_a_doubt_survives_the_way_to_another_process():
    doubt = Doubt("cut off", sides=("left", "right"))

    assert pickle.loads(pickle.dumps(doubt)) == doubt
    assert doubt.spans_the_photo
