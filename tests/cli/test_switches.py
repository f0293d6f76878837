"""What holds for every command: four switches, one table of commands, one place that prints, completion."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

from prodgen import files
from prodgen.cli import COMMANDS, main

TOY = '''
import click
from prodgen.cli.parameters import output_option
from prodgen.cli.telling import printer

@click.command()
@click.argument("word")
@output_option(metavar="FILE")
def toy(word, output):
    """Say WORD."""
    to = printer()
    to.data({"word": word})
    to.text(f"it is {word}")
    to.note("a note")
    to.note("a note")
    if output is not None:
        to.made("file", output)
'''


def prodgen(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A command of one file, added by one line."""
    (tmp_path / "toy_command.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(COMMANDS, "toy", "toy_command:toy")
    yield
    main.commands.pop("toy", None)
    sys.modules.pop("toy_command", None)


@pytest.fixture(scope="module")
def photo(tmp_path_factory) -> Path:
    y, x = np.mgrid[:96, :96].astype(np.float32)
    inside = (np.hypot(x - 48, y - 52) < 26).astype(np.float32)
    picture = np.where(inside[..., None] > 0, np.array((0.7, 0.1, 0.1), np.float32), np.float32(0.9))
    path = tmp_path_factory.mktemp("photos") / "disc.png"
    files.save(path, picture.astype(np.float32), matte=inside)
    return path


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """What --open would show."""
    shown: list[str] = []
    monkeypatch.setattr(click, "launch", lambda url, locate=False: shown.append(url) or 0)
    return shown


def test_a_command_is_added_by_one_file_and_one_line_of_the_table(toy):
    done = prodgen("toy", "hello")

    assert done.output == "it is hello\nnote      a note\n"
    assert "toy" in prodgen("--help").output
    assert "there is no option '--wrod'" in prodgen("toy", "x", "--wrod").stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_the_four_switches(command):
    told = prodgen(command, "--help").output

    assert all(switch in told for switch in ("--verbose", "--quiet", "--json", "--open"))


def test_a_switch_means_the_same_before_and_after_the_word(toy):
    assert prodgen("--json", "toy", "x").output == prodgen("toy", "x", "--json").output == '{"word": "x"}\n'
    assert prodgen("-q", "toy", "x").output == prodgen("toy", "x", "-q").output == "it is x\n"


def test_a_switch_of_one_call_does_not_reach_the_next(toy):
    prodgen("toy", "x", "--json")

    assert prodgen("toy", "x").output == "it is x\nnote      a note\n"


def test_quiet_and_verbose_exclude_each_other(toy):
    done = prodgen("-v", "toy", "x", "-q")

    assert done.exit_code == 2
    assert "--verbose and --quiet" in done.stderr


def test_open_shows_what_was_made(toy, opened, tmp_path):
    prodgen("--open", "toy", "x", "-o", tmp_path / "a.txt")

    assert opened == [str(tmp_path / "a.txt")]


def test_open_that_finds_no_program_says_so(toy, monkeypatch, tmp_path):
    monkeypatch.setattr(click, "launch", lambda url, locate=False: 1)

    done = prodgen("toy", "x", "-o", tmp_path / "a.txt", "--open")

    assert done.exit_code == 0
    assert "cannot be opened here" in done.stderr


@pytest.mark.parametrize("arguments", [("--open", "list", "looks"), ("show", "a.png", "--open")])
def test_open_is_refused_where_nothing_is_made(arguments, opened):
    done = prodgen(*arguments)

    assert (done.exit_code, opened) == (2, [])
    assert "makes no file" in done.stderr


def test_open_of_an_inspection_without_a_page_is_refused_before_any_work(photo, opened):
    done = prodgen("inspect", photo, photo, "--open")

    assert (done.exit_code, opened, done.stdout) == (2, [], "")
    assert "--html" in done.stderr


def test_quiet_prints_where_the_picture_is_and_nothing_else(photo, tmp_path):
    done = prodgen("shoot", photo, "--recipe", "packshot", "-q", "-o", tmp_path / "a.png")

    assert done.output == f"{tmp_path / 'a.png'}\n"


def test_a_notice_that_holds_for_all_pictures_is_said_once(tmp_path):
    drawn = ["generate", "--prompt", "a table", "--size", "64x64", "--backend", "embedded://"]

    done = prodgen(*drawn, "--count", 3, "--seed", 1, "-o", tmp_path)

    assert done.output.count("picture   ") == 3
    assert done.output.count("never the things in a prompt") == 1


def test_the_verdict_comes_first_in_words(photo, tmp_path):
    done = prodgen("shoot", photo, "--recipe", "packshot", "-o", tmp_path / "a.png")

    assert "product   the product kept its colours" in done.output


def test_a_segmentation_is_json_too(photo, tmp_path):
    done = prodgen("segment", photo, "-o", tmp_path / "m.png", "--segmenter", "classical", "--json")

    told = json.loads(done.stdout)
    assert told["segmenter"] == "classical"
    assert 0 < told["product_share"] < 1


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("prodgen shoot a.png --look ci", "cinematic"),
        ("prodgen shoot a.png --recipe pack", "packshot"),
        ("prodgen inspect a.png b.png --profile cat", "catalogue"),
        ("prodgen segment a.png --segmenter isnet-g", "isnet-general-use"),
        ("prodgen list sam", "samplers"),
        ("prodgen gen", "generate"),
    ],
)
def test_a_shell_completes_names(words, name):
    count = str(len(words.split()) - 1)
    asked = {"_PRODGEN_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": count}

    done = CliRunner(env=asked).invoke(main, [], prog_name="prodgen", complete_var="_PRODGEN_COMPLETE")

    assert f"plain,{name}" in done.output.splitlines()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_script_of_a_shell(shell):
    assert "_PRODGEN_COMPLETE" in prodgen("completion", shell).output
