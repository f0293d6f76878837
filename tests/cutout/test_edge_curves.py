"""The strongest curve through a strip: straight where noise would bend it, and held at its ends."""

from __future__ import annotations

import numpy as np

from prodgen.cutout.edge_curves import Strip, strongest_curves

ROWS, COLUMNS = 40, 161


def strip(outwards: np.ndarray) -> Strip:
    """A strip that is visible everywhere and has steps outwards only."""
    nothing = np.zeros_like(outwards)
    return Strip(nothing, outwards, nothing, np.ones(outwards.shape, np.bool_))


def test_noise_does_not_bend_a_curve_off_a_straight_edge():
    steps = np.random.default_rng(3).normal(0, 1, (ROWS, COLUMNS)).astype(np.float32)
    steps[20] += 0.8

    curve, _ = strongest_curves(strip(steps), 1.0)

    assert np.abs(curve.rows - 20).max() <= 2


def test_of_two_edges_the_one_that_begins_and_ends_at_the_hinge_is_preferred():
    steps = np.zeros((ROWS, COLUMNS), np.float32)
    steps[20] = 1.0
    steps[5] = 1.05

    free, _ = strongest_curves(strip(steps), 1.0)
    held, _ = strongest_curves(strip(steps), 1.0, hinge_row=20)

    assert free.rows[0] == free.rows[-1] == 5
    assert held.rows[0] == held.rows[-1] == 20
