"""Small picture files of every format, and ways in which a file comes to harm; all follows from a seed."""

from __future__ import annotations

import importlib.util
import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image, ImageCms, features

SIZE = 44, 36

AWKWARD = (0, 1, 2, 3, 127, 255, 256, 32_767, 32_768, 65_535, 65_536, 200_000, 2**31 - 1, 2**31, 2**32 - 1)
"""Numbers that readers stumble over: nothing, the edges of each type, far too many."""


def _picture() -> Image.Image:
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    inside = np.hypot(x - 20, y - 18) < 12
    colours = np.stack([40 + 4 * x, 200 - 3 * y, np.where(inside, 30, 180)], axis=2)
    return Image.fromarray(colours.astype(np.uint8))


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.copy().save(file, kind, **options)  # saving as one format leaves traces for the next
    return file.getvalue()


def _exif() -> bytes:
    exif = Image.Exif()
    exif[0x112], exif[0x10F] = 6, "a camera"
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + "a mug\nSteps: 2".encode("utf-16-be")
    exif.get_ifd(0x8769)[0xA001] = 65535
    exif.get_ifd(0xA005)[1] = "R03"
    return exif.tobytes()


ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Left, top, step to the right and step down of the passes of an interlaced PNG (its specification, 8.1)."""


def deep_png(
    pixels: np.ndarray,
    kind: int,
    *,
    chunks: tuple[tuple[bytes, bytes], ...] = (),
    passes: tuple[tuple[int, int, int, int], ...] = ((0, 0, 1, 1),),
) -> bytes:
    """Return a 16-bit PNG, which Pillow does not write in colour; interlaced by the passes of `ADAM7`."""
    height, width = pixels.shape[:2]
    parts = [pixels[top::down, left::right] for left, top, right, down in passes]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for part in parts if part.size for row in part)
    head = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, len(passes) > 1)
    parts = ((b"IHDR", head), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return png_of(*parts)


def png_of(*parts: tuple[bytes, bytes]) -> bytes:
    """Return a PNG file of chunks, each a name and its content."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in parts)


def chunks_of(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the chunks of a PNG file, a name and its content, up to the first that is cut off."""
    place = 8
    while place + 12 <= len(file):
        (length,) = struct.unpack_from(">I", file, place)
        if place + 12 + length > len(file):
            return
        yield file[place + 4 : place + 8], file[place + 8 : place + 8 + length]
        place += 12 + length


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def sound_files() -> dict[str, bytes]:
    """Return a whole file of each kind, by a name with the format's ending."""
    rgb = _picture()
    grey, rgba = rgb.convert("L"), rgb.convert("RGBA")
    rgba.putalpha(grey.point(lambda value: 255 if value > 110 else value))
    deep = np.asarray(rgb).astype(np.uint16) * 257
    turned = rgb.rotate(90, expand=True)
    facts = {
        "exif": _exif(),
        "icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    }
    gamma = (b"gAMA", struct.pack(">I", 55_556)), (b"eXIf", _exif()[6:])
    made = {
        "rgb.png": _saved(rgb, "PNG", **facts),
        "rgba.png": _saved(rgba, "PNG"),
        "grey-alpha.png": _saved(rgba.convert("LA"), "PNG"),
        "palette.png": _saved(rgb.convert("P"), "PNG", transparency=3),
        "one-bit.png": _saved(rgb.convert("1"), "PNG"),
        "deep.png": deep_png(deep, 2, chunks=gamma),
        "deep-alpha.png": deep_png(np.dstack([deep, deep[..., :1]]), 6),
        "deep-grey.png": deep_png(deep[..., :1], 0, chunks=((b"tRNS", b"\x12\x34"),)),
        "animated.png": _saved(rgb, "PNG", save_all=True, append_images=[rgb.rotate(180)]),
        "exif.jpg": _saved(rgb, "JPEG", quality=85, **facts),
        "progressive.jpg": _saved(rgb, "JPEG", progressive=True),
        "cmyk.jpg": _saved(rgb.convert("CMYK"), "JPEG"),
        "grey.jpg": _saved(grey, "JPEG"),
        "two.mpo": _saved(rgb, "MPO", save_all=True, append_images=[turned.copy()]),
        "rgba.webp": _saved(rgba, "WEBP", **facts),
        "lossless.webp": _saved(rgb, "WEBP", lossless=True),
        "animated.webp": _saved(rgb, "WEBP", save_all=True, append_images=[rgb.rotate(180)]),
        "lzw.tiff": _saved(rgb, "TIFF", compression="tiff_lzw", icc_profile=facts["icc_profile"]),
        "deflate.tiff": _saved(rgba, "TIFF", compression="tiff_adobe_deflate"),
        "plain.tiff": _saved(rgb, "TIFF"),
        "cmyk.tiff": _saved(rgb.convert("CMYK"), "TIFF"),
        "fax.tiff": _saved(rgb.convert("1"), "TIFF", compression="group4"),
        "jpeg.tiff": _saved(rgb, "TIFF", compression="jpeg"),
        "deep-grey.tiff": _saved(Image.fromarray(deep[..., 0]), "TIFF"),
        "float.tiff": _saved(Image.fromarray(deep[..., 0].astype(np.float32) / 65_535), "TIFF"),
        "palette.tiff": _saved(rgb.convert("P"), "TIFF"),
        "pages.tiff": _saved(rgb, "TIFF", save_all=True, append_images=[turned.copy()]),
        "still.gif": _saved(rgb.convert("P"), "GIF", transparency=2),
        "animated.gif": _saved(rgb.convert("P"), "GIF", save_all=True, append_images=[turned.convert("P")]),
        "rgb.bmp": _saved(rgb, "BMP"),
        "palette.bmp": _saved(rgb.convert("P"), "BMP"),
    }
    if features.check("avif"):
        made["rgba.avif"] = _saved(rgba, "AVIF", **facts)
    if importlib.util.find_spec("pillow_heif"):
        import pillow_heif

        file = io.BytesIO()
        pillow_heif.from_pillow(rgb).save(file, exif=_exif())
        made["exif.heic"] = file.getvalue()
    return made


def told_files(chunks: dict[str, str]) -> dict[str, bytes]:
    """Return a file of each format that carries text, with these chunks in it."""
    from prodgen import codecs

    pixels = np.asarray(_picture()).astype(np.float32) / 255
    return {
        f"told.{kind.lower()}": codecs.encode(kind, pixels, text=chunks) for kind in ("PNG", "JPEG", "WEBP")
    }


Harm = Callable[[bytearray, random.Random, str], bytes]


def _flip_bits(file: bytearray, chance: random.Random, _: str) -> bytes:
    for _ in range(chance.choice((1, 1, 3, 10, 50))):
        file[chance.randrange(len(file))] ^= 1 << chance.randrange(8)
    return bytes(file)


def _cut_off(file: bytearray, chance: random.Random, _: str) -> bytes:
    return bytes(file[: chance.randrange(len(file))])


def _scribble_on_the_head(file: bytearray, chance: random.Random, _: str) -> bytes:
    for _ in range(chance.choice((1, 2, 5))):
        file[chance.randrange(min(200, len(file)))] = chance.randrange(256)
    return bytes(file)


def _lie_about_a_number(file: bytearray, chance: random.Random, _: str) -> bytes:
    size, form = chance.choice(((2, "H"), (4, "I")))
    value = chance.choice(AWKWARD) % (1 << 8 * size)
    struct.pack_into(chance.choice("<>") + form, file, chance.randrange(min(600, len(file)) - size), value)
    return bytes(file)


_SIZE_FIELDS = {"png": (">I", 16, 20), "gif": ("<H", 6, 8), "bmp": ("<I", 10, 14, 18, 22, 28, 30, 34, 46)}
"""Layout and places of width, height and what decides how much is read, where a format has them fixed."""

_TIFF_TAGS = (256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 320, 322, 323, 338, 339)

_SIZE_MARKS = {
    "jpg": ((b"\xff\xc0", 5, ">H"), (b"\xff\xc2", 5, ">H"), (b"\xff\xc0", 7, ">H")),
    "mpo": ((b"\xff\xc0", 5, ">H"), (b"MPF\0", 30, ">I")),
    "webp": ((b"VP8X", 12, "<I"), (b"VP8L", 9, "<I"), (b"VP8 ", 14, "<H")),
    "avif": ((b"ispe", 8, ">I"), (b"ispe", 12, ">I"), (b"iloc", 12, ">H"), (b"pixi", 8, ">I")),
    "heic": ((b"ispe", 8, ">I"), (b"iloc", 12, ">H"), (b"hvcC", 4, ">I")),
}
"""What stands before a size in the formats that have no fixed place for it, and how far before."""


def _lie_about_the_size(file: bytearray, chance: random.Random, kind: str) -> bytes:
    if kind in _SIZE_FIELDS:
        form, *places = _SIZE_FIELDS[kind]
        place = chance.choice(places)
    elif kind == "tiff":
        form, tag = "<I", chance.choice(_TIFF_TAGS)
        place = file.find(struct.pack("<H", tag), 8) + chance.choice((2, 4, 8))
    else:
        mark, behind, form = chance.choice(_SIZE_MARKS[kind])
        place = file.find(mark) + behind
    if 0 <= place <= len(file) - struct.calcsize(form):
        struct.pack_into(form, file, place, chance.choice(AWKWARD) % (1 << 8 * struct.calcsize(form)))
    return bytes(file)


def _scribble_on_what_is_told(file: bytearray, chance: random.Random, _: str) -> bytes:
    marks = (
        b"Exif\0\0",
        b"eXIf",
        b"EXIF",
        b"acsp",
        b"iCCP",
        b"ICCP",
        b"MM\0*",
        b"II*\0",
        b"prodgen",
        b"<rdf",
        b"mdat",
    )
    places = [place for mark in marks if (place := file.find(mark)) >= 0] or [0]
    start = chance.choice(places)
    for _ in range(chance.choice((1, 5, 30))):
        file[min(len(file) - 1, start + chance.randrange(160))] = chance.randrange(256)
    return bytes(file)


def _splice(file: bytearray, chance: random.Random, _: str) -> bytes:
    place, length = chance.randrange(len(file)), chance.randrange(1, 300)
    filled = chance.choice(
        (b"", bytes(length), bytes(file[max(0, place - length) : place]), chance.randbytes(length))
    )
    rest = place + (length if chance.random() < 0.5 else 0)
    return bytes(file[:place] + filled + file[rest:])


HARMS: tuple[Harm, ...] = (
    _flip_bits,
    _cut_off,
    _scribble_on_the_head,
    _lie_about_a_number,
    _lie_about_the_size,
    _scribble_on_what_is_told,
    _splice,
)


def _with_true_checksums(file: bytes) -> bytes:
    """A PNG file whose chunks have the checksums of what they hold now: a reader goes on to read them."""
    parts = list(chunks_of(file))
    return file[:8] + png_of(*parts)[8:] + file[8 + sum(12 + len(content) for _, content in parts) :]


def damaged(name: str, file: bytes, count: int, *, seed: int = 1) -> Iterator[bytes]:
    """Yield `count` damaged versions of a file; the same for the same seed on every machine."""
    chance = random.Random(f"{seed} {name}")
    kind = name.rpartition(".")[2].replace("jpeg", "jpg")
    for number in range(count):
        harmed = HARMS[number % len(HARMS)](bytearray(file), chance, kind)
        yield _with_true_checksums(harmed) if kind == "png" and chance.random() < 0.7 else harmed
