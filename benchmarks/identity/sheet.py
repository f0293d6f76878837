"""The picture sheet of the identity benchmark: a row a case, a column a stage, each with its words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from prodgen import files, images
from prodgen.images import RgbImage, resize, to_uint8

SIDE = 300
"""Pixels of each picture."""

TITLE, LABEL, GAP = 26, 22, 6
"""Pixels: height of a row's title and of a picture's label; between pictures."""


@dataclass(frozen=True)
class Shown:
    """One row."""

    title: str
    pictures: tuple[tuple[str, RgbImage], ...]
    """Label and picture, left to right."""


def write_sheet(path: Path, rows: list[Shown]) -> None:
    """Write the sheet as JPEG.

    Raises:
        ImageError: If it cannot be written.
    """
    high = TITLE + LABEL + SIDE + GAP
    columns = max(len(row.pictures) for row in rows)
    sheet = Image.new("RGB", (columns * (SIDE + GAP) + GAP, len(rows) * high + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    title, label = ImageFont.load_default(17), ImageFont.load_default(13)
    for at, row in enumerate(rows):
        top = GAP + at * high
        draw.text((GAP, top + 2), row.title, "black", title)
        for k, (words, picture) in enumerate(row.pictures):
            left = GAP + k * (SIDE + GAP)
            draw.text((left, top + TITLE + 2), words, "#444", label)
            sheet.paste(Image.fromarray(to_uint8(resize(picture, SIDE, SIDE))), (left, top + TITLE + LABEL))
    files.save(path, images.from_uint8(np.asarray(sheet)), quality=88)
