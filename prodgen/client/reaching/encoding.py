"""Bytes on the wire: pictures to base64 inside a JSON body, and back, as fast as it is exact.

A body is spliced together from JSON and base64 instead of being encoded whole, so that no encoder
scans megabytes of base64 for characters to escape. Local servers get pictures uncompressed (a PNG
takes 50 times as long as everything else together), others as lossless WebP or PNG.
"""

from __future__ import annotations

import io
import json
import struct
import uuid
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pybase64
from numpy.typing import NDArray
from PIL import Image
from pydantic_core import from_json

from prodgen import codecs, images
from prodgen.dialects import Picture
from prodgen.errors import ImageError
from prodgen.images import RgbImage

CHUNK_BYTES = 1 << 20
"""Sent at a time: large enough to be few, small enough that a partial send copies little."""

WEBP_MAX_SIDE = 16_383
"""Pixels; the format has 14 bits."""

_TO_FLOAT = images.from_uint8(np.arange(256, dtype=np.uint8))
"""8-bit value -> float, by look-up in one pass; equal to `images.from_uint8` by construction."""

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Body:
    """A request body in parts; iterating gives chunks, again and again if it must be sent again."""

    parts: tuple[bytes, ...]

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


def encode_body(fields: dict[str, Any], *, formats: Collection[str], is_local: bool) -> Body:
    """Make JSON of `fields`, with each `Picture` spliced in as base64.

    Args:
        fields: As a dialect made them.
        formats: What the server can decode: "bmp", "tiff", "webp", "png".
        is_local: Whether bytes are cheaper than time.
    """
    mark = uuid.uuid4().hex
    pictures: list[Picture] = []

    def stand_in(value: object) -> str:
        if not isinstance(value, Picture):
            raise TypeError(f"a {type(value).__name__} cannot be sent")
        pictures.append(value)
        return mark

    text = json.dumps(fields, default=stand_in, allow_nan=False).encode()
    pieces = text.split(mark.encode())
    parts = [pieces[0]]
    for picture, piece in zip(pictures, pieces[1:], strict=True):
        parts += [pybase64.b64encode(encode_picture(picture, formats=formats, is_local=is_local)), piece]
    return Body(tuple(parts))


def encode_picture(picture: Picture, *, formats: Collection[str], is_local: bool) -> bytes | bytearray:
    """Make a file of a picture, lossless in 8 bit, in the cheapest format for this way."""
    if is_local and picture.matte is None and "bmp" in formats:
        return _bmp(picture)
    pixels = _pixels(picture)
    # A 32-bit BMP would lose its alpha on A1111, so everything with alpha goes as TIFF.
    if is_local and "tiff" in formats:
        return _tiff(pixels)
    if "webp" in formats and max(picture.size) <= WEBP_MAX_SIDE and picture.rgb is not None:
        return _webp(pixels)
    return _png(pixels)


def to_uint8(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Float [0, 1] to 8 bit, rounded and clipped, in one pass.

    As `images.to_uint8` but for exact halves, which go to the even neighbour.
    """
    return np.asarray(cv2.convertScaleAbs(np.maximum(values, 0) if values.min() < 0 else values, alpha=255))


def _pixels(picture: Picture) -> NDArray[np.uint8]:
    if picture.rgb is None:
        assert picture.matte is not None  # noqa: S101 - a Picture has one of the two
        return to_uint8(picture.matte)
    rgb = to_uint8(picture.rgb)
    if picture.matte is None:
        return rgb
    return np.dstack([rgb, to_uint8(picture.matte)])


def _bmp(picture: Picture) -> bytearray:
    """24-bit BMP, rows from the top (negative height)."""
    assert picture.rgb is not None  # noqa: S101 - asked for by the caller
    width, height = picture.size
    stride = (3 * width + 3) & ~3
    data = bytearray(54 + stride * height)
    struct.pack_into(
        "<2sIHHIIiiHHIIiiII",
        data,
        0,
        *(b"BM", len(data), 0, 0, 54, 40, width, -height, 1, 24, 0, stride * height, 2835, 2835, 0, 0),
    )
    rows = np.frombuffer(data, np.uint8, offset=54).reshape(height, stride)
    bgr = cv2.cvtColor(to_uint8(picture.rgb), cv2.COLOR_RGB2BGR)
    rows[:, : 3 * width] = bgr.reshape(height, 3 * width)
    return data


def _tiff(pixels: NDArray[np.uint8]) -> bytes:
    """Uncompressed TIFF of one strip: grey, RGB, or RGB with unassociated alpha."""
    height, width = pixels.shape[:2]
    samples = 1 if pixels.ndim == 2 else pixels.shape[2]
    short, long = 3, 4
    bits_at = 8
    pixels_at = bits_at + 2 * samples + (2 * samples) % 4
    size = width * height * samples
    entries = [
        (256, long, 1, width),
        (257, long, 1, height),
        (258, short, samples, bits_at if samples > 2 else 8),
        (259, short, 1, 1),
        (262, short, 1, 1 if samples == 1 else 2),
        (273, long, 1, pixels_at),
        (277, short, 1, samples),
        (278, long, 1, height),
        (279, long, 1, size),
        (284, short, 1, 1),
    ]
    if samples == 4:
        entries.append((338, short, 1, 2))
    directory_at = pixels_at + size + size % 2
    head = struct.pack("<2sHI", b"II", 42, directory_at) + struct.pack(f"<{samples}H", *[8] * samples)
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries)
    return b"".join(
        [
            head.ljust(pixels_at, b"\0"),
            np.ascontiguousarray(pixels).tobytes(),
            b"\0" * (size % 2),
            directory + b"\0\0\0\0",
        ]
    )


def _webp(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    # Method and quality 0: seven times as fast as PNG and smaller. Exact: colours under alpha 0 stay.
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=True, quality=0, method=0, exact=True)
    return buffer.getvalue()


def _png(pixels: NDArray[np.uint8]) -> bytes:
    if pixels.ndim == 3:
        code = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
        pixels = np.asarray(cv2.cvtColor(pixels, code), np.uint8)
    done, data = cv2.imencode(".png", pixels)
    if not done:
        raise ImageError("the picture could not be encoded as PNG")
    return data.tobytes()


def decode_json(body: bytes) -> Any:
    """Parse an answer; twelve times as fast as `json` where it is mostly base64.

    Raises:
        ValueError: If it is not JSON, or only the beginning of it.
    """
    return from_json(body, allow_inf_nan=True)


def decode_base64(text: str) -> bytes:
    """Return the bytes behind base64 text, with or without a data URI's head.

    Raises:
        ValueError: If it is not base64.
    """
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        # The strict path over bytes is seven times as fast as the one over str.
        return pybase64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, UnicodeEncodeError):
        return pybase64.b64decode(text.strip() + "=" * (-len(text.strip()) % 4), validate=True)


def decode_picture(data: bytes, *, name: str) -> RgbImage:
    """Make a picture of a file that a server sent, exact in 8 bit.

    Raises:
        ImageError: If it is no picture, damaged, cut off, or too large to be meant; sizes are
            checked before anything is decoded.
    """
    if not _is_plain_png(data):
        return codecs.decode(data, name=name).rgb
    width, height = struct.unpack_from(">II", data, 16)
    if max(width, height) > codecs.MAX_SIDE_PX or width * height > codecs.MAX_PIXELS:
        raise ImageError(f"{name} is {width}x{height} px, more than any model draws")
    if not _is_whole_png(data):
        raise ImageError(f"{name} is damaged or cut off")
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ImageError(f"{name} is damaged")
    code = cv2.COLOR_BGRA2RGB if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.LUT(cv2.cvtColor(pixels, code), _TO_FLOAT), np.float32)


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


def _is_whole_png(data: bytes) -> bool:
    """Whether all chunks are there with the right checksums; OpenCV fills a torn end with grey."""
    view = memoryview(data)
    at = len(_PNG_MAGIC)
    while at + 12 <= len(data):
        length = int.from_bytes(view[at : at + 4], "big")
        end = at + 12 + length
        if end > len(data) or zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(
            view[end - 4 : end], "big"
        ):
            return False
        if bytes(view[at + 4 : at + 8]) == b"IEND":
            return True
        at = end
    return False
