"""How much each word of a prompt counts: A1111's brackets.

"(word)" counts 1.1 times as much, "[word]" as much less, "(word:1.3)" 1.3 times; brackets nest, and their
factors multiply. A backslash makes a bracket a letter, and one that is never closed runs to the end. "BREAK"
ends a chunk, inside brackets too (in A1111 it becomes a word there).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

BRACKET_WEIGHT = 1.1
"""Factor of one round bracket; a square one divides by it."""

_TOKENS = re.compile(r"\\[()\[\]\\]|\\|\(|\[|:\s*([+-]?[.\d]+)\s*\)|\)|\]|[^\\()\[\]:]+|:")
_BREAK = re.compile(r"\s*\bBREAK\b\s*", re.DOTALL)


@dataclass(frozen=True)
class WeightedText:
    """Words of one weight."""

    text: str
    weight: float


Piece = WeightedText | None
"""Words, or None for "BREAK": the end of a chunk."""


def weighted(prompt: str) -> tuple[Piece, ...]:
    """Return a prompt's words with their weights, without the brackets; equal neighbours are joined."""
    pieces: list[Piece] = []
    round_ones: list[int] = []
    square_ones: list[int] = []

    def multiply(begin: int, factor: float) -> None:
        for place, piece in enumerate(pieces[begin:], begin):
            pieces[place] = piece and replace(piece, weight=piece.weight * factor)

    for match in _TOKENS.finditer(prompt):
        found, factor = match[0], _number(match[1])
        if found.startswith("\\"):
            pieces.append(WeightedText(found[1:], 1.0))
        elif found == "(":
            round_ones.append(len(pieces))
        elif found == "[":
            square_ones.append(len(pieces))
        elif factor is not None and round_ones:
            multiply(round_ones.pop(), factor)
        elif found == ")" and round_ones:
            multiply(round_ones.pop(), BRACKET_WEIGHT)
        elif found == "]" and square_ones:
            multiply(square_ones.pop(), 1 / BRACKET_WEIGHT)
        else:
            for place, part in enumerate(_BREAK.split(found)):
                pieces += [WeightedText(part, 1.0)] if place == 0 else [None, WeightedText(part, 1.0)]
    for begin in round_ones:
        multiply(begin, BRACKET_WEIGHT)
    for begin in square_ones:
        multiply(begin, 1 / BRACKET_WEIGHT)
    return _joined(pieces)


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:  # "1.2.3"
        return None


def _joined(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    joined: list[Piece] = []
    for piece in pieces:
        if piece is not None and not piece.text:
            continue
        last = joined[-1] if joined else None
        if piece is not None and last is not None and piece.weight == last.weight:
            joined[-1] = WeightedText(last.text + piece.text, last.weight)
        else:
            joined.append(piece)
    return tuple(joined)
