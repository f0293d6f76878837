"""Text to image as a job: presets, wildcards, sizes, files, and what a server is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prodgen.errors import SettingError, UnknownNameError
from prodgen.text2image import new_job, presets, read_config, read_control
from prodgen.text2image.presets import choose
from prodgen.text2image.size_plan import fit, plan_sizes, wanted_size
from prodgen.text2image.wildcards import MAX_PROMPT, Wildcards

# Presets.


@pytest.mark.parametrize(
    ("checkpoint", "loras", "name", "steps", "side"),
    [
        ("v1-5-pruned-emaonly.safetensors [6ce0161689]", [], "sd15", 25, 512),
        ("sd_xl_base_1.0", [], "sdxl", 30, 1024),
        ("ponyDiffusionV6", [], "sdxl", 30, 1024),
        ("sd_xl_turbo_1.0_fp16", [], "sdxl-turbo", 4, 512),
        ("dreamshaperXL_v21TurboDPMSDE", [], "turbo-finetune", 8, 1024),
        ("sdxl_lightning_8step", [], "sdxl-lightning", 8, 1024),
        ("Hyper-SDXL-1step-Unet", [], "hyper", 1, 1024),
        ("sd_xl_base_1.0", ["Hyper-SDXL-8steps-CFG-lora"], "hyper-cfg", 8, 1024),
        ("sd_xl_base_1.0", ["lcm-lora-sdxl"], "lcm", 8, 1024),
        ("dreamshaper_8", ["lcm-lora-sdv1-5"], "lcm", 8, 512),
        ("dreamshaper_8", ["SDXLrender_v2.0"], "sd15", 25, 512),
        ("prodgen-ibl (no diffusion)", ["lcm-lora-sdv1-5"], "embedded", 20, 1264),
    ],
)
def test_a_preset_is_recognised_by_the_names_of_checkpoint_and_lora(checkpoint, loras, name, steps, side):
    chosen = choose("auto", checkpoint=checkpoint, loras=loras)

    assert (chosen.name, chosen.steps, chosen.side) == (name, steps, side)


def test_a_preset_that_was_named_wins_over_the_checkpoint_and_keeps_the_steps_in_its_name():
    assert choose("sdxl-lightning", checkpoint="realvis_lightning_2step").steps == 2
    assert choose("sd15", checkpoint="sd_xl_base").side == 512


def test_an_unknown_preset_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError, match="sdxl-turbo"):
        choose("sdxl-trubo", checkpoint=None)


def test_all_few_step_presets_ask_for_little_guidance():
    few = [preset for preset in presets().values() if preset.steps <= 8 and preset.name != "hyper-cfg"]

    assert few
    assert all(preset.cfg_scale is not None and preset.cfg_scale <= 2 for preset in few)


# Sizes.


@pytest.mark.parametrize(
    ("size", "side", "ways"),
    [
        (None, 512, "512x512"),
        ("768x512", 512, "768x512"),
        ("1024x1024", 512, "512x512 > 1024x1024"),
        ("2048x2048", 512, "512x512 > 1024x1024 > 2048x2048"),
        ("2048x2048", 1024, "1024x1024 > 2048x2048"),
        ("256x256", 512, "512x512 > 256x256"),
        ("1000x1000", 1024, "1000x1000"),
        ("1001x1001", 1024, "1008x1008 > 1001x1001"),
        ("16:9", 1024, "1368x768"),
        ("1920x1080", 1024, "1344x768 > 1920x1080"),
    ],
)
def test_a_picture_is_composed_at_the_native_size_and_grown(size, side, ways):
    assert plan_sizes(wanted_size(size, side=side), side=side).words() == ways


def test_hires_by_hand_composes_smaller_and_ends_at_the_size():
    assert plan_sizes((2048, 2048), side=1024, hires=2).words() == "1024x1024 > 2048x2048"
    assert plan_sizes(None, side=512, hires=1.5).final == (768, 768)
    assert plan_sizes((2048, 2048), side=512, hires=2).words() == "512x512 > 1024x1024 > 2048x2048"


def test_a_model_that_draws_any_size_draws_small_ones_as_they_are():
    assert plan_sizes((200, 120), side=1264, is_free=True).first == (200, 120)


def test_hires_1_asks_for_no_second_pass():
    assert plan_sizes((1024, 1024), side=512, hires=1).words() == "512x512 > 1024x1024"
    assert plan_sizes((1024, 1024), side=512, hires=1).second is None


@given(st.integers(64, 4000), st.integers(64, 4000), st.sampled_from([512, 1024]))
def test_the_way_begins_near_the_native_area_and_ends_at_the_size(width, height, side):
    way = plan_sizes((width, height), side=side)

    assert way.final == (width, height)
    assert all(pixels % 8 == 0 and pixels >= 64 for pixels in (*way.first, *way.drawn))
    assert way.first[0] * way.first[1] <= 1.8 * side**2
    if max(width, height) < 4 * min(width, height):
        assert way.first[0] / way.first[1] == pytest.approx(width / height, rel=0.07)


def test_a_few_pixels_too_many_are_cut_without_touching_the_others():
    picture = np.random.default_rng(0).random((104, 80, 3), np.float32)

    np.testing.assert_array_equal(fit(picture, (77, 100)), picture[2:102, 1:78])


def test_any_other_size_is_scaled_to_cover_and_cut_to_the_pixel():
    assert fit(np.zeros((64, 64, 3), np.float32), (200, 150)).shape == (150, 200, 3)


# Wildcards.


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    (tmp_path / "places").mkdir()
    (tmp_path / "color.txt").write_text("red\nblue\n\n# a comment\ngreen\n")
    (tmp_path / "places" / "shelf.txt").write_text("a {high|low} shelf, __color__ light\n")
    (tmp_path / "loop.txt").write_text("x __loop__\n")
    (tmp_path / "bomb.txt").write_text("__bomb__ __bomb__\n")
    (tmp_path / "long.txt").write_text("w" * (MAX_PROMPT // 2 + 1) + "\n")
    (tmp_path / "empty.txt").write_text("\n# nothing\n")
    return tmp_path


def test_wildcards_are_filled_by_the_seed_alone_and_told(cards):
    prompt = "a {big|small} __color__ cup on __places/shelf__"

    first, same = (Wildcards(cards).fill(prompt, seed=7) for _ in range(2))
    others = {Wildcards(cards).fill(prompt, seed=seed).text for seed in range(30)}

    assert first == same
    assert len(others) > 8
    assert "_" not in first.text
    assert "{" not in first.text
    assert first.choices[0][0] == "{big|small}"


@pytest.mark.parametrize("prompt", ["a {red|blue cup", "a red|blue} cup", "{a|{b|c}"])
def test_alternatives_with_a_missing_brace_are_refused(prompt):
    with pytest.raises(SettingError, match="not the other"):
        Wildcards().fill(prompt, seed=1)


@pytest.mark.parametrize("prompt", ["a {cup} on | oak", "red | blue", "a {cup"])
def test_braces_and_bars_that_are_no_alternatives_stay(prompt):
    assert Wildcards().fill(prompt, seed=1).text == prompt


def test_every_line_is_taken_at_some_seed_and_comments_never(cards):
    taken = {Wildcards(cards).fill("__color__", seed=seed).text for seed in range(60)}

    assert taken == {"red", "blue", "green"}


def test_weights_make_a_part_more_likely():
    taken = [Wildcards().fill("{9::a|b}", seed=seed).text for seed in range(200)]

    assert 160 < taken.count("a") < 198


def test_alternatives_may_hold_alternatives_and_braces_without_a_bar_stay():
    texts = {Wildcards().fill("{a {b|c}|d} {e}", seed=seed).text for seed in range(40)}

    assert texts == {"a b {e}", "a c {e}", "d {e}"}


def test_an_unknown_wildcard_is_refused_with_the_nearest(cards):
    with pytest.raises(UnknownNameError, match="did you mean 'color'"):
        Wildcards(cards).fill("__colour__", seed=1)


@pytest.mark.parametrize("name", ["__../secret__", "__places/../../secret__", "__link__"])
def test_wildcards_stay_in_their_folder(cards, name):
    secret = cards.parent / "secret.txt"
    secret.write_text("secret\n")
    (cards / "link.txt").symlink_to(secret)

    with pytest.raises(SettingError, match="leads out"):
        Wildcards(cards).fill(name, seed=1)


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("__loop__", "circle"),
        ("{a|b}" * 600, "choices"),
        ("__bomb__", "circle"),
        ("__long__ __long__", "grown"),
        ("__empty__", "no line"),
    ],
)
def test_wildcards_that_cannot_end_well_are_refused(cards, prompt, reason):
    with pytest.raises(SettingError, match=reason):
        Wildcards(cards).fill(prompt, seed=1)


def test_a_wildcard_without_a_folder_says_what_to_give():
    with pytest.raises(SettingError, match="--wildcards"):
        Wildcards().fill("__color__", seed=1)


# Files and what they say.


def test_a_config_sets_all_and_its_paths_are_beside_it(tmp_path):
    file = tmp_path / "job.toml"
    file.write_text(
        'prompt = "a"\ncfg_scale = 3\nlora = ["x:0.5", {name = "y"}]\ncontrolnet = ["depth:d.png:0.8"]\n'
        'wildcards = "cards"\nbackend = "embedded://"\n'
    )

    fields = read_config(file)
    job = new_job({name: value for name, value in fields.items() if name != "backend"})

    assert fields["backend"] == "embedded://"
    assert job.cfg_scale == 3
    assert [(lora.name, lora.weight) for lora in job.loras] == [("x", 0.5), ("y", 1.0)]
    assert job.controlnet[0].picture == tmp_path / "d.png"
    assert job.wildcards == tmp_path / "cards"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("prompt = ", "not TOML"),
        ("promt = 'a'", "did you mean 'prompt'"),
        ("steps = 0", "steps"),
        ("steps = 'many'", "steps"),
        ("lora = 'x'", "list"),
        ("lora = ['x:strong']", "NAME:WEIGHT"),
        ("backend = 7", "text"),
        ("first_pass = '100x100'", "multiples of 8"),
        ("size = 2048", "size"),
    ],
)
def test_what_is_wrong_in_a_config_is_named(tmp_path, text, reason):
    (tmp_path / "job.toml").write_text(text)

    with pytest.raises(SettingError, match=reason):
        read_config(tmp_path / "job.toml")


@pytest.mark.parametrize(
    ("text", "model", "picture", "weight", "module"),
    [
        ("openpose:pose.png:1.0", "openpose", "pose.png", 1.0, "none"),
        ("canny+canny:photo.jpg", "canny", "photo.jpg", 1.0, "canny"),
        ("depth:C:/maps/d.png", "depth", "C:/maps/d.png", 1.0, "none"),
        ("depth:C:/maps/d.png:0.5", "depth", "C:/maps/d.png", 0.5, "none"),
    ],
)
def test_a_control_picture_is_written_as_model_file_weight(text, model, picture, weight, module):
    control = read_control(text)

    assert (control.model, str(control.picture), control.weight, control.module) == (
        model, picture, weight, module,
    )  # fmt: skip


@pytest.mark.parametrize("text", ["openpose", ":pose.png", "openpose:", "openpose:pose.png:9"])
def test_a_control_picture_that_is_not_is_refused(text):
    with pytest.raises(SettingError):
        read_control(text)
