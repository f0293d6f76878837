"""`prodgen show`: the story that a picture carries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from prodgen.cli.parameters import PHOTO

SHOWN = ("prompt", "negative_prompt", "seed", "light", "background", "source", "backend", "checkpoint")
"""Facts of a story in the order in which they are told."""


@click.command()
@click.argument("picture", type=PHOTO)
@click.option("--json", "as_json", is_flag=True, help="The whole story as JSON.")
def show(picture: Path, as_json: bool) -> None:
    """Print how PICTURE was made: prompt, seed, recipe, backend, measured identity, AI marking.

    \b
        prodgen show outputs/mug-1234.png
    """
    from prodgen import files, provenance

    chunks = files.read_text(picture)
    story = provenance.read_story(chunks)
    if as_json:
        click.echo(json.dumps(story, ensure_ascii=False, indent=1))
        return
    for line in _lines(story):
        click.echo(line)
    click.echo(_line("source type", provenance.read_source_type(chunks) or "not marked"))
    notices = story.get("notices")
    for notice in notices if isinstance(notices, list) else []:
        click.echo(_line("note", notice))
    if chunks.get("parameters"):
        click.echo(_line("infotext", chunks["parameters"]))


def _lines(story: dict[str, Any]) -> Iterator[str]:
    """Yield what a story tells; it came with a file from anywhere, so nothing in it is sure to be there."""
    for name in SHOWN:
        if story.get(name) not in (None, ""):
            yield _line(name.replace("_", " "), story[name])
    recipe = story.get("recipe")
    if isinstance(recipe, dict):
        stages = recipe.get("stages")
        named = [x.get("stage") for x in stages if isinstance(x, dict)] if isinstance(stages, list) else []
        yield _line("recipe", f"{recipe.get('name')}  ({' > '.join(map(str, named))})")
    identity = story.get("identity")
    for name, value in identity.items() if isinstance(identity, dict) else ():
        if isinstance(value, int | float | str):
            shown = f"{value:.3g}" if isinstance(value, float) else value
            yield _line(f"  {name.replace('_', ' ')}", shown, 28)


def _line(name: str, value: object, width: int = 16) -> str:
    """Return one fact as a line; what would steer the terminal is shown, not sent."""
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in f"{name:<{width}} {value}")
