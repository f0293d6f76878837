"""Commands in a working folder that somebody deleted, and pictures that no program should have written."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

from prodgen import files
from prodgen.cli import main

EMBEDDED = ["--backend", "embedded://"]

COMMANDS = {
    "segment": ["segment", "{photo}", "-o", "x.png"],
    "upscale": ["upscale", "{photo}", "-o", "x.png", *EMBEDDED],
    "blend": ["blend", "{photo}", "{photo}", "--matte", "{photo}", "-o", "x.png"],
    "inspect": ["inspect", "{photo}", "{photo}", "--html", "x.html"],
    "shoot": ["shoot", "{photo}", "--prompt", "a table", *EMBEDDED],
    "generate": ["generate", "--prompt", "a table", *EMBEDDED],
    "replay": ["replay", "x.png", *EMBEDDED],
    "show": ["show", "x.png"],
    "a config": ["generate", "--config", "x.toml", *EMBEDDED],
    "a photo": ["segment", "photo.png", "-o", "{photo}.matte.png"],
}


@pytest.mark.parametrize("case", COMMANDS)
def test_in_a_deleted_folder_each_command_says_so_in_one_sentence(case, tmp_path, monkeypatch):
    files.save(tmp_path / "photo.png", np.full((64, 64, 3), 0.5, np.float32))
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()

    arguments = [part.format(photo=tmp_path / "photo.png") for part in COMMANDS[case]]
    done = CliRunner().invoke(main, arguments)

    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert "the folder you are in no longer exists" in done.stderr


@pytest.mark.parametrize("command", ["show", "replay"])
def test_a_story_of_endless_brackets_is_called_damaged(command, tmp_path):
    grey = np.full((64, 64, 3), 0.5, np.float32)
    files.save(tmp_path / "a.png", grey, text={"prodgen": "[" * 100_000})

    done = CliRunner().invoke(main, [command, str(tmp_path / "a.png")])

    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert "the prodgen story in this picture is damaged" in done.stderr


def test_a_photo_whose_long_name_leaves_no_room_for_the_seed_is_refused_in_one_sentence(tmp_path):
    photo = tmp_path / f"{'a' * 250}.png"
    files.save(photo, np.full((64, 64, 3), 0.5, np.float32))

    done = CliRunner().invoke(main, ["shoot", str(photo), "--prompt", "a table", *EMBEDDED])

    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert "its name is too long for this file system" in done.stderr


def test_wildcards_with_an_impossible_name_in_a_config_are_refused_in_one_sentence(tmp_path):
    config = tmp_path / "c.toml"
    config.write_text(f'prompt = "a __b__"\nwildcards = "{"w" * 300}"\n')

    done = CliRunner().invoke(main, ["generate", "--config", str(config), *EMBEDDED])

    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert "its name is too long for this file system" in done.stderr
