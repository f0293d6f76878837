"""The virtual camera: where the horizon is, what stands behind the product, how far out of focus.

A product photograph is taken with a long lens from a little above. Verticals stay vertical (a shift lens),
and the floor is a plane seen at the camera's pitch: a pixel `rows` below the horizon sees it at a depth
proportional to 1 / rows, and a circle on it is as wide and sin(pitch) as high. From straight above the
horizon is so far outside of the picture that the floor has no perspective left.

The blur of a thin lens grows as |1/depth - 1/focus|, hence on the floor linearly in the rows from where the
product stands. Owns projection and defocus; paints nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from prodgen.engines.ibl.panorama import Array, load

FOCAL_SHARE = 1.45
"""Focal length in picture heights: 38 degrees from top to bottom. Chosen by eye, near what catalogues are
shot with."""

DEFOCUS_SHARE = 0.021
"""Radius of the blur disc at infinity, in picture sides. Chosen by eye, about that of an 85 mm lens at f/2.8
and two metres."""

BACKDROP_WIDTH = 0.72
"""Focal length with which the place is seen, compared with the product's: a shorter one shows more of it.
Chosen by eye."""

BACKDROP_PX = 300
"""Longest side on which the backdrop is blurred. Speed: that blur leaves nothing finer."""

BRIGHTEST = 24.0
"""Level at which highlights are cut before the blur, 1 = white. Guard: the sun's disc would become a
plate."""


@dataclass(frozen=True)
class Camera:
    """A camera over a canvas of `width` x `height` pixels."""

    width: int
    height: int
    heading_deg: float
    """Longitude of the panorama behind the middle of the picture."""
    horizon: float
    """Row of the floor's horizon, may be above the picture (below 0)."""
    base: float
    """Row at which the product stands: it is in focus, and the scale of everything is measured there."""
    backdrop_horizon: float
    """Row at which the panorama's horizon shows; a table hides where it differs."""

    @property
    def side(self) -> float:
        """Length unit of floor and blur: the shorter side, pixels. About 30 cm where the product stands."""
        return float(min(self.width, self.height))

    @property
    def focal(self) -> float:
        """Focal length, pixels."""
        return FOCAL_SHARE * self.side * (1.0 if self.width >= self.height else 1.15)

    @property
    def pitch_deg(self) -> float:
        """Angle by which the camera looks down at the product's base."""
        return math.degrees(math.atan2(self.drop, self.focal))

    @property
    def drop(self) -> float:
        """Rows from the horizon down to the product's base."""
        return self.base - self.horizon

    def defocus_px(self, row: float) -> float:
        """Radius of the blur disc on the floor at `row`."""
        return DEFOCUS_SHARE * self.side * abs(row - self.base) / self.drop

    def rays(self, rows: Array, columns: Array) -> tuple[Array, Array]:
        """Azimuth from the heading and elevation, radians, of the backdrop's pixels; (rows, columns) each."""
        focal = np.float32(self.focal * BACKDROP_WIDTH)
        x = (columns[None] - self.width / 2) / focal
        y = (np.float32(self.backdrop_horizon) - rows[:, None]) / focal
        azimuth = np.arctan(x)
        return (
            np.broadcast_to(azimuth, (len(rows), len(columns))).astype(np.float32),
            np.arctan2(y, np.sqrt(1 + x * x)).astype(np.float32),
        )


def sample(panorama: Array, heading_deg: float, azimuth: Array, elevation: Array) -> Array:
    """Radiance of an equirectangular `panorama` in directions given from the heading (radians)."""
    rows, columns = panorama.shape[:2]
    u = ((azimuth + np.float32(math.radians(heading_deg) + math.pi)) / np.float32(2 * math.pi)) % 1.0
    v = np.clip((np.float32(math.pi / 2) - elevation) / np.float32(math.pi), 0, 1)
    # One column more on each side, so that interpolation wraps around.
    wrapped = cv2.copyMakeBorder(panorama, 0, 0, 2, 2, cv2.BORDER_WRAP)
    return cv2.remap(
        wrapped,
        (u * columns + 1.5).astype(np.float32),
        (v * rows - 0.5).astype(np.float32),
        cv2.INTER_CUBIC if rows > 256 else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.float32)


def backdrop(camera: Camera, name: str, *, gain: Array, lamps: Array | None) -> Array:
    """What is behind the floor, out of focus, at a reduced size.

    Args:
        camera: Decides heading, horizon and blur.
        name: Panorama of the package.
        gain: (3,) exposure and white balance.
        lamps: Light to add before the blur, (h, w, 3) at the reduced size, or None.

    Returns:
        (h, w, 3), linear, the long side BACKDROP_PX; 1 = white.
    """
    rows, columns, scale = backdrop_grid(camera)
    azimuth, elevation = camera.rays(rows, columns)
    sharp = soft_cut(np.clip(sample(load(name), camera.heading_deg, azimuth, elevation), 0, None) * gain)
    if lamps is not None:
        sharp = sharp + lamps
    return lens_blur(sharp, DEFOCUS_SHARE * camera.side * scale)


def backdrop_grid(camera: Camera) -> tuple[Array, Array, float]:
    """Rows and columns, in canvas pixels, of the reduced backdrop, and its scale."""
    scale = min(1.0, BACKDROP_PX / max(camera.width, camera.height))
    height, width = max(2, round(camera.height * scale)), max(2, round(camera.width * scale))
    rows = ((np.arange(height) + 0.5) * (camera.height / height) - 0.5).astype(np.float32)
    columns = ((np.arange(width) + 0.5) * (camera.width / width) - 0.5).astype(np.float32)
    return rows, columns, scale


def soft_cut(radiance: Array) -> Array:
    """Cut highlights at BRIGHTEST, keeping their hue."""
    top = radiance.max(axis=-1, keepdims=True)
    return np.asarray(radiance * (np.minimum(top, BRIGHTEST) / np.maximum(top, 1e-6)), np.float32)


def disc_kernel(radius_px: float) -> Array:
    """An anti-aliased disc of weight 1: how a round aperture smears a point."""
    reach = math.ceil(radius_px)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    disc = np.clip(radius_px + 0.5 - np.hypot(x, y), 0, 1)
    return np.asarray(disc / disc.sum(), np.float32)


def lens_blur(picture: Array, radius_px: float) -> Array:
    """Defocus by a disc of `radius_px`; below half a pixel nothing happens."""
    if radius_px < 0.5:
        return picture
    return cv2.filter2D(picture, -1, disc_kernel(radius_px), borderType=cv2.BORDER_REFLECT).astype(np.float32)
