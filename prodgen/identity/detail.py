"""How much of the product's detail and print is still there. Compares; never repairs.

Both pictures must already be in the same light (see `measure`): then what differs is not light.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.images import Matte
from prodgen.masks import normalised_blur

Plane = NDArray[np.float32]

DETAIL_SCALE = 0.012
"""Sigma of the high-pass, in product extents: print, seams and texture, not shading."""

PRINT_CONTRAST = 22.0
"""L* between ink and ground, within a stroke's reach, from which on it is print."""

TILE_SHARE = 0.06
"""Side of the tiles in which print is compared, in product extents: about a word of a headline."""


class Detail(NamedTuple):
    """What `compare` found; 1 is the same everywhere."""

    correlation: float
    gradient: float
    print_correlation: float | None
    print_sharpness: float | None


def compare(expected: Plane, found: Plane, inside: Matte) -> Detail:
    """Compare the fine structure of two lightness pictures of one product.

    Args:
        expected: (h, w), L*, 0..100: the photograph in the result's light.
        found: (h, w), L*, the result.
        inside: (h, w), 1 where the pixel is certainly product.

    Returns:
        correlation: Pearson's, of the high-passed lightness.
        gradient: mean similarity of gradient magnitudes (Xue et al., "Gradient magnitude similarity
            deviation", 2014, equation 2), weighted by the larger gradient.
        print_correlation: correlation in the worst tenth of the tiles with print; None without print.
        print_sharpness: gradient energy in print, result over photograph; None without print.
    """
    extent = float(np.sqrt(inside.sum()))
    sigma = max(1.0, DETAIL_SCALE * extent)
    core: Matte = cv2.erode(inside, np.ones((5, 5), np.uint8)).astype(np.float32)
    if core.sum() < 50:
        core = inside
    fine_expected = (expected - normalised_blur(expected, inside, sigma)) * core
    fine_found = (found - normalised_blur(found, inside, sigma)) * core
    slope_expected, slope_found = _gradient(expected) * core, _gradient(found) * core
    similarity = (2 * slope_expected * slope_found + 9) / (slope_expected**2 + slope_found**2 + 9)
    weight = np.maximum(slope_expected, slope_found) + 1e-3 * core
    print_mask = find_print(expected, core)
    correlation, sharpness = _print(fine_expected, fine_found, slope_expected, slope_found, print_mask)
    return Detail(
        correlation=_correlation(fine_expected, fine_found, core),
        gradient=float((similarity * weight).sum() / weight.sum()),
        print_correlation=correlation,
        print_sharpness=sharpness,
    )


def find_print(lightness: Plane, inside: Matte) -> Matte:
    """(h, w), 1 where the product carries print: strokes with ground close by on both sides.

    A stroke is what closing or opening with a small disc removes (black and white top-hat): print,
    but not the edge of a face or of a label.
    """
    extent = float(np.sqrt(inside.sum()))
    side = max(5, round(0.035 * extent)) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    # The surroundings of the product must not look like ink: they take the product's mean.
    mean = float((lightness * inside).sum() / max(float(inside.sum()), 1.0))
    plain = np.where(inside > 0, lightness, mean).astype(np.float32)
    dark = cv2.morphologyEx(plain, cv2.MORPH_BLACKHAT, kernel)
    light = cv2.morphologyEx(plain, cv2.MORPH_TOPHAT, kernel)
    strokes = (np.maximum(dark, light) > PRINT_CONTRAST) & (inside > 0)
    # A rim of the product's outline is no print.
    strokes &= cv2.erode(inside, kernel) > 0
    return np.asarray(cv2.dilate(strokes.astype(np.float32), np.ones((3, 3), np.uint8)) * inside, np.float32)


def _print(
    fine_expected: Plane, fine_found: Plane, slope_expected: Plane, slope_found: Plane, where: Matte
) -> tuple[float | None, float | None]:
    total = float(where.sum())
    if total < 60:
        return None, None
    sharpness = float((slope_found * where).sum() / max(float((slope_expected * where).sum()), 1e-6))
    tile = max(12, round(TILE_SHARE * float(np.sqrt(where.size))))
    scores: list[float] = []
    for top in range(0, where.shape[0], tile):
        for left in range(0, where.shape[1], tile):
            part = (slice(top, top + tile), slice(left, left + tile))
            if where[part].sum() > 0.12 * tile * tile:
                around = cv2.dilate(where[part], np.ones((5, 5), np.uint8)).astype(np.float32)
                scores.append(_correlation(fine_expected[part], fine_found[part], around))
    if not scores:
        return _correlation(fine_expected, fine_found, where), sharpness
    return float(np.percentile(scores, 10)), sharpness


def _gradient(values: Plane) -> Plane:
    across = cv2.Sobel(values, cv2.CV_32F, 1, 0, ksize=3) / 8
    down = cv2.Sobel(values, cv2.CV_32F, 0, 1, ksize=3) / 8
    return np.asarray(np.hypot(across, down), np.float32)


def _correlation(a: Plane, b: Plane, weight: Matte) -> float:
    total = float(weight.sum())
    a = a - float((a * weight).sum()) / total
    b = b - float((b * weight).sum()) / total
    product = float((a * b * weight).sum()) / total
    power_a, power_b = float((a * a * weight).sum()) / total, float((b * b * weight).sum()) / total
    # Below a third of an L* step there is no detail to lose.
    if power_a < 0.1 and power_b < 0.1:
        return 1.0
    return product / float(np.sqrt(max(power_a, 0.05) * max(power_b, 0.05)))
