"""A second product that a model painted into the scene, or a larger one that peeks out behind the kept one.

Edge directions are compared as in `agreement` (orientation correlation), outside the product's own matte, for
the product as it stands in the picture at many sizes, as it is and mirrored. Three things must speak for the
place where most of them agree, and their product is the score: how many standard deviations it is above the
mean of all places; how far it is above the next best place, since a scene full of edges agrees in many; and
how much nearer to the product's the colours inside the outline are than those just beside it.

Measured on 34 photographed and rendered products, each in 3 scenes of the embedded backend, 384 x 384; with
a second product pasted into each (0.5 to 1.6 times the size, up to 5 degrees turned, 3 in 10 mirrored,
another exposure and tint, blur and noise) and with a larger one behind the kept one (1.1 to 1.4). Plain are
also 24 path-traced pictures in real places and 3 that IC-Light painted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.images import Matte, Plane, RgbImage, resize
from prodgen.presence.agreement import FEWEST_PX, edge_directions, edges_of_product

Kind = Literal["second", "larger"]

LIMITS: dict[Kind, float] = {"second": 0.173, "larger": 0.119}
"""Score above which it is said: 1.1 times the largest of 129 pictures without one.

Measured, each product judged by limits from the others: 75 of 102 second ones found, 68 of 102 larger ones,
false alarms 1 in 129. From 1.0 to 1.5 times: 78 to 71, 69 to 65, and 1 still.
"""

PICTURE_PX = 192
"""Longer side in pixels at which it is searched, as in the measurement above; a quarter of a second."""

SIZES: dict[Kind, tuple[float, ...]] = {
    "second": tuple(0.4 * 1.15**step for step in range(12)),
    "larger": (1.06, 1.12, 1.2, 1.3, 1.42),
}
"""Sizes that are tried; the kept product's is 1. Of steps of 15 % one is always within 7 %."""

SEEN: dict[Kind, float] = {"second": 0.6, "larger": 0.5}
"""Share of its edges that must lie inside the picture and outside the kept product for a place to count."""

NEAR = 0.3
"""How far the middle of a larger one may be from the kept one's, in its width and height."""

COPY = 0.6
"""Likeness of colours from which the next best place counts as one more copy of the product, not as chance.

Chosen: colours inside the outline are half as far again from those beside it as from the product's.
"""

MOST_COPIES = 4
"""Places that are looked at in turn for the first that is none. Guard."""

MARGIN_PX = 6
"""Room around a product as it is searched, so that its outline is whole."""

EXPOSURE = 25.0
"""Difference in CIE L* up to which the second one may be brighter or darker: half of the range of a grey."""


@dataclass(frozen=True)
class Duplicate:
    """A second or larger product in a scene."""

    kind: Kind
    """second: beside the kept one; larger: behind it, so that it peeks out."""

    size: float
    """Its size over the kept product's."""

    box: tuple[float, float, float, float]
    """Left, top, right, bottom, as shares of the picture's width and height."""

    score: float
    """How clearly edges and colours are those of the product; 0 = not at all, 1 is clear."""

    def __str__(self) -> str:
        """Say what was found, where, and what to do."""
        if self.kind == "larger":
            return (
                f"the scene has the product {self.size:.1f} times as large behind it, which peeks out;"
                " take another seed (--tries 4 does that by itself)"
            )
        across, down = (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2
        return (
            f"a second product seems to stand in the scene, {self.size:.1f} times as large, about"
            f" {across:.0%} across and {down:.0%} down; take another seed (--tries 4 does that by itself)"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it, ready for JSON."""
        return {
            name: np.round(value, 3).tolist() if name != "kind" else value
            for name, value in asdict(self).items()
        }


class _Template(NamedTuple):
    """The product at one size, with a margin around it."""

    colours: NDArray[np.float32]
    """CIE L*a*b*."""
    matte: Matte
    direction: NDArray[np.complex64]
    weight: Plane


class _Scene(NamedTuple):
    """The picture without the kept product."""

    colours: NDArray[np.float32]
    """CIE L*a*b*."""
    directions: NDArray[np.complex64]
    free: Plane
    """1 where it is not product."""


Shares = tuple[float, float, float, float]
"""Left, top, right, bottom of a rectangle, as shares of a picture's width and height."""


def find_duplicate(picture: RgbImage, matte: Matte, *, known: Shares | None = None) -> Duplicate | None:
    """Return the second or larger product that shows most clearly; None where none does.

    Args:
        picture: The whole picture as it was drawn, product and scene, (h, w, 3), sRGB, [0, 1].
        matte: The product in it, (H, W), 1 = product, of the same field of view in any resolution.
        known: A rectangle that nobody drew, such as the photograph in an outpainted picture: a second
            product that was photographed is none too many.
    """
    found = [one for one in _candidates(picture, matte, known) if one.score > LIMITS[one.kind]]
    return max(found, key=lambda one: one.score / LIMITS[one.kind], default=None)


def _candidates(picture: RgbImage, matte: Matte, known: Shares | None = None) -> Iterator[Duplicate]:
    """Yield the best place for each kind and size."""
    height, width = picture.shape[:2]
    scale = min(1.0, PICTURE_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    view, cover = resize(picture, *size), resize(matte, *size)
    rows, columns = np.nonzero(cover > 0.5)
    if rows.size < FEWEST_PX:
        return
    top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    grown = cv2.dilate((cover > 0.1).astype(np.uint8), np.ones((7, 7), np.uint8))
    free = (grown == 0).astype(np.float32)
    if known is not None:
        xs, ys = (
            [round(share * side) for share in known[at::2]] for at, side in ((0, size[0]), (1, size[1]))
        )
        free[max(ys[0], 0) : ys[1], max(xs[0], 0) : xs[1]] = 0
    scene = _Scene(_lab(view), (edge_directions(view) * free).astype(np.complex64), free)
    cut, own = view[top:bottom, left:right], cover[top:bottom, left:right]
    for kind, factors in SIZES.items():
        for factor in factors:
            across, down = round((right - left) * factor), round((bottom - top) * factor)
            if min(across, down) < 8 or across > 1.3 * size[0] or down > 1.3 * size[1]:
                continue
            one, its_matte = resize(cut, across, down), resize(own, across, down)
            for flip in (1, -1) if kind == "second" else (1,):
                template = _template(one[:, ::flip], its_matte[:, ::flip], kind)
                middle = (left + right) / 2, (top + bottom) / 2
                reach = NEAR * (right - left), NEAR * (bottom - top)
                place = _best_place(template, scene, kind, middle, reach)
                if place is not None:
                    x, y, clarity = place
                    box = (x + MARGIN_PX, y + MARGIN_PX, x + MARGIN_PX + across, y + MARGIN_PX + down)
                    shares = (box[0] / size[0], box[1] / size[1], box[2] / size[0], box[3] / size[1])
                    yield Duplicate(
                        kind, factor, shares, clarity * max(0.0, _likeness(template, scene, x, y) - 0.5)
                    )


def _template(product: RgbImage, matte: Matte, kind: Kind) -> _Template:
    """Return the product with a margin; of a larger one only the outline shows."""
    product = np.pad(product, ((MARGIN_PX, MARGIN_PX), (MARGIN_PX, MARGIN_PX), (0, 0)), mode="edge")
    matte = np.pad(matte, MARGIN_PX)
    edges = edges_of_product(product, matte)
    is_inside = cv2.erode(matte, np.ones((5, 5), np.uint8)) > 0.9
    weight = np.where(is_inside, 0, edges.weight) if kind == "larger" else edges.weight
    return _Template(_lab(product), matte, edges.direction, weight.astype(np.float32))


def _best_place(
    template: _Template,
    scene: _Scene,
    kind: Kind,
    middle: tuple[float, float],
    reach: tuple[float, float],
) -> tuple[int, int, float] | None:
    """Return left and top of the template where most edges agree, and how clearly they do.

    That is how many standard deviations the agreement is above its mean over all places, times how much it
    is above the next best place's. A scene that agrees with anything agrees in many places.
    """
    (height, width), (down, across) = scene.free.shape, template.matte.shape
    shape = cv2.getOptimalDFTSize(height + down), cv2.getOptimalDFTSize(width + across)

    def correlated(there: NDArray[np.complex64] | Plane, here: NDArray[np.complex64] | Plane) -> Plane:
        spectrum = np.fft.fft2(there, shape) * np.conj(np.fft.fft2(here, shape))
        return np.fft.ifft2(spectrum).real.astype(np.float32)

    agreeing = correlated(scene.directions, template.direction * template.weight)
    visible = correlated(scene.free, template.weight)
    counts = visible > SEEN[kind] * template.weight.sum()
    if np.count_nonzero(counts) < 20:
        return None
    agreement = np.where(counts, agreeing / np.maximum(visible, 1e-6), np.nan)
    chance, spread = float(np.nanmean(agreement)), float(np.nanstd(agreement))
    ys, xs = np.arange(shape[0])[:, None], np.arange(shape[1])[None, :]
    ys, xs = np.where(ys < height, ys, ys - shape[0]), np.where(xs < width, xs, xs - shape[1])
    anywhere = agreement.copy()
    if kind == "larger":
        is_off = (np.abs(xs + across / 2 - middle[0]) >= reach[0]) | (
            np.abs(ys + down / 2 - middle[1]) >= reach[1]
        )
        agreement[is_off] = np.nan
        if np.isnan(agreement).all():
            return None
    row, column = np.unravel_index(int(np.nanargmax(agreement)), agreement.shape)
    best = float(agreement[row, column])
    place = int(xs[0, column]), int(ys[row, 0])
    for _ in range(MOST_COPIES):
        near = (np.abs(ys - place[1]) < down / 4) & (np.abs(xs - place[0]) < across / 4)
        anywhere[near] = np.nan
        if np.isnan(anywhere).all():
            return None
        other = np.unravel_index(int(np.nanargmax(anywhere)), anywhere.shape)
        place = int(xs[0, other[1]]), int(ys[other[0], 0])
        if _likeness(template, scene, *place) < COPY:
            break
    rival = max(0.0, float(anywhere[other]))
    clarity = (best - chance) / max(spread, 1e-6) * max(0.0, best - rival)
    return int(xs[0, column]), int(ys[row, 0]), clarity


def _likeness(template: _Template, scene: _Scene, x: int, y: int) -> float:
    """Return how much nearer the product's the colours inside the outline are than those beside: 0.5 to 1."""
    (height, width), (down, across) = scene.free.shape, template.matte.shape
    rows, columns = slice(max(0, y), min(height, y + down)), slice(max(0, x), min(width, x + across))
    own = slice(rows.start - y, rows.stop - y), slice(columns.start - x, columns.stop - x)
    matte, colours = template.matte[own], template.colours[own]
    is_free = scene.free[rows, columns] > 0.5
    is_inside = (matte > 0.9) & is_free
    is_beside = (cv2.dilate(matte, np.ones((11, 11), np.uint8)) > 0.5) & is_free
    is_beside &= cv2.dilate(matte, np.ones((3, 3), np.uint8)) < 0.1
    if min(np.count_nonzero(is_inside), np.count_nonzero(is_beside)) < 10:
        return 0.0
    seen = scene.colours[rows, columns]
    offset = np.zeros(3, np.float32)
    offset[0] = np.clip(np.median((seen - colours)[is_inside][:, 0]), -EXPOSURE, EXPOSURE)
    inside = np.linalg.norm((seen - colours - offset)[is_inside], axis=1).mean()
    beside = np.linalg.norm((seen - _spread(colours, matte > 0.9) - offset)[is_beside], axis=1).mean()
    return float(beside / max(1e-6, inside + beside))


def _spread(colours: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the colours with each unknown pixel's taken from the nearest known one."""
    unknown = (~known).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(unknown, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    table = np.zeros((int(labels.max()) + 1, 3), np.float32)
    table[labels[known]] = colours[known]
    return np.asarray(table[labels], np.float32)


def _lab(picture: RgbImage) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(picture, np.float32), cv2.COLOR_RGB2LAB), np.float32)
