"""How a photograph differs from its backdrop: in colour, and by edges sharper than a shadow's. Pure arrays.

Every measure is made so that a soft shadow scores low, because a shadow is not product.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.cutout.backdrop import Backdrop, fit_backdrop
from prodgen.images import Plane, channel_sum

Mask = NDArray[np.bool_]

COLOUR_SCALE = 8.0
"""L*a*b* units off the backdrop in a* and b*, or lighter than it, that count as one unit of difference.
Chosen."""

SHADOW_ALLOWANCE = 10.0
"""L* units by which a place may be darker than the backdrop at no cost: any soft shadow is. Chosen."""

SHADOW_SCALE = 35.0
"""L* units darker, beyond the allowance, that count as one unit of difference. Chosen."""

SLOPE_WEIGHT = 1.3
"""How much of the slope around a pixel is taken off the edge strength at it. A linear ramp, so most of a
shadow's soft edge, is left with nothing. Chosen above 1."""

LOWEST_NOISE_FLOOR = 0.05
"""L*a*b* units per pixel. Below an 8-bit level, so only pictures without noise come near it. Guard."""


class Contrast(NamedTuple):
    """Measures of one photograph against its backdrop, (H, W) each unless they say otherwise."""

    backdrop: Backdrop
    difference: Plane
    """(H, W, 3) L*a*b* less the backdrop's; a shaded backdrop keeps 0 in a* and b*."""
    chroma: Plane
    """Length of `difference` in a*b*."""
    edge_strength: Plane
    """Gradient at the scale of one pixel, L*a*b* units per pixel."""
    sharpness: Plane
    """Edge strength less the slope around it, L*a*b* units per pixel."""
    noise_floor: float
    """The sharpness that noise reaches."""
    edges: Mask
    """Places sharper than the noise floor, where they are connected to clearly sharper ones."""
    off_backdrop: Mask
    """Colours that cannot be backdrop, nor a soft shadow on it."""


def measure_contrast(lab: Plane, *, outside: Mask | None = None) -> Contrast:
    """Measure a photograph of about 640 px, (H, W, 3) L*a*b*; `outside` marks what is surely backdrop."""
    smooth = _blurred(lab, min(0.6 + 1.3 * _noise_deviation(lab), 2.5))
    backdrop = fit_backdrop(smooth, outside=outside)
    difference = _difference(smooth, backdrop)
    chroma = np.hypot(difference[..., 1], difference[..., 2])
    edge_strength, slope_around = (
        gradient(_blurred(difference, sigma), border=cv2.BORDER_REPLICATE) for sigma in (1.0, 5.0)
    )
    sharpness = _blurred(np.maximum(0, edge_strength - SLOPE_WEIGHT * slope_around), 1.0)
    sharpness[:3] = sharpness[-3:] = 0  # a filter has no neighbours there
    sharpness[:, :3] = sharpness[:, -3:] = 0
    noise_floor = max(LOWEST_NOISE_FLOOR, 2.8 * float(np.median(sharpness[_frame(sharpness.shape)])))
    edges = _connected_to(sharpness > noise_floor, sharpness > 2.2 * noise_floor)
    off_backdrop = _off_backdrop(
        difference, chroma, backdrop.spread, allowance=SHADOW_ALLOWANCE, scale=SHADOW_SCALE
    )
    return Contrast(backdrop, difference, chroma, edge_strength, sharpness, noise_floor, edges, off_backdrop)


def without_shadows(contrast: Contrast) -> Contrast:
    """Count dark places as off the backdrop too: for a photo without one clear edge or colour."""
    off_backdrop = _off_backdrop(
        contrast.difference, contrast.chroma, contrast.backdrop.spread, allowance=3, scale=COLOUR_SCALE
    )
    return contrast._replace(off_backdrop=off_backdrop)


def _off_backdrop(difference: Plane, chroma: Plane, spread: float, *, allowance: float, scale: float) -> Mask:
    lightness = difference[..., 0]
    units = (chroma + np.maximum(lightness, 0)) / COLOUR_SCALE
    units += np.maximum(-lightness - allowance, 0) / scale
    return np.asarray(units > 1.2 * max(1.0, spread), np.bool_)


def _noise_deviation(lab: Plane) -> float:
    """Standard deviation of the lightness noise in the picture's frame.

    Source: Immerkaer, "Fast noise variance estimation", 1996, with a median in place of the mean.
    """
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    ripple = cv2.filter2D(lab[..., 0], cv2.CV_32F, kernel)
    return float(1.48 * np.median(np.abs(ripple[_frame(ripple.shape)])) / 6)


def _frame(shape: tuple[int, ...]) -> Mask:
    """The outer 5 % of a picture."""
    margin = max(4, round(0.05 * min(shape[:2])))
    frame = np.ones(shape[:2], np.bool_)
    frame[margin:-margin, margin:-margin] = False
    return frame


def _difference(lab: Plane, backdrop: Backdrop) -> Plane:
    """The picture less its backdrop. A shadow scales a* and b* with the light, so that much is expected."""
    share = np.clip(lab[..., :1] / np.maximum(backdrop.lab[..., :1], 1), 0.05, 1)
    lightness = lab[..., :1] - backdrop.lab[..., :1]
    return np.concatenate([lightness, lab[..., 1:] - backdrop.lab[..., 1:] * share], axis=2)


def _blurred(planes: Plane, sigma: float) -> Plane:
    return cv2.GaussianBlur(planes, (0, 0), sigma).astype(np.float32, copy=False)


def lengths(planes: Plane) -> Plane:
    """Length of what each pixel of (H, W, C) holds, (H, W)."""
    return np.sqrt(channel_sum(planes * planes))


def gradient(planes: Plane, *, border: int = cv2.BORDER_DEFAULT) -> Plane:
    """Slope of planes (H, W, C) at each pixel, (H, W), units per pixel; `border` as OpenCV has it."""
    ways = (1, 0), (0, 1)
    x, y = (cv2.Sobel(planes, cv2.CV_32F, *way, scale=1 / 8, borderType=border) for way in ways)
    return np.asarray(np.sqrt(channel_sum(x * x + y * y)), np.float32)


def strongest_step(lab: Plane) -> Plane:
    """The strongest slope within two pixels of each, (h, w), L*a*b* units per pixel."""
    slope = gradient(_blurred(lab, 1.0))
    return np.asarray(cv2.dilate(slope, np.ones((5, 5), np.uint8)), np.float32)


def _connected_to(weak: Mask, sure: Mask) -> Mask:
    """Those pieces of `weak` that hold something `sure` (hysteresis, as in Canny's edges)."""
    count, labels = cv2.connectedComponents(weak.astype(np.uint8), connectivity=8)
    kept = np.zeros(count, np.bool_)
    kept[np.unique(labels[sure & weak])] = True
    kept[0] = False
    return np.asarray(kept[labels], np.bool_)
