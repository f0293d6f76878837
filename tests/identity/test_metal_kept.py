"""Bare metal keeps what it mirrors of the scene, and is measured by its detail alone."""

import numpy as np

from prodgen.color import to_linear
from prodgen.identity import measure
from prodgen.shading import apply, pair_pictures, read_field, working_pair
from prodgen.shading.turn import Turn


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


def test_who_wants_no_cast_has_none_on_metal_either():
    photo, relit, matte, metal = lid_and_body()

    pair = pair_pictures(photo, relit, matte, metal=metal)
    lid = apply(photo, read_field(pair, ambience=0), matte)[28:50, 28:92]

    assert np.ptp(lid, axis=-1).max() < 0.02


def test_hues_that_a_model_turned_are_turned_back_on_paint_and_not_in_what_metal_mirrors(monkeypatch):
    photo, relit, matte, metal = lid_and_body()
    relit[20:100, 20:100] = (0.5, 0.3, 0.1)
    monkeypatch.setattr(working_pair, "find_turn", lambda *_: Turn(90.0))  # to search for it takes seconds

    pair = pair_pictures(photo, relit, matte, metal=metal)

    middle = pair.weight.shape[1] // 2
    lid, body = pair.relit_linear[12:38, middle], pair.relit_linear[52:78, middle]
    np.testing.assert_allclose(lid.mean(axis=0), to_linear(relit[40, 60]), atol=0.01)
    assert np.abs(body.mean(axis=0) - to_linear(relit[80, 60])).max() > 0.1
