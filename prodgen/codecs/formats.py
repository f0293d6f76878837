"""Which picture formats are read and written, how large a picture may be, and how a bad file is refused."""

from __future__ import annotations

import ctypes
import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from PIL import Image, UnidentifiedImageError

from prodgen.errors import ImageError

READABLE = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "AVIF")
"""Formats that are opened, by Pillow's names; every `Image.open` in prodgen passes them as `formats=`.

Left to itself Pillow hands PostScript to Ghostscript, a program of its own with a history of holes, even
when the file is called mug.jpg. HEIC and camera raw are not Pillow's: `heif_files` and `raw_files` read them.
"""

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
"""File endings that can be written. PNG and TIFF keep everything, the others lose alpha or detail."""

MAX_SIDE_PX = 32_767
"""Longest side read: OpenCV's warps count pixels in 16 bits."""

MAX_PIXELS = 152_000_000
"""Largest area read: 14204 x 10652, what the largest cameras give; as floats it is 1.8 GB."""

MAX_REASON = 200
"""Most characters of a decoder's own words that are repeated: some repeat half of the file."""

PillowPicture = Image.Image
"""Pillow's type of a picture, for those who may not import Pillow."""

BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    MemoryError,
    IndexError,
    KeyError,
    TypeError,
    ArithmeticError,
    RuntimeError,
)
"""What broken EXIF, profiles and pages raise, where the picture itself may be read still."""


class OddKindError(ValueError):
    """A file may be sound, but holds pixels of a kind that is not read; says which."""


# What matters of a picture is said by an error or a notice of ours; Pillow's warnings would be lines between.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
logging.getLogger("PIL").addHandler(logging.NullHandler())  # without any, Python prints what it logs
# Pillow raises what libtiff finds wrong; libtiff prints it on stderr beside that, unless it has no handler.
# Where Pillow brings no libtiff that can be reached so, its lines stay.
with suppress(AttributeError, OSError):
    ctypes.CDLL(Image.core.__file__).TIFFSetErrorHandler(None)  # type: ignore[attr-defined]  # C


@contextmanager
def faults_named(name: str) -> Iterator[None]:
    """Turn everything that decoders raise at a bad file into one sentence about `name`.

    Raises:
        ImageError: Instead of whatever they raise.
    """
    try:
        yield
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(f"{name} is not a picture that can be read; save it as PNG or JPEG") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(
            f"{name} is far too large; at most {MAX_PIXELS // 10**6} megapixels are read"
        ) from error
    except OddKindError as error:
        raise ImageError(f"{name} is not read: {error}") from error
    except struct.error as error:  # its own words are about this program's memory
        raise ImageError(
            f"{name} is damaged or cut off (a part of it is missing); export it again"
        ) from error
    except Exception as error:  # a decoder's plug-in raises whatever it stumbles over
        why = " ".join(str(error).split())[:MAX_REASON] or type(error).__name__
        raise ImageError(f"{name} is damaged or cut off ({why}); export it again") from error


def check_size(width: int, height: int, *, name: str) -> None:
    """Refuse a picture larger than prodgen works on.

    Raises:
        ImageError: If a side or the area is too large, or nothing.
    """
    if min(width, height) < 1:
        raise ImageError(f"{name} is damaged: it says that it is {width}x{height}; export it again")
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_PIXELS:
        raise ImageError(
            f"{name} is {width}x{height}; at most {MAX_SIDE_PX} px a side and"
            f" {MAX_PIXELS // 10**6} megapixels are read: make it smaller first"
        )
