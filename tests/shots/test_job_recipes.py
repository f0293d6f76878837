"""Recipes that bring their scene, words, light and pose: the usual jobs, and those of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from prodgen import files
from prodgen.client import Client
from prodgen.engines import embedded_server
from prodgen.errors import IdleSettingError, ProdgenError, SettingError
from prodgen.light import Light, light_map
from prodgen.replaying import replay
from prodgen.server import ApiTransport, Behaviour
from prodgen.shots import Recipe, builtin_recipes, check, new_shot, shoot
from prodgen.shots.handing_over import start
from prodgen.shots.layers import Brief, Given

JOBS = (
    "packshot",
    "wood-table",
    "marble-bathroom",
    "night-city",
    "beach",
    "forest-floor",
    "kitchen",
    "flat-lay",
    "podium-studio",
    "seasonal",
)
"""The ten usual jobs of a product photographer."""

SMALL = {"size": "128x128", "shadow": "none"}


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A red disc on transparency."""
    y, x = np.mgrid[:96, :96].astype(np.float32)
    disc = np.clip(26.5 - np.hypot(x - 48, y - 52), 0, 1).astype(np.float32)
    rgb = np.where(disc[..., None] > 0, np.array([0.7, 0.1, 0.1]), 0.9).astype(np.float32)
    files.save(tmp_path / "disc.png", rgb, matte=disc)
    files.save(tmp_path / "map.png", light_map([Light.parse("right")], 64, 48))
    files.save(tmp_path / "wall.png", np.full((256, 256, 3), 0.4, np.float32))
    return tmp_path / "disc.png"


def own(folder: Path, text: str) -> Path:
    (folder / "mine.toml").write_text(text, "utf-8")
    return folder / "mine.toml"


def brief(photo: Path, **more: object) -> Brief:
    shot = new_shot(photo, seed=1, **more)
    check(shot)
    return start(shot)[Brief]


def test_each_of_the_ten_usual_jobs_is_a_recipe():
    assert set(JOBS) <= set(builtin_recipes())


@pytest.mark.parametrize("name", JOBS)
def test_a_job_needs_no_word_but_its_name(photo, name):
    made = shoot(photo, recipe=name, backend="embedded://", seed=2, settings=SMALL)

    assert made.image.shape == (128, 128, 3)
    assert made.image.std() > 0.02


def test_a_job_is_replayed_to_the_bit(photo, tmp_path):
    shoot(
        photo, recipe="flat-lay", backend="embedded://", seed=2, settings=SMALL, output=tmp_path / "made.png"
    )

    again = replay(tmp_path / "made.png", photo=photo, backend="embedded://")

    assert again.differences == ()
    assert again.picture.shot.recipe.name == "flat-lay"


def test_a_job_on_a_server_without_ic_light_is_painted_and_keeps_its_name_and_words(photo):
    transport = ApiTransport(embedded_server(Behaviour(ic_light=None)))
    with Client("http://127.0.0.1:7860", transport=transport) as client:
        made = shoot(photo, recipe="kitchen", backend=client, seed=2, settings=SMALL)

    assert made.route is not None
    assert made.route.taken == "inpaint"
    assert made.shot.recipe.name == "kitchen"
    assert Recipe.load("kitchen").prompt in made.origin.prompt


def test_words_of_the_user_are_put_before_those_of_the_recipe(photo):
    scene = Recipe.load("beach").prompt

    assert brief(photo, prompt="a red ball", recipe="beach").prompt == f"a red ball, {scene}"
    assert brief(photo, recipe="beach").prompt == scene


@pytest.mark.parametrize(
    ("given", "lights"),
    [
        ({}, Recipe.load("kitchen").light),
        ({"light": "hard back"}, (Light.parse("hard back"),)),
    ],
)
def test_a_light_of_the_users_wins_over_that_of_the_recipe(photo, given, lights):
    assert brief(photo, recipe="kitchen", **given).lights == lights


@pytest.mark.parametrize("job", JOBS)
def test_no_job_brings_a_light_in_which_a_white_pack_is_cream(job):
    assert all((light.temperature_k or 5500) >= 5000 for light in Recipe.load(job).light)


def test_a_light_map_of_the_users_wins_over_the_light_of_the_recipe(photo):
    (key,) = brief(photo, recipe="marble-bathroom", light_map=photo.with_name("map.png")).lights

    assert key.azimuth_deg > 60


def test_a_negative_prompt_and_a_pose_of_the_users_win_over_those_of_the_recipe(photo):
    shot = new_shot(photo, recipe="flat-lay", negative_prompt="people", pose="upright", seed=1)

    frame = start(shot)

    assert frame[Brief].negative_prompt == "people"
    assert frame[Given].pose == "upright"
    assert start(new_shot(photo, recipe="flat-lay", seed=1))[Given].pose == "flat"


def test_a_background_is_refused_by_a_recipe_that_brings_its_scene(photo):
    with pytest.raises(IdleSettingError, match="draws its own background"):
        check(new_shot(photo, recipe="kitchen", background=photo.with_name("wall.png")))


def test_a_recipe_of_ones_own_is_another_one_with_what_is_changed(tmp_path):
    mine = Recipe.load(
        own(
            tmp_path,
            'based_on = "wood-table"\nprompt = "on slate"\nlight = ["soft left", "#ff8800 back 30%"]\n'
            'tries = 3\n[settings]\nfill = 0.4\nlook = "film"\n',
        )
    )

    base = Recipe.load("wood-table")
    assert (mine.name, mine.prompt, mine.tries) == ("mine", "on slate", 3)
    assert mine.negative_prompt == base.negative_prompt
    assert mine.light == (Light.parse("soft left"), Light.parse("#ff8800 back 30%"))
    assert mine.stages == base.with_settings({"fill": 0.4, "look": "film"}).stages


def test_a_recipe_of_ones_own_keeps_what_it_does_not_change_of_how_files_are_written(tmp_path):
    mine = Recipe.load(own(tmp_path, 'based_on = "cutout"\n[delivery]\nquality = 90\n'))

    assert mine.delivery.quality == 90
    assert mine.delivery.transparent


def test_a_recipe_with_a_scene_takes_the_settings_of_a_reference_picture():
    asked = Recipe.load("kitchen").with_settings({"reference_by": "img2img", "fill": 0.4})

    assert asked.name == "kitchen"
    assert asked.takes_reference
    assert not asked.is_open
    with pytest.raises(IdleSettingError, match="the recipe 'reference' has"):
        Recipe.load("packshot").with_settings({"reference_by": "img2img"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('based_on = "wood-tabel"', "unknown recipe 'wood-tabel'; did you mean 'wood-table'"),
        ("based_on = 3", "unknown recipe '3'"),
        ('based_on = ["auto"]', "unknown recipe"),
        ('based_on = "auto"\nsettings = 3', "settings must be a table"),
        ('based_on = "auto"\n[settings]\nfil = 0.5', "'fil'; did you mean 'fill'"),
        ('based_on = "auto"\n[settings]\nfill = 7', "fill must be"),
        ('based_on = "auto"\nprompt = "on slate <lora:oil:1>"', "LoRAs cannot be named in a recipe"),
        ('based_on = "auto"\nlight = "leftish"', "leftish"),
        ('based_on = "auto"\npose = "sideways"', "sideways"),
        ('based_on = "packshot"\nprompt = "on slate"', "no stage draws a scene; leave out prompt"),
        ('based_on = "packshot"\nlight = "left"', "lights the product; leave out light"),
        ('based_on = "outpaint"\npose = "flat"', "no stage 'pose'; leave out pose"),
        ('[settings]\nfill = 0.5\n[[stages]]\nstage = "segment"', "unknown setting 'settings'"),
    ],
)
def test_a_wrong_recipe_of_ones_own_is_refused_in_a_sentence(tmp_path, text, words):
    with pytest.raises(ProdgenError) as caught:
        Recipe.load(own(tmp_path, text))

    assert isinstance(caught.value, SettingError)
    assert words in str(caught.value)


def test_a_recipe_with_a_scene_comes_back_from_its_json():
    recipe = Recipe.load("flat-lay")

    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
