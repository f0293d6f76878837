"""How much each word of a prompt counts: A1111's brackets.

"(word)" counts 1.1 times as much, "[word]" as much less, "(word:1.3)" 1.3 times; brackets nest, and their
factors multiply. A backslash makes a bracket a letter, and one that is never closed runs to the end. "BREAK"
ends a chunk, inside brackets too (in A1111 it becomes a word there).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

BRACKET_WEIGHT = 1.1
"""Factor of one round bracket; a square one divides by it."""

_PLACES = 9
"""Decimal places of a weight: brackets multiply in any order, and the last bits depend on it."""

_TOKENS = re.compile(r"\\[()\[\]\\]|\\|\(|\[|:\s*([+-]?[.\d]+)\s*\)|\)|\]|[^\\()\[\]:]+|:")
_BREAK = re.compile(r"\bBREAK\b")


@dataclass(frozen=True)
class WeightedText:
    """Words of one weight."""

    text: str
    weight: float


Piece = WeightedText | None
"""Words, or None for "BREAK": the end of a chunk."""


class _Brackets:
    """The brackets of one kind in a prompt: where they open and close, and what each multiplies by."""

    def __init__(self, factor: float) -> None:
        self._factor = factor
        self._open: list[list[float]] = []
        self._events: list[tuple[int, list[float] | None]] = []  # where; a bracket's factor, None at its end

    def opens(self, place: int) -> None:
        """Note that one opens before the piece at `place`; until it is closed its factor is the usual one."""
        self._open.append([self._factor])
        self._events.append((place, self._open[-1]))

    def closes(self, place: int, factor: float | None = None) -> bool:
        """Note that one closes before the piece at `place`; return whether there was one."""
        if not self._open:
            return False
        bracket = self._open.pop()
        bracket[0] = self._factor if factor is None else factor
        self._events.append((place, None))
        return True

    def products(self, count: int) -> list[float]:
        """Return what the brackets around each of `count` pieces multiply it by."""
        running, found = [1.0], []
        events = iter([*self._events, (count, None)])
        place, bracket = next(events)
        for piece in range(count):
            while place == piece:
                if bracket is None:
                    running.pop()
                else:
                    running.append(running[-1] * bracket[0])
                place, bracket = next(events)
            found.append(running[-1])
        return found


def weighted(prompt: str) -> tuple[Piece, ...]:
    """Return a prompt's words with their weights, without the brackets; equal neighbours are joined."""
    texts: list[str | None] = []
    round_ones, square_ones = _Brackets(BRACKET_WEIGHT), _Brackets(1 / BRACKET_WEIGHT)
    for match in _TOKENS.finditer(prompt):
        found, factor, place = match[0], _number(match[1]), len(texts)
        if found.startswith("\\"):
            texts.append(found[1:])
        elif found == "(":
            round_ones.opens(place)
        elif found == "[":
            square_ones.opens(place)
        elif not ((found == ")" or factor is not None) and round_ones.closes(place, factor)) and not (
            found == "]" and square_ones.closes(place)
        ):
            texts += _broken(found)
    products = zip(round_ones.products(len(texts)), square_ones.products(len(texts)), strict=True)
    return _joined(
        [
            None if text is None else WeightedText(text, round(own * other, _PLACES))
            for text, (own, other) in zip(texts, products, strict=True)
        ]
    )


def _broken(text: str) -> list[str | None]:
    """Return a text's parts, with None for each "BREAK" between them and no blanks beside it."""
    first, *others = _BREAK.split(text)
    if not others:
        return [first]
    parts: list[str | None] = [first.rstrip()]
    for place, part in enumerate(others, 1):
        parts += [None, part.strip() if place < len(others) else part.lstrip()]
    return parts


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:  # "1.2.3"
        return None


def _joined(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    joined: list[Piece] = []
    for weight, group in groupby(pieces, key=lambda piece: None if piece is None else piece.weight):
        same = list(group)
        text = "".join(piece.text for piece in same if piece is not None)
        joined += same if weight is None else [WeightedText(text, weight)] if text else []
    return tuple(joined)
