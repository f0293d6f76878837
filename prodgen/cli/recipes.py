"""`prodgen recipes`: what recipes there are, what is in one, and its file to start one's own from."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from prodgen.cli.route_options import RECIPE
from prodgen.cli.telling import Printer, printer
from prodgen.cli.values import OneOf

if TYPE_CHECKING:
    from prodgen.refusals import CheckedValue
    from prodgen.shots import Recipe

WIDTH = 100
"""Characters of a line of text. Chosen: as wide as the help of a command."""


@click.command()
@click.argument("action", type=OneOf("action", ("list", "show")), default="list")
@click.argument("name", type=RECIPE, required=False)
@click.option("--toml", "as_toml", is_flag=True, help="With `show`: print the file, to save and to change.")
@click.pass_context
def recipes(ctx: click.Context, action: str, name: str | None, as_toml: bool) -> None:
    """List recipes, or show what is in one.

    \b
    list   the built-in recipes, and what each is for
    show   what NAME is, its stages, and each parameter with its value and meaning

    NAME is one of the list, or a file.

    \b
        prodgen recipes list
        prodgen recipes show marble-bathroom
        prodgen recipes show marble-bathroom --toml > mine.toml
    """
    if (action == "show") != (name is not None):
        needed = "show: name a recipe" if name is None else "list takes no name; did you mean show"
        raise click.UsageError(f"recipes {needed}, such as `prodgen recipes show marble-bathroom`", ctx)
    if as_toml and name is None:
        raise click.UsageError("--toml prints one recipe: prodgen recipes show NAME --toml", ctx)
    to = printer()
    if name is None:
        _tell_all(to)
    else:
        _tell_one(name, to, as_toml=as_toml)


def _tell_all(to: Printer) -> None:
    from prodgen.shots import Recipe, builtin_recipes

    rows = [
        {"name": recipe.name, "description": recipe.description, "prompt": recipe.prompt}
        for recipe in map(Recipe.load, builtin_recipes())
    ]
    to.data(rows, indent=1)
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        to.text(row["name"] if to.quiet else f"{row['name']:<{width}}  {row['description']}")


def _tell_one(name: str, to: Printer, *, as_toml: bool) -> None:
    from importlib.resources import files
    from pathlib import Path

    from prodgen.shots import Recipe, builtin_recipes

    recipe = Recipe.load(name)
    if as_toml:
        home = (
            files("prodgen.shots") / "recipes" / f"{name}.toml" if name in builtin_recipes() else Path(name)
        )
        to.data(recipe.model_dump(mode="json"), indent=1)
        to.text(home.read_text("utf-8").rstrip())
        return
    to.data(_as_dict(recipe), indent=1)
    to.text(f"{recipe.name}: {recipe.description}")
    of_recipe = list(_parameters(recipe, without=("name", "description", "stages", "delivery")))
    for title, rows in (
        ("the recipe itself", of_recipe),
        ("delivery", list(_parameters(recipe.delivery))),
        *((f"stage {stage.stage}", list(_parameters(stage, without=("stage",)))) for stage in recipe.stages),
    ):
        to.text(f"\n{title}")
        for row in rows:
            first = f"  {row['name']:<20} {_shown(row['value'])}  "
            lines = textwrap.wrap(
                first + row["meaning"], WIDTH, subsequent_indent=" " * 23, break_on_hyphens=False
            )
            to.text("\n".join(lines))


def _shown(value: Any) -> str:
    """Return a value as a recipe's file spells it; lights as words, and "-" for what is unset or empty."""
    from prodgen.light import Light, words

    if isinstance(value, list):
        return "; ".join(words(Light.model_validate(one)) for one in value) or "-"
    return "-" if value is None else json.dumps(value, ensure_ascii=False)


def _as_dict(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe with the meaning of everything that can be set, ready for JSON."""
    return {
        "name": recipe.name,
        "description": recipe.description,
        "parameters": list(_parameters(recipe, without=("name", "description", "stages", "delivery"))),
        "delivery": list(_parameters(recipe.delivery)),
        "stages": [
            {"stage": stage.stage, "parameters": list(_parameters(stage, without=("stage",)))}
            for stage in recipe.stages
        ],
    }


def _parameters(part: CheckedValue, *, without: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    """Give name, value, usual value and meaning of each field."""
    values = part.model_dump(mode="json")
    for name, field in type(part).model_fields.items():
        if name not in without:
            yield {
                "name": name,
                "value": values[name],
                "usual": field.get_default(call_default_factory=True),
                "meaning": " ".join((field.description or "").split()),
            }
