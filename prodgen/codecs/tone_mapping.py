"""Colours told by code points (cICP, nclx), and high dynamic range made fit for sRGB.

The code points are those of ITU-T H.273. PQ and HLG pictures are mapped by the tone curve (EETF) of BT.2390
from the picture's own brightest value to reference white, which BT.2408 puts at 203 cd/m2: what is not
brighter than that white comes in as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prodgen.codecs.colour_spaces import (
    D65,
    SRGB_PRIMARIES,
    Chromaticities,
    ColourSpace,
    Conversion,
    Curve,
    CurvesAndMatrix,
    Values,
    encoded,
    from_primaries,
    power_curve,
    srgb_curve,
    unless_srgb,
)

HDR_NOTICE = "it is a high dynamic range picture ({kind}), mapped to sRGB by BT.2390 with white at 203 cd/m2"

_C = (0.310, 0.316)
_SMPTE_C: Chromaticities = (*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070)
_PRIMARIES: dict[int, Chromaticities] = {
    1: SRGB_PRIMARIES,
    4: (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: _SMPTE_C,
    7: _SMPTE_C,
    8: (*_C, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (*D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
"""Source: ITU-T H.273, table 2."""


def _bt709(values: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.clip(values, 0, 1)
    return np.where(x < 0.081243, x / 4.5, ((x + 0.099297) / 1.099297) ** (1 / 0.45))


def _smpte240(values: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.clip(values, 0, 1)
    return np.where(x < 0.091286, x / 4, ((x + 0.111572) / 1.111572) ** (1 / 0.45))


_CURVES: dict[int, Curve] = {
    **dict.fromkeys((1, 6, 14, 15), _bt709),
    4: power_curve(2.2),
    5: power_curve(2.8),
    7: _smpte240,
    8: power_curve(1),
    13: srgb_curve,
}
"""Source: ITU-T H.273, table 3."""

_PQ, _HLG = 16, 18
_WHITE_NITS = 203.0
"""Reference white. Source: ITU-R BT.2408-7, 2.2."""

_HLG_PEAK_NITS, _HLG_GAMMA = 1000.0, 1.2
"""Nominal display of HLG and its system gamma. Source: ITU-R BT.2100-2, table 5."""

_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def pq_nits(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Light in cd/m2 of PQ values. Source: ITU-R BT.2100-2, table 4."""
    root = np.clip(values, 0, 1) ** (1 / _M2)
    return np.asarray(10_000 * (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1))


def pq_values(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    """PQ values of light in cd/m2. Source: ITU-R BT.2100-2, table 4."""
    power = (np.clip(nits, 0, 10_000) / 10_000) ** _M1
    return np.asarray(((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2)


def hlg_scene(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scene light, [0, 1], of HLG values. Source: ITU-R BT.2100-2, table 5."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    x = np.clip(values, 0, 1)
    return np.where(x <= 0.5, x * x / 3, (np.exp((x - c) / a) + b) / 12)


def toned(nits: NDArray[np.float64], *, peak_nits: float) -> NDArray[np.float64]:
    """Return light mapped from a range up to `peak_nits` into one up to reference white, in cd/m2.

    Source: ITU-R BT.2390-11, 5.4.1 (EETF), with black at 0. Below its knee nothing changes; with a peak at or
    below reference white, nothing at all.
    """
    if peak_nits <= _WHITE_NITS:
        return nits
    top = pq_values(np.array(peak_nits))
    target = pq_values(np.array(_WHITE_NITS)) / top
    knee = 1.5 * target - 0.5
    e = np.minimum(pq_values(nits) / top, 1)
    t = np.clip((e - knee) / (1 - knee), 0, 1)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (-2 * t**3 + 3 * t**2) * target
    )
    return pq_nits(np.where(e < knee, e, spline) * top)


@dataclass(frozen=True)
class HighDynamicRange:
    """PQ or HLG with the primaries of `matrix`."""

    is_hlg: bool
    matrix: NDArray[np.float64]
    """From linear RGB to linear sRGB, (3, 3)."""

    channels: int = 3

    def conversion(self, brightest: Callable[[], float]) -> Conversion:
        """Return the way to sRGB: the largest of R, G, B is toned, and the ratios between them stay."""
        points = np.linspace(0, 1, 65_536)
        curve = hlg_scene(points) if self.is_hlg else pq_nits(points)
        top = float(np.interp(brightest(), points, curve))
        if self.is_hlg:
            top = _HLG_PEAK_NITS * top**_HLG_GAMMA
        brightness = pq_nits(np.linspace(0, 1, 4096))
        gain = toned(brightness, peak_nits=top) / np.maximum(brightness, 1e-9) / _WHITE_NITS
        gain[0] = gain[1]
        luma = self.matrix.T @ np.array([0.2126, 0.7152, 0.0722])
        matrix = self.matrix.T.astype(np.float32)

        def convert(values: Values) -> Values:
            light = np.interp(values, points, curve)
            if self.is_hlg:
                light *= _HLG_PEAK_NITS * np.maximum(light @ luma, 1e-9)[..., None] ** (_HLG_GAMMA - 1)
            code = pq_values(light.max(axis=-1, keepdims=True))
            light *= np.interp(code, np.linspace(0, 1, 4096), gain)
            return encoded(light.astype(np.float32) @ matrix)

        return convert


def from_code_points(
    primaries: int, transfer: int, *, narrow_bits: int | None = None
) -> tuple[ColourSpace | None, str | None]:
    """Return the space that two code points of ITU-T H.273 stand for, and what is to be said about it.

    Args:
        primaries: ColourPrimaries; 2 (unspecified) is taken for BT.709.
        transfer: TransferCharacteristics; 2 (unspecified) is taken for sRGB.
        narrow_bits: Bits a value where black is at 16 and white at 235 (of 8 bits), else None.
    """
    corners = _PRIMARIES.get(1 if primaries == 2 else primaries)
    if corners is None or transfer not in (2, _PQ, _HLG, *_CURVES):
        return (
            None,
            f"its colours (code points {primaries}, {transfer}) are not known and were taken for sRGB",
        )
    matrix = from_primaries(corners)
    space: ColourSpace
    if transfer in (_PQ, _HLG):
        space = HighDynamicRange(transfer == _HLG, matrix)
        notice = HDR_NOTICE.format(kind="HLG" if transfer == _HLG else "PQ")
        return (FullRange(space, narrow_bits) if narrow_bits else space), notice
    space = CurvesAndMatrix((_CURVES[13 if transfer == 2 else transfer],) * 3, matrix)
    return unless_srgb(FullRange(space, narrow_bits) if narrow_bits else space), None


@dataclass(frozen=True)
class FullRange:
    """A space whose values leave room below black and above white (narrow range, as video has)."""

    space: ColourSpace
    bits: int
    channels: int = 3

    def conversion(self, brightest: Callable[[], float]) -> Conversion:
        """Return the way to sRGB. Source: ITU-T H.273, 8.3, equations for VideoFullRangeFlag 0."""
        unit = 2 ** (self.bits - 8) / (2**self.bits - 1)
        low, span = np.float32(16 * unit), np.float32(219 * unit)
        convert = self.space.conversion(lambda: (brightest() - 16 * unit) / (219 * unit))
        return lambda values: convert(np.clip((values - low) / span, 0, 1))
