"""Texts in picture files: every container, byte order and marker that programs write them with."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from prodgen import codecs
from prodgen.codecs.exif_texts import comment_text
from prodgen.errors import ImageError

WORDS = "a red mug, café\nNegative prompt: bad\nSteps: 20, Sampler: Euler a, Seed: 1, Size: 512x512"
CHINESE = "一只红色的杯子放在桌上\nSteps: 20, Sampler: Euler a, Seed: 1, Size: 512x512"

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8))


def exif_block(comment: bytes, *, order: str = "<", kind: int = 7, in_first: bool = False) -> bytes:
    """A TIFF block with one user comment, in the EXIF directory or, against the standard, in the first."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    entry = struct.pack(order + "HHHI", 1, 0x9286, kind, len(comment))
    if in_first:
        return head + entry + struct.pack(order + "II", 26, 0) + comment
    first = struct.pack(order + "HHHIII", 1, 0x8769, 4, 1, 26, 0)
    return head + first + entry + struct.pack(order + "II", 44, 0) + comment


def with_exif(block: bytes, container: str) -> bytes:
    if container == "PNG":
        return with_chunks((b"eXIf", block))
    buffer = io.BytesIO()
    if container == "TIFF":
        exif = Image.Exif()
        exif.load(block)
        PICTURE.save(buffer, "TIFF", exif=exif)
    else:
        PICTURE.save(buffer, container, exif=b"Exif\0\0" + block)
    return buffer.getvalue()


def with_chunks(*chunks: tuple[bytes, bytes], behind_pixels: bool = False) -> bytes:
    buffer = io.BytesIO()
    PICTURE.save(buffer, "PNG")
    data = buffer.getvalue()
    more = b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
    place = len(data) - 12 if behind_pixels else 33
    return data[:place] + more + data[place:]


COMMENTS = {
    "UTF-16, big endian": b"UNICODE\0" + WORDS.encode("utf-16-be"),
    "UTF-16, little endian": b"UNICODE\0" + WORDS.encode("utf-16-le"),
    "UTF-16 with a mark, little endian": b"UNICODE\0\xff\xfe" + WORDS.encode("utf-16-le"),
    "UTF-16 with a mark, big endian": b"UNICODE\0\xfe\xff" + WORDS.encode("utf-16-be"),
    "UTF-16 behind a marker with a space": b"UNICODE " + WORDS.encode("utf-16-le"),
    "UTF-16 that ends in zeros": b"UNICODE\0" + WORDS.encode("utf-16-le") + b"\0" * 6,
    "UTF-8 behind the marker of UTF-16": b"UNICODE\0" + WORDS.encode(),
    "UTF-8 behind the marker of ASCII": b"ASCII\0\0\0" + WORDS.encode(),
    "UTF-8 behind zeros": b"\0" * 8 + WORDS.encode(),
    "UTF-16 behind zeros": b"\0" * 8 + WORDS.encode("utf-16-le"),
    "UTF-8 behind a marker that no standard has": b"UTF-8\0\0\0" + WORDS.encode(),
    "UTF-8 without a marker": WORDS.encode(),
    "UTF-16 without a marker": WORDS.encode("utf-16-be"),
    "Latin-1 without a marker": WORDS.encode("latin-1"),
}


@pytest.mark.parametrize("container", ["JPEG", "WEBP", "AVIF", "PNG", "TIFF"])
@pytest.mark.parametrize("form", COMMENTS)
def test_a_user_comment_is_read_in_every_alphabet_and_container(form, container):
    block = exif_block(COMMENTS[form], order="<" if container != "WEBP" else ">")

    assert codecs.decode_text(with_exif(block, container))["parameters"] == WORDS


def test_a_user_comment_in_heic_is_read():
    heif = pytest.importorskip("pillow_heif")
    block = exif_block(COMMENTS["UTF-16, little endian"])
    buffer = io.BytesIO()
    heif.from_pillow(PICTURE).save(buffer, exif=b"Exif\0\0" + block)

    assert codecs.decode_text(buffer.getvalue())["parameters"] == WORDS


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_the_byte_order_of_words_is_found_in_the_words_and_not_taken_from_the_block(order, encoding):
    block = exif_block(b"UNICODE\0" + CHINESE.encode(encoding), order=order)

    assert codecs.decode_text(with_exif(block, "JPEG"))["parameters"] == CHINESE


@pytest.mark.parametrize(("order", "encoding"), [("<", "utf-16-le"), (">", "utf-16-be")])
def test_words_without_any_zero_byte_have_the_byte_order_of_the_block(order, encoding):
    block = exif_block(b"UNICODE\0" + "红色的杯子".encode(encoding), order=order)

    assert codecs.decode_text(with_exif(block, "JPEG"))["parameters"] == "红色的杯子"


def test_a_japanese_comment_is_read_by_its_own_alphabet():
    block = exif_block(b"JIS\0\0\0\0\0" + "赤いカップ Steps: 2".encode("iso2022_jp"))

    assert codecs.decode_text(with_exif(block, "JPEG"))["parameters"] == "赤いカップ Steps: 2"


def test_a_text_field_in_the_first_directory_is_read_as_utf_8():
    block = exif_block(WORDS.encode() + b"\0", kind=2, in_first=True)

    assert codecs.decode_text(with_exif(block, "WEBP"))["parameters"] == WORDS


@pytest.mark.parametrize(
    "chunk",
    [
        (b"tEXt", b"parameters\0" + WORDS.encode("latin-1")),
        (b"tEXt", b"parameters\0" + WORDS.encode()),
        (b"zTXt", b"parameters\0\0" + zlib.compress(WORDS.encode("latin-1"))),
        (b"iTXt", b"parameters\0\0\0\0\0" + WORDS.encode()),
        (b"iTXt", b"parameters\0\x01\0de\0Parameter\0" + zlib.compress(WORDS.encode())),
    ],
)
@pytest.mark.parametrize("behind_pixels", [False, True])
def test_every_kind_of_png_text_is_read_before_and_behind_the_pixels(chunk, behind_pixels):
    assert codecs.decode_text(with_chunks(chunk, behind_pixels=behind_pixels)) == {"parameters": WORDS}


def test_exif_that_imagemagick_keeps_as_hexadecimal_text_is_read():
    block = b"Exif\0\0" + exif_block(b"UNICODE\0" + WORDS.encode("utf-16-le"))
    profile = f"\nexif\n{len(block):8}\n{block.hex()}\n".encode()

    data = with_chunks((b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile)))

    assert codecs.decode_text(data)["parameters"] == WORDS


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt"])
def test_a_text_that_unpacks_to_far_too_much_is_refused_and_not_unpacked(kind):
    bomb = zlib.compress(b"\0" * (9 << 20), 9)
    head = b"\0" if kind == b"zTXt" else b"\x01\0\0\0"

    with pytest.raises(ImageError, match="its text 'parameters' unpacks to more than 8 MB"):
        codecs.decode_text(with_chunks((kind, b"parameters\0" + head + bomb)))


def test_a_file_of_a_million_texts_gives_a_few():
    data = with_chunks(*((b"tEXt", b"%d\0a" % number) for number in range(20_000)))

    assert len(codecs.decode_text(data)) == 200


def test_a_comment_of_a_jpeg_is_read():
    buffer = io.BytesIO()
    PICTURE.save(buffer, "JPEG", comment=WORDS.encode())

    assert codecs.decode_text(buffer.getvalue()) == {"comment": WORDS}


def hidden(magic: bytes, body: bytes, channels: int) -> bytes:
    """A PNG with a text in the lowest bits of alpha (`channels` 1) or of the three colours."""
    bits = np.unpackbits(np.frombuffer(magic + struct.pack(">I", len(body) * 8) + body, np.uint8))
    pixels = np.full((160, 320, 4 if channels == 1 else 3), 255, np.uint8)
    part = pixels[..., 3:] if channels == 1 else pixels
    columns = part.swapaxes(0, 1).reshape(-1).copy()
    columns[: len(bits)] = columns[: len(bits)] & 254 | bits
    part[:] = columns.reshape(part.swapaxes(0, 1).shape).swapaxes(0, 1)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_text_in_the_lowest_bits_is_read_where_there_is_no_other():
    texts = {"Software": "NovelAI", "Comment": json.dumps({"prompt": "a mug"})}
    packed = gzip.compress(json.dumps(texts).encode())

    assert codecs.decode_text(hidden(b"stealth_pngcomp", packed, 1)) == texts
    assert codecs.decode_text(hidden(b"stealth_pnginfo", WORDS.encode(), 1)) == {"parameters": WORDS}
    assert codecs.decode_text(hidden(b"stealth_rgbcomp", gzip.compress(WORDS.encode()), 3)) == {
        "parameters": WORDS
    }


def test_hidden_text_that_unpacks_to_far_too_much_is_refused():
    with pytest.raises(ImageError, match="hidden text unpacks"):
        codecs.decode_text(hidden(b"stealth_rgbcomp", gzip.compress(b"\0" * (9 << 20), 9), 3))


def test_a_picture_without_any_text_has_none():
    buffer = io.BytesIO()
    PICTURE.save(buffer, "PNG")

    assert codecs.decode_text(buffer.getvalue()) == {}


@pytest.mark.parametrize(
    ("raw", "words"), [(b"ab\0", "ab"), (b"ab\0cd\0e", "ab\0cd\0e"), (b"ASCII", "ASCII"), (b"", "")]
)
def test_short_and_odd_comments_are_taken_as_they_are(raw, words):
    assert comment_text(raw) == words
