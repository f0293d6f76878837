"""`prodgen inspect`: is the product in a picture the product of the photograph? For any tool's pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prodgen.cli.parameters import MadeFile, asked_of_cut_out, cut_out_options, profile_option
from prodgen.cli.telling import Printer, printer
from prodgen.cli.values import File

if TYPE_CHECKING:
    from prodgen.inspecting import Inspection


@click.command()
@click.argument("photo", type=File())
@click.argument("result", type=File())
@cut_out_options
@profile_option
@click.option(
    "--html",
    cls=MadeFile,
    type=File(),
    metavar="FILE",
    help="Write a page with slider, heat map and numbers.",
)
@click.pass_context
def inspect(
    ctx: click.Context,
    /,
    photo: Path,
    result: Path,
    profile: str | None,
    html: Path | None,
    **settings: Any,
) -> None:
    """Measure whether RESULT shows the product of PHOTO.

    Whatever made RESULT.
    RESULT may have another size, and show the product elsewhere, larger or smaller: it is looked for.
    Exit code 0: pass or warn; 1: fail, or the product cannot be found, or a file cannot be used.

    \b
        prodgen inspect mug.jpg agency/mug-beach.jpg --html mug-beach.html
    """
    from prodgen import files
    from prodgen.inspecting import inspect as inspect_pictures

    to = printer()
    if html is None and to.opens:
        raise click.UsageError("--open: the page is made with --html FILE; give that too", ctx)
    if html is not None:
        files.refuse_overwriting(html, photo, result, settings["matte"])
    asked = asked_of_cut_out(settings)
    found = inspect_pictures(photo, result, profile=profile or "editorial", **asked)
    if html is not None:
        found.page(html)
    to.data({"photo": str(photo), "result": str(result), **found.as_dict()})
    _tell(found, to)
    if html is not None:
        to.made("page", html)
    ctx.exit(0 if found.passes else 1)


def _tell(found: Inspection, to: Printer) -> None:
    from prodgen.identity import named
    from prodgen.inspecting import shown_number, status_of

    verdict, profile = found.verdict, found.profile
    to.text(f"verdict   {verdict.status}: {verdict.headline}  ({profile})")
    for reason in found.reasons:
        to.fact("because", reason)
    if verdict.cut_out is not None:
        to.fact("", f"{'cut-out':<26}{verdict.cut_out.score:>8.2f}{'':<8}  {verdict.cut_out.status}")
    if found.identity is not None:
        for name in type(found.identity).model_fields:
            status = status_of(found.identity, name, profile)
            if status not in ("no limit", "not measured"):
                plain, value = named(name, f"{shown_number(getattr(found.identity, name)):>8}")
                to.fact("", f"{plain:<26}{value:<16}  {status}")
    for notice in found.notices:
        to.note(notice)
