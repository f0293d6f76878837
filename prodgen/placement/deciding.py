"""Decides a product's place: the canvas' size, how large the product is on it, and where.

A product that the photograph cut off reaches that edge of the canvas too, so that it does not hang sawn off
in mid-air.
"""

from __future__ import annotations

import math

import numpy as np

from prodgen.errors import ImageError, PlacementError, WrongValueError
from prodgen.images import Matte
from prodgen.masks import bounding_box
from prodgen.placement.canvas import Placement
from prodgen.placement.canvas_sizes import DEFAULT_MOST_SIDE, Size, of_ratio, parse_ratio, parse_size
from prodgen.placement.paddings import SIDES, Edges, Padding
from prodgen.placement.spots import PLACES, Anchored, OnGround, Spot, read_spot

DEFAULT_FILL = 0.58
"""Share of the canvas that the product's larger side takes.

Chosen by eye: room for light and shadow around it."""

DEFAULT_LEAST_SIDE = 768
"""Smallest side, in pixels, of a canvas whose size was not asked for. Chosen: models draw poorly below."""

MARGIN = 0.02
"""Share of the canvas kept free around a product if no padding is asked for. Chosen by eye."""

SNAP_TO_ORIGINAL = 0.02
"""Difference of the scale from 1 up to which the product keeps its own pixels.

Chosen: resampling costs more."""

CUT_SHARE = 0.02
"""Share of a photograph's side along which a product must touch it to count as cut off there.

Chosen: a product that just reaches the frame with a corner is whole."""


def place(
    matte: Matte,
    *,
    canvas: Size | str | None = None,
    where: str = "auto",
    fill: float | None = None,
    padding: str | None = None,
    enlarge: bool = False,
    rotation_deg: float = 0.0,
    ground_line: float | None = None,
    snap: bool | None = None,
) -> Placement:
    """Decide where the product goes.

    Args:
        matte: The photograph's matte, (H, W), 1 = product.
        canvas: (width, height), text for `parse_size`, or None: the photograph's ratio. A bare ratio
            or None give a canvas on which the product keeps its own pixels and fills its share.
        where: A name of `PLACES`, "original" (the product stays where it is in the photograph; a canvas of
            another ratio is filled about its middle) or "X,Y": middle and contact line as shares of the
            canvas, such as "0.4,0.8".
        fill: Share of the canvas that the product's larger side takes, 0.05 to 1; None is `DEFAULT_FILL`, or
            all the room that a padding leaves.
        padding: Free space, such as "5%" or "left=5%,top=40"; with place "auto" the product then stands in
            the middle of the room, on its bottom.
        enlarge: Whether the product may be drawn larger than it was photographed.
        rotation_deg: Turns the product clockwise, -180 to 180.
        ground_line: The contact line as a share of the canvas' height, in place of the spot's own.
        snap: Whether a side where the photograph cut the product off reaches the canvas' edge. None: where
            the place is "auto" or "middle", and the product is not turned.

    Returns:
        The placement.

    Raises:
        PlacementError: If the matte is empty, or the product does not fit.
        SettingError: If a setting cannot be used.
    """
    photo = (matte.shape[1], matte.shape[0])
    spot = read_spot(where, ground_line=ground_line)
    if fill is not None and not 0.05 <= fill <= 1:
        raise WrongValueError("fill", fill, "must be a share of the canvas, 0.05 to 1")
    product = _extent(matte, rotation_deg)
    if spot is None:
        if padding is not None or rotation_deg:
            what = "padding" if padding is not None else "rotation_deg"
            raise WrongValueError(what, "", "cannot be chosen where place is original: the product stays")
        return _original(photo, product, parse_size(canvas, photo) if isinstance(canvas, str) else canvas)
    word = where.strip().lower()
    if padding is not None and word == "auto" and ground_line is None:
        spot = PLACES["bottom"]
    cut = _snapped(matte, word, rotation_deg, ground_line, snap)
    free = (Padding.even(MARGIN) if padding is None else Padding.parse(padding)).without(cut)
    share = DEFAULT_FILL if fill is None and padding is None else fill
    size = _canvas_size(canvas, photo, product, share, free, cut)
    lowest = size[1] if padding is None else free.room(*size).bottom
    scale = _scale(size, product, spot, share, free, cut, lowest, enlarge=enlarge)
    left, bottom = _corner(size, product, scale, spot, free, cut, lowest)
    return _at(photo, product, size, scale, left, bottom, rotation_deg)


def _snapped(
    matte: Matte, word: str, rotation_deg: float, ground_line: float | None, snap: bool | None
) -> frozenset[str]:
    """Return the sides at which the product is to reach the canvas' edge.

    Raises:
        WrongValueError: If it is asked for of a product that is turned.
    """
    if snap and rotation_deg:
        raise WrongValueError(
            "snap", "", "works for a product that is not turned: leave out the one or the other"
        )
    if rotation_deg or not (word in ("auto", "middle") if snap is None else snap):
        return frozenset()
    # A line that was asked for is where the product stands, sawn off or not, unless both are asked for.
    return cut_sides(matte) - (frozenset() if ground_line is None or snap else {"bottom"})


def extended(matte: Matte, left: int, top: int, right: int, bottom: int) -> Placement:
    """Return the placement that adds so many pixels on each side; the product stays where it is.

    Raises:
        PlacementError: If the matte is empty.
    """
    height, width = matte.shape
    size = (width + left + right, height + top + bottom)
    return _placement((width, height), _extent(matte, 0), size, 1.0, float(left), float(top))


def cut_sides(matte: Matte) -> frozenset[str]:
    """Return the sides at which the photograph cut the product off: "left", "top", "right", "bottom"."""
    edges = {"left": matte[:, 0], "top": matte[0], "right": matte[:, -1], "bottom": matte[-1]}
    return frozenset(side for side, edge in edges.items() if float((edge > 0.5).mean()) >= CUT_SHARE)


def sides_in_mid_air(matte: Matte, placement: Placement) -> tuple[str, ...]:
    """Return the sides where the photograph cut the product off, and the canvas does not."""
    room = {
        "left": placement.left,
        "top": placement.top,
        "right": placement.width - placement.right,
        "bottom": placement.height - placement.bottom,
    }
    cut = cut_sides(matte)
    return tuple(side for side in SIDES if side in cut and room[side] > 1)


def _extent(matte: Matte, rotation_deg: float) -> Edges:
    """Return the product's extent, turned about the photograph's corner.

    Raises:
        PlacementError: If the matte is empty.
    """
    try:
        box = bounding_box(matte)
    except ImageError as error:
        message = "the matte is empty, so there is no product to place; check the matte or try another model"
        raise PlacementError(message) from error
    if not rotation_deg:
        return Edges(*map(float, box))
    inside = matte[box.top : box.bottom, box.left : box.right] > 0.5
    rows = np.flatnonzero(inside.any(axis=1))
    first = box.left + np.argmax(inside[rows], axis=1)
    last = box.left + inside.shape[1] - np.argmax(inside[rows, ::-1], axis=1)
    corners = np.concatenate([np.stack([x, rows + box.top + y], -1) for x in (first, last) for y in (0, 1)])
    angle = math.radians(rotation_deg)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    turned = corners @ turn.T
    return Edges(*(float(v) for v in (*turned.min(axis=0), *turned.max(axis=0))))


def _canvas_size(
    canvas: Size | str | None,
    photo: Size,
    product: Edges,
    share: float | None,
    free: Padding,
    cut: frozenset[str],
) -> Size:
    """Return the canvas' size; for a ratio alone, the size on which the product at 1:1 fills its share."""
    ratio = parse_ratio(canvas) if isinstance(canvas, str) else photo[0] / photo[1]
    if isinstance(canvas, tuple):
        return canvas
    if ratio is None:
        return parse_size(str(canvas), photo)
    wide, tall = free.around(product.width, product.height)
    if share is not None:
        wide = wide if {"left", "right"} <= cut else max(wide, product.width / share)
        tall = tall if {"top", "bottom"} <= cut else max(tall, product.height / share)
    wide = max(wide, tall * ratio)
    long_side = wide if ratio >= 1 else wide / ratio
    return of_ratio(ratio, float(np.clip(long_side, DEFAULT_LEAST_SIDE, DEFAULT_MOST_SIDE)))


def _scale(
    size: Size,
    product: Edges,
    spot: Spot,
    share: float | None,
    free: Padding,
    cut: frozenset[str],
    lowest: float,
    *,
    enlarge: bool,
) -> float:
    """Return canvas pixels for one of the photograph's: as asked, as the room and its own pixels allow."""
    room = free.room(*size)
    tall = room.height
    if isinstance(spot, OnGround) and "bottom" not in cut:
        tall = min(spot.ground_line * size[1], lowest) - room.top
    most = min(room.width / product.width, tall / product.height)
    wanted = most
    if share is not None:
        across = size[0] / product.width * (1 if {"left", "right"} <= cut else share)
        down = size[1] / product.height * (1 if {"top", "bottom"} <= cut else share)
        wanted = min(across, down)
    scale = min(wanted, most, math.inf if enlarge else 1.0)
    is_near = abs(scale - 1) < SNAP_TO_ORIGINAL and most >= 1
    if scale <= 0:
        raise PlacementError(
            "the product has no room above its ground line; give a lower one or less padding"
        )
    return 1.0 if is_near else scale


def _corner(
    size: Size,
    product: Edges,
    scale: float,
    spot: Spot,
    free: Padding,
    cut: frozenset[str],
    lowest: float,
) -> tuple[float, float]:
    """Return the left and the bottom edge of the product on the canvas; a foot stands on `lowest` at most."""
    width, height = product.width * scale, product.height * scale
    room = free.room(*size)
    if isinstance(spot, Anchored):
        left = room.left + spot.across * (room.width - width)
        bottom = room.top + spot.down * (room.height - height) + height
    else:
        left = min(max(spot.across * size[0] - width / 2, room.left), room.right - width)
        bottom = min(max(spot.ground_line * size[1], height), float(lowest))
    if "left" in cut:
        left = 0.0
    elif "right" in cut:
        left = size[0] - width
    if "bottom" in cut:
        bottom = float(size[1])
    elif "top" in cut:
        bottom = height
    return max(left, 0.0), bottom


def _at(
    photo: Size, product: Edges, size: Size, scale: float, left: float, bottom: float, rotation_deg: float
) -> Placement:
    """Return the placement with the product's left and bottom edge there."""
    width, height = product.width * scale, product.height * scale
    if width > size[0] + 0.5 or height > size[1] + 0.5:
        raise PlacementError(
            f"the product would be {width:.0f}x{height:.0f} on a canvas of {size[0]}x{size[1]};"
            " use a smaller fill or a larger size"
        )
    offset_x, offset_y = left - product.left * scale, bottom - height - product.top * scale
    if scale == 1 and not rotation_deg:
        # Whole pixels, so that nothing is resampled.
        offset_x, offset_y = float(round(offset_x)), float(round(offset_y))
    return _placement(photo, product, size, scale, offset_x, offset_y, rotation_deg)


def _original(photo: Size, product: Edges, size: Size | None) -> Placement:
    """Return the placement that leaves the photograph as it is and fills another canvas about its middle."""
    if size is None or size == photo:
        return _placement(photo, product, photo, 1.0, 0.0, 0.0)
    scale = max(size[0] / photo[0], size[1] / photo[1])
    offset_x, offset_y = (size[0] - photo[0] * scale) / 2, (size[1] - photo[1] * scale) / 2
    placed = _placement(photo, product, size, scale, offset_x, offset_y)
    is_cut_across = placed.left < -0.5 or placed.right > size[0] + 0.5
    if is_cut_across or placed.top < -0.5 or placed.bottom > size[1] + 0.5:
        raise PlacementError(
            f"at its original place the product would be cut off by a canvas of {size[0]}x{size[1]};"
            " use place auto, or the photograph's ratio"
        )
    return placed


def _placement(
    photo: Size,
    product: Edges,
    size: Size,
    scale: float,
    offset_x: float,
    offset_y: float,
    rotation_deg: float = 0.0,
) -> Placement:
    """Return the placement with the product's box computed."""
    return Placement(
        width=size[0],
        height=size[1],
        photo_width=photo[0],
        photo_height=photo[1],
        scale=scale,
        rotation_deg=rotation_deg,
        offset_x=offset_x,
        offset_y=offset_y,
        left=product.left * scale + offset_x,
        top=product.top * scale + offset_y,
        right=product.right * scale + offset_x,
        bottom=product.bottom * scale + offset_y,
    )
