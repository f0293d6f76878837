"""What the phrases of a prompt ask the embedded renderer for, gathered in their order.

Each phrase is read by its head: a place, a floor, a backdrop, a stand, a shadow, a colour; what none of them
covers is kept to be told. Owns the gathering; which scene comes of it is `prompt_reading`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from prodgen.engines.ibl.noun_phrases import NounPhrase, Term
from prodgen.engines.ibl.phrase_colours import colour_of, shaded
from prodgen.engines.ibl.vocabulary import Entry, Rgb, Vocabulary

Quality = Literal["", "soft", "hard"]


@dataclass(frozen=True)
class Ask:
    """Something that a prompt asks for, and the scene, floor or gobo that shows it (None: see its list)."""

    text: str
    scene: str | None = None
    floor: str | None = None
    gobo: str | None = None


@dataclass
class Findings:
    """What has been read so far, in the order of the prompt."""

    vocabulary: Vocabulary
    places: list[str] = field(default_factory=list)
    by_light: set[str] = field(default_factory=set)
    """Hours that only a word for light names: "soft daylight", and not "in the morning"."""
    by_fixture: set[str] = field(default_factory=set)
    """Places that only what stands in others too names: a "counter", and not a "kitchen"."""
    things: list[str] = field(default_factory=list)
    """Places that things suggest."""
    styles: list[str] = field(default_factory=list)
    floors: list[str] = field(default_factory=list)
    carrying: list[str] = field(default_factory=list)
    """Those of the floors that the product is said to be on: ", on oak"."""
    behind: set[str] = field(default_factory=set)
    """How a studio is named: "studio", or "sheet" or "wall", which are weaker; "colour" alone is weakest."""
    tints: dict[str, Rgb] = field(default_factory=dict)
    backdrop: Rgb | None = None
    lone_colour: Rgb | None = None
    """A colour that is said of nothing: "mug on black"."""
    light: tuple[float, float] | None = None
    gel: tuple[Rgb, str] | None = None
    """Colour of a coloured light, and the words for it."""
    quality: Quality = ""
    stand: str = ""
    gobo: str = ""
    """What casts its shadow on everything behind and under the product."""
    fall: str = ""
    """Name of the gobo of a light that falls through one ("window light"), drawn in a studio."""
    has_arch: bool = False
    arch: Rgb | None = None
    is_in_water: bool = False
    """Whether something stands in water, not only near it."""
    is_on_ground: bool = False
    """Whether something stands on a ground."""
    is_afloat: bool = False
    is_round: bool = False
    shades: list[Rgb] = field(default_factory=list)
    """Colours of the backdrop in their order, for a gradient from one to the next."""
    words: set[str] = field(default_factory=set)
    aside: list[Entry] = field(default_factory=list)
    """Places and floors in words for the product or a thing, used if there is nothing else."""
    asks: list[Ask] = field(default_factory=list)
    """What is told where it is not drawn."""
    upright: list[Ask] = field(default_factory=list)
    """What stands around or behind the product, or carries it: out of view from straight above."""

    def names(self, group: str) -> bool:
        """Whether the prompt has a word of this group."""
        return not self.words.isdisjoint(self.vocabulary.groups[group])

    def take(self, phrase: NounPhrase, *, is_product: bool, is_of_product: bool = False) -> None:
        """Read one phrase.

        Args:
            phrase: The words.
            is_product: Whether it is about the product.
            is_of_product: Whether its link ties it to the product, and not to the phrase before it:
                ", on oak", but not "light on water".
        """
        known = self.vocabulary
        if phrase.link in known.groups["negator"] or phrase.head < 0:
            return
        head = phrase.terms[phrase.head]
        if is_product:
            self._set_aside(phrase.terms)
            self._tell_views(phrase.terms)
            self._take_afloat(phrase.terms)
            return
        colour, spent = colour_of(phrase, known)
        rest = [term for at, term in enumerate(phrase.terms) if at not in spent]
        self.words.update(word for term in rest for word in term.words)
        self._take_light(rest)
        self._tell_views(rest)
        if phrase.link == "through" and (name := self._caster(rest)):  # "sunlight through blinds"
            self.gobo = self.gobo or name
        elif "afloat" in head.kinds or (head.role == "product" and any("afloat" in x.kinds for x in rest)):
            self._take_afloat(phrase.terms)
        elif head.role == "light":
            self._take_shadow(phrase, head, rest, colour)
        elif head.role == "pattern":
            self._tell(phrase.text())
        elif "backdrop" in head.kinds:
            self._take_backdrop(phrase, head, rest, colour, spent)
        elif "arch" in head.kinds:
            self._take_arch(phrase, rest, colour, spent)
        elif head.kinds & {"scene", "floor", "stand"}:
            self._take_ground(phrase, head, rest, colour, spent)
            if is_of_product and phrase.link in known.groups["support"]:
                self._add(self.carrying, *(name for term in rest for name in term.names("floor")))
        elif "thing" in head.kinds:
            if phrase.link != "with":  # "beside a window" is a place, "with flowers" is none
                self._add(self.things, *head.names("thing"))
            fall = self.vocabulary.falls.get(head.stems)
            self.fall = self.fall or fall or ""
            self._tell(phrase.text(), scene=head.names("thing")[0], gobo=fall)
            self.upright.append(self.asks[-1])
        elif "style" in head.kinds:
            self._add(self.styles, *(name for term in rest for name in term.names("style")))
        elif "colour" in head.kinds:
            self._take_colour(phrase, head)
        elif not head.meanings:
            self._set_aside(rest)
            beside = known.groups["company"] | known.groups["support"]  # "on a stack of books"
            is_another = phrase.link in beside and phrase.terms[0].text != "the"
            is_told = head.role != "product" or is_another  # "beside a bottle", but "smoke around the bottle"
            if is_told and head.text not in known.groups["wet"]:
                self._tell(phrase.text())

    def _take_afloat(self, held: Sequence[Term]) -> None:
        hovering = [Ask(term.text) for term in held if "afloat" in term.kinds]
        self.is_afloat |= bool(hovering)
        self.upright += hovering

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
        self.by_light |= set(hours) - set(self.places)
        self._add(self.places, *hours)
        makers = [x for x in rest if not x.is_adjective and x.role == "" and not x.names("backdrop", "floor")]
        if head.text == "lights":  # lamps: "christmas lights"
            makers += [x for x in rest if "style" in x.kinds]
        is_tinted = colour is not None and colour != self.vocabulary.colours["white"]
        if colour is not None and is_tinted and not makers and head.text in ("light", "lighting"):
            self.gel = self.gel or (colour, phrase.text())
        elif makers and not is_tinted and (name := self._caster(makers)):
            self.gobo = self.gobo or name
        elif (makers and not hours) or (is_tinted and not self.names("warmer")):
            self._tell(phrase.text())

    def _caster(self, makers: Sequence[Term]) -> str:
        """Return the gobo that the words are all about, "" if they say more than it shows."""
        named = [term for term in makers if term.role != "filler" and not term.is_adjective]
        return self.vocabulary.casters.get(tuple(stem for term in named for stem in term.stems), "")

    def _take_arch(
        self, phrase: NounPhrase, rest: Sequence[Term], colour: Rgb | None, spent: frozenset[int]
    ) -> None:
        """Read an arch in the studio's wall; one of a material, or in another place, is not drawn."""
        self.has_arch, self.arch = True, self.arch or colour
        if not self.places:
            self.behind.add("sheet")
        has_material = any("floor" in term.kinds for term in rest)
        self._tell(phrase.text(), scene=None if has_material else "studio")
        self.upright.append(Ask(phrase.text(), scene="studio"))
        self._tell_unknown(phrase, spent)

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
            self.upright.append(Ask(phrase.text(), scene=places[0]))
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
        self.shades += [] if colour is None else [colour]
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
        named = [term for term in rest if "scene" in term.kinds]
        fixed = [x for x in named if x.text in self.vocabulary.groups["fixture"]]
        scenes = [x.names("scene") for x in named if x not in fixed or len(fixed) == len(named)]
        # A "snowy forest" is winter; else the last is the place: a "rose garden", a "beach house".
        known = self.vocabulary.scenes
        prevailing = (names for names in scenes if any(known[name].prevails for name in names))
        chosen = next(prevailing, scenes[-1] if scenes else ())
        if head.text in self.vocabulary.groups["sunlight"]:
            self.by_light |= {n for n in chosen if self.vocabulary.scenes[n].hour} - set(self.places)
        if fixed and len(fixed) == len(named):
            self.by_fixture |= set(chosen) - set(self.places)
        else:
            self.by_fixture -= set(chosen)
        self._add(self.places, *chosen)
        if scenes and chosen[0] in self.by_fixture:
            pass  # whatever place it is in, its top is what is drawn
        elif scenes and not self.vocabulary.scenes[chosen[0]].hour:
            # "On a marble counter" in a bathroom there is marble, whatever room has counters.
            carries = phrase.link in self.vocabulary.groups["support"]
            floors = [name for term in rest for name in term.names("floor")] if carries else []
            self._tell(phrase.text(), scene=chosen[0], floor=floors[0] if floors else None)
            is_ground = "floor" in head.kinds or head.stems[-1] in self.vocabulary.groups["decor"]
            if phrase.link not in self.vocabulary.groups["support"] and not is_ground:
                self.upright.append(self.asks[-1])  # "in a kitchen", but not "on a kitchen counter"
        else:
            self._add(self.styles, *(name for term in rest for name in term.names("style")))
        hours = [n for names in scenes for n in names if self.vocabulary.scenes[n].hour]
        self._add(self.places, *hours)
        for term in rest:
            for name in term.names("floor"):
                if name == "water" and phrase.link in self.vocabulary.groups["company"]:
                    continue  # what is "by a pool" does not stand in it
                self._add(self.floors, name)
                if colour is not None and name != "sweep":
                    self.tints.setdefault(name, colour)
        is_water = "water" in head.names("floor") or head.text in self.vocabulary.groups["open_water"]
        self.is_in_water |= phrase.link in ("in", "into") and is_water
        self.is_on_ground |= phrase.link in self.vocabulary.groups["support"]
        self.is_round |= "floor" in head.kinds and any(self._is_round(term) for term in rest)
        stands = [name for term in rest for name in term.names("stand")]
        if stands:
            self.stand = self.stand or stands[-1]
            self.upright.append(Ask(phrase.text()))
            if colour is not None:
                self.tints.setdefault("stand", colour)
        elif "floor" in head.kinds and not scenes and phrase.link in self.vocabulary.groups["company"]:
            self._tell(phrase.text(), floor=head.names("floor")[0])
        self._tell_unknown(phrase, spent)

    def _take_colour(self, phrase: NounPhrase, head: Term) -> None:
        """Read a phrase whose last word is a colour: "on black" is a backdrop, "with roses" are things."""
        is_plural = head.words[-1] != head.stems[-1] and head.words[-1].endswith("s")
        if is_plural or phrase.link in self.vocabulary.groups["company"]:
            self._tell(phrase.text())
            return
        colour = shaded(phrase, phrase.head, self.vocabulary)
        self.lone_colour = self.lone_colour or colour
        self.shades.append(colour)
        self.behind.add("colour")

    def _tell_unknown(self, phrase: NounPhrase, spent: frozenset[int]) -> None:
        """Tell the words before a known head that say nothing here: "herringbone" parquet."""
        run: list[str] = []
        for at, term in enumerate(phrase.terms):
            is_unknown = at not in spent and not term.meanings and not term.role
            is_effect = term.text in self.vocabulary.groups["wet"] or self._is_round(term)
            if is_unknown and not is_effect:
                run.append(term.text)
            elif run:
                self._tell(" ".join(run))
                run = []
        if run:
            self._tell(" ".join(run))

    def _is_round(self, term: Term) -> bool:
        return term.text in self.vocabulary.groups["round"]

    def _set_aside(self, held: Sequence[Term]) -> None:
        self.aside += [
            Entry("floor" if x.kind == "floor" else "scene", x.name)
            for term in held
            for x in term.meanings
            if x.kind in ("scene", "thing", "floor") and x.name != "sweep"
        ]

    def _tell(
        self, text: str, *, scene: str | None = None, floor: str | None = None, gobo: str | None = None
    ) -> None:
        self.asks.append(Ask(text, scene, floor, gobo))

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
        self.is_in_water &= "water" not in floors
        self.aside = [x for x in self.aside if x.name not in (floors if x.kind == "floor" else scenes)]
