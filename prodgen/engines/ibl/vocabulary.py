"""The words that the embedded renderer understands: words.toml as objects, looked up by their stems.

Owns the table's shape; its head says what each entry means. What a whole prompt asks for is
`prompt_reading`'s.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import groupby
from typing import Any, Literal, NamedTuple

import numpy as np

from prodgen.color import to_linear

Rgb = tuple[float, float, float]
"""A colour, sRGB, [0, 1]."""


@dataclass(frozen=True)
class Scene:
    """One place of the vocabulary; see the head of words.toml for what each field means."""

    name: str
    panorama: str
    headings: tuple[float, ...]
    spread: float
    floor: str
    exposure: float
    warmth: float
    sky: float
    extras: frozenset[str]
    tilt: float = 0.0
    level: float = 0.34
    sun: tuple[float, float] | None = None
    hour: bool = False
    drawing: str = ""
    """What is behind the floor instead of the panorama, which then only lights."""

    palette: tuple[Rgb, ...] = ()
    """Colours of the place's lamps, linear light."""

    lamps: int = 0
    """How many distant lights are put along the panorama's horizon."""

    lit_by: tuple[PlaceLamp, ...] = ()
    """Lamps that light the product beside the panorama, the key light first."""

    wet: bool = False
    """Whether its ground is wet even if the prompt does not say so."""

    strewn: float = 0.0
    """Fallen leaves on the floor, per square of a picture side; their colours are the palette's."""

    prevails: bool = False
    """Whether it is drawn whatever place is named beside it: a "snowy forest" is winter."""


class PlaceLamp(NamedTuple):
    """A lamp of a place."""

    azimuth_deg: float
    elevation_deg: float
    softness: float
    colour: Rgb
    """Linear light."""
    strength: float
    """What it lays on a surface that faces it, compared with the panorama."""


@dataclass(frozen=True)
class Mood:
    """How an hour named beside a place changes it: another scene, or another light on the same one."""

    hour: str
    places: frozenset[str] = frozenset()
    """Where it holds; empty is everywhere but in `other_than`."""

    other_than: frozenset[str] = frozenset()
    scene: str | None = None
    warmth: float = 0.0
    exposure: float = 1.0

    def fits(self, place: str, hours: frozenset[str]) -> bool:
        """Whether it holds at this place, with these hours named."""
        is_there = place in self.places if self.places else place not in self.other_than
        return self.hour in hours and is_there


@dataclass(frozen=True)
class Gobo:
    """A cut-out before the lamp, whose shadow falls on backdrop and floor."""

    shape: str
    """A drawing of shadow_patterns.py."""

    scale: float
    """Its size, 1 as drawn."""


Kind = Literal[
    "scene",
    "thing",
    "style",
    "floor",
    "stand",
    "arch",
    "afloat",
    "backdrop",
    "colour",
    "quality",
    "light",
    "view",
]
"""What a phrase of the table can name."""


class Entry(NamedTuple):
    """One meaning of a phrase."""

    kind: Kind
    """A thing and a style suggest a scene, a view is asked of the camera."""

    name: str
    """Name of the scene, floor or stand; "soft" or "hard" for a quality; "studio", "sheet" or "wall"."""


@dataclass(frozen=True)
class Vocabulary:
    """The whole table, by stems."""

    scenes: Mapping[str, Scene]
    moods: tuple[Mood, ...]
    implied: Mapping[str, str]
    """The place that a floor suggests where none is named."""

    entries: Mapping[tuple[str, ...], tuple[Entry, ...]]
    """What a phrase means, by the stems of its words."""

    stands: Mapping[str, str]
    """Shape of each stand."""

    gobos: Mapping[str, Gobo]
    casters: Mapping[tuple[str, ...], str]
    """What casts a shadow, by the stems of its words -> name of the gobo: ("palm", "leaf")."""

    falls: Mapping[tuple[str, ...], str]
    """Words for a light that has passed a gobo, by their stems -> its name: ("window", "light")."""

    colours: Mapping[str, Rgb]
    """sRGB by the stems of a colour's words, with a space between them."""

    lights: Mapping[tuple[str, ...], tuple[float, float]]
    """Azimuth and elevation in degrees that a phrase asks of the main light."""

    groups: Mapping[str, frozenset[str]]
    """Words as they are written that share an effect or a part in the grammar: wet, darker, link ..."""

    ignored: frozenset[str]
    """Stems of words that describe nothing to draw, products among them."""

    fillers: frozenset[str]
    """Words that describe nothing to draw, as they are written."""

    products: frozenset[str]
    """Stems of words that may well name the product."""

    lookalikes: frozenset[str]
    """Stems of words that are no misspelling of the known word that they resemble."""

    singles: tuple[str, ...]
    """Stems of the phrases of one word, to which a misspelt word is compared."""


def stem(word: str) -> str:
    """Return a word without accents and its plural or tense ending, crudely; only compared with stems."""
    if word.startswith("#"):  # a colour in hexadecimal digits has no ending
        return word
    plain = "".join(x for x in unicodedata.normalize("NFKD", word) if not unicodedata.combining(x))
    word = plain if plain.isascii() else word
    for ending, rest in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("es", "e"), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return word[: -len(ending)] + rest
    return word


def tokens(text: str) -> list[str]:
    """Return the words of a text in lower case, of any script, and each run of emoji as a word."""
    runs = groupby(text.lower().replace("\u2019", "'"), _class_of)
    words = ["".join(run).strip(f"'{_JOINERS}") for kind, run in runs if kind]
    return [word for word in words if word]


def is_symbol(word: str) -> bool:
    """Whether a word is a run of emoji."""
    return _class_of(word[0]) == "symbol"


def _class_of(character: str) -> str:
    category = unicodedata.category(character)
    if character in _JOINERS or (category in ("So", "Sk") and not character.isascii()):
        return "symbol"
    return "word" if category[0] in "LNM" or character in "'#" else ""


_JOINERS = "\u200d\ufe0f"
"""What holds the parts of one emoji together: zero-width joiner, variation selector 16 (Unicode UTS 51)."""


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """Return the table, read once."""
    text = resources.files(__package__).joinpath("words.toml").read_text("utf-8")
    table: dict[str, Any] = tomllib.loads(text)
    entries = _entries(table)
    colours: dict[str, list[int]] = table["colour"]
    return Vocabulary(
        scenes={name: _scene(name, row) for name, row in table["scene"].items()},
        moods=tuple(_mood(row) for row in table["mood"]),
        implied=table["implied"],
        entries=entries,
        stands={name: row["shape"] for name, row in table["stand"].items()},
        gobos={name: Gobo(row["shape"], row.get("scale", 1.0)) for name, row in table["gobo"].items()},
        casters=_gobo_words(table, "words"),
        falls=_gobo_words(table, "lights"),
        colours={" ".join(_stems(name)): (r / 255, g / 255, b / 255) for name, (r, g, b) in colours.items()},
        lights={_stems(phrase): (angles[0], angles[1]) for phrase, angles in table["light"].items()},
        groups={name: frozenset(words) for name, words in table["group"].items()},
        ignored=frozenset().union(*(_each_stem(row) for row in table["ignored"].values())),
        fillers=frozenset(tokens(" ".join(word for row in table["ignored"].values() for word in row))),
        products=_each_stem(table["ignored"]["products"]) - set(table["ignored"]["praise"]),
        lookalikes=_each_stem(table["lookalike"]["words"]),
        singles=tuple(stems[0] for stems in entries if len(stems) == 1),
    )


def _each_stem(phrases: Iterable[str]) -> frozenset[str]:
    return frozenset(stem(word) for phrase in phrases for word in tokens(phrase))


def _stems(phrase: str) -> tuple[str, ...]:
    return tuple(stem(word) for word in tokens(phrase))


def _scene(name: str, row: Mapping[str, Any]) -> Scene:
    fields = {key: value for key, value in row.items() if key not in ("words", "things", "styles")}
    fields["headings"] = tuple(row["headings"])
    fields["extras"] = frozenset(row.get("extras", ()))
    fields["sun"] = tuple(row["sun"]) if "sun" in row else None
    fields["palette"] = tuple(_linear(digits) for digits in row.get("palette", ()))
    fields["lit_by"] = tuple(
        PlaceLamp(azimuth, elevation, softness, _linear(digits), strength)
        for azimuth, elevation, softness, digits, strength in row.get("lit_by", ())
    )
    return Scene(name=name, **fields)


def _linear(digits: str) -> Rgb:
    """Linear light of a colour written "#ff8800"."""
    shades = np.array([int(digits[at : at + 2], 16) / 255 for at in (1, 3, 5)], np.float32)
    red, green, blue = (float(x) for x in to_linear(shades))
    return red, green, blue


def _gobo_words(table: Mapping[str, Any], field: str) -> dict[tuple[str, ...], str]:
    return {_stems(phrase): name for name, row in table["gobo"].items() for phrase in row.get(field, ())}


def _mood(row: Mapping[str, Any]) -> Mood:
    sets = {key: frozenset(row.get(key, ())) for key in ("places", "other_than")}
    return Mood(**{**row, **sets})


def _entries(table: Mapping[str, Any]) -> dict[tuple[str, ...], tuple[Entry, ...]]:
    """Return what each phrase means; one that stands in several rows has several meanings."""
    found: dict[tuple[str, ...], list[Entry]] = {}

    def learn(phrases: Iterable[str], entry: Entry) -> None:
        for phrase in phrases:
            known = found.setdefault(_stems(phrase), [])
            if entry not in known:
                known.append(entry)

    for name, row in table["scene"].items():
        learn(row["words"], Entry("scene", name))
        learn(row.get("things", ()), Entry("thing", name))
        learn(row.get("styles", ()), Entry("style", name))
    for name, row in table["floor"].items():
        learn(row["words"], Entry("floor", name))
    for name, phrases in table["backdrop"].items():
        learn(phrases, Entry("backdrop", name))
    learn(table["view"]["words"], Entry("view", ""))
    for name, row in table["stand"].items():
        learn(row["words"], Entry("stand", name))
    learn(table["arch"]["words"], Entry("arch", ""))
    learn(table["afloat"]["words"], Entry("afloat", ""))
    learn(table["colour"], Entry("colour", ""))
    for phrase, quality in table["quality"].items():
        learn([phrase], Entry("quality", quality))
    learn(table["light"], Entry("light", ""))
    return {stems: tuple(meanings) for stems, meanings in found.items()}
