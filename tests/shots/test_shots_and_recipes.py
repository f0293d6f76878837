"""Recipes and shots: what is accepted, what is refused by name, what decides a picture."""

from __future__ import annotations

import numpy as np
import pytest

from prodgen import files
from prodgen.errors import ProdgenError, SettingError, UnknownNameError, WrongValueError
from prodgen.masks import bounding_box
from prodgen.shots import Recipe, Shot, builtin_recipes, check, new_shot, shoot, shoot_all
from prodgen.shots.frame import Frame
from prodgen.shots.layers import CutOut, Placed


def toml(*stages: str) -> str:
    return "\n".join(f"[[stages]]\nstage = '{name}'" for name in stages)


@pytest.mark.parametrize("name", sorted(builtin_recipes()))
def test_every_built_in_recipe_is_valid_and_described(name):
    recipe = Recipe.load(name)

    assert recipe.name == name
    assert recipe.description


def test_a_recipe_of_the_users_is_named_after_its_file(tmp_path):
    (tmp_path / "mine.toml").write_text(toml("segment", "place"))

    recipe = Recipe.load(tmp_path / "mine.toml")

    assert (recipe.name, len(recipe.stages)) == ("mine", 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stages = 3", "stages"),
        ("[[stages]]\nstage = 'segmnt'", "unknown stage 'segmnt'; did you mean 'segment'.*in stages.0"),
        ("[[stages]]\nsteps = 9", 'which stage it is; add a line such as stage = "segment"$'),
        ("stages = []", "stages must not be empty"),
        ("[[stages]]\nstage = 'relight'\nsteps = 0", "steps"),
        ("[[stages]]\nstage = 'relight'\nstpes = 9", "unknown setting 'stpes'; did you mean 'steps'"),
        ("[[stages]]\nstage = 'upscale'\nupscale = '9'", "upscale must be .* not '9'"),
        ("[[stages]]\nstage = 'place'\nsize = 'huge'", "size must be .* not 'huge'"),
        ("[[stages]]\nstage = 'look'\nlook = 'flim'", "unknown look 'flim'; did you mean 'film'"),
        ("a = [", "not TOML"),
        ("", "stages"),
    ],
)
def test_a_wrong_recipe_is_refused_with_the_field(tmp_path, text, words):
    (tmp_path / "wrong.toml").write_text(text)

    with pytest.raises(SettingError, match=words):
        Recipe.load(tmp_path / "wrong.toml")


def test_a_recipe_name_that_is_nearly_right_gets_the_right_one():
    with pytest.raises(UnknownNameError, match="did you mean 'packshot'"):
        Recipe.load("packshoot")


def test_a_recipe_name_that_no_file_can_have_is_refused_in_a_sentence():
    with pytest.raises(SettingError, match="cannot be read: its name is too long"):
        Recipe.load("x" * 500)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"recipe": "packshot", "prompt": "a table"}, "recipe 'packshot' draws no scene; leave out prompt"),
        ({"recipe": "packshot", "light": "left"}, "recipe 'packshot' draws no scene; leave out light"),
        ({"recipe": "packshot", "background": "b.png"}, "draws its own background; leave out background"),
        (
            {"recipe": "inpaint", "prompt": "x", "background": "b.png"},
            "its own background; leave out background",
        ),
        ({"recipe": "relight"}, "the prompt is empty"),
        ({"recipe": "packshot", "output": "mug.gif"}, "'mug.gif': the ending must be one of .png"),
    ],
)
def test_parts_of_a_shot_that_do_not_go_together_are_refused_before_any_file_is_read(wrong, sentence):
    with pytest.raises(ProdgenError) as caught:
        check(new_shot("no-such-file.png", **wrong))

    assert sentence in str(caught.value)


def test_a_setting_goes_to_every_stage_that_has_it():
    changed = Recipe.load("relight").with_settings({"steps": 7, "size": "4:5"})

    assert [stage.steps for stage in changed.stages if hasattr(stage, "steps")] == [7]
    assert [stage.size for stage in changed.stages if hasattr(stage, "size")] == ["4:5"]


def test_a_setting_that_no_stage_has_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError, match="quality"):
        Recipe.load("packshot").with_settings({"qualty": 7})


def test_a_shot_survives_the_way_to_a_worker(tmp_path):
    shot = Shot(photo=tmp_path / "a.png", prompt="x", seed=3)

    assert Shot.model_validate_json(shot.model_dump_json()) == shot


def test_the_key_of_a_shot_depends_on_what_decides_the_pixels_and_on_nothing_else(tmp_path):
    (tmp_path / "a.png").write_bytes(b"1")
    (tmp_path / "b.png").write_bytes(b"1")
    (tmp_path / "c.png").write_bytes(b"2")
    key = Shot(photo=tmp_path / "a.png", prompt="x", seed=3).key

    assert Shot(photo=tmp_path / "b.png", prompt="x", seed=3, output=tmp_path / "o.png").key == key
    assert Shot(photo=tmp_path / "c.png", prompt="x", seed=3).key != key
    assert Shot(photo=tmp_path / "a.png", prompt="y", seed=3).key != key
    assert Shot(photo=tmp_path / "a.png", prompt="x", seed=4).key != key
    assert Shot(photo=tmp_path / "a.png", prompt="x", seed=3, recipe=Recipe.load("packshot")).key != key


def test_a_drawn_seed_is_recorded(tmp_path):
    seeds = {Shot(photo=tmp_path / "a.png").seed for _ in range(5)}

    assert len(seeds) == 5


@pytest.fixture
def photo(tmp_path, disc):
    rgb = np.where(disc[..., None] > 0, np.array([0.7, 0.1, 0.1]), 0.9).astype(np.float32)
    files.save(tmp_path / "photo.png", rgb, matte=disc)
    return tmp_path / "photo.png"


def test_the_alpha_of_a_cut_out_photograph_is_its_matte(photo):
    result = shoot(photo, recipe="packshot", settings={"place": "original"})

    np.testing.assert_allclose(result.frame[Placed].matte, files.load(photo).matte)


def test_shots_that_differ_by_seed_share_the_cut_out(photo):
    shots = [Shot(photo=photo, prompt="wooden table, sunset", seed=seed) for seed in (1, 2)]

    first, second = shoot_all(shots, backend="embedded://")

    assert first.frame[CutOut] is second.frame[CutOut]
    assert np.abs(first.image - second.image).max() > 0.02


def test_a_failed_shot_leaves_no_file(photo, tmp_path):
    with pytest.raises(SettingError):
        shoot(
            photo,
            "x",
            output=tmp_path / "new" / "out.png",
            backend="embedded://",
            settings={"sampler_name": "no"},
        )

    assert not (tmp_path / "new").exists()


def test_progress_goes_through_the_stages_in_order(photo):
    seen: list[str] = []

    shoot(photo, "sunset", backend="embedded://", on_progress=lambda stage, fraction: seen.append(stage))

    order = list(dict.fromkeys(seen))
    assert order == [stage.stage for stage in Recipe.load("relight").stages]


def test_the_product_of_a_larger_picture_is_the_photographs_and_said_to_be_interpolated(photo):
    result = shoot(photo, recipe="packshot", settings={"place": "original", "upscale": "2"})

    assert result.image.shape == (128, 128, 3)
    assert any("interpolated" in notice for notice in result.notices)


def test_lora_tags_in_a_prompt_become_loras_which_a_server_must_have(photo):
    shot = new_shot(photo=photo, prompt="a mug <lora:more_details:0.5> on wood <lora:shiny>")

    assert shot.prompt == "a mug on wood"
    assert [(lora.name, lora.weight) for lora in shot.loras] == [("more_details", 0.5), ("shiny", 1.0)]
    with pytest.raises(UnknownNameError, match="shiny"):
        next(shoot_all([shot], backend="embedded://"))


def test_a_fault_in_a_long_text_is_told_in_a_short_sentence(photo):
    with pytest.raises(SettingError, match="8000") as caught:
        shoot(photo, "a" * 9000, backend="embedded://")

    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("stages", "sentence"),
    [
        (["place"], "place needs a cut-out product: put the stage 'segment' before it"),
        (["segment", "sweep"], "sweep needs the product on a canvas: put 'place' or 'extend' before it"),
        (
            ["segment", "place", "upscale"],
            "upscale needs a scene: put 'relight', 'background', 'reference', 'backdrop', 'sweep' or"
            " 'outpaint' before it",
        ),
        (
            ["segment", "place", "relight", "ground"],
            "ground needs the scene at its final size: put the stage 'upscale' before it",
        ),
        (
            ["segment", "place", "sweep", "upscale", "identity", "upscale"],
            "upscale comes too late: put it before 'identity'",
        ),
        (
            ["segment", "place", "sweep", "upscale", "finish", "upscale"],
            "upscale comes too late: put it before 'finish'",
        ),
        (
            ["segment", "place", "relight", "upscale", "look"],
            "look comes too late: put it before 'relight'",
        ),
        (["segment"], "the picture needs the product on a canvas: put 'place' or 'extend' into the recipe"),
        (
            ["segment", "place", "relight"],
            "the picture needs the scene at its final size: put the stage 'upscale' into the recipe",
        ),
    ],
)
def test_stages_in_an_order_that_cannot_work_are_refused_when_the_recipe_is_loaded(
    tmp_path, stages, sentence
):
    (tmp_path / "mine.toml").write_text(toml(*stages))

    with pytest.raises(SettingError) as caught:
        Recipe.load(tmp_path / "mine.toml")

    assert str(caught.value).endswith(f"mine.toml': {sentence}")


def test_a_stage_that_lacks_a_layer_says_what_it_needs():
    with pytest.raises(SettingError, match="needs a cut-out product"):
        Frame()[CutOut]


def test_policies_are_settings_of_the_recipe_itself():
    changed = Recipe.load("packshot").with_settings({"tries": 3, "on_failure": "fail", "quality": 80})

    assert (changed.tries, changed.on_failure, changed.delivery.quality) == (3, "fail", 80)
    with pytest.raises(WrongValueError, match="tries must be from 1 to 16, not 17"):
        changed.with_settings({"tries": 17})


def test_a_packshot_has_as_much_room_above_the_product_as_below(photo):
    result = shoot(photo, recipe="packshot", settings={"size": "300x400"})

    box = bounding_box(result.frame[Placed].matte)
    assert box.top == pytest.approx(400 - box.bottom, abs=1)
    assert box.left == pytest.approx(300 - box.right, abs=1)


@pytest.mark.parametrize(
    "tag", ["<lora:shiny:much>", "<LORA:shiny:1>", "< lora:shiny:1>", "<lora:shiny:0.5", "<lora::1>"]
)
def test_a_tag_that_a_server_would_ignore_is_refused(tmp_path, tag):
    with pytest.raises(SettingError, match="no LoRA tag; write <lora:NAME"):
        new_shot(photo=tmp_path / "a.png", prompt=f"{tag} sunset")


def test_a_weight_may_be_written_without_its_zero(tmp_path):
    (lora,) = new_shot(photo=tmp_path / "a.png", prompt="<lora:shiny:.5> sunset").loras

    assert (lora.name, lora.weight) == ("shiny", 0.5)


def test_the_key_depends_on_what_is_in_the_matte_not_on_where_it_is(tmp_path, disc):
    files.save_matte(tmp_path / "a.png", disc)
    files.save_matte(tmp_path / "moved.png", disc)
    files.save_matte(tmp_path / "other.png", 1 - disc)
    recipe = Recipe.load("packshot")

    one, same, other = (
        Shot(
            photo=tmp_path / "a.png",
            seed=3,
            recipe=recipe,
            matte=tmp_path / name,
        ).key
        for name in ("a.png", "moved.png", "other.png")
    )

    assert one == same
    assert one != other
