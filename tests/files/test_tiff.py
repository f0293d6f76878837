"""TIFF files of every layout that scanners, cameras and Photoshop write, in full depth."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage.color import xyz2lab

from prodgen import codecs, images
from prodgen.errors import ImageError


def written(pixels, **options):
    """A TIFF file by tifffile, the reference."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **{"photometric": "rgb", "metadata": None, **options})
    return buffer.getvalue()


def by_pillow(pixels, compression):
    """A compressed TIFF file by libtiff, as tifffile compresses with zlib alone."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "TIFF", compression=compression)
    return buffer.getvalue()


@pytest.fixture
def deep() -> np.ndarray:
    """37 x 53, 16 bit, neither side a multiple of anything."""
    y, x = np.mgrid[:37, :53]
    return np.stack([x * 1230, y * 1760, (x + y) * 700], axis=-1).astype(np.uint16)


LAYOUTS = {
    "plain": {},
    "one row a strip": {"rowsperstrip": 1},
    "big-endian": {"byteorder": ">"},
    "BigTIFF": {"bigtiff": True},
    "tiles": {"tile": (16, 32)},
    "deflate": {"compression": "zlib", "rowsperstrip": 8},
    "deflate, predictor": {"compression": "zlib", "predictor": 2, "rowsperstrip": 5},
    "deflate, predictor, big-endian": {"compression": "zlib", "predictor": 2, "byteorder": ">"},
    "deflate, tiles, predictor": {"compression": "zlib", "predictor": 2, "tile": (16, 16)},
}


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_read_in_full_depth(deep, layout, bits, planar):
    pixels = deep if bits == 16 else (deep >> 8).astype(np.uint8)
    order = pixels if planar == "contig" else np.ascontiguousarray(np.moveaxis(pixels, -1, 0))

    photo = codecs.decode(written(order, planarconfig=planar, **LAYOUTS[layout]))

    np.testing.assert_allclose(photo.rgb, pixels / np.float32(2**bits - 1), atol=1e-6)
    assert photo.matte is None
    assert photo.notices == ()


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate", "tiff_lzma", "zstd"])
def test_every_compression_without_loss_is_read(deep, compression):
    pixels = (deep >> 8).astype(np.uint8)

    np.testing.assert_array_equal(images.to_uint8(codecs.decode(by_pillow(pixels, compression)).rgb), pixels)


def test_lzw_of_sixteen_bits_is_read_in_full_depth(deep):
    done, data = cv2.imencode(".tif", deep[..., ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, 5])

    assert done
    np.testing.assert_allclose(codecs.decode(data.tobytes()).rgb, deep / 65535, atol=1e-6)


@pytest.mark.parametrize("compression", ["jpeg", "group4"])
def test_what_is_left_to_pillow_is_read_too(deep, compression):
    pixels = (deep >> 8).astype(np.uint8)
    picture = pixels if compression == "jpeg" else pixels[..., 0] > 100

    rgb = codecs.decode(by_pillow(picture, compression)).rgb

    meant = pixels / 255 if compression == "jpeg" else np.repeat(picture[..., None], 3, axis=2)
    assert np.abs(rgb - meant).mean() < 0.02


def packed(values, bits):
    """Rows of values of so many bits, each row padded to bytes, as TIFF has them."""
    bits_of = (values[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(bits_of.reshape(len(values), -1).astype(np.uint8), axis=1).tobytes()


def test_twelve_bits_are_read():
    values = np.arange(15 * 9 * 3, dtype=np.uint16).reshape(9, 15, 3) * 10
    body = packed(values, 12)
    tags = [
        (256, 15),
        (257, 9),
        (258, None),
        (259, 1),
        (262, 2),
        (273, 0),
        (277, 3),
        (278, 9),
        (279, len(body)),
    ]
    start = 8 + 2 + 12 * len(tags) + 4
    data = b"II*\0" + struct.pack("<IH", 8, len(tags))
    for tag, value in tags:
        kind, count = (3, 3) if tag == 258 else (4, 1)
        place = start if tag == 258 else start + 6 if tag == 273 else value
        data += struct.pack("<HHII", tag, kind, count, place)
    data += bytes(4) + struct.pack("<3H", 12, 12, 12) + body

    np.testing.assert_allclose(codecs.decode(data).rgb, values / 4095, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("byteorder", "<>")
def test_floats_are_linear_light_and_that_is_said(swatches, making, dtype, byteorder):
    linear = making.in_space(swatches, "sRGB", lambda x: x).astype(dtype)

    photo = codecs.decode(written(linear, byteorder=byteorder))

    assert making.far(photo.rgb, swatches) < 1
    assert "linear light" in photo.notices[0]


@pytest.mark.parametrize("compression", [5, 8], ids=["lzw", "deflate"])
def test_floats_with_a_predictor_are_read(swatches, making, compression):
    linear = making.in_space(swatches, "sRGB", lambda x: x).astype(np.float32)
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression, cv2.IMWRITE_TIFF_PREDICTOR, 3]

    done, data = cv2.imencode(".tif", np.ascontiguousarray(linear[..., ::-1]), options)

    assert done
    assert making.far(codecs.decode(data.tobytes()).rgb, swatches) < 1


def test_floats_with_a_profile_are_what_it_says(swatches, making):
    values = making.in_space(swatches, "P3", lambda x: x ** (1 / 1.8)).astype(np.float32)

    photo = codecs.decode(written(values, iccprofile=making.profile("P3", 1.8)))

    assert making.far(photo.rgb, swatches) < 1
    assert photo.notices == ()


def test_planes_that_pillow_has_opened_are_read_in_full_depth(deep):
    picture = Image.open(io.BytesIO(written(deep.transpose(2, 0, 1), planarconfig="separate")))

    np.testing.assert_allclose(codecs.from_pillow(picture).rgb, deep / 65535, atol=1e-6)


def test_floats_that_are_no_light_are_refused(deep):
    with pytest.raises(ImageError, match="above 1, which is white"):
        codecs.decode(written((deep / 257).astype(np.float32)))


@pytest.mark.parametrize(
    ("dtype", "words"), [("i2", "16-bit signed"), ("u8", "64-bit whole"), ("c8", "complex")]
)
def test_numbers_that_are_not_read_are_named_and_not_called_damaged(deep, dtype, words):
    with pytest.raises(ImageError, match=f"is not read: it holds .*{words}") as caught:
        codecs.decode(written((deep >> 8).astype(dtype)))

    assert "damaged" not in str(caught.value)


def test_light_that_is_brighter_than_white_or_no_number_is_clipped():
    light = np.full((4, 4, 3), 0.5, np.float32)
    light[0, 0] = (7, np.nan, -3)

    np.testing.assert_array_equal(images.to_uint8(codecs.decode(written(light)).rgb)[0, 0], [255, 0, 0])


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
def test_alpha_comes_in_straight(deep, kind, bits):
    pixels = deep / 65535
    alpha = np.linspace(0, 1, 53)[None, :].repeat(37, axis=0)
    stored = pixels * alpha[..., None] if kind == "assocalpha" else pixels
    rgba = np.dstack([stored, alpha]) * (2**bits - 1)

    photo = codecs.decode(written(np.round(rgba).astype(f"u{bits // 8}"), extrasamples=[kind]))

    np.testing.assert_allclose(photo.matte, alpha, atol=0.003)
    half = alpha > 0.5
    np.testing.assert_allclose(photo.rgb[half], pixels[half], atol=2 / (2**bits - 1) + 0.002)


def test_a_channel_that_is_no_alpha_is_left_out(deep):
    spot = np.dstack([deep, np.zeros((37, 53), np.uint16)])

    photo = codecs.decode(written(spot, extrasamples=["unspecified"]))

    assert photo.matte is None
    np.testing.assert_allclose(photo.rgb, deep / 65535, atol=1e-6)


def test_grey_with_alpha_keeps_its_depth(deep):
    photo = codecs.decode(written(deep[..., :2], photometric="minisblack", extrasamples=["unassalpha"]))

    np.testing.assert_allclose(photo.rgb[..., 0], deep[..., 0] / 65535, atol=1e-6)
    np.testing.assert_allclose(photo.matte, deep[..., 1] / 65535, atol=1e-6)


def test_white_may_be_zero(deep):
    photo = codecs.decode(written(deep[..., 0], photometric="miniswhite"))

    np.testing.assert_allclose(photo.rgb[..., 1], 1 - deep[..., 0] / 65535, atol=1e-6)


def test_cmyk_of_sixteen_bits_is_read_and_said_to_be_a_guess(deep):
    cmyk = np.dstack([65535 - deep, np.zeros((37, 53), np.uint16)])

    photo = codecs.decode(written(cmyk, photometric="separated"))

    np.testing.assert_allclose(photo.rgb, deep / 65535, atol=1e-5)
    assert "CMYK" in photo.notices[0]


@pytest.mark.parametrize("bits", [8, 16])
def test_lab_is_read(swatches, making, bits):
    lab = xyz2lab(making.in_space(swatches, "sRGB", lambda x: x) @ making.xyz_of("sRGB").T, "D50")
    scale = 2 ** (bits - 8)
    stored = np.dstack([lab[..., :1] / 100 * (2**bits - 1), lab[..., 1:] * scale]).round()
    data = written(stored.astype(f"i{bits // 8 * 2}").astype(f"u{bits // 8}"), photometric="cielab")

    assert making.mean_far(codecs.decode(data).rgb, swatches) < 1


def pages(*pictures, **tags):
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        for pixels, subfile in pictures:
            file.write(pixels, photometric="rgb", metadata=None, subfiletype=subfile, **tags)
    return buffer.getvalue()


def shrunk(pixels):
    return np.ascontiguousarray(pixels[::4, ::4])


@pytest.mark.parametrize(
    "order",
    [
        lambda full: [(full, 0), (shrunk(full), 1)],
        lambda full: [(shrunk(full), 1), (full, 0)],
        lambda full: [(full, 0), (shrunk(full), 0)],
        lambda full: [(full, 1), (shrunk(full), 1)],
    ],
    ids=["after", "before", "not told", "both told"],
)
def test_a_thumbnail_does_not_hide_the_photograph(deep, order):
    np.testing.assert_allclose(codecs.decode(pages(*order(deep))).rgb, deep / 65535, atol=1e-6)


def test_a_photograph_below_its_thumbnail_is_found(deep):
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(shrunk(deep), photometric="rgb", metadata=None, subfiletype=1, subifds=1)
        file.write(deep, photometric="rgb", metadata=None, subfiletype=0)

    np.testing.assert_allclose(codecs.decode(buffer.getvalue()).rgb, deep / 65535, atol=1e-6)


def test_several_photographs_are_refused(deep):
    with pytest.raises(ImageError, match=r"holds 2 pictures \(many pages\)"):
        codecs.decode(pages((deep, 0), (deep, 0)))


def test_the_second_page_of_a_kind_left_to_pillow_is_found(deep):
    pixels = Image.fromarray((deep >> 8).astype(np.uint8))
    thumbnail, buffer = pixels.resize((13, 9)), io.BytesIO()
    thumbnail.save(
        buffer, "TIFF", compression="jpeg", save_all=True, append_images=[pixels], tiffinfo={254: 0}
    )

    assert codecs.decode(buffer.getvalue()).rgb.shape == deep.shape


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_cut_file_is_refused_in_one_sentence(deep, layout):
    data = written(deep, **LAYOUTS[layout])

    for share in (0.05, 0.5, 0.95):
        with pytest.raises(ImageError, match=r"damaged or cut off|not a picture") as caught:
            codecs.decode(data[: int(len(data) * share)])
        assert "\n" not in str(caught.value)


def test_a_bomb_is_refused_before_it_fills_the_memory(deep):
    data = written(deep, compression="zlib")
    huge = zlib.compress(bytes(1 << 20))
    wide = data.replace(struct.pack("<HHII", 256, 4, 1, 53), struct.pack("<HHII", 256, 4, 1, 40_000))

    assert wide != data
    with pytest.raises(ImageError, match="at most"):
        codecs.decode(wide + huge)


def test_a_strip_too_long_to_unpack_in_full_depth_is_refused_and_not_read_in_8_bits(deep):
    data = written(deep, compression="zlib", rowsperstrip=10_000)
    for tag, value in ((256, 10_000), (257, 10_000), (259, 5), (278, 10_000)):
        place = data.find(struct.pack("<H", tag), 8)
        data = data[:place] + struct.pack("<HHII", tag, 4, 1, value) + data[place + 12 :]

    with pytest.raises(ImageError, match="too long to unpack; save it with Deflate"):
        codecs.decode(data)


def test_nothing_is_printed_about_a_file_with_too_many_channels(deep):
    data = by_pillow((deep >> 8).astype(np.uint8), "jpeg")
    many = data.replace(struct.pack("<HHIHxx", 277, 3, 1, 3), struct.pack("<HHIHxx", 277, 3, 1, 9000))

    assert many != data
    # In a process of its own: here pytest takes what is logged.
    program = "import sys; from prodgen import codecs; codecs.decode(sys.stdin.buffer.read())"
    done = subprocess.run([sys.executable, "-c", program], input=many, capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(b"Traceback")


def test_directories_that_lead_to_themselves_end(deep):
    data = bytearray(written(deep))
    (place,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, place)
    struct.pack_into("<I", data, place + 2 + 12 * count, place)

    np.testing.assert_allclose(codecs.decode(bytes(data)).rgb, deep / 65535, atol=1e-6)
