"""A photograph keeps its colours on the way in, whatever says what they are."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from prodgen import codecs, files, images

LIMIT = 1.0
"""Largest CIEDE2000 difference: just visible side by side."""


def to_pq(linear):
    """PQ values (BT.2100) of linear light with white at 203 cd/m2 (BT.2408)."""
    power = (linear * 203 / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def to_hlg(linear):
    """HLG values of display light, white at 203 of 1000 cd/m2, by the inverse of BT.2100's system gamma."""
    display = linear * 0.203
    luma = display @ np.array([0.2627, 0.6780, 0.0593])
    scene = display * np.maximum(luma, 1e-9)[..., None] ** (1 / 1.2 - 1)
    high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)


def to_srgb(linear):
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def saved(values, kind, **options):
    buffer = io.BytesIO()
    picture = values if isinstance(values, Image.Image) else Image.fromarray(values)
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


PROFILES = {
    "linear sRGB, called sRGB": ("sRGB", 1.0, lambda x: x),
    "Display P3": ("P3", None, to_srgb),
    "Adobe RGB": ("Adobe", 563 / 256, lambda x: x ** (256 / 563)),
    "ProPhoto": ("ProPhoto", 1.8, lambda x: x ** (1 / 1.8)),
    "Rec2020, linear": ("Rec2020", 1.0, lambda x: x),
}


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_read_by_what_it_holds_and_not_by_its_name(making, swatches, name, bits):
    primaries, gamma, encode = PROFILES[name]
    values = making.as_depth(making.in_space(swatches, primaries, encode), bits)
    profile = making.profile(primaries, gamma, called="sRGB IEC61966-2.1")

    photo = codecs.decode(making.png(values, making.iccp(profile)))

    # Eight bits of linear light hold dark colours no better than this.
    assert making.far(photo.rgb, swatches) < (LIMIT if bits == 16 or gamma != 1.0 else 3 * LIMIT)
    assert photo.notices == ()


def curve(kind, *numbers):
    """A parametric curve of a profile (ICC.1, 10.18)."""
    fixed = b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)
    return b"para" + bytes(4) + struct.pack(">HH", kind, 0) + fixed


CURVES = {
    "one number": b"curv" + bytes(4) + struct.pack(">IH", 1, 2 * 256),
    "a table": b"curv"
    + bytes(4)
    + struct.pack(">I", 1025)
    + np.round(np.linspace(0, 1, 1025) ** 2 * 65535).astype(">u2").tobytes(),
    "kind 0": curve(0, 2),
    "kind 1": curve(1, 2, 1, 0),
    "kind 2": curve(2, 2, 1, 0, 0),
    "kind 3": curve(3, 2, 1, 0, 0, 0),
    "kind 4": curve(4, 2, 1, 0, 0, 0, 0, 0),
}
"""Ways in which a profile can say that light is the square of the values."""


@pytest.mark.parametrize("name", CURVES)
def test_every_kind_of_curve_in_a_profile_is_read(making, name):
    values = making.as_depth(np.linspace(0, 1, 64).reshape(8, 8, 1), 16)
    profile = making.assembled({b"kTRC": CURVES[name]}, space=b"GRAY")

    rgb = codecs.decode(making.png(values, making.iccp(profile))).rgb

    np.testing.assert_allclose(rgb[..., 0], to_srgb((values[..., 0] / 65535) ** 2), atol=1e-3)


def test_a_curve_with_an_offset_is_flat_below_it(making):
    values = making.as_depth(np.array([[[0.1], [0.5], [1.0]]]), 16)
    profile = making.assembled({b"kTRC": curve(2, 2.0, 0.8, -0.2, 0.64)}, space=b"GRAY")

    grey = codecs.decode(making.png(values, making.iccp(profile))).rgb[0, :, 0]

    np.testing.assert_allclose(grey, to_srgb(np.array([0.64, 0.68, 1.0])), atol=1e-3)


@pytest.mark.parametrize("kind", ["RGB", "CMYK"])
@pytest.mark.parametrize("format_", ["TIFF", "JPEG"])
def test_profiles_that_are_tables_are_applied(making, kind, format_):
    levels = np.arange(6) * 51
    rgb = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(12, 18, 3).astype(np.uint8)
    picture = Image.fromarray(rgb)
    if kind == "CMYK":
        inks = [Image.fromarray(np.ascontiguousarray(255 - rgb[..., ink])) for ink in range(3)]
        picture = Image.merge("CMYK", [*inks, Image.new("L", picture.size)])
    picture = picture.resize((18 * 16, 12 * 16), Image.Resampling.NEAREST)
    options = {"quality": 100, "subsampling": 0} if format_ == "JPEG" else {}

    photo = codecs.decode(saved(picture, format_, icc_profile=making.table_profile(len(kind)), **options))

    assert making.mean_far(photo.rgb[8::16, 8::16], images.from_uint8(rgb)) < LIMIT
    assert photo.notices == ()


def test_sixteen_bits_with_a_profile_keep_more_than_eight(making, swatches):
    values = making.as_depth(making.in_space(swatches, "P3", to_srgb), 16)

    rgb = codecs.decode(making.png(values, making.iccp(making.profile("P3", None)))).rgb

    assert np.abs(rgb - swatches).max() < 2e-4


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "AVIF"])
@pytest.mark.parametrize("made_by", ["LittleCMS", "parameters"])
def test_a_profile_that_is_srgb_changes_nothing_to_the_bit(making, swatches, kind, made_by):
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = own if made_by == "LittleCMS" else making.profile("sRGB", None, called="mine")
    pixels = images.to_uint8(swatches)

    with_profile = codecs.decode(saved(pixels, kind, icc_profile=profile)).rgb

    np.testing.assert_array_equal(with_profile, codecs.decode(saved(pixels, kind)).rgb)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "WEBP", "AVIF"])
def test_profiles_of_every_format_are_applied(making, swatches, kind):
    values = making.as_depth(making.in_space(swatches, "Adobe", lambda x: x ** (256 / 563)), 8)
    options = {"lossless": True} if kind == "WEBP" else {} if kind == "TIFF" else {"quality": 100}
    options |= {"subsampling": "4:4:4"} if kind in ("JPEG", "AVIF") else {}

    rgb = codecs.decode(saved(values, kind, icc_profile=making.profile("Adobe", 563 / 256), **options)).rgb

    assert making.mean_far(rgb, swatches) < LIMIT


@pytest.mark.parametrize("mode", ["P", "PA", "RGBA", "L", "LA"])
def test_profiles_of_every_mode_are_applied(making, mode):
    greys = np.linspace(0.05, 0.95, 16, dtype=np.float32).repeat(16).reshape(16, 16)
    linear = making.as_depth(np.asarray(codecs_linear(greys)), 8)
    grey = making.profile(None, 1.0)
    picture = Image.fromarray(linear)
    if mode in ("P", "PA", "RGBA"):
        grey = making.profile("sRGB", 1.0)
        picture = picture.convert("RGBA" if mode == "RGBA" else "P")
    if mode in ("LA", "PA"):
        picture = picture.convert(mode)
    if mode in ("LA", "RGBA"):
        picture.putalpha(Image.fromarray(np.tri(16, dtype=np.uint8) * 255))

    photo = codecs.from_pillow(with_profile(picture, grey))

    assert making.far(photo.rgb, np.repeat(greys[..., None], 3, axis=2)) < 3 * LIMIT
    assert (photo.matte is not None) == (mode in ("LA", "RGBA"))


def codecs_linear(values):
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def with_profile(picture, profile):
    picture.info["icc_profile"] = profile
    return picture


def test_a_sixteen_bit_grey_picture_with_alpha_and_a_profile_keeps_its_depth(making):
    greys = np.linspace(0.02, 0.98, 256).reshape(16, 16)
    alpha = np.where(np.tri(16) > 0, 1.0, 0.25)
    values = making.as_depth(np.stack([codecs_linear(greys), alpha], axis=-1), 16)

    photo = codecs.decode(making.png(values, making.iccp(making.profile(None, 1.0))))

    assert np.abs(photo.rgb - greys[..., None]).max() < 1e-3
    np.testing.assert_allclose(photo.matte, alpha, atol=1e-4)


def test_a_grey_picture_may_have_a_profile_of_colours(making):
    greys = np.linspace(0.05, 0.95, 64).reshape(8, 8)
    values = making.as_depth(codecs_linear(greys)[..., None], 16)

    rgb = codecs.decode(making.png(values, making.iccp(making.profile("ProPhoto", 1.0)))).rgb

    np.testing.assert_allclose(rgb, np.repeat(greys[..., None], 3, axis=2), atol=1e-3)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda making: b"nonsense", "broken"),
        (lambda making: making.profile("P3", None)[:200], "broken"),
        (lambda making: making.assembled({b"rXYZ": making.curve_tag(1.0)}), "broken"),
        (lambda making: making.profile("P3", None, kind=b"link"), "another kind of use"),
        (lambda making: making.profile(None, 1.0), "for grey pictures, not for rgb ones"),
        (lambda making: making.assembled({}, space=b"CMYK"), "for cmyk pictures"),
    ],
)
def test_a_profile_that_cannot_be_meant_is_said_and_taken_for_srgb(making, swatches, broken, words):
    photo = codecs.decode(making.png(images.to_uint8(swatches), making.iccp(broken(making))))

    assert words in photo.notices[0]
    np.testing.assert_array_equal(images.to_uint8(photo.rgb), images.to_uint8(swatches))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.6])
def test_the_gamma_of_a_png_is_applied(making, swatches, gamma, bits):
    values = making.as_depth(making.in_space(swatches, "sRGB", lambda x: x ** (1 / gamma)), bits)

    photo = codecs.decode(making.png(values, (b"gAMA", struct.pack(">I", round(100_000 / gamma)))))

    assert making.far(photo.rgb, swatches) < (LIMIT if bits == 16 or gamma > 1 else 3 * LIMIT)


def test_the_gamma_of_a_png_is_applied_to_palettes_greys_and_not_to_alpha(making):
    gama = (b"gAMA", struct.pack(">I", 100_000))
    index = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    palette = bytes(np.repeat(np.arange(16, dtype=np.uint8) * 17, 3))
    grey = np.concatenate([index * 17, index * 17], axis=2)
    meant = to_srgb(np.arange(16).reshape(4, 4) / 15)

    coloured, with_alpha = (
        codecs.decode(making.png(index, gama, palette=palette)),
        codecs.decode(making.png(grey, gama)),
    )

    np.testing.assert_allclose(coloured.rgb, np.repeat(meant[..., None], 3, axis=2), atol=1e-3)
    np.testing.assert_allclose(with_alpha.rgb[1:], np.repeat(meant[1:, :, None], 3, axis=2), atol=1e-3)
    np.testing.assert_allclose(with_alpha.matte, np.arange(16).reshape(4, 4) / 15, atol=1e-6)


def chrm(making, name):
    return b"cHRM", struct.pack(">8I", *(round(x * 100_000) for x in making.PRIMARIES[name]))


def test_the_primaries_of_a_png_are_applied(making, swatches):
    values = making.as_depth(making.in_space(swatches, "Rec2020", lambda x: x ** (1 / 2.2)), 16)
    gama = (b"gAMA", struct.pack(">I", round(100_000 / 2.2)))

    # 1/2.2 is what encoders write for the curve of sRGB, so that it is read as that.
    photo = codecs.decode(making.png(values, gama, chrm(making, "Rec2020")))
    exact = making.as_depth(making.in_space(swatches, "Rec2020", to_srgb), 16)

    assert making.far(codecs.decode(making.png(exact, gama, chrm(making, "Rec2020"))).rgb, swatches) < LIMIT
    assert making.far(photo.rgb, swatches) < 3 * LIMIT


def test_a_png_with_the_gamma_and_primaries_of_srgb_is_srgb_to_the_bit(making, swatches):
    pixels = images.to_uint8(swatches)

    photo = codecs.decode(making.png(pixels, (b"gAMA", struct.pack(">I", 45_455)), chrm(making, "sRGB")))

    np.testing.assert_array_equal(photo.rgb, images.from_uint8(pixels))


def test_the_best_word_of_a_png_on_its_colours_counts(making, swatches):
    """cICP before iCCP before sRGB before gAMA (PNG, third edition, 4.3)."""
    gama, srgb = (b"gAMA", struct.pack(">I", 300_000)), (b"sRGB", b"\0")
    wrong = making.iccp(making.profile("sRGB", 3.0))
    cicp = (b"cICP", bytes([1, 13, 0, 1]))
    pixels = images.to_uint8(swatches)
    linear = making.as_depth(making.in_space(swatches, "sRGB", lambda x: x), 16)
    right = making.iccp(making.profile("sRGB", 1.0))

    for chunks in [(srgb, gama), (cicp, wrong, gama), (cicp, srgb, gama)]:
        np.testing.assert_array_equal(images.to_uint8(codecs.decode(making.png(pixels, *chunks)).rgb), pixels)
    assert making.far(codecs.decode(making.png(linear, right, srgb, gama)).rgb, swatches) < LIMIT


@pytest.mark.parametrize("gama", [0, 1])
def test_a_gamma_that_means_nothing_does_not_stop_a_png(making, swatches, gama):
    pixels = images.to_uint8(swatches)

    photo = codecs.decode(making.png(pixels, (b"gAMA", struct.pack(">I", gama)), (b"cHRM", bytes(32))))

    np.testing.assert_array_equal(images.to_uint8(photo.rgb), pixels)
    assert "gAMA or cHRM" in photo.notices[0]


@pytest.mark.parametrize(
    ("code", "primaries", "encode", "words"),
    [
        ((12, 13), "P3", to_srgb, None),
        ((9, 8), "Rec2020", lambda x: x, None),
        ((9, 16), "Rec2020", to_pq, "high dynamic range picture (PQ)"),
        ((9, 18), "Rec2020", to_hlg, "high dynamic range picture (HLG)"),
    ],
)
def test_code_points_of_a_png_are_followed(making, swatches, code, primaries, encode, words):
    values = making.as_depth(making.in_space(swatches, primaries, encode), 16)

    photo = codecs.decode(making.png(values, (b"cICP", bytes([*code, 0, 1]))))

    assert making.far(photo.rgb, swatches) < LIMIT
    assert [words in notice for notice in photo.notices] == [True] * (words is not None)


def test_what_is_brighter_than_white_is_toned_and_keeps_its_order(making):
    """A ramp up to 4000 cd/m2 in PQ: nothing is clipped, nothing gets darker, dark light stays."""
    light = np.geomspace(0.001, 4000 / 203, 400)
    values = making.as_depth(np.repeat(to_pq(light)[None, :, None], 3, axis=2), 16)

    grey = codecs.decode(making.png(values, (b"cICP", bytes([9, 16, 0, 1])))).rgb[0, :, 0]

    assert (np.diff(grey) > 0).mean() > 0.99
    assert grey[-1] == pytest.approx(1, abs=2e-3)
    dark = light < 0.02
    np.testing.assert_allclose(grey[dark], to_srgb(light[dark]), atol=2e-3)


def test_light_that_nobody_can_see_does_not_tone_the_rest(making):
    """A PQ picture of moderate light, with 10,000 cd/m2 under alpha 0."""
    values = np.full((8, 8, 4), 65535, np.uint16)
    values[:, :4, :3] = making.as_depth(to_pq(np.array([0.5, 0.2, 0.1])), 16)
    values[:, 4:, 3] = 0

    photo = files.load(making.png(values, (b"cICP", bytes([1, 16, 0, 1]))))

    np.testing.assert_allclose(photo.rgb[0, 0], to_srgb(np.array([0.5, 0.2, 0.1])), atol=2e-3)


def test_narrow_range_of_a_png_is_widened(making, swatches):
    values = np.round(16 * 257 + making.as_depth(swatches, 16) * (219 / 255)).astype(np.uint16)

    photo = codecs.decode(making.png(values, (b"cICP", bytes([1, 13, 0, 0]))))

    assert making.far(photo.rgb, swatches) < LIMIT


def test_unknown_code_points_are_said(making, swatches):
    photo = codecs.decode(making.png(images.to_uint8(swatches), (b"cICP", bytes([99, 99, 0, 1]))))

    assert "99, 99" in photo.notices[0]


EXIF = {
    "uncalibrated, R03": ({0xA001: 65535}, "R03", True),
    "uncalibrated, R98": ({0xA001: 65535}, "R98", False),
    "2": ({0xA001: 2}, None, True),
    "1": ({0xA001: 1}, "R98", False),
    "R03 alone": ({}, "R03", True),
    "nothing": ({}, None, False),
}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
@pytest.mark.parametrize("said", EXIF)
def test_cameras_say_adobe_rgb_in_exif(making, swatches, said, kind):
    details, interop, is_adobe = EXIF[said]
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    exif.get_ifd(0x8769).update({**details, 0x9000: b"0230"})
    if interop:
        exif.get_ifd(0x8769)[0xA005] = {1: interop}
    values = making.as_depth(making.in_space(swatches, "Adobe", lambda x: x ** (256 / 563)), 8)
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100} if kind in ("JPEG", "AVIF") else {}
    options |= {"subsampling": "4:4:4"} if kind in ("JPEG", "AVIF") else {}

    photo = codecs.decode(saved(values, kind, exif=exif, **options))

    assert making.mean_far(photo.rgb, swatches if is_adobe else images.from_uint8(values)) < LIMIT
    assert photo.notices == ()


def test_a_tiff_says_adobe_rgb_in_the_exif_that_it_names(making, swatches):
    values = making.as_depth(making.in_space(swatches, "Adobe", lambda x: x ** (256 / 563)), 8)
    data = saved(values, "TIFF", tiffinfo={34665: 0x7EADBEEF})
    details = struct.pack("<HHHIHHxxI", 1, 0xA001, 3, 1, 2, 0, 0)

    photo = codecs.decode(data.replace(struct.pack("<I", 0x7EADBEEF), struct.pack("<I", len(data))) + details)

    assert making.far(photo.rgb, swatches) < LIMIT


def test_uncalibrated_colours_that_nothing_names_are_said(swatches):
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    exif.get_ifd(0x8769)[0xA001] = 65535

    photo = codecs.decode(saved(images.to_uint8(swatches), "JPEG", exif=exif))

    assert "not what they are" in photo.notices[0]


def test_a_profile_counts_more_than_exif(making, swatches):
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    exif.get_ifd(0x8769)[0xA001] = 2
    values = making.as_depth(making.in_space(swatches, "P3", to_srgb), 8)

    data = saved(values, "PNG", exif=exif, icc_profile=making.profile("P3", None))

    assert making.far(codecs.decode(data).rgb, swatches) < LIMIT


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_does_not_stop_a_picture(swatches):
    data = saved(images.to_uint8(swatches), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff", quality=98)

    assert codecs.decode(data).rgb.shape == swatches.shape


@pytest.mark.parametrize("lowest", [254, 241])
def test_an_opaque_picture_with_noise_in_its_alpha_is_opaque(swatches, lowest):
    alpha = np.random.default_rng(1).integers(lowest, 256, swatches.shape[:2], dtype=np.uint8)

    assert files.load(np.dstack([images.to_uint8(swatches), alpha])).matte is None
    assert codecs.decode(saved(np.dstack([images.to_uint8(swatches), alpha]), "PNG")).matte is None


def test_few_stray_pixels_make_no_matte_and_a_ground_does():
    rgba = np.full((200, 200, 4), 255, np.uint8)
    rgba[:2, 0, 3] = 0
    assert files.load(rgba).matte is None

    rgba[:2, :, 3] = 0
    assert files.load(rgba).matte is not None


@pytest.mark.parametrize("mark", [b"http://ns.adobe.com/hdrgm:Version", b"urn:iso:std:iso:ts:21496:-1\0"])
def test_a_gain_map_is_said_and_the_base_picture_read(swatches, mark):
    data = saved(images.to_uint8(swatches), "JPEG", quality=98)
    segment = b"\xff\xe2" + struct.pack(">H", len(mark) + 2) + mark

    photo = codecs.decode(data[:2] + segment + data[2:])

    assert photo.rgb.shape == swatches.shape
    assert "gain map" in photo.notices[0]


def test_of_a_jpeg_with_more_pictures_the_first_is_read_and_that_is_said(swatches):
    first, second = Image.fromarray(images.to_uint8(swatches)), Image.new("RGB", (8, 8))
    data = saved(first, "MPO", save_all=True, append_images=[second])

    photo = codecs.decode(data)

    assert photo.rgb.shape == swatches.shape
    assert "2 pictures" in photo.notices[0]


@pytest.mark.parametrize("kind", ["profile", "gamma", "floats", "Pillow's"])
def test_a_matte_keeps_its_values_whatever_is_said_of_its_colours(making, kind):
    """Photoshop gives masks a profile of grey, and compositing programs write them as floats."""
    share = np.full((4, 4), 128, np.uint8)
    matte = {
        "profile": saved(share, "PNG", icc_profile=making.profile(None, 1.0)),
        "gamma": making.png(share[..., None], (b"gAMA", struct.pack(">I", 100_000))),
        "floats": saved(share.astype(np.float32) / 255, "TIFF"),
        "Pillow's": Image.fromarray(share.astype(np.float32) / 255),
    }[kind]

    np.testing.assert_allclose(files.load_matte(matte), 128 / 255, atol=1e-6)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_the_grey_that_a_png_calls_transparent_is_so_at_every_depth(making, bits):
    head = struct.pack(">IIBBBBB", 8, 1, bits, 0, 0, 0, 0)
    greys = np.arange(8) % 2**bits
    row = np.packbits((greys[:, None] >> np.arange(bits)[::-1]) & 1).tobytes()
    parts = (b"IHDR", head), (b"tRNS", b"\0\1"), (b"IDAT", zlib.compress(b"\0" + row)), (b"IEND", b"")

    photo = files.load(b"\x89PNG\r\n\x1a\n" + b"".join(making.chunk(*part) for part in parts))

    np.testing.assert_array_equal(photo.matte[0], greys != 1)


@pytest.mark.parametrize("opened_by", ["name", "file object"])
def test_a_file_that_pillow_has_opened_comes_in_as_the_file_does(making, swatches, tmp_path, opened_by):
    values = making.as_depth(making.in_space(swatches, "P3", to_srgb), 16)
    path = tmp_path / "a.png"
    path.write_bytes(making.png(values, (b"cICP", bytes([12, 13, 0, 1]))))

    with Image.open(path if opened_by == "name" else io.BytesIO(path.read_bytes())) as picture:
        photo = files.load(picture)
        assert making.far(photo.rgb, swatches) < LIMIT
        assert picture.convert("RGB").size == photo.size  # it can be read still


@pytest.mark.parametrize("way", ["Pillow's", "file", "file with a profile"])
def test_lab_is_read_from_pillow_and_from_files_alike(making, swatches, way):
    lab = ImageCms.createProfile("LAB")
    picture = ImageCms.profileToProfile(
        Image.fromarray(images.to_uint8(swatches)), ImageCms.createProfile("sRGB"), lab, outputMode="LAB"
    )
    profile = {"icc_profile": ImageCms.ImageCmsProfile(lab).tobytes()} if "profile" in way else {}
    picture.info.clear()

    photo = files.load(picture if way == "Pillow's" else saved(picture, "TIFF", **profile))

    assert making.mean_far(photo.rgb, swatches) < LIMIT
    assert photo.notices == ()
