"""The directories (IFDs) of TIFF files and of raw files made like them, and which holds the photograph."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from prodgen.errors import ImageError

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 254, 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES, PLANAR = 273, 274, 277, 278, 279, 284
PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES = 317, 322, 323, 324, 325
SUB_DIRECTORIES, EXTRA_SAMPLES, SAMPLE_FORMAT, EXIF_DIRECTORY, PROFILE = 330, 338, 339, 34665, 34675
_OLD_SUBFILE, _DNG_VERSION = 255, 50706

_SENSOR_DATA = (32803, 34892)
"""Photometric interpretations of camera raw: filter array, linear raw. Source: DNG 1.7, chapter 4."""

_FORMATS = dict(zip((1, 2, 3, 4, 6, 7, 8, 9, 13, 16, 17, 18), "BBHIbBhiIQqQ", strict=True))
"""How values are packed, by TIFF's types; fractions and floats are not asked for here."""

_SIZES = {5: 8, 10: 8, 11: 4, 12: 8} | {kind: struct.calcsize("<" + form) for kind, form in _FORMATS.items()}

_MOST_PAGES, _MOST_TAGS = 1000, 4096
"""Bounds against hostile files."""


@dataclass(frozen=True)
class Directory:
    """One page of a file: tags with where their values lie."""

    data: bytes
    order: str
    """"<" or ">"."""

    offset: int
    next_at: int
    """Where the offset of the next directory is written."""

    entries: dict[int, tuple[int, int, int]]
    """Type, count and offset of the values, by tag."""

    def raw(self, tag: int) -> bytes:
        """A tag's bytes; none if it is missing.

        Raises:
            ValueError: If they lie beyond the end of the file.
        """
        kind, count, place = self.entries.get(tag, (1, 0, 0))
        size = _SIZES.get(kind, 1) * count
        if place + size > len(self.data):
            raise ValueError(f"the values of tag {tag} are missing")
        return self.data[place : place + size]

    def numbers(self, tag: int) -> tuple[int, ...]:
        """A tag's whole numbers; none if it is missing or holds no such."""
        kind, count, _ = self.entries.get(tag, (1, 0, 0))
        return (
            struct.unpack(f"{self.order}{count}{_FORMATS[kind]}", self.raw(tag)) if kind in _FORMATS else ()
        )

    def number(self, tag: int, default: int) -> int:
        """A tag's first whole number, or `default` if there is none."""
        return next(iter(self.numbers(tag)), default)

    @property
    def is_big(self) -> bool:
        """Whether the file is a BigTIFF, with offsets of 64 bits."""
        return self.data[2:4] in (b"+\0", b"\0+")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.number(WIDTH, 0), self.number(HEIGHT, 0)

    @property
    def is_reduced(self) -> bool:
        """Whether it says that it is a smaller copy of another page."""
        return bool(self.number(SUBFILE, 0) & 1) or self.number(_OLD_SUBFILE, 1) == 2

    @property
    def is_mask(self) -> bool:
        """Whether it is a transparency mask of another page."""
        return bool(self.number(SUBFILE, 0) & 4) or self.number(PHOTOMETRIC, 1) == 4

    @property
    def is_raw(self) -> bool:
        """Whether it holds what a camera's sensor saw."""
        return self.number(PHOTOMETRIC, 1) in _SENSOR_DATA or _DNG_VERSION in self.entries


def pages_of(data: bytes) -> tuple[list[Directory], list[Directory]]:
    """Return the pages of a file, and the sub-pages that they name.

    Raises:
        ValueError: If the file is not what it should be.
    """
    order = "<" if data[:2] == b"II" else ">"
    is_big = data[2:4] in (b"+\0", b"\0+")
    (first,) = struct.unpack_from(order + ("Q" if is_big else "I"), data, 8 if is_big else 4)
    seen: set[int] = set()
    pages = list(_chain(data, order, first, is_big=is_big, seen=seen))
    under = [offset for page in pages for offset in page.numbers(SUB_DIRECTORIES)[:_MOST_PAGES]]
    subs = [page for offset in under for page in _chain(data, order, offset, is_big=is_big, seen=seen)]
    if not pages:
        raise ValueError("it has no pages")
    return pages, subs


def _chain(data: bytes, order: str, offset: int, *, is_big: bool, seen: set[int]) -> Iterator[Directory]:
    head, entry, link = ("Q", "HHQ", "Q") if is_big else ("H", "HHI", "I")
    inline = 8 if is_big else 4
    while offset and offset not in seen and len(seen) < _MOST_PAGES:
        seen.add(offset)
        (count,) = struct.unpack_from(order + head, data, offset)
        place = offset + struct.calcsize(order + head)
        if count > _MOST_TAGS:
            raise ValueError("a page with too many tags")
        entries: dict[int, tuple[int, int, int]] = {}
        for _ in range(count):
            tag, kind, number = struct.unpack_from(order + entry, data, place)
            place += struct.calcsize(order + entry)
            where = place
            if _SIZES.get(kind, 1) * number > inline:
                (where,) = struct.unpack_from(order + link, data, place)
            entries.setdefault(tag, (kind, number, where))
            place += inline
        yield Directory(data, order, offset, place, entries)
        (offset,) = struct.unpack_from(order + link, data, place)


def photograph_of(pages: list[Directory], subs: list[Directory], *, name: str) -> Directory:
    """Return the page that holds the photograph, which thumbnails and masks may stand beside.

    Raises:
        ImageError: If it is one of several.
    """
    whole = [page for page in pages if not page.is_reduced and not page.is_mask]
    if not whole:
        whole = [page for page in subs if not page.is_reduced and not page.is_mask][:1]
    if not whole:
        whole = [max(pages, key=lambda page: page.size[0] * page.size[1])]
    largest = max(whole, key=lambda page: page.size[0] * page.size[1])
    rest = [page for page in whole if page is not largest and not _is_copy(page, largest)]
    if rest:
        raise ImageError(f"{name} holds {len(rest) + 1} pictures (many pages); save the one you mean as PNG")
    return largest


def _is_copy(page: Directory, of: Directory) -> bool:
    """Whether a page has the shape of another at half its size or less, as thumbnails that do not say so."""
    (width, height), (full_width, full_height) = page.size, of.size
    ratio = full_width / max(width, 1)
    return ratio >= 2 and abs(full_height / ratio - height) <= 1
