"""One light as a setting: read from words, and written as words of a prompt.

What words mean is in `light_words`; several lights as one picture are in `light_maps`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from prodgen.color import LUMA, kelvin_to_linear, to_lab, to_linear
from prodgen.errors import SettingError
from prodgen.light.light_words import GELS, read_fields
from prodgen.refusals import CheckedValue

MOST_LIGHTS = 4
"""Lights of one picture. Chosen: key, fill, rim and background, the four of a photographer's set."""

NEUTRAL_K = 5500.0
"""Colour temperature, in kelvin, of a light whose colour is not given. Standard: photographic daylight."""

WARM_BELOW_K, COOL_ABOVE_K = 4300.0, 7000.0
"""Colour temperatures below and above which a prompt calls a light warm or cool. Chosen by eye."""

AMBIENT_BELOW = 0.08
"""Strength below which a prompt speaks of ambient light without a direction. Chosen by eye."""

SOFT_FROM, HARD_TO = 0.45, 0.15
"""Softness from which a prompt says "soft", and up to which it says "hard". Chosen by eye."""

LOW_TO_DEG = 15.0
"""Elevation over the horizon up to which a prompt calls a light low. Chosen: the last hour of sun."""

GREY_CHROMA = 8.0
"""Chroma in CIE L*a*b* below which a gel counts as colourless. Chosen by eye."""

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

    color: str | None = Field(default=None, pattern=r"^#[0-9a-fA-F]{6}$")
    """Colour of a gel before the lamp, such as "#ff8800"; it replaces the colour temperature."""

    intensity: float = Field(default=1.0, ge=0, le=100)
    """Brightness of the whole light; 1 shows a mid grey as a mid grey."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the light that `text` asks for.

        Args:
            text: A direction ("left", "top-right", "from behind", "10 o'clock high", "ambient" ...) or
                "AZIMUTH,ELEVATION" in degrees; beside it what gives the light ("window", "softbox", "bare
                sun", "golden hour" ...), "soft", "hard", "warm", "cool", "4200K", a gel ("#ff8800", "blue"),
                or its strength ("70%").

        Returns:
            The light.

        Raises:
            SettingError: If a word is not known (the nearest is named) or a number is out of range.
        """
        return cls.model_validate(read_fields(text))

    @property
    def tint(self) -> NDArray[np.float32]:
        """Its colour in linear sRGB with luminance 1, (3,); a neutral light is white."""
        if self.color is None:
            balanced = kelvin_to_linear(self.temperature_k) / kelvin_to_linear(NEUTRAL_K)
        else:
            bytes_ = bytes.fromhex(self.color[1:])
            balanced = to_linear(np.array([*bytes_], np.float32) / np.float32(255)) + np.float32(1e-3)
        return np.asarray(balanced / (balanced @ LUMA), np.float32)

    @property
    def direction(self) -> tuple[float, float, float]:
        """Unit vector to the light; X right, Y up, Z to the camera."""
        azimuth, elevation = math.radians(self.azimuth_deg), math.radians(self.elevation_deg)
        return (
            math.cos(elevation) * math.sin(azimuth),
            math.sin(elevation),
            math.cos(elevation) * math.cos(azimuth),
        )


def read_lights(asked: str | Light | Sequence[str | Light] | None) -> tuple[Light, ...]:
    """Return the lights that are asked for; the first is the key light.

    Args:
        asked: A light, its words, several in words parted by ";", any of these one after another, or None.

    Raises:
        SettingError: If words cannot be read, or there are more than four.
    """
    several = [asked] if isinstance(asked, str | Light) else asked or ()
    lights: list[Light] = []
    for one in several:
        lights += [one] if isinstance(one, Light) else map(Light.parse, _parted(one))
    if len(lights) > MOST_LIGHTS:
        raise SettingError(f"at most {MOST_LIGHTS} lights are possible, not {len(lights)}; leave some out")
    return tuple(lights)


def _parted(text: str) -> list[str]:
    """Return the words of each light; a text of nothing but ";" is one light, which is refused."""
    return [part for part in text.split(";") if part.strip()] or [text]


def words(light: Light, *, with_degrees: bool = False) -> str:
    """Return prompt words for a light, such as "soft warm light from the left".

    Args:
        light: The light.
        with_degrees: Whether its direction is said as well, for a renderer that reads `read_degrees`.

    Returns:
        A few words without commas; the degrees behind one.
    """
    tone = _tone(light)
    if light.strength < AMBIENT_BELOW:
        return f"soft even {tone}ambient light"
    kind = "soft " if light.softness >= SOFT_FROM else "hard " if light.softness <= HARD_TO else ""
    low = "low " if 0 <= light.elevation_deg <= LOW_TO_DEG else ""
    degrees = f", light azimuth {light.azimuth_deg:.0f} elevation {light.elevation_deg:.0f} degrees"
    return f"{low}{kind}{tone}light {from_where(light)}{degrees if with_degrees else ''}"


_DEGREES = re.compile(
    r"\blight azimuth (-?\d{1,3}(?:\.\d+)?) elevation (-?\d{1,2}(?:\.\d+)?) degrees?\b", re.IGNORECASE
)


def read_degrees(prompt: str) -> tuple[tuple[float, float] | None, str]:
    """Return the azimuth and elevation that a prompt says in degrees, and the prompt without those words.

    Both are those of `Light`; the last that a prompt says count, and None stands for none.
    """
    found = _DEGREES.findall(prompt)
    if not found:
        return None, prompt
    azimuth, elevation = map(float, found[-1])
    return (math.remainder(azimuth, 360), min(max(elevation, -90.0), 90.0)), _DEGREES.sub("", prompt)


def _tone(light: Light) -> str:
    """Return the word for a light's colour and a space; "" for a neutral one."""
    if light.color is None:
        is_warm, is_cool = light.temperature_k < WARM_BELOW_K, light.temperature_k > COOL_ABOVE_K
        return "warm " if is_warm else "cool " if is_cool else ""
    a, b = _chroma(light.color)
    if math.hypot(a, b) < GREY_CHROMA:
        return ""
    return min(GELS, key=lambda name: abs(_turn(_chroma(GELS[name]), (a, b)))) + " "


def _chroma(color: str) -> tuple[float, float]:
    """Return a* and b* of a hex colour."""
    rgb = np.array([[[*bytes.fromhex(color[1:])]]], np.float32) / np.float32(255)
    _lightness, a, b = to_lab(rgb)[0, 0]
    return float(a), float(b)


def _turn(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the angle between two chromas in radians."""
    return math.remainder(math.atan2(one[1], one[0]) - math.atan2(other[1], other[0]), 2 * math.pi)


def from_where(light: Light) -> str:
    """Return words for a light's direction: "from the left", "from above" and so on."""
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
