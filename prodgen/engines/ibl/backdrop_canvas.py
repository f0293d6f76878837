"""A canvas for what stands out of focus behind the floor: boxes, discs, leaves and lights in linear colours.

Positions are composed as on a set: in picture sides, right of the picture's middle and up from the floor's
end, so that a drawing fits any canvas. Owns shapes and their soft edges; knows no place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from prodgen.engines.ibl.camera import Camera, backdrop_grid, lens_blur
from prodgen.engines.ibl.panorama import Array
from prodgen.engines.ibl.plane import Pattern

Colour = tuple[float, float, float]
"""Linear light, 1 = white."""

CONSTANT_BOKEH, RIM = 0.86, 0.30
"""Light in the middle of a blurred lamp's disc, and what its rim adds. Chosen by eye: an 85 mm lens."""


@dataclass
class Canvas:
    """A picture under way; its methods draw over it, the farthest first."""

    picture: Array
    """(h, w, 3), linear, exposed."""
    x: Array
    """(1, w): picture sides right of the middle."""
    y: Array
    """(h, 1): picture sides above the end of the floor."""
    px: float
    """Pixels a side."""
    horizon: float
    """Height at which the horizon lies, in sides above the end of the floor."""

    @property
    def half(self) -> float:
        """Half the picture's width, sides."""
        return float(-self.x[0, 0])

    @property
    def top(self) -> float:
        """The picture's upper edge, sides; below 0 if only floor is seen."""
        return float(self.y[0, 0])

    def part(self, left: float, right: float, low: float, high: float) -> Canvas:
        """Return the part of the canvas in a rectangle; what is drawn on it is drawn here."""
        columns = np.searchsorted(self.x[0], (left, right))
        rows = np.searchsorted(-self.y[:, 0], (-high, -low))
        down, across = slice(int(rows[0]), int(rows[1])), slice(int(columns[0]), int(columns[1]))
        return Canvas(self.picture[down, across], self.x[:, across], self.y[down], self.px, self.horizon)

    def fill(self, share: Pattern, colour: Colour | Pattern) -> None:
        """Paint a colour, (3,) or (h, w, 3), by a share (h, w)."""
        self.picture += (np.asarray(colour, np.float32) - self.picture) * share[..., None]

    def glow(self, share: Pattern, colour: Colour | Pattern) -> None:
        """Add light of a colour by a share (h, w)."""
        self.picture += share[..., None] * np.asarray(colour, np.float32)

    def shade(self, share: Pattern, left: float) -> None:
        """Darken by a share (h, w) to what is `left` of the light where it is 1."""
        self.picture *= (1 - (1 - left) * share)[..., None]

    def box(self, left: float, right: float, low: float, high: float, *, soft: float = 0.0) -> Array:
        """(h, w): share of each pixel in an upright rectangle, with edges `soft` sides wide."""
        step = max(soft, 1 / self.px)
        across = _ramp((self.x - left) / step) * _ramp((right - self.x) / step)
        return np.asarray(across * (_ramp((self.y - low) / step) * _ramp((high - self.y) / step)), np.float32)

    def oval(self, x: float, y: float, wide: float, high: float, *, soft: float = 0.0) -> Array:
        """(h, w): share of each pixel in an ellipse of half-axes `wide` and `high`."""
        radius = np.hypot((self.x - x) / wide, (self.y - y) / high)
        return np.asarray(_ramp((1 - radius) * min(wide, high) / max(soft, 1 / self.px)), np.float32)

    def leaf(self, x: float, y: float, length: float, wide: float, turn: float) -> Array:
        """(h, w): share of each pixel in a leaf around (x, y), turned by radians from the horizontal."""
        u = (self.x - x) * math.cos(turn) + (self.y - y) * math.sin(turn)
        v = (self.y - y) * math.cos(turn) - (self.x - x) * math.sin(turn)
        outline = wide / 2 * np.maximum(1 - np.square(2 * u / length), 0)
        return np.asarray(_ramp((outline - np.abs(v)) * self.px) * (np.abs(u) < length / 2), np.float32)

    def bokeh(self, x: float, y: float, radius: float, colour: Colour | Pattern) -> None:
        """Add a lamp so far out of focus that it is a disc, brighter at its rim."""
        reach = radius + 2 / self.px
        near = self.part(x - reach, x + reach, y - reach, y + reach)
        away = np.hypot(near.x - x, near.y - y) / radius
        disc = _ramp((1 - away) * radius * self.px) * (CONSTANT_BOKEH + RIM * np.clip(away, 0, 1) ** 4)
        near.glow(disc.astype(np.float32), colour)

    def blur(self, radius: float) -> None:
        """Defocus all that is drawn so far by a disc of `radius` sides."""
        self.picture = lens_blur(self.picture, radius * self.px)

    def noise(self, rng: np.random.Generator, size: float) -> Array:
        """(h, w): smooth noise of deviation 1, its blots about `size` sides wide."""
        rows, columns = len(self.y), self.x.shape[1]
        cells = (
            max(3, math.ceil(columns / self.px / size) + 3),
            max(3, math.ceil(rows / self.px / size) + 3),
        )
        coarse = rng.normal(0, 1, (cells[1], cells[0])).astype(np.float32)
        return np.asarray(cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC), np.float32)


def canvas_for(camera: Camera, floor_end: float) -> Canvas:
    """An empty canvas of the backdrop's reduced size.

    Args:
        camera: Its picture is drawn behind.
        floor_end: Row at which the floor ends.
    """
    rows, columns, scale = backdrop_grid(camera)
    side = np.float32(camera.side)
    x = ((columns + np.float32(0.5 - camera.width / 2)) / side)[None]
    y = ((np.float32(floor_end) - rows) / side)[:, None]
    empty = np.zeros((len(rows), len(columns), 3), np.float32)
    horizon = (floor_end - camera.backdrop_horizon) / camera.side
    return Canvas(empty, x.astype(np.float32), y.astype(np.float32), scale * camera.side, float(horizon))


def _ramp(distance: Array) -> Array:
    """From 0 to 1 while a distance goes from -0.5 to 0.5."""
    return np.asarray(np.clip(distance + np.float32(0.5), 0, 1), np.float32)
