"""HEIC and HEIF files, through the extra `heif`; and the colours that their boxes tell, for AVIF too.

pillow-heif itself is BSD, but its wheels carry libheif and libde265 (LGPL) and x265 (GPL): nobody gets them
who did not ask.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from prodgen.codecs.exif_colours import ExifFacts, exif_of
from prodgen.codecs.formats import check_size
from prodgen.codecs.pillow_pictures import describe
from prodgen.codecs.raster import Raster
from prodgen.codecs.tone_mapping import from_code_points
from prodgen.errors import ImageError

_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
GAIN_MAP_NOTICE = "it carries a gain map for HDR screens, which was left out: the base picture was read"


def brands_of(data: bytes) -> tuple[bytes, ...]:
    """The brands that a file of boxes (ISO base media) names, the major one first; none of another file."""
    if data[4:8] != b"ftyp":
        return ()
    end = min(int.from_bytes(data[:4], "big"), 256, len(data))
    return (data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4)))


def is_heif(data: bytes) -> bool:
    """Whether bytes are a HEIC or HEIF file, and no AVIF, which Pillow reads."""
    brands = brands_of(data)
    return not {b"avif", b"avis"} & set(brands) and any(brand in _BRANDS for brand in brands)


def heif_info(data: bytes, *, name: str) -> dict[str, Any]:
    """Return what goes with the main picture of a HEIC or HEIF file, such as the bytes "exif" and "xmp".

    Raises:
        ImageError: If the extra is missing, or the picture too large.
    """
    return dict(_main_picture(data, name=name)[0].info)


def _main_picture(data: bytes, *, name: str) -> tuple[Any, int]:
    """Return the main picture, not decoded yet, and how many the file holds."""
    try:
        import pillow_heif
    except ImportError as error:
        raise ImageError(
            f"{name} is HEIC, which needs an extra: pip install 'prodgen[heif]', or save it as JPEG"
        ) from error
    pictures = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
    picture = pictures[pictures.primary_index]
    check_size(*picture.size, name=name)
    return picture, len(pictures)


def raster_of_heif(data: bytes, *, name: str) -> Raster:
    """Read the main picture of a HEIC or HEIF file; libheif turns it upright.

    Raises:
        ImageError: If the extra is missing, or the picture too large.
    """
    picture, count = _main_picture(data, name=name)
    pixels = np.asarray(picture)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    channels = 1 if pixels.shape[2] < 3 else 3
    raster = Raster(
        pixels[..., :channels],
        "grey" if channels == 1 else "rgb",
        pixels[..., channels] if pixels.shape[2] > channels else None,
        is_premultiplied=bool(picture.premultiplied_alpha),
    )
    exif = picture.info.get("exif")
    facts = exif_of(exif) if isinstance(exif, bytes) else ExifFacts()
    describe_boxes(raster, data, profile=picture.info.get("icc_profile"), exif=replace(facts, orientation=1))
    if count > 1:
        raster.notices.append(f"it holds {count} pictures, of which the main one was read")
    return raster


def describe_boxes(raster: Raster, data: bytes, *, profile: object, exif: ExifFacts) -> Raster:
    """Give a raster from AVIF or HEIF its colours: of its profile, else of its code points, else of EXIF.

    Returns:
        `raster` itself.
    """
    points = None if profile else code_points(data)
    raster.space, notice = from_code_points(*points) if points else (None, None)
    raster.notices += [notice] if notice else []
    if raster.space is None:  # encoders write the code points of sRGB unasked, so that EXIF has a say
        describe(raster, profile=profile, exif=exif)
    raster.orientation = exif.orientation
    if b"hdrgainmap" in data or b"\0tmap" in data[: 1 << 16]:
        raster.notices.append(GAIN_MAP_NOTICE)
    return raster


def code_points(data: bytes) -> tuple[int, int] | None:
    """Colour primaries and transfer (ITU-T H.273) that a file of boxes tells of its first picture."""
    place = data, 0, len(data)
    for name, skipped in ((b"meta", 4), (b"iprp", 0), (b"ipco", 0)):
        inner = next((box for kind, box in _boxes(*place) if kind == name), None)
        if inner is None:
            return None
        place = data, inner[0] + skipped, inner[1]
    for kind, (start, end) in _boxes(*place):
        if kind == b"colr" and data[start : start + 4] == b"nclx" and end - start >= 8:
            primaries, transfer = struct.unpack_from(">HH", data, start + 4)
            return primaries, transfer
    return None


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """The boxes in a part of a file: each with its kind, and where its content lies."""
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1 and start + 16 <= end:
            (size,) = struct.unpack_from(">Q", data, start + 8)
            head = 16
        stop = end if size == 0 else min(start + size, end)
        if stop < start + head:
            return
        yield kind, (start + head, stop)
        start = stop
