"""A light in a photographer's words, read into the settings it stands for.

Words come in four kinds: what gives the light (window, golden hour), where it comes from (left, 10 o'clock,
45,30), how high it stands (high, low), and single qualities (soft, warm, 4200K, #ff8800, 70%). Whatever their
order, a word of its own wins over what is usual for the source, a clock position over a side, and numbers
over words; two equally exact ones that contradict each other are refused. Owns the tables; the type `Light`
is in `setting`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from prodgen.errors import SettingError, UnknownNameError

Fields = dict[str, float | str]

NAMED: Mapping[str, tuple[float, float]] = {
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

_PARTS = {
    **{part: part for part in ("top", "bottom", "front", "back", "left", "right")},
    "above": "top",
    "overhead": "top",
    "upper": "top",
    "below": "bottom",
    "beneath": "bottom",
    "behind": "back",
    "backlight": "back",
    "backlit": "back",
    "camera": "front",
}
"""Word -> the part of a direction that it means; their order is that of the names in `NAMED`."""

_ORDER = ("top", "bottom", "front", "back", "left", "right")

_UPRIGHT_PARTS = frozenset({"top", "bottom"})
"""Parts of a direction that say how high the light stands, which then is not the source's usual height."""

_EVEN: Fields = {"strength": 0.0, "softness": 1.0, "elevation_deg": 90.0, "azimuth_deg": 0.0}
"""Light that comes evenly from all around. By definition: no share of it has a direction."""

SOURCES: Mapping[str, Fields] = {
    "ambient": _EVEN,
    "none": _EVEN,
    "even": _EVEN,
    "overcast": {**_EVEN, "temperature_k": 6500.0},
    "window": {"softness": 0.85, "strength": 0.6, "temperature_k": 5500.0},
    "softbox": {"softness": 0.6, "strength": 0.6, "temperature_k": 5500.0},
    "umbrella": {"softness": 0.75, "strength": 0.5, "temperature_k": 5500.0},
    "bare sun": {"softness": 0.03, "strength": 0.85, "temperature_k": 5500.0},
    "sun": {"softness": 0.03, "strength": 0.85, "temperature_k": 5500.0},
    "spot": {"softness": 0.1, "strength": 0.8},
    "golden hour": {"softness": 0.15, "strength": 0.75, "temperature_k": 3500.0, "elevation_deg": 10.0},
    "morning sun": {"softness": 0.08, "strength": 0.75, "temperature_k": 4000.0, "elevation_deg": 20.0},
    "evening sun": {"softness": 0.1, "strength": 0.75, "temperature_k": 3500.0, "elevation_deg": 12.0},
    "sunrise": {"softness": 0.15, "strength": 0.7, "temperature_k": 3200.0, "elevation_deg": 6.0},
    "sunset": {"softness": 0.15, "strength": 0.7, "temperature_k": 3200.0, "elevation_deg": 6.0},
    "noon sun": {"softness": 0.03, "strength": 0.85, "temperature_k": 5500.0, "elevation_deg": 70.0},
    "blue hour": {"softness": 0.95, "strength": 0.3, "temperature_k": 10000.0},
    "moonlight": {"softness": 0.05, "strength": 0.7, "temperature_k": 9000.0},
    "candle": {"softness": 0.2, "strength": 0.7, "temperature_k": 1900.0, "elevation_deg": 10.0},
    "tungsten": {"softness": 0.3, "temperature_k": 3200.0},
    "daylight": {"temperature_k": 5500.0},
    "shade": {"softness": 1.0, "temperature_k": 7500.0},
}
"""What gives the light -> the settings that are usual for it.

Standard for the colour temperatures: photographers' tables (candle 1900 K, tungsten 3200 K, daylight 5500 K,
overcast 6500 K, shade 7500 K). Sizes, shares and heights are chosen: a sun is half a degree wide, a softbox
by a table some tens of degrees, a window wall the widest."""

_QUALITIES: Mapping[str, Fields] = {
    "hard": {"softness": 0.05},
    "soft": {"softness": 0.7},
    "warm": {"temperature_k": 3600.0},
    "cool": {"temperature_k": 7800.0},
    "cold": {"temperature_k": 9000.0},
    "neutral": {"temperature_k": 5500.0},
    "strong": {"strength": 0.8},
    "weak": {"strength": 0.25},
}
"""Word -> one setting. Chosen by eye; warm and cool are those of halogen and of shade."""

GELS: Mapping[str, str] = {
    "red": "#ff0000",
    "orange": "#ff8800",
    "yellow": "#ffee00",
    "green": "#00cc33",
    "cyan": "#00ddee",
    "blue": "#0044ff",
    "purple": "#8800ff",
    "magenta": "#ff00cc",
    "pink": "#ff77aa",
}
"""Colour word -> the colour of a gel before the lamp. Chosen by eye."""

_HEIGHTS = {"high": 60.0, "low": 12.0}
"""Word -> elevation in degrees. Chosen by eye: twice the usual height of a lamp, and a sun near setting."""

_FILLERS = frozenset({"a", "an", "and", "at", "from", "gel", "in", "light", "lit", "of", "on", "the", "with"})
"""Words that a light is described with and that decide nothing."""

_GENERAL_SOURCES = frozenset({"sun", "daylight"})
"""Sources that another one beside them makes more exact, as in "golden hour sun"."""

_CALLED: Mapping[str, str] = {
    "azimuth_deg": "direction",
    "elevation_deg": "height",
    "temperature_k": "colour",
    "color": "gel",
}
"""Field of a light -> what a sentence calls it, where that is not its own name."""

_SPELLINGS = {"sunlight": "sun", "soft box": "softbox", "goldenhour": "golden hour", "candlelight": "candle"}

_DAYLIGHT_HOURS = {"morning": "morning sun", "evening": "evening sun", "noon": "noon sun", "bare": "bare sun"}
"""First words of sources that are clear without their second one."""

_CLOCK = re.compile(r"(\d{1,2})(?::(\d\d))?\s*o\s?'?\s?clock")

_DEGREES = re.compile(r"(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?)")

CLOCK_ELEVATION_DEG = 30.0
"""Elevation, in degrees, of a light at a clock position, which says nothing of it. Chosen: as a lamp stands
beside a table."""


def read_fields(text: str) -> Fields:
    """Return the settings of a light that words ask for, by the names of `Light`'s fields.

    Args:
        text: Such as "window from the left", "hard 10 o'clock high", "45,30 3200K", or
            "#ff8800 back-right 70%".

    Raises:
        SettingError: If a word is not known (the nearest is named), a number is out of range, directions
            contradict each other, or there is none.
    """
    rest = text.strip().lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    # A comma joins two numbers to a direction; anywhere else it only parts words.
    rest = re.sub(r",", " ", re.sub(r"(?<=\d)\s*,\s*(?=[-\d])", "\0", rest)).replace("\0", ",")
    for spelling, word in _SPELLINGS.items():
        rest = re.sub(rf"\b{spelling}\b", word, rest)
    sources: dict[str, Fields] = {}
    for name in sorted(SOURCES, key=len, reverse=True):
        if re.search(rf"(?<![\w-]){name}(?![\w-])", rest):
            rest = re.sub(rf"(?<![\w-]){name}(?![\w-])", " ", rest, count=1)
            sources[name] = SOURCES[name]
    rest, clock = _clock(rest, text)
    parts: list[str] = []
    degrees: Fields = {}
    qualities: Fields = {}
    numbers: Fields = {}
    for word in rest.split():
        if word in _FILLERS:
            continue
        if word in _HEIGHTS:
            _add(qualities, {"elevation_deg": _HEIGHTS[word]}, text)
        elif match := _DEGREES.fullmatch(word):
            _add(degrees, _degrees(float(match[1]), float(match[2]), text), text)
        elif (found := _quality(word, text)) is not None:
            is_word = word in _QUALITIES or word in GELS
            _add(qualities if is_word else numbers, found, text)
        elif word in _DAYLIGHT_HOURS:
            sources[_DAYLIGHT_HOURS[word]] = SOURCES[_DAYLIGHT_HOURS[word]]
        else:
            parts += _direction_parts(word)
    named = _named(parts, text) if parts else {}
    # A direction that says how high the light stands is stronger than the source's usual height.
    is_upright = bool(_UPRIGHT_PARTS & set(parts))
    firm = named if is_upright else {name: named[name] for name in named if name == "azimuth_deg"}
    at_hour = {name: clock[name] for name in clock if name == "azimuth_deg"}
    source = _source(sources, text)
    fields = {**clock, **named, **source, **firm, **at_hour, **qualities, **degrees, **numbers}
    if "azimuth_deg" not in fields and fields.get("strength") != 0:
        raise SettingError(f"light {text!r} has no direction; add one of {', '.join(NAMED)} or ambient")
    return fields


def _add(fields: Fields, found: Fields, text: str) -> None:
    """Add what a word says to what words as exact as it have said.

    Raises:
        SettingError: If they say something else of the same.
    """
    for name, value in found.items():
        if fields.setdefault(name, value) != value:
            what = _CALLED.get(name, name)
            raise SettingError(f"light {text!r}: two words for its {what} contradict each other; name one")


def _source(named: Mapping[str, Fields], text: str) -> Fields:
    """Return what is usual for the sources that are named; a mere sun or daylight beside another says less.

    Raises:
        SettingError: If two sources contradict each other.
    """
    exact = {name: fields for name, fields in named.items() if name not in _GENERAL_SOURCES}
    source: Fields = {}
    for fields in (exact or named).values():
        _add(source, fields, text)
    return source


def _clock(rest: str, text: str) -> tuple[str, Fields]:
    """Return the text without its clock position, and the direction of that.

    A lighting plan is seen from above: the product in the middle, the camera at six o'clock.
    """
    match = _CLOCK.search(rest)
    if match is None:
        return rest, {}
    hour, minute = int(match[1]), int(match[2] or 0)
    if not 1 <= hour <= 12 or minute > 59:
        raise SettingError(
            f"light {text!r}: a clock position goes from 1 to 12 o'clock; 6 is at the camera, 12 behind"
        )
    azimuth = 180.0 - 30 * (hour % 12 + minute / 60)
    return rest[: match.start()] + " " + rest[match.end() :], {
        "azimuth_deg": azimuth,
        "elevation_deg": CLOCK_ELEVATION_DEG,
    }


def _degrees(azimuth: float, elevation: float, text: str) -> Fields:
    if abs(azimuth) > 360 or abs(elevation) > 90:
        raise SettingError(
            f"light {text!r}: azimuth goes from -180 to 180 and elevation from -90 to 90 degrees"
        )
    return {"azimuth_deg": (azimuth + 180) % 360 - 180, "elevation_deg": elevation}


def _quality(word: str, text: str) -> Fields | None:
    """Return the settings of a word that says one thing of the light; None if it is no such word."""
    if word in _QUALITIES:
        return _QUALITIES[word]
    if word in GELS:
        return {"color": GELS[word]}
    if re.fullmatch(r"#[0-9a-f]{6}", word):
        return {"color": word}
    if word.startswith("#"):
        raise SettingError(f"light {text!r}: a gel's colour is # and six digits, such as #ff8800")
    if match := re.fullmatch(r"(\d{1,6})k", word):
        kelvin = float(match[1])
        if not 1500 <= kelvin <= 20000:
            raise SettingError(f"light {text!r}: the colour temperature must be 1500K to 20000K")
        return {"temperature_k": kelvin}
    if match := re.fullmatch(r"(\d{1,4}(?:\.\d+)?)%", word):
        if float(match[1]) > 100:
            raise SettingError(f"light {text!r}: the strength must be 0% to 100%")
        return {"strength": float(match[1]) / 100}
    return None


def _direction_parts(word: str) -> list[str]:
    """Return the parts of one word of a direction, such as top and left of "top-left"."""
    parts = [_PARTS.get(part, "") for part in word.replace("_", "-").split("-")]
    if not all(parts):
        known = dict.fromkeys([*NAMED, *_PARTS, *SOURCES, *_DAYLIGHT_HOURS, *_QUALITIES, *_HEIGHTS, *GELS])
        raise UnknownNameError(
            "light", word, known, "(or 45,30, 10 o'clock, 4200K, #ff8800, 70%)", setting="light"
        )
    return parts


def _named(parts: list[str], text: str) -> Fields:
    """Return azimuth and elevation of the direction that parts name together."""
    unique = sorted(dict.fromkeys(parts), key=_ORDER.index)
    name = "-".join(unique)
    is_high = unique[0] == "top" and len(unique) == 3
    if is_high:  # a corner from above: the corner's azimuth, as high as a light above a side
        name = "-".join(unique[1:])
    if name not in NAMED:
        raise SettingError(
            f"light {text!r}: {' and '.join(unique)} contradict each other; name one direction"
        )
    azimuth, elevation = NAMED[name]
    return {"azimuth_deg": float(azimuth), "elevation_deg": 60.0 if is_high else float(elevation)}
