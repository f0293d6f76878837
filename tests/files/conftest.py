"""Pictures in other colours than sRGB, drawn: profiles, PNG files by their chunks, swatches to measure by."""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from skimage.color import xyz2lab

from prodgen import color

D50 = np.array([0.9642, 1.0, 0.8249])
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
PRIMARIES = {
    "sRGB": (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06),
    "Adobe": (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06),
    "P3": (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    "Rec2020": (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    "ProPhoto": (0.3457, 0.3585, 0.734699, 0.265301, 0.159597, 0.840403, 0.036598, 0.000105),
}


def xyz_of(name: str) -> np.ndarray:
    """Linear RGB to XYZ under D50, as in a profile."""
    xy = np.array(PRIMARIES[name]).reshape(4, 2)
    xyz = np.stack([xy[:, 0] / xy[:, 1], np.ones(4), (1 - xy.sum(1)) / xy[:, 1]])
    matrix = xyz[:, 1:] * np.linalg.solve(xyz[:, 1:], xyz[:, 0])
    gains = np.diag((BRADFORD @ D50) / (BRADFORD @ xyz[:, 0]))
    return np.linalg.inv(BRADFORD) @ gains @ BRADFORD @ matrix


def in_space(rgb: np.ndarray, name: str, encode: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The values that sRGB colours have in another space."""
    linear = color.to_linear(rgb).astype(np.float64)
    return encode(np.clip(linear @ (np.linalg.inv(xyz_of(name)) @ xyz_of("sRGB")).T, 0, 1))


def _tag(kind: bytes, body: bytes) -> bytes:
    return kind + bytes(4) + body


def _fixed(*numbers: float) -> bytes:
    return b"".join(struct.pack(">i", round(x * 65536)) for x in numbers)


def curve_tag(gamma: float | None) -> bytes:
    """A tone curve: a power, or that of sRGB as a parametric one."""
    if gamma is None:
        return _tag(
            b"para", struct.pack(">HH", 3, 0) + _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
        )
    return _tag(b"para", struct.pack(">HH", 0, 0) + _fixed(gamma))


def profile(
    primaries: str | None, gamma: float | None, *, called: str = "a profile", kind: bytes = b"mntr"
) -> bytes:
    """A colour profile of curves and primaries (None: grey)."""
    tags = {b"desc": _tag(b"desc", struct.pack(">I", len(called) + 1) + called.encode() + bytes(79))}
    tags[b"wtpt"] = _tag(b"XYZ ", _fixed(*D50))
    if primaries is None:
        tags[b"kTRC"] = curve_tag(gamma)
    else:
        for name, column in zip("rgb", xyz_of(primaries).T, strict=True):
            tags[f"{name}XYZ".encode()] = _tag(b"XYZ ", _fixed(*column))
            tags[f"{name}TRC".encode()] = curve_tag(gamma)
    return assembled(tags, space=b"GRAY" if primaries is None else b"RGB ", kind=kind)


def table_profile(channels: int) -> bytes:
    """A profile that is a table from RGB or naive CMYK to L*a*b*, exact where values are multiples of 51."""
    steps = np.stack(np.meshgrid(*[np.linspace(0, 1, 6)] * channels, indexing="ij"), axis=-1)
    rgb = steps if channels == 3 else (1 - steps[..., :3]) * (1 - steps[..., 3:])
    lab = xyz2lab(color.to_linear(rgb.astype(np.float32)) @ xyz_of("sRGB").T, "D50")
    packed = np.stack([lab[..., 0] * 652.8, (lab[..., 1] + 128) * 256, (lab[..., 2] + 128) * 256], axis=-1)
    ends = np.array([0, 65535], ">u2").tobytes()
    head = bytes([channels, 3, 6, 0]) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + struct.pack(">HH", 2, 2)
    body = head + ends * channels + np.round(packed).clip(0, 65535).astype(">u2").tobytes() + ends * 3
    tags = {b"wtpt": _tag(b"XYZ ", _fixed(*D50)), b"A2B0": _tag(b"mft2", body)}
    return assembled(tags, space=b"RGB " if channels == 3 else b"CMYK", kind=b"prtr", inner=b"Lab ")


def assembled(
    tags: dict[bytes, bytes], *, space: bytes = b"RGB ", kind: bytes = b"mntr", inner: bytes = b"XYZ "
) -> bytes:
    """A profile of these tags."""
    table, body, place = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        padded = value + bytes(-len(value) % 4)
        table += struct.pack(">4sII", name, place + len(body), len(value))
        body += padded
    size = 128 + len(table) + len(body)
    head = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x04300000, kind, space, inner) + bytes(12) + b"acsp"
    head += bytes(28) + _fixed(*D50)
    return head.ljust(128, b"\0") + table + body


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(pixels: np.ndarray, *chunks: tuple[bytes, bytes], palette: bytes = b"") -> bytes:
    """A PNG file of 8- or 16-bit pixels (H, W, C) with these chunks before its pixels."""
    height, width, channels = pixels.shape
    kind = 3 if palette else {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = pixels.astype(">u2") if pixels.dtype == np.uint16 else pixels
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", width, height, 8 * pixels.dtype.itemsize, kind, 0, 0, 0)
    parts = [(b"IHDR", head), *chunks, *([(b"PLTE", palette)] if palette else [])]
    parts += [(b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def iccp(data: bytes) -> tuple[bytes, bytes]:
    return b"iCCP", b"x\0\0" + zlib.compress(data)


def as_depth(values: np.ndarray, bits: int) -> np.ndarray:
    return np.round(values * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)


def far(read: np.ndarray, meant: np.ndarray) -> float:
    """The largest CIEDE2000 difference."""
    return float(color.delta_e(color.to_lab(read), color.to_lab(meant)).max())


def mean_far(read: np.ndarray, meant: np.ndarray) -> float:
    """The mean CIEDE2000 difference, for files that lose detail."""
    return float(color.delta_e(color.to_lab(read), color.to_lab(meant)).mean())


@pytest.fixture
def swatches() -> np.ndarray:
    """20 x 30, colours that every space above has, in sRGB: moderate ones, and greys in the last column."""
    y, x = np.mgrid[:20, :30] / np.array([19, 29])[:, None, None]
    rgb = np.stack([0.25 + 0.5 * x, 0.3 + 0.4 * y, 0.7 - 0.4 * x * y], axis=-1)
    rgb[:, -1] = np.linspace(0.05, 0.95, 20)[:, None]
    return rgb.astype(np.float32)


@pytest.fixture(scope="session")
def making() -> ModuleType:
    """Everything above, for tests, which cannot import one another's folders."""
    return sys.modules[__name__]
