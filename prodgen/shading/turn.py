"""Whether the relighting model turned the product's hues, and how the turn is taken back.

A model that paints a red mug green has not found green light. Hues are turned in one of two ways: in the
a*b* plane about grey, where lightness stays, or around the hexagon of HSV, where a colour's largest and
smallest channel stay and its lightness does not. Each angle of a search is taken back on a sample of
pixels, and the veil model is fitted to the result. Light and veil cannot imitate a turn, so the angle that
leaves the smallest cost is the one that was made. Under a strong veil that cost is flat; then a robust
similarity fit in the a*b* plane finds the angle.

The turn is taken back before anything else is estimated. Channels that a turn pushed out of sRGB were cut
off; they are completed from the fitted model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.color import from_lab_linear, linear_to_lab, to_linear, to_srgb
from prodgen.images import Matte, Plane
from prodgen.shading.veil_model import (
    FEWEST_PIXELS,
    VeilFit,
    fit_veil,
    is_coloured,
    residual_cost,
    sample_pixels,
    with_luminance_1,
)

Space = Literal["lab", "hsv"]
Array = NDArray[np.float64]

EXPLAINED_COST = 2.0
"""Cost below which colours count as explained by light and veil, and no turn is looked for.

Chosen: `veil_model.EFFECTIVE_SAMPLES` samples, each off by 2 %, which nobody sees.
"""

LEAST_GAIN = 10.0
"""Smallest reduction of the cost for which a turn is accepted.

Measured on path-traced products: light's own turns, up to 10 degrees, reduce it by less.
"""

ACCEPTED_REMAINDER = 0.4
"""Share of the cost without a turn that may remain; below it a turn is accepted whatever `LEAST_GAIN` says.

Chosen for colours that are explained almost wholly, whose cost is too small to fall by `LEAST_GAIN`.
"""

LIGHTS_OWN_TURN_DEG = 15.0
"""Turn of all colours alike that light itself may make. Measured on path-traced products: up to 10."""

MIN_SIGNAL_TO_NOISE = 2.0
"""Smallest ratio of the colours' turned spread to the residuals' deviation for the similarity fit to count.

Chosen: two standard deviations.
"""

SIMILARITY_NOISE = 0.03
"""Noise floor of the similarity fit, in a*b* over L*. Guard against a perfect fit."""

SMALL_DEG = np.array([-10.0, -5.0, 5.0, 10.0])
"""Angles tried first beside those around the circle.

Measured on a drawn carton turned by 5 degrees: without them the result is off by 1.8 and not by under 1.5.
"""

COARSE_DEG, FINEST_DEG = 20.0, 0.5
"""Steps of the first search, around the circle, and of the last; each is a quarter of the last one. Speed."""

STARTS = (0.6,)
"""Share of surviving colour that fits begin with. Speed: one is enough to compare angles."""

COARSE_SAMPLES, FINE_SAMPLES = 100, 250
"""Pixels of the product in the first search, and when an angle is refined. Speed."""

FEWEST_COLOURED = 2
"""Sampled pixels with a hue, below which no turn is looked for. Guard: on grey that is a change of light."""

ROUNDS = 3
"""Times that cut-off channels are completed from the fit, and the fit from them. Speed."""

CUT_OFF = 0.0008
"""Distance from 0 or 1, linear light, within which a channel was cut off at the edge of sRGB.

Standard: 2.6 of 255 in sRGB (IEC 61966-2-1), twice the rounding of 8 bits.
"""


@dataclass(frozen=True)
class Turn:
    """A rotation of all hues of the product."""

    angle_deg: float
    """The angle that was made, and must be taken back; 0 if none was found."""

    space: Space = "lab"
    """lab: in the a*b* plane of CIE L*a*b*; hsv: around the hexagon of sRGB."""

    fit: VeilFit | None = None
    """The veil model of the colours after the turn was taken back."""

    cost: float = 0.0
    """Cost of that fit, to compare turns of the same pixels; smaller is better."""


def find_turn(photo_linear: Plane, relit_linear: Plane, weight: Matte, scene_color: Plane) -> Turn:
    """Find by how much, and in which space, the hues of the product were turned.

    Args:
        photo_linear: (h, w, 3), linear light, the reduced photograph.
        relit_linear: (h, w, 3), the relit product in the same place.
        weight: (h, w), 1 = product.
        scene_color: (3,), colour of the scene around the product.
    """
    photo, relit = sample_pixels(photo_linear, relit_linear, weight, COARSE_SAMPLES)
    if len(photo) < FEWEST_PIXELS or is_coloured(photo).sum() < FEWEST_COLOURED:
        return Turn(0.0)
    at_rest = _best_of(photo, relit, np.zeros(1), "lab", scene_color).cost
    if at_rest < EXPLAINED_COST:
        return Turn(0.0)
    circle = np.arange(COARSE_DEG, 360, COARSE_DEG)
    spaces: tuple[Space, ...] = ("lab", "hsv")
    coarse = [_best_of(photo, relit, np.r_[SMALL_DEG, circle], space, scene_color) for space in spaces]
    photo, relit = sample_pixels(photo_linear, relit_linear, weight, FINE_SAMPLES)
    similar = _similarity_turn(photo, relit)
    if min(turn.cost for turn in coarse) > max(at_rest - LEAST_GAIN, ACCEPTED_REMAINDER * at_rest):
        if similar is None or abs(similar) < LIGHTS_OWN_TURN_DEG:
            return Turn(0.0)
        coarse = [Turn(similar)]
    else:
        # Where most channels were cut off, the completed colours may have their minimum elsewhere.
        coarse.append(_best_of(photo, relit, circle, "lab", scene_color, rounds=ROUNDS))
    refined = (_refined(photo, relit, turn, scene_color) for turn in coarse)
    return min(refined, key=lambda turn: turn.cost)


def turn_back(relit_linear: Plane, turn: Turn, photo_linear: Plane) -> Plane:
    """Take a turn back.

    Args:
        relit_linear: (h, w, 3), linear light.
        turn: From `find_turn`.
        photo_linear: (h, w, 3), the photograph in the same place.
    """
    if turn.angle_deg == 0:
        return relit_linear
    if turn.space == "lab" and turn.fit is not None:
        expected = turn.fit.colors(photo_linear)
        relit_linear = _completed(relit_linear, turned(expected, turn.angle_deg, "lab"))
    return np.clip(turned(relit_linear, -turn.angle_deg, turn.space), 0, 1)


def turned(linear: Plane, angle_deg: float, space: Space) -> Plane:
    """Turn the hues of colours (..., 3), linear light; "lab" may leave sRGB, "hsv" cannot."""
    if space == "hsv":
        hsv = cv2.cvtColor(to_srgb(linear).reshape(1, -1, 3), cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + np.float32(angle_deg)) % 360
        rgb = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(np.float32, copy=False)
        return to_linear(rgb).reshape(linear.shape)
    lab = linear_to_lab(linear)
    color = (lab[..., 1] + 1j * lab[..., 2]) * np.exp(1j * np.radians(angle_deg))
    lab[..., 1], lab[..., 2] = color.real, color.imag
    return from_lab_linear(lab)


def _similarity_turn(photo: Plane, relit: Plane) -> float | None:
    """Degrees by which all colours turned and shrank alike about one cast; None if they did not.

    With z a colour's a* + i b* over its lightness, after = c * before + d is fitted by iteratively reweighted
    least squares; the angle of c is the turn. Light biases it, but it sees a turn under a strong veil.
    """
    before, after = linear_to_lab(photo), linear_to_lab(relit)
    x, y = ((lab[:, 1] + 1j * lab[:, 2]) / np.maximum(lab[:, 0], 1) for lab in (before, after))
    weight = np.ones(len(x))
    c, noise = 1 + 0j, SIMILARITY_NOISE
    for _ in range(8):
        middle = (weight * x).sum() / weight.sum(), (weight * y).sum() / weight.sum()
        offset = x - middle[0]
        c = (weight * offset.conj() * (y - middle[1])).sum() / ((weight * abs(offset) ** 2).sum() + 1e-6)
        distance = abs(y - middle[1] - c * offset)
        noise = max(SIMILARITY_NOISE, 1.5 * float(np.median(distance)))
        weight = 1 / (1 + (distance / noise) ** 2)
    spread = float(np.sqrt((weight * abs(x - middle[0]) ** 2).sum() / weight.sum()))
    is_clear = abs(c) * spread > MIN_SIGNAL_TO_NOISE * noise
    return float(np.degrees(np.angle(c))) if is_clear else None


def _refined(photo: Plane, relit: Plane, turn: Turn, scene_color: Plane) -> Turn:
    """The best turn near one that was found, to `FINEST_DEG`."""
    step = COARSE_DEG
    while step > FINEST_DEG:
        step /= 4
        around = turn.angle_deg + np.linspace(-4, 4, 9) * step
        turn = _best_of(photo, relit, around, turn.space, scene_color, rounds=ROUNDS)
    return turn


def _best_of(
    photo: Plane, relit: Plane, angles: Array, space: Space, scene_color: Plane, *, rounds: int = 1
) -> Turn:
    """Take each turn back, fit the veil model, and return the turn whose fit costs least."""
    is_completing = space == "lab" and rounds > 1
    full = [_completed(relit, turned(photo, a, space)) if is_completing else relit for a in angles]
    for left in reversed(range(rounds if space == "lab" else 1)):
        back = np.stack([turned(x, -angle, space) for x, angle in zip(full, angles, strict=True)])
        fits = fit_veil(with_luminance_1(photo), with_luminance_1(back), scene_color, starts=STARTS)
        expected = [turned(fit.colors(photo), angle, space) for fit, angle in zip(fits, angles, strict=True)]
        if left:
            full = [_completed(relit, colors) for colors in expected]
    if space == "lab":
        # Cut-off channels are compared as they were observed: completed they would agree with any angle.
        residual = residual_cost(with_luminance_1(np.stack(expected)), with_luminance_1(relit))
        costs = [fit.prior_cost + float(cost) for fit, cost in zip(fits, residual, strict=True)]
    else:
        # On a product of one hue the two kinds differ little, and taking HSV wrongly changes its lightness.
        costs = [fit.cost + LEAST_GAIN for fit in fits]
    best = int(np.argmin(costs))
    return Turn((float(angles[best]) + 180) % 360 - 180, space, fits[best], costs[best])


def _completed(relit: Plane, expected: Plane) -> Plane:
    """Channels that were cut off at 0 or 1, continued as expected from the channels that were not."""
    low, high = relit < CUT_OFF, relit > 1 - CUT_OFF
    seen = np.where(low | high, 0, np.maximum(expected, 0))
    scale = (seen * relit).sum(axis=-1) / np.maximum((seen * seen).sum(axis=-1), 1e-4)
    full = expected * scale[..., None]
    return np.where(low, np.minimum(full, relit), np.where(high, np.maximum(full, relit), relit))
