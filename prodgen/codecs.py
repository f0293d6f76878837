"""Bytes of picture files to arrays and back: which formats are read and written, and how.

What a file can be besides sRGB and upright (CMYK, 16 bit, a palette, another colour profile, rotated by
EXIF, with alpha, far too large, broken) ends here: as a proper picture, or as an ImageError that says what
to do. Only the formats in `READABLE` are ever handed to Pillow, whatever a file's name says.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from prodgen.errors import ImageError
from prodgen.images import Matte, Photo, RgbImage, from_uint8, to_uint8, useful_alpha

READABLE = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "AVIF")
"""Formats that are opened, by Pillow's names; every `Image.open` in prodgen passes them as `formats=`.

Left to itself Pillow hands PostScript to Ghostscript, a program of its own with a history of holes, even
when the file is called mug.jpg.
"""

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
"""File endings that can be written. PNG and TIFF keep everything, the others lose alpha or detail."""

MAX_SIDE_PX = 16_384
"""Longest side read. Larger ones need tiles that no stage here works in."""

MAX_PIXELS = 89_000_000
"""Largest area read: where Pillow begins to suspect a decompression bomb (1/4 GiB as RGB)."""

MAX_REASON = 200
"""Most characters of a decoder's own words that are repeated: some repeat half of the file."""

PillowPicture = Image.Image
"""Pillow's type of a picture, for those who may not import Pillow."""

# What matters of a picture is said by an error or a notice of ours; Pillow's warnings would be lines between.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


def decode(data: bytes, *, name: str = "the picture") -> Photo:
    """Make a picture of a file's bytes; `name` stands for it in errors.

    Raises:
        ImageError: If they are no picture, a broken, animated or too large one.
    """
    if not data:
        raise ImageError(f"{name} is empty (0 bytes); copy or export it again")
    with _faults_named(name), Image.open(io.BytesIO(data), formats=READABLE) as picture:
        _check(picture, name)
        deep = _decode_deep(data, picture)
        if deep is not None:
            return deep
        picture.load()
        return _convert(picture)


def from_pillow(picture: PillowPicture, *, name: str = "the picture") -> Photo:
    """Make a picture of one of Pillow's, which may not have been read from its file yet.

    Raises:
        ImageError: If it is broken, animated, too large, or of a format that is not in `READABLE`.
    """
    if picture.format not in (None, "MPO", *READABLE):
        raise ImageError(f"{name} was opened as {picture.format}, which is not read; save it as PNG or JPEG")
    with _faults_named(name):
        _check(picture, name)
        picture.load()
        return _convert(picture)


@contextmanager
def _faults_named(name: str) -> Iterator[None]:
    """Turn everything that Pillow and its decoders raise at a bad file into one sentence about `name`."""
    try:
        yield
    except UnidentifiedImageError as error:
        raise ImageError(f"{name} is not a picture that can be read; save it as PNG or JPEG") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(
            f"{name} is far too large; at most {MAX_PIXELS // 10**6} megapixels are read"
        ) from error
    except ImageError:
        raise
    except Exception as error:  # a decoder's plug-in raises whatever it stumbles over
        why = " ".join(str(error).split())[:MAX_REASON] or type(error).__name__
        raise ImageError(f"{name} is damaged or cut off ({why}); export it again") from error


def check_size(width: int, height: int, *, name: str) -> None:
    """Refuse a picture larger than prodgen works on.

    Raises:
        ImageError: If a side or the area is too large.
    """
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_PIXELS:
        raise ImageError(
            f"{name} is {width}x{height}; at most {MAX_SIDE_PX} px a side and"
            f" {MAX_PIXELS // 10**6} megapixels are read: make it smaller first"
        )


def _check(picture: Image.Image, name: str) -> None:
    check_size(*picture.size, name=name)
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format != "MPO":  # phones append a depth map or a preview to a JPEG
        raise ImageError(
            f"{name} holds {frames} pictures (animated or many pages); save the one you mean as PNG"
        )


def _decode_deep(data: bytes, picture: Image.Image) -> Photo | None:
    """16-bit colour PNG, which Pillow would cut to 8 bit; None for everything else."""
    is_deep = data[:8] == b"\x89PNG\r\n\x1a\n" and data[24] == 16 and data[25] in (2, 6)
    if not is_deep or "icc_profile" in picture.info:
        return None
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        raise OSError("bad 16-bit PNG")
    values = pixels.astype(np.float32) / np.float32(65535)
    return Photo(np.ascontiguousarray(values[..., 2::-1]), useful_alpha(values[..., 3:]))


def _convert(picture: Image.Image) -> Photo:
    notices: list[str] = []
    profile = picture.info.get("icc_profile")
    upright = ImageOps.exif_transpose(picture) or picture
    if upright.mode.startswith("I") or upright.mode == "F":
        grey = np.asarray(upright, np.float32)
        top = 65535 if upright.mode.startswith("I") else max(float(grey.max()), 1.0)
        return Photo(np.repeat(np.clip(grey / top, 0, 1)[..., None], 3, axis=2).astype(np.float32))
    has_alpha = upright.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in upright.info
    alpha = from_uint8(np.asarray(upright.convert("RGBA"))[..., 3:]) if has_alpha else np.empty(0, np.float32)
    if profile and upright.mode in ("RGB", "RGBA", "L", "CMYK"):
        upright, notice = _to_srgb(upright, profile)
        notices += [notice] if notice else []
    elif upright.mode == "CMYK":
        notices.append("CMYK without a colour profile: its colours are a guess; export the photo as sRGB")
    # A transparent palette or an RGBA picture keeps its colours; only the alpha is taken out.
    rgb = upright.convert("RGBA").convert("RGB") if has_alpha else upright.convert("RGB")
    return Photo(from_uint8(np.asarray(rgb)), useful_alpha(alpha), tuple(notices))


def _to_srgb(picture: Image.Image, profile: bytes) -> tuple[Image.Image, str | None]:
    base = picture.convert("RGB") if picture.mode == "RGBA" else picture
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in (ImageCms.getProfileDescription(source) or "").lower():
            return picture, None
        converted = ImageCms.profileToProfile(base, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return picture, "its colour profile is broken and was taken for sRGB"
    return converted or base, None


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


def decode_text(data: bytes, *, name: str = "the picture") -> dict[str, str]:
    """Text in a picture file: PNG chunks; XMP as "XML:com.adobe.xmp", EXIF user comment as "parameters".

    Raises:
        ImageError: If it is no picture, a broken, animated or too large one.
    """
    with _faults_named(name), Image.open(io.BytesIO(data), formats=READABLE) as picture:
        _check(picture, name)
        found = {str(k): str(v) for k, v in picture.info.items() if isinstance(v, str)}
        if isinstance(picture.info.get("xmp"), bytes):
            found["XML:com.adobe.xmp"] = picture.info["xmp"].decode("utf-8", "replace")
        comment = picture.getexif().get_ifd(0x8769).get(0x9286)
        if isinstance(comment, bytes) and "parameters" not in found:
            encoding = "utf-16-be" if comment.startswith(b"UNICODE\0") else "utf-8"
            found["parameters"] = comment[8:].decode(encoding, "replace")
        return found


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
    picture = to_pillow(rgb, matte=None if kind == "JPEG" else matte)
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
    Image.fromarray(to_uint8(matte)).save(buffer, kind, compress_level=3)
    return buffer.getvalue()
