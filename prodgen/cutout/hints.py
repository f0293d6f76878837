"""What the user knows of where the product is: a box around it, points on it and beside it."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index

from prodgen.errors import SettingError
from prodgen.images import Matte

Rectangle = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the photo; right and bottom are one past the last."""

Point = tuple[float, float, bool]
"""x, y in pixels of the photo, and whether the product is there (True) or the background (False)."""


def check_hints(shape: tuple[int, ...], box: Rectangle | None, points: Sequence[Point]) -> None:
    """Refuse a box or a point that does not lie in a photo of this shape.

    Raises:
        SettingError: If one does not.
    """
    height, width = shape[:2]
    if box is not None:
        try:
            left, top, right, bottom = map(index, box)
        except (TypeError, ValueError) as error:
            raise SettingError(f"box {box} is not left, top, right, bottom in whole pixels") from error
        if not (0 <= left < right <= width and 0 <= top < bottom <= height):
            raise SettingError(
                f"box {left},{top},{right},{bottom} does not lie in the photo of {width}x{height}"
            )
    for point in points:
        try:
            x, y, _ = point
        except (TypeError, ValueError) as error:
            raise SettingError(f"point {point} is not x, y, and whether the product is there") from error
        if not (0 <= x < width and 0 <= y < height):
            raise SettingError(f"point {x:g},{y:g} does not lie in the photo of {width}x{height}")


def clear_outside(matte: Matte, box: Rectangle | None) -> Matte:
    """The matte with nothing outside the box."""
    if box is None:
        return matte
    left, top, right, bottom = box
    result = matte.copy()
    result[:top] = result[bottom:] = 0
    result[:, :left] = result[:, right:] = 0
    return result
