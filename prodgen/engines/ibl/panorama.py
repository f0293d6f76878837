"""Light from all around: high-dynamic-range panoramas, and what they do to a surface.

An `Environment` is a panorama turned to where the camera looks, with its irradiance as nine
spherical-harmonic coefficients and its strongest light found. The studio has no panorama: its
environment is painted here, as a grey room with soft boxes. Owns radiance; knows no floor, product or prompt.

Axes are the camera's: X right, Y up, Z towards the camera; it looks along -Z. Radiance is linear
RGB in the panorama's own units; nothing here is exposed for a picture yet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.color import LUMA
from prodgen.errors import ProdgenError

Array = NDArray[np.float32]
"""Radiance, directions or shares, float32: what all of this renderer is worked out on."""

MAP_ROWS, MAP_COLUMNS = 64, 128
"""Size of the small panorama that irradiance and lights are worked out on, 2.8 degrees a pixel. Speed: nine
coefficients hold nothing finer than 60 degrees."""

COSINE_BANDS = np.array([math.pi] + [2 * math.pi / 3] * 3 + [math.pi / 4] * 5, np.float32)
"""Lambert's cosine in the first three bands of spherical harmonics. Source: Ramamoorthi and Hanrahan,
"An Efficient Representation for Irradiance Environment Maps", 2001, equation 8 (A0, A1, A2)."""

WIDEST_LOBE_DEG = 28.0
"""How far around its brightest direction a light may reach and still be one light. Chosen by eye."""


@dataclass(frozen=True)
class KeyLight:
    """The strongest light of an environment."""

    azimuth_deg: float
    """Where it comes from: 0 the camera, +90 picture right, 180 behind the product."""
    elevation_deg: float
    softness: float
    """0 a point, 1 half the sky."""
    colour: tuple[float, float, float]
    """Linear RGB of luminance 1."""
    irradiance: float
    """Luminance it lays on a surface that faces it."""

    @property
    def direction(self) -> Array:
        """Unit vector towards the light."""
        return direction(self.azimuth_deg, self.elevation_deg)


def direction(azimuth_deg: float, elevation_deg: float) -> Array:
    """Unit vector (3,) of an azimuth and elevation."""
    a, e = math.radians(azimuth_deg), math.radians(elevation_deg)
    return np.array([math.cos(e) * math.sin(a), math.sin(e), math.cos(e) * math.cos(a)], np.float32)


@lru_cache(maxsize=8)
def load(name: str) -> Array:
    """The panorama `name` of the package, (512, 1024, 3), linear RGB; read once.

    Raises:
        ProdgenError: If it is not in the package, or damaged.
    """
    file = resources.files(__package__).joinpath("scenes", f"{name}.hdr")
    try:
        stored = np.frombuffer(file.read_bytes(), np.uint8)
        pixels = cv2.imdecode(stored, cv2.IMREAD_UNCHANGED)
    except OSError as error:
        raise ProdgenError(f"the panorama {name!r} is missing; install prodgen again") from error
    except cv2.error as error:  # OpenCV reads this format by way of a file
        raise ProdgenError(
            f"the panorama {name!r} cannot be unpacked: no temporary file of {stored.nbytes >> 10} KiB can be"
            " written; free space there, set TMPDIR, or raise the limit (ulimit -f)"
        ) from error
    if pixels is None or pixels.dtype != np.float32:
        raise ProdgenError(f"the panorama {name!r} is damaged; install prodgen again")
    panorama: Array = np.ascontiguousarray(pixels[..., ::-1], np.float32)
    panorama.setflags(write=False)
    return panorama


def blur_map(panorama: Array, sigma_deg: float) -> Array:
    """Blur an equirectangular map, wrapping around in longitude."""
    sigma = sigma_deg * panorama.shape[1] / 360
    pad = min(panorama.shape[1] // 2, max(1, math.ceil(3 * sigma)))
    wrapped = cv2.copyMakeBorder(panorama, 0, 0, pad, pad, cv2.BORDER_WRAP)
    soft = cv2.GaussianBlur(wrapped, (0, 0), max(sigma, 0.1), borderType=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(soft[:, pad:-pad], np.float32)


@lru_cache(maxsize=2)
def _sphere(rows: int, columns: int) -> tuple[Array, Array, Array]:
    """Latitude (rows, 1), longitude (1, columns) in radians and solid angle (rows, 1) of an equirect grid."""
    latitude = (math.pi / 2 - (np.arange(rows, dtype=np.float32) + 0.5) * (math.pi / rows))[:, None]
    longitude = ((np.arange(columns, dtype=np.float32) + 0.5) * (2 * math.pi / columns) - math.pi)[None]
    return latitude, longitude, np.cos(latitude) * (2 * math.pi * math.pi / (rows * columns))


def grid_directions(heading_deg: float) -> Array:
    """Directions (64, 128, 3) of the small panorama's pixels for a camera that looks at `heading`."""
    latitude, longitude, _ = _sphere(MAP_ROWS, MAP_COLUMNS)
    turned = longitude - math.radians(heading_deg)
    cosine = np.cos(latitude)
    y = np.broadcast_to(np.sin(latitude), (MAP_ROWS, MAP_COLUMNS))
    return np.stack([cosine * np.sin(turned), y, -cosine * np.cos(turned)], axis=-1).astype(np.float32)


def harmonics(normals: Array) -> Array:
    """The first nine real spherical harmonics of unit vectors (..., 3) -> (..., 9)."""
    x, y, z = normals[..., 0], normals[..., 1], normals[..., 2]
    return np.stack(
        [
            np.full_like(x, 0.282095),
            0.488603 * y,
            0.488603 * z,
            0.488603 * x,
            1.092548 * x * y,
            1.092548 * y * z,
            0.315392 * (3 * z * z - 1),
            1.092548 * x * z,
            0.546274 * (x * x - y * y),
        ],
        axis=-1,
    ).astype(np.float32)


@dataclass(frozen=True)
class Environment:
    """Radiance from all directions, in camera axes."""

    heading_deg: float
    small: Array
    """(64, 128, 3): radiance on the grid of `grid_directions(heading_deg)`."""
    coefficients: Array
    """(9, 3): radiance as spherical harmonics."""
    key: KeyLight
    lamps: tuple[KeyLight, ...] = ()
    """Lights beside the key light that throw shadows of their own; `small` has their light."""

    @property
    def lights(self) -> tuple[KeyLight, ...]:
        """All lights that throw a shadow, the key light first."""
        return (self.key, *self.lamps)

    @property
    def shares(self) -> tuple[Array, ...]:
        """(3,) for each of `lights`: what it gives of the light of all of them, by channel."""
        given = [np.array(light.colour, np.float32) * light.irradiance for light in self.lights]
        whole = np.maximum(np.sum(given, axis=0), 1e-6)
        return tuple(np.asarray(one / whole, np.float32) for one in given)

    def irradiance(self, normals: Array) -> Array:
        """What a white matt surface facing `normals` (..., 3) sends back: irradiance / pi, never negative."""
        weighted = self.coefficients * (COSINE_BANDS / np.float32(math.pi))[:, None]
        return np.maximum(harmonics(normals) @ weighted, 0.0)

    def with_floor(self, bounce: Array, share: float) -> Environment:
        """With `share` of what comes from below replaced by a floor of radiance `bounce` (3,)."""
        small = self.small.copy()
        half = MAP_ROWS // 2
        small[half:] = small[half:] * (1 - share) + bounce * share
        return replace(self, small=small, coefficients=_project(small, self.heading_deg))


def make_environment(small: Array, heading_deg: float) -> Environment:
    """An environment of a small panorama (64, 128, 3), the camera looking at longitude `heading_deg`."""
    return Environment(heading_deg, small, _project(small, heading_deg), _strongest(small, heading_deg))


def _project(small: Array, heading_deg: float) -> Array:
    basis = harmonics(grid_directions(heading_deg)).reshape(-1, 9)
    weight = np.broadcast_to(_sphere(MAP_ROWS, MAP_COLUMNS)[2], (MAP_ROWS, MAP_COLUMNS)).reshape(-1, 1)
    return (basis.T @ (small.reshape(-1, 3) * weight)).astype(np.float32)


@lru_cache(maxsize=8)
def small_panorama(name: str) -> Array:
    """The panorama at 64x128, energy kept (mean of the pixels)."""
    small: Array = cv2.resize(load(name), (MAP_COLUMNS, MAP_ROWS), interpolation=cv2.INTER_AREA).astype(
        np.float32
    )
    small.setflags(write=False)
    return small


def _strongest(small: Array, heading_deg: float) -> KeyLight:
    """Find the key light: the direction with most light within some 12 degrees, and the lobe around it."""
    solid = _sphere(MAP_ROWS, MAP_COLUMNS)[2]
    brightness = small @ LUMA
    # A lamp and a window compete by what they give, not by how bright they look.
    energy = blur_map(np.repeat((brightness * solid)[..., None], 3, axis=2), 12)[..., 0]
    energy[MAP_ROWS * 5 // 8 :] = 0  # a bright floor is no lamp
    row, column = np.unravel_index(int(energy.argmax()), energy.shape)
    directions = grid_directions(heading_deg)
    facing = directions @ directions[row, column]
    near = facing > math.cos(math.radians(WIDEST_LOBE_DEG))
    floor_level = float(np.average(brightness, weights=np.broadcast_to(solid, brightness.shape)))
    weight = np.where(near, np.maximum(brightness - 0.7 * floor_level, 0), 0) * solid
    total = max(float(weight.sum()), 1e-9)
    mean = (directions * weight[..., None]).sum(axis=(0, 1)) / total
    length = min(float(np.linalg.norm(mean)), 1.0)
    unit = mean / max(length, 1e-6)
    spread_deg = math.degrees(math.sqrt(max(0.0, 2 * (1 - length))))
    light = (small * weight[..., None] / np.maximum(brightness, 1e-9)[..., None]).sum(axis=(0, 1)) / total
    return KeyLight(
        azimuth_deg=math.degrees(math.atan2(unit[0], unit[2])),
        elevation_deg=math.degrees(math.asin(float(np.clip(unit[1], -1, 1)))),
        softness=float(np.clip(spread_deg / 30, 0.02, 1)),
        colour=(float(light[0]), float(light[1]), float(light[2])),
        irradiance=total,
    )


def add_light(environment: Environment, light: KeyLight) -> Environment:
    """The environment with one more round, soft-edged light, which is its key light from then on."""
    facing = grid_directions(environment.heading_deg) @ light.direction
    radius = math.radians(6 + 34 * light.softness)
    disc = np.exp(-np.square(np.arccos(np.clip(facing, -1, 1)) / radius) * 1.2)[..., None]
    solid = _sphere(MAP_ROWS, MAP_COLUMNS)[2][..., None]
    disc *= light.irradiance / max(float((disc * solid * np.maximum(facing, 0)[..., None]).sum()), 1e-9)
    small = (environment.small + disc * np.asarray(light.colour, np.float32)).astype(np.float32)
    return replace(environment, small=small, coefficients=_project(small, environment.heading_deg), key=light)


def studio(light: KeyLight, *, backdrop: Array, fill: float) -> Environment:
    """A photographer's studio: a grey room tinted by its backdrop, one soft box, one weak fill opposite.

    Args:
        light: The soft box.
        backdrop: (3,) linear colour of the paper, which also lights the product from behind and below.
        fill: Share of the light that comes from everywhere, 0 (dramatic) to 1 (flat).
    """
    paper = 0.55 * backdrop + 0.45 * float(backdrop @ LUMA)
    latitude = _sphere(MAP_ROWS, MAP_COLUMNS)[0]
    above = np.clip(0.5 + latitude / math.pi, 0, 1)[..., None]  # a white ceiling, a floor of paper
    room = (0.10 + 0.55 * fill) * (above * 0.9 + (1 - above) * (0.15 + 0.85 * paper))
    small = np.broadcast_to(room, (MAP_ROWS, MAP_COLUMNS, 3)).astype(np.float32).copy()
    base = make_environment(small, 0.0)
    opposite = replace(
        light,
        azimuth_deg=-light.azimuth_deg * 0.9,
        elevation_deg=22,
        irradiance=light.irradiance * 0.25 * fill,
    )
    return add_light(add_light(base, replace(opposite, softness=1.0)), light)


def forget() -> None:
    """Give back the memory of the panoramas that were read; the next picture reads its own again."""
    for cached in (load, _sphere, small_panorama):
        cached.cache_clear()
