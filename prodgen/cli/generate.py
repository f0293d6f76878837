"""`prodgen generate`: words in, pictures out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prodgen.cli.parameters import PHOTO, backend_option, dialect_option, json_option, output_pattern

if TYPE_CHECKING:
    from prodgen.text2image import DrawnPicture


@click.command()
@click.option("--prompt", help="What to draw; {a|b} and __name__ are filled, <lora:name:1> is understood.")
@click.option("--negative", "negative_prompt", metavar="TEXT", help="What should not be seen.")
@click.option("--size", metavar="WxH|4:5|2k", help="What is delivered. Default: the model's native size.")
@click.option(
    "--checkpoint",
    "checkpoint",
    help="A checkpoint of the backend. Default: the one it has configured.",
)
@click.option("--vae", help="A VAE of the backend, Automatic or None.")
@click.option(
    "--lora", "loras", multiple=True, metavar="NAME:WEIGHT", help="A LoRA of the backend; repeatable."
)
@click.option(
    "--controlnet",
    multiple=True,
    metavar="MODEL[+MODULE]:FILE[:WEIGHT]",
    help="A control picture, such as openpose:pose.png:1.0; with +MODULE the backend makes it of a photo.",
)
@click.option(
    "--server-style", "server_styles", multiple=True, help="A prompt style saved on the backend; repeatable."
)
@click.option("--preset", help="sd15, sdxl, sdxl-turbo, sdxl-lightning, hyper, lcm ... Default: by the name.")
@click.option("--steps", type=int, help="Sampling steps. Default: the preset's, as the next four.")
@click.option("--cfg-scale", type=float, help="cfg_scale: weight of the prompt.")
@click.option("--sampler", "sampler_name", help="A sampler of the backend.")
@click.option("--scheduler", help="A scheduler of the backend.")
@click.option("--first-pass", metavar="WxH", help="Size that the model composes at.")
@click.option("--hires", type=float, metavar="FACTOR", help="Enlarge and draw once more on top (hires fix).")
@click.option("--hires-upscaler", help="What enlarges in between. Default: the best known there is.")
@click.option("--hires-steps", type=int, help="Steps of the second pass. Default: as many as the first.")
@click.option("--denoising-strength", type=float, help="How much the second pass may change.")
@click.option("--upscale", metavar="2|WxH", help="Enlarge the finished picture, beyond --size.")
@click.option("--upscaler", help="What enlarges after drawing; none: interpolate. Default: the best known.")
@click.option("--restore-faces", is_flag=True, default=None, help="The backend's face restoration.")
@click.option("--tiling", is_flag=True, default=None, help="A picture that tiles without a seam.")
@click.option("--clip-skip", type=int, help="Layers of the text encoder left out, from 1 (none).")
@click.option("--refiner", metavar="MODEL", help="A checkpoint that takes over at --refiner-at.")
@click.option("--refiner-at", type=float, help="Share of the steps, such as 0.8.")
@click.option("--wildcards", type=PHOTO, metavar="DIR", help="Folder of NAME.txt, for __NAME__ in prompts.")
@click.option("--count", type=click.IntRange(1, 1000), help="Pictures, of seed, seed+1, ...")
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), help="Decides the picture. Default: drawn, and told."
)
@click.option("--config", type=PHOTO, metavar="FILE.toml", help="All of this as a file; options win over it.")
@backend_option
@dialect_option
@click.option("-o", "--output", type=PHOTO, metavar="FILE|DIR", help="Default: outputs/FIRST-WORDS-SEED.png")
@json_option
def generate(
    config: Path | None,
    backend: str,
    dialect: str | None,
    output: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Draw pictures from words.

    A picture larger than the model was made for is composed at its native size, drawn once more at up to
    twice that, and enlarged to exactly --size.

    \b
        prodgen generate --prompt "a red mug on a wooden table, sunset"
        prodgen generate --prompt "a {red|blue} mug, __place__" --wildcards cards --count 4 -o mugs
        prodgen generate --config mugs.toml --size 2048x2048 --seed 7
    """
    from prodgen.cli.progress_bar import progress_bar
    from prodgen.client import Client
    from prodgen.schema import seeds
    from prodgen.text2image import draw_all, new_job, read_config, seeds_of

    fields = {} if config is None else read_config(config)
    given = {name: value for name, value in options.items() if value is not None and value != ()}
    backend = fields.pop("backend", backend) if _is_default("backend") else backend
    kept = fields.pop("output", None)
    if output is None and kept is not None and config is not None:
        output = config.parent / kept
    fields.pop("backend", None)
    job = new_job({**fields, **given})
    chosen = seeds_of(job)
    stem = Path(_stem(job.prompt))
    pattern = output_pattern(output, stem, job.count, folder=Path("outputs"), ending=".png")
    names = [f"picture {number + 1}" for number in range(job.count)]
    with Client(backend, dialect=dialect) as client, progress_bar(names, quiet=as_json) as report:
        pictures = draw_all(
            job,
            client=client,
            seeds=chosen,
            outputs=[seeds.in_name(pattern, seed) for seed in chosen],
            on_progress=lambda number, fraction: report(names[number], fraction),
        )
        for picture in pictures:
            tell(picture, as_json=as_json)


def tell(picture: DrawnPicture, *, as_json: bool, more: dict[str, Any] | None = None) -> None:
    """Print where a picture is and how it was made."""
    import json

    if as_json:
        click.echo(json.dumps({**picture.as_dict(), **(more or {})}, ensure_ascii=False))
        return
    height, width = picture.image.shape[:2]
    click.echo(f"picture   {picture.path}  ({width}x{height}, seed {picture.seed}, {picture.seconds:.1f} s)")
    click.echo(f"backend   {picture.backend}")
    if picture.planned.filled.choices:
        click.echo(f"prompt    {picture.planned.request.prompt}")
    if " > " in picture.planned.sizes.words():
        click.echo(f"sizes     {picture.planned.sizes.words()}")
    for notice in picture.notices:
        click.echo(f"note      {notice}")


def _is_default(name: str) -> bool:
    source = click.get_current_context().get_parameter_source(name)
    return source is click.core.ParameterSource.DEFAULT


def _stem(prompt: str) -> str:
    """Return the first words of a prompt as a file's name."""
    words = re.sub(r"<[^>]*>|[^a-z0-9]+", " ", prompt.lower()).split()
    stem = ""
    for word in words:
        if len(stem) + len(word) > 32:
            break
        stem += f"-{word}" if stem else word
    return stem or "picture"
