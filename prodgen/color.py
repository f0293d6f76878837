"""Colour arithmetic in float32: linear light, CIE L*a*b*, CIEDE2000, colour temperature.

Functions on arrays whose last axis is R, G, B (or L, a, b). They are written here because every picture
passes through them: OpenCV's float Lab is off by up to 0.43, and scikit-image works in float64 and takes
seconds where this takes tenths. The tests compare with scikit-image.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from prodgen.images import RgbImage

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Luminance of the linear sRGB primaries. Standard: IEC 61966-2-1, BT.709."""

_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]],
    np.float64,
)
_WHITE = np.array([0.95047, 1.0, 1.08883], np.float64)
"""XYZ of D65 for the 2 degree observer. Standard: IEC 61966-2-1."""

_TO_CONE = (_XYZ / _WHITE[:, None]).astype(np.float32)
_FROM_CONE = np.linalg.inv(_XYZ / _WHITE[:, None]).astype(np.float32)
_STEPS = 4095
_TILE = 1 << 15


@lru_cache(maxsize=1)
def _linear_table() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Linear light at evenly spaced sRGB values, and the steps from each to the next."""
    s = np.linspace(0, 1, _STEPS + 1)
    table = np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return table, np.append(np.diff(table), np.float32(0))


def to_linear(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the linear light of sRGB values in [0, 1]; values outside are clipped.

    A table is interpolated linearly: at most 1e-6 from the formula of IEC 61966-2-1.
    """
    return _in_tiles(_linear, rgb)


def _linear(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    table, steps = _linear_table()
    position = np.clip(rgb, 0, 1) * np.float32(_STEPS)
    index = position.astype(np.intp)
    position -= index
    position *= steps.take(index)
    position += table.take(index)
    return np.asarray(position, np.float32)


def _in_tiles(
    curve: Callable[[NDArray[np.float32]], NDArray[np.float32]], values: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Apply a curve to each value, so many at a time that the intermediate arrays stay in the cache."""
    flat = np.ascontiguousarray(values, np.float32).reshape(-1)
    result = np.empty_like(flat)
    for start in range(0, len(flat), _TILE):
        result[start : start + _TILE] = curve(flat[start : start + _TILE])
    return result.reshape(np.shape(values))


def to_srgb(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sRGB values in [0, 1] of linear light; light below 0 and above 1 is clipped."""
    return _in_tiles(_srgb, linear)


def _srgb(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    x = np.clip(linear, 0, 1)
    return np.where(
        x <= 0.0031308,
        x * np.float32(12.92),
        np.float32(1.055) * np.power(x, np.float32(1 / 2.4)) - np.float32(0.055),
    )


def luminance(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the relative luminance Y of linear light, (..., 3) -> (...)."""
    result: NDArray[np.float32] = linear.astype(np.float32, copy=False) @ LUMA
    return result


def _lab_curve(t: NDArray[np.float32]) -> NDArray[np.float32]:
    cube = np.cbrt(t)
    return np.where(t > 0.008856452, cube, t * np.float32(7.787037) + np.float32(16 / 116))


def linear_to_lab(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return CIE L*a*b* (D65, 2 degrees) of linear light; L in 0..100."""
    f = _lab_curve(linear.astype(np.float32, copy=False) @ _TO_CONE.T)
    lab = np.empty_like(f)
    lab[..., 0] = 116 * f[..., 1] - 16
    lab[..., 1] = 500 * (f[..., 0] - f[..., 1])
    lab[..., 2] = 200 * (f[..., 1] - f[..., 2])
    return lab


def to_lab(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return CIE L*a*b* (D65, 2 degrees) of sRGB values in [0, 1]; L in 0..100."""
    return linear_to_lab(to_linear(rgb))


def from_lab_linear(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the linear light of CIE L*a*b* (D65); below 0 or above 1 where a colour is outside sRGB."""
    fy = (lab[..., 0] + 16) / 116
    f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], axis=-1)
    cone = np.where(f > 6 / 29, f**3, (f - 16 / 116) / 7.787037).astype(np.float32)
    return np.asarray(cone @ _FROM_CONE.T)


def from_lab(lab: NDArray[np.float32]) -> RgbImage:
    """Return the sRGB values in [0, 1] of CIE L*a*b* (D65); colours outside sRGB are clipped."""
    return to_srgb(from_lab_linear(lab))


def brightest(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the largest of the three channels, (..., 3) -> (...); NumPy's max is slow over a short axis."""
    return np.maximum(np.maximum(rgb[..., 0], rgb[..., 1]), rgb[..., 2])


def delta_e(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the CIEDE2000 colour difference of two arrays of L*a*b* values, (..., 3) -> (...).

    Source: Sharma, Wu, Dalal, "The CIEDE2000 color-difference formula", 2005, with kL = kC = kH = 1. A
    difference of 1 is just visible side by side. The arrays are processed in tiles, so that the
    intermediate arrays stay in the cache.
    """
    flat_a = np.ascontiguousarray(a, np.float32).reshape(-1, 3)
    flat_b = np.ascontiguousarray(b, np.float32).reshape(-1, 3)
    if flat_a.shape != flat_b.shape:
        raise ValueError(f"shapes differ: {a.shape} and {b.shape}")
    result = np.empty(len(flat_a), np.float32)
    for start in range(0, len(flat_a), _TILE):
        piece = slice(start, start + _TILE)
        result[piece] = _delta_e(flat_a[piece], flat_b[piece])
    return result.reshape(a.shape[:-1])


def _delta_e(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    l1, a1, b1 = a.T
    l2, a2, b2 = b.T
    mean_c7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    g = 1.5 - 0.5 * np.sqrt(mean_c7 / (mean_c7 + np.float32(25.0**7)))
    a1, a2 = a1 * g, a2 * g
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.arctan2(b1, a1), np.arctan2(b2, a2)
    coloured = (c1 * c2) > 0
    dh = h2 - h1
    dh = np.where(dh > np.pi, dh - 2 * np.pi, np.where(dh < -np.pi, dh + 2 * np.pi, dh)) * coloured
    mean_h = (h1 + h2) / 2
    far = np.abs(h1 - h2) > np.pi
    mean_h = np.where(far, np.where(mean_h < 0, mean_h + np.pi, mean_h - np.pi), mean_h)
    mean_h = np.where(coloured, mean_h, h1 + h2)
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    t = (
        1
        - 0.17 * np.cos(mean_h - np.pi / 6)
        + 0.24 * np.cos(2 * mean_h)
        + 0.32 * np.cos(3 * mean_h + np.pi / 30)
        - 0.20 * np.cos(4 * mean_h - 63 * np.pi / 180)
    )
    degrees = np.degrees(mean_h) % 360
    rotation = np.radians(60 * np.exp(-(((degrees - 275) / 25) ** 2)))
    c7 = mean_c**7
    rt = -np.sin(rotation) * 2 * np.sqrt(c7 / (c7 + np.float32(25.0**7)))
    middle = (mean_l - 50) ** 2
    dl = (l2 - l1) / (1 + 0.015 * middle / np.sqrt(20 + middle))
    dc = (c2 - c1) / (1 + 0.045 * mean_c)
    dh_term = 2 * np.sqrt(c1 * c2) * np.sin(dh / 2) / (1 + 0.015 * mean_c * t)
    square: NDArray[np.float32] = dl * dl + dc * dc + dh_term * dh_term + rt * dc * dh_term
    return np.sqrt(np.maximum(square, 0)).astype(np.float32)


def kelvin_to_linear(temperature_k: float) -> NDArray[np.float32]:
    """Return the colour of a black body in linear sRGB with luminance 1, (3,).

    Source: the cubic fit of the Planckian locus by Kim et al., US patent 7024034 (2006), good
    from 1667 K to 25000 K; the temperature is clipped to that range.
    """
    t = float(np.clip(temperature_k, 1667, 25000))
    if t < 4000:
        x = -0.2661239e9 / t**3 - 0.2343589e6 / t**2 + 0.8776956e3 / t + 0.179910
    else:
        x = -3.0258469e9 / t**3 + 2.1070379e6 / t**2 + 0.2226347e3 / t + 0.240390
    if t < 2222:
        y = -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    elif t < 4000:
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    xyz = np.array([x / y, 1.0, (1 - x - y) / y])
    rgb = np.clip(np.linalg.inv(_XYZ) @ xyz, 1e-4, None)
    result: NDArray[np.float32] = (rgb / (rgb @ LUMA)).astype(np.float32)
    return result


_MOST_CONTRAST = 1.5
"""Largest factor by which `in_colors_of` may stretch colours, and the inverse of the smallest.

Guard: a plain wall stretched to the contrast of a night city would be nothing but its own grain.
"""


def in_colors_of(
    picture: NDArray[np.float32], reference: NDArray[np.float32], weight: NDArray[np.float32]
) -> RgbImage:
    """Return a picture with the mean and the covariance of another one's colours.

    Monge-Kantorovich's linear map in CIE L*a*b* (Pitié and Kokaram 2007): of all linear maps that do this it
    moves colours least.

    Args:
        picture: (H, W, 3), sRGB, [0, 1].
        reference: (h, w, 3) of any size, sRGB, [0, 1].
        weight: (H, W), how much each pixel of `picture` counts, not all 0.

    Returns:
        (H, W, 3), sRGB, [0, 1].
    """
    own, wanted = to_lab(picture), to_lab(reference).reshape(-1, 3)
    shares = (weight / weight.sum(dtype=np.float64)).reshape(-1)
    mean, aim = shares @ own.reshape(-1, 3), wanted.mean(0, dtype=np.float64)
    apart = own.reshape(-1, 3) - mean
    # One unit of L*a*b* is a difference that is just seen: less is no contrast to be stretched.
    a = (apart * shares[:, None]).T @ apart + np.eye(3)
    # With bias: the variance of what is there, as above, which one pixel has too.
    b = np.cov(wanted, rowvar=False, bias=True, dtype=np.float64) + np.eye(3)
    root = _power(a, 0.5)
    back = _power(a, -0.5)
    factors, axes = np.linalg.eigh(back @ _power(root @ b @ root, 0.5) @ back)
    bounded = axes * np.clip(factors, 1 / _MOST_CONTRAST, _MOST_CONTRAST) @ axes.T
    return from_lab(((own - mean) @ bounded + aim).astype(np.float32))


def _power(symmetric: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    values, axes = np.linalg.eigh(symmetric)
    return np.asarray(axes * values**exponent @ axes.T)
