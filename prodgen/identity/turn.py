"""Whether the relighting model turned the product's hues, and the turn taken back.

A model that paints a red mug green has not found green light. A turn of all hues is told from light
by the product's own colours: with z a colour's a* + i b* over its lightness, before and after,

    after = c * before + d

c is complex, its size the saturation that survived and its angle the turn; d is the cast, of light
and veil together. Light itself turns hues by a few degrees at most. Taking the turn back first makes
all that is read from the colours afterwards independent of it: whole pictures of the product, cast and
all, turned in the a*b* plane about grey give the same light, as far as sRGB could hold them.
Owns that fit, and the turning.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from prodgen.color import from_lab, linear_to_lab, to_linear
from prodgen.images import Matte

Plane = NDArray[np.float32]

HONEST_DEG = 8.0
"""Turns well below are light's own (up to 10 degrees on path-traced products) and stay."""

WORTH_TURNING_DEG = 1.5
"""What would be taken back below this is not worth the way through L*a*b*."""

TOLD = 0.4
"""Size of the colours that follow the photograph over those that do not, at which a turn is believed half."""

LOST = 0.0008
"""Linear light, 2.6 in 8 bits, below which a channel was cut off at the edge of sRGB, and its hue with it."""

LOST_WEIGHT = 0.3
"""Of such a pixel: its hue is off by 10 degrees or so, but strong colours may leave no other pixels."""

COLORED = 14.0
"""Chroma from which on a part of the photograph has a hue to be turned."""

SAMPLES = 4000
"""Pixels of the product that are asked."""


class Turn(NamedTuple):
    """What was done to the product's hues."""

    angle_deg: float
    """To be taken back; 0 if the colours are as light leaves them, or say nothing."""

    trust: float
    """0 to 1: how far the colours are still to be read; a turn beyond sRGB has lost some."""


def find_turn(photo_linear: Plane, relit_linear: Plane, weight: Matte) -> Turn:
    """Find by how much the hues of the product were turned.

    Args:
        photo_linear: (h, w, 3), linear light, the reduced photograph.
        relit_linear: (h, w, 3), the relit product in the same place.
        weight: (h, w), 1 = product.
    """
    index = np.flatnonzero(weight > 0)
    index = index[:: max(1, len(index) // SAMPLES)]
    before = linear_to_lab(photo_linear.reshape(-1, 3)[index])
    relit = relit_linear.reshape(-1, 3)[index]
    after = linear_to_lab(relit)
    # What is nearly black has lost its colour.
    told = (before[:, 0] > 8) & (after[:, 0] > 8)
    if told.sum() < 50:
        return Turn(0.0, 1.0)
    before, after = before[told], after[told]
    x, y = ((z[:, 1] + 1j * z[:, 2]) / z[:, 0] for z in (before, after))
    relit = relit[told]
    is_cut = (relit.min(axis=-1) < LOST) | (relit.max(axis=-1) > 1 - LOST)
    certain = np.minimum(after[:, 0] / 30, 1) * np.where(is_cut, LOST_WEIGHT, 1)
    heard = certain
    c, d, misfit = 1 + 0j, 0j, 1.0
    for _ in range(8):
        # The ridge on d decides for a product of one colour: there cast and colour are the same.
        system = np.array(
            [
                [(heard * abs(x) ** 2).sum() + 1e-6, (heard * x.conj()).sum()],
                [(heard * x).sum(), 1.02 * heard.sum()],
            ]
        )
        c, d = np.linalg.solve(system, np.array([(heard * x.conj() * y).sum(), (heard * y).sum()]))
        distance = abs(y - c * x - d)
        misfit = float(np.median(distance))
        heard = certain / (1 + (distance / max(0.03, 1.5 * misfit)) ** 2)
    mean = (heard * x).sum() / heard.sum()
    spread = float(np.sqrt((heard * abs(x - mean) ** 2).sum() / heard.sum()))
    certainty = abs(c) * spread / (misfit + 0.01) / TOLD
    believed = certainty**4 / (1 + certainty**4)
    angle = float(np.degrees(np.angle(c)))
    angle *= believed * (1 - np.exp(-((angle / HONEST_DEG) ** 2)))
    if abs(angle) < WORTH_TURNING_DEG:
        return Turn(0.0, 1.0)
    colored = abs(x) * before[:, 0] > COLORED
    lost = float(is_cut[colored].mean()) if colored.any() else 0.0
    return Turn(float(angle), 1 - lost * min(1.0, float(abs(angle)) / 45))


def turn_back(relit_linear: Plane, turn: Turn) -> Plane:
    """Turn the hues of a picture, (h, w, 3), linear light, back; lightness stays."""
    if turn.angle_deg == 0:
        return relit_linear
    lab = linear_to_lab(relit_linear)
    color = (lab[..., 1] + 1j * lab[..., 2]) * np.exp(-1j * np.radians(turn.angle_deg))
    lab[..., 1], lab[..., 2] = color.real, color.imag
    return to_linear(from_lab(lab))
