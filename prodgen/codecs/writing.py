"""From arrays to the bytes of picture files: pixels, and the text that goes with them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prodgen.codecs.formats import PillowPicture
from prodgen.errors import ImageError
from prodgen.images import Matte, RgbImage, to_uint8
from prodgen.transparency import on_white


def encode_pixels(kind: Literal["BMP", "PNG", "TIFF", "WEBP"], pixels: NDArray[np.uint8]) -> bytes:
    """Make a file's bytes of 8-bit pixels, exactly, and quickly rather than small.

    Args:
        kind: The format. BMP and TIFF are not compressed; BMP has no alpha that everybody reads.
        pixels: (H, W) grey, (H, W, 3) or (H, W, 4), RGB order.
    """
    if kind == "PNG":
        if pixels.ndim == 3:
            order = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
            pixels = np.asarray(cv2.cvtColor(pixels, order), np.uint8)
        # OpenCV is nine times as fast as Pillow here; the file is a tenth larger.
        done, data = cv2.imencode(".png", pixels)
        if not done:
            raise ImageError("the picture could not be encoded as PNG")
        return data.tobytes()
    buffer = io.BytesIO()
    # WebP of method and quality 0 is smaller than PNG, and written seven times as fast. Exact: colours under
    # alpha 0 stay.
    options = {"lossless": True, "quality": 0, "method": 0, "exact": True} if kind == "WEBP" else {}
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def to_pillow(rgb: RgbImage, *, matte: Matte | None = None) -> PillowPicture:
    """A picture as one of Pillow's: mode RGB, or RGBA with the matte as alpha."""
    return Image.fromarray(_pixels(rgb, matte))


def _pixels(rgb: RgbImage, matte: Matte | None) -> NDArray[np.uint8]:
    return to_uint8(rgb) if matte is None else np.dstack([to_uint8(rgb), to_uint8(matte)])


def _png_text(key: str, value: str) -> bytes:
    """A text chunk: tEXt where Latin-1 is enough, as A1111 writes it, else iTXt (UTF-8)."""
    keyword = key.encode("latin-1")
    is_plain = value.isascii() or (key != "XML:com.adobe.xmp" and all(ord(c) < 256 for c in value))
    if is_plain and key != "XML:com.adobe.xmp":
        kind, body = b"tEXt", keyword + b"\0" + value.encode("latin-1")
    else:
        kind, body = b"iTXt", keyword + b"\0\0\0\0\0" + value.encode(errors="replace")
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def encode(
    kind: str,
    rgb: RgbImage,
    *,
    matte: Matte | None = None,
    text: Mapping[str, str] | None = None,
    quality: int = 95,
) -> bytes:
    """Make a file's bytes of a picture; `kind` is a value of FORMATS, the rest is as for `files.save`.

    Raises:
        ImageError: If the format cannot hold so large a picture, or so long a text.
    """
    text = text or {}
    if kind == "PNG":
        data = encode_pixels("PNG", _pixels(rgb, matte))
        after_header = 8 + 25
        chunks = b"".join(_png_text(key, value) for key, value in text.items())
        return data[:after_header] + chunks + data[after_header:]
    if kind == "JPEG" and matte is not None:
        rgb, matte = on_white(rgb, matte), None
    picture = to_pillow(rgb, matte=matte)
    xmp = text.get("XML:com.adobe.xmp", "").encode(errors="replace")
    exif = Image.Exif()
    if "parameters" in text:
        # ASCII-only readers exist; A1111 writes and reads the UNICODE form.
        exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + text["parameters"].encode("utf-16-be", "replace")
    buffer = io.BytesIO()
    try:
        if kind == "JPEG":  # subsampling 0 is 4:4:4: colour as sharp as lightness, or red print would bleed
            picture.save(
                buffer, kind, quality=quality, subsampling=0, exif=exif, xmp=xmp or None, optimize=True
            )
        elif kind == "WEBP":
            picture.save(buffer, kind, quality=quality, lossless=quality >= 100, exif=exif, xmp=xmp or b"")
        else:
            # Pillow writes EXIF into uncompressed TIFF only; our own story is in the XMP.
            picture.save(buffer, kind, compression="tiff_adobe_deflate", tiffinfo={700: xmp} if xmp else {})
    except ValueError as error:
        raise ImageError(f"the picture does not fit into {kind} ({error}); save it as PNG") from error
    return buffer.getvalue()


def encode_matte(kind: str, matte: Matte) -> bytes:
    """Make a file's bytes of a matte: an 8-bit grey picture, white = product."""
    buffer = io.BytesIO()
    Image.fromarray(to_uint8(matte)).save(buffer, kind, compress_level=3, lossless=True)
    return buffer.getvalue()
