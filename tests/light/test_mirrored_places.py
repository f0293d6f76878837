"""What metal mirrors: of a picture of a place, of a panorama, and in a whole shot."""

import numpy as np
import pytest

from prodgen import files, shoot
from prodgen.color import luminance, to_linear
from prodgen.engines.ibl.panorama import make_environment
from prodgen.engines.ibl.product_light import mirrored_place
from prodgen.images import resize
from prodgen.light import estimate_surroundings
from prodgen.light.bare_metal import find_metal, mirror_image
from prodgen.light.seen_place import seen_from_product
from prodgen.shots.layers import Drawn, Placed

LEFT, RIGHT, UP, DOWN, BEHIND = (
    (-0.9, 0.3, -0.3),
    (0.9, 0.3, -0.3),
    (0, 1, 0),
    (0, -0.9, 0.4),
    (0, 0.1, -0.99),
)


def place():
    """A room with a red wall to the left, a green one to the right, and a blue floor."""
    picture = np.empty((120, 160, 3), np.float32)
    picture[:70, :80], picture[:70, 80:], picture[70:] = (0.7, 0.2, 0.2), (0.2, 0.7, 0.2), (0.2, 0.2, 0.7)
    return picture


def matte():
    product = np.zeros((120, 160), np.float32)
    product[40:100, 60:100] = 1
    return product


def seen(picture, **more):
    radiance = seen_from_product(picture, matte(), estimate_surroundings(picture, matte(), **more), **more)
    return lambda direction: radiance(np.array([direction], np.float32) / np.linalg.norm(direction))[0]


def test_what_stands_to_the_left_is_mirrored_from_the_left_and_the_floor_from_below():
    shown = seen(place())

    assert shown(LEFT)[0] > 2 * shown(LEFT)[1]
    assert shown(RIGHT)[1] > 2 * shown(RIGHT)[0]
    assert shown(DOWN)[2] > 1.5 * shown(DOWN)[0]


def test_from_before_the_product_comes_the_floor_at_its_foot_and_from_behind_the_floor_behind_it():
    picture = np.full((120, 160, 3), 0.5, np.float32)
    picture[70:100], picture[100:] = (0.2, 0.2, 0.7), (0.7, 0.2, 0.2)

    shown = seen(picture)

    before, behind = shown((0, -0.3, 0.9)), shown((0, -0.3, -0.9))
    assert before[0] > 2 * before[2]
    assert behind[2] > 2 * behind[0]


def test_what_is_above_the_picture_is_as_bright_as_its_light():
    picture = place()

    np.testing.assert_allclose(seen(picture)(UP), estimate_surroundings(picture, matte()).above, rtol=0.05)


def test_a_product_in_the_picture_mirrors_no_image_of_itself():
    picture = np.full((120, 160, 3), 0.5, np.float32)
    picture[matte() > 0] = (1, 1, 0)

    shown = seen(picture, holds_product=True)(BEHIND)

    assert shown[2] > 0.8 * shown[0]


def test_a_panorama_is_turned_with_the_camera_and_not_mirrored():
    small = np.full((64, 128, 3), 0.1, np.float32)
    small[:, 92:100] = 5.0  # longitude 90 degrees
    shown = mirrored_place(make_environment(small, 0.0), gain=np.ones(3, np.float32))
    turned = mirrored_place(make_environment(small, 90.0), gain=np.ones(3, np.float32))
    right, left, behind = (np.array([[x]], np.float32) for x in ((1, 0, 0), (-1, 0, 0), (0, 0, -1)))

    assert shown(right)[0, 0, 1] > 1 > 0.3 > shown(left)[0, 0, 1]
    assert turned(behind)[0, 0, 1] > 1


def test_gold_and_brass_can_be_metal_and_keep_their_tint():
    photo, product = np.full((120, 160, 3), 0.95, np.float32), matte()
    photo[product > 0] = (0.8, 0.62, 0.3)

    found = find_metal(photo, product)
    image = mirror_image(photo, product, lambda directions: np.full_like(directions, 0.5))
    lit = image.on(to_linear(photo), to_linear(photo), (slice(0, 120), slice(0, 160)))[70, 80]

    assert found.covers > 0.9
    assert lit[0] > 2 * lit[2]
    np.testing.assert_allclose(luminance(lit), 0.35, rtol=0.1)  # of 0.5 metal reflects 0.7


@pytest.fixture(scope="module")
def pot(tmp_path_factory):
    """A grey pot with brighter and darker sides, its matte, and a blue and green room."""
    folder = tmp_path_factory.mktemp("pot")
    photo = np.full((160, 160, 3), 0.95, np.float32)
    product = np.zeros((160, 160), np.float32)
    product[40:130, 50:110] = 1
    photo[40:130, 50:110] = (0.5 + 0.3 * np.sin(np.arange(60) / 9))[None, :, None]
    room = np.full((160, 160, 3), (0.8, 0.45, 0.1), np.float32)
    room[:100, :80], room[:100, 80:] = (0.1, 0.2, 0.75), (0.1, 0.6, 0.2)
    for name, picture in {"photo": photo, "room": room, "matte": np.dstack([product] * 3)}.items():
        files.save(folder / f"{name}.png", picture)
    return folder


@pytest.mark.parametrize("recipe", ["auto", "background"])
def test_a_pot_that_is_said_to_be_metal_takes_on_both_sides_of_the_room_in_the_finished_picture(pot, recipe):
    blueness = {}
    for material in ("opaque", "metal"):
        made = shoot(
            pot / "photo.png",
            "a room" if recipe == "auto" else "",
            matte=pot / "matte.png",
            background=pot / "room.png",
            recipe=recipe,
            settings={"material": material, "place": "original"},
            backend="embedded://",
            seed=4,
        )
        left, right = np.s_[45:75, 55:75], np.s_[45:75, 85:105]
        pixels = made.image[left]
        blueness[material] = float((pixels[..., 2] / np.maximum(pixels[..., 0], 0.02)).mean())
        assert made.story()["material"]["metal"] == (material == "metal")
        assert any("not compared" in notice for notice in made.notices) == (material == "metal")
        if material == "metal":
            assert made.identity.delta_e_mean < 3
            relit = resize(made.frame[Drawn].relit, 160, 160)
            for side in (left, right):
                mean, shown = (picture[side].mean(axis=(0, 1)) for picture in (made.image, relit))
                np.testing.assert_allclose(mean, shown, atol=0.02)

    assert blueness["metal"] > 1.3 * blueness["opaque"]


def test_the_backend_is_told_of_metal_in_words_and_draws_it_so(pot):
    made = {
        material: shoot(
            pot / "photo.png",
            "on oak, polished metal, kitchen",
            matte=pot / "matte.png",
            settings={"material": material, "size": "192x192"},
            backend="embedded://",
            seed=4,
        )
        for material in ("opaque", "metal")
    }

    sent = {material: result.story()["sent"]["prompt"] for material, result in made.items()}
    assert "polished metal" in sent["metal"]
    assert "polished metal" not in sent["opaque"]
    paint, metal = (result.frame[Drawn].relit for result in made.values())
    product = resize(made["metal"].frame[Placed].matte, metal.shape[1], metal.shape[0]) > 0.95
    assert np.abs(metal - paint)[product].mean() > 0.05
