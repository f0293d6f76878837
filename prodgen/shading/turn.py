"""Whether the relighting model turned the product's hues, and the turn taken back.

A model that paints a red mug green has not found green light. Hues are turned in one of two ways: in
the a*b* plane about grey, where lightness stays, or around the hexagon of HSV, where a colour's largest
and smallest channel stay and its lightness does not. Each possible turn is taken back on some pixels of
the product, and what is left is explained by light and veil (see `explain`): light alone cannot
explain a turn, so the one after which the least has to be explained away is the one that was made.
Where a strong veil hides it, all colours turning alike about one cast tell it.
Taking it back first makes all that is read afterwards independent of it. What a turn pushed out of
sRGB was cut off there; it is completed from the explanation.
Owns the search, the turning and the completion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.color import from_lab_linear, linear_to_lab, to_linear, to_srgb
from prodgen.images import Matte
from prodgen.shading.explain import FEWEST_WITNESSES, Explanation, explain, lack_of, of_luminance_1, witnesses

Plane = NDArray[np.float32]
Way = Literal["lab", "hsv"]

WORTH_TURNING = 10.0
"""How much better, by `Explanation.cost`, a turn must explain the colours than none: light's own turns
(up to 10 degrees on path-traced products) stay well below."""

WORTH_SHARE = 0.4
"""The same for colours that are explained almost wholly: what remains of their cost."""

EXPLAINED = 2.0
"""Cost below which colours are explained, and nothing more is looked for."""

WORTH_HSV = 10.0
"""The same for the turn around the hexagon against the one in the a*b* plane: the two differ little on a
product of one hue, and taking the wrong one changes its lightness."""

SAME_TURN_DEG = 25.0
"""Within which two findings are of the same turn."""

HONEST_DEG = 15.0
"""A turn of all colours alike that light itself may make; path-traced products show up to 10."""

TOLD = 2.0
"""Size of the colours that turned alike over those that did not, from which on such a turn is believed."""

SMALL_DEG = np.array([-10.0, -5.0, 5.0, 10.0])
"""Turns tried first beside those around the circle."""

COARSE_DEG, FINEST_DEG = 20.0, 0.5
"""Step of the first search, around the circle, and of the last; each is a quarter of the one before."""

SHARES = (0.6,)
"""Of surviving colour, that fits begin with; one is enough to compare turns."""

COARSE_SAMPLES, FINE_SAMPLES = 100, 250
"""Pixels of the product that are asked first, and when a turn is refined."""

ROUNDS = 3
"""Times that what was cut off is completed from the explanation, and the explanation from that."""

LOST = 0.0008
"""Linear light, 2.6 in 8 bits, below which a channel was cut off at the edge of sRGB, and its hue with it."""

LOST_WEIGHT = 0.3
"""Of such a pixel: its hue is off by 10 degrees or so, but strong colours may leave no other pixels."""


@dataclass(frozen=True)
class Turn:
    """What was done to the product's hues."""

    angle_deg: float
    """To be taken back; 0 if the colours are as light leaves them, or say nothing."""

    way: Way = "lab"
    """lab: in the a*b* plane of CIE L*a*b*; hsv: around the hexagon of sRGB."""

    explanation: Explanation | None = None
    """What the colours look like after the turn was taken back."""

    cost: float = 0.0
    """To compare turns of the same pixels with."""


def find_turn(photo_linear: Plane, relit_linear: Plane, weight: Matte, scene_color: Plane) -> Turn:
    """Find by how much, and in which way, the hues of the product were turned.

    Args:
        photo_linear: (h, w, 3), linear light, the reduced photograph.
        relit_linear: (h, w, 3), the relit product in the same place.
        weight: (h, w), 1 = product.
        scene_color: (3,), colour of the scene around the product.
    """
    photo, relit = witnesses(photo_linear, relit_linear, weight, COARSE_SAMPLES)
    if len(photo) < FEWEST_WITNESSES:
        return Turn(0.0)
    circle = np.arange(COARSE_DEG, 360, COARSE_DEG)
    ways: tuple[Way, ...] = ("lab", "hsv")
    at_rest = _try(photo, relit, np.zeros(1), "lab", scene_color).cost
    if at_rest < EXPLAINED:
        return Turn(0.0)
    coarse = [_try(photo, relit, np.r_[SMALL_DEG, circle], way, scene_color) for way in ways]
    photo, relit = witnesses(photo_linear, relit_linear, weight, FINE_SAMPLES)
    plain = _plain_turn(photo, relit)
    if min(turn.cost for turn in coarse) > max(at_rest - WORTH_TURNING, WORTH_SHARE * at_rest):
        if plain is None or abs(plain) < HONEST_DEG:
            return Turn(0.0)
        coarse = [Turn(plain)]
    else:
        # Where most was cut off, the completed colours may tell of another turn than what is left of them.
        coarse.append(_try(photo, relit, circle, "lab", scene_color, rounds=ROUNDS))
    found = min((_refined(photo, relit, turn, scene_color) for turn in coarse), key=lambda turn: turn.cost)
    if found.way == "hsv" or plain is None or found.cost < EXPLAINED:
        return found
    # Light explains away a little of a turn, and is itself a little of one: the two ways err oppositely.
    apart = (plain - found.angle_deg + 180) % 360 - 180
    if abs(apart) > SAME_TURN_DEG:
        return found
    between = np.array([found.angle_deg + apart / 2])
    return _try(photo, relit, between, "lab", scene_color, rounds=ROUNDS)


def turn_back(relit_linear: Plane, turn: Turn, photo_linear: Plane) -> Plane:
    """Take a turn back.

    Args:
        relit_linear: (h, w, 3), linear light.
        turn: From `find_turn`.
        photo_linear: (h, w, 3), the photograph in the same place.
    """
    if turn.angle_deg == 0:
        return relit_linear
    if turn.way == "lab" and turn.explanation is not None:
        expected = turn.explanation.colors(photo_linear)
        relit_linear = _completed(relit_linear, turned(expected, turn.angle_deg, "lab"))
    return np.clip(turned(relit_linear, -turn.angle_deg, turn.way), 0, 1)


def turned(linear: Plane, angle_deg: float, way: Way) -> Plane:
    """Turn the hues of colours (..., 3), linear light; "lab" may leave sRGB, "hsv" cannot."""
    if way == "hsv":
        hsv = cv2.cvtColor(to_srgb(linear).reshape(1, -1, 3), cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + np.float32(angle_deg)) % 360
        rgb = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(np.float32, copy=False)
        return to_linear(rgb).reshape(linear.shape)
    lab = linear_to_lab(linear)
    color = (lab[..., 1] + 1j * lab[..., 2]) * np.exp(1j * np.radians(angle_deg))
    lab[..., 1], lab[..., 2] = color.real, color.imag
    return from_lab_linear(lab)


def _plain_turn(photo: Plane, relit: Plane) -> float | None:
    """Degrees by which all colours turned and shrank alike about one cast; None if they did not.

    With z a colour's a* + i b* over its lightness, after = c * before + d is fitted robustly; the angle of c
    is the turn. It misses what light does, but sees a turn that a strong veil nearly hides.
    """
    before, after = linear_to_lab(photo), linear_to_lab(relit)
    x, y = ((lab[:, 1] + 1j * lab[:, 2]) / np.maximum(lab[:, 0], 1) for lab in (before, after))
    certain = np.where((relit.min(axis=-1) < LOST) | (relit.max(axis=-1) > 1 - LOST), LOST_WEIGHT, 1.0)
    heard = certain
    c, distance = 1 + 0j, np.zeros(len(x))
    for _ in range(8):
        middle = (heard * x).sum() / heard.sum(), (heard * y).sum() / heard.sum()
        offset = x - middle[0]
        c = (heard * offset.conj() * (y - middle[1])).sum() / ((heard * abs(offset) ** 2).sum() + 1e-6)
        distance = abs(y - middle[1] - c * offset)
        heard = certain / (1 + (distance / max(0.03, 1.5 * float(np.median(distance)))) ** 2)
    spread = float(np.sqrt((heard * abs(x - middle[0]) ** 2).sum() / heard.sum()))
    is_told = abs(c) * spread > TOLD * (float(np.median(distance)) + 0.01)
    return float(np.degrees(np.angle(c))) if is_told else None


def _refined(photo: Plane, relit: Plane, turn: Turn, scene_color: Plane) -> Turn:
    """The best turn near one that was found, to `FINEST_DEG`."""
    step = COARSE_DEG
    while step > FINEST_DEG:
        step /= 4
        around = turn.angle_deg + np.linspace(-4, 4, 9) * step
        turn = _try(photo, relit, around, turn.way, scene_color, rounds=ROUNDS)
    return turn


def _try(
    photo: Plane, relit: Plane, angles: NDArray[np.float64], way: Way, scene_color: Plane, *, rounds: int = 1
) -> Turn:
    """Take each turn back, and return the one after which light and veil explain the most."""
    is_cut = (relit.min(axis=-1) < LOST) | (relit.max(axis=-1) > 1 - LOST)
    weight = np.where(is_cut & (way == "lab"), LOST_WEIGHT, 1.0)
    is_completing = way == "lab" and rounds > 1
    full = [_completed(relit, turned(photo, a, way)) if is_completing else relit for a in angles]
    for left in reversed(range(rounds if way == "lab" else 1)):
        back = np.stack([turned(x, -angle, way) for x, angle in zip(full, angles, strict=True)])
        found = explain(
            of_luminance_1(photo), of_luminance_1(back), scene_color, weight=weight, shares=SHARES
        )
        if left:
            full = [
                _completed(relit, turned(explained.colors(photo), angle, way))
                for explained, angle in zip(found, angles, strict=True)
            ]
    costs = [explained.cost + (WORTH_HSV if way == "hsv" else 0) for explained in found]
    if way == "lab":
        # What was cut off is compared as it is seen, cut off: completed it would agree with anything.
        expected = np.stack(
            [
                turned(explained.colors(photo), angle, way)
                for explained, angle in zip(found, angles, strict=True)
            ]
        )
        lacks = lack_of(of_luminance_1(expected), of_luminance_1(relit), np.ones(len(relit)))
        costs = [explained.strain + float(lack) for explained, lack in zip(found, lacks, strict=True)]
    best = int(np.argmin(costs))
    return Turn((float(angles[best]) + 180) % 360 - 180, way, found[best], costs[best])


def _completed(relit: Plane, expected: Plane) -> Plane:
    """Channels that were cut off at 0 or 1, continued as expected from the channels that were not."""
    low, high = relit < LOST, relit > 1 - LOST
    seen = np.where(low | high, 0, np.maximum(expected, 0))
    scale = (seen * relit).sum(axis=-1) / np.maximum((seen * seen).sum(axis=-1), 1e-4)
    full = expected * scale[..., None]
    return np.where(low, np.minimum(full, relit), np.where(high, np.maximum(full, relit), relit))
