"""All texts that a picture's file carries, whatever its format, by name. Knows no program and no meaning.

PNG is walked chunk by chunk, so that texts behind the pixels are found too and none unpacks to more than
`MAX_TEXT_BYTES`. Other formats hold EXIF, XMP and a comment, which Pillow finds.
"""

from __future__ import annotations

import io
import json
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prodgen.codecs.exif_texts import exif_texts, plain_text
from prodgen.codecs.formats import BROKEN, READABLE, check_size, faults_named
from prodgen.codecs.heif_files import heif_info, is_heif
from prodgen.codecs.png_files import SIGNATURE
from prodgen.errors import ImageError

XMP = "XML:com.adobe.xmp"
"""Name of the XMP packet: the keyword that PNG prescribes for it."""

MAX_TEXT_BYTES = 8 << 20
"""Most bytes that one compressed text may unpack to. Guard: workflows of ComfyUI reach a few hundred kB."""

_MAX_TEXTS = 200
"""Most texts of one file that are kept. Guard: a hostile file can hold millions of empty ones."""

_RAW_PROFILE = re.compile(r"Raw profile type (?:exif|APP1)")
"""Keyword under which ImageMagick keeps EXIF in PNG: as hexadecimal digits."""

_HIDDEN = {
    b"stealth_pnginfo": False,
    b"stealth_pngcomp": True,
    b"stealth_rgbinfo": False,
    b"stealth_rgbcomp": True,
}
"""What text in the lowest bits of pixels begins with, and whether it is gzipped after that.

Source: NovelAI/novelai-image-metadata, and the extension stealth-pnginfo for A1111."""


def decode_text(data: bytes, *, name: str = "the picture") -> dict[str, str]:
    """Texts in a picture file, by name.

    PNG's are called by their keywords, XMP "XML:com.adobe.xmp", EXIF's user comment "parameters", other texts
    of EXIF "exif.NAME", a JPEG's or GIF's comment "comment". Where none of these is there, text in the lowest
    bits of the pixels is looked for.

    Raises:
        ImageError: If it is no picture, a broken, animated or too large one, or a text unpacks to too much.
    """
    exif = Image.Exif()
    with faults_named(name):
        if data.startswith(SIGNATURE):
            found = _png_texts(data, name)
        elif is_heif(data):
            info = heif_info(data, name=name)
            with suppress(*BROKEN):  # a picture with broken EXIF is a picture still
                exif.load(info["exif"])
            found = _texts_beside(info, exif)
        else:
            with Image.open(io.BytesIO(data), formats=READABLE) as picture:
                check_one_picture(picture, name)
                with suppress(*BROKEN):
                    exif = picture.getexif()
                found = _texts_beside(picture.info, exif)
        return found or _hidden_texts(data)


def check_one_picture(picture: Image.Image, name: str) -> None:
    """Refuse a file that is too large, or holds several pictures.

    Raises:
        ImageError: If so.
    """
    check_size(*picture.size, name=name)
    frames = getattr(picture, "n_frames", 1)
    # Phones append a depth map or a preview to a JPEG, and thumbnails stand in TIFF files.
    if frames > 1 and picture.format not in ("MPO", "TIFF"):
        raise ImageError(
            f"{name} holds {frames} pictures (animated or many pages); save the one you mean as PNG"
        )


def _texts_beside(info: Mapping[Any, Any], exif: Image.Exif) -> dict[str, str]:
    """Return the texts of XMP, a comment and EXIF, as decoders hand them out beside the pixels."""
    found: dict[str, str] = {}
    if isinstance(packet := info.get("xmp"), bytes):
        found[XMP] = plain_text(packet)
    if isinstance(comment := info.get("comment"), bytes | str):
        found["comment"] = comment if isinstance(comment, str) else plain_text(comment)
    found |= exif_texts(exif)
    return {key: text for key, text in found.items() if text}


def _png_texts(data: bytes, name: str) -> dict[str, str]:
    """Return the texts of a PNG file up to where it ends or is cut off."""
    found: dict[str, str] = {}
    exif: list[bytes] = []
    width, height = struct.unpack_from(">II", data, 16)
    check_size(width, height, name=name)
    for kind, content in _png_chunks(data):
        if kind == b"acTL":
            raise ImageError(f"{name} holds several pictures (animated); save the one you mean as PNG")
        if kind == b"eXIf":
            exif.append(content)
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            keyword, _, rest = content.partition(b"\0")
            key = keyword.decode("latin-1")
            with suppress(zlib.error, IndexError, ValueError):
                text = _unpacked(kind, rest, f"{name}: its text {key[:40]!r}")
                if _RAW_PROFILE.fullmatch(key):
                    exif.append(bytes.fromhex("".join(text.split()[2:])))
                elif len(found) < _MAX_TEXTS:
                    found.setdefault(key, text)
    for block in exif:
        with suppress(*BROKEN):
            fields = Image.Exif()
            fields.load(block)
            found = {**exif_texts(fields), **found}
    return found


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of each chunk; checksums are not looked at."""
    place = len(SIGNATURE)
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"IEND":
            return
        yield kind, b"" if kind == b"IDAT" else data[place + 8 : place + 8 + length]
        place += 12 + length


def _unpacked(kind: bytes, rest: bytes, what: str) -> str:
    """Return the text of a chunk, of which `rest` is what follows the keyword.

    tEXt should be Latin-1, but several programs write UTF-8 into it: what is valid UTF-8 is taken for that.
    """
    if kind == b"tEXt":
        return plain_text(rest) if b"\0" not in rest else rest.decode("latin-1")
    if kind == b"zTXt":
        return plain_text(_inflated(rest[1:], what))
    is_packed, body = rest[0], rest[2:].split(b"\0", 2)[2]
    return (_inflated(body, what) if is_packed else body).decode("utf-8", "replace")


def _inflated(packed: bytes, what: str, *, window: int = zlib.MAX_WBITS) -> bytes:
    """Return unpacked bytes.

    Raises:
        ImageError: If they are more than a text can be.
        zlib.error: If they are damaged.
    """
    unpacking = zlib.decompressobj(window)
    text = unpacking.decompress(packed, MAX_TEXT_BYTES)
    if unpacking.unconsumed_tail:
        raise ImageError(f"{what} unpacks to more than {MAX_TEXT_BYTES >> 20} MB, and is not read")
    return text


def _hidden_texts(data: bytes) -> dict[str, str]:
    """Return the texts in the lowest bits of alpha, or of all colours, read column by column."""
    with suppress(*BROKEN), Image.open(io.BytesIO(data), formats=("PNG", "WEBP")) as picture:
        if picture.mode in ("RGB", "RGBA"):
            pixels = np.asarray(picture)
            for values in (pixels[..., 3:], pixels[..., :3]):
                head = _lowest_bits(values, 0, 152)
                if (is_packed := _HIDDEN.get(head[:15])) is not None:
                    size = min(int.from_bytes(head[15:], "big"), MAX_TEXT_BYTES * 8)
                    body = _lowest_bits(values, 152, size)
                    return _hidden_parts(_inflated(body, "hidden text", window=31) if is_packed else body)
    return {}


def _lowest_bits(values: NDArray[np.uint8], start: int, count: int) -> bytes:
    """Return `count` lowest bits of (H, W, C) values from the `start`-th on, column by column, as bytes."""
    per_column = max(values.shape[0] * values.shape[2], 1)
    bits = (values[:, : -(-(start + count) // per_column)] & 1).swapaxes(0, 1).reshape(-1)
    return np.packbits(bits[start : start + count]).tobytes()


def _hidden_parts(body: bytes) -> dict[str, str]:
    """Return hidden text by name: NovelAI hides an object with the keywords of PNG, others an infotext."""
    text = body.decode("utf-8", "replace")
    with suppress(ValueError, RecursionError):
        found = json.loads(text)
        if isinstance(found, dict):
            return {key: x if isinstance(x, str) else json.dumps(x) for key, x in found.items()}
    return {"parameters": text}
