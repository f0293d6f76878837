"""Reads how a shadow is described in words: its direction on the floor, and its colour."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from prodgen.errors import WrongValueError

DIRECTIONS = {
    "front": 0.0,
    "front-right": 45.0,
    "right": 90.0,
    "back-right": 135.0,
    "back": 180.0,
    "back-left": -135.0,
    "left": -90.0,
    "front-left": -45.0,
}
"""Where on the floor a shadow falls, in degrees from the way to the camera."""


def read_direction(value: object) -> object:
    """Return the degrees of a direction in words; what is no text as it is.

    Raises:
        WrongValueError: If it is a text that is no direction.
    """
    if not isinstance(value, str):
        return value
    word = value.strip().lower()
    if word in DIRECTIONS:
        return DIRECTIONS[word]
    if re.fullmatch(r"[+-]?\d{1,3}(\.\d+)?", word) and abs(float(word)) <= 180:
        return float(word)
    possible = f"must be one of {', '.join(DIRECTIONS)}, or degrees from -180 to 180"
    raise WrongValueError("shadow_azimuth_deg", value, possible)


def read_hex(value: str) -> NDArray[np.float32]:
    """Return the colour of "#rrggbb" or "#rgb": (3,), sRGB, [0, 1].

    Raises:
        WrongValueError: If it is none.
    """
    digits = value.strip().removeprefix("#")
    if not re.fullmatch(r"[0-9a-fA-F]{3}|[0-9a-fA-F]{6}", digits):
        raise WrongValueError("shadow_color", value, "must be a colour such as #203060")
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    return np.array([int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)], np.float32)
