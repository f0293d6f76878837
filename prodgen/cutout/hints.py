"""What the user knows of where the product is: a box around it, points on it and beside it.

Both are given in pixels of the photo or, in words, in shares of it as well, which fit a series of photos of
several sizes:

    40,20,600,580            10%,5%,90%,95%              left, top, right, bottom
    +320,400 -50,60          +50%,60%/-10%,90%           + product, - background

Owns the grammar and what every segmenter is spared: the view of a box, the cut outside of it. What points do
to a matte is in `evidence`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import index

import numpy as np

from prodgen.errors import SettingError, WrongValueError
from prodgen.images import Matte, Plane, resize

Rectangle = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the photo; right and bottom are one past the last."""

Point = tuple[float, float, bool]
"""x, y in pixels of the photo, and whether the product is there (True) or the background (False)."""

BOX_MARGIN = 0.1
"""What a segmenter is shown around the user's box, of its longer side: it wants to see background.
Chosen."""

LOOK_PX = 1024
"""Longest side of a look that is placed in the whole photo: the size of the largest network. Speed."""

BOX_WORDS = "must be LEFT,TOP,RIGHT,BOTTOM in pixels or percent, such as 40,20,600,580 or 10%,5%,90%,95%"
"""What a box in words may be."""

POINTS_WORDS = (
    "must be +X,Y for product and -X,Y for background, such as '+320,400 -50,60' or +50%,60%/-5%,9%"
)
"""What points in words may be."""

_LENGTH = r"\s*(\d{1,6}(?:\.\d{1,6})?%?)\s*"
_BOX = re.compile(",".join([_LENGTH] * 4))
_POINT = re.compile(rf"([+-]?){_LENGTH},{_LENGTH}")


def check_box(box: Rectangle | str) -> Rectangle | str:
    """Return a box as it is if it is one in any photo: four whole numbers, or words.

    Raises:
        SettingError: If it is none.
    """
    if isinstance(box, str):
        _lengths(box)
        return box
    try:
        left, top, right, bottom = map(index, box)
    except (TypeError, ValueError) as error:
        raise SettingError(f"box {box} is not left, top, right, bottom in whole pixels") from error
    return left, top, right, bottom


def check_points(points: Sequence[Point] | str) -> tuple[Point, ...] | str:
    """Return points as they are if they are some in any photo: x, y and which each, or words.

    Raises:
        SettingError: If they are none.
    """
    if isinstance(points, str):
        _signed_places(points)
        return points
    checked = []
    for point in points:
        try:
            x, y, is_product = point
            checked.append((float(x), float(y), bool(is_product)))
        except (TypeError, ValueError) as error:
            raise SettingError(f"point {point} is not x, y, and whether the product is there") from error
    return tuple(checked)


def box_in_pixels(box: Rectangle | str | None, shape: tuple[int, ...]) -> Rectangle | None:
    """The box in pixels of a photo of this shape.

    Raises:
        SettingError: If it is none, or does not lie in the photo.
    """
    if box is None:
        return None
    height, width = shape[:2]
    checked = check_box(box)
    if isinstance(checked, str):
        sides = (width, height, width, height)
        numbers = [_pixels(text, side) for text, side in zip(_lengths(checked), sides, strict=True)]
        if not all(number.is_integer() for number in numbers):
            raise WrongValueError("box", checked, BOX_WORDS)
        left, top, right, bottom = map(int, numbers)
    else:
        left, top, right, bottom = checked
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise SettingError(f"box {left},{top},{right},{bottom} does not lie in the photo of {width}x{height}")
    return left, top, right, bottom


def points_in_pixels(points: Sequence[Point] | str, shape: tuple[int, ...]) -> tuple[Point, ...]:
    """The points in pixels of a photo of this shape.

    Raises:
        SettingError: If they are none, or one does not lie in the photo.
    """
    height, width = shape[:2]
    checked = check_points(points)
    if isinstance(checked, str):
        checked = tuple(
            (_inside(x, width), _inside(y, height), sign != "-") for sign, x, y in _signed_places(checked)
        )
    for x, y, _ in checked:
        if not (0 <= x < width and 0 <= y < height):
            raise SettingError(f"point {x:g},{y:g} does not lie in the photo of {width}x{height}")
    return checked


def hints_in(
    box: Rectangle | str | None, points: Sequence[Point] | str, shape: tuple[int, ...]
) -> tuple[Rectangle | None, tuple[Point, ...]]:
    """Box and points in pixels of a photo of this shape.

    Raises:
        SettingError: If one is none or lies outside the photo, or a point of the product outside the box.
    """
    rectangle, places = box_in_pixels(box, shape), points_in_pixels(points, shape)
    for x, y, is_product in places:
        if is_product and rectangle is not None and not _holds(rectangle, x, y):
            raise SettingError(f"point +{x:g},{y:g} is product but lies outside the box, where nothing is")
    return rectangle, places


def seen_in_view(
    box: Rectangle, points: Sequence[Point], view: tuple[slice, slice]
) -> tuple[Rectangle, tuple[Point, ...]]:
    """The box, and those of the points that the view shows, in pixels of the view."""
    rows, columns = view
    left, top, right, bottom = box
    inside = tuple(
        (x - columns.start, y - rows.start, is_product)
        for x, y, is_product in points
        if rows.start <= y < rows.stop and columns.start <= x < columns.stop
    )
    return (left - columns.start, top - rows.start, right - columns.start, bottom - rows.start), inside


def view_of(box: Rectangle, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The rows and columns that a segmenter is shown: the box, with some background around it."""
    left, top, right, bottom = box
    margin = round(BOX_MARGIN * max(right - left, bottom - top))
    return (
        slice(max(0, top - margin), min(shape[0], bottom + margin)),
        slice(max(0, left - margin), min(shape[1], right + margin)),
    )


def look_in_photo(look: Plane, view: tuple[slice, slice], shape: tuple[int, ...]) -> Plane:
    """A look at the view, of any size, as one at the whole photo that saw nothing elsewhere.

    Returns:
        At most `LOOK_PX` a side, of the photo's proportions.
    """
    scale = min(1.0, LOOK_PX / max(shape))
    whole = np.zeros((max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))), np.float32)
    rows, columns = (slice(round(part.start * scale), round(part.stop * scale)) for part in view)
    height, width = whole[rows, columns].shape
    if height and width:
        whole[rows, columns] = resize(look, width, height)
    return whole


def clear_outside(matte: Matte, box: Rectangle | None) -> Matte:
    """The matte with nothing outside the box."""
    if box is None:
        return matte
    left, top, right, bottom = box
    result = matte.copy()
    result[:top] = result[bottom:] = 0
    result[:, :left] = result[:, right:] = 0
    return result


def _lengths(words: str) -> tuple[str, ...]:
    found = _BOX.fullmatch(words)
    if found is None:
        raise WrongValueError("box", words, BOX_WORDS)
    return found.groups()


def _signed_places(words: str) -> list[tuple[str, str, str]]:
    found = [
        _POINT.fullmatch(part) for part in re.split(r"[/;\s]+", re.sub(r"\s*,\s*", ",", words).strip(" /;"))
    ]
    places = [tuple(match.groups()) for match in found if match is not None]
    if len(places) < len(found):
        raise WrongValueError("points", words, POINTS_WORDS)
    return [(sign, x, y) for sign, x, y in places]


def _holds(box: Rectangle, x: float, y: float) -> bool:
    left, top, right, bottom = box
    return left <= x < right and top <= y < bottom


def _inside(length: str, side: int) -> float:
    """A coordinate of a point in pixels; 100 % is the last pixel."""
    pixels = _pixels(length, side)
    return side - 0.5 if pixels == side and length.endswith("%") else pixels


def _pixels(length: str, side: int) -> float:
    return float(round(float(length[:-1]) / 100 * side)) if length.endswith("%") else float(length)
