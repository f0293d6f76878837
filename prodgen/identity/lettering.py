"""Whether what is printed on a product still reads the same: letters, where `detail` compares strokes.

A `Reader`, such as `prodgen.ocr.tesseract`, reads both pictures. Readers make mistakes on small, curved and
shaded print, and a mistake must not look like another product; this module owns how they are ruled out.
Light is taken out before reading, so that it cannot change what is read.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.images import Matte, Plane, RgbImage, resize
from prodgen.masks import blur
from prodgen.ocr import Reader, Word

READ_SIDE_PX = 1200
"""Longest side of the product while it is read. Chosen: letters of 1 % of it become 12 pixels high."""

MOST_ENLARGED = 3.0
"""Largest factor of enlargement. Chosen: interpolation shows no more of a letter."""

LEAST_CONFIDENCE = 80.0
"""Confidence from which on a word of the photograph counts as read. Chosen; Tesseract's scale is 0 to 100."""

SHORTEST_WORD = 3
"""Letters and digits of a word that can count. Chosen: shorter ones are read into any texture."""

INK = 0.06
"""Side of the square that takes out the ground, in product extents. Chosen: wider strokes are no print."""

WIDER_INK = 1.6
"""Factor of `INK` in one of the four looks at a word. Chosen."""

LOOK_BLUR_PX = 0.6
"""Sigma of the blur in one of the four looks at a word. Chosen: nobody would notice it."""

FAINTEST_INK = 12.0
"""Least L* between ink and ground that is drawn as full black. Chosen: grain stays faint."""

SAME_PLACE = 0.3
"""Overlap, share of the smaller box, from which on two words are in one place. Chosen."""

LINE_PX = 40
"""Height of a word in its own crop. Source: Tesseract's network works on lines of 36 pixels."""

MOST_DOUBTS = 16
"""Words that get a second look, the surest first. Speed: more change the share little."""

LEAST_TOTAL = 12
"""Least number of characters that the share is taken of. Chosen: one mistake on one word is no new label."""

LOOKALIKES = str.maketrans("01i|", "olll")
"""Characters of one shape in most typefaces."""


def text_errors_percent(photo: Plane, found: Plane, inside: Matte, reader: Reader) -> float | None:
    """Share of the photograph's legible characters that read differently in the result.

    This is the character error rate of optical character recognition (edits by Levenshtein, 1966, over
    characters), with the photograph as its reference. Only letters and digits count, in either case.

    A word that does not read the same at once is looked at again on its own. It counts only if it reads
    the same in four harmless variations of the photograph: as it is, half a pixel aside, slightly blurred
    and with its ground taken out more widely. Of the result's four variations the one read best counts.

    Args:
        photo: (h, w), L*, 0 to 100: the photograph as shot.
        found: (h, w), L*, the result.
        inside: (h, w), 1 where the pixel is certainly product.
        reader: What reads.

    Returns:
        0 to 100; None if nothing is legible in the photograph, or the reader does not work. Words that
        only the result has are not counted.
    """
    sheets = _Sheets(inside)
    words = _legible(reader(_rgb(sheets.draw(photo))))
    if not words:
        return None
    read = reader(_rgb(_only(words, sheets.draw(found))))
    if read is None:
        return None
    doubtful = [word for word in words if not _reads_there(word, read)]
    right = sum(len(letters(word.text)) for word in words if word not in doubtful)
    doubtful = doubtful[:MOST_DOUBTS]
    texts = _reread(doubtful, sheets.looks(photo), reader) if doubtful else []
    if texts is None:
        return None
    certain = [word for word, seen in zip(doubtful, texts, strict=True) if _is_in_all(word, seen)]
    texts = _reread(certain, sheets.looks(found), reader) if certain else []
    if texts is None:
        return None
    wrong = sum(_fewest_edits(word, seen) for word, seen in zip(certain, texts, strict=True))
    total = right + sum(len(letters(word.text)) for word in certain)
    return 100 * wrong / max(total, LEAST_TOTAL) if total else None


def letters(text: str) -> str:
    """Letters and digits of a text, without case and without the difference of O and 0, l, I and 1."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(LOOKALIKES)
    return "".join(character for character in plain if character.isalnum())


def edits(word: str, text: str) -> int:
    """Fewest insertions, removals and exchanges that make `word` of any part of `text`.

    Sellers' variant of Levenshtein's distance (1980): what stands before and after costs nothing, since
    a crop holds bits of its neighbours.
    """
    costs = [0] * (len(text) + 1)
    for row, wanted in enumerate(word, 1):
        before, costs = costs, [row]
        for column, seen in enumerate(text, 1):
            costs.append(
                min(before[column] + 1, costs[column - 1] + 1, before[column - 1] + (wanted != seen))
            )
    return min(costs)


def _reads_there(word: Word, read: Sequence[Word]) -> bool:
    """Whether the same word is read at the same place."""
    return any(
        letters(word.text) == letters(other.text) and _overlap(word, other) > SAME_PLACE for other in read
    )


def _is_in_all(word: Word, texts: Sequence[str]) -> bool:
    return all(letters(word.text) in text for text in texts)


def _fewest_edits(word: Word, texts: Sequence[str]) -> int:
    return min(edits(letters(word.text), text) for text in texts)


class _Sheets:
    """Draws print for a reader: black on white, evenly, whatever the light and the ground were.

    A drawing is (2 h, w): the dark strokes above, the light ones below. A stroke is what closing or
    opening takes away (black and white top-hat), in proportion to the strongest around it.
    """

    def __init__(self, inside: Matte) -> None:
        self._inside = inside
        self._extent = float(np.sqrt(max(float(inside.sum()), 1.0)))
        scale = min(MOST_ENLARGED, READ_SIDE_PX / max(inside.shape))
        self._size = max(8, round(inside.shape[1] * scale)), max(8, round(inside.shape[0] * scale))

    def draw(self, lightness: Plane, *, ink: float = INK) -> Plane:
        """(2 h, w), 0 = ink, 1 = ground."""
        side = max(3, round(ink * self._extent)) | 1
        kernel = np.ones((side, side), np.uint8)
        mean = float((lightness * self._inside).sum() / max(float(self._inside.sum()), 1.0))
        plain = np.where(self._inside > 0, lightness, mean).astype(np.float32)
        return np.concatenate(
            [self._strokes(plain, operation, kernel) for operation in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT)]
        )

    def looks(self, lightness: Plane) -> tuple[Plane, ...]:
        """The drawing, and three more that differ by nothing that a person would notice."""
        return (
            self.draw(lightness),
            self.draw(lightness, ink=WIDER_INK * INK),
            self.draw(np.asarray(cv2.GaussianBlur(lightness, (0, 0), LOOK_BLUR_PX), np.float32)),
            self.draw(_aside(lightness)),
        )

    def _strokes(self, lightness: Plane, operation: int, kernel: NDArray[np.uint8]) -> Plane:
        strokes = cv2.morphologyEx(lightness, operation, kernel)
        strongest = cv2.dilate(strokes, np.ones((2 * len(kernel) + 1,) * 2, np.uint8))
        strongest = blur(np.asarray(strongest, np.float32), len(kernel) / 2)
        share = strokes / np.maximum(0.9 * strongest, FAINTEST_INK)
        return np.asarray(1 - resize(np.clip(share, 0, 1).astype(np.float32), *self._size), np.float32)


def _legible(read: Sequence[Word] | None) -> list[Word]:
    """Words that count, the surest where several lie in one place (the inside of an O is a light stroke)."""
    kept: list[Word] = []
    for word in sorted(read or (), key=lambda word: -word.confidence):
        if word.confidence < LEAST_CONFIDENCE or len(letters(word.text)) < SHORTEST_WORD:
            continue
        here = word if word.top < 0.5 else _other_half(word)
        if all(max(_overlap(here, other), _overlap(_other_half(here), other)) < SAME_PLACE for other in kept):
            kept.append(word)
    return kept


def _other_half(word: Word) -> Word:
    """A word's place among the strokes of the other kind, dark or light."""
    step = 0.5 if word.top < 0.5 else -0.5
    return word._replace(top=word.top + step, bottom=word.bottom + step)


def _overlap(a: Word, b: Word) -> float:
    """Common area of two words, as share of the smaller one's."""
    wide = min(a.right, b.right) - max(a.left, b.left)
    tall = min(a.bottom, b.bottom) - max(a.top, b.top)
    smaller = min((x.right - x.left) * (x.bottom - x.top) for x in (a, b))
    return max(0.0, wide) * max(0.0, tall) / max(smaller, 1e-9)


def _reread(words: Sequence[Word], looks: Sequence[Plane], reader: Reader) -> list[list[str]] | None:
    """What stands at the place of each word in each look; all crops are read at once, below one another."""
    crops = [_crop(look, word) for word in words for look in looks]
    gap = LINE_PX // 2
    width = max(crop.shape[1] for crop in crops) + 2 * gap
    page = np.ones((sum(len(crop) + gap for crop in crops) + gap, width), np.float32)
    ends, at = [], gap
    for crop in crops:
        page[at : at + len(crop), gap : gap + crop.shape[1]] = crop
        at += len(crop) + gap
        ends.append(at)
    read = reader(_rgb(page))
    if read is None:
        return None
    texts = [""] * len(crops)
    for word in sorted(read, key=lambda word: word.left):
        row = int(np.searchsorted(ends, 0.5 * (word.top + word.bottom) * len(page)))
        if row < len(texts):
            texts[row] += letters(word.text)
    return [texts[start : start + len(looks)] for start in range(0, len(texts), len(looks))]


def _only(words: Sequence[Word], drawing: Plane) -> Plane:
    """The drawing with everything but the places of those words blanked, which saves reading time."""
    blank = np.ones_like(drawing)
    for word in words:
        blank[_window(word, drawing)] = drawing[_window(word, drawing)]
    return blank


def _window(word: Word, drawing: Plane) -> tuple[slice, slice]:
    """Rows and columns of a word, with a rim of half its height beside it and a third above and below."""
    height, width = drawing.shape
    tall = max(2.0, (word.bottom - word.top) * height)
    left, right = round(word.left * width - tall / 2), round(word.right * width + tall / 2)
    top, bottom = round(word.top * height - tall / 3), round(word.bottom * height + tall / 3)
    return slice(max(0, top), bottom), slice(max(0, left), right)


def _crop(look: Plane, word: Word) -> Plane:
    """The word with a rim, `LINE_PX` high without it."""
    crop = np.ascontiguousarray(look[_window(word, look)])
    scale = LINE_PX / max(2.0, (word.bottom - word.top) * len(look))
    return resize(crop, max(4, round(crop.shape[1] * scale)), max(4, round(crop.shape[0] * scale)))


def _aside(lightness: Plane) -> Plane:
    """Half a pixel to the right and down."""
    step = np.array([[1, 0, 0.5], [0, 1, 0.5]], np.float32)
    size = lightness.shape[::-1]
    return np.asarray(cv2.warpAffine(lightness, step, size, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _rgb(drawing: Plane) -> RgbImage:
    return np.repeat(drawing[..., None], 3, axis=-1)
