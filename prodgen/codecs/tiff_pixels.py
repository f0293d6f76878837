"""Pixels of TIFF pages as arrays in full depth: strips and tiles, planes, predictors, packed bits.

libtiff, by way of Pillow, unpacks what is compressed; it is shown each strip as a picture of bytes. So every
depth, sample format and planar configuration is read, where Pillow and OpenCV each know some.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prodgen.codecs import tiff_pages as tags
from prodgen.codecs.formats import MAX_PIXELS, READABLE, OddKindError
from prodgen.codecs.tiff_pages import Directory

_PLAIN, _DEFLATE = 1, (8, 32946)
_BY_LIBTIFF = (5, 32773, 34925, 50000)
"""LZW, PackBits, LZMA, Zstandard."""

_MOST_SAMPLES, _LARGE_TILE = 16, 1024
"""Bounds against hostile files: on channels (CMYK with spot colours has fewer), and on the side of tiles."""


@dataclass(frozen=True)
class _Layout:
    """How the pixels of a page lie in its file."""

    width: int
    height: int
    samples: int
    bits: int
    dtype: np.dtype[Any]
    is_planar: bool
    predictor: int
    compression: int
    block: tuple[int, int]
    """Width and height of strips or tiles; the last strip is shorter, tiles never are."""

    is_tiled: bool
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]

    @property
    def together(self) -> int:
        """How many samples lie side by side."""
        return 1 if self.is_planar else self.samples

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of a block."""
        return -(-self.block[0] * self.together * self.bits // 8)


def layout_of(page: Directory) -> _Layout | None:
    """Return how a page's pixels lie, or None where it is left to Pillow (JPEG, fax, palettes).

    Raises:
        OddKindError: If it cannot be read in full depth.
        ValueError: If what it says cannot be.
    """
    width, height = page.size
    samples, compression = page.number(tags.SAMPLES, 1), page.number(tags.COMPRESSION, 1)
    bits, formats = set(page.numbers(tags.BITS)) or {1}, set(page.numbers(tags.SAMPLE_FORMAT)) or {1}
    known = compression in (_PLAIN, *_DEFLATE, *_BY_LIBTIFF) and page.number(tags.FILL_ORDER, 1) == 1
    if not known or page.number(tags.PHOTOMETRIC, 1) not in (0, 1, 2, 5, 8, 9) or bits <= {1, 2, 4}:
        return None
    if len(bits) > 1 or len(formats) > 1 or not 0 < samples <= _MOST_SAMPLES:
        raise OddKindError("its channels differ, or are too many; save it with 8 or 16 bits a channel")
    depth, sample_format = bits.pop(), formats.pop()
    kinds = {(16, 3): "f2", (32, 3): "f4", (64, 3): "f8", (8, 1): "u1", (16, 1): "u2", (32, 1): "u4"}
    packed = "u2" if sample_format in (1, 4) and 8 < depth < 16 else None
    kind = kinds.get((depth, 1 if sample_format == 4 else sample_format), packed)
    if kind is None:
        named = {2: "signed", 3: "float"}.get(sample_format, "complex" if sample_format > 4 else "whole")
        raise OddKindError(f"it holds {depth}-bit {named} numbers; save it with 8 or 16 bits a channel")
    is_tiled = tags.TILE_OFFSETS in page.entries or tags.TILE_WIDTH in page.entries
    if is_tiled:
        block = (page.number(tags.TILE_WIDTH, 0), page.number(tags.TILE_HEIGHT, 0))
        if min(block) < 16 or block[0] > max(width, _LARGE_TILE) or block[1] > max(height, _LARGE_TILE):
            raise ValueError("tiles of no such size")
    else:
        block = (width, max(1, min(page.number(tags.ROWS_PER_STRIP, height), height)))
    if width * height * samples * np.dtype(kind).itemsize > 16 * MAX_PIXELS:
        raise ValueError("its channels are too many for its size")
    found = _Layout(
        width,
        height,
        samples,
        depth,
        np.dtype(page.order + kind),
        page.number(tags.PLANAR, 1) == 2 and samples > 1,
        page.number(tags.PREDICTOR, 1),
        compression,
        block,
        is_tiled,
        page.numbers(tags.TILE_OFFSETS if is_tiled else tags.STRIP_OFFSETS),
        page.numbers(tags.TILE_BYTES if is_tiled else tags.STRIP_BYTES),
    )
    if compression not in _BY_LIBTIFF or found.row_bytes * block[1] <= 2 * (
        Image.MAX_IMAGE_PIXELS or 1 << 30
    ):
        return found
    if found.is_planar or found.bits != 8:  # Pillow would read other colours, or 8 bits of them
        raise OddKindError("its strips are too long to unpack; save it with Deflate or without compression")
    return None


def pixels_of(page: Directory, layout: _Layout) -> NDArray[Any]:
    """Return a page's pixels, (H, W, samples), in their own type.

    Raises:
        ValueError: If some are missing.
        OSError: If they cannot be unpacked.
    """
    if (flat := _as_they_lie(page, layout)) is not None:
        return flat
    across, down = -(-layout.width // layout.block[0]), -(-layout.height // layout.block[1])
    if len(layout.offsets) < across * down * (layout.samples if layout.is_planar else 1):
        raise ValueError("strips or tiles are missing")
    result = np.empty((layout.height, layout.width, layout.samples), layout.dtype.newbyteorder("="))
    for index, (rows, columns, planes) in enumerate(_blocks(layout)):
        full = layout.block[1] if layout.is_tiled else rows.stop - rows.start
        values = _values(_unpacked(page, layout, index, full), layout, full)
        result[rows, columns, planes] = values[: rows.stop - rows.start, : columns.stop - columns.start]
    return result


def _as_they_lie(page: Directory, layout: _Layout) -> NDArray[Any] | None:
    """A view of the file itself, where its pixels lie there one after the other."""
    plain = layout.compression == _PLAIN and not layout.is_tiled and not layout.is_planar
    if not plain or layout.predictor != 1 or layout.bits % 8 or not layout.offsets:
        return None
    strip = layout.row_bytes * layout.block[1]
    if any(here + strip != after for here, after in zip(layout.offsets, layout.offsets[1:], strict=False)):
        return None
    count = layout.height * layout.width * layout.samples
    flat = np.frombuffer(page.data, layout.dtype, count, layout.offsets[0])
    return flat.reshape(layout.height, layout.width, layout.samples)


def _blocks(layout: _Layout) -> Iterator[tuple[slice, slice, slice]]:
    """Rows, columns and samples of each strip or tile, in the order of the file."""
    width, height = layout.block
    for plane in range(layout.samples if layout.is_planar else 1):
        planes = slice(plane, plane + 1) if layout.is_planar else slice(None)
        for top in range(0, layout.height, height):
            for left in range(0, layout.width, width):
                bottom, right = min(top + height, layout.height), min(left + width, layout.width)
                yield slice(top, bottom), slice(left, right), planes


def _unpacked(page: Directory, layout: _Layout, index: int, rows: int) -> bytes:
    wanted = rows * layout.row_bytes
    start = layout.offsets[index]
    if layout.compression == _PLAIN:
        found = page.data[start : start + wanted]
    else:
        packed = page.data[start : start + (layout.sizes[index] if index < len(layout.sizes) else 0)]
        if layout.compression in _DEFLATE:
            found = zlib.decompressobj().decompress(packed, wanted)
        else:
            with Image.open(
                io.BytesIO(_bytes_as_tiff(packed, layout.compression, layout.row_bytes, rows)),
                formats=READABLE,
            ) as picture:
                found = picture.tobytes()
    if len(found) < wanted:
        raise ValueError("a strip or tile is cut off")
    return found


def _bytes_as_tiff(packed: bytes, compression: int, width: int, height: int) -> bytes:
    """Wrap packed bytes up as an 8-bit grey TIFF of one strip."""
    entries = [
        (tags.WIDTH, width),
        (tags.HEIGHT, height),
        (tags.BITS, 8),
        (tags.COMPRESSION, compression),
        (tags.PHOTOMETRIC, 1),
        (tags.STRIP_OFFSETS, 8 + 2 + 9 * 12 + 4),
        (tags.SAMPLES, 1),
        (tags.ROWS_PER_STRIP, height),
        (tags.STRIP_BYTES, len(packed)),
    ]
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + bytes(4) + packed


def _values(found: bytes, layout: _Layout, rows: int) -> NDArray[Any]:
    """Samples of a block, (rows, columns, samples side by side), from its bytes."""
    columns, together = layout.block[0], layout.together
    if layout.bits % 8:
        lines = np.frombuffer(found, np.uint8).reshape(rows, layout.row_bytes)
        bits = np.unpackbits(lines, axis=1)[:, : columns * together * layout.bits]
        weights = 1 << np.arange(layout.bits - 1, -1, -1, dtype=np.uint16)
        packed = bits.reshape(rows, columns * together, layout.bits) @ weights
        return np.asarray(packed, np.uint16).reshape(rows, columns, together)
    if layout.predictor == 3:
        steps = np.frombuffer(found, np.uint8).reshape(rows, -1, together)
        planes = np.cumsum(steps, axis=1, dtype=np.uint8).reshape(rows, layout.bits // 8, columns * together)
        values = np.ascontiguousarray(planes.swapaxes(1, 2)).view(layout.dtype.newbyteorder(">"))
        return values.reshape(rows, columns, together)
    values = np.frombuffer(found, layout.dtype).reshape(rows, columns, together)
    if layout.predictor == 2:
        whole = np.dtype(f"u{layout.dtype.itemsize}")
        steps = values.view(whole.newbyteorder(layout.dtype.byteorder))
        return np.cumsum(steps, axis=1, dtype=whole).view(layout.dtype.newbyteorder("="))
    return values
