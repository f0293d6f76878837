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
    layout = _Layout(comma)
    for piece in pieces:
        if piece is None:
            layout.close()
            continue
        tokens = tuple(ids(piece.text))
        place = 0
        while place < len(tokens):
            layout.make_room_before(tokens[place])
            found = names.at(tokens, place) if names else None
            if found is None:
                layout.put([Slot(tokens[place], piece.weight)])
                place += 1
            else:
                embedding, length = found
                rows = range(len(embedding.vectors[0]))
                layout.put([Slot(0, piece.weight, embedding, row) for row in rows])
                place += length
    return layout.finished()


class _Layout:
    """Chunks as they fill up."""

    def __init__(self, comma: int) -> None:
        self._comma = comma
        self._done: list[tuple[Slot, ...]] = []
        self._slots: list[Slot] = []
        self._after_comma: int | None = None
        """Where the clause under way begins."""

    def close(self) -> None:
        """End the chunk."""
        self._done.append(tuple(self._slots))
        self._slots, self._after_comma = [], None

    def make_room_before(self, token: int) -> None:
        """End a full chunk before a token that comes; the clause under way moves into the next one."""
        is_full = len(self._slots) == CHUNK_TOKENS
        if token == self._comma:
            self._after_comma = len(self._slots) + 1
        elif is_full and self._after_comma is not None and CHUNK_TOKENS - self._after_comma < COMMA_REACH:
            begun = self._after_comma
            moved = self._slots[begun:]
            self._slots = self._slots[:begun]
            self.close()
            self._slots = moved
            return
        if is_full:
            self.close()

    def put(self, slots: Sequence[Slot]) -> None:
        """Add what belongs together, into one chunk; what is longer than that is cut off."""
        if len(self._slots) + len(slots) > CHUNK_TOKENS:
            self.close()
        self._slots += slots[:CHUNK_TOKENS]

    def finished(self) -> tuple[tuple[Slot, ...], ...]:
        """Return the chunks, one at least."""
        if self._slots or not self._done:
            self.close()
        return tuple(self._done)
