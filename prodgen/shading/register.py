"""Find the relit product where the model put it: a few pixels off, a few per cent larger.

Light is estimated pixel against pixel, so the two products must lie on one another first. Light leaves
edges where they are; their correlation is maximised (Evangelidis and Psarakis, "Parametric image alignment
using enhanced correlation coefficient maximization", 2008, ECC for short).
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.color import LUMA
from prodgen.errors import IdentityError
from prodgen.images import Matte, Plane

SIDE_PX = 256
"""Longest side while aligning. Speed: ECC is exact to a tenth of a pixel there, which is enough for light."""

LEAST_GAIN = 0.02
"""Growth of the correlation below which nothing is moved. Guard against chance."""

MOST_DISPLACEMENT = 0.08
"""Displacement, in product extents (square root of area), above which it is another pose.

Chosen: models slide by a few %.
"""

LEAST_CORRELATION = 0.25
"""Correlation of edges below which the relit picture does not show this product at this place. Chosen."""

LEAST_EDGES = 0.004
"""Deviation of the photograph's edges below which a product is too plain to be aligned. Guard."""

EDGE_FLOOR = 0.03
"""Linear light added before the logarithm, wherever edges are sought. Guard: noise in the dark is none."""

STRONGEST_EDGE = 0.15
"""Change of log luminance per pixel at which edges saturate: an outline shall not outvote print. Chosen."""


class Alignment(NamedTuple):
    """How the relit product lies on the photographed one."""

    warp: NDArray[np.float32]
    """(2, 3): where in the relit picture (x, y), in shares of its width, lies a place of the photograph."""

    displacement: float
    """Largest over the product's corners, in product extents."""

    correlation: float
    """Correlation of the edges after alignment, -1 to 1."""


AT_REST = Alignment(np.eye(2, 3, dtype=np.float32), 0.0, 1.0)
"""The alignment of two products that lie on one another."""


def align(photo_linear: Plane, relit_linear: Plane, weight: Matte, *, is_refusing: bool = True) -> Alignment:
    """Find how far the relit product was shifted and scaled.

    Args:
        photo_linear: (h, w, 3), linear light, the reduced photograph.
        relit_linear: (h, w, 3), the relit picture in the same place.
        weight: (h, w), 1 = product.
        is_refusing: Whether a product that is not there, or too far off, is an error.

    Raises:
        IdentityError: If `is_refusing`, and the relit picture does not show the product here.
    """
    height, width = weight.shape
    scale = min(1.0, SIDE_PX / max(height, width))
    size = max(8, round(width * scale)), max(8, round(height * scale))
    small = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    # A little of the surroundings is taken in, so that the outline counts too.
    mask = cv2.dilate((small > 0.5).astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.uint8)
    before, after = (
        _edges(cv2.resize(x, size, interpolation=cv2.INTER_AREA).astype(np.float32))
        for x in (photo_linear, relit_linear)
    )
    extent = float(np.sqrt(max(float(small.sum()), 1.0)))
    still = np.eye(2, 3, dtype=np.float32)
    at_rest = _correlation(before, after, mask)
    # A product without edges inside cannot be aligned, and need not be: nothing on it is displaced. Its
    # outline alone would be taken for moved where the new light is strong on one side.
    inside = cv2.erode((small > 0.5).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    if not inside.any() or before[inside].std() < LEAST_EDGES:
        return AT_REST
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-4)
    try:
        _, found = cv2.findTransformECC(before, after, still.copy(), cv2.MOTION_AFFINE, criteria, mask, 3)
    except cv2.error:
        # OpenCV raises where ECC does not converge: then the pictures are judged as they lie.
        found = still
    warp = _shift_and_scale(np.asarray(found, np.float32), size)
    laid = cv2.warpAffine(after, warp, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    reached = _correlation(before, np.asarray(laid, np.float32), mask)
    corners = np.array([[0, 0, 1], [size[0], 0, 1], [0, size[1], 1], [size[0], size[1], 1]], np.float32)
    displacement = float(np.abs(corners @ warp.T - corners[:, :2]).max()) / extent
    if max(reached, at_rest) < LEAST_CORRELATION and is_refusing:
        raise IdentityError(
            f"the relit picture does not show this product at this place (edges correlate {at_rest:.2f});"
            " use the same framing for both, or check the matte"
        )
    if reached < at_rest + LEAST_GAIN:
        return Alignment(still, 0.0, at_rest)
    if displacement > MOST_DISPLACEMENT:
        if at_rest >= 2 * LEAST_CORRELATION or not is_refusing:
            return Alignment(still, 0.0, at_rest)
        raise IdentityError(
            f"the relit product lies {100 * displacement:.0f} % of its size away from the photographed one;"
            " use the same framing for both"
        )
    warp[:, 2] /= size[0]
    return Alignment(warp, displacement, float(reached))


def move(picture: Plane, alignment: Alignment) -> Plane:
    """Lay a relit picture, (h, w, 3) and framed as in `align`, on the photograph."""
    if alignment.displacement == 0:
        return picture
    warp = alignment.warp.copy()
    warp[:, 2] *= picture.shape[1]
    size = picture.shape[1], picture.shape[0]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(picture, warp, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def _shift_and_scale(warp: Plane, size: tuple[int, int]) -> Plane:
    """Reduce an affine warp to a shift and one scale: models move and enlarge products, and shear none."""
    scale = float(np.sqrt(abs(np.linalg.det(warp[:, :2]))))
    centre = np.array([size[0] / 2, size[1] / 2], np.float32)
    shift = warp[:, :2] @ centre + warp[:, 2] - scale * centre
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32)


def _edges(linear: Plane) -> Plane:
    """Gradient magnitude of log luminance, which smooth light leaves alone; saturated by tanh."""
    log = cv2.GaussianBlur(np.log(linear @ LUMA + EDGE_FLOOR), (0, 0), 1.0)
    across, down = cv2.Sobel(log, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(log, cv2.CV_32F, 0, 1, ksize=3)
    return np.asarray(np.tanh(np.hypot(across, down) / 8 / STRONGEST_EDGE) * STRONGEST_EDGE, np.float32)


def _correlation(a: Plane, b: Plane, mask: NDArray[np.uint8]) -> float:
    x, y = a[mask > 0], b[mask > 0]
    spread = float(x.std() * y.std())
    return float(((x - x.mean()) * (y - y.mean())).mean()) / spread if spread > 1e-9 else 0.0
