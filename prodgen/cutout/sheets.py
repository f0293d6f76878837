"""Pictures of cut-outs for a person to judge: one with doubtful parts marked, or a sheet of all segmenters.

A cut-out stands on a checkerboard, as image editors show transparency. Words are drawn below it, so that the
picture can be sent to somebody who has no prodgen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen import files
from prodgen.captions import text_line, wrapped
from prodgen.cutout.cutting import CutOut, cut_out
from prodgen.cutout.hints import Point, Rectangle
from prodgen.cutout.segmenters import available
from prodgen.errors import SegmentationError
from prodgen.images import Plane, RgbImage, resize
from prodgen.masks import composite

PREVIEW_PX = 1600
"""Longest side of a preview's picture. Display: a screen's width."""

TILE_PX = 460
"""Longest side of a cut-out on the sheet. Display: four stand side by side on a screen."""

SQUARE_PX = 12
"""Side of the checkerboard's squares. Display."""

LIGHT_SQUARES, DARK_SQUARES = (0.97, 0.86), (0.42, 0.34)
"""sRGB greys of the checkerboard; the dark ones for a light product, whose edge is lost on white. Display."""

LIGHT = 0.7
"""Mean sRGB value from which a product counts as light. Display."""

DOUBTFUL = 0.3
"""From this value of `MatteQuality.doubtful` on a place is marked: one look in three contradicts."""

SHOWN_DOUBTS = 4
"""Most lines of doubts below a cut-out on the sheet. Display."""

_MARK = (0.86, 0.0, 0.45)
_INK, _GREY, _RED = ((0.1, 0.1, 0.1), (0.38, 0.38, 0.38), (0.75, 0.05, 0.1))
_GAP_PX = 16
_INDENT_PX = 8

_Mask = NDArray[np.bool_]
_Line = tuple[str, int, tuple[float, float, float]]
"""Words, size of the font in pixels, colour."""


@dataclass(frozen=True, eq=False)
class Tried:
    """What one segmenter made of a photograph."""

    segmenter: str
    """Its name."""
    seconds: float
    """How long it took, its loading included."""
    cut: CutOut | None
    """What it found; None: nothing."""
    failure: str = ""
    """Why it found nothing, in a sentence."""

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the pixels, ready for JSON."""
        facts = {"failure": self.failure} if self.cut is None else told(self.cut)
        return {**facts, "segmenter": self.segmenter, "seconds": round(self.seconds, 3)}


def told(cut: CutOut) -> dict[str, Any]:
    """Return what is known of a cut-out, ready for JSON: who found it, its share, its quality, its doubts."""
    quality = cut.quality
    return {
        "segmenter": cut.segmenter,
        "product_share": float(cut.matte.mean()),
        "score": None if quality is None else round(quality.score, 4),
        "status": None if quality is None else quality.status,
        "reasons": [] if quality is None else [str(reason) for reason in quality.reasons],
        "notices": list(cut.notices),
    }


def preview(cut: CutOut) -> RgbImage:
    """The cut-out on a checkerboard, its doubtful parts outlined and hatched, with the reasons in words.

    In a doubtful part outside the cut-out the photograph shines through: it may be lost product.

    Returns:
        (h, w, 3), sRGB; the picture has at most 1600 px a side, the words come below it.
    """
    board, picture_size = _on_checkerboard(cut, PREVIEW_PX)
    doubtful = None if cut.quality is None else resize(cut.quality.doubtful, *picture_size) >= DOUBTFUL
    is_marked = doubtful is not None and bool(doubtful.any())
    if doubtful is not None and is_marked:
        board = _marked(board, resize(cut.seen, *picture_size), doubtful)
    lines: list[_Line] = [(_headline(cut), 22, _INK)]
    if is_marked:
        lines.append(("Hatched: doubtful; look whether it is product.", 18, _MARK))
    lines += [(f"{sentence[:1].upper()}{sentence[1:]}.", 18, _GREY) for sentence in _sentences(cut)]
    wide = max(board.shape[1], 720)
    return np.vstack([_padded(board, wide), _caption(lines, wide)])


def compare(
    photo: files.PictureSource,
    *,
    names: Sequence[str] | None = None,
    box: Rectangle | str | None = None,
    points: Sequence[Point] | str = (),
) -> tuple[Tried, ...]:
    """Cut the product out with one segmenter after another.

    Args:
        photo: Whatever `files.load` takes.
        names: Of segmenters; None: all that would run now.
        box: As for `cut_out`.
        points: As for `cut_out`.

    Raises:
        ImageError: If the photo cannot be read.
        SettingError: If there is no such segmenter, or the box or a point lies outside.
    """
    source = files.load(photo)
    tried = []
    for name in names or [name for name in available() if name != "auto"]:
        begun = time.perf_counter()
        cut, failure = None, ""
        try:
            cut = cut_out(source, segmenter=name, keep_alpha=False, box=box, points=points)
        except SegmentationError as error:
            failure = str(error)
        tried.append(Tried(name, time.perf_counter() - begun, cut, failure))
    return tuple(tried)


def contact_sheet(photo: files.PictureSource, tried: Sequence[Tried]) -> RgbImage:
    """One picture of what several segmenters made of a photograph, beside the photograph itself.

    Returns:
        (h, w, 3), sRGB: tiles of 460 px, each with name, seconds, share, quality and doubts below it.
    """
    source = files.load(photo)
    size = _fitting(source.rgb.shape, TILE_PX)
    shown = [(resize(source.rgb, *size), _caption_lines("photograph", [], ""))]
    for one in tried:
        if one.cut is None:
            blank = np.full((size[1], size[0], 3), 0.96, np.float32)
            shown.append((blank, _caption_lines(one.segmenter, [], one.failure)))
        else:
            board, _ = _on_checkerboard(one.cut, TILE_PX)
            facts = [f"{one.seconds:.1f} s, {_facts(one.cut)}"]
            shown.append((board, _caption_lines(one.segmenter, facts, "; ".join(_sentences(one.cut)))))
    wide = max(size[0], 280)
    deepest = max(len(_caption(lines, wide)) for _, lines in shown)
    tiles = [
        np.vstack([_padded(board, wide), _filled_up(_caption(lines, wide), deepest)])
        for board, lines in shown
    ]
    return _grid(tiles, len(tiles) if len(tiles) < 4 else min(math.ceil(math.sqrt(len(tiles))), 4))


def _fitting(shape: tuple[int, ...], longest: int) -> tuple[int, int]:
    scale = min(1.0, longest / max(shape[:2]))
    return max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale))


def _on_checkerboard(cut: CutOut, longest: int) -> tuple[RgbImage, tuple[int, int]]:
    width, height = _fitting(cut.matte.shape, longest)
    rows, columns = np.mgrid[:height, :width] // SQUARE_PX
    product, matte = resize(cut.foreground, width, height), resize(cut.matte, width, height)
    is_light = float(np.average(product.mean(axis=2), weights=matte + 1e-6)) > LIGHT
    even, odd = DARK_SQUARES if is_light else LIGHT_SQUARES
    board = np.where(((rows + columns) % 2 == 0)[..., None], even, odd).astype(np.float32).repeat(3, axis=2)
    return composite(product, board, matte), (width, height)


def _marked(board: RgbImage, photo: RgbImage, doubtful: _Mask) -> RgbImage:
    """The picture with a mask outlined and hatched; inside it the photograph shines through."""
    inside = doubtful.astype(np.uint8)
    for specks_go in (cv2.MORPH_CLOSE, cv2.MORPH_OPEN):
        inside = cv2.morphologyEx(inside, specks_go, np.ones((5, 5), np.uint8)).astype(np.uint8)
    rows, columns = np.mgrid[: inside.shape[0], : inside.shape[1]]
    outline = cv2.dilate(inside, np.ones((7, 7), np.uint8)) > cv2.dilate(inside, np.ones((3, 3), np.uint8))
    hatch = (inside > 0) & ((rows + columns) % 14 < 3)
    through = np.where((inside > 0)[..., None], 0.5 * board + 0.5 * photo, board)
    return np.where((outline | hatch)[..., None], np.array(_MARK, np.float32), through).astype(np.float32)


def _facts(cut: CutOut) -> str:
    quality = cut.quality
    judged = "not judged" if quality is None else f"quality {quality.score:.2f} ({quality.status})"
    return f"product {cut.matte.mean():.1%}, {judged}"


def _headline(cut: CutOut) -> str:
    return f"{f'Cut out by {cut.segmenter}' if cut.segmenter else 'Matte as given'}: {_facts(cut)}"


def _sentences(cut: CutOut) -> list[str]:
    """The reasons against the matte, and the doubts that are not made of them; without advice on options."""
    reasons = () if cut.quality is None else cut.quality.reasons
    return [doubt.fact for doubt in (*reasons, *(one for one in cut.doubts if not one.because))]


def _caption_lines(name: str, facts: Iterable[str], doubts: str) -> list[_Line]:
    return [
        (name, 20, _INK),
        *((fact, 15, _GREY) for fact in facts),
        *([(doubts, 14, _RED)] if doubts else []),
    ]


def _caption(lines: Iterable[_Line], wide: int) -> RgbImage:
    """Text on white, (h, wide, 3); what does not fit a line goes on in the next."""
    strips = [np.ones((_GAP_PX // 2, wide, 3), np.float32)]
    for words, size_px, colour in lines:
        parts = wrapped(words, size_px, wide - 2 * _INDENT_PX)
        if len(parts) > SHOWN_DOUBTS:
            parts = [*parts[: SHOWN_DOUBTS - 1], f"{parts[SHOWN_DOUBTS - 1]} ..."]
        strips += [_written(text_line(part, size_px), wide, colour) for part in parts]
    strips.append(np.ones((_GAP_PX // 2, wide, 3), np.float32))
    return np.vstack(strips)


def _written(ink: Plane, wide: int, colour: tuple[float, float, float]) -> RgbImage:
    line = np.zeros((ink.shape[0], wide), np.float32)
    fitting = ink[:, : wide - _INDENT_PX]
    line[:, _INDENT_PX : _INDENT_PX + fitting.shape[1]] = fitting
    return (1 - line[..., None] * (1 - np.array(colour, np.float32))).astype(np.float32)


def _padded(picture: RgbImage, wide: int) -> RgbImage:
    right = wide - picture.shape[1]
    return np.pad(picture, ((0, 0), (0, right), (0, 0)), constant_values=1) if right > 0 else picture


def _filled_up(picture: RgbImage, high: int) -> RgbImage:
    return np.pad(picture, ((0, high - len(picture)), (0, 0), (0, 0)), constant_values=1)


def _grid(tiles: Sequence[RgbImage], columns: int) -> RgbImage:
    high, wide = tiles[0].shape[0] + _GAP_PX, tiles[0].shape[1] + _GAP_PX
    rows = math.ceil(len(tiles) / columns)
    sheet = np.ones((rows * high + _GAP_PX, columns * wide + _GAP_PX, 3), np.float32)
    for number, tile in enumerate(tiles):
        top, left = _GAP_PX + number // columns * high, _GAP_PX + number % columns * wide
        sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return sheet
