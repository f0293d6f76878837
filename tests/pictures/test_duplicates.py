"""A second product in a scene, or a larger one behind the kept one, is found; plain scenes are left alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from prodgen.masks import composite
from prodgen.presence import find_duplicate

SIDE = 256


def shoe(size: float = 1.0, x: float = 90, y: float = 190, *, flip: bool = False) -> np.ndarray:
    """The outline of a shoe, its sole's left end at x, y."""
    points = np.array([[0, 0], [76, 0], [78, -10], [50, -20], [30, -42], [2, -46], [-2, -20]], np.float32)
    if flip:
        points[:, 0] = 76 - points[:, 0]
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(mask, [np.round((points * size + (x, y)) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(mask, (0, 0), 0.7).astype(np.float32) / 255


def room(seed: int = 0) -> np.ndarray:
    """A wall, a table's edge, a window, and grain."""
    picture = np.full((SIDE, SIDE, 3), (0.72, 0.7, 0.66), np.float32)
    picture[150:] = (0.5, 0.4, 0.3)
    picture[20:90, 30 + 40 * seed : 80 + 40 * seed] = (0.85, 0.9, 0.95)
    grain = np.random.default_rng(seed).normal(0, 0.01, picture.shape)
    return np.clip(picture + grain, 0, 1).astype(np.float32)


RED = np.full((SIDE, SIDE, 3), (0.7, 0.15, 0.1), np.float32)


@pytest.mark.parametrize("size", [0.7, 1.4])
@pytest.mark.parametrize("flip", [False, True])
def test_a_second_larger_or_smaller_shoe_under_the_product_is_found_where_it_is(size, flip):
    kept = shoe(x=120, y=130)
    second = composite(RED * 0.9, room(), shoe(size, 20, 235, flip=flip))

    found = find_duplicate(composite(RED, second, kept), kept)

    assert found is not None
    assert found.kind == "second"
    assert found.size == pytest.approx(size, rel=0.1)
    assert found.box[0] == pytest.approx(20 / SIDE, abs=0.04)
    assert found.box[3] == pytest.approx(235 / SIDE, abs=0.04)


def test_a_larger_product_that_peeks_out_behind_the_kept_one_is_found():
    kept = shoe()

    found = find_duplicate(composite(RED, composite(RED * 0.9, room(), shoe(1.25, 80, 194)), kept), kept)

    assert found is not None
    assert found.kind == "larger"
    assert found.size == pytest.approx(1.25, rel=0.1)


@pytest.mark.parametrize("seed", range(4))
def test_a_scene_with_one_product_is_left_alone(seed):
    assert find_duplicate(composite(RED, room(seed), shoe()), shoe()) is None


def test_the_same_outline_in_another_colour_is_no_second_product():
    kept, wall = shoe(x=120, y=130), room()
    lookalike = composite(wall * 0.93, wall, shoe(1.0, 20, 235))

    assert find_duplicate(composite(RED, lookalike, kept), kept) is None


def test_a_picture_without_a_product_has_no_second_one():
    assert find_duplicate(room(), np.zeros((SIDE, SIDE), np.float32)) is None


@pytest.mark.parametrize("right", [1.0, 0.5])
def test_in_an_outpainted_picture_only_what_is_new_is_searched(right):
    kept = shoe(x=150, y=130)
    picture = composite(RED, composite(RED * 0.9, room(), shoe(1.0, 20, 235)), kept)

    found = find_duplicate(picture, kept, known=(0, 0, right, 1) if right == 1 else (right, 0, 1, 1))

    assert (found is None) is (right == 1)


def test_two_more_products_are_found_as_well_as_one():
    kept = shoe(x=120, y=130)
    picture = composite(RED * 0.9, composite(RED * 0.9, room(), shoe(1.0, 20, 240)), shoe(1.0, 160, 245))

    found = find_duplicate(composite(RED, picture, kept), kept)

    assert found is not None
    assert found.kind == "second"


def test_an_outline_that_the_scene_repeats_in_other_colours_speaks_less_clearly_for_a_second_product():
    kept, wall = shoe(x=120, y=130), room()
    grey = composite(np.full_like(RED, 0.2), wall, shoe(1.06, 150, 240))

    def score(scene: np.ndarray) -> float:
        picture = composite(RED, composite(RED * 0.9, scene, shoe(1.0, 20, 240)), kept)
        found = find_duplicate(picture, kept)
        return 0.0 if found is None else found.score

    assert score(grey) < 0.5 * score(wall)
