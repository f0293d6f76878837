"""Pictures and bodies as bytes: exact to the bit in every format, there and back."""

from __future__ import annotations

import base64
import json
import struct
import zlib

import httpx
import numpy as np
import pytest

from prodgen.client import Client
from prodgen.client.reaching import decoding, encoding
from prodgen.codecs import decode, encode
from prodgen.dialects import SentPicture
from prodgen.errors import (
    ImageError,
)
from prodgen.images import from_uint8
from prodgen.schema import Upscale


def png(width, height):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


GOOD = encode("PNG", np.full((64, 64, 3), 0.5, np.float32))


COLOURS = from_uint8(np.random.default_rng(1).integers(0, 256, (37, 53, 3), dtype=np.uint8))


ALPHA = from_uint8(np.random.default_rng(2).integers(0, 255, (37, 53), dtype=np.uint8))


PICTURES = [SentPicture(COLOURS), SentPicture(COLOURS, ALPHA), SentPicture(matte=ALPHA)]


@pytest.mark.parametrize(
    "formats", [{"bmp", "tiff", "webp", "png"}, {"bmp", "png"}, {"webp", "png"}, {"png"}]
)
@pytest.mark.parametrize("is_local", [True, False])
@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_arrives_to_the_bit_in_every_format(picture, is_local, formats):
    data = bytes(encoding.encode_picture(picture, formats=formats, is_local=is_local))

    arrived = decode(data)
    if picture.rgb is None:
        np.testing.assert_array_equal(arrived.rgb[..., 0], ALPHA)
    else:
        np.testing.assert_array_equal(arrived.rgb, COLOURS)
    if picture.rgb is not None and picture.matte is not None:
        np.testing.assert_array_equal(arrived.matte, ALPHA)


def test_a_body_is_the_json_that_a_plain_encoder_would_make():
    fields = {"a": [SentPicture(COLOURS), None], "ü": {"b": 'c"', "d": SentPicture(COLOURS)}}
    body = b"".join(encoding.encode_body(fields, formats={"png"}, is_local=False))

    file = encoding.encode_picture(SentPicture(COLOURS), formats={"png"}, is_local=False)
    text = base64.b64encode(file).decode()
    assert json.loads(body) == {"a": [text, None], "ü": {"b": 'c"', "d": text}}


def test_a_body_can_be_sent_more_than_once():
    body = encoding.encode_body(
        {"a": SentPicture(np.zeros((900, 900, 3), np.float32))}, formats={"bmp"}, is_local=True
    )

    assert b"".join(body) == b"".join(body)
    assert len(b"".join(body)) == body.size


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_pictures_of_a_server_are_read_exactly(mode, kind):
    import io

    from PIL import Image

    buffer = io.BytesIO()
    original = Image.fromarray((COLOURS * 255 + 0.5).astype(np.uint8)).convert(mode)
    original.save(buffer, kind, lossless=True)

    read = decoding.decode_picture(buffer.getvalue(), name="it")

    np.testing.assert_array_equal(read.rgb, from_uint8(np.asarray(original.convert("RGB"))))


@pytest.mark.parametrize("cut", range(0, len(GOOD) - 1, 7))
def test_a_picture_that_was_cut_off_is_never_taken(cut):
    with pytest.raises(ImageError):
        decoding.decode_picture(GOOD[:cut], name="it")


def test_a_data_uri_is_read_as_its_content():
    assert decoding.decode_base64("data:image/png;base64,QUJD") == decoding.decode_base64("QUJD") == b"ABC"


def test_uploads_over_a_network_are_small(recorded):
    server = recorded(extra_single_image="core/extra-single-lanczos-x2")
    request = Upscale(image=np.full((64, 64, 3), 0.5, np.float32), upscaler_1="Lanczos", upscaling_resize=2)
    server.client().upscale(request)
    Client("http://far", transport=httpx.MockTransport(server)).upscale(request)

    local, far = (base64.b64decode(body["image"]) for body in server.sent("extra-single-image"))
    assert local[:2] == b"BM"
    assert far[8:12] == b"WEBP"


def test_a_picture_whose_checksum_is_wrong_is_damaged_though_it_can_be_read():
    at = GOOD.index(b"IDAT") - 4
    end = at + 12 + int.from_bytes(GOOD[at : at + 4], "big")
    wrong = GOOD[: end - 1] + bytes([GOOD[end - 1] ^ 1]) + GOOD[end:]

    with pytest.raises(ImageError, match="damaged"):
        decoding.decode_picture(wrong, name="it")


def test_a_mask_goes_over_a_network_as_one_grey_channel():
    data = encoding.encode_picture(SentPicture(matte=ALPHA), formats={"tiff", "webp", "png"}, is_local=False)

    assert data.startswith(b"\x89PNG")
    assert data[25] == 0  # colour type: grey


def test_a_picture_too_wide_for_webp_goes_as_png():
    wide = SentPicture(np.zeros((1, 16_384, 3), np.float32))

    assert encoding.encode_picture(wide, formats={"webp", "png"}, is_local=False).startswith(b"\x89PNG")
