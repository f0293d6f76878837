"""Lights that are asked of the embedded engine by words and light map are the lights of its picture."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from prodgen.client import Client
from prodgen.color import luminance, to_linear
from prodgen.engines import embedded_server
from prodgen.engines.ibl.asked_lights import asked_lights
from prodgen.engines.ibl.camera import Camera
from prodgen.engines.ibl.floor_view import FloorLight, Product
from prodgen.engines.ibl.lamp_shadows import rest_shadow
from prodgen.engines.ibl.panorama import KeyLight
from prodgen.engines.ibl.prompt_reading import read
from prodgen.light import Light, light_map, words
from prodgen.light.light_maps import lights_of_map
from prodgen.schema import ICLight, Img2Img
from prodgen.server import ApiTransport, Behaviour

SIDE = 192
PITCH = math.radians(17)
"""How far the engine's camera looks down unless it is told."""

FOOT = round(0.66 * SIDE)


def drawn(*lights: Light, prompt: str = "concrete floor, studio", top: int = SIDE // 2) -> np.ndarray:
    """A grey block under these lights, as a client asks for it over the wire."""
    photo = np.full((SIDE, SIDE, 3), 0.55, np.float32)
    request = Img2Img(
        prompt=f"{prompt}, {words(lights[0], with_degrees=True)}",
        seed=5,
        width=SIDE,
        height=SIDE,
        init_image=light_map(lights, SIDE, SIDE),
        denoising_strength=0.9,
        steps=2,
        ic_light=ICLight(mode="fc", foreground=photo, matte=block(top)),
    )
    with Client("http://127.0.0.1:7860", transport=ApiTransport(embedded_server(Behaviour()))) as client:
        return client.img2img(request).image


def block(top: int = SIDE // 2) -> np.ndarray:
    matte = np.zeros((SIDE, SIDE), np.float32)
    matte[top:FOOT, round(0.42 * SIDE) : round(0.58 * SIDE)] = 1
    return matte


def test_the_shadow_falls_away_from_each_light():
    # At the camera's side the block hides its own shadow.
    asked = [azimuth for azimuth in range(-165, 181, 15) if abs(azimuth) >= 45]
    pictures = [drawn(Light(azimuth_deg=a, elevation_deg=10, softness=0.05, strength=0.8)) for a in asked]

    v, u = np.mgrid[:SIDE, :SIDE]
    floor = (v > 0.45 * SIDE) & (cv2.dilate(block(), np.ones((7, 7))) < 0.5)
    levels = np.stack([cv2.GaussianBlur(luminance(to_linear(picture)), (0, 0), 2) for picture in pictures])
    levels /= np.median(levels[:, floor], axis=1)[:, None, None]
    found = []
    for darkness in 1 - levels / np.median(levels, axis=0):
        weight = np.where(floor & (darkness > 0.3), darkness, 0)
        x = float((weight * (u - SIDE / 2)).sum() / weight.sum())
        y = float((weight * (v - FOOT)).sum() / weight.sum())
        found.append(math.degrees(math.atan2(-x, -y / math.sin(PITCH))))

    away = [abs(math.remainder(one - other, 360)) for one, other in zip(found, asked, strict=True)]
    assert max(away) < 15, list(zip(asked, found, strict=True))


def test_two_gels_light_their_own_sides():
    picture = drawn(Light.parse("bare sun left #ff0000"), Light.parse("bare sun right #0000ff"))

    inside = picture[SIDE // 2 + 4 : FOOT - 8]
    west, east = inside[:, round(0.43 * SIDE)].mean(axis=0), inside[:, round(0.57 * SIDE)].mean(axis=0)
    assert west[0] - west[2] > 0.1
    assert east[2] - east[0] > 0.1


@pytest.mark.parametrize("azimuth", [-180, -135, -90, -45, 0, 45, 90, 135])
@pytest.mark.parametrize("elevation", [12, 30, 50])
def test_words_tell_front_from_behind_and_the_map_the_rest(azimuth, elevation):
    light = Light(azimuth_deg=azimuth, elevation_deg=elevation, strength=0.6)

    key, *others = asked_lights(read(f"oak table, {words(light)}"), light_map([light], 96, 96))

    assert abs(math.remainder(key.azimuth_deg - azimuth, 360)) <= 15
    assert abs(key.elevation_deg - elevation) <= 12
    assert others == []


def test_an_even_map_asks_for_no_light():
    assert lights_of_map(np.full((32, 48, 3), 0.5, np.float32)) == ()
    assert asked_lights(read("oak table"), np.full((32, 48, 3), 0.5, np.float32)) == ()


def test_a_map_of_two_lamps_is_read_as_two_with_their_colours():
    lamps = [Light.parse("left #ff8800"), Light.parse("right #0044ff")]

    found = lights_of_map(light_map(lamps, 64, 48))

    west, east = sorted(found, key=lambda light: light.azimuth_deg)
    assert west.azimuth_deg < -60
    assert east.azimuth_deg > 60
    assert west.tint[0] > 5 * west.tint[2]
    assert east.tint[2] > 5 * east.tint[0]


def test_a_colour_that_the_prompt_gives_its_light_is_drawn_and_not_told_as_left_out():
    reading = read("oak table, soft orange light from the left")

    (key,) = asked_lights(reading, None)
    assert reading.unknown == ()
    assert key.tint[0] > 3 * key.tint[2]


def test_a_coloured_light_from_nowhere_is_told_as_not_drawn():
    assert read("oak table, soft orange light").unknown == ("soft orange light",)


def test_the_shadow_of_each_gel_lacks_its_colour():
    picture = to_linear(drawn(Light.parse("bare sun left #ff8800"), Light.parse("bare sun right #0044ff")))

    beside, before = slice(FOOT - 4, FOOT), slice(FOOT + 20, FOOT + 40)
    west, east = slice(48, 77), slice(117, 144)
    assert blueness(picture, beside, west) < 0.8 * blueness(picture, before, west)
    assert blueness(picture, beside, east) > 1.3 * blueness(picture, before, east)


def test_lights_beside_the_key_light_give_at_most_their_share_of_the_rest():
    lamp = KeyLight(0.0, 40.0, 0.3, (1.0, 1.0, 1.0), 9 * math.pi)
    white = np.ones(3, np.float32)
    camera = Camera(64, 48, 0.0, 20.0, 40.0, 20.0)
    light = FloorLight(white, white, (0.0, 0.0), 0.0, 45.0, 0.3)
    matte = np.zeros((48, 64), np.float32)
    matte[20:40, 28:36] = 1
    sky = np.ones((28, 64), np.float32)

    def left(*lamps: KeyLight) -> np.ndarray:
        product, through = Product(np.zeros((48, 64, 3), np.float32), matte), [None] * len(lamps)
        return rest_shadow(
            camera, light, product, sky, lamps=lamps, let_through=through, gain=white, first=20
        )

    assert left(lamp, lamp, lamp).min() >= 0.2 - 1e-6
    assert np.array_equal(left(), sky[..., None])
    assert np.array_equal(left(replace(lamp, elevation_deg=-20.0)), sky[..., None])


GELS = (Light.parse("bare sun front-left #ff8800"), Light.parse("bare sun front-right #0044ff"))


def blueness(picture: np.ndarray, rows: slice, columns: slice) -> float:
    part = picture[rows, columns].mean(axis=(0, 1))
    return float(part[2] / part[0])


def test_each_gel_throws_its_own_shadow_on_the_riser_behind_the_product():
    picture = to_linear(drawn(*GELS, prompt="white steps, grey studio", top=SIDE // 4))

    riser = slice(99, 111)
    beside = blueness(picture, riser, slice(34, 40))
    assert blueness(picture, riser, slice(50, 68)) < 0.85 * beside  # of the blue light, from the right
    assert blueness(picture, riser, slice(123, 143)) > 1.2 * beside


def test_each_gel_comes_through_an_arch_to_the_far_side_of_its_niche():
    picture = to_linear(drawn(*GELS, prompt="white studio with an arch", top=SIDE // 4))

    back = slice(50, 76)
    assert blueness(picture, back, slice(53, 66)) > 1.2 * blueness(picture, back, slice(126, 138))


def test_a_pattern_is_thrown_by_each_gel_and_lit_by_the_other():
    picture = to_linear(drawn(*GELS, prompt="grey studio, palm leaf shadow"))

    wall = np.log(picture[: SIDE // 3, :, 2] / picture[: SIDE // 3, :, 0])
    assert np.percentile(wall, 95) - np.percentile(wall, 5) > 0.5


@pytest.mark.parametrize("azimuth", range(-175, 180, 25))
def test_degrees_beside_the_words_give_any_azimuth_and_height(azimuth):
    light = Light(azimuth_deg=azimuth, elevation_deg=22, strength=0.6, color="#ff8800")
    prompt = f"oak table, {words(light, with_degrees=True)}"

    key, *others = asked_lights(read(prompt), light_map([light], 96, 96))

    assert key.azimuth_deg == azimuth
    assert key.elevation_deg == 22
    assert key.color is not None
    assert others == []
    assert read(prompt).unknown == ()
