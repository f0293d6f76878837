"""What a prompt asks the embedded renderer for: place, floor, colours, light; and which words it cannot draw.

No model: a table (words.toml) of words and phrases, compared by their stems, the longest phrase first, with
small typing mistakes forgiven. The renderer is honest by it: a word that describes nothing it can draw is
reported, not ignored. Owns the vocabulary; draws nothing.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Any, Literal, NamedTuple

Quality = Literal["", "soft", "hard"]

HOURS = ("sunset", "sunrise", "night", "day")
"""Scenes that are times of day: a place named beside them wins, and keeps their mood."""

BY_DAY = {"beach": "beachday", "desert": "desertday"}
"""Places whose usual picture has a low sun, and how they look at an hour of `DAYTIME`."""

DAYTIME = frozenset(
    ["noon", "midday", "day", "daytime", "morning", "afternoon", "sunny", "sunshine", "sunlit", "daylight"]
)

IMPLIED = {
    "sand": "beach", "snow": "winter", "moss": "forest", "grass": "sunrise", "soil": "forest",
    "asphalt": "city", "water": "beach", "driftwood": "beach",
}  # fmt: skip
"""The place that a floor suggests when the prompt names no place; other floors stand in the studio."""

TYPO_CUTOFF = 0.84
"""Similarity (difflib ratio) from which a word of five letters or more is taken for a known one."""

LONGEST_PHRASE = 5
PREPOSITIONS = frozenset(
    [
        "on",
        "in",
        "at",
        "with",
        "under",
        "near",
        "against",
        "over",
        "inside",
        "into",
        "beside",
        "by",
        "onto",
        "upon",
        "atop",
    ]
)
BRIGHTER = frozenset(["bright", "airy", "luminous", "radiant", "sunny"])
DARKER = frozenset(["dark", "moody", "dim", "gloomy", "noir", "shadowy", "mysterious"])
WET = frozenset(["wet", "rain", "rainy", "puddle", "drenched"])
WARMER = frozenset(["warm", "cozy", "cosy", "candlelight", "amber"])
COOLER = frozenset(["cool", "cold", "bluish", "icy"])


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


@dataclass(frozen=True)
class Reading:
    """A prompt, understood as far as the renderer can."""

    scene: Scene
    floor: str
    tint: tuple[float, float, float] | None = None
    """Colour asked for the floor, sRGB [0, 1]."""
    backdrop: tuple[float, float, float] | None = None
    """Colour asked for the studio's sweep, sRGB [0, 1]."""
    light: tuple[float, float] | None = None
    """Azimuth and elevation asked for the main light, degrees."""
    quality: Quality = ""
    is_wet: bool = False
    on_podium: bool = False
    exposure: float = 1.0
    """Factor on the scene's own exposure."""
    warmth: float = 0.0
    """Added to the scene's own warmth."""
    understood: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


class _Entry(NamedTuple):
    kind: str
    name: str


@dataclass(frozen=True)
class _Vocabulary:
    scenes: Mapping[str, Scene]
    entries: Mapping[tuple[str, ...], tuple[_Entry, ...]]
    colours: Mapping[str, tuple[float, float, float]]
    lights: Mapping[str, tuple[float, float]]
    ignored: frozenset[str]
    singles: tuple[str, ...] = field(default=())


def stem(word: str) -> str:
    """The word without a plural or tense ending, crudely; only ever compared with other stems."""
    for ending, rest in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("es", "e"), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return word[: -len(ending)] + rest
    return word


@lru_cache(maxsize=1)
def _vocabulary() -> _Vocabulary:
    table: dict[str, Any] = tomllib.loads(
        resources.files(__package__).joinpath("words.toml").read_text("utf-8")
    )
    found: dict[tuple[str, ...], list[_Entry]] = {}

    def learn(phrases: Iterable[str], kind: str, name: str) -> None:
        for phrase in phrases:
            entry = _Entry(kind, name)
            known = found.setdefault(tuple(stem(w) for w in _tokens(phrase)), [])
            if entry not in known:
                known.append(entry)

    scenes = {}
    for name, row in table["scene"].items():
        learn(row["words"], "scene", name)
        row = {k: v for k, v in row.items() if k != "words"}
        scenes[name] = Scene(
            name=name,
            **{
                **row,
                "headings": tuple(row["headings"]),
                "extras": frozenset(row.get("extras", ())),
                "sun": tuple(row["sun"]) if "sun" in row else None,
            },
        )
    for name, row in table["floor"].items():
        learn(row["words"], "floor", name)
    learn(table["podium"]["words"], "podium", "podium")
    learn(table["colour"], "colour", "")
    learn(table["quality"], "quality", "")
    learn(table["light"], "light", "")
    colours = {stem(k): (v[0] / 255, v[1] / 255, v[2] / 255) for k, v in table["colour"].items()}
    lights = {" ".join(stem(w) for w in _tokens(k)): (v[0], v[1]) for k, v in table["light"].items()}
    qualities = {" ".join(stem(w) for w in _tokens(k)): v for k, v in table["quality"].items()}
    entries = {
        stems: tuple(
            e
            if e.kind not in ("colour", "quality", "light")
            else _Entry(e.kind, qualities.get(" ".join(stems), ""))
            for e in kinds
        )
        for stems, kinds in found.items()
    }
    ignored = frozenset(
        stem(w) for group in table["ignored"].values() for phrase in group for w in _tokens(phrase)
    )
    singles = tuple(stems[0] for stems in entries if len(stems) == 1)
    return _Vocabulary(scenes, entries, colours, lights, ignored, singles)


def _tokens(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.lower().replace("-", " "))


def _phrases(prompt: str) -> list[list[str]]:
    """The prompt's comma-separated parts as words; LoRA tags, weights and brackets are dropped."""
    plain = re.sub(r"<[^>]*>|:\s*-?\d+(\.\d+)?", " ", prompt)
    plain = re.sub(r"[()\[\]{}\\]|\bBREAK\b|\bAND\b", " ", plain)
    return [words for part in re.split(r"[,;.|\n]", plain) if (words := _tokens(part))]


@dataclass
class _Match:
    start: int
    words: list[str]
    stems: tuple[str, ...]
    entries: tuple[_Entry, ...]


def _match(words: list[str], vocabulary: _Vocabulary) -> tuple[list[_Match], list[int]]:
    """Known phrases of one part, longest first from the left; and the positions of the other words."""
    stems = [stem(w) for w in words]
    matches, rest, at = [], [], 0
    while at < len(words):
        for length in range(min(LONGEST_PHRASE, len(words) - at), 0, -1):
            key = tuple(stems[at : at + length])
            if key in vocabulary.entries:
                matches.append(_Match(at, words[at : at + length], key, vocabulary.entries[key]))
                at += length
                break
        else:
            guess = _forgive(stems[at], vocabulary)
            if guess:
                matches.append(_Match(at, [words[at]], (guess,), vocabulary.entries[(guess,)]))
            else:
                rest.append(at)
            at += 1
    return matches, rest


def _forgive(word: str, vocabulary: _Vocabulary) -> str | None:
    if len(word) < 5 or word in vocabulary.ignored:
        return None
    close = difflib.get_close_matches(word, vocabulary.singles, n=1, cutoff=TYPO_CUTOFF)
    return close[0] if close else None


@dataclass
class _Found:
    """What has been seen so far, in order."""

    scenes: list[str] = field(default_factory=list)
    floors: list[str] = field(default_factory=list)
    tints: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    backdrop: tuple[float, float, float] | None = None
    light: tuple[float, float] | None = None
    quality: Quality = ""
    on_podium: bool = False
    words: set[str] = field(default_factory=set)
    aside: list[tuple[str, str]] = field(default_factory=list)
    """Kinds and names of places and floors among the words of the product."""
    understood: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def read(prompt: str, *, negative_prompt: str = "") -> Reading:
    """Understand a prompt.

    Args:
        prompt: In A1111's spelling; weights, brackets and LoRA tags are skipped.
        negative_prompt: Places and floors named here are not used.

    Returns:
        The reading. With no word understood it is the neutral studio and every word is in `unknown`.
    """
    vocabulary = _vocabulary()
    found = _Found()
    for index, words in enumerate(_phrases(prompt)):
        _take(words, found, vocabulary, is_first=index == 0)
    found.scenes += [name for kind, name in found.aside if kind == "scene" and name != "studio"]
    found.floors += [name for kind, name in found.aside if kind == "floor" and name != "sweep"]
    refused = {
        entry
        for words in _phrases(negative_prompt)
        for match in _match(words, vocabulary)[0]
        for entry in match.entries
    }
    found.scenes = [s for s in found.scenes if _Entry("scene", s) not in refused]
    found.floors = [f for f in found.floors if _Entry("floor", f) not in refused]
    return _conclude(found, vocabulary)


def _take(words: list[str], found: _Found, vocabulary: _Vocabulary, *, is_first: bool) -> None:
    matches, rest = _match(words, vocabulary)
    found.words.update(words)
    # "a red enamel mug on oak": what stands before the preposition is the product, which we are given.
    subject_end = next((i for i, w in enumerate(words) if w in PREPOSITIONS), 0) if is_first else 0
    colour: tuple[int, tuple[float, float, float]] | None = None
    for match in matches:
        kinds = {entry.kind for entry in match.entries}
        end = match.start + len(match.words)
        if kinds == {"colour"}:
            if colour is None or match.start > colour[0]:  # "emerald green" is emerald
                colour = (end, vocabulary.colours[match.stems[0]])
            continue
        if end <= subject_end:
            # A "beach bag" may tell the place, but less than what follows it.
            found.aside += [(e.kind, e.name) for e in match.entries if e.kind in ("scene", "floor")]
            continue
        found.understood.append(" ".join(match.words))
        for kind, name in match.entries:
            if kind == "scene" and name not in found.scenes:
                found.scenes.append(name)
            elif kind == "floor":
                if name not in found.floors:
                    found.floors.append(name)
                if colour and match.start - colour[0] <= 2 and name != "sweep":
                    found.tints.setdefault(name, colour[1])
            elif kind == "light" and found.light is None:
                found.light = vocabulary.lights[" ".join(match.stems)]
            elif kind == "quality":
                found.quality = found.quality or ("hard" if name == "hard" else "soft")
            elif kind == "podium":
                found.on_podium = True
                if colour and match.start - colour[0] <= 2:
                    found.tints.setdefault("podium", colour[1])
        if colour and "studio" in {e.name for e in match.entries} and match.start - colour[0] <= 2:
            found.backdrop = found.backdrop or colour[1]
    found.understood += [words[at] for at in rest if words[at] in WET]
    for at in rest:
        if words[at] in WET:
            continue
        if at >= subject_end and stem(words[at]) not in vocabulary.ignored and not words[at].isdigit():
            found.unknown.append(words[at])


def _conclude(found: _Found, vocabulary: _Vocabulary) -> Reading:
    scene, warmth, exposure = _choose_scene(found)
    floor = next((f for f in found.floors if f != "sweep" or scene == "studio"), None)
    if floor == "sweep":  # "marble, white background": the sweep is the background, the marble the floor
        floor = next((f for f in found.floors if f != "sweep"), floor)
    chosen = vocabulary.scenes[scene]
    is_wet = bool(found.words & WET)
    if floor is None:
        floor = "asphalt" if is_wet and scene in ("city", "citynight") else chosen.floor
    backdrop = found.backdrop
    if scene == "studio" and backdrop is None:
        if "white" in found.words and not found.floors:
            backdrop = vocabulary.colours["white"]
        elif found.words & DARKER or (floor == "acrylic" and "white" not in found.words):
            backdrop = vocabulary.colours["charcoal"]
    exposure *= 0.8 if found.words & DARKER else 1.06 if found.words & BRIGHTER else 1.0
    warmth += 0.25 * bool(found.words & WARMER) - 0.3 * bool(found.words & COOLER)
    return Reading(
        scene=chosen,
        floor=floor,
        tint=found.tints.get(floor, found.tints.get("podium")),
        backdrop=backdrop,
        light=found.light,
        quality=found.quality,
        is_wet=is_wet,
        on_podium=found.on_podium,
        exposure=exposure,
        warmth=warmth,
        understood=tuple(dict.fromkeys(found.understood)),
        unknown=tuple(dict.fromkeys(found.unknown)),
    )


def _choose_scene(found: _Found) -> tuple[str, float, float]:
    """The scene, and how its hour changes warmth and exposure. Place beats hour beats studio."""
    hours = [s for s in found.scenes if s in HOURS]
    places = [s for s in found.scenes if s not in HOURS and s != "studio"]
    if not places and not hours:
        implied = [] if "studio" in found.scenes else [IMPLIED[f] for f in found.floors if f in IMPLIED]
        place = (implied or ["studio"])[0]
        return (BY_DAY.get(place, place) if found.words & DAYTIME else place), 0.0, 1.0
    if hours == ["day"] and not places:
        implied = [BY_DAY[IMPLIED[f]] for f in found.floors if IMPLIED.get(f) in BY_DAY]
        return (implied or hours)[0], 0.0, 1.0
    if not places:
        return hours[0], 0.0, 1.0
    place = places[0]
    if "night" in hours and place != "citynight":
        return (
            ("citynight" if place == "city" else place, 0.45, 0.6)
            if place in INDOORS
            else (("citynight" if place == "city" else "night"), 0.0, 1.0)
        )
    if "sunset" in hours:
        return ("sunset", 0.0, 1.0) if place == "city" else (place, 0.45 if place != "beach" else 0.25, 0.94)
    if found.words & DAYTIME and place in BY_DAY:
        return BY_DAY[place], 0.0, 1.0
    return place, 0.0, 1.0


INDOORS = ("interior", "kitchen", "stage")
"""Places where a night means lamps, not a dark sky."""
