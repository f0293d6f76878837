"""Only the formats that are meant are opened: no file can make prodgen start another program."""

from __future__ import annotations

import ast
import io
import os

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from prodgen import codecs, files
from prodgen.errors import ImageError

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 40\n%%EndComments\n{} loop\nshowpage\n%%EOF\n"

EXOTIC = {
    "postscript": POSTSCRIPT,
    "pdf": b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'/>",
    "windows metafile": b"\xd7\xcd\xc6\x9a" + bytes(60),
}


def saved(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 30, 30)).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [*EXOTIC.values(), saved("PPM"), saved("TGA"), saved("PCX"), saved("ICO"), saved("JPEG2000")],
    ids=[*EXOTIC, "ppm", "tga", "pcx", "ico", "jpeg 2000"],
)
def test_an_exotic_format_under_a_usual_name_is_refused_in_one_sentence(tmp_path, data):
    (tmp_path / "mug.jpg").write_bytes(data)

    for read in (files.load, files.load_matte, files.read_text):
        with pytest.raises(ImageError, match=r"mug\.jpg' is not a picture that can be read") as caught:
            read(tmp_path / "mug.jpg")
        assert "\n" not in str(caught.value)


def test_postscript_starts_no_other_program(tmp_path, monkeypatch):
    started = tmp_path / "started"
    (tmp_path / "gs").write_text(f"#!/bin/sh\necho started > {started}\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)  # it remembers whether there is one
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    with pytest.raises(ImageError):
        codecs.decode(POSTSCRIPT)

    assert not started.exists()


def test_postscript_that_pillow_has_opened_already_is_refused_too():
    with (
        Image.open(io.BytesIO(POSTSCRIPT)) as opened,
        pytest.raises(ImageError, match="opened as EPS, which is not read"),
    ):
        files.load(opened)


@pytest.mark.parametrize("kind", codecs.READABLE)
def test_every_readable_format_is_read(kind):
    rgb = codecs.decode(saved(kind)).rgb

    np.testing.assert_allclose(rgb.mean(axis=(0, 1)), np.array([200, 30, 30]) / 255, atol=0.03)


def test_a_file_can_be_read_in_every_format_that_it_can_be_written_in():
    assert set(codecs.FORMATS.values()) <= set(codecs.READABLE)


def test_every_place_that_opens_a_picture_names_the_formats(root):
    sources = [*(root / "prodgen").rglob("*.py"), root / "run.py", *(root / "deploy").rglob("*.py")]
    unnamed = [
        f"{path.relative_to(root)}:{node.lineno}"
        for path in sources
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "open"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("Image", "PIL")
        and "formats" not in {keyword.arg for keyword in node.keywords}
    ]

    assert unnamed == []


CODING_WITHOUT_PILLOW = {
    "codecs/writing.py": "PNG, nine times as fast as Pillow",
    "codecs/png_files.py": "16-bit PNG, which Pillow cuts to 8 bits",
    "codecs/raw_files.py": "camera raw, by LibRaw, where the extra is installed",
    "server/wire.py": "A1111's PNG, as it writes and reads it",
    "client/reaching/decoding.py": "plain PNG answers, told by their head, in a twentieth of the time",
    "engines/ibl/panorama.py": "prodgen's own panoramas (.hdr)",
}
"""Where something other than Pillow may code or decode a picture file, under prodgen/, and why."""


def test_picture_files_are_coded_and_decoded_in_few_places_only(root):
    found = {
        str(path.relative_to(root / "prodgen"))
        for path in (root / "prodgen").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in ("imdecode", "imencode", "imread", "imwrite", "imreadmulti", "VideoCapture")
    }

    assert found == set(CODING_WITHOUT_PILLOW)


def test_a_delivered_jpeg_keeps_colour_as_sharp_as_lightness():
    """4:4:4: red and blue columns one pixel wide would run into one another in 4:2:0."""
    columns = np.zeros((32, 32, 3), np.float32)
    columns[:, ::2, 0] = columns[:, 1::2, 2] = 1

    data = codecs.encode("JPEG", columns, quality=95)

    with Image.open(io.BytesIO(data)) as picture:
        assert [layer[1:3] for layer in picture.layer] == [(1, 1)] * 3
    assert np.abs(codecs.decode(data).rgb - columns).mean() < 0.02
