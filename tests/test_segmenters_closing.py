"""A pale top that vanished into a pale backdrop is drawn on; a true hollow is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from prodgen.segmenters.closing import close_pale_top

HEIGHT, WIDTH = 320, 300
LEFT, RIGHT, LEVEL, ARCH = 60, 240, 80, 24


def lid(step: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The true product, what was found of it, and the picture with the backdrop taken off.

    A pot with an arched white lid, whose top differs from the backdrop by `step` L*, in noise of one
    8-bit level; found without the lid's top but for its two corners.
    """
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    middle = (LEFT + RIGHT) / 2
    top = LEVEL - ARCH * np.sqrt(np.clip(1 - ((x - middle) / ((RIGHT - LEFT) / 2)) ** 2, 0, 1))
    truth = ((x >= LEFT) & (x <= RIGHT) & (y >= top) & (y < 280)).astype(np.uint8)
    front = (y > LEVEL + 20) & (truth > 0)
    flat = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    flat[truth > 0, 0] = -step
    flat[front, 0] = -8
    flat += np.random.default_rng(2).normal(0, 0.4, flat.shape).astype(np.float32)
    found = front.astype(np.uint8)
    found[LEVEL:, LEFT : LEFT + 14] |= truth[LEVEL:, LEFT : LEFT + 14]
    found[LEVEL:, RIGHT - 13 : RIGHT + 1] |= truth[LEVEL:, RIGHT - 13 : RIGHT + 1]
    return truth, found, flat


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_a_lid_lost_in_white_is_drawn_on_along_its_faint_edge():
    truth, found, flat = lid(step=0.35)

    closed = close_pale_top(found, flat)

    assert likeness(found, truth) < 0.9
    assert likeness(closed, truth) > 0.985


def test_without_any_edge_it_is_closed_level():
    _, found, flat = lid(step=0.0)

    closed = close_pale_top(found, flat)

    assert closed[LEVEL + 2, LEFT:RIGHT].all()
    assert closed[: LEVEL - 10].sum() == 0


@pytest.mark.parametrize("colour", [(-40, 0, 0), (-8, 30, 10)])
def test_a_hollow_with_a_rim_that_is_plainly_there_is_a_shape(colour):
    _, found, flat = lid(step=0.0)
    flat[found > 0] = colour

    np.testing.assert_array_equal(close_pale_top(found, flat), found)


def test_a_deep_hollow_is_a_shape():
    _, found, flat = lid(step=0.0)
    found[LEVEL : LEVEL + 120, LEFT + 14 : RIGHT - 13] = 0

    np.testing.assert_array_equal(close_pale_top(found, flat), found)


def test_a_whole_product_stays_as_it_is():
    truth, _, flat = lid(step=0.35)
    ring = cv2.ellipse(np.zeros_like(truth), (150, 160), (90, 100), 0, 0, 360, 1, -1)

    np.testing.assert_array_equal(close_pale_top(truth, flat), truth)
    np.testing.assert_array_equal(close_pale_top(ring, flat), ring)
