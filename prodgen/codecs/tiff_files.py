"""TIFF files: the page that is the photograph, in full depth, with its alpha and its colours."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prodgen.codecs import tiff_pages as tags
from prodgen.codecs.colour_spaces import LINEAR_SRGB, CieLab
from prodgen.codecs.exif_colours import ExifFacts, exif_of
from prodgen.codecs.formats import READABLE, OddKindError, check_size
from prodgen.codecs.icc_profiles import Model
from prodgen.codecs.pillow_pictures import LINEAR_GUESS, describe, raster_from_pillow
from prodgen.codecs.raster import Raster
from prodgen.codecs.tiff_pages import Directory
from prodgen.codecs.tiff_pixels import layout_of, pixels_of

_MODELS: dict[int, tuple[Model, int]] = {
    0: ("grey", 1),
    1: ("grey", 1),
    2: ("rgb", 3),
    5: ("cmyk", 4),
    8: ("lab", 3),
    9: ("lab", 3),
}
"""What colours are made of, and of how many channels, by PhotometricInterpretation."""

_WHITE_IS_ZERO, _CIE_LAB = 0, 8
_ASSOCIATED, _UNASSOCIATED = 1, 2
_MASK_LEFT = "it has a page that is a transparency mask, which is not read; save the picture with alpha"


def raster_of_tiff(data: bytes, *, name: str) -> Raster:
    """Read the photograph of a TIFF file.

    Raises:
        ImageError: If it is one of several, or too large.
    """
    pages, subs = tags.pages_of(data)
    page = tags.photograph_of(pages, subs, name=name)
    check_size(*page.size, name=name)
    layout = layout_of(page)
    if layout is None:
        with Image.open(io.BytesIO(_alone(page)), formats=READABLE) as picture:
            check_size(*picture.size, name=name)
            raster = raster_from_pillow(picture)
    else:
        raster = _raster(page, layout.bits, pixels_of(page, layout))
    if any(one.is_mask for one in pages):
        raster.notices.append(_MASK_LEFT)
    return raster


def _raster(page: Directory, bits: int, pixels: NDArray[Any]) -> Raster:
    photometric = page.number(tags.PHOTOMETRIC, 1)
    model, channels = _MODELS[photometric]
    if pixels.shape[2] < channels:
        raise ValueError(f"{pixels.shape[2]} channels are too few for its colours")
    top = float(2**bits - 1) if pixels.dtype.kind == "u" else 1.0
    extras = page.numbers(tags.EXTRA_SAMPLES)
    if not extras and pixels.shape[2] == channels + 1:
        extras = (_UNASSOCIATED,)  # Photoshop and others leave the tag out
    kinds = [kind for kind in extras if kind in (_ASSOCIATED, _UNASSOCIATED)]
    colours, alpha, is_premultiplied = pixels[..., :channels], None, False
    if kinds and (place := channels + extras.index(kinds[0])) < pixels.shape[2]:
        alpha, is_premultiplied = pixels[..., place], kinds[0] == _ASSOCIATED
    if photometric == _WHITE_IS_ZERO:
        colours = (np.array(top, pixels.dtype) - colours).astype(pixels.dtype)
    raster = Raster(colours, model, alpha, is_premultiplied, top=top)
    if model == "lab":
        raster.space = _lab(raster, bits, is_signed=photometric == _CIE_LAB)
    elif pixels.dtype.kind == "f":
        _refuse_other_floats(raster)
        raster.space, raster.notices = LINEAR_SRGB, [LINEAR_GUESS]
    exif = _exif(page)
    return describe(raster, profile=page.raw(tags.PROFILE) or None, exif=exif)


def _lab(raster: Raster, bits: int, *, is_signed: bool) -> CieLab:
    """The space of CIE L*a*b* pixels, with the zero of a* and b* moved to the middle.

    Source: TIFF 6.0, section 23 (signed), and Adobe's TIFF technical notes of 2002 (ICC L*a*b*: an offset,
    and in 16 bits 65280 for L* = 100).
    """
    if is_signed:
        raster.pixels = raster.pixels.copy()
        raster.pixels[..., 1:] ^= np.array(1 << (bits - 1), raster.pixels.dtype)
    if bits == 8:
        return CieLab()
    return CieLab(100 if is_signed else 100 * 65535 / 65280, 65535 / 256)


def _refuse_other_floats(raster: Raster) -> None:
    """Refuse floats that are no light with white at 1, such as 8-bit values: all would be white.

    Raises:
        OddKindError: If more than half of them are above 1.
    """
    rows = raster.pixels[:: max(1, len(raster.pixels) // 64)]
    if np.median(np.nan_to_num(rows[..., :3].astype(np.float64))) > 1:
        raise OddKindError(
            "most of its floats are above 1, which is white; divide them by the value of white"
        )


def _exif(page: Directory) -> ExifFacts:
    """Orientation from the page itself, and colours from its EXIF."""
    found = exif_of(page) if tags.EXIF_DIRECTORY in page.entries else ExifFacts()
    orientation = page.number(tags.ORIENTATION, 1)
    return ExifFacts(orientation if orientation in range(1, 9) else 1, found.space, found.notices)


def _alone(page: Directory) -> bytes:
    """The file with this page as its first and only one."""
    link, place = (f"{page.order}Q", 8) if page.is_big else (f"{page.order}I", 4)
    alone = bytearray(page.data)
    struct.pack_into(link, alone, place, page.offset)
    struct.pack_into(link, alone, page.next_at, 0)
    return bytes(alone)
