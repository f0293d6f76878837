"""Camera raw files (DNG, CR2, CR3, NEF, ARW, RAF, ORF, RW2 and others), through the extra `raw`: LibRaw."""

from __future__ import annotations

import io

from prodgen.codecs import tiff_pages
from prodgen.codecs.formats import BROKEN, check_size
from prodgen.codecs.heif_files import brands_of
from prodgen.codecs.raster import Raster
from prodgen.errors import ImageError

DEVELOPED = (
    "it is camera raw, developed with the camera's white balance and without a tone curve; a picture exported"
    " from a raw converter has the look that was chosen there"
)

_SIGNATURES = (
    b"FUJIFILMCCD-RAW",
    b"IIRO",
    b"IIRS",
    b"MMOR",
    b"IIU\0",
    b"FOVb",
    b"\0MRM",
    b"II\x1a\0\0\0HEAPCCDR",
)
"""Beginnings of RAF, ORF, RW2, X3F, MRW and CRW files. CR3 names a brand, and the rest are TIFF files."""


def is_raw(data: bytes) -> bool:
    """Whether bytes are a camera raw file."""
    if data.startswith(_SIGNATURES) or b"crx " in brands_of(data):
        return True
    if not data.startswith(tiff_pages.SIGNATURES):
        return False
    if data[8:10] == b"CR":  # Canon's CR2
        return True
    try:
        pages, subs = tiff_pages.pages_of(data)
        return any(page.is_raw for page in (*pages, *subs))
    except BROKEN:
        return False


def raster_of_raw(data: bytes, *, name: str) -> Raster:
    """Develop a camera raw file: the camera's white balance, sRGB, 16 bits, upright; LibRaw turns it.

    Raises:
        ImageError: If the extra is missing, the picture too large, or LibRaw cannot read it.
    """
    try:
        import rawpy
    except ImportError as error:
        raise ImageError(
            f"{name} is camera raw, which needs an extra: pip install 'prodgen[raw]', or export it as TIFF"
        ) from error
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            check_size(raw.sizes.width, raw.sizes.height, name=name)
            pixels = raw.postprocess(
                use_camera_wb=True,
                no_auto_bright=True,
                output_color=rawpy.ColorSpace.sRGB,
                gamma=(2.4, 12.92),  # the curve of sRGB
                output_bps=16,
            )
    except rawpy.LibRawError as error:
        said = error.args[0] if error.args else b""
        reason = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        raise ImageError(
            f"{name} is camera raw that cannot be developed ({reason}); export it as TIFF or JPEG"
        ) from error
    return Raster(pixels, notices=[DEVELOPED])
