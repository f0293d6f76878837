"""What a product mirrors: the scene's highlights for the studio's, and nothing that a model made up."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from prodgen import shading
from prodgen.color import LUMA, delta_e, to_lab, to_srgb
from prodgen.shading.illuminant import Illuminant
from prodgen.shading.reflections import _common, believed, unveiled

SIDE = 200
WHITE = np.ones(3, np.float32)
RED, CREAM = np.float32([0.5, 0.03, 0.03]), np.float32([0.6, 0.52, 0.4])
MATTE = np.zeros((SIDE, SIDE), np.float32)
MATTE[30:170, 40:160] = 1
INSIDE = MATTE == 1
BOX, WINDOW = (slice(50, 90), slice(55, 80)), (slice(60, 120), slice(110, 135))
"""Where the studio's softbox and the scene's window are mirrored."""


def lacquered(at: tuple[slice, slice], light: np.ndarray, brightness: float = 1.0) -> np.ndarray:
    """A red tin with a cream lid in that light, linear, with a white reflection at a place; before grey."""
    picture = np.full((SIDE, SIDE, 3), 0.5, np.float32)
    picture[INSIDE] = RED
    picture[30:48, 40:160] = CREAM
    sheen = np.zeros((SIDE, SIDE), np.float32)
    sheen[at] = 0.3
    rounded = 0.7 + 0.3 * np.sin(np.linspace(0, np.pi, SIDE, dtype=np.float32))[None, :, None]
    picture = picture * rounded + cv2.GaussianBlur(sheen, (0, 0), 4)[..., None]
    return picture * np.where(INSIDE[..., None], light * brightness, 1).astype(np.float32)


def off(result: np.ndarray, truth: np.ndarray, where: tuple[slice, slice]) -> float:
    """Mean CIEDE2000 at a place."""
    return float(delta_e(to_lab(result[where]), to_lab(truth[where])).mean())


PHOTO = to_srgb(lacquered(BOX, WHITE))
SCENE = lacquered(WINDOW, np.float32([1.1, 0.98, 0.8]), 0.6)


@pytest.mark.parametrize("where", [BOX, WINDOW])
def test_the_studios_highlight_is_exchanged_for_the_scenes(where):
    truth = to_srgb(SCENE)
    pair = shading.pair_pictures(PHOTO, truth, MATTE)

    mirrored = shading.blend(PHOTO, truth, MATTE, field=shading.read_field(pair))
    smooth = shading.blend(PHOTO, truth, MATTE, field=shading.read_field(pair, is_mirroring=False))

    assert off(mirrored, truth, where) < min(2.5, 0.5 * off(smooth, truth, where))


def test_a_highlight_is_found_under_the_veil_of_a_model():
    grey = (SCENE @ LUMA)[..., None]
    relit = to_srgb(np.where(INSIDE[..., None], 0.5 * SCENE + 0.5 * grey * np.float32([1.1, 1, 0.8]), SCENE))
    pair = shading.pair_pictures(PHOTO, relit, MATTE)

    mirrored = shading.blend(PHOTO, relit, MATTE, field=shading.read_field(pair))
    smooth = shading.blend(PHOTO, relit, MATTE, field=shading.read_field(pair, is_mirroring=False))

    assert off(mirrored, to_srgb(SCENE), BOX) < 0.8 * off(smooth, to_srgb(SCENE), BOX)


def test_cloth_that_a_model_made_pale_in_blotches_stays_as_photographed():
    rng = np.random.default_rng(0)
    cloth = lacquered((slice(0, 0), slice(0, 0)), WHITE)
    noise = cv2.GaussianBlur(rng.standard_normal((SIDE, SIDE)).astype(np.float32), (0, 0), 6)
    pale = np.clip(0.4 + 0.3 * noise / noise.std(), 0, 0.9)[..., None]
    # Paler and no lighter: no reflection does that.
    grey = (cloth @ LUMA)[..., None] * WHITE
    relit = np.where(INSIDE[..., None], cloth + pale * (grey - cloth), cloth)

    result = shading.blend(to_srgb(cloth), to_srgb(relit), MATTE)

    inner = (slice(60, 160), slice(50, 150))
    assert off(result, to_srgb(cloth), inner) < 0.25 * off(to_srgb(relit), to_srgb(cloth), inner)


def test_a_colour_that_pales_where_it_grows_lighter_is_a_reflection_however_bad_the_fit():
    photo, relit = lacquered(BOX, WHITE), lacquered(WINDOW, WHITE)
    unfit = Illuminant(WHITE, WHITE, share=1.0, misfit=0.5, raw_light=WHITE, confidence=0.0)

    share = believed(photo, relit, np.log((relit @ LUMA) / (photo @ LUMA)), MATTE, unfit, INSIDE)

    assert share > 0.9


def test_hues_that_no_light_explains_are_not_mirrored():
    spots = lacquered(BOX, WHITE)
    for row in range(50, 170, 20):
        spots[row : row + 10, 40:160] = spots[row : row + 10, 40:160][..., [2, 0, 1]]
    pair = shading.pair_pictures(PHOTO, to_srgb(spots), MATTE, is_registered=True)

    with_it, without = (shading.read_field(pair, is_mirroring=on).gain for on in (True, False))

    assert np.abs(np.log(with_it / without)).max() < 0.1


def test_what_a_whole_material_has_in_common_is_its_mean():
    members = np.zeros((20, 20, 1), np.float32)
    members[:, 10:] = 1
    log_ratio = np.where(members > 0, np.float32(0.4), np.float32(-0.2)) * np.ones(3, np.float32)

    common = _common(log_ratio, np.ones((20, 20), np.float32), members)

    np.testing.assert_allclose(common, log_ratio, atol=0.002)


def test_a_veil_is_taken_off():
    veil = Illuminant(WHITE, WHITE, share=0.4, misfit=0.0, raw_light=WHITE, confidence=1.0)
    grey = (SCENE @ LUMA)[..., None] * WHITE

    np.testing.assert_allclose(unveiled(0.4 * SCENE + 0.6 * grey, veil), SCENE, atol=1e-5)


def test_part_of_the_ambience_takes_part_of_the_reflections():
    pair = shading.pair_pictures(PHOTO, to_srgb(SCENE), MATTE)
    whole, half, none = (shading.read_field(pair, ambience=share).gain for share in (1.0, 0.5, 0.0))

    saturation = [np.log(gain[..., 0] / gain[..., 2])[pair.weight > 0] for gain in (whole, half, none)]

    assert saturation[0].std() > 1.5 * saturation[1].std() > 0
    assert np.abs(saturation[2]).max() < 1e-3
