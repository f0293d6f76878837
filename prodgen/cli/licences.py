"""`prodgen licences`: what the model files in use are, and what their owners allow."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from prodgen.weights import Weight


@click.command()
@click.argument("recipes", nargs=-1, metavar="[RECIPE]...")
@click.option(
    "--models",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Hash the model files in this folder and say what they are.",
)
@click.option("--commercial", is_flag=True, help="Refuse (exit 1) what forbids commercial use.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def licences(recipes: tuple[str, ...], models: Path | None, commercial: bool, as_json: bool) -> None:
    """Say which model files RECIPE uses, by hash, with licence and source.

    RECIPE is a file or the name of a built-in recipe. Without it, and without --models, every known model
    is listed; with --commercial then only those that may be used so.

    \b
        prodgen licences relight --commercial
        prodgen licences --models ~/.local/share/prodgen/backend/webui/models
    """
    from prodgen.shots import Recipe
    from prodgen.shots.named_models import named_models
    from prodgen.weights import read_list
    from prodgen.weights.licensing import found_in, refuse_what_forbids_commerce, used_by

    known = read_list()
    listed: dict[str, Weight] = {}
    for recipe in recipes:
        stages = named_models(Recipe.load(recipe))
        listed |= {weight.name: weight for weight in used_by(stages, known)}
    found = found_in(models, known) if models else ()
    if not recipes and models is None:
        listed = {weight.name: weight for weight in known if not (commercial and weight.commercial == "no")}
    strangers = [file for file in found if file.weight is None]
    on_disk = {file.weight.name: file for file in found if file.weight is not None}
    shown = listed | {file.weight.name: file.weight for file in on_disk.values() if file.weight is not None}

    if as_json:
        rows = [
            asdict(weight) | {"found": asdict(on_disk[name]) if name in on_disk else None}
            for name, weight in shown.items()
        ]
        click.echo(json.dumps({"weights": rows, "unknown": [asdict(file) for file in strangers]}, indent=1))
    else:
        for name, weight in shown.items():
            _show(weight, on_disk[name].file if name in on_disk else None)
        for file in strangers:
            click.echo(
                f"{file.file}: unknown\n  sha256 {file.sha256}\n  its licence must be looked up by you"
            )
    if commercial:
        refuse_what_forbids_commerce(shown.values())
        for weight in shown.values():
            if weight.commercial == "ask":
                click.echo(
                    f"Read first whether {weight.name} may be used commercially: {weight.licence_url}",
                    err=True,
                )
        for file in strangers:
            click.echo(
                f"Nothing is known of {file.file}: find out whether it may be used commercially.", err=True
            )


def _show(weight: Weight, file: str | None) -> None:
    allowed = {
        "yes": "allowed, under the licence's conditions",
        "no": "FORBIDDEN",
        "ask": "read the owner's terms first",
    }
    click.echo(f"{weight.name}: {weight.title}")
    click.echo(f"  sha256 {weight.sha256}" + (f"  (found as {file})" if file else ""))
    click.echo(f"  licence {weight.licence}, {weight.licence_url}")
    click.echo(f"  commercial use: {allowed[weight.commercial]}")
    if weight.note:
        click.echo(f"  {weight.note}")
    click.echo(f"  source {weight.sources[0].url}")
