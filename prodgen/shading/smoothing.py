"""Means by weight, and the weights: where a photograph is plain, and where a picture tends to white.

Small parts of every estimate of light. Knows nothing of products and models.
"""

from __future__ import annotations

import cv2
import numpy as np

from prodgen.images import Matte, Plane
from prodgen.masks import across, blur
from prodgen.shading.register import EDGE_FLOOR

GAIN_FLOOR = 0.004
"""Linear light added before dividing. Chosen: sensor and model noise, half of the darkest printed black."""

PRINT_EDGE = 0.12
"""Change of log luminance within 1 % of the product's extent at which a pixel has half its weight as plain.

Chosen: less is texture in raking light, more is print.
"""

WHITE_FROM = 0.65
"""Luminance from which on the relit product tends to white, and its tint to nothing. Chosen."""

CLIPPED_FROM = 0.93
"""Linear light of the brightest channel from which on a pixel counts as more and more clipped.

Chosen below 1: a relit picture is soft, and its clipped values are spread.
"""


def ramp(x: Plane) -> Plane:
    """Smoothstep: from 0 to 1 as x goes from 0 to 1."""
    x = np.clip(x, 0, 1)
    return np.asarray(x * x * (3 - 2 * x), np.float32)


def plainness(luminance: Plane, piece: Matte, extent: float) -> Plane:
    """(h, w), 1 where the photograph is plain, towards 0 where it has print or texture."""
    log = np.log(luminance + EDGE_FLOOR)
    edges = np.hypot(cv2.Sobel(log, -1, 1, 0, ksize=3), cv2.Sobel(log, -1, 0, 1, ksize=3)) / 8
    busy = cv2.GaussianBlur(edges * piece, (0, 0), 2.0) * (extent / 100)
    return np.asarray(1 / (1 + (busy / PRINT_EDGE) ** 2), np.float32)


def smoothed(
    values: Plane, weight: Plane, sigma_px: float, *, prior: Plane | float, prior_weight: float
) -> Plane:
    """Gaussian mean of `values` by `weight`, with a prior mean where there is little of it."""
    total = blur(weight, sigma_px) + np.float32(prior_weight)
    weighted = blur(values * across(weight, values), sigma_px)
    return np.asarray((weighted + prior_weight * prior) / across(total, values), np.float32)
