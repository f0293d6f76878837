"""The embedded renderer's own upscaler: Lanczos in steps of two, each followed by a bounded sharpening."""

from __future__ import annotations

import cv2
import numpy as np

from prodgen.server.wire import Pixels, resized

SHARP = "prodgen-sharp"
"""Its name in lists."""

GAIN = 0.6
"""Strength of the unsharp mask. Chosen by eye: the result cannot leave the range of its neighbours, so no
value of it makes halos; more than this makes soft photographs look etched."""

RADIUS_PX = 1.2
"""Sigma of the unsharp mask. Chosen by eye, about the blur that doubling by Lanczos leaves."""


def enlarge(pixels: Pixels, width: int, height: int) -> Pixels:
    """Return a picture, (H, W, 3 or 4), enlarged without halos; alpha is resampled like a colour."""
    while pixels.shape[1] * 2 <= width and pixels.shape[0] * 2 <= height:
        pixels = _sharpened(_without_ringing(pixels, pixels.shape[1] * 2, pixels.shape[0] * 2))
    if pixels.shape[1::-1] == (width, height):
        return pixels
    return _sharpened(_without_ringing(pixels, width, height))


def _range(pixels: Pixels) -> tuple[Pixels, Pixels]:
    """Return the least and the largest value among each pixel's 3 x 3 neighbours."""
    near = np.ones((3, 3), np.uint8)
    return np.asarray(cv2.erode(pixels, near), np.uint8), np.asarray(cv2.dilate(pixels, near), np.uint8)


def _without_ringing(pixels: Pixels, width: int, height: int) -> Pixels:
    """Return a Lanczos enlargement that stays in the range of each pixel's 3 x 3 neighbours."""
    low, high = _range(pixels)
    low, high = (resized(bound, width, height, cv2.INTER_LINEAR) for bound in (low, high))
    return np.clip(resized(pixels, width, height, cv2.INTER_LANCZOS4), low, high)


def _sharpened(pixels: Pixels) -> Pixels:
    """Return an unsharp mask that never leaves the range of its 3 x 3 neighbourhood."""
    low, high = _range(pixels)
    soft = cv2.GaussianBlur(pixels, (0, 0), RADIUS_PX)
    sharp = cv2.addWeighted(pixels, 1 + GAIN, soft, -GAIN, 0)
    return np.asarray(np.clip(sharp, low, high), np.uint8)
