from __future__ import annotations

import json
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from prodgen.engines.diffusers.header import read_header
from prodgen.errors import ModelFileError

ONE = {"w": {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]}}


def file_of(path: Path, header: object, data: bytes = bytes(12), *, length: int | None = None) -> Path:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw) if length is None else length) + raw + data)
    return path


def entry(**changed: object) -> dict[str, object]:
    return {"w": {**ONE["w"], **changed}}


def test_a_header_tells_names_types_and_shapes(tmp_path):
    header = read_header(file_of(tmp_path / "m.safetensors", {**ONE, "__metadata__": {"title": "t"}}))

    assert header.shape("w") == (2, 3)
    assert header.shape("v") is None
    assert header.metadata == {"title": "t"}


HOSTILE = {
    "length beyond the file": (ONE, {"length": 10_000}, "ends within its header"),
    "length of 2**64 - 1": (ONE, {"length": 2**64 - 1}, "no safetensors file"),
    "length of 100 MB and a byte": (ONE, {"length": 100_000_001}, "no safetensors file"),
    "no JSON": (b"\x00" * 20, {}, "no safetensors file"),
    "a list": ([], {}, "header cannot be read"),
    "deep nesting": (b"[" * 200_000 + b"]" * 200_000, {}, "header cannot be read"),
    "metadata that is no table": ({**ONE, "__metadata__": 3}, {}, "header cannot be read"),
    "a name twice": (b'{"w":1,"w":2}', {}, "twice"),
    "NaN in a shape": (
        b'{"w":{"dtype":"F16","shape":[NaN],"data_offsets":[0,12]}}',
        {},
        "NaN stands in place",
    ),
    "a negative shape": (entry(shape=[-2, -3]), {}, "shape of 'w' is impossible"),
    "a shape of fractions": (entry(shape=[2.0, 3.0]), {}, "shape of 'w' is impossible"),
    "a shape of truths": (entry(shape=[True, 6]), {}, "shape of 'w' is impossible"),
    "a thousand dimensions": (entry(shape=[1] * 1000), {}, "shape of 'w' is impossible"),
    "a shape that overflows": (entry(shape=[2**62] * 60), {}, "does not fit its bytes"),
    "a shape for other bytes": (entry(shape=[2, 4]), {}, "does not fit its bytes"),
    "an unknown type": (entry(dtype="F4"), {}, "unknown type 'F4'"),
    "a type that is a list": (entry(dtype=["F16"]), {}, "header cannot be read"),
    "places out of the file": (entry(shape=[200], data_offsets=[0, 400]), {}, "388 of 400 bytes"),
    "a place that goes back": (entry(data_offsets=[12, 0]), {}, "overlap"),
    "a gap": (entry(shape=[4], data_offsets=[4, 12]), {}, "gap"),
    "overlapping tensors": (
        {**ONE, "v": {"dtype": "F16", "shape": [2], "data_offsets": [8, 12]}},
        {},
        "overlap",
    ),
    "bytes at the end": (ONE, {"data": bytes(20)}, "8 bytes follow"),
    "cut off": (ONE, {"data": bytes(5)}, "7 of 12 bytes of weights are missing"),
    "no tensors": ({"__metadata__": {}}, {"data": b""}, "no weights at all"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_header_is_refused_in_one_sentence(case, tmp_path):
    header, changes, sentence = HOSTILE[case]
    path = file_of(tmp_path / "m.safetensors", header, **changes)

    with pytest.raises(ModelFileError) as refusal:
        read_header(path)

    assert sentence in str(refusal.value)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_header_of_more_than_100_mb_is_refused_unread(tmp_path):
    path = tmp_path / "m.safetensors"
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", 100_000_001))
        stream.truncate(200_000_000)  # a hole: the file takes no room

    with pytest.raises(ModelFileError, match="its header would have 100,000,001 bytes"):
        read_header(path)


def pickle_by_name(path: Path) -> Path:
    return file_of(path.with_suffix(".ckpt"), ONE)


def zip_by_content(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02.")
    return path


def old_pickle(path: Path) -> Path:
    path.write_bytes(b"\x80\x02}q\x00." + bytes(40))
    return path


@pytest.mark.parametrize("write", [pickle_by_name, zip_by_content, old_pickle])
def test_a_pickle_is_refused_with_the_reason(write: Callable[[Path], Path], tmp_path):
    with pytest.raises(ModelFileError, match=r"pickle, which can run programs.*\.safetensors"):
        read_header(write(tmp_path / "m.safetensors"))


def loop(path: Path) -> Path:
    path.symlink_to(path)
    return path


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def empty(path: Path) -> Path:
    path.touch()
    return path


def web_page(path: Path) -> Path:
    path.write_text("<!DOCTYPE html><html><title>Sign in</title></html>" * 10)
    return path


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (loop, "cannot be read"),
        (pipe, "is no file"),
        (folder, "is no file"),
        (empty, "cut off"),
        (web_page, "web page"),
        (lambda path: path, "no such file"),
    ],
)
def test_what_is_no_model_file_is_refused_without_waiting(write, sentence, tmp_path):
    with pytest.raises(ModelFileError, match=sentence):
        read_header(write(tmp_path / "m.safetensors"))


def test_a_length_whose_bytes_are_a_pickles_first_is_no_pickle(tmp_path):
    raw = json.dumps(ONE).encode().ljust(0x0280)  # little-endian 80 02

    header = read_header(file_of(tmp_path / "m.safetensors", raw))

    assert header.shape("w") == (2, 3)
