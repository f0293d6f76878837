"""`prodgen generate` and `prodgen replay` as a user meets them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from prodgen import files, provenance
from prodgen.cli import main

EMBEDDED = ["--backend", "embedded://"]
SMALL = ["--prompt", "a wooden table, sunset", "--size", "96x64", *EMBEDDED]


def prodgen(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_picture_is_drawn_at_the_size_and_tells_its_story(tmp_path):
    done = prodgen("generate", *SMALL, "--seed", 7, "--lora", "more_details:0.5", "-o", tmp_path / "a.png")

    assert done.exit_code == 0, done.output
    assert files.load(tmp_path / "a.png").rgb.shape == (64, 96, 3)
    chunks = files.read_text(tmp_path / "a.png")
    story = provenance.read_story(chunks)
    assert "Seed: 7, " in chunks["parameters"]
    assert (story["seed"], story["loras"]) == (7, {"more_details": 0.5})
    assert provenance.read_source_type(chunks) == "compositeSynthetic"
    assert "no diffusion" in done.output
    assert "never the things in a prompt" in done.output


def test_tiling_that_the_embedded_backend_cannot_do_is_said(tmp_path):
    done = prodgen("generate", *SMALL, "--tiling", "-o", tmp_path / "a.png")

    assert "cannot tile" in done.output


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path):
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        prodgen("generate", *SMALL, "--seed", seed, "-o", tmp_path / f"{name}.png")

    first, same, other = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert first == same
    assert first != other


def test_again_gives_the_same_bytes_and_says_that_nothing_differs(tmp_path):
    prodgen("generate", *SMALL, "--seed", 7, "--hires", 1.5, "-o", tmp_path / "a.png")

    done = prodgen("replay", tmp_path / "a.png", *EMBEDDED)

    assert done.exit_code == 0, done.output
    assert "same      to the bit" in done.output
    assert (tmp_path / "a-replayed.png").read_bytes() == (tmp_path / "a.png").read_bytes()


def test_again_takes_any_a1111_infotext_and_says_what_differs(tmp_path):
    line = "Steps: 5, Sampler: DPM++ 2M Karras, Seed: 3, Size: 64x64, Model: dream, Version: v1.6.0"
    files.save(tmp_path / "a.png", np.zeros((64, 64, 3), np.float32), text={"parameters": f"a table\n{line}"})

    done = prodgen("replay", tmp_path / "a.png", *EMBEDDED, "-o", tmp_path / "b.png")

    assert done.exit_code == 0, done.output
    assert "differs   checkpoint 'dream' is not here" in done.output
    assert "differs   Version: v1.6.0 then" in done.output
    strict = prodgen("replay", tmp_path / "a.png", *EMBEDDED, "--strict", "-o", tmp_path / "c.png")
    assert strict.exit_code == 1
    assert not (tmp_path / "c.png").exists()


def test_count_and_wildcards_make_different_pictures_of_one_prompt(tmp_path):
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "floor.txt").write_text("wooden\nmarble\nstone\nsand\n")
    arguments = ["--prompt", "a __floor__ table", "--wildcards", tmp_path / "cards", "--size", "64x64"]

    done = prodgen("generate", *arguments, *EMBEDDED, "--seed", 1, "--count", 4, "-o", tmp_path, "--json")

    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["seed"] for one in told] == [1, 2, 3, 4]
    assert len({one["prompt"] for one in told}) > 1
    assert all(one["template"] == "a __floor__ table" for one in told)
    assert all(one["choices"][0][0] == "__floor__" for one in told)
    assert all(Path(one["picture"]).exists() for one in told)


def test_a_config_is_followed_and_options_win_over_it(tmp_path):
    (tmp_path / "job.toml").write_text(
        'prompt = "a table"\nsize = "64x64"\nseed = 5\nsteps = 9\nbackend = "embedded://"\noutput = "made"\n'
    )

    done = prodgen("generate", "--config", tmp_path / "job.toml", "--seed", 6, "--json")

    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["seed"], told["job"]["steps"]) == (6, 9)
    assert Path(told["picture"]) == tmp_path / "made" / "a-table-6.png"


def test_a_picture_without_an_output_is_named_by_its_first_words(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    prodgen("generate", *SMALL, "--seed", 7)

    assert (tmp_path / "outputs" / "a-wooden-table-sunset-7.png").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["generate", *EMBEDDED], "prompt is empty"),
        (["generate", "--prompt", "a", "--size", "9x9", *EMBEDDED], "size"),
        (["generate", "--prompt", "a", "--size", "big", *EMBEDDED], "1200x1500"),
        (["generate", "--prompt", "a", "--steps", "0", *EMBEDDED], "steps"),
        (["generate", "--prompt", "a", "--sampler", "Eular", *EMBEDDED], "did you mean 'Euler'"),
        (["generate", "--prompt", "a", "--checkpoint", "dream", *EMBEDDED], "checkpoint 'dream'"),
        (["generate", "--prompt", "a", "--vae", "x", *EMBEDDED], "VAE 'x'"),
        (["generate", "--prompt", "a", "--lora", "more_detials", *EMBEDDED], "more_details"),
        (["generate", "--prompt", "a", "--lora", "x:heavy", *EMBEDDED], "NAME:WEIGHT"),
        (["generate", "--prompt", "a", "--preset", "sdxI", *EMBEDDED], "did you mean 'sdxl'"),
        (["generate", "--prompt", "a", "--wildcards", "nowhere", *EMBEDDED], "must be a folder"),
        (["generate", "--prompt", "a __b__", *EMBEDDED], "--wildcards"),
        (["generate", "--prompt", "a", "--controlnet", "pose", *EMBEDDED], "MODEL:FILE:WEIGHT"),
        (["generate", "--prompt", "a", "--controlnet", "pose:none.png", *EMBEDDED], "none.png"),
        (["generate", "--prompt", "a", "-o", "a.bmp", *EMBEDDED], "ending"),
        (["generate", "--prompt", "a", "--upscale", "100", *EMBEDDED], "--upscale must not be smaller"),
        (["generate", "--prompt", "a", "--upscaler", "Lanczos", *EMBEDDED], "leave out --upscaler"),
        (
            ["generate", "--prompt", "a", "--server-style", "x", *EMBEDDED],
            "--server-style: there is no style",
        ),
        (["generate", "--config", "none.toml"], "none.toml"),
        (["replay", "none.png"], "none.png"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_1(arguments, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    done = prodgen(*arguments)

    assert done.exit_code in (1, 2), done.output
    assert done.stderr.startswith("prodgen: ")
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_again_never_writes_over_the_picture(tmp_path):
    prodgen("generate", *SMALL, "-o", tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()

    done = prodgen("replay", tmp_path / "a.png", *EMBEDDED, "-o", tmp_path / "a.png")

    assert done.exit_code == 1
    assert (tmp_path / "a.png").read_bytes() == before


def test_a_product_shot_is_made_again_from_its_photograph(tmp_path):
    y, x = np.mgrid[:96, :96].astype(np.float32)
    photo = np.full((96, 96, 3), 0.9, np.float32)
    photo[np.hypot(x - 48, y - 52) < 26] = (0.7, 0.1, 0.1)
    files.save(tmp_path / "disc.png", photo)
    files.save_matte(tmp_path / "matte.png", (np.hypot(x - 48, y - 52) < 26).astype(np.float32))
    shot = ["shoot", tmp_path / "disc.png", "--prompt", "on a table", "--look", "cinematic", "--seed", 3]
    made = prodgen(*shot, "--matte", tmp_path / "matte.png", *EMBEDDED, "-o", tmp_path / "out.png")
    assert made.exit_code == 0, made.output

    without = prodgen("replay", tmp_path / "out.png", *EMBEDDED)
    given = ["--photo", tmp_path / "disc.png", "--matte", tmp_path / "matte.png"]
    done = prodgen("replay", tmp_path / "out.png", *given, *EMBEDDED)

    assert without.exit_code == 1
    assert "'disc.png'; give that photograph: --photo" in without.stderr
    assert done.exit_code == 0, done.output
    then, now = (files.load(tmp_path / name).rgb for name in ("out.png", "out-replayed.png"))
    np.testing.assert_array_equal(then, now)
    told, again = (
        provenance.read_story(files.read_text(tmp_path / x)) for x in ("out.png", "out-replayed.png")
    )
    assert told["asked"] == again["asked"]
    assert told["sent"] == again["sent"]


def test_show_tells_the_story_of_a_generated_picture(tmp_path):
    prodgen("generate", *SMALL, "--seed", 7, "-o", tmp_path / "a.jpg")

    told = prodgen("show", tmp_path / "a.jpg")

    assert told.exit_code == 0, told.output
    assert "a wooden table, sunset" in told.output
    assert "recipe" not in told.output


def test_show_names_the_maker_of_anothers_picture_and_its_settings(tmp_path):
    record = json.dumps(
        {"c": "a cup", "uc": "blurry", "seed": 7, "steps": 9, "strength": 0.5, "size": "64x64"}
    )
    files.save(tmp_path / "a.png", np.zeros((64, 64, 3), np.float32), text={"parameters": record})

    told, as_json = prodgen("show", tmp_path / "a.png"), prodgen("show", tmp_path / "a.png", "--json")

    assert told.exit_code == 0, told.output
    for line in (r"maker +Draw Things", r"prompt +a cup", r"Steps +9", r"note +it was drawn over another"):
        assert re.search(line, told.output)
    assert json.loads(as_json.output)["settings"]["Seed"] == "7"


@pytest.mark.parametrize(
    ("more", "said"), [("Clip skip: None", "is no number"), ("Mask blur: 4", "drawn over another picture")]
)
def test_show_says_of_a_text_what_a_replay_would_say_before_drawing(tmp_path, more, said):
    text = f"a dog\nSteps: 4, Sampler: Euler, CFG scale: 2, Seed: 1, Size: 64x64, {more}"
    (tmp_path / "told.txt").write_text(text)

    shown = prodgen("show", tmp_path / "told.txt").output
    (note,) = [line for line in shown.splitlines() if line.startswith("note")]

    assert said in note


def test_show_prints_the_texts_of_a_picture_that_nobody_knows(tmp_path):
    files.save(tmp_path / "a.png", np.zeros((64, 64, 3), np.float32), text={"Notes": "a cup\x1b[2J"})

    told = prodgen("show", tmp_path / "a.png")

    assert told.exit_code == 0, told.output
    assert re.search(r"Notes +a cup", told.output)
    assert "of no program that is known" in told.output
    assert "\x1b" not in told.output


def test_a_picture_of_comfyui_is_drawn_again_and_what_differs_is_said(tmp_path):
    nodes = {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd/v1-5.safetensors"}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a wooden table", "clip": ["1", 1]}},
        "3": {"class_type": "EmptyLatentImage", "inputs": {"width": 96, "height": 64, "batch_size": 1}},
        "4": {"class_type": "KSampler", "inputs": {
            "seed": 2**52, "steps": 4, "cfg": 6, "sampler_name": "euler_ancestral", "scheduler": "normal",
            "positive": ["2", 0], "negative": ["2", 0], "latent_image": ["3", 0], "model": ["1", 0]}},
    }  # fmt: skip
    files.save(tmp_path / "a.png", np.zeros((64, 96, 3), np.float32), text={"prompt": json.dumps(nodes)})

    done = prodgen("replay", tmp_path / "a.png", *EMBEDDED)
    strict = prodgen("replay", tmp_path / "a.png", *EMBEDDED, "--strict", "-o", tmp_path / "b.png")

    assert done.exit_code == 0, done.output
    assert "ComfyUI drew it" in done.output
    assert f"Seed: {2**52}" in files.read_text(tmp_path / "a-replayed.png")["parameters"]
    assert strict.exit_code == 1
    assert "ComfyUI drew it" in strict.stderr
    assert not (tmp_path / "b.png").exists()


@pytest.fixture(scope="module")
def shot(tmp_path_factory):
    """A folder with a photograph, another of the same size, and a product shot of the first."""
    folder = tmp_path_factory.mktemp("shot")
    y, x = np.mgrid[:96, :96].astype(np.float32)
    inside = (np.hypot(x - 48, y - 52) < 26).astype(np.float32)
    for name, color in (("red", (0.7, 0.1, 0.1)), ("blue", (0.1, 0.1, 0.7))):
        photo = np.where(inside[..., None] > 0, np.array(color, np.float32), np.float32(0.9))
        files.save(folder / f"{name}.png", photo.astype(np.float32), matte=inside)
    made = prodgen("shoot", folder / "red.png", "--prompt", "on a table", "--seed", 3, *EMBEDDED,
                   "-o", folder / "out.png")  # fmt: skip
    assert made.exit_code == 0, made.output
    return folder


def test_a_product_shot_made_again_tells_that_it_is_the_same(shot, tmp_path):
    done = prodgen(
        "replay", shot / "out.png", "--photo", shot / "red.png", *EMBEDDED, "-o", tmp_path / "a.png"
    )

    assert done.exit_code == 0, done.output
    assert "same      to the bit" in done.output


def test_a_product_shot_made_of_another_photograph_tells_so(shot, tmp_path):
    done = prodgen("replay", shot / "out.png", "--photo", shot / "blue.png", *EMBEDDED, "--json",
                   "-o", tmp_path / "b.png")  # fmt: skip

    assert done.exit_code == 0, done.output
    renamed, pixels = json.loads(done.stdout)["differences"]
    assert renamed == "photo: 'red.png' then, 'blue.png' now"
    assert "PSNR" in pixels


def test_a_product_shot_that_cannot_be_the_same_is_refused_where_that_is_asked(shot, tmp_path):
    done = prodgen("replay", shot / "out.png", "--photo", shot / "blue.png", *EMBEDDED, "--strict",
                   "-o", tmp_path / "c.png")  # fmt: skip

    assert done.exit_code == 1
    assert "cannot be the same" in done.stderr
    assert not (tmp_path / "c.png").exists()


def test_files_that_a_picture_was_not_made_of_are_not_taken_in_silence(shot, tmp_path):
    (tmp_path / "x.txt").write_text("a cup\nSteps: 2, Seed: 3, Size: 64x64")

    drawn = prodgen("replay", tmp_path / "x.txt", "--photo", shot / "red.png", *EMBEDDED)
    controlled = prodgen("replay", shot / "out.png", "--controlnet", "canny:a.png", *EMBEDDED)

    assert (drawn.exit_code, controlled.exit_code) == (1, 1)
    assert "leave out --photo" in drawn.stderr
    assert "leave out --controlnet" in controlled.stderr
