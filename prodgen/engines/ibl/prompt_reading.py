"""What a prompt asks the embedded renderer for: place, floor, colours, light; and which words it cannot draw.

No model: words and phrases of a table are compared by their stems, the longest phrase first, with small
typing mistakes forgiven. The renderer is honest by it: a word that describes nothing it can draw is reported,
not ignored. The rules and their numbers are chosen by eye.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from prodgen.engines.ibl.vocabulary import Entry, Mood, Rgb, Scene, Vocabulary, stem, tokens, vocabulary

Quality = Literal["", "soft", "hard"]

TYPO_CUTOFF = 0.84
"""Similarity (difflib ratio) from which a word of `SHORTEST_TYPO` letters or more is taken for a known one.
Chosen so that one wrong or missing letter in six is forgiven: "woden", "sunsett", "kichen"."""

SHORTEST_TYPO = 5
"""Letters. Shorter words are too like one another: "sand", "band", "hand"."""

LONGEST_PHRASE = 5
"""Words of the longest phrase in words.toml, such as "from the upper left"."""

COLOUR_REACH = 2
"""Words from a colour to what it colours: "pink paper background". Chosen by eye."""

DARKER, BRIGHTER = 0.8, 1.06
"""Factors on the exposure for words such as "moody" and "airy". Chosen by eye."""

WARMER, COOLER = 0.25, -0.3
"""Added to the warmth for words such as "cozy" and "icy". Chosen by eye."""


@dataclass(frozen=True)
class Reading:
    """A prompt, understood as far as the renderer can."""

    scene: Scene
    floor: str
    tint: Rgb | None = None
    """Colour asked for the floor."""

    backdrop: Rgb | None = None
    """Colour asked for the studio's sweep."""

    light: tuple[float, float] | None = None
    """Azimuth and elevation asked for the main light, degrees."""

    quality: Quality = ""
    is_wet: bool = False
    on_podium: bool = False
    exposure: float = 1.0
    """Factor on the scene's own exposure."""

    warmth: float = 0.0
    """Added to the scene's own warmth."""

    unknown: tuple[str, ...] = ()
    """Words that name nothing which can be drawn."""


def read(prompt: str, *, negative_prompt: str = "") -> Reading:
    """Understand a prompt.

    Args:
        prompt: In A1111's spelling; weights, brackets and LoRA tags are skipped.
        negative_prompt: Places and floors named here are not used.

    Returns:
        The reading. With no word understood it is the neutral studio and every word is in `unknown`.
    """
    found = _Found(vocabulary())
    for index, words in enumerate(_phrases(prompt)):
        found.take(words, product_end=_end_of_product(words) if index == 0 else 0)
    found.use_what_was_set_aside()
    found.refuse(
        {
            meaning
            for words in _phrases(negative_prompt)
            for match in _match(words, found.vocabulary)[0]
            for meaning in match.meanings
        }
    )
    return _conclude(found)


def _phrases(prompt: str) -> list[list[str]]:
    """Return the prompt's comma-separated parts as words; LoRA tags, weights and brackets are dropped."""
    plain = re.sub(r"<[^>]*>|:\s*-?\d+(\.\d+)?", " ", prompt)
    plain = re.sub(r"[()\[\]{}\\]|\bBREAK\b|\bAND\b", " ", plain)
    return [words for part in re.split(r"[,;.|\n]", plain) if (words := tokens(part))]


@dataclass(frozen=True)
class _Match:
    """A known phrase in one part of a prompt."""

    start: int
    words: Sequence[str]
    stems: tuple[str, ...]
    meanings: tuple[Entry, ...]

    @property
    def end(self) -> int:
        """Position of the word after it."""
        return self.start + len(self.words)

    @property
    def is_colour(self) -> bool:
        """Whether it names a colour and nothing else: "terracotta" is a floor as well."""
        return all(meaning.kind == "colour" for meaning in self.meanings)


def _match(words: list[str], known: Vocabulary) -> tuple[list[_Match], list[int]]:
    """Return the known phrases of one part, longest first from the left; and where the other words are."""
    matches, rest, at = [], [], 0
    while at < len(words):
        match = _match_at(words, at, known)
        if match is None:
            rest.append(at)
        else:
            matches.append(match)
        at = at + 1 if match is None else match.end
    return matches, rest


def _match_at(words: list[str], at: int, known: Vocabulary) -> _Match | None:
    for length in range(min(LONGEST_PHRASE, len(words) - at), 0, -1):
        part = words[at : at + length]
        stems = tuple(stem(word) for word in part)
        if stems in known.entries:
            return _Match(at, part, stems, known.entries[stems])
    guess = _forgive(stem(words[at]), known)
    return None if guess is None else _Match(at, [words[at]], (guess,), known.entries[(guess,)])


def _forgive(word: str, known: Vocabulary) -> str | None:
    if len(word) < SHORTEST_TYPO or word in known.ignored:
        return None
    close = difflib.get_close_matches(word, known.singles, n=1, cutoff=TYPO_CUTOFF)
    return close[0] if close else None


def _end_of_product(words: list[str]) -> int:
    """Return where the product's own words end: in "a red enamel mug on oak", at the preposition."""
    prepositions = vocabulary().groups["preposition"]
    return next((at for at, word in enumerate(words) if word in prepositions), 0)


@dataclass
class _Found:
    """What has been read so far, in the order of the prompt."""

    vocabulary: Vocabulary
    scenes: list[str] = field(default_factory=list)
    floors: list[str] = field(default_factory=list)
    tints: dict[str, Rgb] = field(default_factory=dict)
    backdrop: Rgb | None = None
    light: tuple[float, float] | None = None
    quality: Quality = ""
    on_podium: bool = False
    words: set[str] = field(default_factory=set)
    aside: list[Entry] = field(default_factory=list)
    """Places and floors among the words of the product."""

    unknown: list[str] = field(default_factory=list)

    def names(self, group: str) -> bool:
        """Whether the prompt has a word of this group."""
        return not self.words.isdisjoint(self.vocabulary.groups[group])

    def take(self, words: list[str], *, product_end: int) -> None:
        """Read one part of the prompt, whose words before `product_end` are about the product."""
        matches, rest = _match(words, self.vocabulary)
        self.words.update(words)
        colour: Rgb | None = None
        colour_end = 0
        for match in matches:
            if match.is_colour:
                if colour is None or match.start > colour_end:  # "emerald green" is emerald
                    colour, colour_end = self.vocabulary.colours[match.stems[0]], match.end
            elif match.end <= product_end:
                # A "beach bag" may tell the place, but less than what follows it.
                self.aside += [x for x in match.meanings if x.kind in ("scene", "floor")]
            else:
                self._use(match, colour if match.start - colour_end <= COLOUR_REACH else None)
        wet, ignored = self.vocabulary.groups["wet"], self.vocabulary.ignored
        self.unknown += [
            word
            for word in (words[at] for at in rest if at >= product_end)
            if word not in wet and stem(word) not in ignored and not word.isdigit()
        ]

    def _use(self, match: _Match, colour: Rgb | None) -> None:
        """Note what a phrase means; `colour` stands before it."""
        for kind, name in match.meanings:
            match kind:
                case "scene":
                    self._add(self.scenes, name)
                case "floor":
                    self._add(self.floors, name)
                    if name != "sweep":
                        self._tint(name, colour)
                case "podium":
                    self.on_podium = True
                    self._tint(name, colour)
                case "light":
                    self.light = self.light or self.vocabulary.lights[match.stems]
                case "quality":
                    self.quality = self.quality or ("hard" if name == "hard" else "soft")
        if any(meaning.name == "studio" for meaning in match.meanings):
            self.backdrop = self.backdrop or colour

    @staticmethod
    def _add(names: list[str], name: str) -> None:
        if name not in names:
            names.append(name)

    def _tint(self, name: str, colour: Rgb | None) -> None:
        if colour is not None:
            self.tints.setdefault(name, colour)

    def use_what_was_set_aside(self) -> None:
        """Add the places and floors among the product's words, after all others."""
        self.scenes += [name for kind, name in self.aside if kind == "scene" and name != "studio"]
        self.floors += [name for kind, name in self.aside if kind == "floor" and name != "sweep"]

    def refuse(self, refused: set[Entry]) -> None:
        """Drop what the negative prompt names."""
        self.scenes = [name for name in self.scenes if Entry("scene", name) not in refused]
        self.floors = [name for name in self.floors if Entry("floor", name) not in refused]


def _conclude(found: _Found) -> Reading:
    scene, warmth, exposure = _choose_scene(found)
    floor = _choose_floor(found, scene)
    exposure *= DARKER if found.names("darker") else BRIGHTER if found.names("brighter") else 1.0
    warmth += WARMER * found.names("warmer") + COOLER * found.names("cooler")
    return Reading(
        scene=scene,
        floor=floor,
        tint=found.tints.get(floor, found.tints.get("podium")),
        backdrop=_choose_backdrop(found, scene, floor),
        light=found.light,
        quality=found.quality,
        is_wet=found.names("wet"),
        on_podium=found.on_podium,
        exposure=exposure,
        warmth=warmth,
        unknown=tuple(dict.fromkeys(found.unknown)),
    )


def _choose_scene(found: _Found) -> tuple[Scene, float, float]:
    """Return the scene, and how its hour changes warmth and exposure. Place beats hour beats studio."""
    scenes = found.vocabulary.scenes
    hours = [name for name in found.scenes if scenes[name].hour]
    places = [name for name in found.scenes if not scenes[name].hour and name != "studio"]
    implied = [x for floor in found.floors if (x := found.vocabulary.implied.get(floor)) is not None]
    named = frozenset(hours) | ({"daytime"} if "day" in hours or found.names("daytime") else set())
    if not places and not hours and "studio" not in found.scenes:
        places = implied[:1]
    elif not places and hours == ["day"]:
        places = [place for place in implied if _mood_of(found, place, named) is not None][:1]
    if not places:
        return scenes[(hours or ["studio"])[0]], 0.0, 1.0
    mood = _mood_of(found, places[0], named)
    if mood is None:
        return scenes[places[0]], 0.0, 1.0
    return scenes[mood.scene or places[0]], mood.warmth, mood.exposure


def _mood_of(found: _Found, place: str, hours: frozenset[str]) -> Mood | None:
    return next((mood for mood in found.vocabulary.moods if mood.fits(place, hours)), None)


def _choose_floor(found: _Found, scene: Scene) -> str:
    named = [floor for floor in found.floors if floor != "sweep" or scene.name == "studio"]
    # In "marble, white background" the sweep is the background, the marble the floor.
    solid = [floor for floor in named if floor != "sweep"]
    if named:
        return (solid or named)[0] if named[0] == "sweep" else named[0]
    return "asphalt" if found.names("wet") and scene.name in ("city", "citynight") else scene.floor


def _choose_backdrop(found: _Found, scene: Scene, floor: str) -> Rgb | None:
    if found.backdrop is not None or scene.name != "studio":
        return found.backdrop
    is_white = "white" in found.words
    if is_white and not found.floors:
        return found.vocabulary.colours["white"]
    if found.names("darker") or (floor == "acrylic" and not is_white):
        return found.vocabulary.colours["charcoal"]
    return None
