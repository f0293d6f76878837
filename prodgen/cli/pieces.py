"""Single steps for people and scripts: segment, blend, upscale."""

from __future__ import annotations

from pathlib import Path

import click

from prodgen.cli.parameters import PHOTO, backend_option, box_option, dialect_option


@click.command()
@click.argument("photo", type=PHOTO)
@click.option(
    "-o", "--output", type=PHOTO, required=True, metavar="MATTE.png", help="Grey picture, white = product."
)
@click.option(
    "--model",
    default="auto",
    show_default=True,
    help="auto, classical, isnet-general-use, birefnet-general, u2net, ...",
)
@box_option
def segment(photo: Path, output: Path, model: str, box: tuple[int, int, int, int] | None) -> None:
    """Cut the product out of PHOTO: write its soft matte.

    `auto` takes rembg's isnet-general-use if it is installed and its weights are there, else
    `classical`, which needs no weights and is made for studio photographs.

    \b
        prodgen segment mug.jpg -o mug-matte.png
    """
    from prodgen import files
    from prodgen.cutout import cut_out

    files.refuse_overwriting(output, photo)
    cut = cut_out(photo, segmenter=model, box=box)
    cut.save_matte(output)
    source = cut.segmenter or "the photo's own transparency"
    click.echo(f"matte     {output}  (by {source}; product is {cut.matte.mean():.1%} of the picture)")
    for notice in cut.notices:
        click.echo(f"note      {notice}")


@click.command()
@click.argument("original", type=PHOTO)
@click.argument("relit", type=PHOTO)
@click.option("--matte", type=PHOTO, required=True, help="The product in ORIGINAL, white = product.")
@click.option("-o", "--output", type=PHOTO, required=True, metavar="OUT")
@click.option(
    "--strength",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="How much of the light to take.",
)
@click.option(
    "--ambience",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="How much of its colour cast to take.",
)
def blend(original: Path, relit: Path, matte: Path, output: Path, strength: float, ambience: float) -> None:
    """Give the product in RELIT its own pixels back from ORIGINAL, keeping the new light.

    Both pictures show the product at the same place; RELIT may have another resolution.

    \b
        prodgen blend mug.jpg relit.png --matte mug-matte.png -o mug-relit.png
    """
    from prodgen import files, identity, ocr
    from prodgen.cutout import cut_out

    files.refuse_overwriting(output, original, relit, matte)
    cut = cut_out(original, matte=matte)
    picture, measured = identity.restore(
        cut.photo.rgb,
        files.load(relit).rgb,
        cut.matte,
        strength=strength,
        ambience=ambience,
        reader=ocr.tesseract(),
    )
    files.save(output, picture)
    likeness = measured.likeness
    click.echo(f"picture   {output}  ({picture.shape[1]}x{picture.shape[0]})")
    click.echo(f"product   {identity.summary(likeness.verdict(), likeness)}")


@click.command()
@click.argument("picture", type=PHOTO)
@click.option("-o", "--output", type=PHOTO, required=True, metavar="OUT")
@click.option("--to", default="2", show_default=True, metavar="2|4|WxH", help="Factor or size.")
@click.option("--upscaler", default="auto", show_default=True, help="As the backend lists it.")
@backend_option
@dialect_option
def upscale(picture: Path, output: Path, to: str, upscaler: str, backend: str, dialect: str | None) -> None:
    """Enlarge PICTURE with the backend's upscaler.

    \b
        prodgen upscale scene.png --to 2 -o scene-2x.png
    """
    from prodgen import files
    from prodgen.client import Client, enlarge, target_size

    files.refuse_overwriting(output, picture)
    source = files.load(picture)
    width, height = target_size(to, source.rgb.shape[1], source.rgb.shape[0])
    with Client(backend, dialect=dialect) as client:
        large, name = enlarge(source.rgb, width, height, upscaler=upscaler, client=client)
        told = client.name
    files.save(output, large)
    click.echo(f"picture   {output}  ({large.shape[1]}x{large.shape[0]}, by {name})")
    click.echo(f"backend   {told}")
