"""Finds the photographed product in a picture that frames it differently: elsewhere, larger, smaller, turned.

The product's place is one similarity transform (scale, turn, shift). Slips of a few pixels in the same
framing are not corrected here, because `prodgen.identity` has to measure them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.color import luminance, to_linear
from prodgen.images import Matte, RgbImage, resize
from prodgen.masks import Box, bounding_box

Plane = NDArray[np.float32]

CORRELATION_SIDE_PX = 192
"""Longest side of the product, in pixels, at which correlations are computed: keeps print, drops grain."""

FEATURE_SIDE_PX = 640
"""Longest side of the product, in pixels, at which features are matched."""

SEARCH_SIDE_PX = 256
"""Longest side of the result, in pixels, at which it is searched as a whole."""

MIN_CORRELATION_IN_PLACE, MIN_CORRELATION_ELSEWHERE, SURE_CORRELATION = 0.25, 0.43, 0.6
"""Correlation of edges that shows the product in the photograph's framing; that shows it in another framing;
and that ends the search.

Measured on four rendered products in six places each: the product itself reached 0.48 (a glossy jar) to 0.89,
another product of the four 0.40 at most."""

MIN_GAIN_ELSEWHERE = 0.1
"""Correlation that a place in another framing must have over the photograph's own framing. Chosen by eye."""

MAX_SLIP = 0.08
"""Displacement, in product extents, up to which the framing counts as the same, so that it is measured.

Chosen by eye: models that keep the framing slip by a few per cent of the product."""

MAX_ASPECT_DIFFERENCE = 0.01
"""Largest difference of the logarithms of two aspect ratios that rounding a size to whole pixels explains."""

SCALES = tuple(float(x) for x in np.geomspace(0.12, 1.0, 24))
"""Longest side of the product over that of the result, as searched; neighbours differ by a tenth."""

MIN_MATCHES = 6
"""Matched features that a similarity needs: three times the two that determine it. Chosen by eye."""

MAX_DISTANCE_RATIO = 0.8
"""Largest ratio of the nearest to the second nearest feature's distance (Lowe, 2004, section 7.1)."""


@dataclass(frozen=True)
class ProductPlace:
    """Where the photographed product lies in the result."""

    warp: NDArray[np.float64]
    """(2, 3): maps a pixel (x, y) of the photograph to its pixel in the result."""
    correlation: float
    """Correlation of the edges of both pictures there, -1 to 1."""
    is_same_framing: bool
    """Whether photograph and result frame the product alike, whatever their sizes."""

    @property
    def scale(self) -> float:
        """Pixels of the result for one of the photograph."""
        return math.hypot(self.warp[0, 0], self.warp[1, 0])

    @property
    def turn_deg(self) -> float:
        """Degrees by which the product is turned, clockwise."""
        return math.degrees(math.atan2(self.warp[1, 0], self.warp[0, 0]))


def find(photo: RgbImage, result: RgbImage, matte: Matte) -> ProductPlace | None:
    """Find the photographed product in `result`.

    Candidates are the photograph's own framing; SIFT features that agree on one similarity (Lowe, 2004;
    RANSAC); and a search for the product's edges at all sizes. The best is refined by maximising the
    correlation of edges (ECC, Evangelidis and Psarakis, 2008).

    Args:
        photo: (H, W, 3), sRGB, [0, 1].
        result: (h, w, 3), sRGB, [0, 1], any size and framing.
        matte: (H, W), 1 = product.

    Returns:
        None if nothing in the result looks like the product.
    """
    matcher = _Matcher(photo, result, matte)
    same = _same_framing(photo, result)
    best, at_rest = None, -1.0
    if same is not None:
        best, at_rest = matcher.refined(same), matcher.correlation(same)
    if best is None or best[0] < SURE_CORRELATION:
        best = max(
            [x for x in (best, _best_elsewhere(matcher, photo, result, matte)) if x],
            default=None,
            key=_correlation_of,
        )
    if best is None:
        return None
    correlation, warp = best
    if (
        same is not None
        and correlation >= MIN_CORRELATION_IN_PLACE
        and matcher.displacement(warp, same) < MAX_SLIP
    ):
        return ProductPlace(same, correlation, is_same_framing=True)
    if correlation >= MIN_CORRELATION_ELSEWHERE and correlation > at_rest + MIN_GAIN_ELSEWHERE:
        return ProductPlace(warp, correlation, is_same_framing=False)
    if same is not None and at_rest >= MIN_CORRELATION_IN_PLACE:
        return ProductPlace(same, at_rest, is_same_framing=True)
    return None


def _correlation_of(candidate: tuple[float, NDArray[np.float64]]) -> float:
    return candidate[0]


def _best_elsewhere(
    matcher: _Matcher, photo: RgbImage, result: RgbImage, matte: Matte
) -> tuple[float, NDArray[np.float64]] | None:
    """Return the best place in the whole result, refined."""
    candidates: list[tuple[float, NDArray[np.float64]]] = []
    # The search over all sizes is slow: only products without print, on which no features agree, need it.
    for search in (_by_features, _by_edges):
        candidates += [matcher.refined(start) for start in search(photo, result, matte)]
        if candidates and max(map(_correlation_of, candidates)) >= SURE_CORRELATION:
            break
    return max(candidates, default=None, key=_correlation_of)


def _same_framing(photo: RgbImage, result: RgbImage) -> NDArray[np.float64] | None:
    (height, width), (h, w) = photo.shape[:2], result.shape[:2]
    if abs(math.log((w / h) / (width / height))) > MAX_ASPECT_DIFFERENCE:
        return None
    return resizing(w / width, h / height)


def resizing(across: float, down: float) -> NDArray[np.float64]:
    """Return the warp of a change of size; pixel centres, not corners, are at whole numbers."""
    return np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2]], np.float64)


class _Matcher:
    """Measures how well a place fits, on edges, which a change of light leaves where they are."""

    def __init__(self, photo: RgbImage, result: RgbImage, matte: Matte) -> None:
        box = _padded(bounding_box(matte, threshold=0.3), matte.shape, share=0.06)
        crop = photo[box.top : box.bottom, box.left : box.right]
        self.scale = min(1.0, CORRELATION_SIDE_PX / max(crop.shape[:2]))
        size = max(8, round(crop.shape[1] * self.scale)), max(8, round(crop.shape[0] * self.scale))
        cut = resize(matte[box.top : box.bottom, box.left : box.right], *size)
        self.edges = _edges(resize(crop, *size))
        near = cv2.dilate((cut > 0.5).astype(np.uint8), np.ones((5, 5), np.uint8))
        self.mask = near.astype(np.uint8)
        self.extent = math.sqrt(max(float((cut > 0.5).sum()), 1.0))
        self.into_photo = compose(shift(box.left, box.top), resizing(1 / self.scale, 1 / self.scale))
        self.result = result
        self.size = size

    def refined(self, warp: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return (correlation, place) after moving a place to where it fits best."""
        start = compose(warp, self.into_photo)
        here = self._edges_at(start)
        before = _correlation(self.edges, here, self.mask)
        criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-4)
        still = np.eye(2, 3, dtype=np.float32)
        try:
            _, step = cv2.findTransformECC(self.edges, here, still, cv2.MOTION_AFFINE, criteria, self.mask, 5)
        except cv2.error:
            # ECC says by an error that it does not converge: the place stays where it was.
            return before, warp
        better = compose(start, _similarity(np.asarray(step, np.float64), self.size))
        after = _correlation(self.edges, self._edges_at(better), self.mask)
        if after <= before:
            return before, warp
        return after, compose(better, _inverse(self.into_photo))

    def correlation(self, warp: NDArray[np.float64]) -> float:
        """Return the correlation of edges at a place as it is."""
        return _correlation(self.edges, self._edges_at(compose(warp, self.into_photo)), self.mask)

    def displacement(self, one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
        """Return the largest distance of two places over the product's corners, in product extents."""
        width, height = self.size
        corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], np.float64)
        a, b = (compose(warp, self.into_photo) for warp in (one, other))
        unit = math.sqrt(abs(np.linalg.det(b[:, :2]))) * self.extent
        return float(np.linalg.norm(corners @ (a - b).T, axis=1).max()) / unit

    def _edges_at(self, warp: NDArray[np.float64]) -> Plane:
        return _edges(lay(self.result, warp, self.size))


def lay(picture: RgbImage, warp: NDArray[np.float64], size: tuple[int, int]) -> RgbImage:
    """Return the part of a picture that a warp points to, (height, width, 3); reduced by area, without moire.

    Args:
        picture: (H, W, 3), sRGB, [0, 1].
        warp: (2, 3): maps a pixel of the returned picture to one of `picture`.
        size: Width and height of the returned picture.
    """
    factor = math.sqrt(abs(np.linalg.det(warp[:, :2])))
    if factor > 1.25:
        width, height = (max(1, round(side / factor)) for side in picture.shape[1::-1])
        reduction = resizing(width / picture.shape[1], height / picture.shape[0])
        picture, warp = resize(picture, width, height), compose(reduction, warp)
    flags = (cv2.INTER_LINEAR if factor > 0.8 else cv2.INTER_CUBIC) | cv2.WARP_INVERSE_MAP
    laid = cv2.warpAffine(picture, warp, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(laid, 0, 1).astype(np.float32)


def _by_features(photo: RgbImage, result: RgbImage, matte: Matte) -> Iterator[NDArray[np.float64]]:
    """Yield the place that the product's features agree on; none for a product without print or texture."""
    box = _padded(bounding_box(matte, threshold=0.3), matte.shape, share=0.02)
    crop = photo[box.top : box.bottom, box.left : box.right]
    cut = matte[box.top : box.bottom, box.left : box.right]
    a = min(1.0, FEATURE_SIDE_PX / max(crop.shape[:2]))
    b = min(1.0, 2 * FEATURE_SIDE_PX / max(result.shape[:2]))
    sift = cv2.SIFT.create(nfeatures=1500)
    mask = (_scaled(cut, a) > 0.5).astype(np.uint8)
    points, marks = sift.detectAndCompute(_grey(_scaled(crop, a)), mask)
    others, other_marks = sift.detectAndCompute(_grey(_scaled(result, b)), np.empty(0, np.uint8))
    if marks is None or other_marks is None or len(points) < MIN_MATCHES or len(others) < MIN_MATCHES:
        return
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(marks, other_marks, k=2)
    good = [p[0] for p in pairs if len(p) == 2 and p[0].distance < MAX_DISTANCE_RATIO * p[1].distance]
    if len(good) < MIN_MATCHES:
        return
    here = np.array([points[m.queryIdx].pt for m in good], np.float32)
    there = np.array([others[m.trainIdx].pt for m in good], np.float32)
    cv2.setRNGSeed(0)  # RANSAC draws; the same two pictures must give the same numbers
    similarity, inliers = cv2.estimateAffinePartial2D(here, there, method=cv2.RANSAC, ransacReprojThreshold=4)
    if similarity is None or int(inliers.sum()) < MIN_MATCHES:
        return
    agreed = np.asarray(similarity, np.float64)
    yield compose(_inverse(resizing(b, b)), agreed, resizing(a, a), shift(-box.left, -box.top))


def _by_edges(photo: RgbImage, result: RgbImage, matte: Matte) -> Iterator[NDArray[np.float64]]:
    """Yield the three best places of the product's edges in the result, over all sizes but no turns."""
    box = _padded(bounding_box(matte, threshold=0.3), matte.shape, share=0.04)
    crop = photo[box.top : box.bottom, box.left : box.right]
    cut = matte[box.top : box.bottom, box.left : box.right]
    reduction = min(1.0, SEARCH_SIDE_PX / max(result.shape[:2]))
    scene = _edges(_scaled(result, reduction))
    candidates: list[tuple[float, NDArray[np.float64]]] = []
    for share in SCALES:
        scale = share * max(scene.shape) / max(crop.shape[:2])
        size = max(8, round(crop.shape[1] * scale)), max(8, round(crop.shape[0] * scale))
        if size[0] > scene.shape[1] or size[1] > scene.shape[0] or max(size) < 24:
            continue
        edges, mask = _edges(resize(crop, *size)), (resize(cut, *size) > 0.5).astype(np.float32)
        mask = cv2.dilate(mask, np.ones((3, 3), np.uint8)).astype(np.float32)
        fit = cv2.matchTemplate(scene, edges, cv2.TM_CCOEFF_NORMED, mask=mask)
        fit = np.where(np.isfinite(fit) & (fit <= 1.01), fit, -1)
        row, column = np.unravel_index(int(fit.argmax()), fit.shape)
        grown = resizing(size[0] / crop.shape[1], size[1] / crop.shape[0])
        warp = compose(
            _inverse(resizing(reduction, reduction)),
            shift(int(column), int(row)),
            grown,
            shift(-box.left, -box.top),
        )
        candidates.append((float(fit[row, column]), warp))
    candidates.sort(key=lambda item: -item[0])
    yield from (warp for _, warp in candidates[:3])


def _scaled(picture: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    return resize(picture, max(8, round(picture.shape[1] * scale)), max(8, round(picture.shape[0] * scale)))


def _padded(box: Box, shape: tuple[int, ...], *, share: float) -> Box:
    pad = round(share * max(box.width, box.height)) + 2
    return Box(
        max(0, box.left - pad),
        max(0, box.top - pad),
        min(shape[1], box.right + pad),
        min(shape[0], box.bottom + pad),
    )


def _grey(picture: RgbImage) -> NDArray[np.uint8]:
    """Return lightness with equalised local contrast: print in another light then looks alike."""
    tone = np.sqrt(luminance(to_linear(picture)))
    even = cv2.createCLAHE(clipLimit=4.0, tileGridSize=(8, 8)).apply((tone * 255).astype(np.uint8))
    return np.asarray(even, np.uint8)


def _edges(picture: RgbImage) -> Plane:
    """Return the compressed gradient magnitude of log luminance, which smooth light does not change."""
    log = cv2.GaussianBlur(np.log(luminance(to_linear(picture)) + 0.03), (0, 0), 1.0)
    across, down = cv2.Sobel(log, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(log, cv2.CV_32F, 0, 1, ksize=3)
    return np.asarray(np.tanh(np.hypot(across, down)), np.float32)


def _correlation(a: Plane, b: Plane, mask: NDArray[np.uint8]) -> float:
    x, y = a[mask > 0], b[mask > 0]
    spread = float(x.std() * y.std())
    return float(((x - x.mean()) * (y - y.mean())).mean()) / spread if spread > 1e-9 else 0.0


def _similarity(warp: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """Return the scale, turn and shift of an affine warp, without its shear."""
    a, b = (warp[0, 0] + warp[1, 1]) / 2, (warp[1, 0] - warp[0, 1]) / 2
    turned = np.array([[a, -b], [b, a]], np.float64)
    centre = np.array([size[0] / 2, size[1] / 2])
    shift = warp[:, :2] @ centre + warp[:, 2] - turned @ centre
    return np.column_stack([turned, shift])


def shift(x: float, y: float) -> NDArray[np.float64]:
    """Return the warp that shifts by so many pixels."""
    return np.array([[1, 0, x], [0, 1, y]], np.float64)


def compose(*warps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the warp that applies these warps in turn, the last one first."""
    whole = np.eye(3)
    for warp in warps:
        whole = whole @ np.vstack([warp, [0, 0, 1]])
    return np.asarray(whole[:2], np.float64)


def _inverse(warp: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.inv(np.vstack([warp, [0, 0, 1]]))[:2], np.float64)
