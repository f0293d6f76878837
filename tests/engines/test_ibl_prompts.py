"""What the embedded renderer understands of a prompt."""

import pytest

from prodgen.engines.ibl.floor_materials import FINISHES
from prodgen.engines.ibl.panorama import load
from prodgen.engines.ibl.prompt_reading import read
from prodgen.engines.ibl.vocabulary import vocabulary


@pytest.mark.parametrize(
    ("prompt", "scene", "floor"),
    [
        ("red mug on a wooden table, sunset", "sunset", "wood"),
        ("on white marble, bright kitchen", "kitchen", "marble"),
        ("night city street, wet asphalt", "citynight", "asphalt"),
        ("forest floor with moss, morning light", "forest", "moss"),
        ("sandy beach at golden hour", "beach", "sand"),
        ("black glossy acrylic, dramatic light from right", "studio", "acrylic"),
        ("cozy interior, linen cloth", "interior", "linen"),
        ("a jar in a garden", "garden", "wood"),
        ("on mossy ground", "forest", "moss"),
        ("(masterpiece:1.2), (sunset:1.4) <lora:wood:0.5>, marble", "sunset", "marble"),
        ("mug on a woden table at sunsett", "sunset", "wood"),
        ("beach bag on a walnut desk, office", "interior", "walnut"),
        ("", "studio", "sweep"),
    ],
)
def test_a_prompt_names_a_place_and_a_floor(prompt, scene, floor):
    reading = read(prompt)

    assert (reading.scene.name, reading.floor) == (scene, floor)


@pytest.mark.parametrize(
    ("prompt", "scene"),
    [
        ("on sand, beach, noon", "beachday"),
        ("beach in the morning", "beachday"),
        ("on sand at midday", "beachday"),
        ("desert, midday", "desertday"),
        ("noon", "day"),
        ("beach", "beach"),
        ("beach at sunset, a sunny day ends", "beach"),
        ("beach at dawn", "beach"),
        ("beach at night after a day", "night"),
        ("forest, noon", "forest"),
        ("kitchen, noon", "kitchen"),
    ],
)
def test_an_hour_of_the_day_never_gets_an_evening(prompt, scene):
    reading = read(prompt)

    assert reading.scene.name == scene
    assert not {"noon", "midday"} & set(reading.unknown)


@pytest.mark.parametrize(
    ("prompt", "scene", "is_darker"),
    [
        ("kitchen at night", "kitchen", True),
        ("city, night", "citynight", False),
        ("forest at night", "night", False),
        ("city at sunset", "sunset", False),
        ("forest, sunset", "forest", True),
        ("night city, sunset", "citynight", True),
        ("on grass, night", "night", False),
        ("on sand, noonday", "beachday", False),
        ("white background, sand", "studio", False),
    ],
)
def test_an_hour_beside_a_place_changes_its_light_or_the_place(prompt, scene, is_darker):
    reading = read(prompt)

    assert reading.scene.name == scene
    assert (reading.exposure < 1) is is_darker


def test_a_prompt_that_says_nothing_drawable_gets_the_studio_and_its_words_are_named():
    reading = read("asdf qwerty")

    assert (reading.scene.name, reading.floor, reading.unknown) == ("studio", "sweep", ("asdf", "qwerty"))


@pytest.mark.parametrize(
    "prompt",
    [
        "red mug on a wooden table, sunset",
        "product photo of a handbag, professional lighting, 8k, highly detailed, on marble",
        "a vintage enamelled samovar on an oak table, city",
    ],
)
def test_the_product_and_praise_are_not_unknown_words(prompt):
    assert read(prompt).unknown == ()


def test_an_unknown_place_is_named_beside_what_is_drawn():
    reading = read("bottle on oak, spaceship cockpit")

    assert reading.unknown == ("spaceship", "cockpit")
    assert reading.floor == "wood"


@pytest.mark.parametrize(
    ("prompt", "azimuth"),
    [
        ("sunlight from the left", -72),
        ("window light from right", 72),
        ("backlit", 158),
        ("light from top", 20),
    ],
)
def test_light_words_give_a_direction(prompt, azimuth):
    assert read(f"mug on a table, {prompt}").light[0] == azimuth


def test_a_colour_belongs_to_the_word_it_stands_before():
    reading = read("red mug on black marble, pink background")

    assert max(reading.tint) < 0.12
    assert reading.backdrop[0] > 0.9 > reading.backdrop[1]


def test_the_negative_prompt_takes_places_and_floors_away():
    reading = read("mug, forest, wooden table", negative_prompt="wood, trees")

    assert (reading.scene.name, reading.floor) == ("studio", "sweep")


def test_every_word_leads_to_something_that_can_be_drawn():
    known = vocabulary()
    floors = {e.name for entries in known.entries.values() for e in entries if e.kind == "floor"}

    assert floors <= FINISHES.keys()
    assert {scene.floor for scene in known.scenes.values()} <= FINISHES.keys()
    for scene in known.scenes.values():
        assert scene.panorama == "sweep" or load(scene.panorama).shape == (512, 1024, 3)


def test_natural_light_is_no_forest():
    reading = read("on a wooden table, natural light")

    assert (reading.scene.name, reading.floor) == ("studio", "wood")
