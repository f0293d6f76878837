"""PNG files: what their chunks say about colours, and 16-bit pixels, which Pillow cuts to 8."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prodgen.codecs.exif_colours import ExifFacts, exif_of
from prodgen.codecs.icc_profiles import BROKEN_PROFILE
from prodgen.codecs.pillow_pictures import describe, raster_of
from prodgen.codecs.png_scanlines import check_deep_scanlines
from prodgen.codecs.raster import Raster
from prodgen.codecs.tone_mapping import from_code_points

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _GREY_ALPHA, _RGB_ALPHA = 0, 2, 4, 6


def raster_of_png(data: bytes, picture: Image.Image) -> Raster:
    """Read a PNG file; `picture` is Pillow's, opened and not yet loaded.

    Its colours are those of cICP, else iCCP, else sRGB, else gAMA and cHRM (PNG, third edition, 4.3).
    """
    chunks = _words_on_colours(data)
    if data[24] == 16:
        raster, exif = _deep(data, picture)
    else:
        picture.load()
        hidden = picture.info.get("transparency")
        if data[24] in (2, 4) and data[25] == _GREY and isinstance(hidden, int):
            # Pillow spreads such greys over 8 bits, but not the one that is transparent.
            picture.info["transparency"] = hidden * 255 // (2 ** data[24] - 1)
        raster, exif = raster_of(picture), exif_of(picture)
    if len(chunks.get(b"cICP", b"")) == 4:
        primaries, transfer, matrix, full_range = chunks[b"cICP"]
        if matrix == 0:  # PNG holds RGB, so that nothing else is valid
            raster.orientation = exif.orientation
            bits = None if full_range else min(max(data[24], 8), 16)
            raster.space, notice = from_code_points(primaries, transfer, narrow_bits=bits)
            raster.notices += [notice] if notice else []
            return raster
    profile = picture.info.get("icc_profile")
    if b"iCCP" in chunks and not profile:
        raster.notices.append(BROKEN_PROFILE)
    return describe(raster, profile=profile, exif=exif, info=picture.info)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """The chunks of a file up to its end: name, content, and the chunk whole.

    Raises:
        ValueError: If one is cut off, or its checksum is another.
    """
    place, name = len(SIGNATURE), b""
    while name != b"IEND":
        if place + 12 > len(data):
            raise ValueError("its end is missing")
        length, name = struct.unpack_from(">I4s", data, place)
        whole = data[place : place + 12 + length]
        if len(whole) < 12 + length or zlib.crc32(whole[4:-4]) != int.from_bytes(whole[-4:], "big"):
            raise ValueError("a part of it is cut off or changed")
        yield name, whole[8:-4], whole
        place += len(whole)


def _words_on_colours(data: bytes) -> dict[bytes, bytes]:
    """The chunks before the pixels that matter for colours, by name; what is broken is left out."""
    found: dict[bytes, bytes] = {}
    with suppress(ValueError, struct.error):
        for name, content, _ in _chunks(data):
            if name == b"IDAT":
                break
            found.setdefault(name, content)
    return found


def _deep(data: bytes, picture: Image.Image) -> tuple[Raster, ExifFacts]:
    """Read 16-bit pixels. libpng is shown whole files only, without the chunks that it has opinions on.

    Raises:
        ValueError: If the file is damaged.
    """
    kind, plain = data[25], [SIGNATURE]
    hidden_size = {_GREY: 2, _RGB: 6}.get(kind)
    others: dict[bytes, bytes] = {}
    for name, content, whole in _chunks(data):
        is_first = name not in others
        others.setdefault(name, content if name != b"IDAT" else b"")
        if name in (b"IDAT", b"IEND") or (
            is_first and (name == b"IHDR" or (name == b"tRNS" and len(content) == hidden_size))
        ):
            plain.append(whole)
    packed = (content for name, content, _ in _chunks(data) if name == b"IDAT")
    check_deep_scanlines(others.get(b"IHDR", b""), packed)
    pixels = cv2.imdecode(np.frombuffer(b"".join(plain), np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.shape[:2] != picture.size[::-1]:
        raise ValueError("its pixels are damaged")
    exif = exif_of(others[b"eXIf"]) if b"eXIf" in others else ExifFacts()
    told = str(picture.info.get("XML:com.adobe.xmp"))
    if "Raw profile type exif" in picture.info or re.search(r'tiff:Orientation(="|>)[2-8]', told):
        exif = exif_of(picture)  # text chunks that Pillow knows as well
    return _in_order(pixels, kind, others.get(b"tRNS", b"")), exif


def _in_order(pixels: NDArray[Any], kind: int, hidden: bytes) -> Raster:
    """A raster of OpenCV's pixels; `hidden` is the content of tRNS, the one value that is transparent."""
    if kind == _GREY:
        alpha = (pixels != int.from_bytes(hidden[:2], "big")) * np.uint16(65535) if hidden else None
        return Raster(pixels[..., None], "grey", alpha)
    alpha = pixels[..., 3] if pixels.shape[2] == 4 else None
    if kind == _GREY_ALPHA:
        return Raster(pixels[..., :1], "grey", alpha)
    return Raster(pixels[..., 2::-1], "rgb", alpha)
