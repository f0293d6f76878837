"""Options of the commands that make a whole catalogue (`batch`, `watch`), each declared once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from prodgen.cli.parameters import (
    BACKEND,
    dialect_option,
    output_option,
    recipe_for,
    row_options,
)
from prodgen.cli.values import Checked, File, RunFolder, Text, Whole

if TYPE_CHECKING:
    from prodgen.catalogue import Wishes

F = TypeVar("F", bound=Callable[..., Any])

_RUN_OPTIONS = (
    output_option(metavar="DIR", required=True, type=RunFolder()),
    click.option(
        "--prompt",
        type=Text(),
        default="",
        metavar="TEMPLATE",
        help="The scene, in words; {name} stands for the column of that name.",
    ),
    click.option(
        "--scene",
        "scenes",
        multiple=True,
        type=Checked("scene", "prodgen.batching.reading_options:read_scene"),
        metavar="NAME=TEMPLATE",
        help="Show every product in this scene, in place of --prompt; may be repeated.",
    ),
    click.option(
        "--wildcards", type=File(), metavar="DIR", help="Folder of NAME.txt, for __NAME__ in templates."
    ),
    row_options,
    click.option("--count", type=Whole(1, 64), default=1, show_default=True, help="Pictures of each scene."),
    click.option(
        "--variants",
        type=Whole(2, 7),
        metavar="2..7",
        help="Every product at so many places in its scene, a picture each; the names say which.",
    ),
    click.option(
        "--name",
        type=Text(),
        metavar="PATTERN",
        help="Names of the pictures in DIR, such as {sku}/{scene}-{seed}.jpg; a folder each sku by default.",
    ),
    click.option(
        "--sheet", type=Text(), help="The sheet of a workbook. Default: the first that is not empty."
    ),
    click.option("--only", type=Text(), metavar="GLOB", help="Only products whose sku is like this: 00*."),
    click.option("--limit", type=Whole(1, 10**9), metavar="N", help="Only the first N rows."),
    click.option(
        "--backend",
        "backends",
        multiple=True,
        type=BACKEND,
        metavar="auto|embedded://|engine://|comfy://HOST|URL",
        help="A server that draws; repeat it for each GPU. auto: as for `prodgen shoot`.",
    ),
    dialect_option,
    click.option(
        "--cluster",
        type=Checked("cluster", "prodgen.batching.reading_options:read_cluster"),
        metavar="ADDRESS|local:N",
        help="Let the workers of a Dask scheduler do the work; see docs/catalogue.md.",
    ),
    click.option(
        "--workers",
        type=Whole(0, 1024),
        metavar="N",
        help="Processes for CPU work; 0: none but this one. Default: one a core.",
    ),
    click.option(
        "--memory",
        type=Checked("memory", "prodgen.batching.reading_options:read_bytes"),
        metavar="8G",
        help="What they may take together. Default: half of what is free.",
    ),
    click.option(
        "--max-failures", type=Text(), metavar="N|P%", help="End the run when more pictures than this failed."
    ),
    click.option(
        "--deadline", type=Text(), metavar="06:00", help="Begin nothing that would not be done by then."
    ),
    click.option("--verify", is_flag=True, help="Prove what is done by its content, not by size and date."),
    click.option(
        "--allow-outside", is_flag=True, help="Take photographs from outside of the sheet's folder."
    ),
    click.option("--allow-urls", is_flag=True, help="Fetch photographs that the sheet names by URL."),
    click.option("--json-lines", is_flag=True, help="Print each event as a line of JSON."),
    click.option(
        "--webhook",
        type=Text(),
        metavar="URL",
        help="POST failures and the end there, signed with PRODGEN_WEBHOOK_SECRET.",
    ),
    click.option(
        "--metrics",
        type=Text(),
        metavar="PORT",
        help="Answer Prometheus at this port of this computer, or at HOST:PORT.",
    ),
)


def run_options(command: F) -> F:
    """Give a command every option that decides a catalogue run, but for the catalogue."""
    for option in reversed(_RUN_OPTIONS):
        command = option(command)
    return command


_OF_BATCH = (
    *(
        "prompt",
        "negative_prompt",
        "background",
        "box",
        "points",
        "pose",
        "light",
        "reference",
        "light_map",
        "light_from",
        "like",
        "loras",
        "recipe",
        "seed",
        "count",
        "variants",
    ),
    *("name", "sheet", "only", "limit", "backends", "dialect", "cluster", "workers", "verify"),
    *("allow_outside", "allow_urls", "wildcards"),
)
"""Options that `batching.batch` has as they are; all others are settings of the recipe."""


def arguments_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments for `batching.batch` that options ask for.

    Raises:
        click.UsageError: If route and recipe are given.
        WrongValueError: If two scenes have one name.
    """
    from prodgen.batching.reading_options import read_bytes, read_scene
    from prodgen.errors import WrongValueError

    given = {name: value for name, value in options.items() if value not in (None, ())}
    arguments = {name: given.pop(name) for name in _OF_BATCH if name in given}
    scenes = [read_scene(text) for text in given.pop("scenes", ())]
    if len(dict(scenes)) < len(scenes):
        raise WrongValueError("scene", "", "has one name twice; give each scene a name of its own")
    if "light" in arguments:
        arguments["light"] = "; ".join(arguments["light"])
    for name in ("background", "reference", "light_map", "light_from", "like"):
        if name in arguments:
            arguments[name] = str(arguments[name])
    if "memory" in given:
        arguments["memory"] = read_bytes(given.pop("memory"))
    arguments["recipe"] = recipe_for(arguments.get("recipe"), given.pop("route", None))
    return {**arguments, "scenes": dict(scenes), "settings": given}


def wishes_of(arguments: Mapping[str, Any]) -> Wishes:
    """Return what of a run's arguments is asked of every row."""
    from prodgen.catalogue import Wishes

    asked = {name: value for name, value in arguments.items() if name in Wishes.model_fields}
    return Wishes(**{**asked, "scenes": tuple(arguments["scenes"].items())})
