"""`prodgen recipe`: a built-in recipe as TOML, to start one's own from."""

from __future__ import annotations

import click

from prodgen.cli.parameters import RECIPE
from prodgen.cli.telling import printer


@click.command()
@click.argument("name", type=RECIPE)
def recipe(name: str) -> None:
    """Print a recipe as TOML.

    NAME is one of `prodgen list recipes`, or a file.

    \b
        prodgen recipe packshot > my-packshot.toml
    """
    from importlib.resources import files
    from pathlib import Path

    from prodgen.shots import Recipe, builtin_recipes

    to = printer()
    to.data(Recipe.load(name).model_dump(mode="json"), indent=1)
    home = files("prodgen.shots") / "recipes" / f"{name}.toml" if name in builtin_recipes() else Path(name)
    to.text(home.read_text("utf-8").rstrip())
