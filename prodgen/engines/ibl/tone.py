"""From scene light to a picture: exposure, white balance, highlights that roll off, a little glow.

A photographer meters the product and the table, not the sky, and keeps part of the hour's colour. Owns that
taste; knows no scene.
"""

from __future__ import annotations

import cv2
import numpy as np

from prodgen.color import LUMA, to_srgb
from prodgen.engines.ibl.panorama import Array, Environment
from prodgen.images import RgbImage
from prodgen.masks import blur

METERED = np.array([[0, 0, 1], [0.64, 0.2, 0.74], [-0.64, 0.2, 0.74], [0, 0.6, 0.8], [0, 1, 0]], np.float32)
"""Directions whose light is metered: the product's front, flanks and shoulder, and last the table. Chosen by
eye."""

NEUTRALISED = 0.62
"""Share of the light's colour that white balance takes away. Chosen by eye: all of it would kill the
sunset."""

SHOULDER = 0.55
"""Linear value from which highlights are compressed; below, the picture is as exposed. Chosen by eye."""


PUNCH, VIVID = 1.14, 1.22
"""Contrast (exponent) and saturation given back to the backdrop, whose bright parts bleach instead. Chosen by
eye."""


def exposure_gain(environment: Environment, *, exposure: float, warmth: float) -> Array:
    """Factors (3,) that make metered light white at `exposure`.

    Args:
        environment: The surroundings.
        exposure: Brightness of a lit product compared with its photograph.
        warmth: 0 neutral, 1 as warm as late sun, -1 as cold as blue hour; added to what white balance leaves.
    """
    lights = environment.irradiance(METERED / np.linalg.norm(METERED, axis=1, keepdims=True))
    level = max(float(lights.mean(axis=0) @ LUMA), 1e-5)
    # Colour is judged by directions alike, brightest or not: else a yellow wall would turn the table blue.
    hues = lights / np.maximum(lights @ LUMA, 1e-6)[:, None]
    hue = 0.5 * hues[:-1].mean(axis=0) + 0.5 * hues[-1]
    balance = np.power(np.maximum(hue, 0.05), -NEUTRALISED)
    balance = balance * cast(warmth)
    return np.asarray(balance * (exposure / level / float(balance @ LUMA)), np.float32)


def cast(warmth: float) -> Array:
    """Factors (3,) of a white balance that is set too warm by `warmth`, below 0 too cold."""
    return np.array([1 + 0.16 * warmth, 1 + 0.015 * warmth, 1 - 0.20 * warmth], np.float32)


def hold_back(backdrop: Array, strength: float, *, target: float) -> Array:
    """Darken a bright backdrop as a graduated filter does, and give it back some contrast.

    Its log-mean goes `strength` (0 to 1) of the way to `target`; a darker one stays.
    """
    brightness = np.maximum(backdrop @ LUMA, 1e-4)
    level = float(np.exp(np.log(brightness).mean()))
    factor = min(1.0, (target / level) ** strength)
    held = backdrop * np.float32(factor)
    # Haze and blur take contrast and colour; a little of both comes back, around the held level.
    bright = np.maximum(held @ LUMA, 1e-4)[..., None]
    punch = np.clip(bright / (level * factor), 0.05, 4) ** np.float32(PUNCH - 1)
    vivid = 1 + np.float32(VIVID - 1) * np.exp(-2 * bright) - 0.5 * np.clip(bright - 0.6, 0, 0.8)
    return np.asarray(np.maximum((bright + (held - bright) * vivid) * punch, 0), np.float32)


def roll_off(linear: Array) -> Array:
    """Compress what is above SHOULDER into what is left below 1; hues bleach slowly as film does."""
    top = np.maximum(np.maximum(linear[..., 0], linear[..., 1]), linear[..., 2])[..., None]
    if float(top.max(initial=0)) <= SHOULDER:
        return linear
    kept_hue = linear * (_curve(top) / np.maximum(top, np.float32(1e-6)))
    return (0.5 * kept_hue + 0.5 * _curve(linear)).astype(np.float32)


def _curve(x: Array) -> Array:
    room = np.float32(1 - SHOULDER)
    over = np.maximum(x - np.float32(SHOULDER), 0)
    # cv2.exp is several times as fast as numpy's on large arrays; it drops a last axis of 1.
    fade = cv2.exp(over * (-1 / room)).reshape(x.shape)
    return np.asarray(np.minimum(x, np.float32(SHOULDER)) + room * (1 - fade), np.float32)


def glow(linear: Array, strength: float) -> Array:
    """Add the veil that bright spots lay over their surroundings in a real lens."""
    height, width = linear.shape[:2]
    scale = min(1.0, 128 / max(height, width))
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    small = cv2.resize(linear, size, interpolation=cv2.INTER_AREA)
    over = np.clip(small - np.float32(0.7), 0, 4).astype(np.float32)
    veil = blur(over, 0.035 * max(size)) * 0.6 + blur(over, 0.12 * max(size)) * 0.4
    return linear + np.float32(strength) * cv2.resize(veil, (width, height), interpolation=cv2.INTER_LINEAR)


def vignette(width: int, height: int, strength: float) -> Array:
    """(H, W, 1) factor: 1 in the middle, darker towards the corners."""
    x = (np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1
    y = (np.arange(height, dtype=np.float32) + 0.5) / height * 2 - 1
    distance = x[None] ** 2 + y[:, None] ** 2
    return (1 - strength * distance / 2)[..., None].astype(np.float32)


def develop(linear: Array, *, dither: Array | None = None) -> RgbImage:
    """Make an sRGB picture of scene light; `dither` (H, W, 1) is added in sRGB against banding."""
    picture = to_srgb(roll_off(linear))
    if dither is not None:
        picture = np.clip(picture + dither, 0, 1)
    return picture.astype(np.float32)
