"""Bytes of picture files to arrays and back: which formats are read and written, and how.

What a file can be besides sRGB and upright (CMYK, 16 bit, a palette, another colour space, rotated by EXIF,
with alpha, far too large, broken) ends here: as a proper picture, or as an ImageError that says what to do.
Only the formats in `READABLE` are ever handed to Pillow, whatever a file's name says.
"""

from prodgen.codecs.decoding_files import decode, from_pillow
from prodgen.codecs.exif_texts import plain_text
from prodgen.codecs.formats import FORMATS, MAX_PIXELS, MAX_SIDE_PX, READABLE, PillowPicture, check_size
from prodgen.codecs.layered_files import LAYERED, PageLayer, check_layered, encode_layers
from prodgen.codecs.picture_texts import decode_text
from prodgen.codecs.resampling import distance_from_formulas
from prodgen.codecs.writing import encode, encode_matte, encode_pixels, to_pillow

__all__ = [
    "FORMATS",
    "LAYERED",
    "MAX_PIXELS",
    "MAX_SIDE_PX",
    "READABLE",
    "PageLayer",
    "PillowPicture",
    "check_layered",
    "check_size",
    "decode",
    "decode_text",
    "distance_from_formulas",
    "encode",
    "encode_layers",
    "encode_matte",
    "encode_pixels",
    "from_pillow",
    "plain_text",
    "to_pillow",
]
