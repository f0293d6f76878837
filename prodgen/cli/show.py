"""`prodgen show`: the story that a picture carries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from prodgen.cli.options import PHOTO


@click.command()
@click.argument("picture", type=PHOTO)
@click.option("--json", "as_json", is_flag=True, help="The whole story as JSON.")
def show(picture: Path, as_json: bool) -> None:
    """Print how PICTURE was made: prompt, seed, recipe, backend, measured identity, AI marking.

    \b
        prodgen show outputs/mug-1234.png
    """
    from prodgen import images, provenance

    chunks = images.read_text(picture)
    story = provenance.read_story(chunks)
    if as_json:
        click.echo(json.dumps(story, ensure_ascii=False, indent=1))
        return
    for name in (
        "prompt",
        "negative_prompt",
        "seed",
        "light",
        "background",
        "source",
        "backend",
        "checkpoint",
    ):
        if story.get(name) not in (None, ""):
            click.echo(f"{name.replace('_', ' '):<16} {story[name]}")
    recipe: dict[str, Any] = story.get("recipe") or {}
    if recipe:
        stages = " > ".join(str(stage.get("stage")) for stage in recipe.get("stages", []))
        click.echo(f"{'recipe':<16} {recipe.get('name')}  ({stages})")
    for name, value in (story.get("identity") or {}).items():
        if isinstance(value, int | float | str):
            shown = f"{value:.3g}" if isinstance(value, float) else value
            click.echo(f"{'  ' + name.replace('_', ' '):<28} {shown}")
    click.echo(f"{'source type':<16} {provenance.read_source_type(chunks) or 'not marked'}")
    for notice in story.get("notices", []):
        click.echo(f"{'note':<16} {notice}")
    if chunks.get("parameters"):
        click.echo(f"{'infotext':<16} {chunks['parameters']}")
