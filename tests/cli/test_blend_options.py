"""How photograph and relit picture are blended, as the command line, a sheet and a recipe ask for it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from prodgen import files
from prodgen.catalogue.columns import known_key
from prodgen.cli import main
from prodgen.errors import IdleSettingError, SettingError
from prodgen.shots import Recipe


def prodgen(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A blue box with stripes on transparency."""
    matte = np.zeros((160, 160), np.float32)
    matte[30:130, 45:115] = 1
    picture = np.full((160, 160, 3), 0.5, np.float32)
    picture[matte > 0] = (0.2, 0.35, 0.7)
    picture[70:100:10, 55:105] = 0.9
    files.save(tmp_path / "box.png", picture, matte=matte)
    return tmp_path / "box.png"


def shot(photo: Path, output: Path, *options: str) -> Result:
    scene = ("--prompt", "grey studio", "--recipe", "relight", "--seed", "4", "--shadow", "none")
    place = ("--place", "original", "--size", "160x160", "--backend", "embedded://")
    return prodgen("shoot", photo, *scene, *place, "-o", output, *options)


@pytest.fixture
def relit(photo: Path, tmp_path: Path) -> Path:
    """A picture of the same framing in warm light, opaque."""
    given = files.load(photo)
    files.save(tmp_path / "relit.png", (given.rgb * np.float32([0.9, 0.7, 0.5])).astype(np.float32))
    return tmp_path / "relit.png"


def test_another_mode_makes_another_picture_and_is_measured(photo, relit, tmp_path):
    pictures = []
    for mode in ("light", "detail"):
        done = prodgen("blend", photo, relit, "--blend-mode", mode, "-o", tmp_path / f"{mode}.png", "--json")
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["identity"]["delta_e_mean"] >= 0
        pictures.append(files.load(tmp_path / f"{mode}.png").rgb)

    assert np.abs(pictures[0] - pictures[1]).max() > 0.01


def test_a_blended_picture_is_replayed_to_the_bit(photo, tmp_path):
    asked = ("--blend-mode", "luminosity", "--blend-regions", "print=0.3,body=0.8")
    done = shot(photo, tmp_path / "out.png", *asked)
    assert done.exit_code == 0, done.output

    call = ("replay", tmp_path / "out.png", "--photo", photo, "--backend", "embedded://")
    again = prodgen(*call, "-o", tmp_path / "again.png")

    assert again.exit_code == 0, again.output
    first, second = (files.load(tmp_path / name).pixels for name in ("out.png", "again.png"))
    np.testing.assert_array_equal(first, second)


def test_a_shot_blended_at_0_has_the_photographs_pixels(photo, tmp_path):
    done = shot(photo, tmp_path / "out.png", "--blend", "0", "--blend-mode", "alpha")

    assert done.exit_code == 0, done.output
    inside = slice(35, 125), slice(50, 110)
    np.testing.assert_array_equal(
        files.load(tmp_path / "out.png").pixels[inside], files.load(photo).pixels[inside]
    )


@pytest.mark.parametrize("option", [("--blend", "0.5"), ("--blend-mode", "alpha"), ("--ambience", "0.2")])
def test_a_way_that_gives_no_new_light_refuses_to_blend_it(photo, tmp_path, option):
    done = prodgen("shoot", photo, "--recipe", "packshot", *option, "-o", tmp_path / "out.png")

    assert done.exit_code == 1
    assert option[0] in done.stderr
    assert "no new light" in done.stderr
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize(
    "options",
    [
        ("--blend", "nan"),
        ("--blend", "1.2"),
        ("--blend", "-0.1"),
        ("--blend-mode", "multiply"),
        ("--blend-regions", "lid=1"),
        ("--blend-mode", "alpha", "--ambience", "0.5"),
        ("--blend", "0.5", "--blend-regions", "print=0.1,body=0.9"),
    ],
)
@pytest.mark.parametrize("command", ["blend", "shoot"])
def test_a_wrong_blend_is_refused_in_one_sentence_and_writes_nothing(
    photo, relit, tmp_path, command, options
):
    output = tmp_path / "out.png"
    call = ("blend", photo, relit, "-o", output) if command == "blend" else ("shoot", photo, "-o", output)

    done = prodgen(*call, *options)

    assert done.exit_code in (1, 2)
    assert len(done.stderr.strip().splitlines()) == 1
    assert any(word in done.stderr for word in options if word.startswith("--"))
    assert not output.exists()


def test_the_settings_are_columns_of_a_sheet():
    assert [known_key(header) for header in ("Blend", "blend mode", "Blend-Regions", "strength")] == [
        *("blend", "blend_mode", "blend_regions", "blend")
    ]


def test_a_recipe_file_can_hold_them(tmp_path):
    stages = ["segment", "place", "relight", "upscale", "identity"]
    text = "".join(f'[[stages]]\nstage = "{name}"\n' for name in stages)
    (tmp_path / "soft.toml").write_text(f'{text}blend = 0.7\nblend_mode = "color"\n', "utf-8")

    stage = Recipe.load(tmp_path / "soft.toml").stages[-1]

    assert (stage.blend, stage.blend_mode) == (0.7, "color")


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"blend": 2}, SettingError),
        ({"blend_regions": "lid=1"}, SettingError),
        ({"blend": 0.5}, IdleSettingError),
    ],
)
def test_python_is_refused_as_the_command_line_is(settings, error):
    recipe = Recipe.load("packshot" if error is IdleSettingError else "relight")

    with pytest.raises(error):
        recipe.with_settings(settings)
