"""The embedded renderer's own upscaler: Lanczos in steps of two, each followed by a bounded sharpening."""

from __future__ import annotations

import cv2
import numpy as np

from prodgen.server.wire import Pixels

SHARP = "prodgen-sharp"
"""Its name in lists."""

GAIN = 0.6
"""Strength of the unsharp mask. Chosen by eye: the result cannot leave the range of its neighbours, so no
value of it makes halos; more than this makes soft photographs look etched."""

RADIUS_PX = 1.2
"""Sigma of the unsharp mask. Chosen by eye, about the blur that doubling by Lanczos leaves."""

_NEIGHBOURS = np.ones((3, 3), np.uint8)


def enlarge(pixels: Pixels, width: int, height: int) -> Pixels:
    """Return a picture, (H, W, 3 or 4), enlarged without halos; alpha is resampled like a colour."""
    while pixels.shape[1] * 2 <= width and pixels.shape[0] * 2 <= height:
        pixels = _sharpened(_without_ringing(pixels, pixels.shape[1] * 2, pixels.shape[0] * 2))
    if pixels.shape[1::-1] == (width, height):
        return pixels
    return _sharpened(_without_ringing(pixels, width, height))


def _without_ringing(pixels: Pixels, width: int, height: int) -> Pixels:
    """Return a Lanczos enlargement that stays in the range of each pixel's 3 x 3 neighbours."""
    low = _resized(np.asarray(cv2.erode(pixels, _NEIGHBOURS), np.uint8), width, height, cv2.INTER_LINEAR)
    high = _resized(np.asarray(cv2.dilate(pixels, _NEIGHBOURS), np.uint8), width, height, cv2.INTER_LINEAR)
    return np.clip(_resized(pixels, width, height, cv2.INTER_LANCZOS4), low, high)


def _resized(pixels: Pixels, width: int, height: int, how: int) -> Pixels:
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=how), np.uint8)


def _sharpened(pixels: Pixels) -> Pixels:
    """Return an unsharp mask that never leaves the range of its 3 x 3 neighbourhood."""
    low, high = cv2.erode(pixels, _NEIGHBOURS), cv2.dilate(pixels, _NEIGHBOURS)
    soft = cv2.GaussianBlur(pixels, (0, 0), RADIUS_PX)
    sharp = cv2.addWeighted(pixels, 1 + GAIN, soft, -GAIN, 0)
    return np.asarray(np.clip(sharp, low, high), np.uint8)
