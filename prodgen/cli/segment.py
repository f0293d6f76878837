"""`prodgen segment`: the cut-out alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from prodgen.cli.offer import offer_better_network
from prodgen.cli.parameters import (
    CUT_OUT_NAMES,
    MadeFile,
    asked_of_cut_out,
    cut_out_options,
    output_option,
)
from prodgen.cli.telling import printer
from prodgen.cli.values import File


@click.command()
@click.argument("photo", type=File())
@output_option(metavar="FILE", default="with --compare outputs/PHOTO-segmenters.png")
@cut_out_options
@click.option(
    "--preview",
    cls=MadeFile,
    type=File(),
    metavar="FILE",
    help="Write a picture of the cut-out as well, its doubtful parts marked.",
)
@click.option(
    "--compare",
    is_flag=True,
    help="Cut out with every segmenter that is here, and write one sheet of all instead of a matte.",
)
@click.pass_context
def segment(
    ctx: click.Context,
    /,
    photo: Path,
    output: Path | None,
    preview: Path | None,
    compare: bool,
    **settings: Any,
) -> None:
    """Cut the product out of PHOTO.

    Its soft matte is written, a grey picture in which white is product.

    Without --segmenter, the best network whose weights are here is taken; `prodgen weights get` fetches
    better ones. Where the cut-out is wrong: --compare shows what others find, --box and --points help any.

    \b
        prodgen segment mug.jpg -o mug-matte.png --preview mug-preview.jpg
        prodgen segment mug.jpg -o mug-matte.png --box 10%,5%,90%,95% --points +320,400/-50,60
        prodgen segment mug.jpg --compare -o mug-segmenters.png
    """
    if compare:
        beside = [
            name for name in CUT_OUT_NAMES if name not in ("box", "points") and settings[name] is not None
        ]
        if beside or preview is not None:
            raise click.UsageError("--compare goes with --box, --points and --output alone", ctx)
        _compare(photo, output or Path("outputs") / f"{photo.stem}-segmenters.png", settings)
        return
    if output is None:
        raise click.UsageError("--output is missing: it says where the matte goes", ctx)
    _segment(photo, output, preview, settings)


def _segment(photo: Path, output: Path, shown: Path | None, settings: Mapping[str, Any]) -> None:
    from prodgen import files
    from prodgen.cutout import cut_out, preview, told

    files.refuse_overwriting(output, photo, settings["matte"])
    if shown is not None:
        files.refuse_overwriting(shown, photo, settings["matte"], output)
        files.format_of(shown)
    cut = cut_out(photo, **asked_of_cut_out(settings))
    cut.save_matte(output)
    if shown is not None:
        files.save(shown, preview(cut))
    facts = told(cut)
    own = "the photo's own transparency" if settings["matte"] is None else "the given matte"
    to = printer()
    to.data({"matte": str(output), "preview": shown and str(shown), **facts})
    to.made(
        "matte", output, f"by {cut.segmenter or own}; product is {facts['product_share']:.1%} of the picture"
    )
    if cut.quality is not None:
        to.fact("quality", f"{cut.quality.status}: right with a probability of {cut.quality.score:.0%}")
    if shown is not None:
        to.made("preview", shown)
    for notice in cut.notices:
        to.note(notice)
    if settings["segmenter"] is None and cut.segmenter is not None:
        offer_better_network(to)


def _compare(photo: Path, output: Path, settings: Mapping[str, Any]) -> None:
    from prodgen import files
    from prodgen.cutout import compare, contact_sheet

    files.refuse_overwriting(output, photo)
    files.format_of(output)
    source = files.load(photo)
    tried = compare(source, box=settings["box"], points=settings["points"] or ())
    files.save(output, contact_sheet(source, tried))
    to = printer()
    to.data({"sheet": str(output), "segmenters": [one.as_dict() for one in tried]})
    to.made("sheet", output, f"{len(tried)} segmenters")
    for one in tried:
        quality = None if one.cut is None else one.cut.quality
        judged = one.failure if quality is None else f"{quality.status}, quality {quality.score:.2f}"
        to.fact("", f"{one.segmenter:<24} {one.seconds:6.1f} s  {judged}")
