"""A matte gets one number that needs no truth, with reasons and the places."""

import pickle

import cv2
import numpy as np
import pytest

from prodgen import files
from prodgen.cutout import Doubt
from prodgen.cutout.quality import MatteQuality, assess, fitted
from prodgen.cutout.symptoms import Symptoms, gather
from prodgen.errors import ImageError

PRODUCTS = ["box", "jar", "mug", "pouch"]


@pytest.fixture
def shot(root):
    """A path-traced product and its true matte."""

    def load(product):
        truth = root / "tests" / "data" / "truth"
        return files.load(truth / f"{product}_input.jpg").rgb, files.load_matte(
            truth / f"{product}_matte.png"
        )

    return load


def wheel(size=400):
    """A thin wheel with spokes before a grey backdrop, and its matte: the openings between are backdrop."""
    large = np.zeros((4 * size, 4 * size), np.uint8)
    centre, radius = 2 * size, int(1.4 * size)
    cv2.circle(large, (centre, centre), radius, 1, 60)
    for turn in np.linspace(0, np.pi, 9)[:-1]:
        along = (np.array([np.cos(turn), np.sin(turn)]) * radius).astype(int)
        cv2.line(large, tuple(int(v) for v in centre - along), tuple(int(v) for v in centre + along), 1, 14)
    true = cv2.resize(large.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(3).normal(0, 0.004, (size, size, 3))
    rgb = 0.15 * true[..., None] + 0.75 * (1 - true[..., None]) + noise
    return rgb.clip(0, 1).astype(np.float32), true


def lost(true):
    """The matte without the lower 40 % of the product."""
    rows = np.flatnonzero(true.max(axis=1) > 0.5)
    less = true.copy()
    less[int(rows[0] + 0.6 * (rows[-1] - rows[0])) :] = 0
    return less


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_true_matte_passes_even_white_before_white(shot, product):
    photo, true = shot(product)

    quality = assess(photo, true, [true])

    assert quality.status == "pass"
    assert quality.doubts == ()
    assert quality.reasons == ()


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_part_that_another_look_has_is_missed_and_shown(shot, product):
    photo, true = shot(product)
    part = lost(true)

    quality = assess(photo, part, [true, true])

    assert quality.status != "pass"
    assert quality.score < assess(photo, true, [true, true]).score
    missing = cv2.resize(true - part, quality.doubtful.shape[::-1], interpolation=cv2.INTER_AREA) > 0.9
    assert quality.doubtful[missing].mean() > 0.9


def test_a_wheel_without_openings_is_doubted_though_every_look_agrees():
    photo, true = wheel()
    filled = np.zeros_like(true)
    cv2.circle(filled, (200, 200), 146, 1, -1)

    quality = assess(photo, filled, [filled, filled])

    assert quality.status != "pass"
    assert quality.reasons[0].kind == "backdrop inside"


@pytest.mark.parametrize("product", PRODUCTS)
def test_print_alone_is_doubted_if_one_look_has_the_product(shot, product):
    photo, true = shot(product)
    edges = cv2.Canny((photo * 255).astype(np.uint8), 60, 160)
    letters = (
        true * (cv2.dilate(edges, np.ones((3, 3), np.uint8)) > 0) * (cv2.erode(true, np.ones((9, 9))) > 0)
    )

    assert assess(photo, letters.astype(np.float32), [letters.astype(np.float32), true]).status != "pass"


def test_the_doubt_names_number_reasons_and_remedies(shot):
    photo, true = shot("mug")

    (doubt,) = assess(photo, lost(true), [true]).doubts

    assert doubt.because
    assert f"{doubt.share:.0%}" in str(doubt)
    assert str(doubt.because[0]) in str(doubt)
    assert all(remedy in str(doubt) for remedy in ("--segmenter", "--box", "--points", "--matte", "brush"))


@pytest.mark.parametrize("seed", range(6))
def test_no_share_is_more_than_the_whole(seed):
    dice = np.random.default_rng(seed)
    photo = dice.random((60, 80, 3), np.float32)
    matte, other = (cv2.GaussianBlur(dice.random((60, 80), np.float32), (0, 0), seed + 0.5) for _ in range(2))

    found = gather(photo, matte * (seed + 1) / 4, [other])

    assert all(0 <= share <= 1 for share in found.shares.values())
    assert np.isfinite(found.symptoms).all()
    assert 0 <= found.doubtful.min() <= found.doubtful.max() <= 1


def test_a_matte_of_nothing_or_everything_is_measured_too():
    photo = np.full((40, 50, 3), 0.5, np.float32)

    for value in (0, 1):
        matte = np.full((40, 50), value, np.float32)
        assert np.isfinite(gather(photo, matte, [matte]).symptoms).all()


def test_the_map_of_doubt_is_small_for_a_large_photo(disc):
    large = np.kron(disc, np.ones((20, 10), np.float32))

    quality = assess(np.dstack([large] * 3), large, [large])

    assert quality.doubtful.shape == (512, 256)


def test_without_a_look_the_network_that_comes_with_prodgen_takes_one(shot):
    photo, true = shot("mug")

    assert assess(photo, lost(true), ()).score < assess(photo, lost(true), [lost(true)]).score


def test_a_matte_of_another_size_than_the_photo_is_refused(disc):
    with pytest.raises(ImageError, match="the matte is 64x64 but the photo is 65x64"):
        assess(np.zeros((64, 65, 3), np.float32), disc, [disc])


def test_the_model_has_a_weight_for_every_number_and_no_more():
    model = fitted()

    assert len(model.weights) == len(Symptoms._fields)
    assert (model.deviations > 0).all()
    assert 0 < model.fail_score <= model.pass_score < 1


def test_a_quality_survives_the_way_to_another_process(disc):
    quality = MatteQuality(0.4, "warn", (Doubt("looks disagree", 0.2),), disc)

    back = pickle.loads(pickle.dumps(quality))

    assert back.doubts == quality.doubts
    np.testing.assert_array_equal(back.doubtful, quality.doubtful)
