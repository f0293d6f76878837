"""Pictures that are to be like a delivered one: what is taken from it, what the user's own word changes."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from prodgen import files, provenance
from prodgen.catalogue import Wishes, plan_orders, read_catalogue
from prodgen.catalogue.order_shots import order_shot
from prodgen.cli import main
from prodgen.client import Client
from prodgen.color import luminance, to_lab, to_linear
from prodgen.errors import ImageError, SettingError
from prodgen.light import Light
from prodgen.replaying import replay
from prodgen.schema import Capabilities
from prodgen.shots import Recipe, Result, Shot, check, new_shot, open_tools, prepare, read_example, shoot
from prodgen.shots.appearance import appearance
from prodgen.shots.exposure import MOST_STOPS, exposed, scene_lightness
from prodgen.shots.layers import Placed
from prodgen.shots.routes import choose

SIDE = 144
SCENE = "white studio, concrete floor"
LIGHT = "hard back-left 80%"


def product(folder: Path, name: str, wide: int = 60, tall: int = 110, colour: float = 0.5) -> Path:
    """Write a block of one colour on transparency, that many pixels wide and tall."""
    matte = np.zeros((160, 160), np.float32)
    matte[140 - tall : 140, 80 - wide // 2 : 80 + wide // 2] = 1
    rgb = np.where(matte[..., None] > 0, np.float32([0.6, colour, 0.3]), np.float32(0.9)).astype(np.float32)
    files.save(folder / name, rgb, matte=matte)
    return folder / name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A delivered picture of one product, a photograph of another, and the first without its story."""
    folder = tmp_path_factory.mktemp("set")
    settings = {"size": f"{SIDE}x{SIDE}", "fill": 0.3, "place": "left-third", "look": "film"}
    shoot(
        product(folder, "first.png"), SCENE, light=LIGHT, seed=3, backend="embedded://",
        negative_prompt="people", settings=settings, output=folder / "made.png",
    )  # fmt: skip
    product(folder, "second.png", wide=80, tall=70)
    files.save(folder / "bare.png", files.load(folder / "made.png").rgb)
    shoot(
        folder / "first.png", "a red block", recipe="kitchen", seed=1, backend="embedded://",
        settings={"size": "96x96", "fill": 0.4}, output=folder / "kitchen.png",
    )  # fmt: skip
    return folder


def asked(folder: Path, prompt: str = "", like: str = "made.png", **more: object) -> Shot:
    shot = new_shot(folder / "second.png", prompt, like=folder / like, **more)
    check(shot)
    return shot


def setting(shot: Shot, name: str) -> object:
    return next(getattr(stage, name) for stage in shot.recipe.stages if hasattr(stage, name))


def test_what_is_not_said_is_that_of_the_example(folder):
    shot = asked(folder)

    assert (shot.prompt, shot.seed, shot.negative_prompt) == (SCENE, 3, "people")
    assert shot.lights == (Light.parse(LIGHT),)
    assert [setting(shot, name) for name in ("size", "fill", "place", "look")] == [
        f"{SIDE}x{SIDE}", 0.3, "left-third", "film",
    ]  # fmt: skip
    assert setting(shot, "ground_line") == pytest.approx(0.7, abs=0.01)
    assert setting(shot, "exposure") == read_example(folder / "made.png").lightness
    assert "as its story tells" in str(shot.like)


def test_what_is_said_wins(folder):
    shot = asked(
        folder, "on slate", seed=9, negative_prompt="text", light="top",
        settings={"fill": 0.5, "size": "4:5", "place": "right", "exposure": 40.0},
    )  # fmt: skip

    assert (shot.prompt, shot.seed, shot.negative_prompt) == ("on slate", 9, "text")
    assert shot.lights == (Light.parse("top"),)
    assert [setting(shot, name) for name in ("size", "fill", "place", "exposure", "ground_line")] == [
        "4:5", 0.5, "right", 40.0, None,
    ]  # fmt: skip


def test_another_recipe_with_words_of_its_own_takes_light_and_size_and_no_words(folder):
    shot = asked(folder, recipe="podium-studio")

    assert (shot.recipe.name, shot.prompt, shot.negative_prompt) == ("podium-studio", "", None)
    assert shot.lights == (Light.parse(LIGHT),)
    assert (setting(shot, "fill"), setting(shot, "exposure")) == (pytest.approx(0.3, abs=0.02), None)
    assert shot.like is not None
    assert shot.like.left_out == ("prompt", "exposure")


def test_another_recipe_without_words_of_its_own_takes_those_of_the_example(folder):
    shot = asked(folder, recipe="inpaint")

    assert (shot.recipe.name, shot.prompt, shot.negative_prompt) == ("inpaint", SCENE, "people")
    assert setting(shot, "exposure") == read_example(folder / "made.png").lightness


def test_a_way_that_was_left_open_is_open_again(folder):
    shot = asked(folder)

    assert (shot.recipe.name, shot.recipe.is_open) == ("auto", True)
    without_ic_light = Capabilities(dialect="automatic1111")
    assert choose(shot, without_ic_light)[0].recipe.name == "inpaint"


def test_a_way_that_was_taken_for_want_of_ic_light_is_open_again_with_its_settings(folder, tmp_path):
    story = provenance.read_story(files.read_text(folder / "made.png"))
    without_ic_light = Capabilities(dialect="automatic1111")
    painted = choose(asked(folder, settings={"megapixels": 0.3}), without_ic_light)[0].recipe
    story["asked"]["recipe"] = painted.model_dump(mode="json")
    story["route"] = {"asked": "auto", "taken": "inpaint"}
    text = provenance.text_chunks(story, infotext="", source_type=provenance.COMPOSITE_SYNTHETIC)
    files.save(tmp_path / "painted.png", files.load(folder / "made.png").rgb, text=text)

    shot = asked(folder, like=tmp_path / "painted.png")

    assert (shot.recipe.is_open, setting(shot, "megapixels")) == (True, 0.3)
    assert choose(shot, without_ic_light)[0].recipe == painted


def test_a_recipe_that_draws_nothing_takes_size_only(folder):
    shot = asked(folder, recipe="packshot")

    assert (shot.prompt, shot.lights, setting(shot, "size")) == ("", (), f"{SIDE}x{SIDE}")


def test_words_for_another_product_beside_those_of_a_recipe_are_not_taken(folder):
    shot = asked(folder, like="kitchen.png")

    assert (shot.prompt, shot.recipe.prompt) == ("", Recipe.load("kitchen").prompt)


def test_with_other_words_nothing_of_the_scene_is_taken_and_that_is_told(folder):
    shot = asked(folder, "a stone podium at sunset", like="kitchen.png")

    assert (shot.whole_prompt, shot.asked_lights) == ("a stone podium at sunset", ())
    assert (shot.recipe.name, setting(shot, "exposure"), setting(shot, "fill")) == ("auto", None, 0.4)
    assert "not taken, beside what you ask: prompt, light, exposure" in str(shot.like)


@pytest.mark.parametrize(
    ("given", "recipe", "prompt"),
    [
        ({"background": "room.png"}, "auto", ""),
        ({"reference": "room.png"}, "kitchen", Recipe.load("kitchen").prompt),
        ({"settings": {"outpaint": "16:9"}}, "outpaint", ""),
    ],
)
def test_what_cannot_hold_beside_what_is_given_is_left_out(folder, given, recipe, prompt):
    shot = asked(folder, like="kitchen.png", **given)

    assert (shot.recipe.name, shot.whole_prompt) == (recipe, prompt)
    assert shot.like is not None
    assert ("exposure" in shot.like.taken, "exposure" in shot.like.left_out) == (False, True)


def test_an_exposure_that_was_taken_before_is_not_handed_on_to_other_words(folder, tmp_path):
    again = tmp_path / "b.png"
    shoot(folder / "second.png", like=folder / "kitchen.png", backend="embedded://", output=again)

    assert setting(asked(folder, like=again), "exposure") is not None
    shot = asked(folder, "on slate", like=again, settings={"place": "original"})
    assert [setting(shot, name) for name in ("exposure", "ground_line", "snap")] == [None, None, None]


def test_a_product_that_stays_where_it_was_photographed_takes_neither_canvas_nor_share(folder, tmp_path):
    shoot(folder / "first.png", recipe="cutout", output=tmp_path / "cut.png")

    shot = asked(folder, like=tmp_path / "cut.png")

    assert [setting(shot, name) for name in ("size", "fill", "ground_line")] == [None, None, None]
    assert shot.like is not None
    assert shot.like.taken == ("recipe",)


def test_a_share_that_is_asked_for_moves_a_product_that_stayed_at_its_place_in_the_example(folder, tmp_path):
    shoot(
        folder / "first.png", recipe="packshot", settings={"place": "original"}, output=tmp_path / "kept.png"
    )

    shot = asked(folder, like=str(tmp_path / "kept.png"), settings={"fill": 0.3})

    assert (setting(shot, "place"), setting(shot, "fill")) == ("auto", 0.3)


def test_what_an_example_was_said_to_be_made_of_is_not_said_of_another_product(folder, tmp_path):
    settings = {"size": "96x96", "material": "metal"}
    shoot(
        folder / "first.png", SCENE, seed=3, backend="embedded://", settings=settings,
        output=tmp_path / "steel.png",
    )  # fmt: skip

    other = asked(folder, like=str(tmp_path / "steel.png"))
    steel = asked(folder, like=str(tmp_path / "steel.png"), settings={"material": "metal"})

    assert (setting(other, "material"), setting(steel, "material")) == ("auto", "metal")


def test_a_canvas_that_has_grown_does_not_grow_twice(folder, tmp_path):
    settings = {"size": "96x96", "shadow": "cast", "canvas": "grow"}
    made = shoot(folder / "first.png", recipe="packshot", settings=settings, output=tmp_path / "grown.png")
    assert made.image.shape[1] > 96

    shot = asked(folder, like=tmp_path / "grown.png")

    assert [setting(shot, name) for name in ("size", "fill")] == ["96x96", 0.85]


def test_a_product_that_the_photograph_cuts_off_still_reaches_the_edge(folder, tmp_path):
    matte = np.zeros((160, 160), np.float32)
    matte[60:, 50:110] = 1
    files.save(tmp_path / "cut.png", np.full((160, 160, 3), 0.4, np.float32), matte=matte)
    shot = new_shot(tmp_path / "cut.png", like=folder / "kitchen.png")

    assert setting(shot, "ground_line") == pytest.approx(0.7, abs=0.01)
    with open_tools("embedded://") as tools:
        placement = prepare(shot, tools).frame[Placed].placement
    assert placement.bottom == placement.height


@pytest.mark.parametrize(("size", "canvas"), [((40, 50), "1.25:1"), ((20, 500), "8:1")])
def test_of_an_example_that_no_canvas_may_be_as_small_as_the_ratio_is_taken(folder, tmp_path, size, canvas):
    files.save(tmp_path / "small.png", np.full((*size, 3), 0.4, np.float32))

    assert setting(asked(folder, "on slate", like=tmp_path / "small.png"), "size") == canvas


def test_a_torn_story_is_told_with_its_file_and_a_remedy(folder, tmp_path):
    files.save(tmp_path / "torn.png", np.zeros((64, 64, 3), np.float32), text={provenance.KEY: '{"kind":'})

    with pytest.raises(SettingError, match=r"torn\.png.* is damaged .*; give a copy that is whole"):
        read_example(tmp_path / "torn.png")


def test_a_picture_without_a_story_is_estimated_and_that_is_told(folder):
    shot = asked(folder, "on slate", like="bare.png", seed=1)

    assert len(shot.lights) == 1
    assert setting(shot, "fill") == pytest.approx(0.3, abs=0.03)
    assert "estimated, for it carries no story" in str(shot.like)
    assert "light (" in str(shot.like)
    with pytest.raises(SettingError, match="the prompt is empty"):
        asked(folder, like="bare.png")


def test_a_picture_that_is_like_another_is_replayed_without_it(folder, tmp_path):
    made = shoot(
        folder / "second.png", like=folder / "made.png", backend="embedded://", output=tmp_path / "b.png"
    )

    again = replay(tmp_path / "b.png", photo=folder / "second.png", backend="embedded://")

    assert again.differences == ()
    assert any("like made.png" in notice for notice in again.picture.notices)
    assert made.shot.key == again.picture.shot.key


def test_an_example_on_a_background_asks_for_that_picture(folder, tmp_path):
    story = provenance.read_story(files.read_text(folder / "made.png"))
    story["asked"] |= {"background": "room.png", "prompt": ""}
    text = provenance.text_chunks(story, infotext="", source_type=provenance.COMPOSITE_SYNTHETIC)
    files.save(tmp_path / "room-shot.png", files.load(folder / "made.png").rgb, text=text)

    with pytest.raises(SettingError, match=r"background 'room.png'; give that picture: --background"):
        new_shot(folder / "second.png", like=tmp_path / "room-shot.png")
    shot = new_shot(folder / "second.png", like=tmp_path / "room-shot.png", background="room.png")
    assert (shot.prompt, shot.lights) == ("", ())


@pytest.mark.parametrize(
    "wrong",
    [
        lambda story: {"kind": story["kind"]},
        lambda story: {**story, "size": [0, 0]},
        lambda story: {**story, "product_box": [9, 9, 3, 3]},
        lambda story: {**story, "asked": {**story["asked"], "recipe": {"name": "x"}}},
        lambda story: {**story, "scene": 3},
        lambda story: {**story, "route": {"asked": "auto", "taken": "gone"}},
    ],
)
def test_a_story_that_cannot_be_followed_is_refused_in_a_sentence(folder, tmp_path, wrong):
    story = wrong(provenance.read_story(files.read_text(folder / "made.png")))
    text = provenance.text_chunks(story, infotext="", source_type=provenance.COMPOSITE_SYNTHETIC)
    files.save(tmp_path / "odd.png", files.load(folder / "made.png").rgb, text=text)

    with pytest.raises(SettingError, match="damaged or of another version, so no picture can be made like"):
        read_example(tmp_path / "odd.png")


def test_a_picture_that_is_not_there_is_told(folder):
    with pytest.raises(ImageError, match="cannot be read"):
        asked(folder, like="none.png")


def test_a_sheet_has_a_column_for_it_and_its_seed_is_that_of_the_example(folder):
    (folder / "sheet.csv").write_text("photo,sku,like\nsecond.png,1,made.png\nfirst.png,2,\n", "utf-8")

    first, second = plan_orders(read_catalogue(folder / "sheet.csv"), Wishes(prompt="on slate"))

    assert first.asked_for["like"] == str(folder / "made.png")
    assert (first.seed, second.seed == 3) == (3, False)
    shot = order_shot(first, root=folder)
    assert (shot.prompt, shot.lights, setting(shot, "fill")) == ("on slate", (Light.parse(LIGHT),), 0.3)
    assert "seed" in str(shot.like)


def test_a_sheet_takes_the_seed_of_the_example_as_it_is_now(folder, tmp_path):
    product(tmp_path, "second.png")
    (tmp_path / "sheet.csv").write_text("photo,like\nsecond.png,ex.png\n", "utf-8")

    def seed(of: str) -> int:
        (tmp_path / "ex.png").write_bytes((folder / of).read_bytes())
        (order,) = plan_orders(read_catalogue(tmp_path / "sheet.csv"), Wishes(prompt="on slate"))
        return order.seed

    assert (seed("made.png"), seed("kitchen.png")) == (3, 1)


def test_the_command_says_what_it_took(folder, tmp_path):
    made, out = str(folder / "made.png"), str(tmp_path / "out.png")
    options = ["--like", made, "--size", "96x96", "--backend", "embedded://", "-o", out]

    done = CliRunner().invoke(main, ["shoot", str(folder / "second.png"), *options])

    assert done.exit_code == 0, done.output
    assert "seed 3" in done.output
    assert "like made.png: recipe, negative prompt, prompt, seed, light, " in " ".join(done.output.split())


def scene(level: float) -> tuple[np.ndarray, np.ndarray]:
    matte = np.zeros((40, 40), np.float32)
    matte[10:30, 10:30] = 1
    return np.where(matte[..., None] > 0, 0.9, level).astype(np.float32).repeat(3, axis=2), matte


@pytest.mark.parametrize("wanted", [45.0, 60.0])
def test_a_scene_is_brought_to_an_exposure_and_its_product_goes_along(wanted):
    drawn, matte = scene(0.5)  # L* 53.4

    brought, lit, told = exposed(drawn, drawn * np.float32(0.8), matte, wanted)

    assert told is None
    assert to_lab(brought)[0, 0, 0] == pytest.approx(wanted, abs=0.1)
    assert scene_lightness(brought, matte) == pytest.approx(wanted, abs=0.1)
    ratio = to_linear(brought)[0, 0, 0] / to_linear(drawn)[0, 0, 0]
    assert to_linear(lit)[0, 0, 0] / to_linear(drawn * np.float32(0.8))[0, 0, 0] == pytest.approx(
        ratio, rel=0.01
    )


def test_an_exposure_that_is_far_away_is_come_near_by_a_stop_and_told():
    drawn, matte = scene(0.1)

    brought, _lit, told = exposed(drawn, drawn, matte, 90.0)

    assert "stops darker than its exposure was asked" in str(told)
    ratio = float(to_linear(brought)[0, 0, 0] / to_linear(drawn)[0, 0, 0])
    assert math.log2(ratio) == pytest.approx(MOST_STOPS, abs=0.01)


def test_a_scene_of_nearly_the_same_exposure_stays_as_it_was_drawn():
    drawn, matte = scene(0.5)

    assert exposed(drawn, drawn, matte, 53.0) == (drawn, drawn, None)


def shadow_angle(result: Result) -> float:
    """Return where the shadow's middle lies from the product's foot, in degrees of the picture."""
    placed = result.frame[Placed]
    box = placed.placement
    light = cv2.GaussianBlur(luminance(to_linear(result.image)), (0, 0), 1.0)
    v, u = np.mgrid[:SIDE, :SIDE]
    floor = (v > 0.55 * SIDE) & (cv2.dilate(placed.matte, np.ones((5, 5))) < 0.5)
    usual = np.percentile(light[-SIDE // 3 :], 75, axis=1).mean()
    darkness = 1 - light / usual
    weight = np.where(floor & (darkness > 0.35), darkness, 0)
    x = float((weight * (u - (box.left + box.right) / 2)).sum())
    return math.degrees(math.atan2(float((weight * (v - box.bottom)).sum()), x))


SET = [
    (60, 110),
    (90, 80),
    (40, 120),
    (110, 70),
    (100, 100),
    (80, 60),
    (75, 115),
    (50, 95),
    (115, 90),
    (85, 105),
]
"""Widths and heights of ten products that stand, in pixels."""


def test_k19_ten_products_of_a_set_have_one_light_one_shadow_and_one_size(tmp_path):
    """dijipilot, rewarx: a catalogue of generated pictures looks like a patchwork."""
    photos = [
        product(tmp_path, f"{n}.png", wide, tall, colour=0.2 + 0.06 * n) for n, (wide, tall) in enumerate(SET)
    ]
    with Client("embedded://") as client:
        settings = {"size": f"{SIDE}x{SIDE}", "fill": 0.3}
        made = [
            shoot(photos[0], SCENE, light=LIGHT, seed=3, backend=client, settings=settings,
                  output=tmp_path / "first-of-set.png")
        ]  # fmt: skip
        made += [shoot(photo, like=made[0].path, backend=client) for photo in photos[1:]]

    angles = [shadow_angle(one) for one in made]
    looks = [appearance(one.frame) for one in made]
    assert max(angles) - min(angles) < 5, angles
    fills = [look["fill"] for look in looks]
    assert (max(fills) - min(fills)) / min(fills) < 0.03, fills
    lightness = [one.story()["scene"]["lightness"] for one in made]
    assert max(lightness) - min(lightness) < 2, lightness
