"""`prodgen shoot`: one photograph and a prompt in, pictures out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from prodgen.cli.offer import offer_better_network
from prodgen.cli.parameters import (
    asked_of_cut_out,
    backend_option,
    dialect_option,
    output_option,
    output_pattern,
    recipe_for,
    shot_options,
)
from prodgen.cli.telling import printer, tell_shot
from prodgen.cli.values import File, Text, Whole


@click.command()
@click.argument("photo", type=File())
@click.option("--prompt", type=Text(), default="", help="The scene, in words.")
@shot_options
@click.option("--count", type=Whole(1, 64), default=1, show_default=True, help="How many pictures.")
@click.option(
    "--variants",
    type=Whole(2, 7),
    metavar="2..7",
    help="The product at so many places in the scene, a picture each; the names say which.",
)
@backend_option
@dialect_option
@output_option(metavar="FILE|DIR", default="outputs/PHOTO-SEED.png")
def shoot(
    photo: Path,
    prompt: str,
    negative_prompt: str | None,
    background: Path | None,
    reference: Path | None,
    matte: Path | None,
    box: str | None,
    points: str | None,
    pose: str | None,
    light: tuple[str, ...],
    light_map: Path | None,
    light_from: Path | None,
    like: Path | None,
    recipe: str | None,
    route: str | None,
    loras: tuple[str, ...],
    seed: int | None,
    count: int,
    variants: int | None,
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
        prodgen shoot mug.jpg --prompt "marble, morning light" --variants 7
    """
    from prodgen.cli.progress_bar import progress_bar
    from prodgen.schema import seeds
    from prodgen.shots import check_count, new_shot, read_example, shoot_all

    if variants is not None and settings["place"] is not None:
        raise click.UsageError("--variants chooses the places itself; leave out --place")
    to = printer()
    given = {name: value for name, value in settings.items() if value is not None}
    asked_of_cut_out({**given, "matte": matte})
    pattern = output_pattern(output, photo, count, folder=Path("outputs"), ending=".png")
    spots = {pattern: given} if variants is None else _variants(given, pattern, variants)
    first = read_example(like).seed if like is not None and seed is None else seed
    shots = [
        new_shot(
            photo,
            prompt,
            negative_prompt=negative_prompt,
            seed=number,
            output=target,
            recipe=recipe_for(recipe, route),
            settings=at_place,
            like=like,
            background=background,
            reference=reference,
            matte=matte,
            box=box,
            points=points or (),
            pose=pose,
            light=light,
            light_map=light_map,
            light_from=light_from,
            loras=loras,
        )
        for number in seeds.siblings(first, count)
        for target, at_place in spots.items()
    ]
    check_count(shots[0].recipe, count)
    with progress_bar([stage.stage for stage in shots[0].recipe.stages], quiet=to.hides_progress) as report:
        for result in shoot_all(shots, backend=backend, dialect=dialect, on_progress=report):
            with report.out_of_the_way():
                tell_shot(result, to)
    if matte is None and "segmenter" not in given:
        offer_better_network(to)


def _variants(given: dict[str, Any], pattern: Path, number: int) -> dict[Path, dict[str, Any]]:
    """Return the settings once for each place, by where its pictures go."""
    from prodgen.placement import VARIANTS

    return {
        pattern.with_stem(f"{pattern.stem}-{place}"): {**given, "place": place} for place in VARIANTS[:number]
    }
