"""Whether the pixels of a PNG file are whole, so that libpng has nothing to say about them on the terminal.

OpenCV's libpng prints each complaint on stderr, where nobody can catch it. So it is shown sound files only.
Source of the layout: PNG Specification, third edition, sections 7, 8 and 9.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

import numpy as np

_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Left, top, step to the right and step down of each pass of an interlaced picture."""

_PIECE = 1 << 20
"""Bytes that are inflated at a time. Memory."""

_LAST_FILTER = 4
"""Highest number of a filter of a row; its byte stands before the row's pixels."""


def check_deep_scanlines(head: bytes, packed: Iterable[bytes]) -> None:
    """Inflate the rows of a 16-bit picture, and see that they are all there and begin with a filter.

    Args:
        head: Content of the chunk IHDR.
        packed: Contents of the IDAT chunks, in order.

    Raises:
        ValueError: If the head is none, or rows are missing, too many or begin wrongly.
        zlib.error: If they cannot be inflated.
    """
    if len(head) != 13:
        raise ValueError("its head is damaged")
    width, height, depth, kind, packing, filtering, interlacing = struct.unpack(">IIBBBBB", head)
    if depth != 16 or kind not in _CHANNELS or packing or filtering or interlacing > 1:
        raise ValueError("its head is damaged")
    passes = _ADAM7 if interlacing else ((0, 0, 1, 1),)
    rows = _inflated(packed)
    have = bytearray()
    for left, top, right, down in passes:
        across, along = -((left - width) // right), -((top - height) // down)
        stride = 1 + 2 * _CHANNELS[kind] * across
        missing = along if across > 0 else 0
        while missing > 0:
            while len(have) < stride:
                have += next(rows, b"") or _refuse("rows of it are missing")
            many = min(missing, len(have) // stride)
            filters = np.frombuffer(have, np.uint8, many * stride)[::stride].copy()
            if filters.max() > _LAST_FILTER:
                raise ValueError("a row of it is damaged")
            del have[: many * stride]
            missing -= many
    if have or any(rows):
        raise ValueError("it has more rows than it says")


def _refuse(why: str) -> bytes:
    raise ValueError(why)


def _inflated(packed: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what the chunks hold, in pieces that are not empty.

    Raises:
        ValueError: If the packed rows do not end where the chunks end.
    """
    inflating = zlib.decompressobj()
    for content in packed:
        rest = content
        while rest and not inflating.eof:
            if piece := inflating.decompress(rest, _PIECE):  # a short chunk may give none yet
                yield piece
            rest = inflating.unconsumed_tail
        if rest or inflating.unused_data:
            raise ValueError("something follows its rows")
    if not inflating.eof:
        raise ValueError("its rows do not end")
