"""Words in pictures: lines of text as arrays, for sheets that people look at."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from PIL import ImageFont

from prodgen.images import Plane, from_uint8


def text_line(words: str, size_px: int) -> Plane:
    """How much of each pixel a line of text covers, (h, w), [0, 1], in Pillow's own font.

    Args:
        words: The text; what the font lacks becomes a box.
        size_px: Height of the font; `h` is the same for all lines of one size.
    """
    font = _font(size_px)
    ascent, descent = font.getmetrics()
    length = max(1, int(np.ceil(font.getlength(words))))
    mask, (left, top) = font.getmask2(words, mode="L")
    ink = np.asarray(mask, np.uint8).reshape(mask.size[::-1])
    line = np.zeros((ascent + descent, max(length, left + ink.shape[1])), np.uint8)
    rows = ink[: max(0, len(line) - top)]
    line[top : top + len(rows), left : left + ink.shape[1]] = rows
    return from_uint8(line)


def wrapped(words: str, size_px: int, width_px: int) -> list[str]:
    """The text in lines that are at most so wide; a word that is wider alone stands alone."""
    font, lines = _font(size_px), [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width_px:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


@cache
def _font(size_px: int) -> Any:
    return ImageFont.load_default(size_px)
