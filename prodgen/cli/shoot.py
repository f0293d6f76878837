"""`prodgen shoot`: one photograph and a prompt in, pictures out."""

from __future__ import annotations

from functools import partial
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
    recipe: str | None,
    route: str | None,
    seed: int | None,
    count: int,
    variants: int | None,
    backend: str,
    dialect: str | None,
    output: Path | None,
    **options: Any,
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
    from prodgen.shots import check_several, new_shot, read_example, shoot_all

    to = printer()
    given = {name: value for name, value in options.items() if value not in (None, ())}
    asked_of_cut_out(given)
    own = {name: given.pop(name) for name in _OF_A_SHOT if name in given}
    pattern = output_pattern(output, photo, count, folder=Path("outputs"), ending=".png")
    spots = _at_places(given, pattern, variants)
    one = partial(new_shot, photo, prompt, recipe=recipe_for(recipe, route), **own)
    check_several(one(settings=given).recipe, count=count, has_places=len(spots) > 1)
    first = read_example(own["like"]).seed if "like" in own and seed is None else seed
    shots = [
        one(seed=seed, output=target, settings=settings, is_repeat=number > 0)
        for number, seed in enumerate(seeds.siblings(first, count))
        for target, settings in spots.items()
    ]
    with progress_bar([stage.stage for stage in shots[0].recipe.stages], quiet=to.hides_progress) as report:
        for result in shoot_all(shots, backend=backend, dialect=dialect, on_progress=report):
            with report.out_of_the_way():
                tell_shot(result, to)
    if "matte" not in own and "segmenter" not in given:
        offer_better_network(to)


_OF_A_SHOT = (
    *("negative_prompt", "background", "reference", "matte", "box", "points", "pose"),
    *("light", "light_map", "light_from", "loras", "like"),
)
"""Options that `new_shot` has as they are; all others are settings of the recipe."""


def _at_places(given: dict[str, Any], pattern: Path, variants: int | None) -> dict[Path, dict[str, Any]]:
    """Return the settings once for each place of the product, by where its pictures go.

    Raises:
        click.UsageError: If the places are to be chosen, and one is named.
    """
    from prodgen.placement import VARIANTS

    if variants is None:
        return {pattern: given}
    if "place" in given:
        raise click.UsageError("--variants chooses the places itself; leave out --place")
    places = VARIANTS[:variants]
    return {pattern.with_stem(f"{pattern.stem}-{place}"): {**given, "place": place} for place in places}
