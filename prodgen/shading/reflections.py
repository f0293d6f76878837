"""What a product mirrors: taken from the relit picture where its colours can be believed.

A gain that is smooth cannot exchange a studio's softboxes for the windows of a scene; the relit picture may
show those windows, between colours that the model changed. So its colours are compared with the lit
photograph's, and each of two things that can have happened leaves its own mark:

* Reflections move a colour between the material's and the light's (Shafer, "Using color to separate
  reflection components", 1985): in the plane of that hue, and paler exactly where it grows lighter.
* A model that redraws a material moves all of it alike, turns its hue out of that plane, or changes how
  saturated it is without making it lighter or darker.

So a relit picture is believed as far as its hues stay in their planes, and its saturation either stays too or
follows its lightness. What a whole material has in common is left to the photograph, unless the model is
found to have kept the colours. Of the rest all scales are taken that the photograph's print allows. What has
no colour of its own is believed as a whole, see `colourless`. Knows nothing of places in the frame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prodgen.color import LUMA, brightest
from prodgen.images import Matte, Plane
from prodgen.masks import normalised_blur
from prodgen.shading.colourless import greyness, in_believed_tint
from prodgen.shading.illuminant import Illuminant
from prodgen.shading.smoothing import GAIN_FLOOR, ramp, smoothed
from prodgen.shading.veil_model import FEWEST_PIXELS

SCALES = (0.03, 0.01, 0.004)
"""Sigmas of the means, coarse to fine, in product extents (square root of the product's area).

Measured on path-traced products: a coarser first scale changes nothing, and without the finest, one pixel
of the working size, gloss is further from the truth by a twentieth.
"""

PHOTOGRAPH_WEIGHT = 0.01
"""Weight, share of a scale's Gaussian, of the photograph or the coarser scale against plain pixels there.

Measured on path-traced products: with 0.03, as the gain's luminance has, gloss is 2 % further from the truth.
"""

HALF_BELIEVED = 0.25
"""Median distance from the plane of reflection, relative, at which a relit picture is half believed.

Measured on path-traced products: at most 0.19 where a model changed brightness alone (0.26 on one lacquered
ball), at least 0.30 where it turned hues and the turn was not found.
"""

HALF_EXPLAINED = 0.45
"""Fall of log saturation for a rise of log luminance at which a change of saturation is half believed.

By definition 1 for a white reflection on a strong colour. Measured over `FINE`: 0.53 to 1.4 on lacquered and
glazed path-traced products, 0.24 on two photographed dolls, of cloth and wood, that IC-Light redrew.
"""

FINE = 0.03
"""Sigma of the high-pass under which saturation and luminance are compared, product extents.

Chosen as the colour's in `field`: a coarser change of saturation can be a veil that varies.
"""

FLAT = 0.02
"""Deviation of log luminance below which nothing can be said to follow it. Chosen: 2 %, sensor noise."""

COLOURED = 0.2
"""Distance of a colour from the light's, both of luminance 1, from which on it has a saturation. Chosen."""

MOST_SATURATED = 5.0
"""Largest factor by which saturation changes, up or down, while it is compared. Guard against outliers."""

MOST_REFLECTED = 1.5
"""Largest natural log of a channel's change. Guard: 4.5 times, a window on black lacquer."""

TENDING_TO_WHITE = 0.6, 0.9
"""Linear light of the brightest channel between which a colour under a veil, or turned, stops to count.

Measured on path-traced products: a white carton in bright light is 0.48 of the best other way from the truth,
with 0.93 to 1 it is 0.60, and with 0.4 to 0.8 0.49.
"""

MOSTLY_GREY = 0.5
"""Share of a pixel that is of no coloured material, above which its tint is light's. By definition."""

LEAST_SHARE = 0.05
"""Smallest surviving share of colour that a veil is taken off with. Guard: it is divided by."""


def reflections(
    photo: Plane,
    relit: Plane,
    log_gain: Plane,
    plain: Matte,
    members: Plane,
    illuminant: Illuminant,
    *,
    has_colour: NDArray[np.bool_],
    is_turned: bool,
) -> Plane:
    """What to add to a log gain, so that the product mirrors the scene and no longer the studio.

    Args:
        photo: (h, w, 3), linear light, the photographed product.
        relit: (h, w, 3), linear light, the relit product.
        log_gain: (h, w, 3), natural log of the smooth gain.
        plain: (h, w), 1 where the pixel is product and the photograph is plain, 0 in print and outside.
        members: (h, w, n), how much each pixel is of each coloured material.
        illuminant: What was done to the product's colours.
        has_colour: (h, w), where the colours of both pictures can be read.
        is_turned: True if a turn of the hues was taken back in `relit`.

    Returns:
        (h, w, 3), natural log; 0 where the relit picture is not believed.
    """
    lit, shown = photo * np.exp(log_gain), unveiled(relit, illuminant)
    log_brighter = np.log(relit @ LUMA + np.float32(GAIN_FLOOR)) - np.log(
        photo @ LUMA + np.float32(GAIN_FLOOR)
    )
    trust = believed(lit, shown, log_brighter, plain, illuminant, has_colour)
    log_ratio = np.log(shown + np.float32(GAIN_FLOOR)) - np.log(lit + np.float32(GAIN_FLOOR))
    weight, kept = plain, trust
    if illuminant.share < 1 or is_turned:
        # Clipped channels lost the ratio that tells the material's colour from the veil's.
        high = brightest(np.maximum(relit, shown))
        dim, bright = TENDING_TO_WHITE
        weight = plain * (1 - ramp((high - dim) / (bright - dim)))
        kept = 0.0
    log_ratio -= np.float32(1 - kept) * _common(log_ratio, weight, members)
    grey = np.float32(illuminant.honest) * (1 - np.minimum(members.sum(axis=-1), 1)) * greyness(photo)
    tinted = in_believed_tint(photo, relit, has_colour & (grey > MOSTLY_GREY * illuminant.honest))
    direct = np.log(tinted + np.float32(GAIN_FLOOR)) - np.log(lit + np.float32(GAIN_FLOOR))
    log_ratio = np.asarray(trust * log_ratio + grey[..., None] * (direct - trust * log_ratio), np.float32)
    weight = np.asarray(weight + grey * (plain - weight), np.float32)
    np.clip(log_ratio, -MOST_REFLECTED, MOST_REFLECTED, out=log_ratio)
    mean: Plane | float = 0.0
    for scale in SCALES:
        sigma_px = scale * float(np.sqrt((plain > 0).sum()))
        mean = smoothed(log_ratio, weight, sigma_px, prior=mean, prior_weight=PHOTOGRAPH_WEIGHT)
    return np.asarray(mean, np.float32)


def unveiled(relit: Plane, illuminant: Illuminant) -> Plane:
    """Take the veil off a relit product, (h, w, 3), linear light."""
    veil = (1 - illuminant.share) * (relit @ LUMA)[..., None] * illuminant.veil
    return np.asarray(np.maximum(relit - veil, 0) / max(illuminant.share, LEAST_SHARE), np.float32)


def believed(
    lit: Plane,
    shown: Plane,
    log_brighter: Plane,
    plain: Matte,
    illuminant: Illuminant,
    has_colour: NDArray[np.bool_],
) -> float:
    """How far the colours of a relit product are explained by light and reflections alone, 0 to 1.

    Args:
        lit: (h, w, 3), linear light, the photographed product in the relit one's light.
        shown: (h, w, 3), linear light, the relit product without its veil.
        log_brighter: (h, w), natural log of relit over photographed luminance.
        plain: (h, w), 1 where the pixel is product and the photograph is plain.
        illuminant: Whose light it is.
        has_colour: (h, w), where the colours of both can be read.
    """
    if has_colour.sum() < FEWEST_PIXELS:
        return 0.0
    before, after = (x / np.maximum(x @ LUMA, 1e-3)[..., None] for x in (lit, shown))
    towards, moved = before - illuminant.light, after - illuminant.light
    along = (towards * moved).sum(axis=-1) / np.maximum((towards**2).sum(axis=-1), 1e-6)
    apart = np.linalg.norm(moved - np.maximum(along, 0)[..., None] * towards, axis=-1)
    apart *= np.sqrt(3) / np.maximum(np.linalg.norm(after, axis=-1), 1e-3)
    in_plane = 1 / (1 + (float(np.median(apart[has_colour])) / HALF_BELIEVED) ** 6)
    coloured = has_colour & ((towards**2).sum(axis=-1) > COLOURED**2)
    paler = -np.log(np.clip(along, 1 / MOST_SATURATED, MOST_SATURATED))
    explained = _slope(log_brighter, paler, plain * coloured, float(np.sqrt((plain > 0).sum())))
    mirrors = max(explained, 0.0) ** 8 / (HALF_EXPLAINED**8 + max(explained, 0.0) ** 8)
    return in_plane * (1 - (1 - mirrors) * (1 - illuminant.local_confidence))


def _slope(x: Plane, y: Plane, weight: Plane, extent_px: float) -> float:
    """Ridge slope of y on x, both (h, w), under a high-pass; 0 if there is too little weight."""
    if weight.sum() < FEWEST_PIXELS:
        return 0.0
    weight = np.asarray(weight, np.float32)
    x, y = (
        np.asarray(v - normalised_blur(np.asarray(v, np.float32), weight, FINE * extent_px)) for v in (x, y)
    )
    x, y = x - (weight * x).sum() / weight.sum(), y - (weight * y).sum() / weight.sum()
    return float((weight * x * y).sum() / ((weight * x * x).sum() + FLAT**2 * weight.sum()))


def _common(log_ratio: Plane, weight: Matte, members: Plane) -> Plane:
    """(h, w, 3), the part of a log ratio that each material, and all that has no colour, has in common."""
    neutral = 1 - np.minimum(members.sum(axis=-1, keepdims=True), 1)
    of_each = np.concatenate([members, neutral], axis=-1).astype(np.float32)
    weighted = of_each * weight[..., None]
    # By einsum: for so long and thin arrays NumPy's BLAS starts threads, which wait for one another.
    total = np.einsum("hwk,hwc->kc", weighted, log_ratio)
    means = total / (weighted.sum(axis=(0, 1)) + 1e-3 * (weight > 0).sum() + 1e-6)[:, None]
    return np.asarray(of_each @ means, np.float32)
