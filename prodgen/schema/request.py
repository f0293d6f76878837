"""What every request of ours is: an immutable value that is right, or was refused with a sentence.

Owns the rules that all request types share: pictures are checked, requests are compared to the bit. What
is wrong is said by `refusals`. It knows no server: how a request is spelled on the wire is a dialect's
business.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PlainValidator

from prodgen.refusals import CheckedValue
from prodgen.schema.seeds import LARGEST_SEED

MAX_SIDE = 16384
"""Pixels. A1111 has no upper bound and dies of a large one; no model draws more than this."""


def checked_rgb(picture: object) -> NDArray[np.float32]:
    """Return `picture` if it is one of ours: (H, W, 3) float32, sRGB, [0, 1], finite.

    Raises:
        ValueError: If it is anything else.
    """
    if not isinstance(picture, np.ndarray) or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(f"must be an (H, W, 3) float32 picture, is {_shape_of(picture)}")
    return _checked_range(picture)


def checked_matte(matte: object) -> NDArray[np.float32]:
    """Return `matte` if it is one of ours: (H, W) float32, [0, 1], finite.

    Raises:
        ValueError: If it is anything else.
    """
    if not isinstance(matte, np.ndarray) or matte.ndim != 2:
        raise ValueError(f"must be an (H, W) float32 matte, is {_shape_of(matte)}")
    return _checked_range(matte)


def size_text(picture: NDArray[np.float32]) -> str:
    """Return width and height of a picture or a matte as a sentence has them."""
    return f"{picture.shape[1]}x{picture.shape[0]}"


def _shape_of(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and type {value.dtype}"
    return type(value).__name__


def _checked_range(array: NDArray[Any]) -> NDArray[np.float32]:
    if array.dtype != np.float32:
        raise ValueError(f"must be float32 in [0, 1], is {array.dtype}")
    if array.size == 0:
        raise ValueError("is empty")
    lowest, highest = float(array.min()), float(array.max())
    # Written so that NaN fails as well: every comparison with it is false.
    if not (lowest >= -1e-4 and highest <= 1 + 1e-4):
        raise ValueError(f"must lie in [0, 1], goes from {lowest:g} to {highest:g}")
    return array


RgbField = Annotated[NDArray[np.float32], PlainValidator(checked_rgb)]
"""An `RgbImage` as a field of a request."""

MatteField = Annotated[NDArray[np.float32], PlainValidator(checked_matte)]
"""A `Matte` (or an inpaint mask) as a field of a request."""

Side = Annotated[int, Field(ge=64, le=MAX_SIDE, multiple_of=8)]
"""Pixels. A1111 floors other numbers to a multiple of 8 without a word, and below 8 it fails."""

Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
"""A seed; "random" is drawn by the caller before the request is made, so that it is known."""

Share = Annotated[float, Field(ge=0, le=1)]
"""A number from 0 to 1."""

Name = Annotated[str, Field(min_length=1)]
"""A name that some server knows something by."""


class Request(CheckedValue):
    """An immutable value; what is unset is left to the backend's default and is not sent."""

    def __eq__(self, other: object) -> bool:
        """Say whether `other` is the same request, pictures compared to the bit."""
        if type(other) is not type(self):
            return NotImplemented
        mine, theirs = self.__dict__, other.__dict__
        return mine.keys() == theirs.keys() and all(_same(mine[key], theirs[key]) for key in mine)

    __hash__ = None  # type: ignore[assignment]  # pictures have no hash worth having

    @property
    def sent_fields(self) -> dict[str, Any]:
        """The fields that have a value, by name; what is None was never asked for."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}


def _same(mine: object, theirs: object) -> bool:
    if isinstance(mine, np.ndarray) or isinstance(theirs, np.ndarray):
        return (
            isinstance(mine, np.ndarray) and isinstance(theirs, np.ndarray) and np.array_equal(mine, theirs)
        )
    if isinstance(mine, tuple) and isinstance(theirs, tuple):
        return len(mine) == len(theirs) and all(map(_same, mine, theirs))
    return mine == theirs
