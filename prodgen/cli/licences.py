"""`prodgen licences`: what the model files in use are, and what their owners allow."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prodgen.cli.route_options import RECIPE
from prodgen.cli.telling import Printer, printer
from prodgen.cli.values import File

if TYPE_CHECKING:
    from prodgen.weights import Weight


@click.command()
@click.argument("recipes", nargs=-1, type=RECIPE, metavar="[RECIPE]...")
@click.option("--folder", type=File(), help="Hash the model files in this folder and say what they are.")
@click.option("--commercial", is_flag=True, help="Refuse (exit 1) what forbids commercial use.")
def licences(recipes: tuple[str, ...], folder: Path | None, commercial: bool) -> None:
    """Say what the model files in use allow.

    By hash, with licence and source, for the files that RECIPE uses.

    RECIPE is a file or the name of a built-in recipe. Without it, and without --folder, every known model
    is listed; with --commercial then only those that may be used so.

    \b
        prodgen licences relight --commercial
        prodgen licences --folder ~/.local/share/prodgen/backend/webui/models
    """
    from prodgen.errors import SettingError
    from prodgen.shots import Recipe
    from prodgen.shots.named_models import named_models
    from prodgen.weights import read_list
    from prodgen.weights.licensing import found_in, refuse_what_forbids_commerce, used_by

    if folder is not None and not folder.is_dir():
        raise SettingError(f"--folder: {str(folder)!r} is no folder")
    known = read_list()
    listed: dict[str, Weight] = {}
    for recipe in recipes:
        stages = named_models(Recipe.load(recipe))
        listed |= {weight.name: weight for weight in used_by(stages, known)}
    found = found_in(folder, known) if folder else ()
    if not recipes and folder is None:
        listed = {weight.name: weight for weight in known if not (commercial and weight.commercial == "no")}
    strangers = [file for file in found if file.weight is None]
    on_disk = {file.weight.name: file for file in found if file.weight is not None}
    shown = listed | {file.weight.name: file.weight for file in on_disk.values() if file.weight is not None}

    to = printer()
    rows = [
        asdict(weight) | {"found": asdict(on_disk[name]) if name in on_disk else None}
        for name, weight in shown.items()
    ]
    to.data({"weights": rows, "unknown": [asdict(file) for file in strangers]}, indent=1)
    for name, weight in shown.items():
        _tell(weight, on_disk[name].file if name in on_disk else None, to)
    for file in strangers:
        to.text(f"{file.file}: unknown\n  sha256 {file.sha256}\n  its licence must be looked up by you")
    if commercial:
        refuse_what_forbids_commerce(shown.values())
        for weight in shown.values():
            if weight.commercial == "ask":
                to.warn(f"Read first whether {weight.name} may be used commercially: {weight.licence_url}")
        for file in strangers:
            to.warn(f"Nothing is known of {file.file}: find out whether it may be used commercially.")


def _tell(weight: Weight, file: str | None, to: Printer) -> None:
    allowed = {
        "yes": "allowed, under the licence's conditions",
        "no": "FORBIDDEN",
        "ask": "read the owner's terms first",
    }
    to.text(f"{weight.name}: {weight.title}")
    to.text(f"  sha256 {weight.sha256}" + (f"  (found as {file})" if file else ""))
    to.text(f"  licence {weight.licence}, {weight.licence_url}")
    to.text(f"  commercial use: {allowed[weight.commercial]}")
    if weight.note:
        to.text(f"  {weight.note}")
    to.text(f"  source {weight.sources[0].url}")
