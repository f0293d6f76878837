"""`prodgen group`: several products in one picture, to be shot together."""

from __future__ import annotations

from pathlib import Path

import click

from prodgen.cli.parameters import SEGMENTER, output_option
from prodgen.cli.telling import printer
from prodgen.cli.values import Checked, File, Number


@click.command()
@click.argument("photos", type=File(), nargs=-1, required=True, metavar="PHOTO...")
@output_option(metavar="FILE", required=True)
@click.option(
    "--heights",
    type=Checked("heights", "prodgen.cutout:read_heights"),
    metavar="H,H,...",
    help="How tall the products are, in any one unit. Default: as tall as photographed, in pixels.",
)
@click.option(
    "--gap",
    type=Number(-0.5, 2),
    default=0.08,
    show_default=True,
    help="Space between two products, as a share of their width; below 0 the left one stands in front.",
)
@click.option(
    "--segmenter",
    type=SEGMENTER,
    default="auto",
    metavar="NAME[+NAME]",
    help="What cuts the products out; see `prodgen list segmenters`. Default: the best that is here.",
)
def group(photos: tuple[Path, ...], output: Path, heights: str | None, gap: float, segmenter: str) -> None:
    """Put the products of several PHOTOs side by side, on transparency.

    The picture is a photograph like any other: `prodgen shoot` puts all of them into one scene.
    Nothing is enlarged: the others are made smaller where one was photographed with fewer pixels.

    \b
        prodgen group mug.jpg jar.jpg box.jpg --heights 9,12,20 -o set.png
        prodgen shoot set.png --prompt "on a kitchen table, morning light"
    """
    from prodgen import cutout, files

    if len(photos) < 2:
        raise click.UsageError("a group needs two photographs or more")
    files.refuse_overwriting(output, *photos)
    made = cutout.group(photos, heights=heights, gap=gap, segmenter=segmenter)
    made.save(output)
    height, width = made.matte.shape
    to = printer()
    to.data(
        {
            "picture": str(output),
            "size": [width, height],
            "products": [
                {"photo": str(photo), "scale": round(scale, 4), "segmenter": cut.segmenter}
                for photo, scale, cut in zip(photos, made.scales, made.products, strict=True)
            ],
            "notices": list(made.notices),
        }
    )
    to.made("picture", output, f"{width}x{height}, {len(photos)} products")
    for notice in made.notices:
        to.note(notice)
