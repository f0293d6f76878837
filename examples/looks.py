"""Show every built-in look on one photograph, and write the page that lists them.

    python examples/looks.py [--backend http://127.0.0.1:7860] [--photo mug.jpg]

One shot a look with the same prompt and seed, so that the look is all that differs. The page,
docs/looks.md, is made of the looks' data; with --page-only no picture is rendered.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from prodgen import Client, files, images, shoot
from prodgen.shots.layers import Grade
from prodgen.shots.stages.look import looks

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"

PROMPT, SEED = "on a wooden table, sunset", 4

SIDE, LABEL = 440, 30
"""Pixels of each picture on the sheet, and of the name above it."""


def page() -> str:
    """Return docs/looks.md: words and grade of every built-in look."""
    parts = [
        "# Looks",
        "A look is words for the prompt, words against, LoRAs where it has any, and a grade. The words steer"
        " the backend; the grade is applied to the finished scene and to nothing else: a look may change a"
        " mood, not a product. What the product takes of it comes as light, through the measured light field"
        " ([identity.md](identity.md)).",
        '```console\nprodgen shoot mug.jpg --prompt "on a wooden table, sunset" --look cinematic\n```',
        "![every look on one photograph](images/looks.jpg)",
        f'The embedded backend, prompt "{PROMPT}", seed {SEED}, made by `python examples/looks.py`.'
        " It renders by image-based lighting and knows nothing of lenses and film, so the sheet shows little"
        " more than the grades; a diffusion model takes the words as well.",
    ]
    for name, look in looks().items():
        rows = [
            ("added to the prompt", look.prompt or "nothing"),
            ("added to the negative prompt", look.negative_prompt or "nothing"),
            ("LoRAs", ", ".join(f"{lora.name}:{lora.weight:g}" for lora in look.loras) or "none"),
            ("grade of the scene", grade_in_words(look.grade)),
        ]
        table = "\n".join(f"| {left} | {right} |" for left, right in rows)
        parts += [f"## {name}", f"| | |\n|---|---|\n{table}"]
    parts += [
        "## The numbers of a grade",
        "| number | what it is |\n|---|---|\n"
        + "\n".join(f"| `{name}` | {field.description} |" for name, field in Grade.model_fields.items()),
        "The looks are data, in `prodgen/shots/stages/looks.toml`. This page is made of them by"
        " `python examples/looks.py --page-only`.",
    ]
    return "\n\n".join(parts) + "\n"


def grade_in_words(grade: Grade) -> str:
    """Say what a grade does to the scene."""
    words = []
    if grade.contrast != 1:
        words.append(f"contrast {100 * (grade.contrast - 1):+.0f} %")
    if grade.saturation != 1:
        words.append(f"saturation {100 * (grade.saturation - 1):+.0f} %")
    if grade.warmth:
        words.append(f"{'warmer' if grade.warmth > 0 else 'cooler'} by {100 * abs(grade.warmth):.0f} %")
    if grade.lift:
        words.append(f"blacks lifted to {100 * grade.lift:.0f} %")
    return ", ".join(words) or "none"


def labelled(name: str, picture: images.RgbImage) -> np.ndarray:
    """Return a picture with its name above it, 8 bit."""
    sheet = Image.new("RGB", (SIDE, SIDE + LABEL), "white")
    ImageDraw.Draw(sheet).text((6, 5), name, "black", ImageFont.load_default(18))
    scale = SIDE / max(picture.shape[:2])
    size = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
    small = Image.fromarray(images.to_uint8(images.resize(picture, *size)))
    sheet.paste(small, ((SIDE - size[0]) // 2, LABEL + (SIDE - size[1]) // 2))
    return np.asarray(sheet)


@click.command()
@click.option("--backend", default="embedded://", show_default=True)
@click.option("--photo", default=HERE / "photos" / "mug.png", type=Path)
@click.option("-o", "--output", default=DOCS / "images" / "looks.jpg", type=Path)
@click.option("--page-only", is_flag=True, help="Write the page, render nothing.")
def main(backend: str, photo: Path, output: Path, page_only: bool) -> None:
    """Write the sheet and the page."""
    files.write_bytes(DOCS / "looks.md", page().encode())
    if page_only:
        return
    tiles = []
    with Client(backend) as client:
        for look in (None, *looks()):
            result = shoot(
                photo, PROMPT, backend=client, seed=SEED, settings={"look": look} if look else None
            )
            tiles.append(labelled(look or "no look", result.image))
            click.echo(f"{look or 'no look':14} {result.summary}")
    columns = 3
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[k : k + columns]) for k in range(0, len(tiles), columns)]
    files.save(output, images.from_uint8(np.vstack(rows)), quality=88)
    click.echo(f"sheet     {output}")


if __name__ == "__main__":
    main()
