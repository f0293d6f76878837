"""The studio's backdrop as it would be with no product in front of it. Pure arrays; knows no matte.

A backdrop is not flat: light falls off, the floor sweeps up into the wall, a lens darkens the corners. So
it is modelled as a smooth colour surface, fitted robustly from the picture's border inwards. The product
and its shadow are left over as residuals.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

FIT_PX = 80
"""Longest side at which the surface is fitted; it is far smoother than that.
Speed: the fit is a fraction of the whole."""

ROWS, COLUMNS = 12, 4
"""Spline pieces from top to bottom, where a sweep bends, and polynomial terms from left to right,
where a backdrop only fades. Few terms across, because the product hides the middle. Chosen."""

STIFFNESS = (2e-4, 1e-3, 5e-3, 1.5e-2)
"""Penalty on the second difference along y, for each of the terms across; higher terms are held tighter.
Chosen."""

FRAME = 0.05
"""Share of the shorter side that is the border, where the fit starts. Chosen."""

PASSES = 10
"""Passes of the reweighted fit, each with weights from the residuals of the last; the first three fit the
border only. Speed."""

LARGEST_SPREAD = 4.0
"""Upper bound of the spread, L*a*b* units: a border that varies more is no plain backdrop. Guard."""


class Backdrop(NamedTuple):
    """A fitted surface and how well the picture's border agrees with it."""

    lab: NDArray[np.float32]
    """(H, W, 3) L*a*b*: the backdrop as it would be everywhere."""

    spread: float
    """Robust deviation of the picture's border from it, in L*a*b* units; a plain backdrop has below 1."""

    border_share: float
    """Share of the border that agrees with the surface, 0 to 1."""


def fit_backdrop(lab: NDArray[np.float32], *, outside: NDArray[np.bool_] | None = None) -> Backdrop:
    """Fit a smooth colour surface to the picture's border, then inwards wherever the picture agrees.

    Iteratively reweighted least squares with a redescending weight (Geman and McClure), on a basis of
    cubic B-splines in y times Legendre polynomials in x (a P-spline: Eilers and Marx, "Flexible
    smoothing with B-splines and penalties", 1996). The reach grows from the border inwards, so that a
    product in the middle cannot take the fit over.

    Args:
        lab: (H, W, 3) L*a*b*, the photograph.
        outside: (H, W); where it is known that there is no product. Default: only the border is trusted.

    Returns:
        The surface at the size of `lab`.
    """
    height, width = lab.shape[:2]
    scale = min(1.0, FIT_PX / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = cv2.resize(lab, size, interpolation=cv2.INTER_AREA).astype(np.float64)
    trusted, depth = _border(size)
    if outside is not None:
        trusted |= cv2.resize(outside.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    down, across = _splines(size[1]), _polynomials(size[0])
    pairs = _pairs(down), _pairs(across)
    planes, penalty = np.ascontiguousarray(np.moveaxis(small, 2, 0)), _penalty() * trusted.size
    weight = trusted.astype(np.float64)
    # Where the product touches the border there are two colours; the median is the backdrop's.
    middle = np.median(planes[:, trusted], axis=1)
    first = np.sqrt(((planes - middle[:, None, None]) ** 2).sum(axis=0))
    weight /= (1 + (first / 20) ** 2) ** 2
    spread, residual = LARGEST_SPREAD, first
    for turn in range(PASSES):
        # The basis is a product of one in y and one in x, and so is every sum over the picture (generalised
        # linear array models: Currie, Durban and Eilers, 2006): a fiftieth of the multiplications.
        normal = _sums(pairs[0], weight, pairs[1]).reshape(ROWS, ROWS, COLUMNS, COLUMNS)
        normal = normal.transpose(0, 2, 1, 3).reshape(penalty.shape) + penalty * max(weight.mean(), 0.05)
        found = np.stack([_sums(down, weight * plane, across).ravel() for plane in planes], axis=1)
        coefficients = np.linalg.solve(normal, found).T.reshape(3, ROWS, COLUMNS)
        off = planes - [_surface(down, terms, across) for terms in coefficients]
        residual = np.sqrt(off[0] ** 2 + 2 * off[1] ** 2 + 2 * off[2] ** 2)
        measured = float(1.48 * np.median(residual[trusted]))
        spread = max(0.4, min(measured, spread if turn else LARGEST_SPREAD))  # it may only shrink
        cut = max(spread, 0.6) * (5 if turn < 5 else 3)
        reach = FRAME + 0.08 * max(0, turn - 2)
        near = (depth <= reach) | trusted
        weight = near * (residual < 3 * cut) / (1 + (residual / cut) ** 2) ** 2
    surface = [_surface(_splines(height), terms, _polynomials(width)) for terms in coefficients]
    agreeing = float((residual[trusted] < max(6 * spread, 4)).mean())
    return Backdrop(np.stack(surface, axis=-1).astype(np.float32), spread, agreeing)


def _pairs(basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Products of each two terms of a basis (count, n), (count, n * n)."""
    return np.asarray((basis[:, :, None] * basis[:, None]).reshape(len(basis), -1))


def _sums(
    down: NDArray[np.float64], plane: NDArray[np.float64], across: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sums over a plane (h, w) times each term down (h, n) times each term across (w, m), (n, m)."""
    return _product(_product(down, plane, flags=cv2.GEMM_1_T), across)


def _surface(
    down: NDArray[np.float64], terms: NDArray[np.float64], across: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The surface (h, w) that coefficients (n, m) make of terms down (h, n) and across (w, m)."""
    return _product(_product(down, terms), across, flags=cv2.GEMM_2_T)


def _product(a: NDArray[np.float64], b: NDArray[np.float64], *, flags: int = 0) -> NDArray[np.float64]:
    """Matrix product by OpenCV; `flags` say which of the two is transposed.

    NumPy's BLAS starts threads for matrices of this size, and on a busy machine they wait for one
    another up to twenty times as long as the work takes.
    """
    return np.asarray(cv2.gemm(a, np.ascontiguousarray(b), 1.0, np.empty((0, 0)), 0.0, flags=flags))


def _border(size: tuple[int, int]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """The border frame, and every pixel's depth below the border as a share of the shorter side."""
    x, y = np.arange(size[0]), np.arange(size[1])[:, None]
    depth = np.minimum(np.minimum(x, size[0] - 1 - x), np.minimum(y, size[1] - 1 - y)) / min(size)
    return depth < FRAME, depth


def _splines(count: int) -> NDArray[np.float64]:
    """Uniform cubic B-splines over `count` samples, (count, ROWS)."""
    t = np.linspace(0, ROWS - 3 - 1e-6, count)
    first = t.astype(int)
    u = t - first
    basis = np.zeros((count, ROWS))
    pieces = ((1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3)
    for offset, piece in enumerate(pieces):
        basis[np.arange(count), first + offset] = piece / 6
    return basis


def _polynomials(count: int) -> NDArray[np.float64]:
    """Legendre polynomials over `count` samples, (count, COLUMNS)."""
    return np.asarray(np.polynomial.legendre.legvander(np.linspace(-1, 1, count), COLUMNS - 1), np.float64)


def _penalty() -> NDArray[np.float64]:
    """Bending of each term along y, and a slight pull of the higher terms across to zero."""
    bend = np.diff(np.eye(ROWS), 2, axis=0)
    result = np.zeros((ROWS * COLUMNS, ROWS * COLUMNS))
    for term, stiffness in enumerate(STIFFNESS):
        index = np.arange(ROWS) * COLUMNS + term
        pull = 1e-5 * np.eye(ROWS) * (1, 1, 20, 50)[term] if term else 1e-9 * np.eye(ROWS)
        result[np.ix_(index, index)] = stiffness * bend.T @ bend + pull
    return result
