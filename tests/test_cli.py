"""The command line as a user meets it: what it makes, and one sentence for whatever is wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from prodgen import images
from prodgen.cli import main

SCENE = ["--prompt", "on a wooden table, sunset", "--backend", "embedded://", "--seed", "5"]


def prodgen(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A red disc with a white stripe on a light sweep, 160 x 160."""
    y, x = np.mgrid[:160, :160].astype(np.float32)
    picture = np.repeat((0.85 + 0.1 * y / 160)[..., None], 3, axis=2).astype(np.float32)
    inside = np.hypot(x - 80, y - 90) < 45
    picture[inside] = (0.7, 0.08, 0.1)
    picture[inside & (np.abs(y - 90) < 8)] = (0.95, 0.94, 0.9)
    path = tmp_path_factory.mktemp("photos") / "disc.png"
    images.save(path, picture)
    return path


@pytest.fixture(scope="module")
def matte(photo: Path) -> Path:
    y, x = np.mgrid[:160, :160].astype(np.float32)
    path = photo.with_name("matte.png")
    images.save_matte(path, np.clip(45.5 - np.hypot(x - 80, y - 90), 0, 1).astype(np.float32))
    return path


def test_a_shot_is_written_and_its_measure_told(photo, matte, tmp_path):
    done = prodgen("shoot", photo, *SCENE, "--matte", matte, "-o", tmp_path / "out.png")

    assert done.exit_code == 0, done.output
    assert "product" in done.output
    assert "embedded" in done.output
    assert images.load(tmp_path / "out.png").rgb.shape[2] == 3


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(photo, matte, tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        prodgen("shoot", photo, *SCENE[:-1], seed, "--matte", matte, "-o", tmp_path / f"{name}.png")

    first, same, other = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert first == same
    assert first != other


def test_the_photograph_segmented_by_the_classical_segmenter_says_so(photo, tmp_path):
    done = prodgen("segment", photo, "-o", tmp_path / "m.png", "--model", "classical")

    matte = images.load_matte(tmp_path / "m.png")
    assert done.exit_code == 0, done.output
    assert "classical" in done.output
    assert matte.mean() == pytest.approx(np.pi * 45**2 / 160**2, rel=0.05)


def test_a_box_keeps_the_cut_out_inside_it(photo, tmp_path):
    done = prodgen(
        "segment", photo, "-o", tmp_path / "m.png", "--model", "classical", "--box", "30,40,130,140"
    )

    matte = images.load_matte(tmp_path / "m.png")
    assert done.exit_code == 0, done.output
    assert matte.max() > 0.9
    assert matte[:, :30].max() == 0
    assert prodgen("segment", photo, "-o", tmp_path / "n.png", "--box", "a,b").exit_code == 2


def test_json_is_one_object_a_picture(photo, matte, tmp_path):
    done = prodgen("shoot", photo, *SCENE, "--matte", matte, "--count", 2, "-o", tmp_path, "--json")

    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["seed"] for one in told] == [5, 6]
    assert all(Path(one["picture"]).exists() for one in told)
    assert told[0]["identity"] is not None
    assert told[0]["backend"].startswith("embedded")


def test_a_picture_tells_its_story(photo, matte, tmp_path):
    prodgen("shoot", photo, *SCENE, "--matte", matte, "-o", tmp_path / "out.jpg")

    story = prodgen("show", tmp_path / "out.jpg")

    assert story.exit_code == 0, story.output
    assert "on a wooden table, sunset" in story.output
    assert "compositeSynthetic" in story.output
    assert "relight" in story.output


def test_a_background_stays_as_it_is_away_from_the_product(photo, matte, tmp_path):
    y, x = np.mgrid[:160, :160].astype(np.float32)
    room = np.stack([x / 160, y / 160, 1 - x / 160], axis=-1).astype(np.float32)
    images.save(tmp_path / "room.png", room)

    scene = ["--background", tmp_path / "room.png", "--place", "original", "--backend", "embedded://"]
    done = prodgen("shoot", photo, *scene, "--matte", matte, "-o", tmp_path / "out.png")

    assert done.exit_code == 0, done.output
    result = images.load(tmp_path / "out.png").rgb
    assert np.abs(result[:20] - images.load(tmp_path / "room.png").rgb[:20]).max() <= 1 / 255 + 1e-6


def test_a_packshot_is_pure_white_around_the_product_and_needs_no_backend(photo, matte, tmp_path):
    done = prodgen("shoot", photo, "--recipe", "packshot", "--matte", matte, "--backend", "http://127.0.0.1:9",
                   "-o", tmp_path / "out.png")  # fmt: skip

    assert done.exit_code == 0, done.output
    result = images.to_uint8(images.load(tmp_path / "out.png").rgb)
    assert (result[0] == 255).all()
    assert (result == 255).all(axis=2).mean() > 0.3


def test_the_inpaint_recipe_keeps_the_product(photo, matte, tmp_path):
    done = prodgen(
        "shoot", photo, *SCENE, "--recipe", "inpaint", "--matte", matte, "-o", tmp_path / "out.png"
    )

    assert done.exit_code == 0, done.output


def test_blending_the_photograph_with_itself_gives_the_photograph(photo, matte, tmp_path):
    done = prodgen("blend", photo, photo, "--matte", matte, "-o", tmp_path / "out.png")

    assert done.exit_code == 0, done.output
    worst = np.abs(images.load(tmp_path / "out.png").rgb - images.load(photo).rgb).max()
    assert worst <= 1.01 / 255, f"worst difference {worst * 255:.1f} of 255"


def test_upscaling_doubles_the_sides(photo, tmp_path):
    done = prodgen("upscale", photo, "--backend", "embedded://", "-o", tmp_path / "out.png")

    assert done.exit_code == 0, done.output
    assert images.load(tmp_path / "out.png").rgb.shape == (320, 320, 3)


def test_recipes_are_listed_and_printed_as_toml():
    assert "relight" in prodgen("recipes").output
    assert '[[stages]]\nstage = "sweep"' in prodgen("recipes", "packshot").output


WRONG = {
    "no picture": (["shoot", "{text}", *SCENE], "not a picture"),
    "no file": (["shoot", "{tmp}/none.png", *SCENE], "does not exist"),
    "a folder": (["shoot", "{tmp}", *SCENE], "folder"),
    "an empty file": (["shoot", "{empty}", *SCENE], "0 bytes"),
    "an empty prompt": (["shoot", "{photo}", "--backend", "embedded://"], "prompt is empty"),
    "a matte of another size": (["shoot", "{photo}", *SCENE, "--matte", "{small}"], "same size"),
    "an empty matte": (["shoot", "{photo}", *SCENE, "--matte", "{black}"], "empty|no product"),
    "a background smaller than the canvas": (
        ["shoot", "{photo}", *SCENE, "--matte", "{matte}", "--background", "{small}", "--place", "original"],
        "smaller than the canvas",
    ),
    "an unknown sampler": (["shoot", "{photo}", *SCENE, "--matte", "{matte}", "--sampler", "Eulr"], "Euler"),
    "an unknown LoRA": (["shoot", "{photo}", *SCENE, "--matte", "{matte}", "--lora", "shiny:1"], "shiny"),
    "an unknown recipe": (["shoot", "{photo}", *SCENE, "--recipe", "relite"], "relight"),
    "an unknown model": (["shoot", "{photo}", *SCENE, "--model", "isnet-general"], "isnet-general-use"),
    "an unknown style": (
        ["shoot", "{photo}", *SCENE, "--matte", "{matte}", "--style", "cinema"],
        "cinematic",
    ),
    "an unknown light": (["shoot", "{photo}", *SCENE, "--matte", "{matte}", "--light", "lft"], "left"),
    "a bad size": (["shoot", "{photo}", *SCENE, "--matte", "{matte}", "--size", "huge"], "size"),
    "a bad output": (["shoot", "{photo}", *SCENE, "-o", "{tmp}/out.psd"], r"\.png"),
    "the photograph as output": (["shoot", "{photo}", *SCENE, "-o", "{photo}"], "photograph itself"),
    "a dead server": (
        ["shoot", "{photo}", "--prompt", "x", "--matte", "{matte}", "--backend", "http://127.0.0.1:9"],
        "127.0.0.1:9",
    ),
    "a wrong URL": (
        ["shoot", "{photo}", "--prompt", "x", "--matte", "{matte}", "--backend", "gopher://x"],
        "gopher",
    ),
    "a setting the recipe lacks": (
        ["shoot", "{photo}", "--recipe", "packshot", "--matte", "{matte}", "--steps", "9"],
        "steps",
    ),
    "a setting out of range": (["shoot", "{photo}", *SCENE, "--matte", "{matte}", "--steps", "0"], "steps"),
    "a picture without a story": (["show", "{photo}"], "no prodgen story"),
    "an output under a file": (
        ["shoot", "{photo}", *SCENE, "--matte", "{matte}", "-o", "{text}/a.png"],
        "written",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_whatever_is_wrong_gets_one_sentence_and_leaves_nothing(case, photo, matte, tmp_path):
    arguments, words = WRONG[case]
    (tmp_path / "note.png").write_text("hello")
    (tmp_path / "empty.png").write_bytes(b"")
    images.save_matte(tmp_path / "small.png", np.ones((20, 20), np.float32))
    images.save_matte(tmp_path / "black.png", np.zeros((160, 160), np.float32))
    files = {"text": "note", "empty": "empty", "small": "small", "black": "black"}
    places = {"tmp": tmp_path, "photo": photo, "matte": matte}
    places |= {key: tmp_path / f"{name}.png" for key, name in files.items()}
    before = sorted(tmp_path.rglob("*"))
    if "-o" not in arguments and arguments[0] == "shoot":
        arguments = [*arguments, "-o", "{tmp}/out.png"]

    done = prodgen(*(argument.format(**places) for argument in arguments))

    assert done.exit_code == 1, done.output
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert re.search(words, done.stderr), done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_wrong_usage_exits_with_2():
    assert prodgen("shoot").exit_code == 2
    assert prodgen("shoot", "a.png", "--seed", "minus one").exit_code == 2
    assert prodgen("segment", "a.png").exit_code == 2


def every_command() -> list[str]:
    return sorted(main.commands)


@pytest.mark.parametrize("command", every_command())
def test_every_command_has_help_with_an_example(command):
    done = prodgen(command, "--help")

    assert done.exit_code == 0
    assert f"prodgen {command}" in done.output


@pytest.mark.parametrize("command", every_command())
def test_every_command_appears_in_the_docs(command, root):
    assert f"prodgen {command}" in (root / "docs" / "commands.md").read_text("utf-8")


def test_help_imports_nothing_heavy():
    code = "import sys; sys.argv = ['prodgen', '--help']\nfrom prodgen.cli import main\n"
    code += "try: main()\nexcept SystemExit: pass\n"
    code += "heavy = 'numpy cv2 PIL httpx pydantic rich rembg'.split()\n"
    code += "print([name for name in heavy if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"
