"""How a prompt's words fill chunks of 75 tokens: A1111's rules, textual inversions included.

Nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from prodgen.schema.prompt_attention import Piece

if TYPE_CHECKING:
    from torch import Tensor

CHUNK_TOKENS = 75
"""Tokens of one chunk, beside its begin and end: CLIP reads 77 at once."""

COMMA_REACH = 20
"""Most tokens after the last comma that move into the next chunk as a whole: A1111's default."""


class LearnedWord(Protocol):
    """A textual inversion: a word of several tokens that was learned from pictures."""

    @property
    def name(self) -> str:
        """The word that calls it in a prompt."""
        ...

    @property
    def vectors(self) -> Sequence[Tensor]:
        """(tokens, width) for each text encoder, in the place of what it would look up."""
        ...


@dataclass(frozen=True)
class Slot:
    """One token's place in a chunk."""

    token: int
    weight: float
    embedding: LearnedWord | None = None
    """Textual inversion that stands here in the token's stead."""

    row: int = 0
    """Which vector of the embedding."""


@dataclass(frozen=True)
class EmbeddingNames:
    """The textual inversions that a prompt may call, by the tokens of their names."""

    by_first_token: Mapping[int, Sequence[tuple[tuple[int, ...], LearnedWord]]]

    @classmethod
    def of(cls, embeddings: Sequence[LearnedWord], ids: Callable[[str], Sequence[int]]) -> EmbeddingNames:
        """Return the names of embeddings; where two begin alike the longer one is meant."""
        table: dict[int, list[tuple[tuple[int, ...], LearnedWord]]] = {}
        for embedding in embeddings:
            name = tuple(ids(embedding.name))
            if name:
                table.setdefault(name[0], []).append((name, embedding))
        for names in table.values():
            names.sort(key=lambda one: -len(one[0]))
        return cls(table)

    def at(self, tokens: Sequence[int], place: int) -> tuple[LearnedWord, int] | None:
        """Return the embedding whose name begins at a place, and how many tokens its name has."""
        for name, embedding in self.by_first_token.get(tokens[place], ()):
            if tuple(tokens[place : place + len(name)]) == name:
                return embedding, len(name)
        return None


def chunks(
    pieces: Sequence[Piece],
    ids: Callable[[str], Sequence[int]],
    *,
    comma: int,
    names: EmbeddingNames | None = None,
) -> tuple[tuple[Slot, ...], ...]:
    """Lay out weighted words in chunks of at most 75 tokens.

    Args:
        pieces: Words with their weights, as `prompt_attention.weighted` gives them.
        ids: Makes tokens of words, without begin and end.
        comma: The comma's token. Where a chunk ends in mid-clause, the clause moves into the next one, if the
            comma before it is not far.
        names: Textual inversions that may be called.

    Returns:
        One chunk at least, each of 0 to 75 slots.
    """
    done: list[tuple[Slot, ...]] = []
    slots: list[Slot] = []
    after_comma: int | None = None  # where the clause under way begins

    def close() -> None:
        nonlocal after_comma
        done.append(tuple(slots))
        slots.clear()
        after_comma = None

    for piece in pieces:
        if piece is None:
            close()
            continue
        tokens = tuple(ids(piece.text))
        place = 0
        while place < len(tokens):
            is_full = len(slots) == CHUNK_TOKENS
            if tokens[place] == comma:
                after_comma = len(slots) + 1
            elif is_full and after_comma is not None and len(slots) - after_comma < COMMA_REACH:
                moved = slots[after_comma:]
                del slots[after_comma:]
                close()
                slots += moved
            if len(slots) == CHUNK_TOKENS:
                close()
            found = names.at(tokens, place) if names else None
            if found is None:
                slots.append(Slot(tokens[place], piece.weight))
                place += 1
                continue
            embedding, length = found
            rows = len(embedding.vectors[0])
            if len(slots) + rows > CHUNK_TOKENS:
                close()
            slots += [Slot(0, piece.weight, embedding, row) for row in range(rows)][:CHUNK_TOKENS]
            place += length
    if slots or not done:
        close()
    return tuple(done)
