"""`prodgen generate`: words in, pictures out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from prodgen.cli.parameters import (
    SIZE,
    UPSCALE,
    backend_option,
    controlnet_option,
    dialect_option,
    large_seed_option,
    lora_option,
    output_option,
    output_pattern,
    upscaler_option,
)
from prodgen.cli.telling import printer, tell_picture
from prodgen.cli.values import File, Number, OneOf, Text, Whole


@click.command()
@click.option(
    "--prompt",
    type=Text(),
    help="What to draw; {a|b} and __name__ are filled, <lora:name:1> is understood.",
)
@click.option("--negative-prompt", type=Text(), help="What should not be seen.")
@click.option(
    "--size",
    type=SIZE,
    metavar="WxH|4:5|2k",
    help="Size of the picture. Default: the checkpoint's native size.",
)
@click.option("--checkpoint", type=Text(), help="A checkpoint of the server. Default: the one it has loaded.")
@click.option("--vae", type=Text(), help="A VAE of the server, Automatic or None.")
@lora_option
@controlnet_option
@click.option(
    "--server-style",
    "server_styles",
    type=Text(),
    multiple=True,
    help="A prompt style saved on the server; may be repeated.",
)
@click.option(
    "--preset",
    type=OneOf("preset", "prodgen.text2image.presets:names"),
    help="sd15, sdxl, sdxl-turbo, lcm, ... Default: by the name.",
)
@click.option("--steps", type=Whole(), help="Sampling steps. Default: the preset's, as the next three.")
@click.option("--cfg-scale", type=Number(), help="Weight of the prompt.")
@click.option("--sampler", "sampler_name", type=Text(), help="A sampler of the server.")
@click.option("--scheduler", type=Text(), help="A scheduler of the server.")
@click.option("--first-pass", type=Text(), metavar="WxH", help="Size that the checkpoint composes at.")
@click.option(
    "--hires", type=Number(), metavar="FACTOR", help="Enlarge and draw once more on top (hires fix)."
)
@click.option("--hires-upscaler", type=Text(), help="What enlarges in between. Default: the best.")
@click.option("--hires-steps", type=Whole(), help="Steps of the second pass. Default: as many as the first.")
@click.option("--denoising-strength", type=Number(), help="How much the second pass may change, 0 to 1.")
@click.option(
    "--upscale", type=UPSCALE, metavar="2|4|WxH", help="Enlarge the finished picture, beyond --size."
)
@upscaler_option
@click.option("--restore-faces", is_flag=True, default=None, help="The server's face restoration.")
@click.option("--tiling", is_flag=True, default=None, help="A picture that tiles without a seam.")
@click.option("--clip-skip", type=Whole(), help="Layers of the text encoder left out, from 1 (none).")
@click.option(
    "--refiner", type=Text(), metavar="CHECKPOINT", help="A checkpoint that takes over at --refiner-at."
)
@click.option("--refiner-at", type=Number(), help="Share of the steps, such as 0.8.")
@click.option("--wildcards", type=File(), metavar="DIR", help="Folder of NAME.txt, for __NAME__ in prompts.")
@click.option("--count", type=Whole(), help="How many pictures, of seed, seed+1, ...")
@large_seed_option
@click.option(
    "--config", type=File(), metavar="FILE.toml", help="All of this as a file; options win over it."
)
@backend_option
@dialect_option
@output_option(metavar="FILE|DIR", default="outputs/FIRST-WORDS-SEED.png")
def generate(
    config: Path | None, backend: str, dialect: str | None, output: Path | None, **options: Any
) -> None:
    """Draw pictures from words.

    A picture larger than the checkpoint was made for is composed at its native size, drawn once more at up to
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

    to = printer()
    fields = {} if config is None else read_config(config)
    given = {name: value for name, value in options.items() if value is not None and value != ()}
    in_file = fields.pop("backend", backend)
    backend = in_file if _is_default("backend") else backend
    kept = fields.pop("output", None)
    if output is None and kept is not None and config is not None:
        output = config.parent / kept
    job = new_job({**fields, **given})
    chosen = seeds_of(job)
    stem = Path(_stem(job.prompt))
    pattern = output_pattern(output, stem, job.count, folder=Path("outputs"), ending=".png")
    names = [f"picture {number + 1}" for number in range(job.count)]
    with Client(backend, dialect=dialect) as client, progress_bar(names, quiet=to.hides_progress) as report:
        pictures = draw_all(
            job,
            client=client,
            seeds=chosen,
            outputs=[seeds.in_name(pattern, seed) for seed in chosen],
            on_progress=lambda number, fraction: report(names[number], fraction),
        )
        for picture in pictures:
            tell_picture(picture, to)


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
