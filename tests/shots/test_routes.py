"""Which way a picture is made where the choice is left open; that it is told, and replayed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files as files_of_recipes
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from prodgen import files
from prodgen.cli import main
from prodgen.client import Client
from prodgen.engines import embedded_server
from prodgen.errors import IdleSettingError, MissingExtensionError, SettingError
from prodgen.replaying import replay
from prodgen.server import ApiTransport, Behaviour
from prodgen.shots import ROUTES, Recipe, Result, Shot, builtin_recipes, new_shot, shoot

QUICK = {"place": "original", "shadow": "none"}


@pytest.fixture
def photos(tmp_path: Path, disc: np.ndarray) -> Path:
    """A folder with a red disc, its matte, and a wall to put it before."""
    rgb = np.where(disc[..., None] > 0, np.array([0.7, 0.1, 0.1]), 0.9).astype(np.float32)
    files.save(tmp_path / "mug.png", rgb)
    files.save_matte(tmp_path / "matte.png", disc)
    files.save(tmp_path / "wall.png", np.full_like(rgb, 0.4))
    return tmp_path


@contextmanager
def server(ic_light: str | None) -> Iterator[Client]:
    transport = ApiTransport(embedded_server(Behaviour(ic_light=ic_light)))
    with Client("http://127.0.0.1:7860", transport=transport) as client:
        yield client


def shot(photos: Path, ic_light: str | None, prompt: str = "oak table", **more: object) -> Result:
    settings = {**QUICK, **more.pop("settings", {})}
    with server(ic_light) as client:
        return shoot(
            photos / "mug.png", prompt, matte=photos / "matte.png", backend=client, settings=settings, **more
        )


@pytest.mark.parametrize(
    ("ic_light", "has_background", "taken", "drawing"),
    [
        ("v2", False, "relight", "relight"),
        (None, False, "inpaint", "background"),
        ("v2", True, "relight", "relight"),
        (None, True, "background", "backdrop"),
    ],
)
def test_the_route_is_the_best_that_backend_and_shot_allow(photos, ic_light, has_background, taken, drawing):
    more = {"background": photos / "wall.png"} if has_background else {}

    made = shot(photos, ic_light, **more)

    assert made.route.taken == taken
    assert made.shot.recipe.name == taken
    assert drawing in made.seconds
    assert made.story()["route"]["taken"] == taken
    is_usual = taken == "relight"
    assert any("no IC-Light" in notice for notice in made.notices) is not is_usual


def test_a_named_recipe_goes_its_own_way_or_none(photos):
    assert shot(photos, "v2", recipe="relight").route is None
    with pytest.raises(MissingExtensionError):
        shot(photos, None, recipe="relight")


def test_changed_settings_stay_changed_on_every_route_and_a_models_own_defaults_do_not(photos):
    usual, changed = shot(photos, None), shot(photos, None, settings={"steps": 7})

    def drawing(made: Result) -> object:
        return next(stage for stage in made.shot.recipe.stages if stage.stage == "background")

    assert drawing(usual) == next(x for x in Recipe.load("inpaint").stages if x.stage == "background")
    assert drawing(changed).steps == 7
    assert usual.shot.recipe.negative_prompt == Recipe.load("inpaint").negative_prompt


def test_a_setting_that_was_said_stays_where_it_is_the_default_of_the_usual_route(photos):
    usual = {"steps": 25, "cfg_scale": 2.0, "second_pass": False}

    made = shot(photos, None, settings=usual)

    (drawing,) = [stage for stage in made.shot.recipe.stages if stage.stage == "background"]
    assert (drawing.steps, drawing.cfg_scale) == (25, 2.0)
    unsaid, said = (new_shot(photos / "mug.png", "oak", seed=5, settings=x) for x in ({}, usual))
    again = Shot.from_story(said.story(), photo=photos / "mug.png")
    assert unsaid.key != said.key == again.key


def test_a_setting_that_the_only_open_route_has_no_use_for_is_refused(photos):
    with pytest.raises(IdleSettingError, match="steps"):
        shot(photos, None, settings={"steps": 7}, background=photos / "wall.png")


def test_words_that_a_route_has_no_use_for_are_told(photos):
    made = shot(photos, None, background=photos / "wall.png")

    assert any("without effect then: prompt" in notice for notice in made.notices)


def test_a_replay_goes_the_route_that_was_taken(photos):
    first = shot(photos, None, seed=5, output=photos / "out.png")

    with server("v2") as client:
        again = replay(
            photos / "out.png",
            photo=photos / "mug.png",
            matte=photos / "matte.png",
            backend=client,
            output=photos / "again.png",
        )

    assert again.picture.shot.recipe.name == "inpaint"
    np.testing.assert_array_equal(again.picture.image, first.image)


def test_an_empty_prompt_is_refused_with_the_route_that_needs_none(photos):
    with pytest.raises(SettingError, match="--route packshot"):
        shoot(photos / "mug.png")


def test_the_route_of_a_background_needs_one(photos):
    with pytest.raises(SettingError, match="--background"):
        shoot(photos / "mug.png", recipe="background")


def test_each_route_is_a_recipe():
    assert set(ROUTES) <= set(builtin_recipes())


def test_a_route_and_a_recipe_exclude_each_other(photos):
    line = ["shoot", str(photos / "mug.png"), "--route", "packshot", "--recipe", "packshot"]

    ended = CliRunner().invoke(main, line)

    assert ended.exit_code == 2
    assert "exclude each other" in ended.output


def test_a_route_of_the_command_line_is_taken_and_auto_is_told(photos):
    wanted = ["shoot", str(photos / "mug.png"), "--matte", str(photos / "matte.png"), "--place", "original"]
    plain = CliRunner().invoke(main, [*wanted, "--route", "packshot", "-o", str(photos / "p.png")])
    told = CliRunner().invoke(
        main,
        [*wanted, "--prompt", "oak table", "--backend", "embedded://", "-o", str(photos / "q.png")],
    )

    assert plain.exit_code == 0, plain.output
    assert files.load(photos / "p.png").rgb[0, 0].min() == 1
    assert "route     relight: the backend can relight" in told.output


@pytest.mark.parametrize(("ic_light", "taken"), [("v2", "relight"), (None, "inpaint")])
@pytest.mark.parametrize("words", ["", "people"])
def test_an_open_recipe_of_ones_own_goes_the_way_that_is_open_with_its_own_words(
    photos, ic_light, taken, words
):
    text = (files_of_recipes("prodgen.shots") / "recipes" / "auto.toml").read_text("utf-8")
    own = [line for line in text.splitlines() if not line.startswith(("name", "negative_prompt"))]
    (photos / "mine.toml").write_text("\n".join([f'negative_prompt = "{words}"', *own]), "utf-8")

    made = shot(photos, ic_light, recipe=photos / "mine.toml")

    assert made.route.taken == taken
    assert made.shot.recipe.negative_prompt == words


def test_an_open_recipe_without_the_stage_that_another_may_stand_for_is_refused(tmp_path):
    stages = "".join(
        f'[[stages]]\nstage = "{name}"\n' for name in ("segment", "place", "sweep", "upscale", "identity")
    )
    (tmp_path / "mine.toml").write_text(f"is_open = true\n{stages}", "utf-8")

    with pytest.raises(SettingError, match="leave out is_open"):
        Recipe.load(tmp_path / "mine.toml")
