"""`prodgen replay`: a picture once more, from what it tells of itself."""

from __future__ import annotations

from pathlib import Path

import click

from prodgen.cli.parameters import backend_option, controlnet_option, dialect_option, output_option
from prodgen.cli.telling import printer, tell_picture, tell_shot, tell_workflow
from prodgen.cli.values import File


@click.command()
@click.argument("picture", type=File())
@click.option("--photo", type=File(), help="The product's photograph, for a picture of `prodgen shoot`.")
@click.option("--matte", type=File(), help="Its cut-out mask, where such a shot had one.")
@click.option("--background", type=File(), help="The background picture, where such a shot had one.")
@click.option("--reference", type=File(), help="The picture whose look it took over, where it had one.")
@click.option("--light-map", type=File(), help="The light map, where such a shot had one.")
@click.option("--light-from", type=File(), help="The reference of its light, where such a shot had one.")
@controlnet_option
@click.option("--strict", is_flag=True, help="Refuse (exit 1) if anything would have to differ.")
@backend_option
@dialect_option
@output_option(metavar="FILE", default="PICTURE-replayed, beside it.")
def replay(
    picture: Path,
    photo: Path | None,
    matte: Path | None,
    background: Path | None,
    reference: Path | None,
    light_map: Path | None,
    light_from: Path | None,
    controlnet: tuple[str, ...],
    strict: bool,
    backend: str,
    dialect: str | None,
    output: Path | None,
) -> None:
    """Make PICTURE once more; say what differs.

    PICTURE is one of prodgen's, or one of another program that tells how it was drawn (A1111 and its kin,
    Fooocus, NovelAI, InvokeAI, Draw Things, ComfyUI ...), or a .txt file with an infotext.

    \b
        prodgen replay outputs/a-red-mug-7.png
        prodgen replay from-a-friend.png --backend http://127.0.0.1:7860 -o mine.png
        prodgen replay mug-sunset.png --photo mug.jpg
    """
    from prodgen import files
    from prodgen.cli.progress_bar import progress_bar
    from prodgen.replaying import replay as make_once_more
    from prodgen.shots import Result
    from prodgen.text2image.workflow_pictures import WorkflowPicture

    to = printer()
    is_text = files.is_text(picture)
    ending = ".png" if is_text else picture.suffix
    with progress_bar(["picture"], quiet=to.hides_progress) as report:
        made = make_once_more(
            picture,
            photo=photo,
            matte=matte,
            background=background,
            reference=reference,
            light_map=light_map,
            light_from=light_from,
            controlnet=controlnet,
            strict=strict,
            output=output or picture.with_name(f"{picture.stem}-replayed{ending}"),
            backend=backend,
            dialect=dialect,
            on_progress=report,
        )
    more = {"differences": [difference.words for difference in made.differences]}
    if isinstance(made.picture, Result):
        tell_shot(made.picture, to, more=more)
    elif isinstance(made.picture, WorkflowPicture):
        tell_workflow(made.picture, to, more=more)
    else:
        tell_picture(made.picture, to, more=more)
    for difference in made.differences:
        to.fact("differs", difference)
    if not made.differences:
        to.fact("same", "in all that is told" if is_text else "to the bit")
