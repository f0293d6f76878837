"""Lists of any length, taken apart while they come: each entry is parsed and made small, the rest is let go.

A1111 sends the whole training metadata of each LoRA with its name: hundreds of megabytes for some thousands,
of which a few bytes an entry matter. Entries are found by the standard library's decoder, which says where a
value ends. That takes 0.19 s for 28 MB, where ijson with its C library takes 0.15 s; but ijson refuses NaN,
which some servers send, and holds no entry to a length. What `decoding.decode_json` survives, such as text in
another encoding, is survived here as well.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from prodgen.dialects.reading import writable

MOST_ENTRIES = 200_000
"""Most entries of a list; more files are in no folder, and a list of so many takes some 100 MB here."""

MOST_ENTRY_BYTES = 64 << 20
"""Most characters of one entry."""

PIECE_BYTES = 1 << 20
"""Bytes that are looked at together: many entries, so that few are parsed in vain, not being whole yet."""

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder(strict=False)


class TooMuchError(ValueError):
    """There is more than can be meant; the message says of what."""


def read(pieces: Iterator[bytes], keep: Callable[[Any], Any], *, most_bytes: int) -> list[Any] | bytes:
    """Return the entries of a JSON array, each as `keep` makes it; of any other answer its bytes.

    Args:
        pieces: The answer as it comes.
        keep: Makes an entry small.
        most_bytes: Most bytes of an answer that is no array.

    Raises:
        TooMuchError: If there are too many entries or bytes, or one entry is too long.
        ValueError: If an array is not whole, or no JSON.
    """
    received = b""
    for piece in pieces:
        received += piece
        if received.lstrip():
            break
        _check(len(received), most_bytes)
    if received.lstrip()[:1] == b"[":
        return _entries(received.lstrip()[1:], pieces, keep)
    return whole(chain([received], pieces), most_bytes=most_bytes)


def whole(pieces: Iterable[bytes], *, most_bytes: int) -> bytes:
    """Return an answer of any kind.

    Raises:
        TooMuchError: If there are too many bytes.
    """
    received: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        _check(size, most_bytes)
        received.append(piece)
    return b"".join(received)


def _check(size: int, most_bytes: int) -> None:
    if size > most_bytes:
        raise TooMuchError(f"more than {most_bytes >> 20} MiB")


def _entries(first: bytes, pieces: Iterator[bytes], keep: Callable[[Any], Any]) -> list[Any]:
    kept: list[Any] = []
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    text, at = "", 0
    enough = 0  # characters that are worth a try: each time that an entry is not whole, twice as many
    for piece in chain([first], _larger(pieces), [None]):
        text, at = text[at:] + decode(piece or b"", piece is None), 0
        if len(text) < enough and piece is not None:
            continue
        while (start := _SPACE.match(text, at).end()) < len(text):  # type: ignore[union-attr]  # fits always
            if text[start] == "]":
                if text[start + 1 :].strip() or any(rest.strip() for rest in pieces):
                    raise ValueError("something follows the list")
                return kept
            try:
                value, end = _DECODER.raw_decode(text, start)
            except (ValueError, RecursionError):
                break  # it is not whole yet, or never will be
            end = _SPACE.match(text, end).end()  # type: ignore[union-attr]
            if text[end : end + 1] not in (",", "]"):
                break  # of a number, more may follow
            kept.append(writable(keep(value)))
            at = end + (text[end] == ",")
        if len(kept) > MOST_ENTRIES:
            raise TooMuchError(f"more than {MOST_ENTRIES} entries")
        enough = 2 * (len(text) - at)
        _check(len(text) - at, MOST_ENTRY_BYTES)
    raise ValueError(f"entry {len(kept) + 1} is not whole")


def _larger(pieces: Iterator[bytes]) -> Iterator[bytes]:
    gathered: list[bytes] = []
    size = 0
    for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        if size >= PIECE_BYTES:
            yield b"".join(gathered)
            gathered, size = [], 0
    yield b"".join(gathered)
