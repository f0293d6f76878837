"""What a file's numbers mean as colours: curves and primaries, and the way from them to sRGB.

A space gives a conversion, which takes a strip of values as a file holds them and gives sRGB. A space that
does not differ from sRGB is None, so that an sRGB picture keeps every value to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]
"""(..., C) values of a picture as its file holds them, [0, 1]."""

Conversion = Callable[[Values], Values]
"""Takes (..., C) values of a space, gives (..., 3) sRGB in [0, 1]."""

Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Takes the values of one channel, gives linear light, [0, 1] to [0, 1]."""

_STEPS = 65_535
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""Cone responses for the change of white. Source: ICC.1:2022, annex E."""

D65 = (0.3127, 0.3290)
"""White of sRGB, x and y. Source: IEC 61966-2-1."""

D50_XYZ = np.array([0.9642, 1.0, 0.8249])
"""White of the connection space of profiles. Source: ICC.1:2022, 7.2.16."""

Chromaticities = tuple[float, float, float, float, float, float, float, float]
"""x and y of white, red, green and blue, in the order of PNG's cHRM."""

SRGB_PRIMARIES: Chromaticities = (*D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
"""Source: IEC 61966-2-1, BT.709."""

ADOBE_PRIMARIES: Chromaticities = (*D65, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
"""Source: Adobe RGB (1998) Color Image Encoding, 4.3.1."""


class ColourSpace(Protocol):
    """What the numbers of a picture mean, other than sRGB."""

    @property
    def channels(self) -> int:
        """How many values make one colour: 1, 3 or 4."""
        ...

    def conversion(self, brightest: Callable[[], float]) -> Conversion:
        """Return the way to sRGB of one picture; `brightest` gives its largest value."""
        ...


def encoded(linear: Values) -> Values:
    """Return the sRGB values of linear light; light below 0 and above 1 is clipped."""
    x = np.clip(linear, 0, 1)
    dark = x * np.float32(12.92)
    light = np.power(x, np.float32(1 / 2.4))
    light *= np.float32(1.055)
    light -= np.float32(0.055)
    return np.where(x <= np.float32(0.0031308), dark, light)


def srgb_curve(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear light of sRGB values. Source: IEC 61966-2-1."""
    x = np.clip(values, 0, 1)
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def power_curve(exponent: float) -> Curve:
    """Linear light as a power of the values."""
    return lambda values: np.clip(values, 0, 1) ** exponent


def xyz_of(primaries: Chromaticities) -> NDArray[np.float64]:
    """Return the matrix from linear RGB to CIE XYZ, white at Y = 1, (3, 3).

    Raises:
        ValueError: If these chromaticities span no colours.
    """
    xy = np.array(primaries, np.float64).reshape(4, 2)
    if not np.isfinite(xy).all() or xy[:, 1].min() <= 0:
        raise ValueError("primaries without luminance")
    xyz = np.stack([xy[:, 0] / xy[:, 1], np.ones(4), (1 - xy.sum(axis=1)) / xy[:, 1]])
    if abs(np.linalg.det(xyz[:, 1:])) < 1e-6:
        raise ValueError("primaries on one line")
    return np.asarray(xyz[:, 1:] * np.linalg.solve(xyz[:, 1:], xyz[:, 0]))


def _adapted(
    xyz: NDArray[np.float64], white: NDArray[np.float64], to: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A matrix to XYZ under `white`, as one to XYZ under the white `to`."""
    gains = np.diag((_BRADFORD @ to) / (_BRADFORD @ white))
    return np.asarray(np.linalg.inv(_BRADFORD) @ gains @ _BRADFORD @ xyz)


def from_primaries(primaries: Chromaticities) -> NDArray[np.float64]:
    """Return the matrix from linear RGB of these primaries to linear sRGB; white goes to white.

    Raises:
        ValueError: If these chromaticities span no colours.
    """
    xyz, srgb = xyz_of(primaries), xyz_of(SRGB_PRIMARIES)
    return np.asarray(np.linalg.solve(srgb, _adapted(xyz, xyz.sum(axis=1), srgb.sum(axis=1))))


def from_d50(xyz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix to linear sRGB that belongs to one to XYZ under D50 (a profile's)."""
    srgb = xyz_of(SRGB_PRIMARIES)
    return np.asarray(np.linalg.solve(_adapted(srgb, srgb.sum(axis=1), D50_XYZ), xyz))


@dataclass(frozen=True)
class CurvesAndMatrix:
    """RGB with a curve for each channel, and primaries."""

    curves: tuple[Curve, Curve, Curve] | None
    """None: the values are linear light already."""

    matrix: NDArray[np.float64]
    """From linear RGB to linear sRGB, (3, 3)."""

    channels: int = 3

    def conversion(self, brightest: Callable[[], float]) -> Conversion:
        """Return the way to sRGB; curves are read at 65,536 points, all that 16-bit files hold."""
        matrix = self.matrix.T.astype(np.float32)
        if self.curves is None:
            return lambda values: encoded(values @ matrix)
        points = np.linspace(0, 1, _STEPS + 1)
        tables = [curve(points).astype(np.float32) for curve in self.curves]

        def convert(values: Values) -> Values:
            index = _indices(values)
            linear = np.empty(values.shape, np.float32)
            for channel, table in enumerate(tables):
                np.take(table, index[..., channel], out=linear[..., channel])
            return encoded(linear @ matrix)

        return convert


@dataclass(frozen=True)
class GreyCurve:
    """Grey values with a curve to linear light."""

    curve: Curve
    channels: int = 1

    def conversion(self, brightest: Callable[[], float]) -> Conversion:
        """Return the way to sRGB, by a table of 65,536 values."""
        table = encoded(self.curve(np.linspace(0, 1, _STEPS + 1)).astype(np.float32))
        return lambda values: np.repeat(table[_indices(values)], 3, axis=-1)


@dataclass(frozen=True)
class CieLab:
    """CIE L*a*b* under D50, as TIFF holds it: L from 0 to 1, a and b with their zero at half."""

    l_scale: float = 100
    """L* of the value 1."""

    ab_scale: float = 255
    """a* and b* from the value 0 to the value 1; their zero is at 128 of it."""

    channels: int = 3

    def conversion(self, brightest: Callable[[], float]) -> Conversion:
        """Return the way to sRGB. Source: CIE 15:2004, 8.2.1."""
        matrix = from_d50(np.diag(D50_XYZ)).T.astype(np.float32)

        def convert(values: Values) -> Values:
            fy = (values[..., 0] * np.float32(self.l_scale) + 16) / 116
            ab = values[..., 1:] * np.float32(self.ab_scale) - 128
            f = np.stack([fy + ab[..., 0] / 500, fy, fy - ab[..., 1] / 200], axis=-1)
            return encoded(np.where(f > 6 / 29, f**3, (f - 16 / 116) * 3 * (6 / 29) ** 2) @ matrix)

        return convert


def _indices(values: Values) -> NDArray[np.uint16]:
    scaled = values * np.float32(_STEPS)
    scaled += np.float32(0.5)
    return np.clip(scaled, 0, _STEPS, out=scaled).astype(np.uint16)


def unless_srgb(space: ColourSpace) -> ColourSpace | None:
    """Return the space, or None if it moves no colour by a whole step of 8 bits: then it is sRGB.

    What is within a step is how the makers of sRGB profiles round its primaries and its curve.
    """
    steps = np.linspace(0, 1, 256, dtype=np.float32)
    greys = np.repeat(steps[:, None], space.channels, axis=1)
    convert = space.conversion(lambda: 1.0)
    farthest = np.abs(convert(greys) - steps[:, None]).max()
    if space.channels == 3:
        grid = np.stack(np.meshgrid(*[steps[::15]] * 3), axis=-1).reshape(-1, 3)
        farthest = max(farthest, np.abs(convert(grid) - grid).max())
    return None if space.channels < 4 and farthest < 1 / 255 else space


ADOBE_RGB = CurvesAndMatrix((power_curve(563 / 256),) * 3, from_primaries(ADOBE_PRIMARIES))
"""Source: Adobe RGB (1998) Color Image Encoding, 4.3.4: gamma 2.19921875."""

LINEAR_SRGB = CurvesAndMatrix(None, np.eye(3))
"""Linear light with the primaries of sRGB."""
