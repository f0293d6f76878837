"""What a JPEG file holds beside its picture: gain maps for HDR screens, and further pictures (MPO)."""

from __future__ import annotations

from PIL import Image

from prodgen.codecs.formats import BROKEN
from prodgen.codecs.heif_files import GAIN_MAP_NOTICE

_GAIN_MAPS = (b"hdrgm:Version", b"urn:iso:std:iso:ts:21496:-1", b"hdrgainmap", b"HDRGainMap")
"""Marks of Adobe's and Android's gain maps (Ultra HDR), of ISO 21496-1, and of Apple's."""

_ENTRIES = 0xB002
_PREVIEWS = ("Large Thumbnail (VGA Equivalent)", "Large Thumbnail (Full HD Equivalent)")


def notices_of_jpeg(data: bytes, picture: Image.Image) -> list[str]:
    """Say what was left out of a JPEG file; previews, which cameras append, are not worth a word."""
    if any(mark in data for mark in _GAIN_MAPS):
        return [GAIN_MAP_NOTICE]
    try:
        pages = (getattr(picture, "mpinfo", None) or {}).get(_ENTRIES, [])
        others = [page for page in pages[1:] if page["Attribute"]["MPType"] not in _PREVIEWS]
    except BROKEN:
        return []
    return [f"it holds {len(others) + 1} pictures, of which the first was read"] if others else []
