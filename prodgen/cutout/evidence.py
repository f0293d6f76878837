"""What in a photograph speaks for product: colours off the backdrop, and sharp edges. Pure.

Three measures, each made so that a soft shadow scores low: the picture with the backdrop taken off
(`flat`), how far a colour is from a shaded backdrop (`strong`), and how much sharper an edge is than
the slope around it (`steps`).
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.cutout.backdrop import Backdrop, fit_backdrop

Plane = NDArray[np.float32]
Flags = NDArray[np.bool_]

COLOUR_UNIT = 8.0
"""Distance in a*b*, or lightness above the backdrop, that no backdrop reaches by itself."""

SHADOW_FREE = 10.0
"""Lightness below the backdrop that any soft shadow may have."""

SHADOW_UNIT = 35.0
"""Lightness below that, for one unit of evidence: only contact shadows are that dark."""

SLOPE = 1.3
"""What is taken off an edge for each unit of slope around it: a linear ramp, so most of a penumbra, is left
with nothing."""

FAINTEST = 0.05
"""Lowest step that counts, L*a*b* units per pixel: below an 8-bit level, so renderings profit only."""


class Evidence(NamedTuple):
    """Measures of one picture, all (H, W) or (H, W, 3)."""

    backdrop: Backdrop
    flat: Plane
    """L*a*b* less the backdrop's; a shaded backdrop keeps 0 in a* and b*."""
    chroma: Plane
    """Length of `flat` in a*b*."""
    fine: Plane
    """Edge strength at one pixel, L*a*b* units per pixel."""
    steps: Plane
    """Edge strength less the slope around it."""
    faint: float
    """The lowest step that is not noise."""
    edges: Flags
    """Steps that are edges, with their fainter continuations."""
    strong: Flags
    """Colours that cannot be backdrop, nor its soft shadow."""


def measure(lab: Plane, *, outside: Flags | None = None) -> Evidence:
    """Measure a photograph of about 640 px, (H, W, 3) L*a*b*; `outside` marks what is surely backdrop."""
    rough = _roughness(lab)
    smooth = _blurred(lab, min(0.6 + 1.3 * rough, 2.5))
    backdrop = fit_backdrop(smooth, outside=outside)
    flat = _flatten(smooth, backdrop)
    chroma = np.hypot(flat[..., 1], flat[..., 2])
    fine, around = _gradient(flat, 1.0), _gradient(flat, 5.0)
    steps = _blurred(np.maximum(0, fine - SLOPE * around), 1.0)
    steps[:3] = steps[-3:] = 0  # a filter has no neighbours there
    steps[:, :3] = steps[:, -3:] = 0
    faint = max(FAINTEST, 2.8 * float(np.median(steps[_frame(steps.shape)])))
    strong = _strong(flat, chroma, backdrop.spread, shadow_free=SHADOW_FREE, shadow_unit=SHADOW_UNIT)
    edges = _connected_to(steps > faint, steps > 2.2 * faint)
    return Evidence(backdrop, flat, chroma, fine, steps, faint, edges, strong)


def without_shadow(evidence: Evidence) -> Evidence:
    """The same, with everything dark taken for product: for a photo without one clear edge or colour."""
    strong = _strong(
        evidence.flat, evidence.chroma, evidence.backdrop.spread, shadow_free=3, shadow_unit=COLOUR_UNIT
    )
    return evidence._replace(strong=strong)


def _strong(flat: Plane, chroma: Plane, spread: float, *, shadow_free: float, shadow_unit: float) -> Flags:
    lightness = flat[..., 0]
    away = (chroma + np.maximum(lightness, 0)) / COLOUR_UNIT
    away += np.maximum(-lightness - shadow_free, 0) / shadow_unit
    return np.asarray(away > 1.2 * max(1.0, spread), np.bool_)


def _roughness(lab: Plane) -> float:
    """Deviation of the lightness noise in the picture's frame.

    Source: Immerkaer, "Fast noise variance estimation", 1996, with a median in place of the mean.
    """
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    ripple = cv2.filter2D(lab[..., 0], cv2.CV_32F, kernel)
    return float(1.48 * np.median(np.abs(ripple[_frame(ripple.shape)])) / 6)


def _frame(shape: tuple[int, ...]) -> Flags:
    margin = max(4, round(0.05 * min(shape[:2])))
    frame = np.ones(shape[:2], np.bool_)
    frame[margin:-margin, margin:-margin] = False
    return frame


def _flatten(lab: Plane, backdrop: Backdrop) -> Plane:
    """Take the backdrop off. A shadow scales a* and b* with the light, so that much is expected of them."""
    share = np.clip(lab[..., :1] / np.maximum(backdrop.lab[..., :1], 1), 0.05, 1)
    lightness = lab[..., :1] - backdrop.lab[..., :1]
    return np.concatenate([lightness, lab[..., 1:] - backdrop.lab[..., 1:] * share], axis=2)


def _blurred(planes: Plane, sigma: float) -> Plane:
    return cv2.GaussianBlur(planes, (0, 0), sigma).astype(np.float32, copy=False)


def _gradient(planes: Plane, sigma: float) -> Plane:
    smooth = _blurred(planes, sigma)
    x = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
    y = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.sqrt((x * x + y * y).sum(axis=2)), np.float32)


def _connected_to(weak: Flags, sure: Flags) -> Flags:
    """Those pieces of `weak` that hold something `sure` (hysteresis, as in Canny's edges)."""
    count, labels = cv2.connectedComponents(weak.astype(np.uint8), connectivity=8)
    kept = np.zeros(count, np.bool_)
    kept[np.unique(labels[sure & weak])] = True
    kept[0] = False
    return np.asarray(kept[labels], np.bool_)
