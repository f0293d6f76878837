"""The maps that ControlNets steer by, made of pictures with OpenCV alone.

Owns the preprocessors that need no network, with the numbers of A1111's ControlNet extension. For the others
(poses, depth, segmentation) the finished map is sent, with the module "none".
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from prodgen.server.control_sliders import thresholds_of
from prodgen.server.engine import DetectedMap
from prodgen.server.finer_settings import ControlOrder
from prodgen.server.inpainting import fitted
from prodgen.server.wire import Pixels, Refused, resized

Preprocessor = Callable[[Pixels, float, float], Pixels]
"""Makes a map, (H, W, 3), of a picture and the module's two numbers."""

HALF = 127
"""8-bit level at which a map of two colours is parted again after it was resized."""


def _canny(picture: Pixels, low: float, high: float) -> Pixels:
    return _three(np.asarray(cv2.Canny(picture, low, high), np.uint8))


def _threshold(picture: Pixels, level: float, _: float) -> Pixels:
    return np.where(picture > level, np.uint8(255), np.uint8(0))


def _coarse(picture: Pixels, rate: float, _: float) -> Pixels:
    height, width = (max(1, round(side / max(rate, 1.0))) for side in picture.shape[:2])
    return resized(picture, width, height, cv2.INTER_AREA)


def _blurred(picture: Pixels, sigma: float, _: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), max(sigma, 0.01)), np.uint8)


def _three(grey: Pixels) -> Pixels:
    return np.repeat(grey[..., None], 3, axis=2)


_MODULES: dict[str, Preprocessor] = {
    "none": lambda picture, _, __: picture,
    "canny": _canny,
    "invert": lambda picture, _, __: 255 - picture,
    "threshold": _threshold,
    "tile_resample": _coarse,
    "blur_gaussian": _blurred,
}
"""Name of each module and what it does."""

CONTROL_MODULES = tuple(name for name in _MODULES if name != "none")
"""Preprocessors beside "none", as the inventory lists them."""

_AT_OWN_SIZE = ("none", "invert")
_TWO_COLOURS = ("canny", "threshold")


def detected_map(order: ControlOrder) -> DetectedMap:
    """Return what the preprocessor of one unit of ControlNet makes of its picture.

    Raises:
        wire.Refused: With 422, for a preprocessor that needs a network of its own.
    """
    if order.module not in _MODULES:
        raise Refused(
            422,
            f"ControlNet's preprocessor {order.module!r} needs a network of its own, which is not here."
            f' Send the finished map with the module "none", or take one of {", ".join(CONTROL_MODULES)}.',
        )
    usual = (*(slider.value for slider in thresholds_of(order.module)), 0.0, 0.0)
    asked = (order.threshold_a, order.threshold_b)
    first, second = (
        at_first if number is None or number < 0 else number
        for number, at_first in zip(asked, usual, strict=False)
    )
    picture = order.picture
    if order.module not in _AT_OWN_SIZE:
        picture = _with_shorter_side(picture, order.processor_res)
    return DetectedMap(_MODULES[order.module](picture, first, second))


def control_map(order: ControlOrder, width: int, height: int) -> Pixels:
    """Return the map of one unit of ControlNet for pictures of a size, (height, width, 3).

    Args:
        order: The unit.
        width: Of the pictures to be drawn.
        height: Of the pictures to be drawn.

    Raises:
        wire.Refused: With 422, for a preprocessor that needs a network of its own.
    """
    made = fitted(detected_map(order).pixels, width, height, order.resize_mode)
    return _threshold(made, HALF, 0) if order.module in _TWO_COLOURS else made


def _with_shorter_side(picture: Pixels, side_px: int) -> Pixels:
    """Return the picture with a shorter side of so many pixels; 0 and below leave it."""
    if side_px <= 0:
        return picture
    scale = side_px / min(picture.shape[:2])
    height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
    return resized(picture, width, height, cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
