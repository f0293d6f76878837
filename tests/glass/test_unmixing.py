"""What of a photograph's backdrop is seen through a product."""

from __future__ import annotations

import numpy as np
import pytest

from prodgen.color import to_linear, to_srgb
from prodgen.glass import unmix
from tests.glass.glass_photo import BODY, GLEAM, LABEL, LID, PANE, RED, STEEL, WHITE, jar, matte_of_jar, sweep


def test_clear_glass_lets_as_much_of_the_backdrop_through_as_it_shows():
    unmixed = unmix(jar(sweep()), matte_of_jar())

    assert unmixed is not None
    # Nine tenths, to the accuracy of a fitted backdrop.
    assert np.median(unmixed.through[PANE]) == pytest.approx(0.9, abs=0.03)
    assert np.median(unmixed.own[PANE]) == 0


@pytest.mark.parametrize("lid", [RED, STEEL, WHITE], ids=["red", "steel", "white"])
def test_a_lid_stays_opaque(lid: tuple[float, float, float]):
    unmixed = unmix(jar(sweep(), lid=lid), matte_of_jar())

    assert unmixed is not None
    assert unmixed.through[LID][:-3].max() < 0.05
    assert unmixed.own[LID][:-3].min() > 0.95


def test_dark_walls_beside_what_is_clear_are_of_the_same_glass():
    unmixed = unmix(jar(sweep()), matte_of_jar())

    assert unmixed is not None
    rows, columns = PANE[0], slice(BODY[1].start + 1, BODY[1].start + 3)
    assert 0.1 < np.median(unmixed.through[rows, columns]) < 0.5


def test_a_gleam_is_the_products_own_light():
    photo = jar(sweep())
    unmixed = unmix(photo, matte_of_jar())

    assert unmixed is not None
    behind = to_linear(sweep())[GLEAM]
    # What is brighter than the backdrop cannot have come through.
    own = (unmixed.own * to_linear(photo))[GLEAM]
    assert np.median(own) >= 0.9 * np.median(1 - behind)


def test_a_white_label_with_print_is_no_glass_though_it_looks_like_the_sweep():
    unmixed = unmix(jar(sweep(), label="HONEY"), matte_of_jar())

    assert unmixed is not None
    rows, columns = LABEL
    inner = slice(rows.start + 4, rows.stop - 4), slice(columns.start + 8, columns.stop - 8)
    assert unmixed.through[inner].max() < 0.05
    assert np.median(unmixed.through[PANE]) > 0.8


def test_on_a_coloured_sweep_a_white_label_without_print_is_told_by_its_colour():
    backdrop = sweep((0.5, 0.9, 0.6))
    photo = jar(backdrop)
    photo[LABEL] = 0.9
    unmixed = unmix(photo, matte_of_jar())

    assert unmixed is not None
    assert np.median(unmixed.through[LABEL]) == 0
    assert np.median(unmixed.through[PANE]) > 0.8


def test_through_what_shows_nothing_of_its_backdrop_nothing_is_seen():
    assert unmix(jar(sweep(), is_clear=False), matte_of_jar()) is None


def test_before_a_backdrop_that_is_not_plain_nothing_is_told():
    noise = np.random.default_rng(1).random((40, 40, 3)).astype(np.float32)
    clutter = np.kron(noise, np.ones((8, 8, 1), np.float32))

    assert unmix(jar(clutter), matte_of_jar()) is None


def test_outside_the_product_nothing_is_product():
    unmixed = unmix(jar(sweep()), matte_of_jar())

    assert unmixed is not None
    assert unmixed.through[matte_of_jar() == 0].max() == 0


def test_grain_in_the_upper_half_of_a_pane_is_no_lid():
    photo = jar(sweep(), lid=RED)
    rows, columns = slice(94, 130), slice(106, 214)
    grain = np.random.default_rng(4).uniform(0.9, 1.04, (36, 108, 1))
    photo[rows, columns] = np.clip(photo[rows, columns] * grain, 0, 1)
    unmixed = unmix(photo, matte_of_jar())

    assert unmixed is not None
    assert np.median(unmixed.through[rows, columns]) > 0.7


def test_tinted_glass_tints_what_is_seen_through_it():
    tint = np.float32([0.8, 0.95, 0.85])
    light = to_linear(jar(sweep())).copy()
    light[BODY] *= tint
    unmixed = unmix(np.asarray(to_srgb(light), np.float32), matte_of_jar())

    assert unmixed is not None
    assert np.allclose(np.median(unmixed.through[PANE], axis=(0, 1)), 0.9 * tint, atol=0.03)


def test_pale_stripes_of_what_is_coloured_are_as_opaque_as_the_coloured_ones():
    photo = jar(sweep())
    photo[115:151, 150:158] = sweep()[115:151, 150:158]
    for top in (115, 127, 139, 151):
        photo[top : top + 6, 150:158] = (0.8, 0.1, 0.1)
    unmixed = unmix(photo, matte_of_jar())

    assert unmixed is not None
    assert unmixed.own[123:125, 152:156].min() > 0.9
    assert np.median(unmixed.own[PANE]) == 0


def test_before_a_grainy_backdrop_nothing_is_told_even_of_a_smooth_pane():
    photo = jar(sweep())
    grain = np.random.default_rng(5).normal(0, 0.08, photo.shape).astype(np.float32)
    outside = matte_of_jar() == 0
    photo[outside] = np.clip(photo + grain, 0, 1)[outside]

    assert unmix(photo, matte_of_jar()) is None
