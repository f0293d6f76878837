"""Estimates the light at a place from one ordinary picture of it.

One 8-bit picture does not determine the light, it bounds it: a dark floor may be dark paint or little light.
The estimate starts from a prior, ordinarily exposed floors and backdrops, and leaves it only as far as paint
cannot explain the picture. How far each number moves the result: docs/calibration/light.md.
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
"""Prior mean of the linear luminance of floor and backdrop in an ordinarily exposed picture.

Measured on path-traced tables in real places: floors of 0.16 to 0.9, backdrops of 0.1 to 0.3."""

FLOOR_PAINT_SPAN, BACKDROP_PAINT_SPAN = 1.15, 0.8
"""Natural log of the factor by which paint alone makes a floor or a backdrop darker or brighter than usual.

Chosen: exp(1.15) = 3.2 covers the measured floors around `USUAL_FLOOR`; backdrops vary less."""

USUAL_FLOOR_CHROMA = np.array([0.2, -0.3], np.float32)
"""Prior mean of log(R/G), log(B/G) of the albedo of floors and tables: wood, stone and earth are warm.
Chosen."""

FLOOR_WEIGHT, GLARE_WEIGHT = 0.33, 0.9
"""Share of a floor's colour cast that is the light's and not the paint's: on a dull floor, and in glare.

Measured for the dull floor: var(light) / (var(light) + var(albedo)) in log chroma, with standard deviations
of 0.35 (front light of eight real panoramas: 0.4) and 0.5. Chosen by eye for glare, which has the light's
colour."""

MAX_LOG_CHROMA = 0.6
"""Largest log(R/G) or log(B/G) of the estimated light. Guard: candle light has about 0.6."""

ROWS = 96
"""Height, in pixels, at which a picture is analysed. Speed: light is smooth, so more rows add nothing."""

FRONT_SHARE = 0.9
"""Light on a surface that faces the camera over light on the floor, where no light stands behind.

Chosen by eye."""

FLOOR_REFLECTION = 0.5
"""Share of a standing surface's view that is floor. By definition: half of its half sphere."""

BACKDROP_WEIGHT = 0.5
"""Share of a backdrop's darkness, beyond paint, that the front's light shares. Chosen by eye."""

SHADE_BEHIND = 0.78
"""Share of the front's light that is lost when the light certainly stands behind.

Measured on path-traced products: fitted to one backlit place it is the best for two others too, within 0.06;
at 0.65 all three fronts are a third too bright."""

SPOT_ELEVATION_DEG, GLARE_ELEVATION_DEG = 46.0, 18.0
"""Height over the horizon of a light behind, seen as a blown spot or by its glare on the floor.

Chosen by eye for spots. By the law of reflection for glare: a floor mirrors what stands as high as the camera
looks down, 18 degrees from a usual tripod."""

SPOT_CERTAINTY, GLARE_CERTAINTY = 0.8, 0.9
"""Certainty of a light behind that blown spots and glare give at most. Chosen by eye."""

MAX_BOUNCE = 0.4
"""Largest share of the front's light colour that comes from the floor. Guard against bright red floors."""

BOUNCE_PER_FLOOR = 0.3
"""Share of the front's colour that the floor gives, per floor luminance over front light. Chosen by eye."""


SKY_TINT = np.array([0.96, 1.0, 1.05], np.float32)
"""Colour of shade under an open sky, R, G, B; applied twice where the light surely stands behind.

Chosen by eye."""

RIM_LIGHT = 0.2
"""Light on the sides, per floor light, from a light that certainly stands behind. Chosen by eye."""

FLOOR_UNDERSIDE = 0.8
"""Light from below per floor luminance; less than 1 because the product shades its own floor.

Chosen by eye."""


EDGE_DELTA_E, EDGE_STEP_ROWS = 9.0, 5
"""Distance in L*a*b* of two rows so many rows apart, beyond which the floor ends between them.

Measured: a floor's own gradient stays under 9 on the path-traced tables."""

SWEEP_ROWS = 30
"""Rows above the foot where a floor without an edge is taken to end, about an eye-level horizon.

Chosen by eye."""

GLARE_START, GLARE_SPAN = 0.12, 0.45
"""Natural log of far over near floor luminance at which glare begins, and over which it becomes certain.

Chosen by eye; Fresnel reflection grows towards grazing view, paint does not."""

GRAZING_REFLECTANCE = 0.41
"""Share of what stands behind that the far floor mirrors; a lamp out of view is certain from twice that on.

Source: Schlick, "An inexpensive BRDF model", 1994: refractive index 1.5, seen at ten degrees. Measured on
path-traced tables: the far floor outshines the near one by 2.9 to 3.6 times the backdrop's luminance before
a lamp, by at most 0.32 of it before a sky or a window."""

BLOWN_START, BLOWN_SPAN = 0.8, 0.15
"""Luminance at which a pixel begins to count as blown, and over which it counts fully. Chosen by eye."""

SPOT_SHARE = 0.008
"""Share of blown pixels at which a lamp, sun or window is 63 % certain. Chosen by eye."""

WALL_START, WALL_SPAN = 0.2, 0.3
"""Share of blown pixels at which a bright wall becomes likely instead, and over which it becomes certain.

Chosen by eye."""

MAX_SIDE_BALANCE = 0.3
"""Largest estimated difference between left and right, and its gain. Chosen: a weak sign only."""

BEHIND_THRESHOLD = 0.25
"""Certainty of a light behind from which it is the main light of the shadow. Chosen by eye."""


@dataclass(frozen=True)
class Surroundings:
    """The estimated light at the place where a product is to stand."""

    front: NDArray[np.float32]
    """(3,): linear light of a white surface that faces the camera."""

    sides: NDArray[np.float32]
    """(3,): linear light of a white surface that faces left or right."""

    above: NDArray[np.float32]
    """(3,): linear light of a white surface that faces up."""

    below: NDArray[np.float32]
    """(3,): linear light of a white surface that faces down."""

    light: Light
    """The strongest single light, for the shadow."""

    floor_top: float
    """Row of the picture at which the floor ends."""

    behind: float = 1.0
    """Luminance of what stands behind, over that of a white surface which faces up; at most 1.

    A floor loses little light to a product that hides a dark backdrop from it."""

    def irradiance(self, normals: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the light on white surfaces with these unit normals, (..., 3) -> (..., 3).

        Source: the ambient cube of McTaggart, "Half-Life 2 / Valve Source Shading", 2004: the squares of
        a normal's components are the weights of the faces. Left and right are equal here: estimating their
        difference from one picture made relighting no better on path-traced truth.
        """
        x, y, z = np.moveaxis(normals[..., None, :] ** 2, -1, 0)
        vertical = np.where(normals[..., 1, None] >= 0, self.above, self.below)
        return np.asarray(x * self.sides + y * vertical + z * self.front, np.float32)


def estimate_surroundings(
    background: RgbImage, matte: Matte | None = None, *, holds_product: bool = False
) -> Surroundings:
    """Estimate the light at a place from one ordinary picture of it.

    Four observations are used:

    * Floor luminance. A picture is exposed for its floor, so the light differs from the usual only as far
      as the floor is darker or brighter than paint can explain.
    * Floor colour. Its cast is divided between light and paint by their variances.
    * A light behind the product. It shows as glare (a floor that brightens towards the horizon, in the
      light's own colour) or as blown spots in the backdrop; the front is then in shade. A shadow falls
      forward only where the floor mirrors more than the backdrop that is seen: a sky throws none.
    * Backdrop luminance. The backdrop faces the camera as the product's front does: if it is much darker
      than paint explains, so is the light on the front.

    Args:
        background: (H, W, 3), sRGB.
        matte: (H, W), 1 = product: says where the floor is; None takes the lower middle.
        holds_product: Whether the product is already in the picture; it is then filled from around it.

    Returns:
        The estimate; linear light in the picture's own exposure.
    """
    small, foot = _small(background, matte, holds_product=holds_product)
    floor_top = _floor_edge(small, foot)
    floor, backdrop = small[max(foot, floor_top + 2) :], small[: max(floor_top - 2, 1)]
    floor_rgb, backdrop_rgb = _mean(floor), _mean(backdrop)
    floor_y, backdrop_y = _lum(floor_rgb), _lum(backdrop_rgb)
    glare, excess = _glare(small[floor_top + 3 :])
    lamp = glare * float(np.clip(excess / (GRAZING_REFLECTANCE * backdrop_y + 1e-6) - 1, 0, 1))
    spots, spot_x = _blown_spots(backdrop)
    behind, lamp_behind = _either(spots, glare), _either(spots, lamp)

    level = math.exp(_outside(math.log((floor_y + 1e-3) / USUAL_FLOOR), FLOOR_PAINT_SPAN))
    gloom = _outside(math.log((backdrop_y + 1e-3) / (USUAL_BACKDROP * level)), BACKDROP_PAINT_SPAN)
    # A pale floor lights a standing surface, a dark one does not.
    usual = FRONT_SHARE * level + FLOOR_REFLECTION * (min(floor_y, level) - USUAL_FLOOR * level)
    front = usual * math.exp(BACKDROP_WEIGHT * min(gloom, 0.0)) * (1 - SHADE_BEHIND * behind)
    tint = _light_tint(floor_rgb, glare)
    # The front is lit by the surroundings and by the floor, each in its own colour.
    bounce = min(BOUNCE_PER_FLOOR * floor_y / max(front, 1e-3), MAX_BOUNCE)
    shade = tint * SKY_TINT ** (2 * spots)
    front_tint = _balanced(_balanced(shade) * (1 - bounce) + _balanced(floor_rgb + 1e-3) * bounce)
    sides = _side_balance(backdrop)
    scale = background.shape[0] / small.shape[0]
    return Surroundings(
        front=(front_tint * front).astype(np.float32),
        sides=(front_tint * (front + RIM_LIGHT * behind * level)).astype(np.float32),
        above=(tint * level).astype(np.float32),
        below=floor_rgb * FLOOR_UNDERSIDE,
        light=_main_light(lamp_behind, lamp, spots, spot_x, sides, tint, level),
        floor_top=floor_top * scale,
        behind=min(backdrop_y / level, 1.0),
    )


def estimate_light(background: RgbImage, matte: Matte | None = None, *, holds_product: bool = False) -> Light:
    """Estimate the strongest light of a picture, for the shadow of a product put into it.

    Args:
        background: (H, W, 3), sRGB.
        matte: (H, W), 1 = product, to know where the floor is.
        holds_product: Whether the product is already in the picture.

    Returns:
        The light; an even one (strength near 0) where the picture shows none.
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

    The break may be blurred, so rows `EDGE_STEP_ROWS` apart are compared.
    """
    rows = linear_to_lab(np.median(small, axis=1)[None])[0]
    step = EDGE_STEP_ROWS
    for row in range(min(foot, len(rows) - step) - 1, step, -1):
        if np.linalg.norm(rows[row] - rows[row - step]) > EDGE_DELTA_E:
            return max(row - 1, step)
    return max(foot - SWEEP_ROWS, step)  # no edge: a studio sweep


def _glare(floor: NDArray[np.float32]) -> tuple[float, float]:
    """Return the certainty, 0 to 1, that it is brighter behind the scene, and how much the far floor mirrors.

    Reflection grows towards grazing view (Fresnel), so the floor brightens towards the horizon.
    """
    if len(floor) < 9:
        return 0.0, 0.0
    third = len(floor) // 3
    far, near = _lum(_mean(floor[:third])), _lum(_mean(floor[-third:]))
    certainty = (math.log((far + 1e-3) / (near + 1e-3)) - GLARE_START) / GLARE_SPAN
    return float(np.clip(certainty, 0, 1)), max(far - near, 0.0)


def _either(spots: float, glare: float) -> float:
    """Return the certainty of a light behind from those of blown spots and of glare."""
    return 1 - (1 - SPOT_CERTAINTY * spots) * (1 - GLARE_CERTAINTY * glare)


def _blown_spots(backdrop: NDArray[np.float32]) -> tuple[float, float]:
    """Return the certainty, 0 to 1, that blown spots are a light behind, and their place, -1 left to 1 right.

    A few per cent of blown pixels are a sun, a lamp or a window; a wholly white backdrop is a wall.
    """
    bright = np.clip((luminance(backdrop) - BLOWN_START) / BLOWN_SPAN, 0, 1)
    share = float(bright.mean())
    columns = np.linspace(-1, 1, backdrop.shape[1])
    middle = float((bright.sum(axis=0) * columns).sum() / max(float(bright.sum()), 1e-6))
    wall = float(np.clip((share - WALL_START) / WALL_SPAN, 0, 1))
    return (1 - math.exp(-share / SPOT_SHARE)) * (1 - wall), middle


def _light_tint(floor_rgb: NDArray[np.float32], glare: float) -> NDArray[np.float32]:
    """Return the light's colour, (3,), luminance 1, from the floor's.

    Glare has the light's own colour: a floor that is not metal reflects without colouring.
    """
    rgb = floor_rgb + 2e-3
    observed = np.log(rgb[[0, 2]] / rgb[1])
    paint = USUAL_FLOOR_CHROMA * (1 - glare)
    weight = FLOOR_WEIGHT + (GLARE_WEIGHT - FLOOR_WEIGHT) * glare
    chroma = np.clip(weight * (observed - paint), -MAX_LOG_CHROMA, MAX_LOG_CHROMA)
    return _balanced(np.array([math.exp(chroma[0]), 1.0, math.exp(chroma[1])], np.float32))


def _side_balance(backdrop: NDArray[np.float32]) -> float:
    """Return how much brighter the left of the backdrop is than the right, +-`MAX_SIDE_BALANCE`."""
    half = backdrop.shape[1] // 2
    left, right = _lum(_mean(backdrop[:, :half])), _lum(_mean(backdrop[:, half:]))
    return float(
        np.clip(
            MAX_SIDE_BALANCE * math.log((left + 0.02) / (right + 0.02)), -MAX_SIDE_BALANCE, MAX_SIDE_BALANCE
        )
    )


def _main_light(
    behind: float,
    glare: float,
    spots: float,
    spot_x: float,
    sides: float,
    tint: NDArray[np.float32],
    level: float,
) -> Light:
    """Return the light behind if there is one, else a weak light from the brighter side.

    Its softness and strength are chosen by eye.
    """
    kelvin = _kelvin(tint)
    if behind > BEHIND_THRESHOLD:
        azimuth = 180 - 18 * spot_x * (1 if spots > 0.3 else 0)
        mirrored = glare / max(glare + spots, 1e-6)
        return Light(
            azimuth_deg=(azimuth + 180) % 360 - 180,
            elevation_deg=SPOT_ELEVATION_DEG + (GLARE_ELEVATION_DEG - SPOT_ELEVATION_DEG) * mirrored,
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


def _outside(value: float, span: float) -> float:
    """Return how far `value` lies outside [-span, span], with its sign; 0 inside."""
    return math.copysign(max(abs(value) - span, 0.0), value)


def _mean(region: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean colour of a region, (3,)."""
    return np.asarray(region.reshape(-1, 3).mean(axis=0), np.float32)


def _lum(rgb: NDArray[np.float32]) -> float:
    """Return the luminance of one colour."""
    return float(luminance(rgb[None])[0])


def _balanced(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the colour at luminance 1."""
    return np.asarray(rgb / max(_lum(rgb), 1e-6), np.float32)
