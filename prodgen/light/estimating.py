"""What light a place has, estimated from one ordinary picture of it.

One 8-bit picture cannot give the light; it bounds it. Every rule here starts from what is usual and
leaves it only as far as paint, the other explanation, cannot reach.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.color import kelvin_to_linear, linear_to_lab, luminance, to_linear
from prodgen.images import Matte, RgbImage
from prodgen.light.setting import NEUTRAL_K, Light
from prodgen.masks import dilate, fill

USUAL_FLOOR, USUAL_BACKDROP = 0.3, 0.2
"""Linear luminance of floor and backdrop in an ordinarily exposed picture: path-traced tables in real
places show floors of 0.16 to 0.9 and backdrops of 0.1 to 0.3."""

USUAL_FLOOR_CHROMA = np.array([0.2, -0.3], np.float32)
"""log(R/G), log(B/G) of the albedo of floors and tables: wood, stone and earth are warm, none is blue."""

FLOOR_TRUST = 0.33
"""Share of a floor's colour cast that is light, not paint: var(light) / (var(light) + var(albedo)) in log
chroma, with standard deviations of 0.35 (front light of eight real panoramas: 0.4) and 0.5."""

ROWS = 96
"""Height of the picture that the light is estimated from."""

FRONT_SHARE = 0.9
"""Light on a surface facing the camera over light on the floor, where nothing speaks of a light behind."""


@dataclass(frozen=True)
class Surroundings:
    """What one picture tells of the light at the place where a product is to stand."""

    cube: NDArray[np.float32]
    """(6, 3): linear light of a white surface that faces right, left, up, down, the camera, away from it."""

    light: Light
    """The strongest single light, for the shadow."""

    floor_top: float
    """Row of the picture at which the floor ends."""

    def irradiance(self, normals: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the light on white surfaces with these unit normals, (..., 3) -> (..., 3).

        The ambient cube of McTaggart, "Half-Life 2 / Valve Source Shading", 2004: squares of the
        normal's parts mix the three faces that it looks at.
        """
        square = normals**2
        result = np.zeros(normals.shape, np.float32)
        for axis in range(3):
            plus, minus = self.cube[2 * axis], self.cube[2 * axis + 1]
            facing = np.where(normals[..., axis, None] >= 0, plus, minus)
            result += square[..., axis, None] * facing
        return result


def estimate_surroundings(
    background: RgbImage, matte: Matte | None = None, *, holds_product: bool = False
) -> Surroundings:
    """Estimate the light at a place from one ordinary picture of it.

    One 8-bit picture cannot give the light; it bounds it. What is used, and why:

    * A picture is exposed so that its floor shows as usual. The light is taken to differ from
      the usual only as far as the floor is darker or brighter than paint can explain.
    * The floor's colour cast is shared out between light and paint by their usual spread.
    * A light behind the product shows as glare (a floor brighter towards the horizon, in the
      light's own colour) or as blown spots in the backdrop; the front is then in shade.
    * The backdrop faces the camera as the product's front does: if it is much darker than
      paint explains, so is the light on the front.

    Args:
        background: (H, W, 3), sRGB.
        matte: (H, W), 1 = product: says where the floor is; None takes the lower middle.
        holds_product: Whether the product is already in the picture; it is then looked past.

    Returns:
        The estimate; linear light in the picture's own exposure.
    """
    small, foot = _small(background, matte, holds_product=holds_product)
    floor_top = _floor_edge(small, foot)
    floor, backdrop = small[max(foot, floor_top + 2) :], small[: max(floor_top - 2, 1)]
    floor_rgb, backdrop_rgb = _mean(floor), _mean(backdrop)
    floor_y, backdrop_y = _lum(floor_rgb), _lum(backdrop_rgb)
    glare = _glare(small[floor_top + 3 :])
    spots, spot_x = _blown_spots(backdrop)
    behind = 1 - (1 - 0.8 * spots) * (1 - 0.9 * glare)

    level = math.exp(_beyond(math.log((floor_y + 1e-3) / USUAL_FLOOR), 1.15))
    gloom = _beyond(math.log((backdrop_y + 1e-3) / (USUAL_BACKDROP * level)), 0.8)
    # Half of what a standing surface sees is floor: a pale one lights it, a dark one does not.
    usual = FRONT_SHARE * level + 0.5 * (min(floor_y, level) - USUAL_FLOOR * level)
    front = usual * math.exp(0.5 * min(gloom, 0.0)) * (1 - 0.65 * behind)
    tint = _light_tint(floor_rgb, glare)
    # In the shade of a light behind it is the sky that shines; and the floor gives its own colour.
    bounce = min(0.3 * floor_y / max(front, 1e-3), 0.4)
    shade = tint * np.array([0.96, 1.0, 1.05], np.float32) ** (2 * spots)
    shade_tint = _balanced(_balanced(shade) * (1 - bounce) + _balanced(floor_rgb + 1e-3) * bounce)
    sides = _side_balance(backdrop)
    away = _balanced(backdrop_rgb + 1e-3) ** 0.3 * tint
    cube = np.stack(
        [
            shade_tint * (front * (1 - 0.35 * sides) + 0.2 * behind * level),
            shade_tint * (front * (1 + 0.35 * sides) + 0.2 * behind * level),
            tint * level,
            floor_rgb * 0.8,
            shade_tint * front,
            _balanced(away) * (0.5 * front + behind * level),
        ]
    ).astype(np.float32)
    scale = background.shape[0] / small.shape[0]
    return Surroundings(
        cube, _main_light(behind, glare, spots, spot_x, sides, tint, level), floor_top * scale
    )


def estimate_light(background: RgbImage, matte: Matte | None = None, *, holds_product: bool = False) -> Light:
    """Estimate the strongest light of a picture, for the shadow of a product put into it.

    Args:
        background: (H, W, 3), sRGB.
        matte: (H, W), 1 = product, to know where the floor is.
        holds_product: Whether the product is already in the picture.

    Returns:
        The light; an even one (strength near 0) where nothing in the picture tells.
    """
    return estimate_surroundings(background, matte, holds_product=holds_product).light


def _small(
    background: RgbImage, matte: Matte | None, *, holds_product: bool
) -> tuple[NDArray[np.float32], int]:
    """Return the picture in linear light at `ROWS` rows, and the row where the product stands."""
    height, width = background.shape[:2]
    size = (max(round(ROWS * width / height), 8), ROWS)
    small = to_linear(np.asarray(cv2.resize(background, size, interpolation=cv2.INTER_AREA), np.float32))
    if matte is None or not (matte > 0.5).any():
        return small, round(0.75 * ROWS)
    foot = int(np.flatnonzero((matte > 0.5).any(axis=1))[-1] * ROWS / height)
    if holds_product:
        product = np.asarray(cv2.resize(matte, size, interpolation=cv2.INTER_AREA), np.float32)
        small = fill(small, dilate((product > 0.02).astype(np.float32), 1))
    return small, min(foot, round(0.94 * ROWS))


def _floor_edge(small: NDArray[np.float32], foot: int) -> int:
    """Return the first row of the floor: the nearest break in row colour above the foot.

    The break may be blurred, so rows a few apart are compared; a floor's own gradient stays under 9
    in L*a*b*.
    """
    rows = linear_to_lab(np.median(small, axis=1)[None])[0]
    step = 5
    for row in range(min(foot, len(rows) - step) - 1, step, -1):
        if np.linalg.norm(rows[row] - rows[row - step]) > 9:
            return max(row - 1, step)
    # No edge to be seen: a sweep. The floor then ends about where an eye-level horizon would be.
    return max(foot - 30, step)


def _glare(floor: NDArray[np.float32]) -> float:
    """Return 0 to 1: how surely a light behind the scene is mirrored in the floor.

    Mirroring grows towards grazing view (Fresnel), so the floor brightens towards the horizon.
    """
    if len(floor) < 9:
        return 0.0
    third = len(floor) // 3
    far, near = _lum(_mean(floor[:third])), _lum(_mean(floor[-third:]))
    return float(np.clip((math.log((far + 1e-3) / (near + 1e-3)) - 0.12) / 0.45, 0, 1))


def _blown_spots(backdrop: NDArray[np.float32]) -> tuple[float, float]:
    """Return how surely blown spots mean a light behind, 0 to 1, and where they are, -1 left to 1 right.

    A few per cent of blown pixels are a sun, a lamp or a window; a wholly white backdrop is a wall.
    """
    bright = np.clip((luminance(backdrop) - 0.8) / 0.15, 0, 1)
    share = float(bright.mean())
    columns = np.linspace(-1, 1, backdrop.shape[1])
    middle = float((bright.sum(axis=0) * columns).sum() / max(float(bright.sum()), 1e-6))
    wall = float(np.clip((share - 0.2) / 0.3, 0, 1))
    return (1 - math.exp(-share / 0.008)) * (1 - wall), middle


def _light_tint(floor_rgb: NDArray[np.float32], glare: float) -> NDArray[np.float32]:
    """Return the light's colour, (3,), luminance 1, from the floor's.

    Glare has the light's own colour: a floor without metal mirrors without colouring.
    """
    rgb = floor_rgb + 2e-3
    seen = np.log(rgb[[0, 2]] / rgb[1])
    paint = USUAL_FLOOR_CHROMA * (1 - glare)
    trust = FLOOR_TRUST + (0.9 - FLOOR_TRUST) * glare
    chroma = np.clip(trust * (seen - paint), -0.6, 0.6)
    return _balanced(np.array([math.exp(chroma[0]), 1.0, math.exp(chroma[1])], np.float32))


def _side_balance(backdrop: NDArray[np.float32]) -> float:
    """Return how much brighter the left of the backdrop is than the right, -0.3 to 0.3; a weak sign."""
    half = backdrop.shape[1] // 2
    left, right = _lum(_mean(backdrop[:, :half])), _lum(_mean(backdrop[:, half:]))
    return float(np.clip(0.3 * math.log((left + 0.02) / (right + 0.02)), -0.3, 0.3))


def _main_light(
    behind: float,
    glare: float,
    spots: float,
    spot_x: float,
    sides: float,
    tint: NDArray[np.float32],
    level: float,
) -> Light:
    """Return the light behind if there is one, else a weak one from the brighter side."""
    kelvin = _kelvin(tint)
    if behind > 0.25:
        azimuth = 180 - 18 * spot_x * (1 if spots > 0.3 else 0)
        mirrored = glare / max(glare + spots, 1e-6)
        return Light(
            azimuth_deg=(azimuth + 180) % 360 - 180,
            elevation_deg=46 - 24 * mirrored,
            softness=0.4,
            strength=float(np.clip(behind * (0.8 + 0.2 * mirrored), 0, 0.9)),
            temperature_k=kelvin,
            intensity=level,
        )
    return Light(
        azimuth_deg=-70.0 if sides > 0 else 70.0,
        elevation_deg=55,
        softness=0.9,
        strength=min(abs(sides), 0.25),
        temperature_k=kelvin,
        intensity=level,
    )


def _kelvin(tint: NDArray[np.float32]) -> float:
    """Return the colour temperature whose red over blue is that of `tint`, where neutral is `NEUTRAL_K`."""
    choices = np.geomspace(2000, 12000, 64)
    neutral = kelvin_to_linear(NEUTRAL_K)
    ratios = [kelvin_to_linear(float(kelvin)) / neutral for kelvin in choices]
    far = [abs(math.log(float(rgb[0] / rgb[2])) - math.log(float(tint[0] / tint[2]))) for rgb in ratios]
    return float(choices[int(np.argmin(far))])


def _beyond(value: float, free: float) -> float:
    """Return how far `value` lies outside [-free, free]; paint explains what is inside."""
    return math.copysign(max(abs(value) - free, 0.0), value)


def _mean(region: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean colour of a region, (3,)."""
    return np.asarray(region.reshape(-1, 3).mean(axis=0), np.float32)


def _lum(rgb: NDArray[np.float32]) -> float:
    """Return the luminance of one colour."""
    return float(luminance(rgb[None])[0])


def _balanced(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the colour at luminance 1."""
    return np.asarray(rgb / max(_lum(rgb), 1e-6), np.float32)
