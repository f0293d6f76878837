"""The product's place on the canvas, and the resampling that puts the photograph there."""

from __future__ import annotations

import math
import re

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from prodgen.errors import ImageError, PlacementError, SettingError, UnknownNameError, WrongValueError
from prodgen.images import Matte, RgbImage
from prodgen.masks import Box, bounding_box
from prodgen.placement.canvas_sizes import DEFAULT_MOST_SIDE, Size, of_ratio, parse_ratio, parse_size

PLACES: dict[str, tuple[float, float]] = {
    "auto": (0.5, 0.70),
    "center": (0.5, 0.70),
    "left": (0.27, 0.70),
    "right": (0.73, 0.70),
    "left-third": (1 / 3, 0.70),
    "right-third": (2 / 3, 0.70),
    "low": (0.5, 0.84),
    "high": (0.5, 0.60),
}
"""Name -> (middle of the product, contact line), as shares of the canvas.

Chosen by eye: a contact line at 0.6 to 0.7 looks like eye level in most scenes and leaves floor for a
shadow."""

DEFAULT_FILL = 0.58
"""Share of the canvas that the product's larger side takes.

Chosen by eye: room for light and shadow around it."""

DEFAULT_LEAST_SIDE = 768
"""Smallest side, in pixels, of a canvas whose size was not asked for. Chosen: models draw poorly below."""

MARGIN = 0.02
"""Share of the canvas kept free around a product that is placed by name. Chosen by eye."""

SNAP_TO_ORIGINAL = 0.02
"""Difference of the scale from 1 up to which the product keeps its own pixels.

Chosen: resampling costs more."""


class Placement(BaseModel):
    """A canvas and the photograph's place on it.

    A photograph's pixel with corner (x, y) is at scale * (x, y) + offset on the canvas.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    width: int = Field(ge=1)
    """Canvas width, pixels."""

    height: int = Field(ge=1)
    """Canvas height, pixels."""

    photo_width: int = Field(ge=1)
    """Width of the photograph that the placement was computed for."""

    photo_height: int = Field(ge=1)
    """Height of the photograph that the placement was computed for."""

    scale: float = Field(gt=0)
    """Canvas pixels per photograph pixel; 1 keeps the product's own pixels."""

    offset_x: float
    """Canvas x of the photograph's left edge; whole pixels where `scale` is 1."""

    offset_y: float
    """Canvas y of the photograph's top edge."""

    left: float
    """Left edge of the product's box on the canvas."""

    top: float
    """Top edge of the product's box on the canvas."""

    right: float
    """Right edge (exclusive) of the product's box on the canvas."""

    bottom: float
    """Bottom edge (exclusive) of the product's box on the canvas."""

    @property
    def ground_y(self) -> float:
        """Canvas row where the product meets the floor."""
        return self.bottom

    @property
    def box(self) -> Box:
        """The product's box on the canvas, in whole pixels, inside the canvas."""
        return Box(
            left=max(math.floor(self.left), 0),
            top=max(math.floor(self.top), 0),
            right=min(math.ceil(self.right), self.width),
            bottom=min(math.ceil(self.bottom), self.height),
        )

    @property
    def is_original(self) -> bool:
        """Whether the photograph lies on the canvas pixel for pixel."""
        return (
            self.scale == 1
            and self.offset_x == 0
            and self.offset_y == 0
            and ((self.width, self.height) == (self.photo_width, self.photo_height))
        )

    def at_size(self, width: int, height: int) -> Placement:
        """Return this composition on a canvas of another size, such as an upscaled one.

        The product scales with the canvas's height; a slightly different ratio moves its middle and leaves
        its shape.
        """
        by, across = height / self.height, width / self.width
        middle = (self.left + self.right) / 2
        shift = middle * across - (middle * by)
        return self.model_copy(
            update={
                "width": width,
                "height": height,
                "scale": self.scale * by,
                "offset_x": self.offset_x * by + shift,
                "offset_y": self.offset_y * by,
                "left": self.left * by + shift,
                "right": self.right * by + shift,
                "top": self.top * by,
                "bottom": self.bottom * by,
            }
        )


def place(
    matte: Matte,
    *,
    canvas: Size | str | None = None,
    where: str = "auto",
    fill: float | None = None,
    enlarge: bool = False,
) -> Placement:
    """Decide where the product goes.

    Args:
        matte: The photograph's matte, (H, W), 1 = product.
        canvas: (width, height), text for `parse_size`, or None: the photograph's ratio. A bare ratio
            or None give a canvas on which the product keeps its own pixels and fills its share.
        where: A name of `PLACES`, "middle" (as much room above as below, for a packshot), "original"
            (the product stays where it is in the photograph; a canvas of another ratio is filled about
            its middle) or "X,Y": middle and contact line as shares of the canvas, such as "0.4,0.8".
        fill: Share of the canvas that the product's larger side takes, 0.05 to 1; None is `DEFAULT_FILL`.
        enlarge: Whether the product may be drawn larger than it was photographed.

    Returns:
        The placement.

    Raises:
        PlacementError: If the matte is empty, or the product does not fit.
        SettingError: If `where` or `fill` cannot be used.
    """
    photo = (matte.shape[1], matte.shape[0])
    product = _product_box(matte)
    if fill is not None and not 0.05 <= fill <= 1:
        raise SettingError(f"fill {fill!r} is out of range; give a share of 0.05 to 1")
    if where.strip().lower() == "original":
        return _original(photo, product, parse_size(canvas, photo) if isinstance(canvas, str) else canvas)
    is_middle = where.strip().lower() == "middle"
    across, down = (0.5, 1 - MARGIN) if is_middle else _position(where)
    share = DEFAULT_FILL if fill is None else fill
    size = _canvas_size(canvas, photo, product, share)
    scale = min(share * size[0] / product.width, share * size[1] / product.height)
    room = min((1 - 2 * MARGIN) * size[0] / product.width, (down - MARGIN) * size[1] / product.height)
    scale = min(scale, room, scale if enlarge else 1.0)
    if abs(scale - 1) < SNAP_TO_ORIGINAL and room >= 1:
        scale = 1.0
    if is_middle:
        down = 0.5 + product.height * scale / size[1] / 2
    return _at(photo, product, size, scale, across, down)


def apply(
    placement: Placement, rgb: RgbImage, matte: Matte, *, fill: float | tuple[float, float, float] = 0.5
) -> tuple[RgbImage, Matte]:
    """Put the photograph and its matte on the canvas.

    Args:
        placement: From `place`, for a photograph of this size.
        rgb: The photograph, (H, W, 3), sRGB.
        matte: (H, W), 1 = product.
        fill: Colour around the photograph, sRGB, [0, 1].

    Returns:
        Photograph and matte, both of the canvas's size. At scale 1 every product pixel is the
        photograph's own to the bit.

    Raises:
        PlacementError: If the photograph is not of the size the placement was computed for.
    """
    expected = (placement.photo_height, placement.photo_width)
    if rgb.shape[:2] != expected or matte.shape != expected:
        raise PlacementError(
            f"this placement is for a photograph of {expected[1]}x{expected[0]},"
            f" not {rgb.shape[1]}x{rgb.shape[0]}; place this photograph anew"
        )
    if placement.is_original:
        return rgb, matte
    colour = np.broadcast_to(np.asarray(fill, np.float32), (3,))
    if placement.scale == 1:
        return _copy(placement, rgb, colour), _copy(placement, matte, np.zeros(1, np.float32))
    edge = (float(colour[0]), float(colour[1]), float(colour[2]))
    return _warp(placement, rgb, edge), _warp(placement, matte, (0.0, 0.0, 0.0))


def product_crop(placement: Placement, picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the part of a canvas-sized picture that lies under the photograph, at the photograph's size.

    This is the inverse of `apply`: the canvas's pixel under photograph pixel (x, y) comes to (x, y).

    Args:
        placement: From `place`.
        picture: (H, W) or (H, W, 3) of the canvas's size; outside, its edge is repeated.

    Returns:
        (photo_height, photo_width) or (photo_height, photo_width, 3).

    Raises:
        PlacementError: If the picture is not of the canvas's size.
    """
    if picture.shape[:2] != (placement.height, placement.width):
        raise PlacementError(
            f"the picture is {picture.shape[1]}x{picture.shape[0]}, the canvas"
            f" {placement.width}x{placement.height}; resize the picture first"
        )
    if placement.is_original:
        return picture
    grid = _matrix(placement)
    size = (placement.photo_width, placement.photo_height)
    # WARP_INVERSE_MAP takes the matrix in the direction photograph -> canvas.
    flags = (cv2.INTER_LINEAR if placement.scale <= 2 else cv2.INTER_AREA) | cv2.WARP_INVERSE_MAP
    back = cv2.warpAffine(picture, grid, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(back, 0, 1).astype(np.float32)


def _product_box(matte: Matte) -> Box:
    """Return the product's box.

    Raises:
        PlacementError: If the matte is empty.
    """
    try:
        return bounding_box(matte)
    except ImageError as error:
        message = "the matte is empty, so there is no product to place; check the matte or try another model"
        raise PlacementError(message) from error


def _canvas_size(canvas: Size | str | None, photo: Size, product: Box, share: float) -> Size:
    """Return the canvas's size; for a ratio alone, the size on which the product at 1:1 fills `share`."""
    ratio = parse_ratio(canvas) if isinstance(canvas, str) else photo[0] / photo[1]
    if isinstance(canvas, tuple):
        return canvas
    if ratio is None:
        return parse_size(str(canvas), photo)
    wide = max(product.width / share, product.height / share * ratio)
    long_side = wide if ratio >= 1 else wide / ratio
    return of_ratio(ratio, float(np.clip(long_side, DEFAULT_LEAST_SIDE, DEFAULT_MOST_SIDE)))


def _position(where: str) -> tuple[float, float]:
    """Return (middle, contact line) as shares of the canvas."""
    word = where.strip().lower().replace("centre", "center")
    if word in PLACES:
        return PLACES[word]
    if match := re.fullmatch(r"(-?\d*\.?\d+)\s*,\s*(-?\d*\.?\d+)", word):
        across, down = float(match[1]), float(match[2])
        if 0 <= across <= 1 and 0 < down <= 1:
            return across, down
        raise WrongValueError("place", where, "must be two shares of the canvas, 0 to 1, such as 0.5,0.7")
    raise UnknownNameError(
        "place",
        where,
        [*PLACES, "middle", "original"],
        "(or X,Y as shares of the canvas: 0.4,0.8)",
        setting="place",
    )


def _at(photo: Size, product: Box, size: Size, scale: float, across: float, down: float) -> Placement:
    """Return the placement with the product's middle and foot at these shares of the canvas."""
    width, height = product.width * scale, product.height * scale
    if width > size[0] or height > size[1]:
        raise PlacementError(
            f"the product would be {width:.0f}x{height:.0f} on a canvas of {size[0]}x{size[1]};"
            " use a smaller fill or a larger size"
        )
    left = min(max(across * size[0] - width / 2, MARGIN * size[0]), size[0] - width - MARGIN * size[0])
    bottom = min(max(down * size[1], height), float(size[1]))
    left, top = max(left, 0.0), bottom - height
    offset_x, offset_y = left - product.left * scale, top - product.top * scale
    if scale == 1:
        # Whole pixels, so that nothing is resampled.
        offset_x, offset_y = float(round(offset_x)), float(round(offset_y))
    return _placement(photo, product, size, scale, offset_x, offset_y)


def _original(photo: Size, product: Box, size: Size | None) -> Placement:
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
    photo: Size, product: Box, size: Size, scale: float, offset_x: float, offset_y: float
) -> Placement:
    """Return the placement with the product's box computed."""
    return Placement(
        width=size[0],
        height=size[1],
        photo_width=photo[0],
        photo_height=photo[1],
        scale=scale,
        offset_x=offset_x,
        offset_y=offset_y,
        left=product.left * scale + offset_x,
        top=product.top * scale + offset_y,
        right=product.right * scale + offset_x,
        bottom=product.bottom * scale + offset_y,
    )


def _matrix(placement: Placement) -> NDArray[np.float64]:
    """Return the 2x3 matrix photograph -> canvas, for pixel centres."""
    s = placement.scale
    half = (s - 1) / 2
    return np.array([[s, 0, placement.offset_x + half], [0, s, placement.offset_y + half]], np.float64)


def _warp(
    placement: Placement, picture: NDArray[np.float32], edge: tuple[float, float, float]
) -> NDArray[np.float32]:
    """Resample a picture onto the canvas; before shrinking it is low-pass filtered, which avoids moire."""
    grid = _matrix(placement)
    if placement.scale < 1:
        sigma = 0.5 * math.sqrt(max(1 / placement.scale**2 - 1, 0))
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), max(sigma, 0.01)), np.float32)
    size = (placement.width, placement.height)
    drawn = cv2.warpAffine(
        picture, grid, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=edge
    )
    return np.clip(drawn, 0, 1).astype(np.float32)


def _copy(
    placement: Placement, picture: NDArray[np.float32], fill: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Copy a picture onto the canvas by whole pixels."""
    shape = (placement.height, placement.width, *picture.shape[2:])
    canvas = np.empty(shape, np.float32)
    canvas[...] = fill if picture.ndim == 3 else fill[0]
    x, y = int(placement.offset_x), int(placement.offset_y)
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + picture.shape[1], placement.width), min(y + picture.shape[0], placement.height)
    if right > left and bottom > top:
        canvas[top:bottom, left:right] = picture[top - y : bottom - y, left - x : right - x]
    return canvas
