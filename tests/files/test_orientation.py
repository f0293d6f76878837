"""Every format and depth comes in upright, turned once, also where it is mirrored."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from prodgen import codecs, images

WAYS = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
    8: lambda p: np.rot90(p),
}
"""What a stored picture looks like upright, by Exif's orientation (2.32, tag 274)."""


@pytest.fixture
def stored(swatches) -> np.ndarray:
    return images.to_uint8(swatches)


def with_exif(pixels, kind, orientation, **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, exif=exif, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("orientation", WAYS)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_pictures_are_turned_as_their_exif_says(stored, kind, orientation):
    data = with_exif(stored, kind, orientation, **({"lossless": True} if kind == "WEBP" else {"quality": 98}))

    rgb = codecs.decode(data).rgb

    meant = WAYS[orientation](stored) / 255
    assert rgb.shape == meant.shape
    assert np.abs(rgb - meant).mean() < 0.02


@pytest.mark.parametrize("orientation", WAYS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bit_pngs_are_turned(making, swatches, orientation, channels):
    values = making.as_depth(np.dstack([swatches, swatches[..., :1]]), 16)
    values = values[..., [0, 3]] if channels == 2 else values[..., :channels]
    exif = Image.Exif()
    exif[0x0112] = orientation

    photo = codecs.decode(making.png(values, (b"eXIf", exif.tobytes()[6:])))

    meant = WAYS[orientation](values) / 65535
    np.testing.assert_allclose(photo.rgb[..., 0], meant[..., 0], atol=1e-6)
    if channels in (2, 4):
        np.testing.assert_allclose(photo.matte, meant[..., -1], atol=1e-6)


@pytest.mark.parametrize("orientation", WAYS)
@pytest.mark.parametrize("compression", [None, "zlib", "jpeg"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiffs_are_turned(stored, orientation, compression, dtype):
    pixels = stored.astype(dtype) * (257 if dtype == np.uint16 else 1)
    buffer = io.BytesIO()
    if compression == "jpeg":
        info = {274: orientation}
        Image.fromarray(stored).save(buffer, "TIFF", compression="jpeg", quality=98, tiffinfo=info)
    else:
        tags = [(274, 3, 1, orientation, True)]
        tifffile.imwrite(
            buffer, pixels, photometric="rgb", compression=compression, extratags=tags, metadata=None
        )

    rgb = codecs.decode(buffer.getvalue()).rgb

    assert rgb.shape == WAYS[orientation](stored).shape
    assert np.abs(rgb - WAYS[orientation](stored) / 255).mean() < 0.02


@pytest.mark.parametrize("orientation", WAYS)
def test_pictures_that_pillow_has_opened_are_turned(stored, orientation):
    with Image.open(io.BytesIO(with_exif(stored, "PNG", orientation))) as opened:
        rgb = codecs.from_pillow(opened).rgb

    np.testing.assert_array_equal(images.to_uint8(rgb), WAYS[orientation](stored))


@pytest.mark.parametrize("orientation", [0, 9, 4000])
def test_an_orientation_that_there_is_not_turns_nothing(stored, orientation):
    rgb = codecs.decode(with_exif(stored, "PNG", orientation)).rgb

    np.testing.assert_array_equal(images.to_uint8(rgb), stored)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_orientation_in_the_xmp_of_a_png_counts_at_every_depth(making, dtype):
    xmp = b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'

    data = making.png(np.zeros((4, 8, 3), dtype), (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp))

    assert codecs.decode(data).size == (4, 8)
