"""No picture that is sent or read reaches a decoder beyond those meant, whatever it claims to be."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from prodgen import codecs
from prodgen.codecs import READABLE
from prodgen.errors import ImageError
from prodgen.server import extras, wire
from prodgen.server.wire import Refused

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n{} loop\n"
DOS_POSTSCRIPT = b"\xc5\xd0\xd3\xc6" + (30).to_bytes(4, "little") + bytes(22) + POSTSCRIPT

BEGINNINGS = {
    "postscript": POSTSCRIPT,
    "postscript behind a head": DOS_POSTSCRIPT,
    "photoshop": b"8BPS\0\1" + bytes(6) + b"\0\3\0\0\0\x08\0\0\0\x08\0\x08\0\3" + bytes(80),
    "flic": bytes(4) + b"\x11\xaf\1\0\x08\0\x08\0" + bytes(200),
    "icon": b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0" + bytes(80),
    "apple icon": b"icns" + (200).to_bytes(4, "big") + bytes(192),
    "metafile": b"\xd7\xcd\xc6\x9a" + bytes(80),
    "enhanced metafile": b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(60),
    "pcx": b"\x0a\5\1\x08" + bytes(200),
    "targa": b"\0\0\2" + bytes(9) + b"\x08\0\x08\0\x18\0" + bytes(200),
    "portable pixmap": b"P6 2 2 255 " + bytes(12),
    "jpeg 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(80),
    "dds": b"DDS " + (124).to_bytes(4, "little") + bytes(130),
    "qoi": b"qoif\0\0\0\x02\0\0\0\x02\3\0" + bytes(40),
    "fits": b"SIMPLE  =                    T" + b" " * 2850,
    "silicon graphics": b"\x01\xda\0\1\0\3" + bytes(600),
    "sun raster": b"\x59\xa6\x6a\x95" + bytes(80),
    "x bitmap": b"#define a_width 8\n#define a_height 8\nstatic char a_bits[] = {0};",
    "x pixmap": b'/* XPM */\nstatic char *a[] = {\n"1 1 1 1",\n"a c #000000",\n"a"};',
    "blizzard texture": b"BLP1" + bytes(200),
    "pixar": b"\x80\xe8\0\0" + bytes(600),
    "fpx": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "mpeg": b"\0\0\1\xb3" + bytes(80),
    "pdf": b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
}


@pytest.fixture
def reached(monkeypatch) -> list[str]:
    """Names of the decoders that were handed a file and are not meant to be."""
    Image.init()
    names: list[str] = []

    def watching(name: str) -> Callable[..., object]:
        def open_it(*args: object) -> object:
            names.append(name)
            raise SyntaxError(name)

        return open_it

    for name, (_, accepts) in list(Image.OPEN.items()):
        if name not in READABLE:
            monkeypatch.setitem(Image.OPEN, name, (watching(name), accepts))
    return names


def test_left_to_itself_pillow_would_reach_them(reached, tmp_path):
    """So that the tests below can fail."""
    for number, data in enumerate(BEGINNINGS.values()):
        (tmp_path / str(number)).write_bytes(data)
        with pytest.raises((OSError, SyntaxError)):
            Image.open(tmp_path / str(number))

    assert {"EPS", "PSD", "FLI", "ICO", "WMF", "TGA", "PPM", "JPEG2000", "DDS"} <= set(reached)


@pytest.mark.parametrize("data", BEGINNINGS.values(), ids=BEGINNINGS)
def test_no_way_of_reading_hands_a_file_to_another_decoder(reached, data):
    for read in (codecs.decode, codecs.decode_text):
        with pytest.raises(ImageError, match="is not a picture"):
            read(data, name="mug.jpg")
    for read in (wire.decode_picture, extras.read_texts):
        with pytest.raises(Refused, match="Invalid encoded image"):
            read(data)

    assert reached == []


def every_field(text: str) -> list[tuple[str, dict[str, object]]]:
    """Requests with this text in each field that holds a picture."""
    good = base64.b64encode(wire.encode_png(np.zeros((16, 16, 3), np.uint8))).decode()
    unit = {"enabled": True, "model_type": "IC-Light.SD15.FBC", "input_fg": good, "remove_bg": False}
    small = {"steps": 1, "width": 64, "height": 64}
    return [
        ("/sdapi/v1/img2img", {**small, "init_images": [text]}),
        ("/sdapi/v1/img2img", {**small, "init_images": [good], "mask": text}),
        (
            "/sdapi/v1/txt2img",
            {**small, "alwayson_scripts": {"IC Light": {"args": [{**unit, "input_fg": text}]}}},
        ),
        (
            "/sdapi/v1/txt2img",
            {**small, "alwayson_scripts": {"IC Light": {"args": [{**unit, "uploaded_bg": text}]}}},
        ),
        ("/sdapi/v1/extra-single-image", {"image": text, "upscaler_1": "Lanczos"}),
        ("/sdapi/v1/extra-batch-images", {"imageList": [{"data": text, "name": "a.png"}]}),
        ("/sdapi/v1/png-info", {"image": text}),
        ("/sdapi/v1/interrogate", {"image": text}),
    ]


@pytest.mark.parametrize("data", [POSTSCRIPT, DOS_POSTSCRIPT, BEGINNINGS["photoshop"], BEGINNINGS["flic"]])
def test_no_field_of_a_request_reaches_another_decoder_or_starts_a_program(
    call, reached, tmp_path, monkeypatch, data
):
    started = tmp_path / "started"
    (tmp_path / "gs").write_text(f"#!/bin/sh\necho started > {started}\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)  # it remembers whether there is one
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    caller = call()

    for prefix in ("", "data:image/png;base64,", "data:image/jpeg;base64,", "data:image/eps;base64,"):
        for path, body in every_field(prefix + base64.b64encode(data).decode()):
            response = caller.post(path, body)
            is_swallowed = "alwayson_scripts" in body  # as on A1111, where a script's error is only logged
            assert is_swallowed or response.json()["detail"] == "Invalid encoded image"

    assert reached == []
    assert not started.exists()
