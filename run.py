"""One photograph and a prompt in, one scene picture out: the short way, with the flags of the first prodgen.

    python run.py --input_path examples/photos/mug.png --prompt "red mug on a wooden table, sunset"

The same job with all options is `prodgen shoot`.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prodgen import stopping

if TYPE_CHECKING:
    from prodgen.schema import Lora

FOLDER = Path("outputs") / "run"
LORAS = {"lora_details": "more_details", "lora_sdxl_render": "SDXLrender_v2.0"}
"""Flag -> file name of the LoRA on the server."""

OTHER_PICTURES = (".gif", ".bmp", ".avif", ".heic", ".psd", ".jxl", ".pdf")
"""Endings that surely ask for another format than those that are written."""


@click.command()
@click.option(
    "--input_path", required=True, type=click.Path(path_type=Path), help="The product's photograph."
)
@click.option(
    "--output_filename",
    help="File, or a directory for DDMMYYYY-HHMMSS.png. Default: outputs/run.",
)
@click.option("--prompt", required=True, help="The scene, in words.")
@click.option(
    "--seed", type=click.IntRange(-1, 2**32 - 1), default=-1, show_default=True, help="-1 draws one."
)
@click.option(
    "--cfg_scale", type=float, default=2.0, show_default=True, help="At 1 a negative prompt does nothing."
)
@click.option("--steps", type=int, default=25, show_default=True, help="Sampling steps, 20 to 40.")
@click.option(
    "--denoise_strength", type=float, default=0.9, show_default=True, help="Acts together with --light only."
)
@click.option(
    "--lora_details", "--more_details", type=float, help="Weight of more_details; default 0.5 where it is."
)
@click.option("--lora_sdxl_render", type=float, help="Weight of SDXLrender_v2.0; default 0.5 where it is.")
@click.option("--light", help="left, right, top, back-left, ambient, ...; default: the scene's own.")
@click.option("--backend", default="auto", show_default=True, help="auto, embedded:// or a URL.")
@click.pass_context
def main(ctx: click.Context, /, **values: Any) -> None:
    """Put the product of one photograph into a scene; print what was used and measured."""
    from prodgen.cli.progress_bar import progress_bar
    from prodgen.cli.telling import Failure, Printer, tell_shot
    from prodgen.client import Client
    from prodgen.errors import ProdgenError
    from prodgen.shots import Recipe, shoot

    try:
        with Client(values["backend"]) as client:
            loras, left_out = _loras(values, client.capabilities.loras)
            recipe = Recipe.load("relight")
            with progress_bar([stage.stage for stage in recipe.stages], quiet=False) as report:
                result = shoot(
                    values["input_path"],
                    values["prompt"],
                    output=_output(values["output_filename"]),
                    backend=client,
                    recipe=recipe,
                    seed=None if values["seed"] < 0 else values["seed"],
                    light=values["light"],
                    loras=loras,
                    settings={
                        "steps": values["steps"],
                        "cfg_scale": values["cfg_scale"],
                        "denoising_strength": values["denoise_strength"],
                    },
                    on_progress=report,
                )
    except ProdgenError as error:
        raise Failure(error) from error
    except KeyboardInterrupt as wish:
        stopping.tell(why=wish)
        ctx.exit(stopping.exit_code())
    to = Printer()
    tell_shot(result, to)
    for note in left_out:
        to.note(note)
    _print_parameters(values, result.seed, {lora.name: lora.weight for lora in loras})


def _loras(values: dict[str, Any], known: tuple[str, ...]) -> tuple[list[Lora], list[str]]:
    """Return the LoRAs to use, and a sentence for each default one that the server does not have."""
    from prodgen.schema import Lora

    chosen: list[Lora] = []
    left_out: list[str] = []
    for flag, name in LORAS.items():
        weight = values[flag]
        if weight is None and name not in known:
            left_out.append(f"LoRA {name} is not on this backend and was left out")
        elif weight != 0:
            chosen.append(Lora(name=name, weight=0.5 if weight is None else weight))
    return chosen, left_out


def _output(given: str | None) -> Path:
    """Return the file to write: the one given, or one named by the time in the directory given."""
    from prodgen.codecs import FORMATS
    from prodgen.errors import SettingError

    path = FOLDER if given is None else Path(given)
    ending = "" if path.is_dir() or str(given).endswith(("/", "\\")) else path.suffix.lower()
    if ending in OTHER_PICTURES:
        raise SettingError(f"--output_filename {given!r}: the ending must be one of {', '.join(FORMATS)}")
    if ending in FORMATS:
        return path
    return path / f"{datetime.now().astimezone():%d%m%Y-%H%M%S}.png"


def _print_parameters(values: dict[str, Any], seed: int, loras: dict[str, float]) -> None:
    click.echo("parameters")
    for name, value in values.items():
        if name == "denoise_strength" and values["light"] is None:
            value = f"{value} (without effect: it acts on a light map, see --light)"
        elif name == "seed":
            value = seed
        elif name in LORAS:
            value = loras.get(LORAS[name], 0)
        click.echo(f"  {name:<18} {'-' if value is None else value}")


if __name__ == "__main__":
    stopping.run("__main__:main")
