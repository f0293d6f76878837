"""Colour profiles (ICC) of pictures: read by what they hold, whatever they call themselves.

Profiles of curves and primaries are worked out here, in floats, so that 16-bit pictures keep their depth.
Those made of tables (CMYK, scanners) go through LittleCMS, which has 8 bits in Pillow.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from prodgen.codecs.colour_spaces import (
    ColourSpace,
    Conversion,
    Curve,
    CurvesAndMatrix,
    GreyCurve,
    Values,
    from_d50,
    power_curve,
    unless_srgb,
)
from prodgen.codecs.tone_mapping import from_code_points
from prodgen.images import from_uint8, to_uint8

Model = Literal["grey", "rgb", "cmyk", "lab"]
"""What the channels of a picture stand for."""

BROKEN_PROFILE = "its colour profile is broken and was not used"

_SPACES = {b"GRAY": "grey", b"RGB ": "rgb", b"CMYK": "cmyk"}
_OF_PICTURES = (b"scnr", b"mntr", b"prtr", b"spac")
"""Classes of profiles that a picture may have: input, display, output, conversion. Source: ICC.1, 7.2.5."""

_MADE_AT = slice(24, 36)
"""Where a profile says when it was made, as six numbers from the year on. Source: ICC.1, 7.2.8."""

_FIRST_OF_SRGB = (1999, 10, 18, 0, 0, 0)
"""Date of the profile that is written, year to second. Chosen: that of sRGB's standard, IEC 61966-2-1."""

_MOST_TAGS = 200
"""Bound against hostile files; profiles in use have fewer than 60."""


@dataclass(frozen=True)
class LookUpTables:
    """A space that only LittleCMS can convert."""

    profile: bytes
    mode: Literal["L", "RGB", "CMYK"]

    @property
    def channels(self) -> int:
        """How many values make one colour."""
        return {"L": 1, "RGB": 3, "CMYK": 4}[self.mode]

    def conversion(self, brightest: Callable[[], float]) -> Conversion:
        """Return the way to sRGB, in 8 bits.

        Black goes to black (black point compensation). Colours of screens and scanners are kept as they were
        measured (relative colorimetric); prints are undone as printers make them (perceptual).

        Raises:
            PyCMSError: If LittleCMS cannot use the profile.
        """
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(self.profile)),
            ImageCms.createProfile("sRGB"),
            self.mode,
            "RGB",
            ImageCms.Intent.PERCEPTUAL if self.mode == "CMYK" else ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )

        def convert(values: Values) -> Values:
            flat = np.ascontiguousarray(to_uint8(values).reshape(1, -1, self.channels))
            size = (flat.shape[1], 1)
            strip = Image.frombuffer(self.mode, size, flat.tobytes(), "raw", self.mode, 0, 1)
            done = transform.apply(strip)
            return from_uint8(np.asarray(done)).reshape(*values.shape[:-1], 3)

        return convert


@cache
def srgb_profile() -> bytes:
    """Return the profile of sRGB, the same in every file: LittleCMS', without the moment that it was made."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[_MADE_AT] = struct.pack(">6H", *_FIRST_OF_SRGB)
    return bytes(profile)


def space_of_profile(profile: bytes, model: Model) -> tuple[ColourSpace | None, str | None]:
    """Return the space that a profile stands for, None if it is sRGB, and what is to be said about it.

    Args:
        profile: The profile's bytes.
        model: What the picture's channels stand for; a profile for others cannot be used.
    """
    try:
        tags = _tags(profile)
        kind, space = profile[12:16], _SPACES.get(profile[16:20])
        if kind not in _OF_PICTURES or not (space == model or (space, model) == ("rgb", "grey")):
            meant = f"{space or 'other'} pictures, not for {model} ones"
            meant = meant if kind in _OF_PICTURES else "another kind of use"
            return None, f"its colour profile is for {meant}, and was not used"
        if space == "rgb" and tags.get(b"cicp", b"")[:4] == b"cicp":
            return from_code_points(tags[b"cicp"][8], tags[b"cicp"][9])
        found = _space(profile, tags, model="grey" if space == "grey" else model)
        return unless_srgb(found), None
    except (ImageCms.PyCMSError, OSError, ValueError, IndexError, KeyError, struct.error, ArithmeticError):
        return None, BROKEN_PROFILE


def _space(profile: bytes, tags: dict[bytes, bytes], *, model: Model) -> ColourSpace:
    """Read tables where there are any: by the standard they come before curves and primaries."""
    if b"A2B0" in tags or b"A2B1" in tags:
        grey: Literal["L", "RGB"] = "L" if profile[16:20] == b"GRAY" else "RGB"
        return LookUpTables(profile, "CMYK" if model == "cmyk" else grey)
    if b"kTRC" in tags:
        curve = _curve(tags[b"kTRC"])
        return GreyCurve(_lightness(curve) if profile[20:24] == b"Lab " else curve)
    curves = (_curve(tags[b"rTRC"]), _curve(tags[b"gTRC"]), _curve(tags[b"bTRC"]))
    xyz = np.stack([_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")], axis=1)
    if not 0.9 < xyz[1].sum() < 1.1:  # the three make white, whose Y is 1
        raise ValueError("primaries that do not make white")
    return CurvesAndMatrix(curves, from_d50(xyz))


def _tags(profile: bytes) -> dict[bytes, bytes]:
    if len(profile) < 132 or profile[36:40] != b"acsp":
        raise ValueError("no profile")
    (count,) = struct.unpack_from(">I", profile, 128)
    if count > _MOST_TAGS:
        raise ValueError("too many tags")
    tags = {}
    for index in range(count):
        name, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * index)
        if offset + size > len(profile):
            raise ValueError("a tag beyond the end")
        tags[name] = profile[offset : offset + size]
    return tags


def _xyz(tag: bytes) -> NDArray[np.float64]:
    return np.array(struct.unpack_from(">3i", tag, 8), np.float64) / 65536


def _curve(tag: bytes) -> Curve:
    """Read a tone curve. Source: ICC.1:2022, 10.6 (curveType) and 10.18 (parametricCurveType)."""
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return power_curve(1)
        values = np.frombuffer(tag, ">u2", count, 12).astype(np.float64)
        if count == 1:
            return power_curve(float(values[0]) / 256)
        return lambda x: np.interp(x, np.linspace(0, 1, count), values / 65535)
    if tag[:4] != b"para":
        raise ValueError("an unknown curve")
    (kind,) = struct.unpack_from(">H", tag, 8)
    count = (1, 3, 4, 5, 7)[kind]
    g, *rest = np.array(struct.unpack_from(f">{count}i", tag, 12), np.float64) / 65536
    a, b, c, d, e, f = [*rest, *(0.0,) * (6 - len(rest))] if rest else (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    if kind in (1, 2):  # below -b / a the curve is flat
        a, b, c, d, e, f = a, b, 0.0, -b / a, c, c
    return lambda x: np.clip(np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f), 0, 1)


def _lightness(curve: Curve) -> Curve:
    """A curve to L* as one to linear light. Source: CIE 15:2004, 8.2.1."""

    def to_light(x: NDArray[np.float64]) -> NDArray[np.float64]:
        f = (100 * curve(x) + 16) / 116
        return np.where(f > 6 / 29, f**3, (f - 16 / 116) * 3 * (6 / 29) ** 2)

    return to_light
