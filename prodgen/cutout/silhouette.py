"""From evidence to the product's outline: what the backdrop reaches, which holes it shows through. Pure.

The backdrop is flooded from the picture's border, by a ball that does not fit through the small gaps
in an outline. What the ball cannot enter is judged as a chamber: the view through a handle looks
like the backdrop around the product, a white label does not. Last, the dark line where the product
touches the floor is taken off, as far as it fades softly and ends at a sharp edge.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.cutout.evidence import Evidence, Flags
from prodgen.masks import fill

Binary = NDArray[np.uint8]

BALL = 14.0
"""Radius that floods the backdrop, in units of 1/640 of the longer side: larger than gaps in an outline."""

SMALL_BALL = 3.0
"""Radius that tells a nook from a closed chamber."""

SMALLEST_CHAMBER = 0.0003
"""Share of the picture below which a chamber is filled: the inside of a printed letter."""

SKIN = 12.0
"""A wall thinner than this is no more than an edge, blurred twice."""

DUST = 6.0
"""A lesser piece whose colour is nearer to the backdrop than this many of its spreads is dust, too."""

SMALLEST_PIECE = 0.02
"""Share of the largest piece below which a piece is dust."""

CONTACT_REACH = 24.0
"""How far a contact shadow reaches from the floor around it."""

CONTACT_DEPTH = 10.0
"""Lightness below the backdrop from which a shadow may be a contact shadow."""


def silhouette(evidence: Evidence, *, background: Flags, product: Flags, has_shadow: bool = True) -> Binary:
    """The product, roughly: (H, W), 1 = product, right to a few pixels.

    Args:
        evidence: Of the picture.
        background: (H, W); where the user knows that there is none.
        product: (H, W); where the user knows that there is some.
        has_shadow: Whether to take a contact shadow off; without clear edges it cannot be told.
    """
    unit = max(background.shape) / 640
    quiet = (~(evidence.edges | evidence.strong) & ~product | background).astype(np.uint8)
    around = _flood(quiet, BALL * unit) | background
    behind = around | _chambers(evidence, quiet, around.astype(np.uint8), background, product, unit)
    outline = (~behind).astype(np.uint8)
    outline = _without_threads(outline, evidence.strong, 5 * unit)
    outline = _without_dust(outline, evidence)
    if has_shadow:
        outline[_contact_shadow(evidence, outline, unit) & ~product] = 0
    vivid = (evidence.chroma > 12) | (evidence.flat[..., 0] > 8)
    return _without_threads(outline, vivid, 4 * unit) | product


def disc(radius: float) -> Binary:
    """A round structuring element; at least 3x3."""
    side = 2 * max(1, round(radius)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)).astype(np.uint8)


def _flood(quiet: Binary, radius: float) -> Flags:
    """What a ball rolls over that comes in from the border and stays on `quiet`."""
    pad = round(radius) + 2
    wide = cv2.copyMakeBorder(quiet, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    centres = cv2.erode(wide, disc(radius), borderType=cv2.BORDER_REPLICATE)
    _, labels = cv2.connectedComponents(centres, connectivity=4)
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    reached = np.isin(labels, np.setdiff1d(rim, [0])).astype(np.uint8)
    return np.asarray((cv2.dilate(reached, disc(radius))[pad:-pad, pad:-pad] > 0) & (quiet > 0))


def _chambers(
    evidence: Evidence, quiet: Binary, around: Binary, background: Flags, product: Flags, unit: float
) -> Flags:
    """Quiet places that the ball did not reach, and that show the backdrop.

    A chamber right behind the outline's own edge, with nothing thick around it, is most likely the
    product itself, in nearly the backdrop's colour; so it must look more like the backdrop to be a hole.
    """
    nooks = _flood(quiet, SMALL_BALL * unit)
    to_around = cv2.distanceTransform(1 - around, cv2.DIST_L2, 5)
    expected = cv2.GaussianBlur(fill(evidence.flat, 1 - around.astype(np.float32)), (0, 0), 6 * unit)
    inner = cv2.erode(quiet & (1 - around), disc(1))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inner, connectivity=4)
    result = np.zeros(around.shape, np.bool_)
    for label in range(1, count):
        left, top, width, height, area = stats[label]
        if area < SMALLEST_CHAMBER * around.size:
            continue
        window = np.s_[top : top + height, left : left + width]
        inside = labels[window] == label
        if product[window][inside].any():
            continue
        flat = evidence.flat[window][inside]
        rim = inside & (_eroded(inside) == 0)
        is_skin = bool(np.median(to_around[window][rim]) < SKIN * unit)
        is_nook = bool(nooks[window][inside].mean() > 0.5)
        # Seen through a handle is the backdrop, either shaded as next to the product or not.
        strangeness = min(
            _strangeness(flat, is_nook=is_nook),
            _strangeness(flat - expected[window][inside], is_nook=is_nook),
        )
        allowed = max(1.0, evidence.backdrop.spread) * (0.3 if is_skin and not is_nook else 1.0)
        if strangeness < allowed or background[window][inside].any():
            result[window] |= inside
    grown = cv2.dilate(result.astype(np.uint8), disc(1))
    return np.asarray((grown > 0) & (quiet > 0))


def _eroded(inside: Flags) -> Binary:
    """Without its outermost pixels, also where it touches the window."""
    padded = cv2.copyMakeBorder(inside.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(cv2.erode(padded, disc(1))[1:-1, 1:-1], np.uint8)


def _strangeness(off: NDArray[np.float32], *, is_nook: bool) -> float:
    """How unlike the backdrop a chamber's pixels are, (N, 3) L*a*b* off it; below 1 is alike.

    Darker is more easily forgiven than brighter or coloured (a shadow), most of all in a nook, which
    is open to the floor. Uneven counts too: what is behind a product is smooth.
    """
    middle = np.median(off, axis=0)
    uneven = float(np.median(np.abs(off - middle), axis=0).sum())
    brighter = float(middle[0]) / 4 if middle[0] > 0 else -float(middle[0]) / (12 if is_nook else 6)
    return float(np.hypot(middle[1], middle[2])) / 2.5 + uneven / 3 + brighter


def _contact_shadow(evidence: Evidence, outline: Binary, unit: float) -> Flags:
    """The dark strip at the outline's inside that fades out softly and is the product's shadow.

    It may take the product's colour (light that the product throws on the floor), more so the darker
    it is; the product itself begins with an edge that is sharp for its height.
    """
    height = cv2.GaussianBlur(evidence.fine, (0, 0), 1.0)
    sharp = (evidence.steps > 0.35 * height) & (evidence.steps > 2 * evidence.faint)
    below = -evidence.flat[..., 0]
    near = cv2.distanceTransform(outline, cv2.DIST_L2, 5) < CONTACT_REACH * unit
    dim = near & ~sharp & (below > CONTACT_DEPTH) & (evidence.chroma < 8 + 0.27 * below)
    outside = outline == 0
    zone = (dim | outside).astype(np.uint8)
    centres = cv2.erode(zone, disc(2 * unit))
    _, labels = cv2.connectedComponents(centres, connectivity=4)
    connected = np.isin(labels, np.setdiff1d(labels[outside], [0])).astype(np.uint8)
    return np.asarray((cv2.dilate(connected, disc(2 * unit)) > 0) & (zone > 0) & ~outside)


def _without_threads(outline: Binary, vivid: Flags, radius: float) -> Binary:
    """The outline less its thin parts, unless they are vivid: a shadow's edge goes, a strap stays."""
    solid = cv2.morphologyEx(outline, cv2.MORPH_OPEN, disc(radius)) > 0
    near_vivid = cv2.dilate(vivid.astype(np.uint8), disc(2)) > 0
    return np.asarray(solid | ((outline > 0) & near_vivid), np.uint8)


def _without_dust(outline: Binary, evidence: Evidence) -> Binary:
    """The largest piece, and those others that are large or plainly not backdrop."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(outline, connectivity=8)
    if count < 3:
        return outline
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept = areas >= SMALLEST_PIECE * areas.max()
    distance = np.abs(evidence.flat).sum(axis=2)
    for label in np.flatnonzero(kept & (areas < areas.max())):
        left, top, width, height, _ = stats[label]
        window = np.s_[top : top + height, left : left + width]
        middle = float(np.median(distance[window][labels[window] == label]))
        kept[label] = middle > DUST * max(0.6, evidence.backdrop.spread)
    return np.asarray(kept[labels], np.uint8)
