"""Whether a catalogue's pictures match side by side, as a shop page shows them: one light, fill and exposure.

Compared are pictures of one scene and recipe only: a beach and a studio need not match. What is typical is
the median, and its spread the median absolute deviation (MAD), so that outliers do not hide themselves. Pure:
records in, numbers out; the sentences for people are at the end.
"""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from prodgen.catalogue import Order
from prodgen.ledger import PictureRecord

LEAST_PICTURES = 5
"""Fewest pictures of a scene that are compared: the least of which any two outliers are still a minority."""

OUTLIER_Z = 3.5
"""Modified z-score beyond which a picture stands out: 0.6745 * deviation / MAD > 3.5.

Source: Iglewicz and Hoaglin, How to Detect and Handle Outliers (ASQC, 1993)."""

NORMAL_MAD = 0.6745
"""MAD of the normal distribution in standard deviations, by definition of the modified z-score."""

LEAST_CONTRAST = 0.15
"""Smallest `Likeness.light_contrast` with which the light has a direction; as `Likeness` says of it."""


@dataclass(frozen=True, slots=True)
class Aspect:
    """One thing that is compared from picture to picture."""

    key: str
    """Name in `PictureRecord.look`; or "light_angle_deg", which the likeness has."""
    name: str
    """How people call it."""
    unit: str
    """Unit after the number."""
    step: float
    """Deviation that is never called out, because it does not disturb side by side."""
    factor: float = 1.0
    """What a shown number is multiplied by: 100 for shares."""
    is_angle: bool = False
    """Whether 359 is beside 1."""

    def shown(self, value: float) -> str:
        """Return a value with its unit, for people."""
        digits = 1 if abs(self.step * self.factor) < 1 else 0
        return f"{value * self.factor + 0.0:.{digits}f} {self.unit}".strip()


ASPECTS = (
    Aspect("light_angle_deg", "direction of the light", "degrees", 45, is_angle=True),
    Aspect("fill", "size of the product", "% of the picture", 0.075, factor=100),
    Aspect("exposure_l", "lightness of the scene", "L*", 6),
    Aspect("warmth_b", "warmth of the scene", "b*", 6),
    Aspect("product_stops", "exposure of the product", "stops", 1 / 3),
)
"""What is compared, with the deviation that does not disturb yet.

45 degrees: the warning limit of `light_angle_error_deg` (limits.toml). Fill: half of what Google Merchant
leaves free (the product takes 75 to 90 % of the picture). L* and b*: 6 is where a colour difference between
two pictures is no longer acceptable (J. Y. Hardeberg, Acquisition and Reproduction of Color Images, 2001:
3 to 6 is visible but acceptable). Stops: a third, the smallest step of a camera's exposure dial.
"""


@dataclass(frozen=True, slots=True)
class Outlier:
    """A picture that stands out among those of its scene in one aspect."""

    slot: str
    sku: str
    output: str
    aspect: Aspect
    value: float
    typical: float
    """The scene's median."""

    def __str__(self) -> str:
        shown = self.aspect.shown
        return f"{self.aspect.name} {shown(self.value)}, typically {shown(self.typical)}"


@dataclass(frozen=True, slots=True)
class Spread:
    """One aspect over the pictures of a scene."""

    aspect: Aspect
    count: int
    """Pictures in which it could be measured."""
    typical: float
    """Median; of angles the circular one, 0 to 360."""
    mad: float
    """Median absolute deviation: half of the pictures are farther from what is typical."""
    outliers: tuple[Outlier, ...] = ()
    """What stands out, the farthest first."""

    @property
    def is_wide(self) -> bool:
        """Whether there is no common look: half of the pictures differ from what is typical, visibly."""
        return self.mad > self.aspect.step


@dataclass(frozen=True, slots=True)
class SceneLooks:
    """The pictures of one scene and recipe, compared with each other."""

    scene: str
    """What people call it; empty where a catalogue has one scene only."""
    count: int
    """How many pictures it has."""
    spreads: tuple[Spread, ...]


@dataclass(slots=True)
class _Gathered:
    """Numbers of one scene, kept small: 8 bytes for each aspect, and the words for naming a picture."""

    scene: str
    named: list[tuple[str, str, str]] = field(default_factory=list)
    columns: tuple[array[float], ...] = field(default_factory=lambda: tuple(array("d") for _ in ASPECTS))


class LooksByScene:
    """Takes a run's pictures one by one, and compares them at the end; about 300 bytes a picture."""

    def __init__(self) -> None:
        self._scenes: dict[str, _Gathered] = {}

    def add(self, order: Order, record: PictureRecord) -> None:
        """Note a picture; one of which nothing was measured does not count."""
        values = _values(record)
        if all(math.isnan(value) for value in values):
            return
        key, name = scene_of(order)
        into = self._scenes.setdefault(key, _Gathered(name))
        into.named.append((order.slot, order.sku, record.output))
        for column, value in zip(into.columns, values, strict=True):
            column.append(value)

    def compare(self) -> tuple[SceneLooks, ...]:
        """Return each scene with enough pictures, in the order in which they came."""
        return tuple(
            SceneLooks(one.scene, len(one.named), tuple(_spreads(one)))
            for one in self._scenes.values()
            if len(one.named) >= LEAST_PICTURES
        )


def side_by_side(pictures: Iterable[tuple[Order, PictureRecord]]) -> tuple[SceneLooks, ...]:
    """Compare the pictures of each scene with each other.

    Args:
        pictures: Orders with what was made of them.

    Returns:
        Each scene that has at least `LEAST_PICTURES`.
    """
    looks = LooksByScene()
    for order, record in pictures:
        looks.add(order, record)
    return looks.compare()


def scene_of(order: Order) -> tuple[str, str]:
    """Return what tells the scenes of a catalogue apart, and what people call the order's own.

    A prompt that names the product differs from row to row and makes no scene: background, light, recipe and
    settings do, and the scene's name where the catalogue has one.
    """
    asked = {
        name: order.asked_for[name]
        for name in ("recipe", "background", "light", "settings", "negative_prompt", "loras")
        if order.asked_for.get(name)
    }
    name = order.scene
    return json.dumps([name, asked], sort_keys=True, default=str), name or _short(asked)


def typical(values: NDArray[np.float64], *, is_angle: bool = False) -> float:
    """Return the median; of angles the one of `values` with the least sum of ways to all others.

    Args:
        values: At least one number; angles in degrees.
        is_angle: Whether they go round.

    Returns:
        The median; an angle from 0 to 360.
    """
    if not is_angle:
        return float(np.median(values))
    # Whole degrees suffice, and bound the work: 360 candidates, however many pictures there are.
    bins = np.bincount(np.round(values % 360).astype(int) % 360, minlength=360)
    degrees = np.arange(360.0)
    ways = np.abs(deviations(degrees[None, :], degrees[:, None], is_angle=True)) @ bins
    best = degrees[np.flatnonzero(np.isclose(ways, ways.min()))]
    middle = best[0] + np.median(deviations(best, best[0], is_angle=True))  # many are equal if few are given
    return float(middle % 360)


def deviations(
    values: NDArray[np.float64], middle: NDArray[np.float64] | float, *, is_angle: bool = False
) -> NDArray[np.float64]:
    """Return how far each value is from the middle, with its sign; angles by the shorter way."""
    away = np.asarray(values - middle, np.float64)
    return (away + 180) % 360 - 180 if is_angle else away


def sentences(scenes: Iterable[SceneLooks], *, most: int = 3) -> tuple[str, ...]:
    """Say what stands out side by side, a sentence for each scene and aspect, with up to `most` names."""
    return tuple(
        _sentence(scene, spread, most) for scene in scenes for spread in scene.spreads if spread.outliers
    )


def _sentence(scene: SceneLooks, spread: Spread, most: int) -> str:
    shown, outliers = spread.aspect.shown, spread.outliers
    names = ", ".join(f"{one.slot} ({shown(one.value)})" for one in outliers[:most])
    more = f" and {len(outliers) - most} more" if len(outliers) > most else ""
    where = f"{scene.scene}: " if scene.scene else ""
    stand = "stands" if len(outliers) == 1 else "stand"
    return (
        f"{where}{len(outliers)} of {spread.count} pictures {stand} out by the {spread.aspect.name}"
        f" (typically {shown(spread.typical)}): {names}{more}"
    )


def _values(record: PictureRecord) -> tuple[float, ...]:
    """The value of each aspect, NaN where it was not measured."""
    contrast = record.identity.get("light_contrast") or 0.0
    angle = record.identity.get("light_angle_deg") if contrast >= LEAST_CONTRAST else None
    found = {**record.look, "light_angle_deg": angle}
    return tuple(_number(found.get(aspect.key)) for aspect in ASPECTS)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _spreads(one: _Gathered) -> Iterator[Spread]:
    for aspect, column in zip(ASPECTS, one.columns, strict=True):
        values = np.frombuffer(column, np.float64)
        measured = np.flatnonzero(np.isfinite(values))
        if len(measured) >= LEAST_PICTURES:
            yield _spread(aspect, values[measured], [one.named[index] for index in measured])


def _spread(aspect: Aspect, values: NDArray[np.float64], named: Sequence[tuple[str, str, str]]) -> Spread:
    middle = typical(values, is_angle=aspect.is_angle)
    away = np.abs(deviations(values, middle, is_angle=aspect.is_angle))
    mad = float(np.median(away))
    far = np.flatnonzero(away > max(OUTLIER_Z * mad / NORMAL_MAD, aspect.step))
    outliers = tuple(
        Outlier(slot, sku, output, aspect, value, middle)
        for index in far[np.argsort(-away[far], kind="stable")].tolist()
        for (slot, sku, output), value in [(named[index], float(values[index]))]
    )
    return Spread(aspect, len(values), middle, mad, outliers)


def _short(asked: dict[str, object]) -> str:
    """Words for a scene that has no name: its recipe and its background."""
    words = [
        str(asked[name]) for name in ("recipe", "background", "light") if isinstance(asked.get(name), str)
    ]
    return ", ".join(words)
