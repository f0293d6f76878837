"""A request's body: parts in memory that are sent in pieces, again if need be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

CHUNK_BYTES = 1 << 20
"""Sent at a time: large enough to be few, small enough that a partial send copies little."""


@dataclass(frozen=True)
class Body:
    """A request body in parts; iterating gives chunks, again and again if it must be sent again."""

    parts: tuple[bytes, ...]
    content_type: str = "application/json"

    @property
    def size(self) -> int:
        """Length in bytes."""
        return sum(map(len, self.parts))

    def __iter__(self) -> Iterator[bytes]:
        """Yield the body in chunks of at most `CHUNK_BYTES`."""
        for part in self.parts:
            if len(part) <= CHUNK_BYTES:
                yield part
                continue
            view = memoryview(part)
            for start in range(0, len(part), CHUNK_BYTES):
                yield bytes(view[start : start + CHUNK_BYTES])
