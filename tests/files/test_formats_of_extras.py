"""HEIC and camera raw: read where their extra is installed, and else refused with its name."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from prodgen import codecs, images
from prodgen.codecs import heif_files
from prodgen.errors import ImageError

XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
"""Linear sRGB to CIE XYZ. Source: IEC 61966-2-1."""

NEUTRAL = np.array([0.5, 1.0, 0.6])
"""What the sensor of the drawn raw file sees of white."""

CFA = 32803
RAW_BEGINNINGS = [
    b"FUJIFILMCCD-RAW 0201",
    b"IIRO\x08\0\0\0",
    b"IIU\0\x18\0\0\0",
    b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
]


@pytest.fixture
def heif():
    return pytest.importorskip("pillow_heif")


@pytest.fixture
def rawpy():
    return pytest.importorskip("rawpy")


def heic(heif, pixels, *, orientation=1, mode=None, **options):
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    deep = pixels.dtype == np.uint16
    mode = (
        mode or {2: "L", 3: "RGB", 4: "RGBA"}[3 if pixels.ndim == 3 and pixels.shape[2] == 3 else pixels.ndim]
    )
    made = heif.from_bytes(mode + (";16" if deep else ""), pixels.shape[1::-1], pixels.tobytes())
    made.save(buffer, quality=-1, chroma="444", exif=exif.tobytes(), **options)
    return buffer.getvalue()


@pytest.mark.parametrize("bits", [8, 16])
def test_a_heic_is_read(heif, making, swatches, bits):
    photo = codecs.decode(heic(heif, making.as_depth(swatches, bits)))

    assert making.mean_far(photo.rgb, swatches) < 1
    assert photo.matte is None
    assert photo.notices == ()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_heic_is_turned_once(heif, swatches, orientation):
    pixels = images.to_uint8(swatches)
    upright = codecs.decode(with_orientation(pixels, orientation)).rgb

    rgb = codecs.decode(heic(heif, pixels, orientation=orientation)).rgb

    assert rgb.shape == upright.shape
    assert np.abs(rgb - upright).mean() < 0.01


def with_orientation(pixels, orientation):
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(buffer, "PNG", exif=exif)
    return buffer.getvalue()


def test_the_alpha_of_a_heic_is_read(heif, swatches):
    alpha = np.linspace(0, 255, 30).astype(np.uint8)[None].repeat(20, axis=0)

    photo = codecs.decode(heic(heif, np.dstack([images.to_uint8(swatches), alpha]), mode="RGBA"))

    np.testing.assert_allclose(photo.matte, alpha / 255, atol=0.01)


def test_the_profile_of_a_heic_is_applied(heif, making, swatches):
    values = making.as_depth(making.in_space(swatches, "Adobe", lambda x: x ** (256 / 563)), 8)
    picture, buffer = Image.fromarray(values), io.BytesIO()
    picture.info["icc_profile"] = making.profile("Adobe", 563 / 256)
    heif.from_pillow(picture).save(buffer, quality=-1, chroma="444")

    assert making.mean_far(codecs.decode(buffer.getvalue()).rgb, swatches) < 1


def test_the_code_points_of_a_heic_are_followed(heif, making, swatches):
    values = making.as_depth(making.in_space(swatches, "P3", to_srgb), 16)
    data = heic(heif, values, color_primaries=12, transfer_characteristic=13)

    assert heif_files.code_points(data) == (12, 13)
    assert making.mean_far(codecs.decode(data).rgb, swatches) < 1


def test_a_heic_of_high_dynamic_range_is_said(heif, swatches):
    data = heic(heif, images.to_uint8(swatches))
    assert data.count(b"nclx\0\1\0\r") == 1

    photo = codecs.decode(data.replace(b"nclx\0\1\0\r", b"nclx\0\x09\0\x10"))

    assert "PQ" in photo.notices[0]


def test_the_code_points_of_an_avif_are_followed(making, swatches):
    values, buffer = making.as_depth(making.in_space(swatches, "P3", to_srgb), 8), io.BytesIO()
    Image.fromarray(values).save(buffer, "AVIF", quality=100, subsampling="4:4:4")
    data = buffer.getvalue()
    assert data.count(b"nclx\0\1\0\r") == 1

    rgb = codecs.decode(data.replace(b"nclx\0\1\0\r", b"nclx\0\x0c\0\r")).rgb

    assert making.mean_far(rgb, swatches) < 1


def to_srgb(linear):
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def test_a_heic_with_several_pictures_gives_the_main_one_and_says_so(heif, swatches):
    made, buffer = heif.from_pillow(Image.fromarray(images.to_uint8(swatches))), io.BytesIO()
    made.add_from_pillow(Image.new("RGB", (16, 16)))
    made.save(buffer)

    photo = codecs.decode(buffer.getvalue())

    assert photo.rgb.shape == swatches.shape
    assert "2 pictures" in photo.notices[0]


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_cut_heic_is_refused_in_one_sentence(heif, swatches, share):
    data = heic(heif, images.to_uint8(swatches))

    with pytest.raises(ImageError, match="damaged or cut off") as caught:
        codecs.decode(data[: int(len(data) * share)])

    assert "\n" not in str(caught.value)


def test_a_heic_without_the_extra_is_refused_with_its_name(heif, swatches, monkeypatch):
    data = heic(heif, images.to_uint8(swatches))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)

    with pytest.raises(ImageError, match=r"'mug.heic' is HEIC, .*pip install 'prodgen\[heif\]'"):
        codecs.decode(data, name="'mug.heic'")


def dng(linear, *, orientation=1, light=(1, 1, 1)):
    """A raw file as a camera would write it of these colours, (H, W, 3) linear sRGB, in a coloured light."""
    seen = np.round(linear * NEUTRAL * light * 65535).astype(np.uint16)
    mosaic = seen[..., 1].copy()
    mosaic[::2, ::2], mosaic[1::2, 1::2] = seen[::2, ::2, 0], seen[1::2, 1::2, 2]

    def fractions(numbers):
        return [part for number in numbers for part in (round(number * 10_000), 10_000)]

    matrix = np.diag(NEUTRAL) @ np.linalg.inv(XYZ)
    tags = [
        (50706, 1, 4, bytes([1, 4, 0, 0]), True),
        (50708, 2, 0, "A camera", True),
        (271, 2, 0, "A maker", True),
        (272, 2, 0, "A camera", True),
        (274, 3, 1, orientation, True),
        (33421, 3, 2, (2, 2), True),
        (33422, 1, 4, bytes([0, 1, 1, 2]), True),
        (50714, 4, 1, 0, True),
        (50717, 4, 1, 65535, True),
        (50721, 10, 9, fractions(matrix.ravel()), True),
        (50728, 5, 3, fractions(NEUTRAL * light), True),
        (50778, 3, 1, 21, True),
    ]
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, mosaic, photometric=CFA, extratags=tags, metadata=None)
    return buffer.getvalue()


@pytest.fixture
def fields() -> np.ndarray:
    """64 x 96 linear sRGB in six fields of one colour each: between them a mosaic is guessed."""
    colours = [
        (0.2, 0.2, 0.2),
        (0.5, 0.1, 0.1),
        (0.1, 0.4, 0.15),
        (0.05, 0.1, 0.5),
        (0.6, 0.6, 0.6),
        (0.5, 0.5, 0.1),
    ]
    return np.repeat(np.array(colours), 16, axis=0)[None].repeat(64, axis=0)


def test_camera_raw_is_developed_with_the_cameras_white_and_that_is_said(rawpy, making, fields):
    photo = codecs.decode(dng(fields))

    middles = np.s_[8:-8, 8::16]
    assert making.far(photo.rgb[middles], to_srgb(fields[middles]).astype(np.float32)) < 1
    assert "camera raw" in photo.notices[0]


def test_the_white_of_camera_raw_is_the_one_that_the_camera_measured(rawpy, fields):
    rgb = codecs.decode(dng(fields, light=(1.0, 0.8, 0.5))).rgb

    assert np.ptp(rgb[32, 8], axis=-1) < 0.01


def test_camera_raw_is_turned_once(rawpy, fields):
    assert codecs.decode(dng(fields, orientation=6)).rgb.shape == (96, 64, 3)


@pytest.mark.parametrize("beginning", RAW_BEGINNINGS)
def test_camera_raw_that_cannot_be_developed_is_refused_in_one_sentence(rawpy, beginning):
    with pytest.raises(ImageError, match="camera raw that cannot be developed") as caught:
        codecs.decode(beginning + bytes(5000))

    assert "\n" not in str(caught.value)
    assert "b'" not in str(caught.value)


@pytest.mark.parametrize("kind", range(len(RAW_BEGINNINGS) + 1))
def test_camera_raw_without_the_extra_is_refused_with_its_name(fields, kind, monkeypatch):
    data = [*RAW_BEGINNINGS, dng(fields)][kind]
    monkeypatch.setitem(sys.modules, "rawpy", None)

    with pytest.raises(ImageError, match=r"'mug.dng' is camera raw, .*pip install 'prodgen\[raw\]'"):
        codecs.decode(data, name="'mug.dng'")
