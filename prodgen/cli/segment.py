"""`prodgen segment`: the cut-out alone."""

from __future__ import annotations

from pathlib import Path

import click

from prodgen.cli.offer import offer_better_network
from prodgen.cli.parameters import box_option, output_option, segmenter_option
from prodgen.cli.telling import printer
from prodgen.cli.values import File


@click.command()
@click.argument("photo", type=File())
@output_option(metavar="MATTE.png", required=True)
@segmenter_option
@box_option
def segment(photo: Path, output: Path, segmenter: str | None, box: tuple[int, int, int, int] | None) -> None:
    """Cut the product out of PHOTO.

    Its soft matte is written, a grey picture in which white is product.

    Without --segmenter, the best network whose weights are here is taken: u2netp comes with prodgen,
    `prodgen weights list` shows larger ones.

    \b
        prodgen segment mug.jpg -o mug-matte.png
    """
    from prodgen import files
    from prodgen.cutout import cut_out

    files.refuse_overwriting(output, photo)
    cut = cut_out(photo, segmenter=segmenter or "auto", box=box)
    cut.save_matte(output)
    share = float(cut.matte.mean())
    by = cut.segmenter or "the photo's own transparency"
    to = printer()
    to.data(
        {
            "matte": str(output),
            "segmenter": cut.segmenter,
            "product_share": share,
            "notices": list(cut.notices),
        }
    )
    to.made("matte", output, f"by {by}; product is {share:.1%} of the picture")
    for notice in cut.notices:
        to.note(notice)
    if segmenter is None and cut.segmenter is not None:
        offer_better_network(to)
