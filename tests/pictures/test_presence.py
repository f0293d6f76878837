"""A product is found at its place whatever the light, and missed where it does not stand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from prodgen import presence

SIDE = 256


def scene(seed: int) -> np.ndarray:
    """Soft clutter, as a room out of focus."""
    noise = np.random.default_rng(seed).normal(0, 1, (SIDE, SIDE, 3))
    blurred = cv2.GaussianBlur(noise, (0, 0), 6)
    return (0.5 + 0.15 * blurred / blurred.std()).clip(0, 1).astype(np.float32)


def bottle(*, plain: bool = False) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    half = np.where(y < 100, 15, 45)
    matte = np.clip(half - np.abs(x - 128) + 0.5, 0, 1) * ((y > 40) & (y < 220))
    rings = np.where((y // 14) % 2 > 0, 0.7, 0.35) if not plain else np.full_like(y, 0.6)
    return np.repeat(rings[..., None], 3, axis=2).astype(np.float32), matte.astype(np.float32)


def relit(product, matte, light, seed=1, shift=0) -> np.ndarray:
    over = scene(seed) * (1 - matte[..., None]) + (product * light).clip(0, 1) * matte[..., None]
    return np.roll(over, shift, axis=1).astype(np.float32)


ramp = np.linspace(0.15, 1.3, SIDE, dtype=np.float32)
LIGHTS = {
    "from the side": ramp[None, :, None] * np.ones((SIDE, 1, 3), np.float32),
    "dark and blue": np.array([0.1, 0.12, 0.3], np.float32),
    "bright and warm": np.array([1.3, 1.1, 0.8], np.float32),
}


@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize("plain", [False, True])
def test_a_product_is_found_in_any_light(light, plain):
    product, matte = bottle(plain=plain)

    found = presence.find(product, matte, relit(product, matte, LIGHTS[light]))

    assert found.verdict == "present"
    assert found.agreement > 0.32


@pytest.mark.parametrize("size", [(128, 128), (512, 512)])
def test_a_picture_of_another_size_shows_it_as_well(size):
    product, matte = bottle()
    picture = cv2.resize(relit(product, matte, LIGHTS["from the side"]), size, interpolation=cv2.INTER_AREA)

    assert presence.find(product, matte, picture).verdict == "present"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("plain", [False, True])
def test_a_scene_without_the_product_is_never_taken_for_it(seed, plain):
    assert presence.find(*bottle(plain=plain), scene(seed)).verdict != "present"


@pytest.mark.parametrize("plain", [False, True])
def test_a_picture_full_of_other_edges_is_known_not_to_show_it(plain):
    noise = np.random.default_rng(3).normal(0.5, 0.2, (SIDE, SIDE, 3))
    picture = cv2.GaussianBlur(noise, (0, 0), 2).astype(np.float32)

    assert presence.find(*bottle(plain=plain), picture.clip(0, 1)).verdict == "absent"


def test_the_product_at_another_place_is_not_at_its_place():
    product, matte = bottle()

    found = presence.find(product, matte, relit(product, matte, LIGHTS["from the side"], shift=60))

    assert found.verdict != "present"


def test_nothing_is_said_to_be_absent_of_a_product_of_a_few_cells():
    product, matte = bottle()
    noise = np.random.default_rng(3).uniform(0, 1, (SIDE, SIDE, 3)).astype(np.float32)
    pictures = [cv2.resize(noise, (side, side), interpolation=cv2.INTER_AREA) for side in (64, 256)]

    assert [presence.find(product, matte, x).verdict for x in pictures] == ["untold", "absent"]


def test_an_empty_matte_tells_nothing():
    product, matte = bottle()

    assert presence.find(product, matte * 0, scene(1)) == presence.UNTOLD


def test_smooth_shading_that_is_new_in_new_light_does_not_outvote_the_outline():
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    matte = np.clip(80.5 - np.hypot(x - 128, y - 128), 0, 1)
    grain = np.random.default_rng(0).normal(0, 0.02, (SIDE, SIDE, 3))
    ball = np.clip(0.2 + 0.6 * y[..., None] / SIDE + grain, 0, 1).astype(np.float32)
    lit_from_the_side = np.repeat((0.2 + 0.6 * x / SIDE)[..., None], 3, axis=2)
    picture = (0.8 + 0.2 * scene(1)) * (1 - matte[..., None]) + lit_from_the_side * matte[..., None]

    assert presence.find(ball, matte, picture.astype(np.float32)).verdict == "present"


def even(level: float) -> np.ndarray:
    return np.full((SIDE, SIDE, 3), level, np.float32)


def test_a_product_that_is_nearly_lost_in_the_dark_is_not_said_to_be_absent():
    product, matte = bottle(plain=True)

    found = presence.find(product, matte, even(0.02) + 0.004 * matte[..., None])

    assert found.verdict == "untold"
    assert found.visible < presence.FAINT
    assert found.agreement < presence.ABSENT


@pytest.mark.parametrize("level", [0.02, 0.98])
def test_an_even_backdrop_shows_no_product(level):
    found = presence.find(*bottle(), even(level))

    assert (found.verdict, found.visible) == ("absent", 0.0)


def test_a_picture_full_of_other_edges_is_told_from_one_that_can_hardly_show_any():
    assert presence.find(*bottle(), scene(2)).visible > presence.FAINT
