"""Cuts out studio photographs without a network: no weights, no download, a second of work.

From photograph to soft matte by known means: contrast against a fitted backdrop, a rough outline from that,
GrabCut for the outline's last pixels, a soft edge from the photograph itself. It is made for a product before
a plain backdrop, which may be lit unevenly, curved, coloured, or in shadow. Before a busy one its matte is a
guess, and is doubted as such.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen import color
from prodgen.cutout.completion import complete_outline
from prodgen.cutout.contrast import Contrast, Mask, measure_contrast, without_shadows
from prodgen.cutout.doubts import REMEDY, Doubt, Segmentation
from prodgen.cutout.hints import Point, Rectangle, clear_outside, hints_in
from prodgen.cutout.matting import refine
from prodgen.cutout.networks import PACKAGED, predict
from prodgen.cutout.rembg_sessions import is_installed
from prodgen.cutout.silhouette import Binary, silhouette
from prodgen.errors import SegmentationError
from prodgen.images import Matte, RgbImage, resize
from prodgen.masks import disc

WORK_PX = 640
"""Longest side at which the product is found; the edge is then fitted at full size. Speed."""

BAND = 4.0
"""How far outwards GrabCut may move the outline, in 1/640 of the longer side; inwards twice that. Chosen."""

SNAP = 3.0
"""How far the outline may move to the steepest place of an edge, in 1/640 of the longer side. Chosen."""

STAIRS_SIGMA_PX = 2.0
"""Gaussian scale that smooths the stairs of a pixel outline, which are one to three working pixels.
Chosen."""

EDGE_PX = 1.6
"""Width of the soft edge in working pixels, before it is fitted to the photograph. Chosen."""

BLOCKINESS = 1.05
"""Steps on JPEG's grid over those between, from which blocks show, in rows and in columns.
Measured: renderings with and without noise give up to 1.02; a JPEG of quality 75 to 98 gives 1.2 to 2.1, with
noise of a level 1.06."""

DITHER_LEVELS = 1.0
"""Standard deviation, in 8-bit levels, of the noise in which blocks drown.
Chosen: about as large as the steps in a JPEG of quality 75."""

PLAIN = 0.6
"""Share of the border that must agree with one smooth surface for a backdrop to be called plain. Chosen."""

POINT_RADIUS = 0.008
"""Radius of the disc that a user's point stands for, as a share of the longer side. Chosen: a fingertip."""


class ClassicalSegmenter:
    """Backdrop model, silhouette, GrabCut. Has no state but the doubts it was made with; safe in threads."""

    name = "classical"

    def __init__(self, *, doubts: tuple[Doubt, ...] = ()) -> None:
        self.doubts = doubts

    def segment(
        self, rgb: RgbImage, *, box: Rectangle | None = None, points: Sequence[Point] = ()
    ) -> Segmentation:
        """Find the product; see `segmenters.Segmenter`.

        Raises:
            SegmentationError: If nothing stands out from the backdrop.
            SettingError: If the box or a point does not lie in the photograph.
        """
        hints_in(box, points, rgb.shape)
        height, width = rgb.shape[:2]
        scale = min(1.0, WORK_PX / max(height, width))
        size = (max(16, round(width * scale)), max(16, round(height * scale)))
        is_blocky = _is_blocky(rgb)
        small = resize(_dithered(rgb) if is_blocky else rgb, size[0], size[1])
        background, product = _known(rgb.shape, size, box, points)
        contrast = measure_contrast(color.to_lab(small), outside=background if box else None)
        is_busy = contrast.backdrop.border_share < PLAIN
        outline = silhouette(contrast, background=background, product=product)
        if not outline.any():
            contrast = without_shadows(contrast)
            outline = silhouette(contrast, background=background, product=product, has_shadow=False)
        if not outline.any():
            raise SegmentationError(f"nothing stands out from the backdrop; {REMEDY}")
        features = _features(contrast)
        solid = _cut(contrast, features, outline, background, product)
        if not solid.any():
            raise SegmentationError(f"no product could be told from the backdrop; {REMEDY}")
        matte = resize(_smoothed(_snap(features, solid)), width, height)
        if not points:  # who says where the product is has the last word
            matte = complete_outline(rgb, matte)
        matte = refine(rgb, clear_outside(matte, box))
        doubts = (*self.doubts, *([Doubt("busy backdrop")] if is_busy else []))
        # It judges by the backdrop alone; whether a network sees the same product is worth asking.
        looks = (predict(PACKAGED, rgb),) if is_installed() else ()
        return Segmentation(matte, doubts, looks=looks)


def _is_blocky(rgb: RgbImage) -> bool:
    """Whether steps are larger on a grid of 8 px than between: the blocks of a JPEG without camera noise."""
    if min(rgb.shape[:2]) < 64:  # too few blocks for a mean
        return False
    light = rgb.mean(axis=2)
    for plane in (light, light.T):
        # Edges of things count no more than a step of the backdrop.
        steps = np.minimum(np.abs(np.diff(plane, axis=1)), np.float32(3 / 255))
        phases = [float(steps[:, phase::8].mean()) for phase in range(8)]
        if max(phases) <= BLOCKINESS * float(np.median(phases)):  # equal where nothing steps at all
            return False
    return True


def _dithered(rgb: RgbImage) -> RgbImage:
    """The picture with a little noise, always the same, in which the steps between JPEG's blocks drown.

    A camera's own noise hides them. In a rendering or a denoised photo each one in a soft shadow would be
    the sharpest edge around, and the shadow be taken for product.
    """
    noise = np.random.default_rng(1).standard_normal(rgb.shape, np.float32) * np.float32(DITHER_LEVELS / 255)
    return np.clip(rgb + noise, 0, 1)


def _known(
    shape: tuple[int, ...],
    size: tuple[int, int],
    box: Rectangle | None,
    points: Sequence[Point],
) -> tuple[Mask, Mask]:
    """Where the user's box and points say background, and where product, as masks of working size."""
    height, width = shape[:2]
    ratio = np.array([size[0] / width, size[1] / height])
    background = np.zeros(size[::-1], np.uint8)
    product = np.zeros(size[::-1], np.uint8)
    if box is not None:
        left, top, right, bottom = box
        first, last = np.floor([left, top] * ratio).astype(int), np.ceil([right, bottom] * ratio).astype(int)
        background[:] = 1
        background[first[1] : last[1], first[0] : last[0]] = 0
    for x, y, is_product in points:
        centre = np.floor([x, y] * ratio).astype(int).tolist()
        cv2.circle(
            product if is_product else background, centre, max(1, round(POINT_RADIUS * max(size))), 1, -1
        )
    return background > 0, (product > 0) & ~(background > 0)


def _features(contrast: Contrast) -> Binary:
    """The difference from the backdrop as 8 bit, on a scale that spreads small differences.

    With the backdrop taken off one colour model holds for all of an unevenly lit one, and white before
    white still shows.
    """
    spread = np.sign(contrast.difference) * np.abs(contrast.difference) ** 0.65
    return np.clip(128 + spread * np.array([6, 8, 8], np.float32), 0, 255).astype(np.uint8)


def _cut(contrast: Contrast, features: Binary, outline: Binary, background: Mask, product: Mask) -> Binary:
    """Move the outline within a band to where colours and edges fit best: GrabCut (Rother et al., 2004)."""
    unit = max(outline.shape) / 640
    trimap = _trimap(contrast, outline, unit)
    trimap[product], trimap[background] = cv2.GC_FGD, cv2.GC_BGD
    window = _window(outline, round(40 * unit))
    labels = np.ascontiguousarray(trimap[window])
    if not (np.isin(labels, (0, 2)).any() and np.isin(labels, (1, 3)).any()):
        return outline
    seen = np.ascontiguousarray(features[window])
    behind, before = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(1)  # its colour models start from random clusters; the same photo must give the same matte
    cv2.grabCut(seen, labels, (0, 0, 1, 1), behind, before, 3, cv2.GC_INIT_WITH_MASK)
    result = np.zeros(outline.shape, np.uint8)
    result[window] = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    return result


def _snap(features: Binary, solid: Binary) -> Matte:
    """Put the outline where the colour changes fastest: GrabCut leaves it at the foot of a blurred edge.

    A watershed (Meyer, 1992) between what is inside and what is outside by some pixels; parts too
    thin to have an inside stay as they are. The line between the two is half product.
    """
    unit = max(solid.shape) / 640
    core = cv2.erode(solid, disc(SNAP * unit)).astype(np.uint8)
    thin = solid & (1 - cv2.dilate(core, disc(SNAP * unit + 1)).astype(np.uint8))
    basins = np.zeros(solid.shape, np.int32)
    basins[cv2.dilate(solid, disc(SNAP * unit)) == 0] = 1
    basins[(core | thin) > 0] = 2
    cv2.watershed(features, basins)
    basins[[0, -1]], basins[:, [0, -1]] = (
        1 + solid[[0, -1]],
        1 + solid[:, [0, -1]],
    )  # it marks the picture's rim
    return np.where(basins == 2, 1, np.where(basins == 1, 0, 0.5)).astype(np.float32)


def _smoothed(outline: Matte) -> Matte:
    """A soft edge along the outline, without the stairs of its pixels.

    What is smoothed is the signed distance to the outline, so that thin parts and holes do not go away.
    """
    distance = np.zeros(outline.shape, np.float32)
    for solid in (outline >= 0.5, outline > 0.5):  # half product is the line itself
        inside = solid.astype(np.uint8)
        distance += cv2.distanceTransform(inside, cv2.DIST_L2, 5)
        distance -= cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    smooth = cv2.GaussianBlur(distance / 2, (0, 0), STAIRS_SIGMA_PX)
    return np.asarray(np.clip(smooth / EDGE_PX + 0.5, 0, 1), np.float32)


def _trimap(contrast: Contrast, outline: Binary, unit: float) -> NDArray[np.uint8]:
    """GrabCut's labels: sure background, sure product, and a band about the outline that is open."""
    trimap = np.full(outline.shape, cv2.GC_BGD, np.uint8)
    trimap[cv2.dilate(outline, disc(BAND * unit)) > 0] = cv2.GC_PR_BGD
    trimap[outline > 0] = cv2.GC_PR_FGD
    trimap[cv2.erode(outline, disc(2 * BAND * unit)) > 0] = cv2.GC_FGD
    # Grey and dark near the outline may be a shadow on the floor, so it stays open further in.
    shadowy = (contrast.difference[..., 0] < -4) & (contrast.chroma < 6 - 0.15 * contrast.difference[..., 0])
    rim = cv2.erode(outline, disc(24 * unit)) == 0
    trimap[(trimap == cv2.GC_FGD) & shadowy & rim] = cv2.GC_PR_FGD
    return trimap


def _window(outline: Binary, margin: int) -> tuple[slice, slice]:
    """The outline's bounding box with a margin: GrabCut needs no more."""
    left, top, width, height = cv2.boundingRect(outline)
    return (
        slice(max(0, top - margin), min(outline.shape[0], top + height + margin)),
        slice(max(0, left - margin), min(outline.shape[1], left + width + margin)),
    )
