"""One light as a setting: read from words, written as words of a prompt, drawn as IC-Light's light map."""

from __future__ import annotations

import math
import re
from typing import Self

import numpy as np
from pydantic import Field

from prodgen.color import kelvin_to_linear, to_srgb
from prodgen.errors import SettingError, UnknownNameError
from prodgen.images import RgbImage
from prodgen.refusals import CheckedValue

_NAMED: dict[str, tuple[float, float]] = {
    "front": (0, 35),
    "left": (-80, 30),
    "right": (80, 30),
    "top": (0, 85),
    "bottom": (0, -60),
    "back": (180, 30),
    "front-left": (-40, 35),
    "front-right": (40, 35),
    "back-left": (-140, 30),
    "back-right": (140, 30),
    "top-left": (-80, 60),
    "top-right": (80, 60),
    "top-front": (0, 60),
    "top-back": (180, 60),
    "bottom-left": (-80, -40),
    "bottom-right": (80, -40),
}
"""Direction in words -> azimuth and elevation in degrees. Chosen by eye, as a photographer sets lamps."""

_SOFTNESS_WORDS = {"hard": 0.05, "soft": 0.7}
"""Word -> softness. Chosen by eye."""

_TEMPERATURE_WORDS = {"warm": 3600.0, "cool": 7800.0, "cold": 9000.0, "neutral": 5500.0}
"""Word -> colour temperature in kelvin. Chosen: halogen and shade; neutral is photographic daylight."""

USUAL_ELEVATION_DEG = 30.0
"""Elevation, in degrees, of a light whose height is not given. Chosen: a lamp or window beside a table."""

NEUTRAL_K = 5500.0
"""Colour temperature, in kelvin, of a light whose colour is not given. Standard: photographic daylight."""

WARM_BELOW_K, COOL_ABOVE_K = 4300.0, 7000.0
"""Colour temperatures below and above which a prompt calls a light warm or cool. Chosen by eye."""

AMBIENT_BELOW = 0.08
"""Strength below which a prompt speaks of ambient light without a direction. Chosen by eye."""

SOFT_FROM, HARD_TO = 0.45, 0.15
"""Softness from which a prompt says "soft", and up to which it says "hard". Chosen by eye."""

ABOVE_FROM_DEG, TOP_FROM_DEG, BELOW_TO_DEG = 50.0, 70.0, -50.0
"""Elevations from which a prompt adds "and above", says "from above", and below which "from below".

Chosen."""


class Light(CheckedValue):
    """One light and its share of all light; the rest comes evenly from all around."""

    azimuth_deg: float = Field(default=0.0, ge=-180, le=180)
    """Where the light comes from: 0 camera, 90 picture right, -90 picture left, 180 behind."""

    elevation_deg: float = Field(default=35.0, ge=-90, le=90)
    """Height over the horizon; 90 is straight above."""

    softness: float = Field(default=0.5, ge=0, le=1)
    """0 is the sun in a clear sky, 1 a light as wide as a window wall."""

    strength: float = Field(default=0.5, ge=0, le=1)
    """Share of the floor's light that this light gives; 0 is an even ambient light."""

    temperature_k: float = Field(default=NEUTRAL_K, ge=1500, le=20000)
    """Colour temperature; low is warm."""

    intensity: float = Field(default=1.0, ge=0, le=100)
    """Brightness of the whole light; 1 shows a mid grey as a mid grey."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the light that `text` asks for.

        Args:
            text: A direction ("left", "top-right", "back-left", "ambient" ...) or "AZIMUTH,ELEVATION" in
                degrees, with any of "soft", "hard", "warm", "cool", "4200K" beside it.

        Returns:
            The light.

        Raises:
            SettingError: If a word is not known (the nearest is named) or an angle is out of range.
        """
        fields: dict[str, float] = {}
        rest = re.sub(r"\s*,\s*", ",", text.strip().lower())
        for word in rest.split():
            fields.update(_read_word(word, text))
        if "azimuth_deg" not in fields and fields.get("strength") != 0:
            raise SettingError(f"light {text!r} has no direction; add one of {', '.join(_NAMED)} or ambient")
        return cls(**fields)

    @property
    def direction(self) -> tuple[float, float, float]:
        """Unit vector to the light; X right, Y up, Z to the camera."""
        azimuth, elevation = math.radians(self.azimuth_deg), math.radians(self.elevation_deg)
        return (
            math.cos(elevation) * math.sin(azimuth),
            math.sin(elevation),
            math.cos(elevation) * math.cos(azimuth),
        )


def words(light: Light) -> str:
    """Return prompt words for a light, such as "soft warm light from the left".

    Args:
        light: The light.

    Returns:
        A few words without commas.
    """
    is_warm, is_cool = light.temperature_k < WARM_BELOW_K, light.temperature_k > COOL_ABOVE_K
    tone = "warm " if is_warm else "cool " if is_cool else ""
    if light.strength < AMBIENT_BELOW:
        return f"soft even {tone}ambient light"
    kind = "soft " if light.softness >= SOFT_FROM else "hard " if light.softness <= HARD_TO else ""
    return f"{kind}{tone}light {_from(light)}"


def light_map(light: Light, width: int, height: int) -> RgbImage:
    """Return the light map from which IC-Light starts: bright where light comes from.

    Source: the extension's own maps are ramps from white to black (left, right, top, bottom), and mid grey
    for ambient light. Here the ramp follows the light's direction, is flatter the nearer the light is to the
    camera's axis, and has the light's colour.

    Args:
        light: The light.
        width: Pixels.
        height: Pixels.

    Returns:
        (height, width, 3), sRGB.
    """
    x, _y, _z = light.direction
    # Up to the usual elevation a light counts as level, so that "left" gives the extension's own map.
    y = math.sin(math.radians(max(light.elevation_deg - USUAL_ELEVATION_DEG, -90)))
    v, u = np.meshgrid(np.linspace(1, -1, height), np.linspace(-1, 1, width), indexing="ij")
    sideways = math.hypot(x, y)
    # An oblique ramp reaches its ends in the corners, a level one at the sides.
    length = max(abs(x) + abs(y), 1e-6)
    slope = min(1.0, 2 * light.strength) * min(1.0, 1.2 * sideways)
    spread = 0.75 + 0.5 * light.softness
    ramp = np.clip(0.5 + 0.5 * slope * (u * x + v * y) / length / spread, 0, 1).astype(np.float32)
    tint = to_srgb((kelvin_to_linear(light.temperature_k) / kelvin_to_linear(NEUTRAL_K)).astype(np.float32))
    return np.asarray(np.clip(ramp[..., None] * tint / max(float(tint.max()), 1e-6), 0, 1), np.float32)


def _read_word(word: str, text: str) -> dict[str, float]:
    """Return the fields that one word of a light sets."""
    if word in ("ambient", "none", "even"):
        return {"strength": 0.0, "softness": 1.0, "elevation_deg": 90.0, "azimuth_deg": 0.0}
    if word in _SOFTNESS_WORDS:
        return {"softness": _SOFTNESS_WORDS[word]}
    if word in _TEMPERATURE_WORDS:
        return {"temperature_k": _TEMPERATURE_WORDS[word]}
    if match := re.fullmatch(r"(\d{4,5})k", word):
        kelvin = float(match[1])
        if not 1500 <= kelvin <= 20000:
            raise SettingError(f"light {text!r}: the colour temperature must be 1500K to 20000K")
        return {"temperature_k": kelvin}
    if match := re.fullmatch(r"(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?)", word):
        azimuth, elevation = float(match[1]), float(match[2])
        if abs(azimuth) > 360 or abs(elevation) > 90:
            raise SettingError(
                f"light {text!r}: azimuth goes from -180 to 180 and elevation from -90 to 90 degrees"
            )
        return {"azimuth_deg": (azimuth + 180) % 360 - 180, "elevation_deg": elevation}
    name = "-".join(sorted(word.replace("_", "-").split("-"), key=_word_order))
    if name in _NAMED:
        azimuth, elevation = _NAMED[name]
        return {"azimuth_deg": float(azimuth), "elevation_deg": float(elevation)}
    known = [*_NAMED, "ambient", *_SOFTNESS_WORDS, *_TEMPERATURE_WORDS]
    raise UnknownNameError("light", word, known, "(or degrees, such as 45,30)", setting="light")


def _word_order(part: str) -> int:
    """Order parts as the names have them: top or bottom, front or back, left or right."""
    order = ["top", "bottom", "front", "back", "left", "right"]
    return order.index(part) if part in order else len(order)


def _from(light: Light) -> str:
    """Return "from the left", "from above" and so on."""
    if light.elevation_deg >= TOP_FROM_DEG:
        return "from above"
    if light.elevation_deg <= BELOW_TO_DEG:
        return "from below"
    sector = round(light.azimuth_deg / 45) % 8
    side = [
        "the front",
        "the front right",
        "the right",
        "the back right",
        "behind",
        "the back left",
        "the left",
        "the front left",
    ][sector]
    above = " and above" if light.elevation_deg >= ABOVE_FROM_DEG else ""
    return f"from {side}{above}"
