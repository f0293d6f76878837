"""Upscalers that need no network: a filter, chosen by the upscaler's name."""

from __future__ import annotations

import cv2

from prodgen.server.wire import Pixels, resized


def resampled(pixels: Pixels, width: int, height: int, name: str) -> Pixels:
    """Return pixels, (H, W) or (H, W, C), at another size, without a network.

    Args:
        pixels: The picture.
        width: Wanted width in pixels.
        height: Wanted height in pixels.
        name: "Nearest" takes the nearest pixel. With any other name what gets smaller is averaged, and what
            gets larger is done by Lanczos' filter, as A1111's "Lanczos" and "None" do it.
    """
    if name == "Nearest":
        return resized(pixels, width, height, cv2.INTER_NEAREST)
    is_smaller = width <= pixels.shape[1] and height <= pixels.shape[0]
    return resized(pixels, width, height, cv2.INTER_AREA if is_smaller else cv2.INTER_LANCZOS4)
