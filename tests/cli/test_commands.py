"""The command line as a user meets it: what it makes, and one sentence for whatever is wrong."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from prodgen import files, images
from prodgen.cli import COMMANDS, main
from prodgen.errors import SegmentationError
from prodgen.shots import Recipe, builtin_recipes

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
    files.save(path, picture)
    return path


@pytest.fixture(scope="module")
def matte(photo: Path) -> Path:
    y, x = np.mgrid[:160, :160].astype(np.float32)
    path = photo.with_name("matte.png")
    files.save_matte(path, np.clip(45.5 - np.hypot(x - 80, y - 90), 0, 1).astype(np.float32))
    return path


def test_a_shot_is_written_and_its_measure_told(photo, matte, tmp_path):
    done = prodgen("shoot", photo, *SCENE, "--matte", matte, "-o", tmp_path / "out.png")

    assert done.exit_code == 0, done.output
    assert "product" in done.output
    assert "embedded" in done.output
    assert files.load(tmp_path / "out.png").rgb.shape[2] == 3


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(photo, matte, tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        prodgen("shoot", photo, *SCENE[:-1], seed, "--matte", matte, "-o", tmp_path / f"{name}.png")

    first, same, other = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert first == same
    assert first != other


def test_the_photograph_segmented_by_the_classical_segmenter_says_so(photo, tmp_path):
    done = prodgen("segment", photo, "-o", tmp_path / "m.png", "--segmenter", "classical")

    matte = files.load_matte(tmp_path / "m.png")
    assert done.exit_code == 0, done.output
    assert "classical" in done.output
    assert matte.mean() == pytest.approx(np.pi * 45**2 / 160**2, rel=0.05)


def test_a_box_keeps_the_cut_out_inside_it(photo, tmp_path):
    done = prodgen(
        "segment", photo, "-o", tmp_path / "m.png", "--segmenter", "classical", "--box", "30,40,130,140"
    )

    matte = files.load_matte(tmp_path / "m.png")
    assert done.exit_code == 0, done.output
    assert matte.max() > 0.9
    assert matte[:, :30].max() == 0
    assert prodgen("segment", photo, "-o", tmp_path / "n.png", "--box", "a,b").exit_code == 2


def test_json_is_one_object_a_picture(photo, matte, tmp_path):
    done = prodgen("shoot", photo, *SCENE, "--matte", matte, "--count", 2, "-o", tmp_path, "--json")

    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["sent"]["seed"] for one in told] == [5, 6]
    assert all(Path(one["picture"]).exists() for one in told)
    assert told[0]["identity"] is not None
    assert told[0]["backend"].startswith("embedded")


def test_pictures_that_come_out_equal_are_told_as_such(photo, matte, tmp_path):
    asked = ["--background", photo, "--backend", "embedded://", "--matte", matte, "--count", 2]
    done = prodgen("shoot", photo, *asked, "-o", tmp_path, "--json")

    first, second = (json.loads(line)["notices"] for line in done.stdout.splitlines())
    assert not any("equals the one before" in notice for notice in first)
    assert any("equals the one before" in notice for notice in second)


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
    files.save(tmp_path / "room.png", room)

    scene = ["--background", tmp_path / "room.png", "--place", "original", "--backend", "embedded://"]
    done = prodgen("shoot", photo, *scene, "--matte", matte, "-o", tmp_path / "out.png")

    assert done.exit_code == 0, done.output
    result = files.load(tmp_path / "out.png").rgb
    assert np.abs(result[:20] - files.load(tmp_path / "room.png").rgb[:20]).max() <= 1 / 255 + 1e-6


def test_a_packshot_is_pure_white_around_the_product_and_needs_no_backend(photo, matte, tmp_path):
    done = prodgen("shoot", photo, "--recipe", "packshot", "--matte", matte, "--backend", "http://127.0.0.1:9",
                   "-o", tmp_path / "out.png")  # fmt: skip

    assert done.exit_code == 0, done.output
    result = images.to_uint8(files.load(tmp_path / "out.png").rgb)
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
    worst = np.abs(files.load(tmp_path / "out.png").rgb - files.load(photo).rgb).max()
    assert worst <= 1.01 / 255, f"worst difference {worst * 255:.1f} of 255"


def test_upscaling_doubles_the_sides(photo, tmp_path):
    done = prodgen("upscale", photo, "--backend", "embedded://", "-o", tmp_path / "out.png")

    assert done.exit_code == 0, done.output
    assert files.load(tmp_path / "out.png").rgb.shape == (320, 320, 3)


@pytest.mark.parametrize("name", ["packshot", "marble-bathroom"])
def test_a_recipe_is_printed_as_a_file_that_is_the_same_recipe(name, tmp_path):
    told = prodgen("recipes", "show", name, "--toml")

    (tmp_path / "mine.toml").write_text(told.output, "utf-8")
    assert Recipe.load(tmp_path / "mine.toml") == Recipe.load(name)


def test_every_recipe_is_listed_with_what_it_is_for():
    told = prodgen("recipes", "list").output
    as_json = json.loads(prodgen("recipes", "--json").output)

    assert [row["name"] for row in as_json] == sorted(builtin_recipes())
    assert all(row["description"] in told for row in as_json)
    assert prodgen("recipes", "-q").output.split() == sorted(builtin_recipes())


@pytest.mark.parametrize("name", ["marble-bathroom", "packshot"])
def test_all_that_can_be_set_in_a_recipe_is_shown_with_value_and_meaning(name):
    told = " ".join(prodgen("recipes", "show", name).output.split())
    as_json = json.loads(prodgen("recipes", "show", name, "--json").output)

    shown = [*as_json["parameters"], *as_json["delivery"]]
    shown += [one for stage in as_json["stages"] for one in stage["parameters"]]
    assert set(Recipe.load(name).settings) <= {one["name"] for one in shown}
    assert [one["name"] for one in shown if not one["meaning"]] == []
    assert [one["meaning"] for one in shown if one["meaning"] not in told] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show"], "show: name a recipe"),
        (["list", "packshot"], "list takes no name; did you mean show"),
        (["list", "--toml"], "--toml prints one recipe"),
        (["show", "packshoot"], "did you mean 'packshot'"),
    ],
)
def test_a_wrong_question_for_recipes_is_answered_in_a_sentence(arguments, words):
    done = prodgen("recipes", *arguments)

    assert done.exit_code == 2
    assert words in done.stderr


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
    "an unknown segmenter": (
        ["shoot", "{photo}", *SCENE, "--segmenter", "isnet-general"],
        "isnet-general-use",
    ),
    "an unknown look": (
        ["shoot", "{photo}", *SCENE, "--matte", "{matte}", "--look", "cinema"],
        "cinematic",
    ),
    "an unknown light": (["shoot", "{photo}", *SCENE, "--matte", "{matte}", "--light", "lft"], "left"),
    "a bad size": (["shoot", "{photo}", *SCENE, "--matte", "{matte}", "--size", "huge"], "size"),
    "a bad output": (["shoot", "{photo}", *SCENE, "-o", "{tmp}/out.gif"], r"\.png"),
    "the photograph as output": (["shoot", "{photo}", *SCENE, "-o", "{photo}"], "would be lost"),
    "the matte as output": (["shoot", "{photo}", *SCENE, "--matte", "{matte}", "-o", "{matte}"], "be lost"),
    "the background as output": (
        ["shoot", "{photo}", *SCENE, "--matte", "{matte}", "--background", "{small}", "-o", "{small}"],
        "be lost",
    ),
    "a cut-out over its photograph": (["segment", "{photo}", "-o", "{photo}"], "be lost"),
    "a blend over its original": (
        ["blend", "{photo}", "{photo}", "--matte", "{matte}", "-o", "{photo}"],
        "be lost",
    ),
    "an enlargement over its picture": (
        ["upscale", "{photo}", "-o", "{photo}", "--backend", "embedded://"],
        "be lost",
    ),
    "a page over the photograph": (["inspect", "{photo}", "{photo}", "--html", "{photo}"], "be lost"),
    "a link that leads to itself": (["shoot", "{loop}", *SCENE, "--matte", "{matte}"], "cannot be read"),
    "a LoRA that is far too strong": (["shoot", "{photo}", *SCENE, "--lora", "shiny:99"], "weight"),
    "an unknown upscaler that would not be used": (
        ["generate", "--prompt", "x", "--size", "64x64", "--backend", "embedded://", "--upscaler", "Lanzcos"],
        "Lanczos",
    ),
    "a picture over its control picture": (
        [
            "generate",
            "--prompt",
            "x",
            "--size",
            "64x64",
            "--backend",
            "embedded://",
            "--controlnet",
            "canny:{photo}",
            "-o",
            "{photo}",
        ],
        "be lost",
    ),
    "words for a recipe that draws nothing": (
        ["shoot", "{photo}", "--recipe", "packshot", "--matte", "{matte}", "--prompt", "on a beach"],
        "draws no scene; leave out --prompt",
    ),
    "a LoRA for a recipe that draws nothing": (
        ["shoot", "{photo}", "--recipe", "packshot", "--matte", "{matte}", "--lora", "shiny:1"],
        "draws no scene; leave out --lora",
    ),
    "a dead server": (
        ["shoot", "{photo}", "--prompt", "x", "--matte", "{matte}", "--backend", "http://127.0.0.1:9"],
        "127.0.0.1:9",
    ),
    "a wrong URL": (
        ["shoot", "{photo}", "--prompt", "x", "--matte", "{matte}", "--backend", "gopher://x"],
        "gopher",
    ),
    "a setting the recipe lacks": (
        ["shoot", "{photo}", "--recipe", "packshot", "--matte", "{matte}", "--sampler", "Euler"],
        "no stage for that; leave out --sampler",
    ),
    "a setting out of range": (["shoot", "{photo}", *SCENE, "--matte", "{matte}", "--steps", "0"], "steps"),
    "a picture without a story": (["show", "{photo}"], "no prodgen story"),
    "an output under a file": (
        ["shoot", "{photo}", *SCENE, "--matte", "{matte}", "-o", "{text}/a.png"],
        "is no folder",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_whatever_is_wrong_gets_one_sentence_and_leaves_nothing(case, photo, matte, tmp_path):
    arguments, words = WRONG[case]
    (tmp_path / "note.png").write_text("hello")
    (tmp_path / "empty.png").write_bytes(b"")
    files.save_matte(tmp_path / "small.png", np.ones((20, 20), np.float32))
    files.save_matte(tmp_path / "black.png", np.zeros((160, 160), np.float32))
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    odd = {"text": "note", "empty": "empty", "small": "small", "black": "black", "loop": "loop"}
    places = {"tmp": tmp_path, "photo": photo, "matte": matte}
    places |= {key: tmp_path / f"{name}.png" for key, name in odd.items()}
    inputs = [photo, matte, *(tmp_path / f"{name}.png" for name in ("small", "black"))]
    before, contents = sorted(tmp_path.rglob("*")), [path.read_bytes() for path in inputs]
    if "-o" not in arguments and arguments[0] == "shoot":
        arguments = [*arguments, "-o", "{tmp}/out.png"]

    done = prodgen(*(argument.format(**places) for argument in arguments))

    assert done.exit_code in (1, 2), done.output
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert re.search(words, done.stderr), done.stderr
    assert sorted(tmp_path.rglob("*")) == before
    assert [path.read_bytes() for path in inputs] == contents


def test_the_photograph_is_not_overwritten_through_a_link_either(photo, tmp_path):
    (tmp_path / "out.png").hardlink_to(photo)

    done = prodgen("shoot", photo, *SCENE, "-o", tmp_path / "out.png")

    assert done.exit_code == 1
    assert "would be lost" in done.stderr


STORIES = {
    "a recipe of one number": '{"prompt": "a red mug", "recipe": 5}',
    "stages of one number": '{"prompt": "a red mug", "recipe": {"stages": 5}}',
    "a stage of one number": '{"prompt": "a red mug", "recipe": {"stages": [5]}}',
    "measures in a list": '{"prompt": "a red mug", "identity": [1]}',
    "notices of one number": '{"prompt": "a red mug", "notices": 5}',
}


@pytest.mark.parametrize("case", STORIES)
def test_a_story_that_others_wrote_is_shown_as_far_as_it_makes_sense(case, photo, tmp_path):
    files.save(tmp_path / "odd.png", files.load(photo).rgb, text={"prodgen": STORIES[case]})

    done = prodgen("show", tmp_path / "odd.png")

    assert done.exit_code == 0, done.output
    assert "a red mug" in done.output


def test_a_story_cannot_steer_the_terminal(photo, tmp_path):
    story = json.dumps({"prompt": "a mug\x1b[2J\x9b31m", "asked": {"photo": "x.png"}})
    files.save(tmp_path / "evil.png", files.load(photo).rgb, text={"prodgen": story})

    done = CliRunner().invoke(main, ["show", str(tmp_path / "evil.png")], color=True)

    assert not {"\x1b", "\x9b"} & set(done.output)
    assert r"a mug\x1b[2J\x9b31m" in done.output


def test_a_full_disk_behind_stdout_is_one_sentence():
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "prodgen", "recipes", "list"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "no space left" in done.stderr.lower()


@pytest.mark.parametrize(("option", "value"), [("--segmenter", "classical"), ("--keep-alpha", None)])
def test_a_matte_leaves_nothing_to_do_for_a_segmenter(option, value, photo, matte):
    done = prodgen("shoot", photo, *SCENE, "--matte", matte, *filter(None, [option, value]))

    assert done.exit_code == 1
    assert done.stderr == f"prodgen: a matte is the cut-out itself; leave out {option}\n"


def test_wrong_usage_exits_with_2():
    assert prodgen("shoot").exit_code == 2
    assert prodgen("shoot", "a.png", "--seed", "minus one").exit_code == 2
    assert prodgen("shoot", "a.png", "--prompt", "x", "--seed", "-1").exit_code == 2
    assert prodgen("generate", "--prompt", "x", "--seed", "-1").exit_code == 2
    assert prodgen("segment", "a.png").exit_code == 2


def every_command() -> list[str]:
    return sorted(COMMANDS)


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


def test_ctrl_c_is_how_serve_ends_so_it_is_no_failure():
    served = subprocess.Popen(
        [sys.executable, "-u", "-c", ALLOWING_CTRL_C, "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert "Ctrl-C stops it" in served.stdout.readline()
        served.send_signal(signal.SIGINT)
        out, err = served.communicate(timeout=30)
    finally:
        served.kill()

    assert (served.returncode, out, err) == (0, "stopped\n", "")


ALLOWING_CTRL_C = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from prodgen.cli import main; main()"
)
"""Whoever runs the tests in the background has it ignored, and children inherit that."""


def test_run_py_and_prodgen_say_an_error_alike(root, tmp_path):
    missing = tmp_path / "missing.png"
    flags = ["--input_path", str(missing), "--prompt", "sunset", "--backend", "embedded://"]

    done = subprocess.run(
        [sys.executable, str(root / "run.py"), *flags],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr == f"prodgen: {str(missing)!r} does not exist\n"


@pytest.mark.parametrize("command", ["shoot", "generate"])
def test_what_is_asked_for_and_not_drawn_is_told_by_terminal_json_and_picture(
    command, photo, matte, tmp_path
):
    output = tmp_path / "out.png"
    about = [photo, "--matte", matte] if command == "shoot" else ["--size", "64x64"]
    scene = ["--prompt", "on a kitchen counter with lemons", "--backend", "embedded://", "-o", output]

    told = prodgen(command, *about, *scene)
    as_json = prodgen(command, *about, *scene, "--json")

    sentence = "lemons are not drawn here"
    assert sentence in " ".join(told.output.split())
    assert any(sentence in notice for notice in json.loads(as_json.stdout)["notices"])
    assert sentence in " ".join(prodgen("show", output).output.split())


@pytest.mark.parametrize("flags", [["--controlnet", "openpose:{photo}:1.0"], ["--restore-faces"]])
def test_the_embedded_backend_is_not_called_by_another_name(flags, photo, tmp_path):
    flags = [flag.replace("{photo}", str(photo)) for flag in flags]

    done = prodgen(
        "generate", "--prompt", "x", *flags, "--backend", "embedded://", "-o", tmp_path / "out.png"
    )

    assert done.exit_code == 1
    assert "the embedded backend cannot" in " ".join(done.stderr.split())
    assert "A1111" not in done.stderr
    assert not (tmp_path / "out.png").exists()


def test_a_sheet_compares_the_segmenters_that_are_here(photo, tmp_path):
    done = prodgen("segment", photo, "--compare", "-o", tmp_path / "sheet.png", "--json")

    told = json.loads(done.stdout)
    assert Path(told["sheet"]).exists()
    assert {"classical", "u2netp"} <= {one["segmenter"] for one in told["segmenters"]}
    assert all("seconds" in one for one in told["segmenters"])


def test_a_preview_is_written_beside_the_matte_and_the_quality_told(photo, tmp_path):
    done = prodgen("segment", photo, "-o", tmp_path / "m.png", "--preview", tmp_path / "p.jpg", "--json")

    told = json.loads(done.stdout)
    assert (tmp_path / "m.png").exists()
    assert (tmp_path / "p.jpg").exists()
    assert told["status"] in ("pass", "warn", "fail")
    assert 0 <= told["score"] <= 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--compare", "--segmenter", "u2netp"], "--compare goes with"),
        (["--compare", "--preview", "p.png"], "--compare goes with"),
        ([], "--output is missing"),
        (["-o", "m.png", "--segmenter", "u2netp+clasical"], "did you mean 'classical'"),
        (["-o", "m.png", "--box", "1,2,3"], "--box must be LEFT,TOP,RIGHT,BOTTOM"),
        (["-o", "m.png", "--points", "1;2"], "--points must be +X,Y"),
        (["-o", "m.png", "--feather", "-1"], "--feather"),
    ],
)
def test_a_cut_out_that_is_asked_for_wrongly_is_refused(photo, options, words):
    done = prodgen("segment", photo, *options)

    assert done.exit_code == 2
    assert words in done.stderr


def test_points_correct_a_matte_of_ones_own(photo, matte, tmp_path):
    files.save_matte(tmp_path / "wrong.png", np.zeros((160, 160), np.float32))
    on_all_three_parts = "+80,60 +50%,56% +80,125"

    done = prodgen(
        *("segment", photo, "-o", tmp_path / "m.png", "--matte", tmp_path / "wrong.png"),
        *("--points", on_all_three_parts),
    )

    assert done.exit_code == 0, done.output
    found, true = (files.load_matte(path) > 0.5 for path in (tmp_path / "m.png", matte))
    assert (found & true).sum() > 0.95 * (found | true).sum()


def test_a_relit_picture_gets_its_pixels_back_without_a_matte(photo, tmp_path):
    done = prodgen("blend", photo, photo, "--segmenter", "classical", "-o", tmp_path / "out.png")

    assert done.exit_code == 0, done.output
    assert (tmp_path / "out.png").exists()


@pytest.mark.parametrize(
    ("command", "where"),
    [
        (["segment", "{photo}", "-o", "out.png"], "prodgen.cutout.cut_out"),
        (["inspect", "{photo}", "{photo}"], "prodgen.inspecting.inspection.cut_out"),
        (["blend", "{photo}", "{photo}", "-o", "out.png"], "prodgen.cutout.cut_out"),
        (
            ["shoot", "{photo}", "--prompt", "x", "--backend", "embedded://"],
            "prodgen.shots.stages.segment.cut_out",
        ),
    ],
)
def test_every_command_that_cuts_out_takes_the_same_help(command, where, photo, tmp_path, monkeypatch):
    asked = {}

    def watch(source, **settings):
        asked.update({name: value for name, value in settings.items() if value is not None})
        raise SegmentationError("seen")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(where, watch)
    help_words = (
        *("--segmenter", "u2netp+classical", "--keep-alpha", "--box", "5%,5%,95%,95%"),
        *("--points", "+80,60", "--feather", "2", "--refine-edge"),
    )

    done = prodgen(*[word.format(photo=photo) for word in command], *help_words)

    assert (done.exit_code, done.stderr) == (1, "prodgen: seen\n")
    assert asked == {
        "segmenter": "u2netp+classical",
        "keep_alpha": True,
        "box": "5%,5%,95%,95%",
        "points": "+80,60",
        "feather_px": 2.0,
        "refine_edge": True,
    }


@pytest.mark.parametrize("engine", ["diffusers", "comfy://box:8188", "ibl"])
def test_serve_with_a_delay_draws_with_no_engine_that_is_named(engine):
    result = prodgen("serve", "--engine", engine, "--delay", "1.5")

    assert result.exit_code == 2
    assert "--delay is for load tests" in result.stderr


def test_serve_with_a_delay_draws_plainly_and_says_that_it_is_for_load_tests(monkeypatch):
    served = []

    def serve(server, *, host, port, on_ready):
        served.append(server)
        on_ready("http://127.0.0.1:1")

    monkeypatch.setattr("prodgen.server.socket_server.serve", serve)

    said = prodgen("serve", "--delay", "1.5").output

    assert "load test" in said
    assert "1.5 s" in said
    assert served[0].behaviour.delay_s == 1.5
    assert "load test" in served[0].machine.inventory.checkpoints[0].name
