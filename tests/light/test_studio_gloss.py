"""What a product mirrors of its studio, told from its paint by colour."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from prodgen.color import to_linear, to_srgb
from prodgen.light import Light, Surroundings
from prodgen.light.relighting import relight
from prodgen.light.studio_gloss import separate_gloss

BLUE = np.float32([0.03, 0.05, 0.4])
SHADE = np.linspace(0.7, 1.1, 120, dtype=np.float32)[:, None, None]
MATTE = np.zeros((120, 120), np.float32)
MATTE[15:105, 15:105] = 1


def lacquered() -> tuple[np.ndarray, np.ndarray]:
    """A blue block in linear light that is lighter below, and the soft box that it mirrors."""
    mirrored = np.zeros((120, 120), np.float32)
    mirrored[30:50, 40:60] = 0.3
    mirrored = cv2.GaussianBlur(mirrored, (0, 0), 2)
    return (BLUE * SHADE + mirrored[..., None]).astype(np.float32), mirrored


def test_a_soft_box_on_coloured_lacquer_is_told_from_the_paint():
    linear, mirrored = lacquered()

    found = separate_gloss(linear, MATTE)

    assert found is not None
    assert np.abs(found.seen - mirrored)[MATTE > 0].max() < 0.02


@pytest.mark.parametrize("cover", [1.0, 0.5])
def test_white_print_on_coloured_lacquer_is_no_mirror_image(cover):
    linear, _mirrored = lacquered()
    linear[70:90, 30:90] = (1 - cover) * BLUE + cover * 0.85

    found = separate_gloss(linear, MATTE)

    assert found is not None
    assert found.seen[72:88, 32:88].max() < 0.05


def test_a_product_without_colour_tells_nothing_of_what_it_mirrors():
    grey = np.repeat(lacquered()[0].mean(axis=-1, keepdims=True), 3, axis=-1)

    assert separate_gloss(grey, MATTE) is None


def test_a_strip_of_colour_on_a_white_carton_is_too_little_to_tell_by():
    linear = np.full((120, 120, 3), 0.8, np.float32)
    linear[60:63, 15:105] = BLUE

    assert separate_gloss(linear, MATTE) is None


def test_the_studios_soft_box_is_dimmed_in_a_place_as_bright_as_the_studio():
    linear, _mirrored = lacquered()
    even = np.ones(3, np.float32)

    lit = to_linear(relight(to_srgb(linear), MATTE, Surroundings(even, even, even, even, Light(), 0.0)))

    # Red is nearly all mirror image here: the lit paint has 0.03 of it.
    assert lit[40, 50, 0] < 0.5 * linear[40, 50, 0]


def test_an_outline_mirrors_what_is_beside_it():
    linear = lacquered()[0] + np.float32(0.1)
    even = np.ones(3, np.float32)
    here = Surroundings(even, even, even, even, Light(), 0.0)
    place = np.zeros((120, 120, 3), np.float32)
    place[:, :60] = 0.9

    lit = to_linear(relight(to_srgb(linear), MATTE, here, place=place))

    assert lit[30:60, 16, 0].mean() > lit[30:60, 103, 0].mean() + 0.01
