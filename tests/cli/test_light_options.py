"""The options of light: several lamps, pictures of light, and what cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

from prodgen import files, provenance
from prodgen.cli import main
from prodgen.cli.run_options import arguments_of


@pytest.fixture
def photo(tmp_path):
    y, x = np.mgrid[:96, :96].astype(np.float32)
    inside = (np.hypot(x - 48, y - 52) < 26).astype(np.float32)
    picture = np.where(inside[..., None] > 0, np.array((0.7, 0.1, 0.1)), 0.9).astype(np.float32)
    files.save(tmp_path / "photo.png", picture)
    files.save_matte(tmp_path / "matte.png", inside)
    return tmp_path / "photo.png"


def shot_of(photo, *options: str):
    given = [
        "--prompt",
        "concrete floor, studio",
        "--matte",
        str(photo.with_name("matte.png")),
        "--seed",
        "3",
    ]
    place = ["--place", "original", "--steps", "2", "--backend", "embedded://"]
    out = str(photo.with_name("out.png"))
    return CliRunner().invoke(main, ["shoot", str(photo), *given, *place, *options, "-o", out])


def test_lights_are_repeated_and_the_first_gives_the_prompt_its_words(photo):
    done = shot_of(photo, "--light", "hard left", "--light", "#0044ff back-right 30%")

    assert done.exit_code == 0, done.output
    story = provenance.read_story(files.read_text(photo.with_name("out.png")))
    assert [light["azimuth_deg"] for light in story["asked"]["lights"]] == [-80, 140]
    assert "hard light from the left" in story["sent"]["prompt"]
    assert "blue" not in story["sent"]["prompt"]


def test_a_fifth_light_is_refused_in_one_sentence(photo):
    done = shot_of(
        photo, *(word for name in ("left", "right", "top", "back", "front") for word in ("--light", name))
    )

    assert done.exit_code != 0
    assert "at most 4 lights" in done.output


def test_a_light_that_cannot_be_read_names_the_near_word(photo):
    done = shot_of(photo, "--light", "wndow left")

    assert done.exit_code == 2
    assert "window" in done.output


def test_a_run_takes_several_lights_and_pictures_of_light(tmp_path):
    given = arguments_of({"light": ("left", "right 20%"), "light_from": tmp_path / "reference.jpg"})

    assert given["light"] == "left; right 20%"
    assert given["light_from"] == str(tmp_path / "reference.jpg")
