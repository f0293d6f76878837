"""Whatever a program has in hand as a picture can be loaded: path, bytes, file, array, Pillow picture."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prodgen import codecs, files, images
from prodgen.errors import ImageError


@pytest.fixture
def pixels() -> np.ndarray:
    """5 x 7, 8 bit, every value another one."""
    return np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)


def png(pixels: np.ndarray) -> bytes:
    return codecs.encode_pixels("PNG", pixels)


@pytest.mark.parametrize(
    "source",
    [
        lambda pixels: png(pixels),
        lambda pixels: bytearray(png(pixels)),
        lambda pixels: io.BytesIO(png(pixels)),
        lambda pixels: Image.fromarray(pixels),
        lambda pixels: Image.open(io.BytesIO(png(pixels))),
        lambda pixels: pixels,
        lambda pixels: pixels.astype(np.uint16) * 257,
        lambda pixels: pixels.astype(np.float64) / 255,
        lambda pixels: images.Photo(images.from_uint8(pixels)),
    ],
    ids=["bytes", "bytearray", "file", "pillow", "unread pillow", "uint8", "uint16", "float64", "Photo"],
)
def test_every_kind_of_source_gives_the_same_pixels(source, pixels):
    rgb = files.load(source(pixels)).rgb

    assert rgb.dtype == np.float32
    np.testing.assert_array_equal(images.to_uint8(rgb), pixels)


def test_a_path_may_be_text_or_a_path(tmp_path, pixels):
    (tmp_path / "a.png").write_bytes(png(pixels))

    for path in (tmp_path / "a.png", str(tmp_path / "a.png")):
        np.testing.assert_array_equal(images.to_uint8(files.load(path).rgb), pixels)


def test_a_grey_array_has_three_equal_channels(pixels):
    grey = pixels[..., 0]

    for shape in (grey, grey[..., None]):
        rgb = files.load(shape).rgb
        np.testing.assert_array_equal(images.to_uint8(rgb), np.repeat(grey[..., None], 3, axis=2))


def test_the_fourth_channel_of_an_array_is_the_matte(pixels):
    matte = pixels[..., :1]

    photo = files.load(np.concatenate([pixels, matte], axis=2))

    assert photo.matte is not None
    np.testing.assert_array_equal(images.to_uint8(photo.matte), matte[..., 0])


def test_a_loaded_array_does_not_change_when_its_owner_draws_on_it(pixels):
    mine = images.from_uint8(pixels)
    photo = files.load(mine)

    mine[:] = 0

    np.testing.assert_array_equal(images.to_uint8(photo.rgb), pixels)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (np.zeros((4, 4, 2), np.uint8), r"shape \(4, 4, 2\)"),
        (np.zeros((0, 4, 3), np.uint8), "shape"),
        (np.zeros((4, 4, 3), np.int64), "int64; give uint8"),
        (np.full((4, 4, 3), 255.0), "values from 255 to 255; floats go from 0 to 1"),
        (np.full((4, 4, 3), np.nan), "floats go from 0 to 1"),
        (np.zeros((1, 40_000), np.uint8), "40000x1; at most"),
        (io.StringIO("a"), "binary mode"),
        (io.BytesIO(), r"seek\(0\)"),
        (7, "a int is no picture; give a path"),
        (None, "a NoneType is no picture"),
        (b"", "0 bytes"),
    ],
)
def test_what_cannot_be_loaded_is_refused_in_one_sentence(source, words):
    with pytest.raises(ImageError, match=words) as caught:
        files.load(source)

    assert "\n" not in str(caught.value)


def test_a_file_object_without_an_end_is_refused_before_it_fills_the_memory(monkeypatch):
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 1 << 20)

    with Path("/dev/zero").open("rb") as endless, pytest.raises(ImageError, match="more than 1 MiB"):
        files.load(endless)


def test_a_matte_is_loaded_from_memory_too(pixels):
    grey = pixels[..., 0]

    np.testing.assert_array_equal(images.to_uint8(files.load_matte(grey)), grey)


def test_a_boolean_mask_is_a_matte():
    mask = np.eye(8, dtype=bool)

    np.testing.assert_array_equal(files.load_matte(mask), mask.astype(np.float32))


@pytest.mark.parametrize("kind", ["BMP", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pixels_are_encoded_exactly(pixels, kind, channels):
    if kind == "BMP" and channels == 4:
        pytest.skip("BMP has no alpha that everybody reads")
    source = np.concatenate([pixels, pixels[..., :1] // 2], axis=2)[..., :channels]
    source = np.ascontiguousarray(source[..., 0] if channels == 1 else source)

    with Image.open(io.BytesIO(codecs.encode_pixels(kind, source))) as picture:
        assert picture.format == kind
        back = np.asarray(picture.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels]))

    np.testing.assert_array_equal(back, source)
