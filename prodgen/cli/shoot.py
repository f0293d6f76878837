"""`prodgen shoot`: one photograph and a prompt in, pictures out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prodgen.cli.parameters import (
    PHOTO,
    backend_option,
    box_option,
    dialect_option,
    json_option,
    output_pattern,
)

if TYPE_CHECKING:
    from prodgen.shots import Recipe

OF_STAGES = {
    "matte_file": "--matte", "model": "--model", "box": "--box", "where": "--place", "size": "--size",
    "fill": "--fill", "enlarge": "--enlarge", "steps": "--steps", "cfg_scale": "--cfg",
    "denoising_strength": "--denoise", "sampler_name": "--sampler", "scheduler": "--scheduler",
    "checkpoint": "--checkpoint", "style": "--style", "strength": "--strength", "profile": "--profile",
    "tries": "--tries", "on_failure": "--on-failure", "shadow": "--shadow", "to": "--upscale",
}  # fmt: skip
"""Parameters of stages, and the options that set them."""


@click.command()
@click.argument("photo", type=PHOTO)
@click.option("--prompt", default="", help="The scene, in words.")
@click.option("--negative", metavar="TEXT", help="What should not be seen; default: the recipe's.")
@click.option("--background", type=PHOTO, help="A picture of yours to put the product into.")
@click.option("--matte", "matte_file", type=PHOTO, help="Your own cut-out mask, white = product.")
@click.option("--model", help="Segmenter; see `prodgen segment --help`. Default: the best that is there.")
@box_option
@click.option(
    "--light", metavar="DIRECTION", help="left, right, top, back-left, ambient, ... or 45,30 (degrees)."
)
@click.option(
    "--place",
    "where",
    metavar="PLACE",
    help="auto, original, middle, left, right, ... or X,Y (shares of the canvas).",
)
@click.option(
    "--size", metavar="WxH|4:5|2k", help="Canvas. Default: as large as the product's own pixels allow."
)
@click.option("--fill", type=float, help="Share of the canvas that the product takes, 0.05 to 1.")
@click.option("--enlarge", is_flag=True, default=None, help="Let the product be larger than photographed.")
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), help="Decides the scene. Default: drawn, and told."
)
@click.option(
    "--count", type=click.IntRange(1, 64), default=1, show_default=True, help="Pictures, of seed, seed+1, ..."
)
@click.option("--steps", type=int, help="Sampling steps.")
@click.option("--cfg", "cfg_scale", type=float, help="cfg_scale: weight of the prompt.")
@click.option(
    "--denoise", "denoising_strength", type=float, help="denoising_strength, where the recipe has one."
)
@click.option("--sampler", "sampler_name", help="A sampler of the backend.")
@click.option("--scheduler", help="A scheduler of the backend.")
@click.option("--checkpoint", help="A checkpoint of the backend. Default: the one it has loaded.")
@click.option(
    "--lora", "loras", multiple=True, metavar="NAME:WEIGHT", help="A LoRA of the backend; may be repeated."
)
@click.option("--style", help="A built-in look: cinematic, dslr, phone, film, clean-studio.")
@click.option("--strength", type=float, help="How much of the scene's light the product takes, 0 to 1.")
@click.option("--profile", help="Limits that the product is judged by: editorial or catalogue (strict).")
@click.option("--tries", type=int, help="Seeds to try until the product is inside its limits.")
@click.option("--on-failure", help="warn: deliver with a warning; fail: keep the picture aside, exit 1.")
@click.option("--shadow", type=float, help="Strength of the added shadow, 0 to 1.")
@click.option(
    "--recipe", default="relight", show_default=True, metavar="NAME|FILE", help="See `prodgen recipes`."
)
@click.option("--upscale", "to", metavar="2|4|WxH", help="Enlarge the result; the product by its own pixels.")
@backend_option
@dialect_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="Default: outputs/PHOTO-SEED.png",
)
@json_option
def shoot(photo: Path, output: Path | None, backend: str, recipe: str, as_json: bool, **options: Any) -> None:
    """Put the product of PHOTO into a scene.

    \b
        prodgen shoot mug.jpg --prompt "on a wooden table, sunset"
        prodgen shoot mug.jpg --background kitchen.jpg --place original -o mug-kitchen.png
        prodgen shoot mug.jpg --recipe packshot --size 2000x2000
    """
    from prodgen.cli.progress_bar import progress_bar
    from prodgen.cli.telling import tell
    from prodgen.schema import seeds
    from prodgen.shots import Recipe, shoot_all
    from prodgen.shots.shot import new_shot
    from prodgen.text2image.picture_job import read_lora

    pattern = output_pattern(output, photo, options["count"], folder=Path("outputs"), ending=".png")
    loaded = Recipe.load(recipe)
    chosen = loaded.with_settings(_settings(options, loaded))
    shots = [
        new_shot(
            source=photo,
            prompt=options["prompt"],
            negative_prompt=options["negative"],
            seed=seed,
            output=pattern,
            recipe=chosen,
            background=options["background"],
            light=options["light"],
            loras=tuple(read_lora(text) for text in options["loras"]),
        )
        for seed in seeds.siblings(options["seed"], options["count"])
    ]
    with progress_bar([stage.stage for stage in chosen.stages], quiet=as_json) as report:
        for result in shoot_all(shots, backend=backend, dialect=options["dialect"], on_progress=report):
            with report.out_of_the_way():
                tell(result, as_json=as_json)


def _settings(options: dict[str, Any], recipe: Recipe) -> dict[str, Any]:
    """Return the options that are parameters of stages, under the stages' names.

    Raises:
        click.UsageError: If two of them exclude each other.
        SettingError: If the recipe has no stage for one of them.
    """
    from prodgen.errors import SettingError

    given = {name: options[name] for name in OF_STAGES if options[name] is not None}
    if "matte_file" in given:
        given["matte_file"] = str(given["matte_file"])
        idle = [OF_STAGES[name] for name in ("model", "box") if name in given]
        if idle:
            raise click.UsageError(f"--matte is the cut-out itself; leave out {' and '.join(idle)}")
    known = {name for stage in recipe.stages for name in type(stage).model_fields}
    idle = [OF_STAGES[name] for name in given if name not in known]
    if idle:
        raise SettingError(f"recipe {recipe.name!r} has no stage for {' and '.join(idle)}; leave that out")
    return given
