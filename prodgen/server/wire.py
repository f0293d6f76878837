"""What goes over the embedded server's wire: answers, the four forms of error, pictures in base64.

Owns the spelling only: which picture or which error is somebody else's business. Pictures are
uint8 arrays here, as they are on the wire, so that what must stay the same to the bit can.
"""

from __future__ import annotations

import binascii
import io
import json
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import cv2
import numpy as np
import pybase64
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from prodgen.codecs import MAX_PIXELS, MAX_SIDE_PX, READABLE
from prodgen.codecs.formats import BROKEN
from prodgen.errors import ProdgenError

Pixels = NDArray[np.uint8]
"""(H, W, 3) or (H, W, 4), sRGB, uint8; never single-channel: the mode is kept beside it."""

Cut = Literal["refuse", "before", "during", "after"]
"""Where a connection breaks: on connecting, before the work, within the answer, after the work."""

PNG_LEVEL = 1
"""zlib's level for answers, 0 to 9. Speed: 1 takes 60 % of the time of 3, for 8 % more bytes."""

MAX_REQUEST_PX = 300_000_000
"""Pixels of the pictures that one request sends, together, and of those that it asks for. Guard: ten
photographs of 24 megapixels fit; as 8-bit RGBA it is 1.2 GB, and only one request at a time has its pictures
decoded."""

BAND_ROWS = 64
"""Rows of a picture that are calculated with at once; of the widest ones they take 25 MB for each step."""

_BLANKS = b" \t\n\r\v\f"
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class HttpAnswer:
    """One HTTP answer, or the way in which there is none (`cut`)."""

    status: int = 200
    body: bytes = b"null"
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: Cut | None = None
    error: ProdgenError | None = field(default=None, compare=False)
    """What the engine raised, where the answer is about that."""


class Refused(Exception):  # noqa: N818 - named after what the server does
    """A1111's own refusal (its HTTPException): a status and a text in `detail`."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})


class NoRoute(Refused):
    """A path or method that is not there: FastAPI's own answer, shorter than A1111's."""


class Crashed(Exception):  # noqa: N818 - named after what the server does
    """Something raised inside the server: always 500, with the exception's class name and text."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(kind, text)
        self.kind = kind
        self.text = text


def nan_crash() -> Crashed:
    """Return the failure of a half-precision model that breaks."""
    text = (
        "A tensor with NaNs was produced in Unet."
        " Use --disable-nan-check commandline argument to disable this check."
    )
    return Crashed("NansException", text)


class Invalid(Exception):  # noqa: N818 - named after what the server does
    """The request breaks its schema: 422 with all faults listed, as FastAPI with pydantic 1 does."""

    def __init__(self, faults: Sequence[dict[str, Any]]) -> None:
        super().__init__(tuple(faults))
        self.faults = list(faults)


def to_json(value: object) -> bytes:
    """Return `value` as FastAPI writes it: UTF-8, no spaces."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")  # half of a surrogate pair has no UTF-8, but is JSON


def answer(value: object, status: int = 200) -> HttpAnswer:
    """Return an answer with `value` as JSON."""
    return HttpAnswer(status, to_json(value))


def error_answer(error: Refused | Crashed | Invalid) -> HttpAnswer:
    """Return the body that the real server gives for an error of this kind."""
    if isinstance(error, Invalid):
        return answer({"detail": error.faults}, 422)
    if isinstance(error, NoRoute):
        return replace(answer({"detail": error.detail}, error.status), headers=error.headers)
    if isinstance(error, Refused):
        body = {"error": "HTTPException", "detail": error.detail, "body": "", "errors": ""}
        return replace(answer(body, error.status), headers=error.headers)
    return answer({"error": error.kind, "detail": "", "body": "", "errors": error.text}, 500)


def crash_answer(error: Exception) -> HttpAnswer:
    """Return the answer to an exception that nobody meant for a client: its class and text."""
    return error_answer(Crashed(type(error).__name__, str(error)))


def resized(pixels: Pixels, width: int, height: int, how: int) -> Pixels:
    """Return pixels, (H, W) or (H, W, C), at another size; `how` is one of OpenCV's INTER constants."""
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=how), np.uint8)


def mixed(base: NDArray[np.uint8], top: Pixels, share: NDArray[np.uint8] | float) -> Pixels:
    """Return `base` mixed with `top`, rounded; where the share is 0, it is `base` to the bit.

    Args:
        base: A picture, (H, W, C), or one colour, (C,).
        top: A picture, (H, W, C).
        share: Share of `top`: 0 to 1, or for each pixel 0 to 255, (H, W).
    """
    result = np.empty(top.shape, np.uint8)
    below = np.broadcast_to(base, top.shape)
    for band in _bands(result):
        part = share if isinstance(share, float) else share[band, :, None].astype(np.float32) / 255
        # Exact where the share is 0: 8-bit values are whole numbers, also as float32.
        low = below[band].astype(np.float32)
        result[band] = np.rint(low + (top[band] - low) * np.float32(part))
    return result


def _bands(pixels: NDArray[np.uint8]) -> Iterator[slice]:
    """Return a few rows at a time: as numbers of 32 bits a whole picture takes four times its memory."""
    for start in range(0, len(pixels), BAND_ROWS):
        yield slice(start, start + BAND_ROWS)


def images_answer(
    key: str, images: Sequence[bytes] | bytes, rest: Mapping[str, object], *, last: bool = False
) -> HttpAnswer:
    """Return an answer whose `key` holds base64 pictures, which are spliced in unparsed: they are large.

    Args:
        key: Name of the field.
        images: Base64 text of each picture, or of the only one.
        rest: The other fields; at least one.
        last: Whether the pictures come after the other fields, as the extras routes have it.

    Returns:
        The answer, equal to serialising everything together.
    """
    pictures = b'"' + images + b'"' if isinstance(images, bytes) else _json_list(images)
    field_ = b'"%s":%s' % (key.encode(), pictures)
    others = to_json(rest)[1:-1]
    return HttpAnswer(200, b"{%s,%s}" % ((others, field_) if last else (field_, others)))


def _json_list(images: Sequence[bytes]) -> bytes:
    return b'["' + b'","'.join(images) + b'"]' if images else b"[]"


@dataclass(frozen=True)
class UploadedPicture:
    """A picture as it came: its pixels and the mode of its file."""

    pixels: Pixels
    mode: str
    """Pillow's name: "RGB", "RGBA", "L", "LA", "P", ..."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def alpha(self) -> NDArray[np.uint8] | None:
        """The alpha channel, (H, W), or None."""
        return self.pixels[..., 3] if self.pixels.shape[2] == 4 else None

    @property
    def grey(self) -> NDArray[np.uint8]:
        """Luminance as Pillow's "L" has it (ITU-R 601-2), (H, W), without regard to alpha."""
        weights = np.array([19595, 38470, 7471], dtype=np.uint32)
        result = np.empty(self.pixels.shape[:2], np.uint8)
        for band in _bands(result):
            result[band] = (self.pixels[band, :, :3] @ weights + 0x8000) >> 16
        return result

    def over(self, red: int, green: int, blue: int) -> Pixels:
        """Return the picture flattened on a colour, (H, W, 3)."""
        alpha = self.alpha
        if alpha is None:
            return self.pixels
        return mixed(np.array([red, green, blue], np.uint8), self.pixels[..., :3], alpha)


def base64_bytes(text: object) -> bytes:
    """Return the bytes of a picture field: base64, plain or as a data URI.

    Blanks, line breaks and missing padding are tolerated, other strange characters are not.

    Raises:
        Refused: If it is an address, or no base64.
        Crashed: If it is no text, or a data URI of an unknown make.
    """
    if not isinstance(text, str):
        raise Crashed("AttributeError", f"{type(text).__name__!r} object has no attribute 'startswith'")
    if text.startswith(("http://", "https://")):
        raise Refused(500, "Request to local resource not allowed")
    if text.startswith("data:image/"):
        parts = text.split(";", 2)
        if len(parts) < 2 or "," not in parts[1]:
            raise Crashed("IndexError", "list index out of range")
        text = parts[1].split(",", 2)[1]
    try:
        return pybase64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        pass  # the tolerant way is slower, so it comes second
    try:
        # Nothing here splits a text into all its words: short ones take twenty times its memory.
        squeezed = text.encode("ascii").translate(None, _BLANKS).rstrip(b"=")
        return pybase64.b64decode(squeezed + b"=" * (-len(squeezed) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Refused(500, "Invalid encoded image") from None


def read_picture(text: object) -> UploadedPicture:
    """Return the picture in a request field, upright; a truncated one is completed, as the server does.

    Raises:
        Refused: If it is no picture, or too large a one.
        Crashed: If the field is no text.
    """
    return decode_picture(base64_bytes(text))


def read_pictures(texts: Sequence[object]) -> list[UploadedPicture]:
    """Return the pictures in several fields of one request; see `read_picture`.

    Raises:
        Refused: If one is no picture, or they have more than `MAX_REQUEST_PX` together.
        Crashed: If a field is no text.
    """
    left_px, pictures = MAX_REQUEST_PX, []
    for text in texts:
        data = base64_bytes(text)
        width, height = _size_of(data)
        left_px -= width * height
        if left_px < 0:
            raise too_many_pixels()
        pictures.append(decode_picture(data))
    return pictures


def check_picture(text: object) -> None:
    """Look whether a request field begins as a picture does, without the memory that decoding takes.

    Raises:
        Refused: If it is no picture, or too large a one.
        Crashed: If the field is no text.
    """
    _size_of(base64_bytes(text))


def too_many_pixels() -> Refused:
    """Return the refusal of a request over `MAX_REQUEST_PX`."""
    most = MAX_REQUEST_PX // 10**6
    return Refused(413, f"a request takes and gives at most {most} megapixels together; send or ask for less")


def _size_of(data: bytes) -> tuple[int, int]:
    with opened(data) as picture:
        return picture.size


@contextmanager
def opened(data: bytes) -> Iterator[Image.Image]:
    """Open a picture file of the formats that are meant; its pixels are not read yet."""
    try:
        with Image.open(io.BytesIO(data), formats=READABLE) as picture:
            _check_size(*picture.size)
            yield picture
    except (*BROKEN, UnidentifiedImageError, Image.DecompressionBombError):
        raise Refused(500, "Invalid encoded image") from None


def decode_picture(data: bytes) -> UploadedPicture:
    """Return the picture in `data`; see `read_picture`.

    Raises:
        Refused: If it is no picture, or too large a one.
    """
    if data.startswith(_PNG) and data[-8:-4] == b"IEND" and len(data) > 33 and b"eXIf" not in data[:4096]:
        fast = _decode_png(data)
        if fast is not None:
            return fast
    with opened(data) as picture:
        return _from_pillow(picture)


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE_PX or min(width, height) < 1:
        raise Refused(500, "Invalid encoded image")


def _decode_png(data: bytes) -> UploadedPicture | None:
    """Return an 8-bit RGB or RGBA PNG by the fast decoder; None for the kinds that need Pillow's care."""
    width, height, depth, kind = struct.unpack(">IIBB", data[16:26])
    _check_size(width, height)
    if depth != 8 or kind not in (2, 6):
        return None
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 3:
        return None
    order = cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    return UploadedPicture(np.asarray(cv2.cvtColor(pixels, order), np.uint8), "RGB" if kind == 2 else "RGBA")


def _from_pillow(picture: Image.Image) -> UploadedPicture:
    mode = picture.mode
    try:
        picture.load()
    except OSError:
        picture.tile = []  # type: ignore[attr-defined]  # what was read stays, the rest is black
    upright = ImageOps.exif_transpose(picture)
    has_alpha = mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
    return UploadedPicture(np.array(upright.convert("RGBA" if has_alpha else "RGB")), mode)


def encode_png(pixels: Pixels, text: Mapping[str, str] | None = None) -> bytes:
    """Return a PNG.

    Args:
        pixels: (H, W, 3) or (H, W, 4), RGB order.
        text: Text chunks, written before the pixels, as the real server has them.
    """
    order = cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    done, buffer = cv2.imencode(".png", cv2.cvtColor(pixels, order), [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL])
    if not done:
        raise Crashed("ValueError", "cannot encode the picture")
    data = buffer.tobytes()
    chunks = b"".join(_text_chunk(key, value) for key, value in (text or {}).items())
    return data[:33] + chunks + data[33:] if chunks else data


def _text_chunk(key: str, value: str) -> bytes:
    try:
        kind, body = b"tEXt", key.encode("latin-1") + b"\0" + value.encode("latin-1")
    except UnicodeEncodeError:
        kind, body = b"iTXt", key.encode() + b"\0\0\0\0\0" + value.encode("utf-8", "replace")
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def encode_with_exif(pixels: Pixels, infotext: str | None, *, kind: str, quality: int) -> bytes:
    """Return a JPEG or WebP (`kind` "jpg", "jpeg" or "webp") with the infotext in EXIF's UserComment."""
    exif = Image.Exif()
    if infotext:
        exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + infotext.encode("utf-16-be", "replace")
    target = io.BytesIO()
    name = "WEBP" if kind == "webp" else "JPEG"
    Image.fromarray(pixels[..., :3]).save(target, name, quality=quality, exif=exif.tobytes())
    return target.getvalue()


def to_base64(data: bytes) -> bytes:
    """Return `data` in plain base64."""
    return pybase64.b64encode(data)
