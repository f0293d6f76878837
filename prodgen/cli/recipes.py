"""`prodgen recipes`: what can be asked for by name."""

from __future__ import annotations

import click


@click.command()
@click.argument("name", required=False)
def recipes(name: str | None) -> None:
    """List the built-in recipes, or print the one called NAME as TOML to start your own from.

    \b
        prodgen recipes packshot > my-packshot.toml
    """
    from importlib.resources import files

    from prodgen.errors import UnknownNameError
    from prodgen.shots import builtin_recipes

    known = builtin_recipes()
    if name is None:
        for recipe, fields in known.items():
            click.echo(f"{recipe:<10} {fields['description']}")
            click.echo(f"{'':<10} {' > '.join(stage['stage'] for stage in fields['stages'])}")
    elif name in known:
        click.echo((files("prodgen.shots") / "recipes" / f"{name}.toml").read_text("utf-8").rstrip())
    else:
        raise UnknownNameError("recipe", name, known)
