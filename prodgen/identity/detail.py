"""How much of the product's texture, edges and print is still there. Compares; never repairs.

Both pictures must already be in the same light (see `measure`), so that what differs is not light. Measures
three things apart, since the stronger would mask the weaker in one number: print, which is strong and
small; edges, strong and anywhere; and texture, which is faint and measured only away from the other two.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.images import Matte, Plane
from prodgen.masks import normalised_blur

DETAIL_SCALE = 0.012
"""Sigma of the high-pass, in product extents (square root of area). Chosen: texture passes, shading not."""

EDGE = 5.0
"""L* per pixel from which on something is an edge and no texture. Chosen: `gradient` and print measure it."""

SIMILARITY_CONSTANT = 9.0
"""Constant of the gradient similarity, squared L* per pixel.

Source: Xue et al. 2014 take 170 for 8-bit values, about 26 for L*. Chosen smaller: faint stripes count.
"""

VISIBLE_TEXTURE = 0.8
"""Deviation of L* below which texture is noise of a sensor or of JPEG, and not compared. Chosen."""

LARGEST_TEXTURE_WEIGHT = 3.0
"""Deviation of L* beyond which texture gets no more weight. Guard: a grille shall not outvote the fabric."""

PRIOR_PLAIN = 0.02
"""Share of the product that counts as plain and kept, as a prior. Guard: three odd pixels are no verdict."""

PRINT_CONTRAST = 22.0
"""L* between ink and ground, within a stroke's reach, from which on it is print. Chosen."""

WIDEST_STROKE = 0.035
"""Diameter, in product extents, of the disc whose top-hat finds strokes. Chosen: letters of a headline."""

TILE_SHARE = 0.06
"""Side of the tiles in which print is compared, in product extents: about a word of a headline. Chosen."""

TILE_INK = 0.12
"""Share of a tile that must be print for the tile to be compared. Guard."""

FEWEST_PRINT_PX = 60
"""Pixels of print below which there is none. Guard."""

WORST_TILES_PERCENT = 10
"""Percentage of the tiles whose best correlation is the print's. Chosen: a changed word in ten must show."""

LINE_LENGTH, LINE_INK = 0.25, 0.06
"""Length, in product extents, and ink, share of the length squared, of a stroke that is no print.

Chosen: longer and thinner strokes are creases, seams and pipings, where light changes at folds.
"""

SLIP_PX = 1
"""How far print may lie off, in pixels as measured. Chosen: resizing moves it less, and nobody sees that."""

FLAT_POWER = 0.1
"""Mean square of L* below which there is no detail to lose, and the least to be divided by. Guard."""


class Detail(NamedTuple):
    """What `compare` measured; 1 is the same everywhere."""

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
    slope_expected, slope_found = gradient(expected) * core, gradient(found) * core
    product = 2 * slope_expected * slope_found + SIMILARITY_CONSTANT
    similarity = product / (slope_expected**2 + slope_found**2 + SIMILARITY_CONSTANT)
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


def gradient(values: Plane) -> Plane:
    """Gradient magnitude, (h, w), per pixel, by Sobel's filter."""
    across = cv2.Sobel(values, cv2.CV_32F, 1, 0, ksize=3) / 8
    down = cv2.Sobel(values, cv2.CV_32F, 0, 1, ksize=3) / 8
    return np.asarray(np.hypot(across, down), np.float32)


def _texture(expected: Plane, found: Plane, core: Matte, busy: NDArray[np.bool_], sigma: float) -> float:
    """Mean local correlation of texture, 1 where there is none; see `compare`."""
    reach = 2 * max(1, round(sigma)) + 1
    quiet = core * (1 - cv2.dilate(busy.astype(np.float32), np.ones((reach, reach), np.uint8)))
    plain = PRIOR_PLAIN * float(core.sum())
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
    deviation = np.sqrt(np.maximum(before, after))
    weight = quiet * (deviation > VISIBLE_TEXTURE) * np.minimum(deviation, LARGEST_TEXTURE_WEIGHT)
    return float(((agreement * weight).sum() + plain) / (weight.sum() + plain))


def find_print(lightness: Plane, inside: Matte) -> Matte:
    """(h, w), 1 where the product may carry print: strokes with ground close by on both sides.

    Gloss, yarn and spokes are strokes too: what is compared may be any fine detail. What is told to be print
    is in `written`.
    """
    strokes = np.logical_or(*find_strokes(lightness, inside)).astype(np.float32)
    return np.asarray(cv2.dilate(strokes, np.ones((3, 3), np.uint8)) * inside, np.float32)


def find_strokes(lightness: Plane, inside: Matte) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Two (h, w), the dark and the light strokes of a product.

    A stroke is what closing or opening with a small disc removes (black and white top-hat): print,
    but not the edge of a face or of a label.
    """
    extent = float(np.sqrt(inside.sum()))
    side = max(5, round(WIDEST_STROKE * extent)) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    # The surroundings of the product must not look like ink: they take the product's mean.
    mean = float((lightness * inside).sum() / max(float(inside.sum()), 1.0))
    plain = np.where(inside > 0, lightness, mean).astype(np.float32)
    dark = cv2.morphologyEx(plain, cv2.MORPH_BLACKHAT, kernel)
    light = cv2.morphologyEx(plain, cv2.MORPH_TOPHAT, kernel)
    # A rim of the product's outline is no print.
    core = cv2.erode(inside, kernel) > 0
    ink = (np.maximum(dark, light) > PRINT_CONTRAST) & (inside > 0)
    ink &= ~_lines(ink, extent) & core
    return ink & (dark > PRINT_CONTRAST), ink & (light > PRINT_CONTRAST)


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
    """Correlation and sharpness of print; see `compare`."""
    total = float(where.sum())
    if total < FEWEST_PRINT_PX:
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
            if where[part].sum() > TILE_INK * tile * tile:
                around = cv2.dilate(where[part], np.ones((5, 5), np.uint8)).astype(np.float32)
                scores.append(max(_correlation(fine_expected[part], slip[part], around) for slip in laid))
    if not scores:
        return max(_correlation(fine_expected, slip, where) for slip in laid), sharpness
    return float(np.percentile(scores, WORST_TILES_PERCENT)), sharpness


def _correlation(a: Plane, b: Plane, weight: Matte) -> float:
    """Weighted correlation; 1 where neither has any detail."""
    total = float(weight.sum())
    a = a - float((a * weight).sum()) / total
    b = b - float((b * weight).sum()) / total
    product = float((a * b * weight).sum()) / total
    power_a, power_b = float((a * a * weight).sum()) / total, float((b * b * weight).sum()) / total
    if power_a < FLAT_POWER and power_b < FLAT_POWER:
        return 1.0
    return product / float(np.sqrt(max(power_a, FLAT_POWER) * max(power_b, FLAT_POWER)))
