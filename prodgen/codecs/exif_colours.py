"""What EXIF says about a picture: how it is turned, and what its colours are."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image

from prodgen.codecs.colour_spaces import (
    ADOBE_RGB,
    ColourSpace,
    CurvesAndMatrix,
    from_primaries,
    power_curve,
    unless_srgb,
)
from prodgen.codecs.formats import BROKEN
from prodgen.codecs.tiff_pages import Directory

_ORIENTATION, _EXIF_IFD, _INTEROP_IFD = 0x0112, 0x8769, 0xA005
_COLOR_SPACE, _GAMMA, _WHITE_POINT, _PRIMARIES = 0xA001, 0xA500, 0x013E, 0x013F
_SRGB, _ADOBE, _UNCALIBRATED = 1, 2, 0xFFFF


@dataclass(frozen=True)
class ExifFacts:
    """What EXIF says that changes how a picture looks."""

    orientation: int = 1
    space: ColourSpace | None = None
    notices: tuple[str, ...] = ()
    """What is to be said about its colours; it does not count where the file has a better word on them."""


def exif_of(source: Image.Image | Directory | bytes) -> ExifFacts:
    """Read the EXIF of a picture of Pillow's, of a page of a TIFF file, or the bytes of such a block."""
    try:
        if isinstance(source, Image.Image):
            block = source.getexif()
        else:
            block = Image.Exif()
            if isinstance(source, Directory):
                block.endian, block.bigtiff = source.order, source.is_big
                block.load_from_fp(io.BytesIO(source.data), source.offset)
            else:
                block.load(source)
        orientation = block.get(_ORIENTATION, 1)
        space, notices = _colours(block)
    except BROKEN:  # a picture with broken EXIF is a picture still
        return ExifFacts(notices=("its EXIF is broken and was not read",))
    return ExifFacts(orientation if orientation in range(1, 9) else 1, space, notices)


def _colours(block: Image.Exif) -> tuple[ColourSpace | None, tuple[str, ...]]:
    """The space that cameras mean by ColorSpace and InteroperabilityIndex.

    R03 is Adobe RGB, written with ColorSpace "uncalibrated"; R98 is sRGB. Source: DCF 2.0 (2010).
    ColorSpace 2 for Adobe RGB is no standard, but is written.
    """
    details = block.get_ifd(_EXIF_IFD)
    color_space = details.get(_COLOR_SPACE)
    interop = block.get_ifd(_INTEROP_IFD).get(1, "")
    index = interop.decode("ascii", "replace") if isinstance(interop, bytes) else str(interop)
    if color_space == _ADOBE or (color_space in (None, _UNCALIBRATED) and index.startswith("R03")):
        return ADOBE_RGB, ()
    if color_space != _UNCALIBRATED or index.startswith("R98"):
        return None, ()
    gamma, white, primaries = details.get(_GAMMA), block.get(_WHITE_POINT), block.get(_PRIMARIES)
    if gamma and white and primaries:
        w, p = [float(x) for x in white], [float(x) for x in primaries]
        matrix = from_primaries((w[0], w[1], p[0], p[1], p[2], p[3], p[4], p[5]))
        return unless_srgb(CurvesAndMatrix((power_curve(float(gamma)),) * 3, matrix)), ()
    return None, (
        "its EXIF says that its colours are not sRGB, but not what they are; they were taken for sRGB",
    )
