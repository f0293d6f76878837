"""Noise as A1111 draws it: CUDA's numbers on the CPU, and what seeds and variation seeds make of them."""

from __future__ import annotations

import numpy as np
import pytest

from prodgen.engines.diffusers.noise import PictureNoise, philox_normal

ON_A_CARD = (
    (-0.92466259, -0.42534415, -2.6438457, 0.14518388),
    (-0.12086647, -0.57972564, -0.62285122, -0.32838709),
    (-1.07454231, -0.36314407, -1.67105067, 2.26550497),
)
"""torch.randn(3, 4, device="cuda") with seed 0, as the documentation of A1111's imitation has it."""

SHAPE = (4, 6, 5)


def first(seeds, shape=SHAPE, **more):
    pytest.importorskip("torch").set_num_threads(1)
    return PictureNoise(seeds, shape, **more).first().numpy()


def test_seed_0_gives_the_numbers_of_a_card():
    np.testing.assert_allclose(philox_normal(0, 0, 12), np.ravel(ON_A_CARD), atol=2e-6)


def test_the_generator_is_philox_as_its_paper_tests_it():
    """Random123's known answer for counter 0 and key 0: 6627e8d5 e169c58d, here through Box and Muller."""
    first_word, second_word = 0x6627E8D5, 0xE169C58D
    radius = np.sqrt(-2 * np.log((first_word + 0.5) / 2**32))

    assert philox_normal(0, 0, 1)[0] == pytest.approx(
        radius * np.sin((second_word + 0.5) / 2**32 * 2 * np.pi), abs=1e-6
    )


@pytest.mark.parametrize("seed", [0, 1234567890, 2**40 + 7])
@pytest.mark.parametrize("count", [16_384, 262_144])
def test_the_numbers_are_those_of_the_card_that_is_here(seed, count):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA card")
    card = torch.Generator("cuda").manual_seed(seed)

    drawn = [torch.randn(count, generator=card, device="cuda").cpu().numpy() for _ in range(3)]

    for draw, numbers in enumerate(drawn):
        np.testing.assert_allclose(philox_normal(seed, draw, count), numbers, atol=1e-5)


def test_noise_is_normal_and_its_draws_differ():
    one, other = philox_normal(5, 0, 100_000), philox_normal(5, 1, 100_000)

    assert one.mean() == pytest.approx(0, abs=0.02)
    assert one.std() == pytest.approx(1, abs=0.02)
    assert np.corrcoef(one, other)[0, 1] == pytest.approx(0, abs=0.02)


def test_large_seeds_count_with_all_their_digits_and_wrap_around():
    assert not np.array_equal(philox_normal(7, 0, 8), philox_normal(7 + 2**32, 0, 8))
    assert np.array_equal(philox_normal(-1, 0, 8), philox_normal(2**64 - 1, 0, 8))


def test_a_picture_of_a_batch_has_the_noise_that_it_has_alone():
    together = first([3, 4, 5])

    for place, seed in enumerate([3, 4, 5]):
        assert np.array_equal(together[place], first([seed])[0])


def test_step_noise_goes_on_from_the_first_draw():
    pytest.importorskip("torch")
    noise = PictureNoise([3, 4], SHAPE)

    assert np.array_equal(noise.first()[1], philox_normal(4, 0, 120).reshape(SHAPE))
    assert np.array_equal(noise.next()[1], philox_normal(4, 1, 120).reshape(SHAPE))
    assert np.array_equal(noise.next()[1], philox_normal(4, 2, 120).reshape(SHAPE))


def test_ensd_shifts_the_seed_of_step_noise_and_counts_anew():
    pytest.importorskip("torch")
    noise = PictureNoise([3], SHAPE, eta_noise_seed_delta=31337)

    assert np.array_equal(noise.first()[0], philox_normal(3, 0, 120).reshape(SHAPE))
    assert np.array_equal(noise.next()[0], philox_normal(31340, 0, 120).reshape(SHAPE))


def test_a_variation_seed_mixes_along_the_arc_so_that_noise_keeps_its_length():
    shape = (4, 64, 64)
    own, other = first([1], shape), first([2], shape)

    mixed = first([1], shape, subseeds=[2], subseed_strength=0.5)

    assert mixed.std() == pytest.approx(1, abs=0.02)
    assert np.corrcoef(mixed.ravel(), own.ravel())[0, 1] == pytest.approx(0.707, abs=0.02)
    assert np.corrcoef(mixed.ravel(), other.ravel())[0, 1] == pytest.approx(0.707, abs=0.02)
    np.testing.assert_allclose(first([1], shape, subseeds=[2], subseed_strength=1.0), other, atol=1e-5)
    assert np.array_equal(first([1], shape, subseeds=[2], subseed_strength=0.0), own)


def test_each_column_of_cells_is_mixed_along_its_own_arc():
    own, other = first([1])[0, 2, :, 3], first([2])[0, 2, :, 3]
    angle = np.arccos(own @ other / np.linalg.norm(own) / np.linalg.norm(other))

    mixed = first([1], subseeds=[2], subseed_strength=0.3)[0, 2, :, 3]

    expected = (np.sin(0.7 * angle) * own + np.sin(0.3 * angle) * other) / np.sin(angle)
    np.testing.assert_allclose(mixed, expected, atol=1e-5)


def test_a_seed_mixed_with_itself_is_itself():
    np.testing.assert_allclose(first([1], subseeds=[1], subseed_strength=0.3), first([1]), atol=1e-6)


@pytest.mark.parametrize("own", [(3, 4), (9, 12), (3, 12), (5, 6)])
def test_a_resized_seed_keeps_its_noise_in_the_middle(own):
    width, height = own
    small = first([8], (4, height, width))[0]

    resized = first([8], SHAPE, seed_resize=(width * 8, height * 8))[0]

    assert resized.shape == SHAPE
    high, wide = min(height, 6), min(width, 5)
    top, left = (6 - height) // 2, (5 - width) // 2
    row, column = max(top, 0), max(left, 0)
    assert np.array_equal(
        resized[:, row : row + high - 1, column : column + wide - 1],
        small[:, row - top : row - top + high - 1, column - left : column - left + wide - 1],
    )
