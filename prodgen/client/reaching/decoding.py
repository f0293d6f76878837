"""Answers made into values: JSON, base64 and pictures; what is not whole becomes an error that says which."""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import cv2
import numpy as np
import pybase64
from pydantic_core import from_json

from prodgen import codecs, images
from prodgen.dialects.reading import writable
from prodgen.errors import AnswerError, ImageError
from prodgen.images import Photo, RgbImage

_TO_FLOAT = images.from_uint8(np.arange(256, dtype=np.uint8))
"""8-bit value -> float, by look-up in one pass; equal to `images.from_uint8` by construction."""

ANSWER_BYTES_PER_PIXEL = 5
"""Most bytes that a pixel takes: base64 of a PNG of pure noise takes 4.1."""

ANSWER_SLACK_BYTES = 32 << 20
"""Room for infotexts, JSON and pictures that extensions add, in any answer."""

_BYTES_LITERAL = re.compile(r"""b?(["'])(.*)\1""", re.DOTALL)
"""Base64 as Python prints bytes, or in quotes of its own."""

_LINE_BREAKS = re.compile(r"\s|\\[nrt]|\\(?=/)")
"""Line breaks in base64, also written out as escapes, and the backslash of an escaped slash."""

_ALPHABET = str.maketrans("-_", "+/")
"""From the URL-safe alphabet to the usual one (RFC 4648, section 5)."""

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def decode_json(body: bytes) -> Any:
    """Parse an answer; twelve times as fast as `json` where it is mostly base64.

    Text in another encoding, half a surrogate pair and line breaks inside strings are survived: characters
    that are none become question marks.

    Raises:
        ValueError: If it is not JSON, or only the beginning of it.
    """
    try:
        return from_json(body, allow_inf_nan=True)
    except ValueError:
        text = body.decode(json.detect_encoding(body), "replace")
        try:
            lax = json.loads(text, strict=False)
        except (ValueError, RecursionError):
            lax = None
        if lax is None:
            raise
        return writable(lax)


def as_object(value: Any) -> dict[str, Any]:
    """Return a JSON object as it is, and an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def answer_limit(sent_bytes: int, pixels: float) -> int:
    """Return the most bytes that an answer with so many pixels can have; it repeats what was sent."""
    return ANSWER_SLACK_BYTES + sent_bytes + int(ANSWER_BYTES_PER_PIXEL * pixels)


def decode_base64(text: str) -> bytes:
    """Return the bytes behind base64 text in any of its forms.

    Also with a data URI's head, line breaks (MIME), the URL-safe alphabet, no padding, the quotes and the b
    of a Python bytes literal, and percent signs.

    Raises:
        ValueError: If it is not base64.
    """
    if text[:5].lower() == "data:":
        text = text.partition(",")[2]
    try:
        # The strict path over bytes is seven times as fast as the one over str.
        return pybase64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, UnicodeEncodeError):
        return pybase64.b64decode(_plain_base64(text), validate=True)


def _plain_base64(text: str) -> str:
    literal = _BYTES_LITERAL.fullmatch(text.strip())
    text = literal[2] if literal else text
    if text[:5].lower() == "data:":
        text = text.partition(",")[2]
    if "%" in text:
        text = unquote(text)
    text = _LINE_BREAKS.sub("", text).translate(_ALPHABET).rstrip("=")
    return text + "=" * (-len(text) % 4)


def decode_picture(data: bytes, *, name: str) -> Photo:
    """Make a picture of a file that a server sent, exact in 8 bit; its alpha becomes the matte.

    Raises:
        ImageError: If it is no picture, damaged, cut off, or too large to be meant; sizes are
            checked before anything is decoded.
    """
    if not _is_plain_png(data):
        return codecs.decode(data, name=name)
    width, height = struct.unpack_from(">II", data, 16)
    codecs.check_size(width, height, name=name)
    # Looked at first, because OpenCV prints lines of its own about a damaged file.
    is_whole = _is_whole_png(data)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if is_whole else None
    if pixels is None:
        raise ImageError(f"{name} is damaged or cut off")
    code = cv2.COLOR_BGRA2RGB if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB
    colours = np.asarray(cv2.LUT(cv2.cvtColor(pixels, code), _TO_FLOAT), np.float32)
    alpha = images.from_uint8(np.asarray(pixels[..., 3:], np.uint8))
    return Photo(colours, images.useful_alpha(alpha))


def _is_whole_png(data: bytes) -> bool:
    """Whether a PNG goes on to its end, with right checksums of all that its pixels are made of."""
    place = len(_PNG_MAGIC)
    while place + 12 <= len(data):
        size, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        end = place + 8 + size
        is_critical = kind[:1].isupper()
        if is_critical and data[end : end + 4] != zlib.crc32(data[place + 4 : end]).to_bytes(4, "big"):
            return False
        if kind == b"IEND":
            return True
        place = end + 4
    return False


def is_lossless(data: bytes) -> bool:
    """Whether a picture file keeps every value: PNG, BMP, TIFF and lossless WebP.

    A TIFF can hold JPEG; no server was seen to send one.
    """
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        place = 12
        while place + 8 <= len(data):  # the extended form has other chunks before the pixels
            kind, size = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
            if kind in (b"VP8L", b"VP8 "):
                return kind == b"VP8L"
            place += 8 + size + size % 2
        return False
    return data.startswith((_PNG_MAGIC, b"BM", b"II*\0", b"MM\0*"))


def _is_plain_png(data: bytes) -> bool:
    """8-bit RGB or RGBA without a colour profile: what servers send, and OpenCV reads exactly."""
    head = data[:33]
    return (
        len(head) == 33
        and head.startswith(_PNG_MAGIC)
        and head[24] == 8
        and head[25] in (2, 6)
        and b"iCCP" not in data[33:512]
        and b"gAMA" not in data[33:512]
    )


def decode_file(url: str, data: bytes, name: str) -> Photo:
    """Return a picture from a file.

    Raises:
        AnswerError: If it is damaged, or larger than any model draws.
    """
    try:
        return decode_picture(data, name=name)
    except ImageError as error:
        raise AnswerError(url, f"{error}") from error


def file_behind(url: str, text: str, name: str) -> bytes:
    """Return the picture file behind base64 text.

    Raises:
        AnswerError: If it is no base64.
    """
    try:
        return decode_base64(text)
    except ValueError as error:
        raise AnswerError(url, f"{name} is no base64: {error}") from error


def decode_all(url: str, texts: Sequence[str], what: str) -> list[RgbImage]:
    """Return pictures from base64 texts.

    Raises:
        AnswerError: If one is damaged, or larger than any model draws.
    """
    names = [f"{what} {number}" for number in range(1, len(texts) + 1)]
    return [
        decode_file(url, file_behind(url, text, name), name).rgb
        for text, name in zip(texts, names, strict=True)
    ]
