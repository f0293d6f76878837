"""Shoot the ten usual jobs, each by its recipe alone, and write the page that shows them.

    python examples/jobs.py [--backend http://127.0.0.1:7860] [--only kitchen,beach]

No word is given beside the recipe's name. The page, docs/jobs.md, is made of the recipes' data; with
--page-only no picture is rendered.
"""

from __future__ import annotations

from pathlib import Path

import click

from prodgen import Client, files, images, shoot
from prodgen.light import words
from prodgen.shots import Recipe

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"

JOBS = {
    "packshot": ("pouch", 4),
    "wood-table": ("box", 4),
    "marble-bathroom": ("box", 4),
    "night-city": ("mug", 4),
    "beach": ("pouch", 4),
    "forest-floor": ("box", 4),
    "kitchen": ("mug", 4),
    "flat-lay": ("pouch", 4),
    "podium-studio": ("mug", 4),
    "seasonal": ("mug", 4),
}
"""The recipe of each job -> the photograph and the seed of its picture."""

SIDE = 560
"""Pixels of each picture on the page."""

INTRODUCTION = """\
# The usual jobs

Ten recipes for what product photographers are asked for most. Each brings its scene, its words against, and
where it matters its light; the photograph is all that is missing:

```console
prodgen shoot mug.jpg --recipe marble-bathroom --size 1024x1024 -o mug-bathroom.png
prodgen shoot mug.jpg --recipe kitchen --prompt "a red mug" --light "window right" --size 1024x1024
prodgen batch photos -o pictures --recipe kitchen --prompt "{name}"
```

Words of your own are put before the recipe's. Say what the product is, and a diffusion model knows it better;
in a catalogue `--prompt "{name}"` does so for every row, and a column `recipe` gives each product its own
job. Every option of [the craft](craft.md) goes before what the recipe says, so `--light`, `--fill`,
`--shadow` or `--negative-prompt` are as free as ever. To change the scene itself:

```console
prodgen recipes show seasonal
prodgen recipes show seasonal --toml > our-autumn.toml
prodgen shoot mug.jpg --recipe our-autumn.toml --size 1024x1024
```

[Recipes](recipes.md#a-recipe-of-your-own) says what may stand in such a file. The pictures below are from the
embedded backend, by `python examples/jobs.py`, with nothing given but photograph and recipe; a Stable
Diffusion server draws richer scenes from the same words, by IC-Light if it has that, else painted around the
product."""


def page() -> str:
    """Return docs/jobs.md: words and light of every job, with its picture."""
    parts = [INTRODUCTION]
    for name in JOBS:
        recipe = Recipe.load(name)
        rows = [("scene", recipe.prompt), ("words against", recipe.negative_prompt)]
        rows += [("light", "; ".join(map(words, recipe.light)) or "the scene's own")]
        rows += [("pose", f"{recipe.pose}: it lies on the floor")] if recipe.pose != "auto" else []
        table = "\n".join(f"| {left} | {right} |" for left, right in rows) if recipe.prompt else ""
        parts += [
            f"## {name}",
            recipe.description,
            f"![{recipe.description}](images/jobs/{name}.jpg)",
            *([f"| | |\n|---|---|\n{table}"] if table else []),
        ]
    return "\n\n".join(parts) + "\n"


@click.command()
@click.option("--backend", default="embedded://", show_default=True)
@click.option("-o", "--output", default=DOCS / "images" / "jobs", type=Path)
@click.option("--only", default=",".join(JOBS), help="Some of the jobs, by their recipes.")
@click.option("--page-only", is_flag=True, help="Write the page, render nothing.")
def main(backend: str, output: Path, only: str, page_only: bool) -> None:
    """Write the pictures and the page."""
    files.write_bytes(DOCS / "jobs.md", page().encode())
    if page_only:
        return
    with Client(backend) as client:
        for name in only.split(","):
            photo, seed = JOBS[name]
            made = shoot(HERE / "photos" / f"{photo}.png", recipe=name, backend=client, seed=seed)
            height, width = made.image.shape[:2]
            scale = SIDE / max(height, width)
            small = images.resize(made.image, round(width * scale), round(height * scale))
            files.save(output / f"{name}.jpg", small, quality=86)
            click.echo(f"{name:16} {made.summary}")


if __name__ == "__main__":
    main()
