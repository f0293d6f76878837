"""`prodgen generate`: words in, pictures out."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from prodgen.cli.telling import printer, tell_picture, tell_workflow
from prodgen.cli.values import File, Number, OneOf, Text, Whole

if TYPE_CHECKING:
    from prodgen.text2image.own_workflows import OwnWorkflow


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
@click.option(
    "--model", type=Text(), help="sdxl-turbo, stable-diffusion-v1-5, ...: `prodgen list models` has all."
)
@click.option(
    "--style", type=Text(), metavar="NAME", help="A prompt style: `prodgen list prompt-styles` has all."
)
@click.option("--tables", type=File(), metavar="FILE.toml", help="Models and prompt styles of your own.")
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
    "--workflow", type=File(), metavar="FILE.json", help="Run a ComfyUI workflow of your own (API format)."
)
@click.option(
    "--set",
    "workflow_values",
    type=Text(),
    multiple=True,
    metavar="NODE.INPUT=VALUE",
    help="With --workflow: one value in it; may be repeated.",
)
@click.option(
    "--image",
    "workflow_pictures",
    type=Text(),
    multiple=True,
    metavar="[NODE=]FILE",
    help="With --workflow: a picture for a node that loads one.",
)
@click.option(
    "--config", type=File(), metavar="FILE.toml", help="All of this as a file; options win over it."
)
@backend_option
@dialect_option
@output_option(metavar="FILE|DIR", default="outputs/FIRST-WORDS-SEED.png")
def generate(
    config: Path | None,
    workflow: Path | None,
    workflow_values: tuple[str, ...],
    workflow_pictures: tuple[str, ...],
    backend: str,
    dialect: str | None,
    output: Path | None,
    **options: Any,
) -> None:
    """Draw pictures from words.

    A picture larger than the checkpoint was made for is composed at its native size, drawn once more at up to
    twice that, and enlarged to exactly --size.

    \b
        prodgen generate --prompt "a red mug on a wooden table, sunset"
        prodgen generate --prompt "a {red|blue} mug, __place__" --wildcards cards --count 4 -o mugs
        prodgen generate --config mugs.toml --size 2048x2048 --seed 7
        prodgen generate --workflow flux.json --prompt "a red mug" --backend comfy://box:8188
    """
    from prodgen.cli.progress_bar import progress_bar
    from prodgen.client import Client
    from prodgen.schema import seeds
    from prodgen.text2image import draw_all, new_job, seeds_of

    to = printer()
    given = {name: value for name, value in options.items() if value is not None and value != ()}
    if workflow is not None:
        asked = [*given, *(["config"] if config is not None else [])]
        own = _workflow(workflow, workflow_values, workflow_pictures, given, asked)
        _run_workflow(own, given, backend, dialect, output)
        return
    if workflow_values or workflow_pictures:
        raise click.UsageError("--set and --image belong to --workflow")
    fields, server, target = _with_config(config, given, backend, output)
    job = new_job(fields)
    pattern = output_pattern(
        target, Path(_stem(job.prompt)), job.count, folder=Path("outputs"), ending=".png"
    )
    chosen = seeds_of(job)
    names = [f"picture {number + 1}" for number in range(job.count)]
    with Client(server, dialect=dialect) as client, progress_bar(names, quiet=to.hides_progress) as report:
        pictures = draw_all(
            job,
            client=client,
            seeds=chosen,
            outputs=[seeds.in_name(pattern, seed) for seed in chosen],
            on_progress=lambda number, fraction: report(names[number], fraction),
        )
        for picture in pictures:
            tell_picture(picture, to)


def _with_config(
    config: Path | None, given: dict[str, Any], backend: str, output: Path | None
) -> tuple[dict[str, Any], str, Path | None]:
    """Return what is asked with what a file asks behind it, the server that draws, and where pictures go.

    What is said on the command line wins; a relative output of the file lies beside the file.
    """
    from prodgen.text2image import read_config

    if config is None:
        return given, backend, output
    fields = read_config(config)
    in_file, kept = fields.pop("backend", backend), fields.pop("output", None)
    target = config.parent / kept if output is None and kept is not None else output
    return {**fields, **given}, in_file if _is_default("backend") else backend, target


def _workflow(
    path: Path, values: tuple[str, ...], pictures: tuple[str, ...], given: dict[str, Any], asked: list[str]
) -> OwnWorkflow:
    """Return a workflow with what is put into it; refuse options that mean nothing to one."""
    from prodgen.errors import IdleSettingError
    from prodgen.text2image.own_workflows import SETTINGS, read_own_workflow

    if idle := [name for name in asked if name not in (*SETTINGS, "seed", "count")]:
        raise IdleSettingError(idle, "a workflow of your own decides that")
    settings = {name: value for name, value in given.items() if name in SETTINGS}
    workflow = read_own_workflow(path, settings, values=values, pictures=pictures)
    if not workflow.has_seed and (idle := [name for name in ("seed", "count") if name in given]):
        raise IdleSettingError(idle, "this workflow has no seed, so that all its pictures are equal")
    return workflow


def _run_workflow(
    workflow: OwnWorkflow, given: dict[str, Any], backend: str, dialect: str | None, output: Path | None
) -> None:
    """Run a workflow for each seed and write what it draws."""
    from prodgen.cli.progress_bar import progress_bar
    from prodgen.client import Client
    from prodgen.schema import seeds
    from prodgen.text2image import new_job, seeds_of
    from prodgen.text2image.workflow_pictures import draw_workflow

    to = printer()
    job = new_job({name: given[name] for name in ("seed", "count") if name in given})
    stem = Path(_stem(str(given.get("prompt", "")) or "workflow"))
    pattern = output_pattern(output, stem, job.count, folder=Path("outputs"), ending=".png")
    names = [f"picture {number + 1}" for number in range(job.count)]
    with Client(backend, dialect=dialect) as client, progress_bar(names, quiet=to.hides_progress) as report:
        for name, seed in zip(names, seeds_of(job), strict=True):
            picture = draw_workflow(
                workflow,
                seed,
                client=client,
                output=seeds.in_name(pattern, seed),
                on_progress=partial(report, name),
            )
            report(name, 1.0)
            tell_workflow(picture, to)
            if picture.seed is None and name != names[-1]:
                to.warn(
                    "the workflow took no seed, so its other pictures would equal this one: none is drawn"
                )
                return


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
