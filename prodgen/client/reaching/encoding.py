"""Requests made into bytes: pictures as base64 inside a JSON body, as fast as it is exact.

A body is spliced together from JSON and base64 instead of being encoded whole, so that no encoder
scans megabytes of base64 for characters to escape. Local servers get pictures uncompressed (a PNG
takes 50 times as long as everything else together), others as lossless WebP or PNG.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection
from typing import Any, Literal

import cv2
import numpy as np
import pybase64
from numpy.typing import NDArray

from prodgen import codecs
from prodgen.connections.bodies import Body
from prodgen.dialects import SentPicture

WEBP_MAX_SIDE = 16_383
"""Longest side in pixels; WebP stores it in 14 bits."""


def encode_body(fields: dict[str, Any], *, formats: Collection[str], is_local: bool) -> Body:
    """Make JSON of `fields`, with each `SentPicture` spliced in as base64.

    Args:
        fields: As a dialect made them.
        formats: What the server can decode: "bmp", "tiff", "webp", "png".
        is_local: Whether bytes are cheaper than time.
    """
    mark = uuid.uuid4().hex
    pictures: list[SentPicture] = []

    def stand_in(value: object) -> str:
        if not isinstance(value, SentPicture):
            raise TypeError(f"a {type(value).__name__} cannot be sent")
        pictures.append(value)
        return mark

    text = json.dumps(fields, default=stand_in, allow_nan=False).encode()
    pieces = text.split(mark.encode())
    parts = [pieces[0]]
    for picture, piece in zip(pictures, pieces[1:], strict=True):
        parts += [pybase64.b64encode(encode_picture(picture, formats=formats, is_local=is_local)), piece]
    return Body(tuple(parts))


def encode_picture(picture: SentPicture, *, formats: Collection[str], is_local: bool) -> bytes:
    """Make a file of a picture, lossless in 8 bit, in the cheapest format for this way."""
    return codecs.encode_pixels(_format_for(picture, formats, is_local=is_local), _pixels(picture))


def _format_for(
    picture: SentPicture, formats: Collection[str], *, is_local: bool
) -> Literal["BMP", "PNG", "TIFF", "WEBP"]:
    if is_local and picture.matte is None and "bmp" in formats:
        return "BMP"
    # A 32-bit BMP would lose its alpha on A1111, so everything with alpha goes as TIFF.
    if is_local and "tiff" in formats:
        return "TIFF"
    if "webp" in formats and max(picture.size) <= WEBP_MAX_SIDE and picture.rgb is not None:
        return "WEBP"
    return "PNG"


def to_uint8(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Float [0, 1] to 8 bit, rounded and clipped, in one pass.

    Equal to `images.to_uint8` but for exact halves, which go to the even neighbour.
    """
    return np.asarray(cv2.convertScaleAbs(np.maximum(values, 0) if values.min() < 0 else values, alpha=255))


def _pixels(picture: SentPicture) -> NDArray[np.uint8]:
    if picture.rgb is None:
        assert picture.matte is not None  # noqa: S101 - a SentPicture has one of the two
        return to_uint8(picture.matte)
    rgb = to_uint8(picture.rgb)
    return rgb if picture.matte is None else np.dstack([rgb, to_uint8(picture.matte)])
