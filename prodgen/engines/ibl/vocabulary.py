"""The words that the embedded renderer understands: words.toml as objects, looked up by their stems.

Owns the table's shape; its head says what each entry means. What a whole prompt asks for is
`prompt_reading`'s.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, NamedTuple

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


class Entry(NamedTuple):
    """One meaning of a phrase."""

    kind: str
    """scene, floor, podium, colour, quality or light."""

    name: str
    """Name of the scene or floor; "soft" or "hard" for a quality."""


@dataclass(frozen=True)
class Vocabulary:
    """The whole table, by stems."""

    scenes: Mapping[str, Scene]
    moods: tuple[Mood, ...]
    implied: Mapping[str, str]
    """The place that a floor suggests where none is named."""

    entries: Mapping[tuple[str, ...], tuple[Entry, ...]]
    """What a phrase means, by the stems of its words."""

    colours: Mapping[str, Rgb]
    lights: Mapping[tuple[str, ...], tuple[float, float]]
    """Azimuth and elevation in degrees that a phrase asks of the main light."""

    groups: Mapping[str, frozenset[str]]
    """Words as they are written that share an effect: wet, darker, daytime ..."""

    ignored: frozenset[str]
    singles: tuple[str, ...]
    """Stems of the phrases of one word, to which a misspelt word is compared."""


def stem(word: str) -> str:
    """Return a word without its plural or tense ending, crudely; only ever compared with other stems."""
    for ending, rest in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("es", "e"), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return word[: -len(ending)] + rest
    return word


def tokens(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.lower().replace("-", " "))


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
        colours={stem(name): (r / 255, g / 255, b / 255) for name, (r, g, b) in colours.items()},
        lights={_stems(phrase): (angles[0], angles[1]) for phrase, angles in table["light"].items()},
        groups={name: frozenset(words) for name, words in table["group"].items()},
        ignored=frozenset(
            stem(word) for row in table["ignored"].values() for phrase in row for word in tokens(phrase)
        ),
        singles=tuple(stems[0] for stems in entries if len(stems) == 1),
    )


def _stems(phrase: str) -> tuple[str, ...]:
    return tuple(stem(word) for word in tokens(phrase))


def _scene(name: str, row: Mapping[str, Any]) -> Scene:
    fields = {key: value for key, value in row.items() if key != "words"}
    fields["headings"] = tuple(row["headings"])
    fields["extras"] = frozenset(row.get("extras", ()))
    fields["sun"] = tuple(row["sun"]) if "sun" in row else None
    return Scene(name=name, **fields)


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

    for kind in ("scene", "floor"):
        for name, row in table[kind].items():
            learn(row["words"], Entry(kind, name))
    learn(table["podium"]["words"], Entry("podium", "podium"))
    learn(table["colour"], Entry("colour", ""))
    for phrase, quality in table["quality"].items():
        learn([phrase], Entry("quality", quality))
    learn(table["light"], Entry("light", ""))
    return {stems: tuple(meanings) for stems, meanings in found.items()}
