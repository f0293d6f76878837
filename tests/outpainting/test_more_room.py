"""More room around a photograph: how much, a plain backdrop continued, a model's picture joined, the seam."""

from __future__ import annotations

import numpy as np
import pytest

from prodgen.color import delta_e, to_lab
from prodgen.errors import PlacementError, WrongValueError
from prodgen.masks import blur
from prodgen.outpainting import (
    Expansion,
    Joint,
    continue_backdrop,
    is_plain,
    join,
    measure_seam,
    read_expansion,
    start_picture,
)


def sweep(side=240, noise=0.004):
    """A studio sweep with a vignette and camera noise, and a dark product with its matte."""
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    light = 0.75 + 0.15 * y - 0.1 * (x - 0.5) ** 2
    picture = np.repeat(light[..., None], 3, axis=2) * np.array([1, 0.99, 0.97])
    picture = picture + np.random.default_rng(2).normal(0, noise, picture.shape)
    matte = np.zeros((side, side), np.float32)
    matte[side // 3 : 2 * side // 3, side // 3 : 2 * side // 3] = 1
    picture[matte > 0] = (0.5, 0.05, 0.1)
    return np.clip(picture, 0, 1).astype(np.float32), matte


def room(height=300, width=620):
    """A place out of focus, larger than what is photographed of it."""
    rng = np.random.default_rng(5)
    coarse, fine = (blur(rng.random((height, width, 3), np.float32), sigma) for sigma in (25, 3))
    return np.clip(0.5 + 6 * (coarse - 0.5) + 2.5 * (fine - 0.5), 0.05, 0.95).astype(np.float32)


@pytest.mark.parametrize(
    ("outpaint", "expand", "wanted"),
    [
        ("16:9", None, (78, 0, 78, 0)),
        ("1:2", None, (0, 100, 0, 100)),
        (None, "left=20%,top=100", (40, 100, 0, 0)),
        (None, "10", (10, 10, 10, 10)),
        (None, "bottom=300%", (0, 0, 0, 600)),
    ],
)
def test_room_is_read_from_a_ratio_or_by_side(outpaint, expand, wanted):
    assert read_expansion(outpaint, expand, width=200, height=200) == Expansion(*wanted)


@pytest.mark.parametrize(
    "wrong",
    [
        {"outpaint": "wide"},
        {"outpaint": "1:50"},
        {"outpaint": "16:9", "expand": "5%"},
        {},
        {"expand": "left=9%,left=8%"},
        {"expand": "500%"},
        {"expand": "-4"},
    ],
)
def test_room_that_cannot_be_read_is_refused(wrong):
    with pytest.raises(WrongValueError):
        read_expansion(wrong.get("outpaint"), wrong.get("expand"), width=200, height=200)


def test_no_room_at_all_and_too_much_of_it_are_refused():
    with pytest.raises(PlacementError, match="that shape already"):
        read_expansion("1:1", None, width=200, height=200)
    with pytest.raises(PlacementError, match="at most 8192"):
        read_expansion(None, "left=8000", width=200, height=200)


def test_a_large_expansion_is_made_in_steps_of_a_half_at_most():
    whole = Expansion(left=500, bottom=90)
    width, height, left, bottom = 200, 200, 0, 0

    for step in whole.steps(width, height):
        assert step.left <= width / 2 + 1
        assert step.bottom <= height / 2 + 1
        left, bottom = left + step.left, bottom + step.bottom
        width, height = step.size(width, height)

    assert (left, bottom) == (500, 90)


@pytest.mark.parametrize("expand", ["left=60%", "right=60%", "top=60%", "bottom=60%", "40%"])
def test_a_plain_backdrop_is_continued_without_a_line(expand):
    picture, matte = sweep()
    wider = read_expansion(None, expand, width=240, height=240)

    made = continue_backdrop(picture, matte, wider)

    np.testing.assert_array_equal(made[wider.inner(240, 240)], picture)
    seam = measure_seam(made, wider)
    assert 0.8 <= seam.ratio <= 1.25
    assert seam.step_share >= 0.9


def test_four_extensions_in_a_row_drift_by_less_than_one():
    picture, matte = sweep()
    first = to_lab(picture[:, :6]).mean(axis=(0, 1))
    for _extension in range(4):
        wider = read_expansion(None, "left=30%", width=matte.shape[1], height=matte.shape[0])
        picture = continue_backdrop(picture, matte, wider)
        grown = np.zeros(picture.shape[:2], np.float32)
        grown[wider.inner(matte.shape[1], matte.shape[0])] = matte
        matte = grown

    last = to_lab(picture[:, :6]).mean(axis=(0, 1))
    assert float(delta_e(first[None, None], last[None, None])[0, 0]) < 1


def test_the_grain_goes_on():
    picture, matte = sweep(noise=0.02)
    wider = Expansion(left=80)

    made = continue_backdrop(picture, matte, wider)

    outside, inside = made[:, 10:70], picture[:, 10:70]
    rough = [float((part - blur(part, 2)).std()) for part in (outside, inside)]
    assert rough[0] == pytest.approx(rough[1], rel=0.2)


def test_nothing_of_the_product_is_continued():
    picture, matte = sweep()

    made = continue_backdrop(picture, matte, Expansion(left=200, right=200))

    outside = np.concatenate([made[:, :200], made[:, -200:]], axis=1)
    assert outside.min() > 0.6


def test_a_room_is_no_plain_backdrop_and_a_noisy_sweep_is():
    place = room()[:240, :240]
    picture, matte = sweep(noise=0.01)

    assert is_plain(picture, matte)
    assert not is_plain(place, np.zeros((240, 240), np.float32))
    assert not is_plain(picture, np.ones_like(matte))


@pytest.mark.parametrize("side", ["left", "top", "right", "bottom"])
def test_the_band_grows_into_the_backdrop_and_never_into_the_product(side):
    matte = np.zeros((200, 200), np.float32)
    matte[2:198, 60:140] = 1

    joint = Joint.of(matte, Expansion(**{side: 80}))

    inside, mask = joint.share[joint.inner], joint.inpaint_mask[joint.inner]
    assert mask.sum() > 0
    assert not mask[matte > 0].any()
    assert not (mask * np.roll(matte, 1, axis=1)).any()
    assert joint.inpaint_mask[joint.is_new].all()
    assert 0 < inside.max() <= 1


def test_a_model_starts_from_the_mirrored_picture_without_its_product():
    picture, matte = sweep()
    wider = Expansion(left=200)

    start = start_picture(picture, matte, wider, seed=3)

    np.testing.assert_array_equal(start[wider.inner(240, 240)], picture)
    assert start[:, :200].mean() > 0.7
    assert 0.02 < (start[:, :200] - blur(start[:, :200], 3)).std() < 0.06


@pytest.mark.parametrize("expand", ["right=50%", "left=10%,right=20%", "top=30%"])
def test_a_tinted_picture_of_a_model_is_joined_without_line_or_step(expand):
    world = room(400, 620)
    height, width = 240, 300
    wider = read_expansion(None, expand, width=width, height=height)
    wide, tall = wider.size(width, height)
    truth = world[:tall, :wide]
    old = np.zeros_like(truth)
    old[wider.inner(width, height)] = truth[wider.inner(width, height)]
    y = np.mgrid[:tall, :wide][0].astype(np.float32)[..., None] / tall
    tinted = np.clip(truth * np.array([1.06, 0.97, 0.92]) * (1 + 0.04 * y), 0, 1).astype(np.float32)
    joint = Joint.of(np.zeros((height, width), np.float32), wider)

    made = join(old, tinted, joint)

    kept = joint.share == 0
    np.testing.assert_array_equal(made[kept], old[kept])
    seam = measure_seam(made, wider)
    assert 0.8 <= seam.ratio <= 1.25
    assert seam.step_share >= 0.9
    error = delta_e(to_lab(made), to_lab(truth))
    assert float(np.median(error[joint.is_new])) < 1


def test_a_line_and_a_step_are_found():
    picture = np.full((100, 200, 3), 0.5, np.float32)
    picture[:, :80] = 0.55
    wider = Expansion(left=80)

    assert measure_seam(picture, wider).is_seen
    assert measure_seam(picture, wider).step_share == 0
    assert not measure_seam(np.full((100, 200, 3), 0.5, np.float32), wider).is_seen


def test_a_slope_runs_on_and_dies_away():
    x = np.mgrid[:200, :200][1].astype(np.float32) / 200
    picture = np.repeat((0.5 + 0.3 * x)[..., None], 3, axis=2).astype(np.float32)

    made = continue_backdrop(picture, np.zeros((200, 200), np.float32), Expansion(right=100))

    assert made[:, 208].mean() > 0.8 + 0.003
    assert made[:, 295].mean() < 0.8 + 0.02


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_the_odd_colours_of_a_jpegs_last_pixels_do_not_run_on(side):
    """A JPEG's blocks end beyond the picture; what fills them up tints the last three or four pixels."""
    picture, matte = sweep()
    rim = {"left": np.s_[:, :4], "right": np.s_[:, -4:], "top": np.s_[:4], "bottom": np.s_[-4:]}[side]
    tinted = picture.copy()
    tinted[rim] += np.float32([0.004, 0.008, -0.012])
    expansion = Expansion(**{side: 180})

    plain, made = (continue_backdrop(one, matte, expansion) for one in (picture, tinted))

    new = np.ones(made.shape[:2], bool)
    new[expansion.inner(240, 240)] = False
    off = np.abs((made - plain)[new].mean(axis=0))
    assert off.max() < 0.25 * 0.012


def test_a_product_near_the_edge_leaves_no_trace_outside():
    picture, _ = sweep(noise=0.0)
    matte = np.zeros((240, 240), np.float32)
    matte[80:160, 8:60] = 1
    picture[80:160, 60:64] = 0.3  # its dark shadow beside it
    picture[matte > 0] = (0.5, 0.05, 0.1)

    start = start_picture(picture, matte, Expansion(left=50), seed=1)
    made = continue_backdrop(picture, matte, Expansion(left=150))

    assert start[:, :50, 1].min() > 0.4
    rough = made[:, :150] - blur(made[:, :150], 4)
    assert float(np.abs(rough[8:-8, 8:-8]).max()) < 0.01


def test_joined_grain_is_as_strong_as_before():
    rng = np.random.default_rng(7)
    truth = np.clip(0.5 + rng.normal(0, 0.05, (200, 300, 3)), 0, 1).astype(np.float32)
    other = np.clip(0.5 + rng.normal(0, 0.05, (200, 300, 3)), 0, 1).astype(np.float32)
    joint = Joint.of(np.zeros((200, 200), np.float32), Expansion(right=100))
    old = np.where(joint.is_new[..., None], 0, truth).astype(np.float32)

    made = join(old, other, joint)

    band = (joint.share > 0.3) & (joint.share < 0.7)
    assert float(made[band].std()) == pytest.approx(0.05, rel=0.12)
