"""`prodgen again`: a picture once more, from what it tells of itself."""

from __future__ import annotations

from pathlib import Path

import click

from prodgen.cli.parameters import PHOTO, backend_option, dialect_option, json_option


@click.command()
@click.argument("picture", type=PHOTO)
@click.option("--photo", type=PHOTO, help="The product's photograph, for a picture of `prodgen shoot`.")
@click.option("--matte", type=PHOTO, help="Its cut-out mask, where such a shot had one.")
@click.option("--background", type=PHOTO, help="The background picture, where such a shot had one.")
@click.option(
    "--controlnet",
    multiple=True,
    metavar="MODEL[+MODULE]:FILE[:WEIGHT]",
    help="The control picture; an infotext names it but does not hold it.",
)
@click.option("--strict", is_flag=True, help="Refuse (exit 1) if anything would have to differ.")
@backend_option
@dialect_option
@click.option("-o", "--output", type=PHOTO, metavar="FILE", help="Default: PICTURE-again, beside it.")
@json_option
def again(
    picture: Path,
    photo: Path | None,
    matte: Path | None,
    background: Path | None,
    controlnet: tuple[str, ...],
    strict: bool,
    backend: str,
    dialect: str | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Make PICTURE once more and say what differs on this server.

    PICTURE is one of prodgen's, or any with an A1111 infotext in it, or a .txt file with an infotext.

    \b
        prodgen again outputs/a-red-mug-7.png
        prodgen again from-a-friend.png --backend http://127.0.0.1:7860 -o mine.png
        prodgen again mug-sunset.png --photo mug.jpg
    """
    from prodgen.cli.generate import tell as tell_drawn
    from prodgen.cli.progress_bar import progress_bar
    from prodgen.cli.telling import tell as tell_shot
    from prodgen.replaying import replay
    from prodgen.shots import Result

    ending = ".png" if picture.suffix.lower() == ".txt" else picture.suffix
    with progress_bar(["picture"], quiet=as_json) as report:
        made = replay(
            picture,
            photo=photo,
            matte=matte,
            background=background,
            controlnet=controlnet,
            strict=strict,
            output=output or picture.with_name(f"{picture.stem}-again{ending}"),
            backend=backend,
            dialect=dialect,
            on_progress=report,
        )
    more = {"differences": [difference.words for difference in made.differences]}
    if isinstance(made.picture, Result):
        tell_shot(made.picture, as_json=as_json, more=more)
    else:
        tell_drawn(made.picture, as_json=as_json, more=more)
    if as_json:
        return
    for difference in made.differences:
        click.echo(f"differs   {difference}")
    if not made.differences:
        same = "nothing that is told differs" if picture.suffix.lower() == ".txt" else "the same to the bit"
        click.echo(f"same      {same}")
