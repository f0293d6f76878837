"""From a file's bytes, whatever its name says, to a picture: which reader takes which file."""

from __future__ import annotations

import io

from PIL import Image

from prodgen.codecs.exif_colours import exif_of
from prodgen.codecs.formats import READABLE, PillowPicture, faults_named
from prodgen.codecs.heif_files import describe_boxes, is_heif, raster_of_heif
from prodgen.codecs.jpeg_notices import notices_of_jpeg
from prodgen.codecs.picture_texts import check_one_picture
from prodgen.codecs.pillow_pictures import raster_from_pillow, raster_of
from prodgen.codecs.png_files import SIGNATURE, raster_of_png
from prodgen.codecs.raster import Raster, develop
from prodgen.codecs.raw_files import is_raw, raster_of_raw
from prodgen.codecs.tiff_files import raster_of_tiff
from prodgen.codecs.tiff_pages import SIGNATURES
from prodgen.errors import ImageError
from prodgen.images import Photo


def decode(data: bytes, *, name: str = "the picture", as_shares: bool = False) -> Photo:
    """Make a picture of a file's bytes.

    Args:
        data: The file's bytes.
        name: Stands for the picture in errors.
        as_shares: Its values are shares (a matte), not colours: no profile, gamma or the like changes them.

    Raises:
        ImageError: If they are no picture, a broken, animated or too large one.
    """
    if not data:
        raise ImageError(f"{name} is empty (0 bytes); copy or export it again")
    with faults_named(name):
        return _developed(_raster(data, name), as_shares=as_shares)


def _developed(raster: Raster, *, as_shares: bool) -> Photo:
    if as_shares and raster.model in ("grey", "rgb"):
        raster.space, raster.notices = None, []
    return develop(raster)


def _raster(data: bytes, name: str) -> Raster:
    if is_raw(data):
        return raster_of_raw(data, name=name)
    if is_heif(data):
        return raster_of_heif(data, name=name)
    if data.startswith(SIGNATURES):
        return raster_of_tiff(data, name=name)
    with Image.open(io.BytesIO(data), formats=READABLE) as picture:
        check_one_picture(picture, name)
        if data.startswith(SIGNATURE):
            return raster_of_png(data, picture)
        if picture.format == "AVIF":
            picture.load()
            profile = picture.info.get("icc_profile")
            return describe_boxes(raster_of(picture), data, profile=profile, exif=exif_of(picture))
        raster = raster_from_pillow(picture)
        if picture.format in ("JPEG", "MPO"):
            raster.notices += notices_of_jpeg(data, picture)
        return raster


def from_pillow(picture: PillowPicture, *, name: str = "the picture", as_shares: bool = False) -> Photo:
    """Make a picture of one of Pillow's, which may not have been read from its file yet; see `decode`.

    Raises:
        ImageError: If it is broken, animated, too large, or of a format that is not in `READABLE`.
    """
    if picture.format not in (None, "MPO", "HEIF", *READABLE):
        raise ImageError(f"{name} was opened as {picture.format}, which is not read; save it as PNG or JPEG")
    with faults_named(name):
        check_one_picture(picture, name)
        data = _unread_file_of(picture)
        raster = _raster(data, name) if data else raster_from_pillow(picture)
        picture.load()  # with which Pillow closes a file that it has opened itself
        return _developed(raster, as_shares=as_shares)


def _unread_file_of(picture: Image.Image) -> bytes:
    """The file of a picture that Pillow has opened and not read yet, where Pillow would leave something out.

    It leaves out the code points of PNG and AVIF, and the depth of PNG and TIFF. Nothing is returned for a
    file of several pages, of which the caller may have chosen one.
    """
    file = getattr(picture, "fp", None)
    is_whole = getattr(picture, "tile", ()) and getattr(picture, "n_frames", 1) == 1
    if picture.format not in ("PNG", "TIFF", "AVIF") or file is None or not is_whole:
        return b""
    place = file.tell()
    file.seek(0)
    data = bytes(file.read())
    file.seek(place)
    return data
