"""What a prompt asks the embedded renderer for: place, floor, colours, light; and what it cannot draw.

No model: a small grammar and a table of words. A phrase's head decides what it is about, its modifiers say
more: a "palm leaf shadow" is a shadow, a "rose garden" a garden. The renderer is honest by it: a thing that
it cannot draw is reported, not ignored. The rules and their numbers are chosen by eye.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from prodgen.engines.ibl.noun_phrases import NounPhrase, Term, noun_phrases, parts, terms
from prodgen.engines.ibl.phrase_colours import colour_of, shaded
from prodgen.engines.ibl.vocabulary import Entry, Mood, Rgb, Scene, Vocabulary, vocabulary

Quality = Literal["", "soft", "hard"]

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
    """Colour asked for the studio's sweep; None anywhere else."""

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
    """What the prompt asks for and this picture does not show, in the prompt's own words."""

    is_default: bool = False
    """Whether no word of the prompt says what to draw, so that the neutral studio is drawn."""


def read(prompt: str, *, negative_prompt: str = "") -> Reading:
    """Understand a prompt.

    Args:
        prompt: In A1111's spelling; weights, brackets and LoRA tags are skipped.
        negative_prompt: Places and floors named here are not used.

    Returns:
        The reading. With no word understood it is the neutral studio and every word is in `unknown`.
    """
    found = _Found(vocabulary())
    for index, words in enumerate(parts(prompt)):
        phrases = noun_phrases(words, found.vocabulary)
        about_product = _about_product(phrases, found.vocabulary) if index == 0 else 0
        for place, phrase in enumerate(phrases):
            found.take(phrase, is_product=place < about_product)
    found.refuse(
        {
            meaning
            for words in parts(negative_prompt)
            for term in terms(words, found.vocabulary)
            for meaning in term.meanings
        }
    )
    return _conclude(found)


def _about_product(phrases: Sequence[NounPhrase], known: Vocabulary) -> int:
    """Return how many phrases of the first part are about the product: "a red enamel mug" on oak."""
    ends, support = known.groups["preposition"] | known.groups["company"], known.groups["support"]
    count = next((at for at, phrase in enumerate(phrases) if phrase.link in ends), 0)
    if not count:
        return 0
    if phrases[count].head < 0 and phrases[count].link in known.groups["company"]:  # "ivy behind it"
        return 0
    head = phrases[count - 1].terms[phrases[count - 1].head]
    if not known.groups["decor"].isdisjoint(head.stems):  # "petals on marble"
        return 0
    sets_a_scene = {"scene", "podium", "backdrop"} | (
        set() if phrases[count].link in support else {"floor"}  # "a towel on marble", "marble with lemons"
    )
    return 0 if head.role == "light" or head.kinds & sets_a_scene else count


@dataclass(frozen=True)
class _Ask:
    """Something that a prompt asks for; told where neither this scene nor this floor is drawn."""

    text: str
    scene: str | None = None
    floor: str | None = None


@dataclass
class _Found:
    """What has been read so far, in the order of the prompt."""

    vocabulary: Vocabulary
    places: list[str] = field(default_factory=list)
    things: list[str] = field(default_factory=list)
    """Places that things suggest."""
    styles: list[str] = field(default_factory=list)
    floors: list[str] = field(default_factory=list)
    behind: set[str] = field(default_factory=set)
    """How a studio is named: "studio", or "sheet" or "wall", which are weaker; "colour" alone is weakest."""
    tints: dict[str, Rgb] = field(default_factory=dict)
    backdrop: Rgb | None = None
    lone_colour: Rgb | None = None
    """A colour that is said of nothing: "mug on black"."""
    light: tuple[float, float] | None = None
    quality: Quality = ""
    on_podium: bool = False
    words: set[str] = field(default_factory=set)
    aside: list[Entry] = field(default_factory=list)
    """Places and floors in words for the product or a thing, used if there is nothing else."""
    asks: list[_Ask] = field(default_factory=list)

    def names(self, group: str) -> bool:
        """Whether the prompt has a word of this group."""
        return not self.words.isdisjoint(self.vocabulary.groups[group])

    def take(self, phrase: NounPhrase, *, is_product: bool) -> None:
        """Read one phrase; `is_product` if it is about the product."""
        known = self.vocabulary
        if phrase.link in known.groups["negator"] or phrase.head < 0:
            return
        head = phrase.terms[phrase.head]
        if is_product:
            self._set_aside(phrase.terms)
            self._tell_views(phrase.terms)
            return
        colour, spent = colour_of(phrase, known)
        rest = [term for at, term in enumerate(phrase.terms) if at not in spent]
        self.words.update(word for term in rest for word in term.words)
        self._take_light(rest)
        self._tell_views(rest)
        if head.role == "light":
            self._take_shadow(phrase, head, rest, colour)
        elif head.role == "pattern":
            self._tell(phrase.text())
        elif "backdrop" in head.kinds:
            self._take_backdrop(phrase, head, rest, colour, spent)
        elif head.kinds & {"scene", "floor", "podium"}:
            self._take_ground(phrase, head, rest, colour, spent)
        elif "thing" in head.kinds:
            if phrase.link != "with":  # "beside a window" is a place, "with flowers" is none
                self._add(self.things, *head.names("thing"))
            self._tell(phrase.text(), scene=head.names("thing")[0])
        elif "style" in head.kinds:
            self._add(self.styles, *(name for term in rest for name in term.names("style")))
        elif "colour" in head.kinds:
            self._take_colour(phrase, head)
        elif not head.meanings:
            self._set_aside(rest)
            is_another = phrase.link in known.groups["company"] and phrase.terms[0].text != "the"
            is_told = head.role != "product" or is_another  # "beside a bottle", but "smoke around the bottle"
            if is_told and head.text not in known.groups["wet"]:
                self._tell(phrase.text())

    def _tell_views(self, held: Sequence[Term]) -> None:
        for term in held:
            if "view" in term.kinds:
                self._tell(term.text)

    def _take_light(self, rest: Sequence[Term]) -> None:
        """Note where the light comes from, and how hard it is."""
        for term in rest:
            if "light" in term.kinds:
                self.light = self.light or self.vocabulary.lights[term.stems]
            for name in term.names("quality"):
                self.quality = self.quality or ("hard" if name == "hard" else "soft")

    def _take_shadow(self, phrase: NounPhrase, head: Term, rest: Sequence[Term], colour: Rgb | None) -> None:
        """Read a phrase about light: whose shadow it is says nothing about the place."""
        hours = [name for term in rest for name in term.names("scene") if self.vocabulary.scenes[name].hour]
        self._add(self.places, *hours)
        makers = [x for x in rest if not x.is_adjective and x.role == "" and not x.names("backdrop", "floor")]
        if head.text == "lights":  # lamps: "christmas lights"
            makers += [x for x in rest if "style" in x.kinds]
        is_tinted = colour is not None and colour != self.vocabulary.colours["white"]
        if (makers and not hours) or (is_tinted and not self.names("warmer")):
            self._tell(phrase.text())

    def _take_backdrop(
        self, phrase: NounPhrase, head: Term, rest: Sequence[Term], colour: Rgb | None, spent: frozenset[int]
    ) -> None:
        kinds = {name for term in rest for name in term.names("backdrop")}
        kind = "studio" if "studio" in kinds else "wall" if "wall" in kinds else "sheet"
        floors = [name for term in rest for name in term.names("floor") if name != "sweep"]
        places = [name for term in rest for name in term.names("scene", "thing")]
        is_where = kind == "sheet" and phrase.link in ("in", "as", "for")  # "ocean in the background"
        if kind == "sheet" and places:
            self._add(self.places, *places)
            return
        if kind == "wall":
            self._add(self.places, *(name for term in rest for name in term.names("scene")))
            if floors or any("thing" in term.kinds for term in rest):
                self._tell(phrase.text())
            elif colour is not None:
                self._tell(phrase.text(), scene="studio")
        else:
            self._add(self.floors, *floors)
            if colour is not None:
                self.tints = {**dict.fromkeys(floors, colour), **self.tints}
        self._tell_unknown(phrase, spent)
        self.backdrop = self.backdrop or colour
        is_blurred = any(word.startswith(("blur", "bokeh")) for term in rest for word in term.words)
        if colour is not None or (floors and kind == "sheet"):
            self.behind.add("studio" if kind == "sheet" else kind)
        elif not is_blurred and not is_where:
            self.behind.add(kind if kind == "studio" else "sheet")
        if kind != "wall" and not is_where:
            self._add(self.floors, "sweep")

    def _take_ground(
        self, phrase: NounPhrase, head: Term, rest: Sequence[Term], colour: Rgb | None, spent: frozenset[int]
    ) -> None:
        """Read a phrase about a place, or what the product stands on."""
        scenes = [term.names("scene") for term in rest if "scene" in term.kinds]
        # Winter stays what a "snowy forest" is; else the last is the place: a "rose garden", a "beach house".
        chosen = next((names for names in scenes if "winter" in names), scenes[-1] if scenes else ())
        self._add(self.places, *chosen)
        if scenes and not self.vocabulary.scenes[chosen[0]].hour:
            self._tell(phrase.text(), scene=chosen[0])
        else:
            self._add(self.styles, *(name for term in rest for name in term.names("style")))
        hours = (n for names in scenes for n in names if self.vocabulary.scenes[n].hour)
        self._add(self.places, *hours)
        for term in rest:
            for name in term.names("floor"):
                self._add(self.floors, name)
                if colour is not None and name != "sweep":
                    self.tints.setdefault(name, colour)
        if "podium" in {kind for term in rest for kind in term.kinds}:
            self.on_podium = True
            if colour is not None:
                self.tints.setdefault("podium", colour)
        elif "floor" in head.kinds and not scenes and phrase.link in self.vocabulary.groups["company"]:
            self._tell(phrase.text(), floor=head.names("floor")[0])
        self._tell_unknown(phrase, spent)

    def _take_colour(self, phrase: NounPhrase, head: Term) -> None:
        """Read a phrase whose last word is a colour: "on black" is a backdrop, "with roses" are things."""
        is_plural = head.words[-1] != head.stems[-1] and head.words[-1].endswith("s")
        if is_plural or phrase.link in self.vocabulary.groups["company"]:
            self._tell(phrase.text())
            return
        self.lone_colour = self.lone_colour or shaded(phrase, phrase.head, self.vocabulary)
        self.behind.add("colour")

    def _tell_unknown(self, phrase: NounPhrase, spent: frozenset[int]) -> None:
        """Tell the words before a known head that say nothing here: "herringbone" parquet."""
        run: list[str] = []
        for at, term in enumerate(phrase.terms):
            is_unknown = at not in spent and not term.meanings and not term.role
            if is_unknown and term.text not in self.vocabulary.groups["wet"]:
                run.append(term.text)
            elif run:
                self._tell(" ".join(run))
                run = []
        if run:
            self._tell(" ".join(run))

    def _set_aside(self, held: Sequence[Term]) -> None:
        self.aside += [
            Entry("floor" if x.kind == "floor" else "scene", x.name)
            for term in held
            for x in term.meanings
            if x.kind in ("scene", "thing", "floor") and x.name != "sweep"
        ]

    def _tell(self, text: str, *, scene: str | None = None, floor: str | None = None) -> None:
        self.asks.append(_Ask(text, scene, floor))

    @staticmethod
    def _add(names: list[str], *more: str) -> None:
        names += [name for name in dict.fromkeys(more) if name not in names]

    def refuse(self, refused: set[Entry]) -> None:
        """Drop what the negative prompt names."""
        scenes = {entry.name for entry in refused if entry.kind in ("scene", "thing", "style")}
        floors = {entry.name for entry in refused if entry.kind == "floor"}
        for names in (self.places, self.things, self.styles):
            names[:] = [name for name in names if name not in scenes]
        self.floors = [name for name in self.floors if name not in floors]
        self.aside = [x for x in self.aside if x.name not in (floors if x.kind == "floor" else scenes)]


def _conclude(found: _Found) -> Reading:
    scene, warmth, exposure, place = _choose_scene(found)
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
        unknown=_undrawn(found, {scene.name, place}, floor),
        is_default=not (
            found.places or found.things or found.styles or found.floors or found.behind or found.on_podium
        )
        and not (found.light or found.quality or found.aside),
    )


def _undrawn(found: _Found, drawn: set[str], floor: str) -> tuple[str, ...]:
    """Return what is asked for and not drawn: things without a picture, and those of another place."""
    scenes = found.vocabulary.scenes
    panoramas = {scenes[name].panorama for name in drawn}

    def is_drawn(place: str) -> bool:
        by_hour = (mood for mood in found.vocabulary.moods if mood.scene in drawn)
        is_at_hour = any(mood.fits(place, frozenset({mood.hour})) for mood in by_hour)
        return is_at_hour or scenes[place].panorama in panoramas

    told = [
        ask.text
        for ask in found.asks
        if (ask.scene is None or not is_drawn(ask.scene)) and (ask.floor is None or ask.floor != floor)
    ]
    return tuple(dict.fromkeys(filter(None, told)))


def _choose_scene(found: _Found) -> tuple[Scene, float, float, str]:
    """Return the scene, how its hour changes warmth and exposure, and the place that was asked for.

    A studio beats places, a coloured wall beats hours; then places, things, and what a floor suggests.
    """
    scenes = found.vocabulary.scenes
    hours = [name for name in (*found.places, *found.things) if scenes[name].hour]
    places = [name for name in found.places if not scenes[name].hour]
    if "studio" in found.behind or ("wall" in found.behind and not places):
        return scenes["studio"], 0.0, 1.0, "studio"
    weaker = [] if "sheet" in found.behind else [*found.things, *found.styles]
    places = places or [name for name in weaker if not scenes[name].hour and name != "studio"]
    hours = hours or [name for name in weaker if scenes[name].hour]
    implied = [x for floor in found.floors if (x := found.vocabulary.implied.get(floor)) is not None]
    named = frozenset(hours) | ({"daytime"} if "day" in hours or found.names("daytime") else set())
    if not places and not hours and not found.behind and "studio" not in found.styles:
        places = implied[:1]
        if not places and not found.floors:
            places = [x.name for x in found.aside if x.kind == "scene"][:1]
    elif not places and hours == ["day"]:
        places = [place for place in implied if _mood_of(found, place, named) is not None][:1]
    if not places:
        name = (hours or ["studio"])[0]
        return scenes[name], 0.0, 1.0, name
    mood = _mood_of(found, places[0], named)
    if mood is None:
        return scenes[places[0]], 0.0, 1.0, places[0]
    return scenes[mood.scene or places[0]], mood.warmth, mood.exposure, places[0]


def _mood_of(found: _Found, place: str, hours: frozenset[str]) -> Mood | None:
    return next((mood for mood in found.vocabulary.moods if mood.fits(place, hours)), None)


def _choose_floor(found: _Found, scene: Scene) -> str:
    aside = [entry.name for entry in found.aside if entry.kind == "floor"]
    floors = found.floors or (aside if not found.behind and scene.name != "studio" else [])
    named = [floor for floor in floors if floor != "sweep" or scene.name == "studio"]
    # In "marble, white background" the sweep is the background, the marble the floor.
    solid = [floor for floor in named if floor != "sweep"]
    if named:
        return (solid or named)[0] if named[0] == "sweep" else named[0]
    return "asphalt" if found.names("wet") and scene.name in ("city", "citynight") else scene.floor


def _choose_backdrop(found: _Found, scene: Scene, floor: str) -> Rgb | None:
    if scene.name != "studio":
        return None
    asked = found.backdrop or (found.lone_colour if "colour" in found.behind else None)
    if asked is None and (found.names("darker") or floor == "acrylic"):
        return found.vocabulary.colours["charcoal"]
    return asked
