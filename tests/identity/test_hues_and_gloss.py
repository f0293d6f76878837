"""Hues and materials: what light and gloss cannot do to a product's colours."""

from __future__ import annotations

import numpy as np
import pytest

from prodgen.color import from_lab, to_lab, to_linear, to_srgb
from prodgen.identity import Likeness, Limit, measure
from prodgen.identity.gloss import mirrored_percent
from prodgen.identity.hues import hue_error_deg

SIZE = 120
BLUE, RED, WHITE = (0.15, 0.25, 0.65), (0.7, 0.15, 0.12), (0.85, 0.85, 0.85)
INSIDE = np.ones((SIZE, SIZE), np.float32)


def likeness(*pictures: np.ndarray) -> Likeness:
    """The numbers of photograph, result and matte."""
    return measure(*pictures).likeness


def flag(*colours: tuple[float, float, float]) -> np.ndarray:
    """Bands of these colours, from the top."""
    picture = np.zeros((SIZE, SIZE, 3), np.float32)
    for rows, colour in zip(np.array_split(np.arange(SIZE), len(colours)), colours, strict=True):
        picture[rows] = colour
    return picture


def turned(picture: np.ndarray, degrees: float) -> np.ndarray:
    """L*a*b* of the picture with its hue turned."""
    lab = to_lab(picture)
    color = (lab[..., 1] + 1j * lab[..., 2]) * np.exp(1j * np.radians(degrees))
    lab[..., 1], lab[..., 2] = color.real, color.imag
    return lab


def test_a_colour_under_a_white_reflection_keeps_its_hue():
    photo = flag(BLUE)
    y = np.linspace(0, 1, SIZE, dtype=np.float32)[:, None, None]
    glossy = to_srgb(to_linear(photo) + 0.3 * y**2)

    assert hue_error_deg(to_lab(photo), to_lab(photo), to_lab(glossy), INSIDE) < 5


@pytest.mark.parametrize("degrees", [-60, 15, 40])
def test_the_worst_colour_decides_and_its_turn_is_told_in_degrees(degrees):
    photo = flag(WHITE, WHITE, WHITE, RED, BLUE)
    found = to_lab(photo)
    found[96:] = turned(photo, degrees)[96:]

    told = hue_error_deg(to_lab(photo), to_lab(photo), found, INSIDE)

    assert told == pytest.approx(abs(degrees), abs=0.5)


def test_a_colour_that_is_gone_has_lost_its_hue():
    photo = flag(WHITE, BLUE)
    grey = np.repeat(photo.mean(axis=-1, keepdims=True), 3, axis=-1)

    assert hue_error_deg(to_lab(photo), to_lab(photo), to_lab(grey), INSIDE) == 90


def test_a_product_without_colours_has_no_hue_to_lose():
    photo = flag(WHITE)

    assert hue_error_deg(to_lab(photo), to_lab(photo), to_lab(photo), INSIDE) is None


def packshot(*colours: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """The flag, on grey, and its matte."""
    picture = np.full((2 * SIZE, 2 * SIZE, 3), 0.5, np.float32)
    matte = np.zeros((2 * SIZE, 2 * SIZE), np.float32)
    inner = slice(SIZE // 2, SIZE // 2 + SIZE)
    picture[inner, inner], matte[inner, inner] = flag(*colours), 1
    return picture, matte


def in_light(picture: np.ndarray, *, blue_stops: float = 0.0) -> np.ndarray:
    """Smooth light from the right, and the blue darker."""
    x = np.linspace(0.4, 1, picture.shape[1], dtype=np.float32)[None, :, None]
    blue = picture[..., 2:] > picture[..., :1] + 0.1
    return to_srgb(to_linear(picture) * x * np.where(blue, np.float32(2**-blue_stops), np.float32(1)))


def test_one_colour_made_darker_is_no_light():
    photo, matte = packshot(WHITE, BLUE, WHITE)

    honest = likeness(photo, in_light(photo), matte)
    redrawn = likeness(photo, in_light(photo, blue_stops=2), matte)

    assert honest.material_shift_stops < 0.15
    assert redrawn.material_shift_stops > 1.2
    assert redrawn.verdict("catalogue").status == "fail"


def test_a_product_of_one_colour_has_nothing_to_be_darker_than():
    photo, matte = packshot(BLUE)

    assert likeness(photo, in_light(photo, blue_stops=1), matte).material_shift_stops is None


def windows() -> np.ndarray:
    """Bright panes with edges, linear light: what lacquer shows of a room."""
    y, x = np.mgrid[: 2 * SIZE, : 2 * SIZE]
    return (0.4 * ((x // 15 + y // 20) % 2))[..., None].astype(np.float32)


def lacquered(picture: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """The picture with a room mirrored in the product."""
    return to_srgb(to_linear(in_light(picture)) + windows() * matte[..., None])


def test_a_room_mirrored_in_the_product_is_seen_and_smooth_light_is_none():
    photo, matte = packshot(BLUE, RED)

    assert mirrored_percent(photo, in_light(photo), matte) < 5
    assert mirrored_percent(photo, lacquered(photo, matte), matte) > 60


def test_faint_reflections_of_a_room_are_seen_too():
    photo, matte = packshot(BLUE, RED)
    shown = to_linear(in_light(photo)) + 0.25 * windows() * matte[..., None]

    assert mirrored_percent(photo, to_srgb(shown), matte) > 60


def test_small_steps_of_light_on_stoneware_are_no_reflections():
    photo, matte = packshot(BLUE, RED)
    steps = 1 + 0.15 * np.sign(np.sin(np.arange(2 * SIZE) / 12))[None, :, None]
    shown = to_linear(in_light(photo)) * np.where(matte[..., None] > 0, steps, 1).astype(np.float32)

    assert mirrored_percent(photo, to_srgb(shown), matte) < 5


def test_a_product_with_hardly_a_plain_place_mirrors_nothing_that_can_be_told():
    photo, matte = packshot(*(BLUE, WHITE) * 20)
    photo[100:124, 100:124] = BLUE

    assert mirrored_percent(photo, in_light(photo), matte) is None


def test_a_limit_for_mirrors_holds_for_mirrors_alone():
    photo, matte = packshot(BLUE, RED)
    limits = {"delta_e_mean": Limit(warn=0.0, fail=0.1, mirror_fail=90.0)}

    mirror = likeness(photo, lacquered(photo, matte), matte)
    paint = mirror.model_copy(update={"mirrored_percent": 10.0})

    assert mirror.verdict("mine", limits=limits).status == "warn"
    assert paint.verdict("mine", limits=limits).status == "fail"


def test_a_mirror_of_another_hue_still_fails():
    photo, matte = packshot(BLUE, RED)
    shown = lacquered(photo, matte)
    lab = turned(shown, 40)

    measured = likeness(photo, np.where(matte[..., None] > 0, from_lab(lab), shown), matte)

    assert measured.mirrored_percent > 40
    assert "hue_error_deg" in {limit.number for limit in measured.verdict("editorial").failures}
    assert measured.verdict("editorial").status == "fail"
