"""`prodgen upscale`: a finished picture, larger."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from prodgen.cli.parameters import UPSCALE, backend_option, dialect_option, output_option, upscaler_option
from prodgen.cli.telling import printer
from prodgen.cli.values import File


@click.command()
@click.argument("picture", type=File())
@output_option(metavar="FILE", required=True)
@click.option(
    "--upscale", type=UPSCALE, default="2", show_default=True, metavar="2|4|WxH", help="Factor or size."
)
@upscaler_option
@backend_option
@dialect_option
def upscale(
    picture: Path, output: Path, upscale: str, upscaler: str | None, backend: str, dialect: str | None
) -> None:
    """Enlarge PICTURE with the server's upscaler.

    Transparency stays: it is enlarged here, beside the colours. A JPEG has none and stands on white.

    \b
        prodgen upscale scene.png --upscale 2 -o scene-2x.png
    """
    from prodgen import files
    from prodgen.client import Client, enlarge, target_size
    from prodgen.images import resize

    files.refuse_overwriting(output, picture)
    is_jpeg = files.format_of(output) == "JPEG"
    source = files.load(picture)
    width, height = target_size(upscale, *source.size)
    with Client(backend, dialect=dialect) as client:
        enlargement = enlarge(source.rgb, width, height, upscaler=upscaler or "auto", client=client)
        server = client.name
    matte = None if source.matte is None else resize(source.matte, width, height)
    large, name = enlargement.image, enlargement.upscaler
    files.save(output, large, matte=matte)
    to = printer()
    size = [large.shape[1], large.shape[0]]
    notices = [*source.notices, *enlargement.notices]
    if matte is not None and is_jpeg:
        notices.append("a JPEG has no transparency: the picture stands on white; save it as PNG to keep it")
    facts = {
        "picture": str(output),
        "size": size,
        "upscaler": name,
        "proof": asdict(enlargement.proof),
        "backend": server,
    }
    to.data(facts | {"notices": notices})
    to.made("picture", output, f"{size[0]}x{size[1]}, by {name}")
    to.fact("backend", server)
    for notice in notices:
        to.note(notice)
