"""From light to a phone's picture: exposure, lens blur, vignette, noise, tone curve, sharpening.

Owns no Blender and no file; all takes and gives arrays.
"""

from __future__ import annotations

import cv2
import numpy as np


def developed(
    light: np.ndarray,
    *,
    exposure: float,
    iso: int,
    blur: float,
    vignette: float,
    warmth: float,
    sharpening: float,
    noise: np.random.Generator,
) -> np.ndarray:
    """Develop a picture.

    Args:
        light: (H, W, 3), linear, no upper end.
        exposure: Factor before all else.
        iso: Sensitivity, which sets the noise.
        blur: Sigma of the lens's blur, pixels.
        vignette: Share of the light that the corners lose.
        warmth: By how much red gains and blue loses: an automatic white balance that is off.
        sharpening: Share of the detail that is added.
        noise: The dice.

    Returns:
        (H, W, 3), 8 bit, sRGB.
    """
    height, width = light.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    seen = cv2.GaussianBlur(light.astype(np.float32), (0, 0), blur) * exposure
    seen *= (1 - vignette * np.minimum((x * x + y * y) / 2, 1))[..., None]
    seen *= np.array([1 + warmth, 1.0, 1 - warmth])
    # Shot noise goes with the light's root; figures are those of a phone's sensor after its own denoising.
    grain = noise.normal(0, 1, seen.shape) * np.sqrt(
        np.maximum(seen, 0) * 6e-5 * iso / 100 + 2e-7 * iso / 100
    )
    seen = np.clip(seen + cv2.GaussianBlur(grain, (0, 0), 0.6) * 1.6, 0, None)
    toned = _tone(seen)
    detail = toned - cv2.GaussianBlur(toned, (0, 0), 1.2)
    return np.clip((toned + sharpening * detail) * 255 + 0.5, 0, 255).astype(np.uint8)


def _tone(light: np.ndarray) -> np.ndarray:
    """Apply the curve of sRGB, with a shoulder above 0.7 and a little contrast, as cameras have."""
    rolled = np.where(light > 0.7, 0.7 + 0.3 * (1 - np.exp(-(light - 0.7) / 0.3)), light)
    rolled = np.where(light >= 1.2, 1.0, rolled)
    curve = np.where(
        rolled <= 0.0031308, 12.92 * rolled, 1.055 * np.maximum(rolled, 0.0031308) ** (1 / 2.4) - 0.055
    )
    return curve + 0.04 * np.sin(2 * np.pi * (curve - 0.5)) / 2
