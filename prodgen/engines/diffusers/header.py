"""The header of a safetensors file: read with limits, checked whole, before any library sees the file.

Owns the question whether a file is what it claims to be. Needs neither torch nor safetensors, so that lists
of models and `doctor` can be made without them. A safetensors file holds numbers alone; a pickle (.ckpt, .pt,
.pth, .bin, or a zip under another name) can run programs when it is opened, and is refused for that.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeGuard

from prodgen.errors import ModelFileError
from prodgen.weights.checks import HEADER_LIMIT, web_page_in

ITEM_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1,
    "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
    "U32": 4, "I32": 4, "F32": 4,
    "U64": 8, "I64": 8, "F64": 8, "C64": 8,
}  # fmt: skip
"""Bytes of one number, by the name of its type in the safetensors format; types of less than a byte are left
out, as no network of this engine has them."""

MAX_DIMENSIONS = 64
"""Most dimensions of a tensor that torch can hold."""

PICKLE_SUFFIXES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
"""What files written by `torch.save` are called."""

PICKLE_REASON = (
    "it is a pickle, which can run programs when it is opened; take the .safetensors file of the same model"
)


@dataclass(frozen=True)
class TensorEntry:
    """One tensor of a file: type, shape, and where its bytes are, counted from the end of the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class WeightsHeader:
    """What a safetensors file says of itself."""

    path: Path
    tensors: Mapping[str, TensorEntry]
    metadata: Mapping[str, str]
    """Free words of whoever wrote the file, such as `modelspec.title` or `ss_base_model_version`."""

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Return the shape of the tensor of this name, or None without it."""
        entry = self.tensors.get(name)
        return None if entry is None else entry.shape

    def refuse(self, reason: str) -> NoReturn:
        """Refuse this file, for `reason`.

        Raises:
            ModelFileError: Always.
        """
        raise ModelFileError(str(self.path), reason)


def read_header(path: Path) -> WeightsHeader:
    """Read and check the header of the safetensors file at `path`; none of its numbers is read.

    Every tensor must have a known type, a shape that fits its bytes, and bytes of its own inside the file.

    Raises:
        ModelFileError: If it cannot be read, is cut off, is a pickle, or is no safetensors file.
    """
    try:
        raw, data_bytes = _header_bytes(path)
    except OSError as error:
        raise ModelFileError(str(path), _why_unreadable(error)) from error
    try:
        content = json.loads(raw, parse_constant=_no_number, object_pairs_hook=_once_each)
        if not isinstance(content, dict):
            raise TypeError("the header is no table")  # noqa: TRY301 - becomes the one refusal below
        metadata = content.pop("__metadata__", {})
        tensors = {name: _entry(name, given) for name, given in content.items()}
        words = {str(key): str(value) for key, value in metadata.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = str(error) if isinstance(error, _FaultError) else "its header cannot be read"
        raise ModelFileError(str(path), f"it is no safetensors file ({reason})") from error
    if not tensors:
        raise ModelFileError(str(path), "it holds no weights at all")
    if fault := _layout_fault(tensors, data_bytes):
        raise ModelFileError(str(path), fault)
    return WeightsHeader(path, tensors, words)


def _header_bytes(path: Path) -> tuple[bytes, int]:
    """Return the header's bytes, and how many bytes follow it."""
    if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for without an end
        raise ModelFileError(str(path), "it is no file")
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        start = stream.read(4096)
        length = int.from_bytes(start[:8], "little")
        is_header = (
            2 <= length <= min(HEADER_LIMIT, size - 8) and start[8:9] == b"{"
        )  # 640 is b"\x80\x02" too
        is_pickle = start.startswith((b"PK\x03\x04", b"\x80\x02")) and not is_header
        if path.suffix.lower() in PICKLE_SUFFIXES or is_pickle:
            raise ModelFileError(str(path), PICKLE_REASON)
        if page := web_page_in(start):
            raise ModelFileError(str(path), f"it {page}; download it again")
        if size < 10:
            raise ModelFileError(str(path), f"it is cut off: it has {size} bytes")
        if length > HEADER_LIMIT:
            raise ModelFileError(
                str(path), f"it is no safetensors file (its header would have {length:,} bytes)"
            )
        if not 2 <= length <= size - 8:
            raise ModelFileError(
                str(path),
                "it is cut off, or no safetensors file: it ends within its header; download it again",
            )
        stream.seek(8)
        return stream.read(length), size - 8 - length


def _why_unreadable(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file; was it moved? Refresh the list of models"
    return f"it cannot be read ({error.strerror or error})"


class _FaultError(ValueError):
    """A fault of a header, in words for a user."""


def _no_number(word: str) -> NoReturn:
    raise _FaultError(f"{word} stands in place of a number")


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise _FaultError("a name stands twice in its header")
    return content


def _entry(name: str, given: Mapping[str, object]) -> TensorEntry:
    dtype, shape, offsets = given["dtype"], given["shape"], given["data_offsets"]
    if dtype not in ITEM_BYTES:
        raise _FaultError(f"{name[:80]!r} has numbers of the unknown type {str(dtype)[:20]!r}")
    if not _whole_numbers(shape) or len(shape) > MAX_DIMENSIONS:
        raise _FaultError(f"the shape of {name[:80]!r} is impossible")
    if not _whole_numbers(offsets) or len(offsets) != 2:
        raise _FaultError(f"the place of {name[:80]!r} is impossible")
    return TensorEntry(str(dtype), tuple(shape), *offsets)


def _whole_numbers(given: object) -> TypeGuard[list[int]]:
    return isinstance(given, list) and all(type(item) is int and 0 <= item < 2**63 for item in given)


def _layout_fault(tensors: Mapping[str, TensorEntry], data_bytes: int) -> str | None:
    """Return why the tensors cannot be where the header says; the format wants them side by side."""
    at = 0
    for name, entry in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != at or entry.end < entry.begin:
            return f"it is no safetensors file (the bytes of {name[:80]!r} overlap others, or leave a gap)"
        if math.prod(entry.shape) * ITEM_BYTES[entry.dtype] != entry.end - entry.begin:
            return f"it is no safetensors file (the shape of {name[:80]!r} does not fit its bytes)"
        at = entry.end
    if at > data_bytes:
        return f"it is cut off: {at - data_bytes:,} of {at:,} bytes of weights are missing; download it again"
    if at < data_bytes:
        return f"it is no safetensors file ({data_bytes - at:,} bytes follow that its header does not name)"
    return None
