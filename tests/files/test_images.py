"""Every kind of file that a shop may hand in, and every way in which one may be broken."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest
from PIL import Image, ImageCms

from prodgen import codecs, files, images
from prodgen.errors import ImageError


@pytest.fixture
def picture() -> np.ndarray:
    """48 x 32, smooth, with a colour in every corner."""
    y, x = np.mgrid[:32, :48].astype(np.float32)
    return np.stack([x / 47, y / 31, 1 - x / 47], axis=-1).astype(np.float32)


def file_of(picture: np.ndarray, kind: str, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(images.to_uint8(picture)).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def worst(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max())


@pytest.mark.parametrize("ending", [".png", ".tif", ".webp"])
def test_a_lossless_file_gives_back_every_pixel(tmp_path, picture, ending):
    files.save(tmp_path / f"a{ending}", picture, quality=100)

    back = files.load(tmp_path / f"a{ending}").rgb

    np.testing.assert_array_equal(images.to_uint8(back), images.to_uint8(picture))


def test_a_jpeg_comes_back_nearly_the_same(tmp_path, picture):
    files.save(tmp_path / "a.jpg", picture)

    assert worst(files.load(tmp_path / "a.jpg").rgb, picture) < 0.05


@pytest.mark.parametrize("ending", [".png", ".tif", ".webp"])
def test_alpha_is_read_back_as_the_matte(tmp_path, picture, ending):
    matte = picture[..., 0]

    files.save(tmp_path / f"a{ending}", picture, matte=matte, quality=100)

    back = files.load(tmp_path / f"a{ending}").matte
    assert back is not None
    assert worst(back, matte) <= 0.5 / 255 + 1e-6


def test_an_opaque_alpha_channel_is_no_matte(picture):
    assert codecs.decode(file_of(picture, "PNG", "RGBA")).matte is None


def test_a_phone_photo_is_turned_upright(picture):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = codecs.decode(file_of(picture, "JPEG", exif=exif, quality=98)).rgb

    assert turned.shape == (48, 32, 3)
    assert worst(turned, np.rot90(picture, -1)) < 0.1


def test_a_grey_picture_has_three_equal_channels(picture):
    rgb = codecs.decode(file_of(picture, "PNG", "L")).rgb

    assert rgb.shape == (32, 48, 3)
    np.testing.assert_array_equal(rgb[..., 0], rgb[..., 2])


def test_a_16_bit_grey_picture_keeps_its_brightness():
    values = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")

    rgb = codecs.decode(buffer.getvalue()).rgb

    assert worst(rgb[..., 0], values / 65535) < 1e-4


def test_a_16_bit_colour_png_keeps_more_than_8_bits(picture):
    import cv2

    deep = (picture * 65535).round().astype(np.uint16)
    data = cv2.imencode(".png", deep[..., ::-1])[1].tobytes()

    assert worst(codecs.decode(data).rgb, picture) < 1e-4


def test_a_palette_with_transparency_becomes_colours_and_a_matte():
    source = Image.new("P", (10, 10), 0)
    source.putpalette([255, 0, 0, 0, 255, 0] + [0] * 762)
    source.paste(1, (5, 0, 10, 10))
    buffer = io.BytesIO()
    source.save(buffer, "PNG", transparency=0)

    photo = codecs.decode(buffer.getvalue())

    assert photo.matte is not None
    np.testing.assert_array_equal(photo.matte[0], [0] * 5 + [1] * 5)
    np.testing.assert_array_equal(photo.rgb[0, 9], [0, 1, 0])


def test_cmyk_without_a_profile_is_read_and_said_to_be_a_guess(picture):
    photo = codecs.decode(file_of(picture, "JPEG", "CMYK", quality=98))

    assert worst(photo.rgb, picture) < 0.2
    assert "CMYK" in photo.notices[0]


def test_a_colour_profile_is_converted(picture):
    # A Lab profile cannot embed in RGB; a gamma-free XYZ-like one shows the conversion best.
    linear = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = codecs.decode(file_of(picture, "PNG", icc_profile=linear)).rgb

    assert worst(plain, picture) < 0.01


def test_a_broken_colour_profile_is_said_and_taken_for_srgb(picture):
    photo = codecs.decode(file_of(picture, "PNG", icc_profile=b"nonsense"))

    assert "broken" in photo.notices[0]
    assert worst(photo.rgb, picture) < 0.003


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "0 bytes"),
        (b"hello, I am a text file", "not a picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "not a picture|damaged"),
        (b"<html><body>login</body></html>", "not a picture"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_sentence(data, words):
    with pytest.raises(ImageError, match=words) as caught:
        codecs.decode(data, name="'a.png'")

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_a_truncated_file_is_refused(picture, kind):
    whole = file_of(np.tile(picture, (8, 8, 1)), kind)

    with pytest.raises(ImageError, match=r"damaged|not a picture"):
        codecs.decode(whole[: len(whole) // 2])


@pytest.mark.parametrize("size", [(40000, 10), (12500, 12500)])
def test_a_far_too_large_picture_is_refused_before_it_is_decoded(size):
    buffer = io.BytesIO()
    Image.new("1", size).save(buffer, "PNG")

    with pytest.raises(ImageError, match=r"make it smaller|too large"):
        codecs.decode(buffer.getvalue())


def test_an_animation_is_refused(picture):
    frames = [Image.fromarray(images.to_uint8(picture * k)) for k in (1, 0.5)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])

    with pytest.raises(ImageError, match="2 pictures"):
        codecs.decode(buffer.getvalue())


def test_a_wrong_ending_does_not_matter_when_reading(tmp_path, picture):
    (tmp_path / "a.jpg").write_bytes(file_of(picture, "PNG"))

    assert files.load(tmp_path / "a.jpg").rgb.shape == (32, 48, 3)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(ImageError, match="does not exist"):
        files.load(tmp_path / "none.png")
    with pytest.raises(ImageError, match="folder"):
        files.load(tmp_path)


def test_a_file_without_an_end_is_refused_before_it_fills_the_memory(monkeypatch):
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 1 << 20)

    with pytest.raises(ImageError, match="more than 1 MiB"):
        files.load("/dev/zero")


def test_a_picture_under_a_file_is_refused_with_the_reason(tmp_path, picture):
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(ImageError, match="file' is no folder"):
        files.save(tmp_path / "file" / "a.png", picture)


def test_an_unknown_ending_is_refused_with_the_known_ones(tmp_path, picture):
    with pytest.raises(ImageError, match=r"\.png"):
        files.save(tmp_path / "a.psd", picture)


def test_a_path_that_no_file_can_have_is_refused(picture):
    with pytest.raises(ImageError, match="cannot be read"):
        files.load("mug\0.png")
    with pytest.raises(ImageError, match="cannot be written"):
        files.save("mug\0.png", picture)


@pytest.mark.parametrize("key", ["parameters", "XML:com.adobe.xmp"])
def test_text_that_a_jpeg_has_no_room_for_is_refused_in_one_sentence(tmp_path, picture, key):
    with pytest.raises(ImageError, match=r"does not fit into JPEG .*save it as PNG"):
        files.save(tmp_path / "a.jpg", picture, text={key: "x" * 70_000})

    assert list(tmp_path.iterdir()) == []


def test_a_picture_wider_than_webp_can_be_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(ImageError, match="does not fit into WEBP"):
        files.save(tmp_path / "a.webp", np.zeros((2, 16_384, 3), np.float32))


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_a_prompt_with_bytes_that_are_no_utf_8_does_not_lose_the_picture(tmp_path, picture, ending):
    text = {"parameters": "caf\udce9", "XML:com.adobe.xmp": "<x>\udce9</x>"}

    files.save(tmp_path / f"a.{ending}", picture, text=text)

    assert files.read_text(tmp_path / f"a.{ending}")["parameters"].startswith("caf")


def test_a_write_that_fails_leaves_nothing_behind(tmp_path, picture, monkeypatch):
    def no_space(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)

    with pytest.raises(ImageError, match="No space left"):
        files.save(tmp_path / "a.png", picture)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_picture_is_as_public_as_any_new_file(tmp_path, picture):
    (tmp_path / "new").touch()

    files.save(tmp_path / "a.png", picture)

    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "new").stat().st_mode


def test_a_write_that_fails_keeps_the_older_picture(tmp_path, picture, monkeypatch):
    files.save(tmp_path / "a.png", picture)
    before = (tmp_path / "a.png").read_bytes()
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "full")))

    with pytest.raises(ImageError):
        files.save(tmp_path / "a.png", picture * 0)
    assert (tmp_path / "a.png").read_bytes() == before


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp"])
def test_parameters_and_xmp_are_read_back(tmp_path, picture, ending):
    text = {"parameters": "a mug, dämmerung 夕\nSteps: 2", "XML:com.adobe.xmp": "<x:xmpmeta>ä</x:xmpmeta>"}

    files.save(tmp_path / f"a{ending}", picture, text=text)

    back = files.read_text(tmp_path / f"a{ending}")
    assert {key: back[key] for key in text} == text


def test_text_of_a_png_is_read_by_pillow_as_a1111_writes_it(picture):
    data = codecs.encode("PNG", picture, text={"parameters": "a bag\nSteps: 2"})

    assert Image.open(io.BytesIO(data)).text == {"parameters": "a bag\nSteps: 2"}


def test_a_matte_file_may_be_grey_or_alpha(tmp_path, picture):
    matte = picture[..., 1]
    files.save_matte(tmp_path / "grey.png", matte)
    files.save(tmp_path / "alpha.png", picture, matte=matte)

    assert worst(files.load_matte(tmp_path / "grey.png"), matte) < 0.003
    assert worst(files.load_matte(tmp_path / "alpha.png"), matte) < 0.003


def test_eight_bit_values_survive_the_way_through_float():
    values = np.arange(256, dtype=np.uint8)

    np.testing.assert_array_equal(images.to_uint8(images.from_uint8(values)), values)


def test_enlarging_never_leaves_the_range():
    checker = (np.indices((16, 16)).sum(axis=0) % 2).astype(np.float32)

    large = images.resize(checker, 67, 61)

    assert large.min() >= 0
    assert large.max() <= 1


def test_a_named_pipe_is_refused_not_waited_for(tmp_path):
    pipe = tmp_path / "photo.png"
    os.mkfifo(pipe)

    with pytest.raises(ImageError, match="is not a regular file"):
        files.load(pipe)


@pytest.mark.parametrize("ending", [".png", ".tif", ".webp"])
def test_a_matte_is_written_without_loss(tmp_path, ending):
    matte = np.random.default_rng(4).random((20, 30)).astype(np.float32)

    files.save_matte(tmp_path / f"m{ending}", matte)

    assert worst(files.load_matte(tmp_path / f"m{ending}"), matte) <= 0.5 / 255 + 1e-6


def test_whole_numbers_above_16_bits_are_white():
    values = np.array([[0, 70_000, -5, 65_535]], np.int32)

    np.testing.assert_array_equal(codecs.from_pillow(Image.fromarray(values)).rgb[0, :, 0], [0, 1, 0, 1])
