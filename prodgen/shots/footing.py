"""Whether a product has anything to stand on in its scene, and which shadow follows from that."""

from __future__ import annotations

import re

from prodgen.presence import MissingFloor, find_missing_floor
from prodgen.shots.floor_shadow import Kind, is_drawn_bare, is_drawn_uneven, is_plain
from prodgen.shots.frame import Frame
from prodgen.shots.layers import Brief, Drawn, FinalScene, PaintedFloor, Placed

BESIDE_DRAWN: tuple[Kind, ...] = ("none", "float", "keep")
"""Kinds of shadow that look otherwise than the one that stands in a drawn scene."""

DRAWN_STAYS = (
    "a shadow that was drawn with the scene stays, as it cannot be taken out of it: the one asked for does"
    " not replace it; --background or --recipe packshot has none before"
)
"""Told of a drawn scene where another shadow was asked for than a drawn product throws."""

UNEVEN_STAYS = (
    "the shadow stays as it was drawn, on what the product stands on and before: the one asked for lies on a"
    " flat floor and would hang in the air beside it; shadow none takes it away"
)
"""Told in its place where the drawn shadow falls on steps, a stand or a wall."""

PAINTED_STAYS = (
    "the floor was painted with the shadow at the product's foot (ground inpaint), which stays; ground auto"
    " leaves the floor as it is"
)
"""Told where a floor was painted and no shadow, or another one, was asked for."""

_HOVERS = re.compile(
    r"(?<!not )(?<!no )\b(levitat\w+|hovering|weightless|(in )?mid[- ]?air"
    r"|(floating|suspended)(?=\s*(?:$|[,.;]|in\b|over\b|above\b|among\b|before\b|against\b)))",
    re.IGNORECASE,
)
"""Words for a product that hovers; "a floating shelf" and "floating on water" are none."""


def hovers(prompt: str) -> bool:
    """Whether a prompt asks for a product that hovers."""
    return _HOVERS.search(prompt) is not None


def beside_drawn(frame: Frame, asked: Kind, *, is_turned: bool) -> tuple[Kind, str | None]:
    """Return which shadow is laid where one is drawn already, and what is told of that one's staying.

    Args:
        frame: The scene is drawn, or is the user's.
        asked: The kind of shadow.
        is_turned: Whether it is to fall elsewhere than the picture's light throws it.
    """
    if frame.get(PaintedFloor) is not None and asked in BESIDE_DRAWN:
        return asked, PAINTED_STAYS
    is_drawn = frame[Placed].backdrop is None and not is_plain(frame) and not is_drawn_bare(frame)
    if not is_drawn or not (asked in BESIDE_DRAWN or is_turned):
        return asked, None
    return ("auto", UNEVEN_STAYS) if is_drawn_uneven(frame) else (asked, DRAWN_STAYS)


def without_floor(frame: Frame, asked: Kind, *, is_searched: bool, lies_flat: bool) -> tuple[Frame, Kind]:
    """Return the frame, with what is told of a floor that is missing, and the kind of shadow that fits.

    Only `auto` becomes another kind. Under a product that a prompt lets hover there is no contact: the
    embedded backend has drawn its wide shadow then, and in any other scene it gets one.

    Args:
        frame: The scene has its final size.
        asked: The kind of shadow.
        is_searched: Whether the scene is looked at at all.
        lies_flat: Whether the product was photographed from above; then its floor is one surface.
    """
    drawn, placed = frame.get(Drawn), frame[Placed]
    if is_plain(frame) or lies_flat or drawn is None:
        return frame, asked
    is_drawn = placed.backdrop is None
    if is_drawn and hovers(frame[Brief].prompt):
        return frame, ("float" if drawn.origin.is_generated else "none") if asked == "auto" else asked
    knows_its_floor = is_drawn and not drawn.origin.is_generated
    if not is_searched or asked in ("none", "float") or knows_its_floor:
        return frame, asked
    missing = find_missing_floor(frame[FinalScene].image, placed.matte)
    if missing is None:
        return frame, asked
    told, kind = _told(missing, asked)
    return frame.holding(missing).noting(told), kind


def _told(missing: MissingFloor, asked: Kind) -> tuple[str, Kind]:
    if asked != "auto":
        return f"{missing}; --shadow float or none suits a product that stands on nothing", asked
    remedy = "--ground none takes it for a floor"
    if missing.surface == "wall":
        return f"{missing}, so its shadow is a hovering product's; {remedy}", "float"
    return f"{missing}, so it throws no shadow; {remedy}", "none"
