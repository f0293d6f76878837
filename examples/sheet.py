"""Render the sheet of the README: every photograph in examples/photos in three scenes.

    python examples/sheet.py [--backend embedded://] [-o docs/images/embedded-sheet.jpg]

A small catalogue run: one open client, one shot for each photograph and prompt, pictures in memory.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from controls import CUT_OUT_BY

from prodgen import Client, files, images, shoot

HERE = Path(__file__).resolve().parent
PROMPTS = {
    "on a wooden table, sunset": 4,
    "on white marble, bright kitchen": 2,
    "forest floor with moss, morning light": 3,
}
"""Prompt -> seed."""

SIDE = 520
"""Pixels of each picture on the sheet."""


@click.command()
@click.option("--backend", default="embedded://", show_default=True)
@click.option("-o", "--output", default=HERE.parent / "docs" / "images" / "embedded-sheet.jpg", type=Path)
def main(backend: str, output: Path) -> None:
    """Write the sheet."""
    photos = sorted((HERE / "photos").glob("*.png"))
    rows: list[np.ndarray] = []
    with Client(backend) as client:
        for prompt, seed in PROMPTS.items():
            results = [
                shoot(
                    photo,
                    prompt,
                    backend=client,
                    seed=seed,
                    settings={"segmenter": CUT_OUT_BY.get(photo.stem, "auto")},
                )
                for photo in photos
            ]
            rows.append(np.hstack([images.resize(result.image, SIDE, SIDE) for result in results]))
            for photo, result in zip(photos, results, strict=True):
                click.echo(f"{photo.stem:8} {prompt:40} {result.summary}")
    files.save(output, np.vstack(rows), quality=88)
    click.echo(f"sheet     {output}")


if __name__ == "__main__":
    main()
