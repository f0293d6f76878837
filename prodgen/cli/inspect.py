"""`prodgen inspect`: is the product in a picture the product of the photograph? For any tool's pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prodgen.cli.parameters import PHOTO

if TYPE_CHECKING:
    from prodgen.inspecting import Inspection


@click.command()
@click.argument("photo", type=PHOTO)
@click.argument("result", type=PHOTO)
@click.option("--matte", type=PHOTO, help="The product in PHOTO, white = product. Default: cut out here.")
@click.option("--model", default="auto", show_default=True, help="Segmenter; see `prodgen segment --help`.")
@click.option(
    "--profile", default="editorial", show_default=True, metavar="catalogue|editorial", help="Whose limits."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--html", type=PHOTO, metavar="FILE", help="Write a page with slider, heat map and numbers.")
@click.pass_context
def inspect(
    ctx: click.Context,
    photo: Path,
    result: Path,
    matte: Path | None,
    model: str,
    profile: str,
    as_json: bool,
    html: Path | None,
) -> None:
    """Measure whether the product in RESULT is the product in PHOTO, whatever made RESULT.

    RESULT may have another size, and show the product elsewhere, larger or smaller: it is looked for.
    Exit code 0: pass or warn; 1: fail, or the product cannot be found, or a file cannot be used.

    \b
        prodgen inspect mug.jpg agency/mug-beach.jpg --html mug-beach.html
    """
    from prodgen import files
    from prodgen.inspecting import inspect as inspect_pictures

    if html is not None:
        files.refuse_overwriting(html, photo, result, matte)
    found = inspect_pictures(photo, result, matte=matte, profile=profile, segmenter=model)
    if html is not None:
        found.page(html)
    if as_json:
        story = {"photo": str(photo), "result": str(result), **found.as_dict()}
        click.echo(json.dumps(story, ensure_ascii=False))
    else:
        _tell(found, html)
    ctx.exit(0 if found.passes else 1)


def _tell(found: Inspection, html: Path | None) -> None:
    from prodgen.identity import headline, reasons
    from prodgen.inspecting import shown_number, status_of

    profile = found.verdict.profile
    click.echo(f"verdict   {found.verdict.status}: {headline(found.verdict, found.identity)}  ({profile})")
    for reason in reasons(found.verdict):
        click.echo(f"because   {reason}")
    if found.identity is not None:
        for name in type(found.identity).model_fields:
            status = status_of(found.identity, name, profile)
            if status not in ("no limit", "not measured"):
                value = shown_number(getattr(found.identity, name))
                click.echo(f"  {name.replace('_', ' '):<28}{value:>8}  {status}")
    for notice in found.notices:
        click.echo(f"note      {notice}")
    if html is not None:
        click.echo(f"page      {html}")
