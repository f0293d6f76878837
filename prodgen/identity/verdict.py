"""The measured likeness of a product, the limits of a profile, and the verdict: facts, without sentences.

`Likeness` holds numbers with units and no opinion; the opinion is in limits.toml, a table for each
profile, so that a shop can have its own. What a person reads about a verdict is made in `words`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from prodgen.errors import SettingError, UnknownNameError

Status = Literal["pass", "warn", "fail"]

MIRROR_PERCENT = 40.0
"""Smallest `Likeness.mirrored_percent` of a product that is judged as a mirror.

Measured on path-traced products: lacquer and chrome show 60 to 82 %, glazed stoneware, board and leather
at most 17 %; the value lies halfway.
"""


class Limit(BaseModel):
    """Warning and failure thresholds of one measured number."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    warn: float
    """Beyond it the number is a warning."""

    fail: float
    """Beyond it the number is a failure."""

    is_least: bool = False
    """Whether small numbers are the bad ones."""

    is_magnitude: bool = False
    """Whether the number is judged without its sign: an outline may neither grow nor shrink."""

    mirror_fail: float | None = None
    """Failure threshold for a product that mirrors its surroundings; None: no other one than `fail`."""

    def bound(self, status: Status, *, is_mirror: bool = False) -> float:
        """Return the threshold whose crossing gives `status`."""
        if status != "fail":
            return self.warn
        return self.mirror_fail if is_mirror and self.mirror_fail is not None else self.fail

    def judge(self, value: float, *, is_mirror: bool = False) -> Status:
        """Judge one number."""
        judged = self._judged(value)
        for status in ("fail", "warn"):
            bound = self.bound(status, is_mirror=is_mirror)
            if judged < bound if self.is_least else judged > bound:
                return status
        return "pass"

    def _judged(self, value: float) -> float:
        return abs(value) if self.is_magnitude else value

    def strain(self, value: float, *, is_mirror: bool = False) -> float:
        """Say how far one number is on its way from ideal to failure: 0 = ideal, 1 = at the threshold.

        The ideal of shares and correlations, of which small ones are bad, is 1; of errors it is 0.
        """
        ideal = 1.0 if self.is_least else 0.0
        judged = self._judged(value)
        way = self.bound("fail", is_mirror=is_mirror) - ideal
        return max(0.0, (judged - ideal) / way) if way else 0.0


class BrokenLimit(BaseModel):
    """One measured number beyond one of its thresholds."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    number: str
    """Name of the number, a field of `Likeness`."""

    value: float
    """What was measured, with its sign."""

    bound: float
    """The threshold that was crossed."""

    status: Literal["warn", "fail"]
    """How bad that is."""

    is_least: bool = False
    """True if the value is below the threshold, False if it is above."""


class Verdict(BaseModel):
    """The judgement of one picture by one profile: which limits are broken."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    profile: str
    """Whose limits were applied."""

    broken: tuple[BrokenLimit, ...] = ()
    """Each number beyond a limit, failures first."""

    is_product_found: bool = True
    """False if the picture does not show the product at all, so that nothing could be measured."""

    @property
    def status(self) -> Status:
        """The worst that was found: "fail", "warn" or "pass"."""
        if not self.is_product_found:
            return "fail"
        return self.broken[0].status if self.broken else "pass"

    @property
    def failures(self) -> tuple[BrokenLimit, ...]:
        """The limits whose failure threshold is crossed."""
        return tuple(limit for limit in self.broken if limit.status == "fail")


class Likeness(BaseModel):
    """The measured likeness of the product in the photograph and in the result.

    Colours, detail and print are compared after the estimated light has been taken out. None
    means that this cannot be measured here (no print, no relit picture, no visible outline).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    delta_e_mean: float
    """CIEDE2000, mean over the product. 1 is just visible side by side."""

    delta_e_p95: float
    """CIEDE2000, 95th percentile."""

    delta_e_worst_region: float
    """CIEDE2000, mean of the worst region: a fifth of the product's width and height."""

    worst_region: tuple[float, float]
    """Centre of that region, share of the picture's width and height."""

    chroma_error_median: float
    """Distance in the a*b* plane, median."""

    chroma_error_p95: float
    """Distance in the a*b* plane, 95th percentile."""

    hue_error_deg: float | None = None
    """Degrees that the hue of the worst colour is off, lower quartile over it: gloss does not move that."""

    material_shift_stops: float | None = None
    """How much darker or lighter one colour of the product became against its neighbours, stops."""

    mirrored_percent: float | None = None
    """Share of the plain places that show other sharp reflections than before, %: lacquer, chrome, glass."""

    detail: float
    """Correlation of the texture away from edges and print, 1 = the same; lost or invented is 0."""

    gradient: float
    """Gradient magnitude similarity, 1 = the same edges."""

    print_agreement: float | None = None
    """Correlation of print in the worst tenth of its places, 1 = every letter as it was."""

    print_sharpness: float | None = None
    """Gradient energy of print, result over photograph; below 1 is softer."""

    text_errors_percent: float | None = None
    """Share of the legible letters that read otherwise now, %, by OCR; not measured without Tesseract."""

    outline_growth_percent: float | None = None
    """How much larger the product's outline is, % of its area; negative: smaller."""

    missing_percent: float | None = None
    """Share of the product that the photograph shows, and neither the cut-out nor the result, %."""

    halo: float = 0.0
    """Light or dark fringe at the edge, L* steps."""

    white_clipping_percent: float = 0.0
    """Share of the product that became pure white and was not, %."""

    black_clipping_percent: float = 0.0
    """Share of the product that became pure black and was not, %."""

    light_kept: float | None = None
    """Correlation of the light found in the result with that of the relit picture, 1 = all its shape."""

    light_angle_deg: float | None = None
    """Where in the picture plane the light is found to come from: 0 = right, 90 = above, 180 = left."""

    light_contrast: float = 0.0
    """Natural log of the light on the lit side over the dark side; below 0.15 the angle means little."""

    light_angle_error_deg: float | None = None
    """Between the light asked for and the light found, where both have a direction in the picture plane."""

    repaired_percent: float = Field(default=0.0, ge=0, le=100)
    """Share of the product where the light had to be weakened to keep the product, %."""

    metal_percent: float = Field(default=0.0, ge=0, le=100)
    """Share of the product that is lit as bare metal, whose colours are the scene's and not compared, %."""

    see_through_percent: float = Field(default=0.0, ge=0, le=100)
    """Share of the product that was left out of all numbers because one sees the scene through it, %."""

    def verdict(self, profile: str = "editorial", *, limits: Mapping[str, Limit] | None = None) -> Verdict:
        """Judge these numbers by a profile, or by limits of your own.

        Raises:
            UnknownNameError: If there is no such profile.
        """
        table = limits if limits is not None else profile_limits(profile)
        is_mirror = (self.mirrored_percent or 0) > MIRROR_PERCENT
        broken: list[BrokenLimit] = []
        for name, limit in table.items():
            value = getattr(self, name)
            if value is None:
                continue
            status = limit.judge(value, is_mirror=is_mirror)
            if status != "pass":
                bound = limit.bound(status, is_mirror=is_mirror)
                broken.append(
                    BrokenLimit(number=name, value=value, bound=bound, status=status, is_least=limit.is_least)
                )
        broken.sort(key=lambda one: one.status != "fail")
        return Verdict(profile=profile, broken=tuple(broken))


def tightest(numbers: Mapping[str, Any], profile: str) -> tuple[str, float] | None:
    """Return the number that is nearest to failure, or farthest beyond, and its `Limit.strain`.

    Args:
        numbers: Measured numbers by the names of `Likeness`; what is None or unknown counts for nothing.
        profile: Whose limits.

    Raises:
        UnknownNameError: If there is no such profile.
    """
    is_mirror = (numbers.get("mirrored_percent") or 0) > MIRROR_PERCENT
    strains = (
        (name, limit.strain(float(numbers[name]), is_mirror=is_mirror))
        for name, limit in profile_limits(profile).items()
        if numbers.get(name) is not None
    )
    return max(strains, key=lambda pair: pair[1], default=None)


def profiles() -> tuple[str, ...]:
    """Names of the built-in profiles."""
    return tuple(_tables())


def profile_limits(profile: str) -> Mapping[str, Limit]:
    """Limits of a built-in profile, by the names of `Likeness`'s fields.

    Raises:
        UnknownNameError: If there is no such profile.
    """
    tables = _tables()
    if profile not in tables:
        raise UnknownNameError("profile", profile, tables, setting="profile")
    return tables[profile]


def read_limits(text: str) -> Mapping[str, Mapping[str, Limit]]:
    """Read profiles from TOML: [profile.field] with warn, fail and, where small is bad, is_least.

    Raises:
        SettingError: If a field is not one of `Likeness`'s, or the text is not TOML.
    """
    try:
        raw: dict[str, dict[str, Any]] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"the limits are not valid TOML: {error}") from error
    for table in raw.values():
        for name in table:
            if name not in Likeness.model_fields:
                raise UnknownNameError("measured number", name, Likeness.model_fields)
    return {
        profile: {name: Limit.model_validate(limit) for name, limit in table.items()}
        for profile, table in raw.items()
    }


@lru_cache(maxsize=1)
def _tables() -> Mapping[str, Mapping[str, Limit]]:
    return read_limits(files("prodgen.identity").joinpath("limits.toml").read_text("utf-8"))
