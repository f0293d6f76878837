"""A photograph's place on a canvas, and the resampling that puts it there."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from prodgen.errors import PlacementError
from prodgen.images import Matte, RgbImage
from prodgen.masks import Box


class Placement(BaseModel):
    """A canvas and the photograph's place on it.

    A photograph's pixel with corner (x, y) is at scale * turned (x, y) + offset on the canvas.
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

    rotation_deg: float = Field(default=0.0, ge=-180, le=180)
    """How far the photograph is turned, clockwise, about its top left corner."""

    offset_x: float
    """Canvas x of the photograph's top left corner; whole pixels where the product keeps its own pixels."""

    offset_y: float
    """Canvas y of that corner."""

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
    def photographed(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of an unturned photograph, as shares of the canvas."""
        right, bottom = (
            self.offset_x + self.scale * self.photo_width,
            self.offset_y + self.scale * self.photo_height,
        )
        return (
            self.offset_x / self.width,
            self.offset_y / self.height,
            right / self.width,
            bottom / self.height,
        )

    @property
    def keeps_pixels(self) -> bool:
        """Whether the product's pixels are the photograph's own, moved by whole pixels."""
        return self.scale == 1 and self.rotation_deg == 0

    @property
    def is_original(self) -> bool:
        """Whether the photograph lies on the canvas pixel for pixel."""
        return (
            self.keeps_pixels
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
        Photograph and matte, both of the canvas's size. At scale 1, not turned, every product pixel is the
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
    if placement.keeps_pixels:
        return _copy(placement, rgb, colour), _copy(placement, matte, np.zeros(1, np.float32))
    edge = (float(colour[0]), float(colour[1]), float(colour[2]))
    return _warp(placement, rgb, edge), _warp(placement, matte, (0.0, 0.0, 0.0))


def _matrix(placement: Placement) -> NDArray[np.float64]:
    """Return the 2x3 matrix photograph -> canvas, for pixel centres."""
    angle = math.radians(placement.rotation_deg)
    along, aside = placement.scale * math.cos(angle), placement.scale * math.sin(angle)
    # Corners are at whole numbers, pixel centres half a pixel farther.
    to_x, to_y = (along - aside - 1) / 2, (along + aside - 1) / 2
    return np.array(
        [[along, -aside, placement.offset_x + to_x], [aside, along, placement.offset_y + to_y]], np.float64
    )


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
