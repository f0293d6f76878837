"""Pictures that are all black, or that the server's safety filter has replaced: told, not passed on silently.

Two things look the same: broken numbers (NaN) of a model in half precision, and the picture that a safety
filter puts in place of one it objects to. Which it was only the server knows, so both are named.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from prodgen.client.reaching import encoding
from prodgen.client.reaching.faults import NANS_REMEDY
from prodgen.dialects import ReadGeneration
from prodgen.errors import BackendFaultError
from prodgen.images import Photo
from prodgen.schema import Drawing, Img2Img

FILTER_REMEDY = (
    "If a safety filter of the server did it, try another seed or other words, or turn the filter off there."
)

_PLAIN_WORDS = frozenset(
    {"a", "an", "the", "all", "of", "in", "on", "plain", "pure", "solid", "empty", "seamless", "deep", "dark"}
    | {"background", "backdrop", "picture", "image", "screen", "frame", "canvas", "color", "colour", "studio"}
)
"""Words beside "black" in a prompt that asks for no thing: "a plain black background"."""


def left_out(
    url: str, request: Drawing, read: ReadGeneration, pictures: Sequence[Photo | None], notices: list[str]
) -> set[int]:
    """Return the places of pictures that are all black for no reason in the request.

    Args:
        url: Where the server is.
        request: What was asked for.
        read: What the server says.
        pictures: The results; None for one that could not be read.
        notices: Gets a sentence on each that was replaced, or is black as it may be.

    Raises:
        BackendFaultError: If no other picture is left.
    """
    is_expected = may_be_black(request)
    marked = {place for place, is_marked in enumerate(read.marked_unsafe) if is_marked}
    black: set[int] = set()
    for place, picture in enumerate(pictures):
        if picture is None:
            continue
        if is_black(picture) and (place in marked or not is_expected):
            black.add(place)
        elif is_black(picture):
            notices.append(
                f"Picture {place + 1} is all black, which can be what was asked for; broken numbers (NaN) "
                "and a safety filter of the server make the same"
            )
        elif place in marked:
            notices.append(
                f"The server marks picture {place + 1} as not safe for work: its safety filter may have "
                f"blurred or replaced it. {FILTER_REMEDY}"
            )
    if not black:
        return black
    are_marked = black <= marked
    fault = _sentence(black, len(pictures), read, are_marked=are_marked)
    remedy = FILTER_REMEDY if are_marked else f"{NANS_REMEDY} {FILTER_REMEDY}"
    if len(black) == sum(picture is not None for picture in pictures):
        raise BackendFaultError(url, fault, remedy=remedy, server_text=" ".join(read.remarks))
    notices.append(f"Left out: {fault}. {remedy}")
    return black


def _sentence(black: set[int], count: int, read: ReadGeneration, *, are_marked: bool) -> str:
    numbers = ", ".join(str(place + 1) for place in sorted(black))
    which = f"picture {numbers} is" if len(black) == 1 else f"pictures {numbers} are"
    of_how_many = f" (of {count})" if count > 1 else ""
    why = (
        "and the server marks it as not safe for work: its safety filter has replaced it"
        if are_marked
        else "as broken numbers (NaN) are, and as the picture that a safety filter puts in its place"
    )
    said = f"; the server says: {'; '.join(map(repr, read.remarks))}" if read.remarks else ""
    return f"{which} all black{of_how_many}, {why}{said}"


def is_black(picture: Photo) -> bool:
    """Whether nothing but black is to be seen."""
    return not picture.pixels.any() and (picture.matte is None or not picture.matte.any())


def may_be_black(request: Drawing) -> bool:
    """Whether an all-black picture can be right: it starts from a black one, or no thing is asked for."""
    if isinstance(request, Img2Img) and not np.any(encoding.to_uint8(request.init_image)):
        return True
    words = set(re.findall(r"[a-z]+", request.prompt.lower()))
    return "black" in words and words <= {"black", *_PLAIN_WORDS}
