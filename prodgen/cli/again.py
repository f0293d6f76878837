"""`prodgen again`: a picture once more, from what it tells of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prodgen.cli.parameters import PHOTO, backend_option, dialect_option, json_option

if TYPE_CHECKING:
    from prodgen.client import Client
    from prodgen.replaying import Recalled
    from prodgen.shots import Recipe, Shot


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
    from prodgen import files
    from prodgen.replaying import recall

    recalled = recall(picture)
    ending = ".png" if picture.suffix.lower() == ".txt" else picture.suffix
    output = output or picture.with_name(f"{picture.stem}-again{ending}")
    files.refuse_overwriting(output, picture)
    if recalled.is_shot:
        if controlnet:
            raise click.UsageError("a product shot has no control pictures; leave out --controlnet")
        _shoot_again(
            recalled, photo, matte, background, backend, dialect, output, strict=strict, as_json=as_json
        )
    elif photo or matte or background:
        raise click.UsageError("the picture is no product shot; leave out --photo, --matte and --background")
    else:
        _draw_again(recalled, controlnet, backend, dialect, output, strict=strict, as_json=as_json)


def _draw_again(
    recalled: Recalled,
    controlnet: tuple[str, ...],
    backend: str,
    dialect: str | None,
    output: Path,
    *,
    strict: bool,
    as_json: bool,
) -> None:
    from prodgen.cli.generate import tell
    from prodgen.cli.progress_bar import progress_bar
    from prodgen.client import Client
    from prodgen.errors import SettingError
    from prodgen.replaying import adapt, compare
    from prodgen.text2image import generate, read_control

    with Client(backend, dialect=dialect) as client, progress_bar(["picture"], quiet=as_json) as report:
        job, changed = adapt(recalled, client, controls=[read_control(text) for text in controlnet])
        if strict and changed:
            raise SettingError("it cannot be the same here: " + "; ".join(x.words for x in changed))
        (made,) = generate(
            job, client=client, outputs=[output], on_progress=lambda _, done: report("picture", done)
        )
    differs = [*changed, *compare(recalled, made, told=changed)]
    tell(made, as_json=as_json, more={"differences": [x.words for x in differs]})
    if as_json:
        return
    for difference in differs:
        click.echo(f"differs   {difference.words}")
    if not differs:
        same = "the same to the bit" if recalled.source else "nothing that is told differs"
        click.echo(f"same      {same}")


def _shoot_again(
    recalled: Recalled,
    photo: Path | None,
    matte: Path | None,
    background: Path | None,
    backend: str,
    dialect: str | None,
    output: Path,
    *,
    strict: bool,
    as_json: bool,
) -> None:
    from contextlib import ExitStack

    from prodgen.cli.progress_bar import progress_bar
    from prodgen.cli.telling import tell
    from prodgen.client import Client
    from prodgen.errors import SettingError
    from prodgen.files import load
    from prodgen.replaying import pixels_differ
    from prodgen.shots import shoot_all

    story = dict(recalled.story)
    shot = _shot_of(recalled, photo, matte, background, output)
    differs = _renamed(story, shot)
    with ExitStack() as stack:
        server: str | Client = backend
        if story.get("backend") != "none":  # a packshot needs no server
            server = stack.enter_context(Client(backend, dialect=dialect))
            if server.name != story.get("backend"):
                differs.append(
                    f"backend: {json.dumps(story.get('backend'))} then, {json.dumps(server.name)} now"
                )
        if strict and differs:
            raise SettingError("it cannot be the same here: " + "; ".join(differs))
        names: list[str] = [stage.stage for stage in shot.recipe.stages]
        report = stack.enter_context(progress_bar(names, quiet=as_json))
        (result,) = shoot_all([shot], backend=server, on_progress=report)
    if recalled.source is not None:
        differs += [x.words for x in pixels_differ(recalled.source, load(recalled.source).rgb, result.image)]
    tell(result, as_json=as_json, more={"differences": differs})
    for words in [] if as_json else differs:
        click.echo(f"differs   {words}")
    if not differs and not as_json:
        click.echo("same      the same to the bit")


def _shot_of(
    recalled: Recalled, photo: Path | None, matte: Path | None, background: Path | None, output: Path
) -> Shot:
    """Return the shot that a picture tells of, with the files that it does not hold.

    Raises:
        SettingError: If such a file is not given.
        ImageError: If the story is damaged.
    """
    from pydantic import ValidationError

    from prodgen.errors import ImageError, SettingError
    from prodgen.shots import Recipe
    from prodgen.shots.shot import new_shot

    story = dict(recalled.story)
    if photo is None:
        raise SettingError(
            f"this is a product shot of {story.get('source')!r}; give that photograph: --photo FILE"
        )
    if story.get("background") and background is None:
        raise SettingError(f"it was put into {story['background']!r}; give that picture: --background FILE")
    try:
        recipe = Recipe.model_validate(story["recipe"])
    except ValidationError as error:
        raise ImageError(
            f"the recipe in {str(recalled.source)!r} is damaged or of another version"
        ) from error
    if matte is not None:
        recipe = recipe.with_settings({"matte_file": str(matte)})
    return new_shot(
        source=photo,
        seed=story.get("seed"),
        output=output,
        recipe=recipe,
        background=background,
        light=story.get("light"),
        **_before_the_style(story, recipe),
    )


def _renamed(story: dict[str, Any], shot: Shot) -> list[str]:
    """Say which files have other names than those that the picture was made of."""
    now = {"source": shot.source, "background": shot.background}
    return [
        f"{what}: {json.dumps(story.get(what))} then, {json.dumps(None if path is None else path.name)} now"
        for what, path in now.items()
        if story.get(what) != (None if path is None else path.name)
    ]


def _before_the_style(story: dict[str, Any], recipe: Recipe) -> dict[str, Any]:
    """Return prompts and LoRAs as they were given; the story has them with the look's own added."""
    from prodgen.shots.stages.style import Style, looks

    prompt, negative = str(story.get("prompt") or ""), str(story.get("negative_prompt") or "")
    told = story.get("loras")
    loras: dict[str, Any] = dict(told) if isinstance(told, dict) else {}
    for stage in recipe.stages:
        if isinstance(stage, Style) and stage.style in looks():
            look = looks()[stage.style]
            prompt = prompt.removesuffix(look.prompt).removesuffix(", ")
            negative = negative.removesuffix(look.negative_prompt).removesuffix(", ")
            loras = {
                name: weight for name, weight in loras.items() if name not in {x.name for x in look.loras}
            }
    return {
        "prompt": prompt,
        "negative_prompt": negative,
        "loras": [{"name": name, "weight": weight} for name, weight in loras.items()],
    }
