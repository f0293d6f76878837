"""Bare metal keeps what it mirrors of the scene, and is measured by its detail alone."""

import numpy as np

from prodgen.identity import measure
from prodgen.shading import apply, pair_pictures, read_field


def lid_and_body():
    """A grey product, its upper half of metal; relit it is blue to the left and brown to the right."""
    photo = np.full((120, 120, 3), 0.95, np.float32)
    matte = np.zeros((120, 120), np.float32)
    matte[20:100, 20:100] = 1
    photo[20:100, 20:100] = 0.6
    relit = np.full((120, 120, 3), 0.5, np.float32)
    relit[20:100, 20:60], relit[20:100, 60:100] = (0.2, 0.3, 0.6), (0.5, 0.3, 0.1)
    metal = np.zeros((120, 120), np.float32)
    metal[20:60, 20:100] = 1
    return photo, relit, matte, metal


def test_bare_metal_takes_all_colours_of_the_relit_picture_and_paint_beside_it_does_not():
    photo, relit, matte, metal = lid_and_body()

    field = read_field(pair_pictures(photo, relit, matte, metal=metal))
    product = apply(photo, field, matte)

    for columns in (slice(28, 52), slice(68, 92)):
        np.testing.assert_allclose(
            product[28:50, columns].mean(axis=(0, 1)), relit[28:50, columns].mean(axis=(0, 1)), atol=0.04
        )
    body = np.abs(product[72:95, 68:92] - relit[72:95, 68:92]).max()
    assert body > 0.05


def test_what_metal_mirrors_is_no_fault_of_its_colours():
    photo, relit, matte, _ = lid_and_body()

    found = measure(photo, relit, matte, is_registered=True).likeness
    excused = measure(photo, relit, matte, is_registered=True, metal=matte).likeness

    assert excused.delta_e_mean < 2 < found.delta_e_mean


def test_the_share_whose_colours_are_not_compared_is_measured():
    photo, relit, matte, metal = lid_and_body()

    half = measure(photo, relit, matte, is_registered=True, metal=metal).likeness
    none = measure(photo, relit, matte, is_registered=True).likeness

    assert (half.metal_percent, none.metal_percent) == (50, 0)
