"""Seeds that belong together: no picture of a job is drawn of the seed of another."""

from __future__ import annotations

from pathlib import Path

import pytest

from prodgen.schema import seeds


def test_siblings_are_counted_up_and_begin_again_after_the_last():
    assert seeds.siblings(2**32 - 1, 2) == [2**32 - 1, 0]
    assert seeds.siblings(7, 3) == [7, 8, 9]


def test_siblings_of_a_seed_beyond_32_bits_keep_all_its_digits():
    assert seeds.siblings(2**40, 2) == [2**40, 2**40 + 1]
    assert seeds.siblings(2**64 - 1, 2) == [2**64 - 1, 0]


def test_without_a_seed_one_is_drawn():
    first, second = seeds.siblings(None, 1), seeds.siblings(None, 1)

    assert first != second
    assert 0 <= first[0] <= seeds.MAX_SEED


def test_the_first_try_is_the_seed_that_was_asked_for():
    assert seeds.tries(7, 3)[0] == 7


@pytest.mark.parametrize("first", [0, 7, 2**31, 2**32 - 1, 2**32, 5441180189181032878, 2**64 - 1])
def test_no_try_of_a_picture_has_the_seed_of_another_picture_or_of_its_tries(first):
    used = [seed for sibling in seeds.siblings(first, 1000) for seed in seeds.tries(sibling, seeds.MAX_TRIES)]

    assert len(set(used)) == 1000 * seeds.MAX_TRIES
    assert all(0 <= seed <= seeds.LARGEST_SEED for seed in used)
    assert first > seeds.MAX_SEED or max(used) <= seeds.MAX_SEED


def test_retries_keep_as_far_from_siblings_as_is_said():
    apart = [min(n * seeds.STEP % seeds.SEEDS, -n * seeds.STEP % seeds.SEEDS) for n in range(1, 16)]

    assert min(apart) > 1.47e8


def test_a_file_is_named_after_the_seed_where_its_name_asks_for_it():
    assert seeds.in_name(Path("a/mug-{seed}.png"), 7) == Path("a/mug-7.png")
    assert seeds.in_name(Path("{seed}/mug.png"), 7) == Path("{seed}/mug.png")
