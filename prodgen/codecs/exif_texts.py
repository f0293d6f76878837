"""Texts in EXIF: which fields hold one, and how the bytes of a user comment become words.

EXIF says a comment's alphabet in eight bytes before it, and leaves the byte order of UTF-16 open; programs
write either, with and without those eight bytes. Source: Exif 2.32, section 4.6.5, UserComment.
"""

from __future__ import annotations

import re
from contextlib import suppress

from PIL import Image

from prodgen.codecs.formats import BROKEN

_EXIF_IFD, _USER_COMMENT = 0x8769, 0x9286

_FIELDS = {
    "exif.ImageDescription": 0x010E,
    "exif.Make": 0x010F,
    "exif.Model": 0x0110,
    "exif.Software": 0x0131,
    "exif.MakerNote": 0x927C,
    "exif.XPComment": 0x9C9C,
}
"""Fields besides the user comment that programs which draw pictures write their words into."""

_MARKER = re.compile(rb"(UNICODE|ASCII|JIS)[ \0]*|([\w-]*)\0+", re.IGNORECASE)
"""The eight bytes: an alphabet's name, filled up with zeros or, against the standard, with spaces."""

_JAPANESE = ("iso2022_jp", "utf-8", "cp932")


def exif_texts(exif: Image.Exif) -> dict[str, str]:
    """Return the texts in a block of EXIF: the user comment as "parameters", the others by "exif.NAME".

    Both directories are searched: by the standard the comment is in the second, some programs use the first.
    """
    found: dict[str, str] = {}
    with suppress(*BROKEN):
        fields = {**dict(exif.get_ifd(_EXIF_IFD)), **dict(exif)}
        for name, tag in {"parameters": _USER_COMMENT, **_FIELDS}.items():
            value = fields.get(tag)
            if isinstance(value, tuple) and value and all(isinstance(x, int) and 0 <= x < 256 for x in value):
                value = bytes(value)
            if isinstance(value, str):
                value = value.encode("latin-1", "replace")  # Pillow reads a text field so, whatever it holds
            if isinstance(value, bytes) and (text := comment_text(value, order=exif.endian or ">")):
                found[name] = text
    return found


def comment_text(raw: bytes, *, order: str = ">") -> str:
    """Return the words of a user comment.

    Args:
        raw: The field's bytes, with or without the eight that name an alphabet.
        order: Byte order of the EXIF block, "<" or ">": for UTF-16 that does not show its own.
    """
    found, body = _MARKER.fullmatch(raw[:8]), raw[8:]
    if found is None or len(raw) < 8:
        return plain_text(raw)
    named = (found[1] or b"").upper()
    if named == b"JIS":
        for encoding in _JAPANESE:
            with suppress(UnicodeDecodeError):
                return body.decode(encoding).strip("\0 \r\n")
    if named == b"UNICODE" and b"\0" not in body and not _is_utf8(body):
        return body.decode("utf-16-le" if order == "<" else "utf-16-be", "replace").strip("\0 \r\n")
    return plain_text(body)


def plain_text(raw: bytes) -> str:
    """Return the words of bytes whose alphabet nobody names: UTF-8 or UTF-16, in the last resort Latin-1.

    UTF-16 shows by a byte order mark, else by its zeros: words hold spaces and digits, whose upper byte is 0.
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace").strip("\0 \r\n")
    inner = raw.strip(b"\0")
    if b"\0" in inner:
        upper, lower = raw[::2].count(0), raw[1::2].count(0)
        if upper != lower:
            encoding = "utf-16-be" if upper > lower else "utf-16-le"
            return raw.decode(encoding, "replace").strip("\0 \r\n\ufeff")
    if _is_utf8(raw):
        return raw.decode("utf-8-sig").strip("\0 \r\n")
    return raw.decode("latin-1").strip("\0 \r\n")


def _is_utf8(raw: bytes) -> bool:
    with suppress(UnicodeDecodeError):
        raw.decode("utf-8")
        return True
    return False
