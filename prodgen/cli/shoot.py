"""`prodgen shoot`: one photograph and a prompt in, pictures out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from prodgen.cli.offer import offer_better_network
from prodgen.cli.parameters import (
    LIGHT,
    LOOK,
    RECIPE,
    SIZE,
    UPSCALE,
    asked_of_cut_out,
    backend_option,
    cut_out_options,
    dialect_option,
    lora_option,
    output_option,
    output_pattern,
    profile_option,
    seed_option,
    upscaler_option,
)
from prodgen.cli.telling import printer, tell_shot
from prodgen.cli.values import File, Number, OneOf, Text, Whole


@click.command()
@click.argument("photo", type=File())
@click.option("--prompt", type=Text(), default="", help="The scene, in words.")
@click.option("--negative-prompt", type=Text(), help="What should not be seen. Default: the recipe's.")
@click.option("--background", type=File(), help="A picture of yours to put the product into.")
@cut_out_options
@click.option(
    "--light",
    type=LIGHT,
    metavar="DIRECTION",
    help="left, right, top, back-left, ambient, ... or 45,30 (degrees).",
)
@click.option("--look", type=LOOK, help="A look of the scene; see `prodgen list looks`.")
@click.option(
    "--place",
    type=Text(),
    metavar="PLACE",
    help="auto, original, middle, left, right, ... or X,Y (shares of the canvas).",
)
@click.option(
    "--size",
    type=SIZE,
    metavar="WxH|4:5|2k",
    help="Canvas. Default: as large as the product's own pixels allow.",
)
@click.option("--fill", type=Number(), help="Share of the canvas that the product takes, 0.05 to 1.")
@click.option("--enlarge", is_flag=True, default=None, help="Let the product be larger than photographed.")
@click.option(
    "--upscale", type=UPSCALE, metavar="2|4|WxH", help="Enlarge the result; the product by its own pixels."
)
@upscaler_option
@click.option(
    "--recipe", type=RECIPE, default="relight", show_default=True, help="See `prodgen list recipes`."
)
@click.option("--steps", type=Whole(), help="Sampling steps.")
@click.option("--cfg-scale", type=Number(), help="Weight of the prompt.")
@click.option("--denoising-strength", type=Number(), help="How much may be redrawn, 0 to 1.")
@click.option("--sampler", "sampler_name", type=Text(), help="A sampler of the server.")
@click.option("--scheduler", type=Text(), help="A scheduler of the server.")
@click.option("--checkpoint", type=Text(), help="A checkpoint of the server. Default: the one it has loaded.")
@lora_option
@click.option("--strength", type=Number(), help="How much of the scene's light the product takes, 0 to 1.")
@click.option("--shadow", type=Number(), help="Strength of the added shadow, 0 to 1.")
@profile_option
@click.option("--tries", type=Whole(), help="Seeds to try until the product is inside its limits.")
@click.option(
    "--on-failure",
    type=OneOf("way to end", ("warn", "fail")),
    metavar="warn|fail",
    help="warn: deliver with a warning; fail: keep the picture aside, exit 1.",
)
@seed_option
@click.option("--count", type=Whole(1, 64), default=1, show_default=True, help="How many pictures.")
@backend_option
@dialect_option
@output_option(metavar="FILE|DIR", default="outputs/PHOTO-SEED.png")
def shoot(
    photo: Path,
    prompt: str,
    negative_prompt: str | None,
    background: Path | None,
    matte: Path | None,
    box: str | None,
    points: str | None,
    light: str | None,
    recipe: str,
    loras: tuple[str, ...],
    seed: int | None,
    count: int,
    backend: str,
    dialect: str | None,
    output: Path | None,
    **settings: Any,
) -> None:
    """Put the product of PHOTO into a scene.

    \b
        prodgen shoot mug.jpg --prompt "on a wooden table, sunset"
        prodgen shoot mug.jpg --background kitchen.jpg --place original -o mug-kitchen.png
        prodgen shoot mug.jpg --recipe packshot --size 2000x2000
    """
    from prodgen.cli.progress_bar import progress_bar
    from prodgen.schema import seeds
    from prodgen.shots import Recipe, shoot_all
    from prodgen.shots.shot import new_shot

    to = printer()
    given = {name: value for name, value in settings.items() if value is not None}
    asked_of_cut_out({**given, "matte": matte})
    pattern = output_pattern(output, photo, count, folder=Path("outputs"), ending=".png")
    chosen = Recipe.load(recipe).with_settings(given)
    shots = [
        new_shot(
            photo,
            prompt,
            negative_prompt=negative_prompt,
            seed=number,
            output=pattern,
            recipe=chosen,
            background=background,
            matte=matte,
            box=box,
            points=points or (),
            light=light,
            loras=loras,
        )
        for number in seeds.siblings(seed, count)
    ]
    with progress_bar([stage.stage for stage in chosen.stages], quiet=to.hides_progress) as report:
        for result in shoot_all(shots, backend=backend, dialect=dialect, on_progress=report):
            with report.out_of_the_way():
                tell_shot(result, to)
    if matte is None and "segmenter" not in given:
        offer_better_network(to)
