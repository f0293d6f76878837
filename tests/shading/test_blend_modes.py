"""Blend modes: the published formulas in linear light, and what each leaves as the photograph has it."""

from __future__ import annotations

import numpy as np
import pytest

from prodgen.color import LUMA
from prodgen.shading.blend_modes import MODES, clip_color, over

WEIGHTS = [float(weight) for weight in LUMA]


def lum(color: list[float]) -> float:
    return sum(weight * channel for weight, channel in zip(WEIGHTS, color, strict=True))


def clipped(color: list[float]) -> list[float]:
    """ClipColor, word for word as "Compositing and Blending Level 1" has it, for one colour."""
    grey, lowest, highest = lum(color), min(color), max(color)
    if lowest < 0:
        color = [grey + (((channel - grey) * grey) / (grey - lowest)) for channel in color]
    if highest > 1:
        color = [grey + (((channel - grey) * (1 - grey)) / (highest - grey)) for channel in color]
    return color


def with_lum(color: list[float], wanted: float) -> list[float]:
    """SetLum of the standard."""
    apart = wanted - lum(color)
    return clipped([channel + apart for channel in color])


REFERENCE = {
    "alpha": lambda below, above: above,
    "color": lambda below, above: with_lum(above, lum(below)),
    "luminosity": lambda below, above: with_lum(below, lum(above)),
}
"""B(Cb, Cs) of the standard for one colour, as lists of three numbers."""


def pairs(count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Photographed and relit colours, linear: any, and the corners of the cube, where clipping begins."""
    dice = np.random.default_rng(7)
    corners = np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, -1).T
    below = np.concatenate([dice.random((count, 3)) ** 2, np.repeat(corners, 8, axis=0)])
    above = np.concatenate([dice.random((count, 3)) ** 2, np.tile(corners, (8, 1))])
    return below.astype(np.float32), above.astype(np.float32)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("opacity", [0.0, 0.3, 1.0])
def test_a_mode_gives_what_the_published_formula_gives(mode, opacity):
    below, above = pairs()

    found = over(below, MODES[mode](below, above), np.full(len(below), opacity, np.float32))

    wanted = [
        [(1 - opacity) * a + opacity * b for a, b in zip(one, REFERENCE[mode](one, other), strict=True)]
        for one, other in zip(below.tolist(), above.tolist(), strict=True)
    ]
    np.testing.assert_allclose(found, wanted, atol=3e-5)


def test_the_mode_color_keeps_the_photographs_luminance():
    below, above = pairs()

    np.testing.assert_allclose(MODES["color"](below, above) @ LUMA, below @ LUMA, atol=3e-5)


def test_the_mode_luminosity_takes_the_relit_luminance_and_keeps_the_photographs_hue():
    below, above = pairs()

    found = MODES["luminosity"](below, above)

    np.testing.assert_allclose(found @ LUMA, above @ LUMA, atol=3e-5)
    chroma, kept = (x - (x @ LUMA)[:, None] for x in (below, found))
    # From the grey of its luminance a colour points as it did: the length is its saturation.
    across = np.linalg.norm(np.cross(chroma, kept), axis=-1)
    assert across.max() < 1e-4
    assert (np.sum(chroma * kept, axis=-1) > -1e-5).all()


def test_the_mode_luminosity_keeps_the_saturation_where_nothing_has_to_be_clipped():
    below, above = pairs()

    found = MODES["luminosity"](below, above)

    free = (found.min(axis=-1) > 1e-3) & (found.max(axis=-1) < 1 - 1e-3)
    assert free.sum() > 100
    before, after = (x[free].max(axis=-1) - x[free].min(axis=-1) for x in (below, found))
    np.testing.assert_allclose(after, before, atol=3e-5)


@pytest.mark.parametrize("mode", MODES)
def test_no_mode_leaves_the_range_of_light(mode):
    found = MODES[mode](*pairs())

    assert found.min() >= -1e-5
    assert found.max() <= 1 + 1e-5


def test_a_colour_in_range_is_not_clipped():
    below, _ = pairs()

    np.testing.assert_array_equal(clip_color(below), below)


def test_with_an_opacity_of_0_the_photograph_stays_to_the_bit():
    below, above = pairs()

    np.testing.assert_array_equal(over(below, above, np.zeros(len(below), np.float32)), below)
