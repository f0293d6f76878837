"""Every option of every command, given what makes no sense: one sentence that names it, in our own words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from prodgen import files
from prodgen.cli import COMMANDS, main
from prodgen.cli.values import Checked, File, Number, OneOf, Text, Whole

HUGE = "x" * 9000

NO_NUMBERS = ("nan", "inf", "-99999999", "1e999", "", "ü", "[1]", HUGE)
NO_NAMES = ("", "nan", "ünï", "-1", HUGE)
NO_FILES = ("", "no/such.png", "ünï.png", HUGE)
NO_TEXTS = ("a\udcffb",)

FREE_TEXT = {
    "prompt": (HUGE,),
    "negative_prompt": (HUGE,),
    "backend": ("", "gopher://x", "http://", "unix:x", HUGE),
    "url": ("gopher://x", "http://", HUGE),
    "api_auth": ("nan", "a:", ":b"),
    "vae": ("nan", "ünï", HUGE),
    "controlnet": ("", "nan", HUGE),
    "first_pass": ("", "nan", "7x7", "huge"),
    "place": ("", "nan", "9,9", HUGE),
}
"""Wrong values for texts that hold more than a name of the server's."""

BASE = {
    "cancel": (["prodgen-3f2a"], ["--backend", "embedded://"]),
    "shoot": (["{photo}"], ["--prompt", "a table", "--backend", "embedded://", "-o", "{out}.png"]),
    "generate": (
        [],
        ["--prompt", "a table", "--size", "64x64", "--backend", "embedded://", "-o", "{out}.png"],
    ),
    "inspect": (["{photo}", "{photo}"], ["--matte", "{matte}"]),
    "replay": (["{drawn}"], ["--backend", "embedded://", "-o", "{out}.png"]),
    "show": (["{drawn}"], []),
    "segment": (["{photo}"], ["-o", "{out}.png"]),
    "group": (["{photo}", "{photo}"], ["-o", "{out}.png"]),
    "blend": (["{photo}", "{photo}"], ["--matte", "{matte}", "-o", "{out}.png"]),
    "upscale": (["{photo}"], ["--backend", "embedded://", "-o", "{out}.png"]),
    "list": (["loras"], ["--backend", "embedded://"]),
    "recipes": (["show", "relight"], []),
    "licences": (["relight"], []),
    "doctor": (["embedded://"], ["--quick"]),
    "serve": ([], ["--port", "0"]),
    "completion": (["bash"], []),
    "weights": (["where", "u2netp"], []),
}
"""A call of each command that works, arguments and options; the wrong value is put into it."""

BESIDE = {
    ("generate", "hires_upscaler"): ["--hires", "1.5"],
    ("generate", "refiner"): ["--refiner-at", "0.8"],
    ("shoot", "upscaler"): ["--upscale", "2"],
    ("generate", "upscaler"): ["--upscale", "2"],
}
"""What must be given as well for a value to be used at all."""

NOT_TRIED = {
    ("doctor", "outputs"): "a folder that is not there is a finding, not a fault",
    ("list", "word"): "a search may be for anything",
    ("serve", "host"): "whether a host can be listened at is known to the system alone",
    ("replay", "controlnet"): "is for pictures with a control picture",
}

TRIED_ELSEWHERE = ("batch", "watch", "status", "worker")
"""Commands of catalogue runs, which have tests of their own: their names and patterns are free text."""

FOREIGN = (
    "Input should",
    "Value error",
    "<class",
    "type=",
    "Traceback",
    "validation error",
    "leave them out",
)
"""Words of pydantic's and Python's that no user should read."""


def wrong_values(param: click.Parameter) -> tuple[str, ...]:
    kind = param.type
    if param.name in FREE_TEXT:
        return FREE_TEXT[param.name]
    if isinstance(kind, Number):
        return NO_NUMBERS
    if isinstance(kind, Whole | click.IntRange):
        return (*NO_NUMBERS, "1.5")
    if isinstance(kind, OneOf | Checked | click.Choice):
        return NO_NAMES
    if isinstance(kind, File):
        return (
            NO_FILES
            if param.name not in ("output", "html", "preview")
            else ("", HUGE + ".png", *(["out.gif"] if param.name == "output" else []))
        )
    if isinstance(kind, Text):
        return ("nan", "ünï", HUGE, *NO_TEXTS)
    return NO_NAMES


def cases() -> Iterator[tuple[str, str, str]]:
    group = click.Context(main)
    for name in COMMANDS:
        if name in TRIED_ELSEWHERE:
            continue
        command = main.get_command(group, name)
        for param in command.params:
            is_switch = isinstance(param, click.Option) and param.is_flag
            if is_switch or param.name == "help" or (name, param.name) in NOT_TRIED:
                continue
            for value in wrong_values(param):
                yield name, param.name, value


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    y, x = np.mgrid[:96, :96].astype(np.float32)
    inside = (np.hypot(x - 48, y - 52) < 26).astype(np.float32)
    photo = np.where(inside[..., None] > 0, np.array((0.7, 0.1, 0.1), np.float32), np.float32(0.9))
    files.save(folder / "photo.png", photo.astype(np.float32))
    files.save_matte(folder / "matte.png", inside)
    line = "a table\nSteps: 2, Sampler: Euler, Seed: 3, Size: 64x64"
    files.save(folder / "drawn.png", photo.astype(np.float32), text={"parameters": line})
    return {name: folder / f"{name}.png" for name in ("photo", "matte", "drawn")}


@pytest.mark.parametrize(
    ("name", "param_name", "value"),
    list(cases()),
    ids=lambda text: text if len(text) < 40 else f"{len(text)} letters",
)
def test_a_wrong_value_is_one_sentence_that_names_the_option(
    name, param_name, value, places, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    command = main.get_command(click.Context(main), name)
    param = next(param for param in command.params if param.name == param_name)
    arguments, options = (
        [word.format(out=tmp_path / "out", **places) for word in words] for words in BASE[name]
    )
    if isinstance(param, click.Argument):
        names = [param.make_metavar(click.Context(command)), repr(value)[:20]]
        arguments[[x for x in command.params if isinstance(x, click.Argument)].index(param)] = value
    else:
        names = [*param.opts, *([repr(value)] if isinstance(param.type, File) else [])]
        options += [*BESIDE.get((name, param_name), []), param.opts[-1], value]

    done = CliRunner().invoke(main, [name, *options, "--", *arguments])

    said = done.stderr.strip()
    assert done.exit_code in (1, 2), f"{done.output}\n{done.exception!r}"
    assert len(said.splitlines()) == 1, said
    assert said.startswith("prodgen: "), said
    assert len(said) < 900, said
    assert not any(word in said for word in FOREIGN), said
    assert any(option in said for option in names), said
    assert not list(tmp_path.glob("out*.png"))


@pytest.mark.parametrize(
    "options",
    [
        ["--server-style", "nope"],
        ["--upscale", "2", "--upscaler", "None"],
        ["--upscale", "2", "--upscaler", "x"],
    ],
)
def test_what_the_server_lacks_is_said_of_the_option_and_not_of_the_requests_field(options, tmp_path):
    where = ["--backend", "embedded://", "--output", str(tmp_path / "a.png")]

    done = CliRunner().invoke(main, ["generate", "--prompt", "a", "--size", "64x64", *where, *options])

    assert done.exit_code == 1
    assert done.stderr.startswith(f"prodgen: {options[-2]}")


def test_an_unknown_command_names_those_that_there_are_in_a_whole_sentence():
    done = CliRunner().invoke(main, ["loras"])

    assert done.exit_code == 2
    assert ", ;" not in done.stderr
    assert all(name in done.stderr for name in main.list_commands(click.Context(main)))
