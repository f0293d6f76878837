"""The picture sheet: a row a photograph, then the truth, then each way's cut-out with its errors marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from prodgen import files, images
from prodgen.images import Matte, RgbImage

SIDE, LABEL, GAP = 190, 17, 4
"""Pixels: longest side of each picture, height of the words below it, between pictures."""

LOST, ADDED = (0.95, 0.1, 0.15), (0.1, 0.35, 1.0)
"""Colours, sRGB, of product that is missing and of background that was taken for product."""

SQUARE = 10
"""Pixels of a checkerboard's square."""


@dataclass(frozen=True)
class Cell:
    """One picture of the sheet."""

    words: str
    picture: RgbImage


def cut_out_cell(words: str, photo: RgbImage, found: Matte, true: Matte) -> Cell:
    """Show a cut-out on a checkerboard; what it lost is red, what it added is blue."""
    photo, found, true = (small(plane) for plane in (photo, found, true))
    y, x = np.mgrid[: true.shape[0], : true.shape[1]]
    squares = (0.72 + 0.2 * ((x // SQUARE + y // SQUARE) % 2)).astype(np.float32)
    shown = photo * found[..., None] + squares[..., None] * (1 - found[..., None])
    for wrong, colour in ((true - found, LOST), (found - true, ADDED)):
        shown = np.where((wrong > 0.5)[..., None], np.float32(colour), shown)
    return Cell(words, shown.astype(np.float32))


def small(plane: RgbImage) -> RgbImage:
    """Shrink a picture or matte to the sheet's size."""
    scale = SIDE / max(plane.shape[:2])
    size = (round(plane.shape[1] * scale), round(plane.shape[0] * scale))
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def write_sheet(path: Path, heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Write the sheet as JPEG.

    Args:
        path: Where to.
        heads: Words above the columns.
        rows: Cells, as many as there are heads.

    Raises:
        ImageError: If it cannot be written.
    """
    wide = SIDE + GAP
    heights = [max(cell.picture.shape[0] for cell in row) + LABEL + GAP for row in rows]
    sheet = Image.new("RGB", (len(heads) * wide + GAP, 2 * LABEL + sum(heights) + GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for k, head in enumerate(heads):
        draw.text((GAP + k * wide, 1), head.replace(", ", ",\n"), "black", font)
    top = 2 * LABEL
    for row, height in zip(rows, heights, strict=True):
        for k, cell in enumerate(row):
            left = GAP + k * wide
            sheet.paste(Image.fromarray(images.to_uint8(cell.picture)), (left, top))
            draw.text((left, top + height - LABEL - GAP), cell.words, "#333", font)
        top += height
    files.save(path, images.from_uint8(np.asarray(sheet)), quality=75)
