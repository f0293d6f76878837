"""Is this file what it says it is? Headers, sizes and hashes of model files, and web pages that come instead.

Pure reading: changes nothing on disk. The safetensors layout is that of its own documentation (8 bytes
little-endian header length, a JSON header whose `data_offsets` count from the end of the header).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

from prodgen.weights.manifest import Weight

HEADER_LIMIT = 100_000_000
"""Bytes. The safetensors library's own limit for the header."""

_BLOCK = 1 << 20


def what_is_wrong(path: Path, weight: Weight, *, progress: Callable[[int], None] | None = None) -> str | None:
    """Return what is wrong with the file at `path` for `weight`, or None when it passes every check.

    The cheap checks come first: a web page is told from weights without hashing two gigabytes.
    """
    if page := web_page(path):
        return page
    size = path.stat().st_size
    if weight.size is not None and size != weight.size:
        return f"has {size:,} bytes, {weight.size:,} were expected"
    if fault := header_fault(path, weight.kind):
        return fault
    if weight.sha256_is_known and (got := sha256(path, progress=progress)) != weight.sha256:
        return f"has sha256 {got}, {weight.sha256} was expected"
    if weight.md5 and (got := _digest(path, "md5", progress)) != weight.md5:
        return f"has MD5 {got}, {weight.md5} was expected"
    return None


def sha256(path: Path, *, progress: Callable[[int], None] | None = None) -> str:
    """Return the SHA-256 of a file as 64 hex digits; `progress` is told the bytes of each block read."""
    return _digest(path, "sha256", progress)


def _digest(path: Path, kind: str, progress: Callable[[int], None] | None) -> str:
    digest = hashlib.new(kind, usedforsecurity=kind != "md5")
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            if progress:
                progress(len(block))
    return digest.hexdigest()


def web_page(path: Path) -> str | None:
    """Recognise an HTML page, a JSON answer or a Git LFS pointer under a model's name; else None."""
    with path.open("rb") as stream:
        return web_page_in(stream.read(4096))


def web_page_in(start: bytes) -> str | None:
    """Recognise a web page by the first bytes of an answer. See `web_page`."""
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    lower = text[:200].lower()
    if lower.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml")):
        title = re.search(rb"<title[^>]*>(.*?)</title>", start, re.IGNORECASE | re.DOTALL)
        named = f" (its title: {title.group(1).decode(errors='replace').strip()[:80]!r})" if title else ""
        return f"is a web page, not weights{named}"
    if text.startswith((b'{"', b"{\n", b"{ ", b'["')):
        # A safetensors file starts with its header's length, so its brace is the ninth byte, never the first.
        return f"is a JSON answer, not weights: {_one_line(text)}"
    if lower.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not weights: the source serves pointers only"
    return None


def header_fault(path: Path, kind: str) -> str | None:
    """Return what is wrong with a file's header for its kind (`safetensors`, `pickle`, `onnx`), or None."""
    with path.open("rb") as stream:
        start = stream.read(8)
    if kind == "safetensors":
        return _safetensors_fault(path)
    if kind == "pickle":
        # A torch checkpoint is a zip archive, or, before torch 1.6, a bare pickle of protocol 2.
        return None if start.startswith((b"PK\x03\x04", b"\x80\x02")) else "is no torch checkpoint"
    # An ONNX file is a protobuf whose first field is the IR version, a small number.
    return None if start[:1] == b"\x08" and start[1:2] <= b"\x1e" else "is no ONNX model"


def _safetensors_fault(path: Path) -> str | None:
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= min(HEADER_LIMIT, size - 8):
            return "is no safetensors file (its header length is impossible)"
        raw = stream.read(length)
    try:
        header = json.loads(raw)
        tensors = [value for key, value in header.items() if key != "__metadata__"]
        end = max((int(tensor["data_offsets"][1]) for tensor in tensors), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return "is no safetensors file (its header cannot be read)"
    if not tensors:
        return "is a safetensors file without any tensor"
    if 8 + length + end != size:
        return f"is cut off or padded: its header promises {8 + length + end:,} bytes, it has {size:,}"
    return None


def _one_line(text: bytes) -> str:
    """Return the message in a JSON answer, or its beginning."""
    try:
        content = json.loads(text)
        if isinstance(content, dict):
            for key in ("message", "error", "detail"):
                if isinstance(content.get(key), str):
                    return str(content[key])[:200]
    except ValueError:
        pass  # cut off, or not JSON after all: its beginning says as much
    return " ".join(text[:120].decode(errors="replace").split())
