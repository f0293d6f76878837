"""Where the pictures are in an answer, and how wrapped: A1111 sends a list of base64, its kin send more.

Seen in the field: one picture under "image"; objects with "image", "b64_json" or "url" in place of texts; a
drawing's answer inside that of a job queue ("output"). Decodes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_LISTS = ("images", "image", "data", "output", "outputs", "result", "results", "artifacts", "response")
"""Keys under which pictures stand, or an object that holds them; the first that has any counts."""

_ONE = ("image", "images")
"""Keys under which a single picture may stand, not in a list."""

_TEXTS = ("image", "b64_json", "base64", "b64", "data", "url", "src", "content")
"""Keys of the text, in an object that stands for one picture."""

_DEPTH = 4
"""How many wrappings are opened; no server was seen to use more than two."""

PLACEHOLDER = "False"
"""What some patched servers put into `images` in place of a picture that they could not encode."""

_SHORTEST_PICTURE = 32
"""Characters of base64; nothing shorter is a picture of any format."""


_ADDRESS = re.compile(r"https?://\S+|/[^\s+=]*\.(png|jpe?g|webp|bmp|tiff?)(\?\S*)?", re.IGNORECASE)
"""An address in place of a picture; base64, which may begin with a slash as well, has no dots."""


def is_address(text: str) -> bool:
    """Whether a picture's text is where the picture lies, not the picture."""
    return _ADDRESS.fullmatch(text.strip()) is not None


def pictures_in(answer: object) -> tuple[str, ...] | None:
    """Return the texts or addresses of an answer's pictures in their order, "" for each that is missing.

    Args:
        answer: The parsed JSON.

    Returns:
        None if the answer has no place for pictures at all; an empty tuple if that place is empty.
    """
    found = _listed(answer, _DEPTH)
    if isinstance(answer, list):
        found = tuple(map(_checked, found or ()))
        return found if any(found) else None
    return found


def unwrapped(answer: object) -> Mapping[str, Any]:
    """Return the object that holds pictures and report: the answer, or what a job queue wrapped into one."""
    place = answer
    for _ in range(_DEPTH):
        if not isinstance(place, dict) or "images" in place or "image" in place:
            break
        inner = next((place[key] for key in _LISTS if isinstance(place.get(key), dict)), None)
        if inner is None:
            break
        place = inner
    return place if isinstance(place, dict) else {}


def _listed(value: object, depth: int) -> tuple[str, ...] | None:
    if isinstance(value, list):
        return tuple(_text_of(item, depth) for item in value)
    if not isinstance(value, dict) or not depth:
        return None
    single = [(_text_of(value[key], depth - 1),) for key in _ONE if isinstance(value.get(key), str | dict)]
    lists = [_listed(value[key], depth - 1) for key in _LISTS if key in value]
    known = [place for place in (*single, *lists) if place is not None]
    whole = [place for place in known if any(map(_checked, place))]
    return tuple(map(_checked, (whole or known)[0])) if known else None


def _text_of(item: object, depth: int) -> str:
    if isinstance(item, dict) and depth:
        texts = (_text_of(item[key], depth - 1) for key in _TEXTS if key in item)
        return next((text for text in texts if _checked(text)), "")
    return item if isinstance(item, str) else ""


def _checked(text: str) -> str:
    is_one = len(text) >= _SHORTEST_PICTURE or is_address(text)
    return text if is_one and text != PLACEHOLDER else ""
