"""How much of the product's texture, edges and print is still there. Compares; never repairs.

Both pictures must already be in the same light (see `measure`): then what differs is not light.
Owns three subjects that would drown in one number: print (strong and small), edges (strong and
anywhere), and texture, which is faint and is only heard where the other two are silent.
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

EDGE = 5.0
"""L* per pixel from which on something is an edge, and no texture: `gradient` and print speak for it."""

VISIBLE_TEXTURE = 0.8
"""L*, deviation of texture below which it is noise of a sensor or of JPEG, and not compared."""

LOUDEST_TEXTURE = 3.0
"""L*, deviation from which on texture counts no more: a grille shall not outvote the fabric around it."""

MOSTLY_PLAIN = 0.02
"""Share of the product that counts as plain and kept, so that three odd pixels are not a verdict."""

PRINT_CONTRAST = 22.0
"""L* between ink and ground, within a stroke's reach, from which on it is print."""

TILE_SHARE = 0.06
"""Side of the tiles in which print is compared, in product extents: about a word of a headline."""

LINE_LENGTH, LINE_INK = 0.25, 0.06
"""A stroke longer than this (product extents), with less ink than this share of its length squared,
is a crease, a seam or a piping: light changes at folds, and print is known by its letters."""

SLIP_PX = 1
"""How far print may lie off, in pixels as measured: less than anybody sees, and more than resizing does."""


class Detail(NamedTuple):
    """What `compare` found; 1 is the same everywhere."""

    texture: float
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
        texture: correlation of the high-passed lightness around each place (the structure term of Wang et
            al., "Image quality assessment: from error visibility to structural similarity", 2004), mean over
            the places that have visible texture before or after, away from edges and print: lost,
            exchanged and invented texture all lower it. 1 without texture.
        gradient: mean similarity of gradient magnitudes (Xue et al., "Gradient magnitude similarity
            deviation", 2014, equation 2), weighted by the larger gradient.
        print_correlation: correlation in the worst tenth of the tiles with print, each allowed to lie
            `SLIP_PX` off; None without print.
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
    busy = np.maximum(slope_expected, slope_found) > EDGE
    correlation, sharpness = _print(fine_expected, fine_found, slope_expected, slope_found, print_mask)
    return Detail(
        texture=_texture(expected, found, core, busy, sigma),
        gradient=float((similarity * weight).sum() / weight.sum()),
        print_correlation=correlation,
        print_sharpness=sharpness,
    )


def _texture(expected: Plane, found: Plane, core: Matte, busy: NDArray[np.bool_], sigma: float) -> float:
    """Mean local correlation of texture, 1 where there is none; see `compare`."""
    reach = 2 * max(1, round(sigma)) + 1
    quiet = core * (1 - cv2.dilate(busy.astype(np.float32), np.ones((reach, reach), np.uint8)))
    plain = MOSTLY_PLAIN * float(core.sum())
    if quiet.sum() < plain:
        return 1.0
    fine_expected = (expected - normalised_blur(expected, quiet, sigma)) * quiet
    fine_found = (found - normalised_blur(found, quiet, sigma)) * quiet
    before, after, common = (
        normalised_blur(product, quiet, 2 * sigma)
        for product in (fine_expected**2, fine_found**2, fine_expected * fine_found)
    )
    noise = VISIBLE_TEXTURE**2
    agreement = common / np.sqrt(np.maximum(before, noise) * np.maximum(after, noise))
    loudness = np.sqrt(np.maximum(before, after))
    weight = quiet * (loudness > VISIBLE_TEXTURE) * np.minimum(loudness, LOUDEST_TEXTURE)
    return float(((agreement * weight).sum() + plain) / (weight.sum() + plain))


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
    strokes &= ~_lines(strokes, extent)
    # A rim of the product's outline is no print.
    strokes &= cv2.erode(inside, kernel) > 0
    return np.asarray(cv2.dilate(strokes.astype(np.float32), np.ones((3, 3), np.uint8)) * inside, np.float32)


def _lines(strokes: NDArray[np.bool_], extent: float) -> NDArray[np.bool_]:
    """Strokes too long and thin for print."""
    _, labels, measures, _ = cv2.connectedComponentsWithStats(strokes.astype(np.uint8), connectivity=8)
    length = measures[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1) / extent
    ink = measures[:, cv2.CC_STAT_AREA] / extent**2
    is_line = (length > LINE_LENGTH) & (ink < LINE_INK * length**2)
    is_line[0] = False
    return np.asarray(is_line[labels], np.bool_)


def _print(
    fine_expected: Plane, fine_found: Plane, slope_expected: Plane, slope_found: Plane, where: Matte
) -> tuple[float | None, float | None]:
    total = float(where.sum())
    if total < 60:
        return None, None
    sharpness = float((slope_found * where).sum() / max(float((slope_expected * where).sum()), 1e-6))
    tile = max(12, round(TILE_SHARE * float(np.sqrt(where.size))))
    # Rolled pixels come in at the frame's rim, where there is no print.
    slips = range(-SLIP_PX, SLIP_PX + 1)
    laid = [np.roll(fine_found, (down, across), (0, 1)) for down in slips for across in slips]
    scores: list[float] = []
    for top in range(0, where.shape[0], tile):
        for left in range(0, where.shape[1], tile):
            part = (slice(top, top + tile), slice(left, left + tile))
            if where[part].sum() > 0.12 * tile * tile:
                around = cv2.dilate(where[part], np.ones((5, 5), np.uint8)).astype(np.float32)
                scores.append(max(_correlation(fine_expected[part], slip[part], around) for slip in laid))
    if not scores:
        return max(_correlation(fine_expected, slip, where) for slip in laid), sharpness
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
