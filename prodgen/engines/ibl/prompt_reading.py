"""What a prompt asks the embedded renderer for: place, floor, colours, light; and what it cannot draw.

No model: a small grammar and a table of words. A phrase's head decides what it is about, its modifiers say
more: a "palm leaf shadow" is a shadow, a "rose garden" a garden. The renderer is honest by it: a thing that
it cannot draw is reported, not ignored. The rules and their numbers are chosen by eye.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from prodgen.engines.ibl.noun_phrases import NounPhrase, noun_phrases, parts, terms
from prodgen.engines.ibl.prompt_findings import Findings, Quality
from prodgen.engines.ibl.vocabulary import Gobo, Mood, Rgb, Scene, Vocabulary, vocabulary
from prodgen.light import read_degrees

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

    is_light_exact: bool = False
    """Whether they are said in degrees; else they are the middle of what a word means."""

    gel: Rgb | None = None
    """Colour asked for the main light, sRGB; only beside its direction."""

    quality: Quality = ""
    is_wet: bool = False
    stand: str = ""
    """Shape of what the product stands on instead of the floor: "round", "block", "steps", or "" for none."""

    gobo: Gobo | None = None
    """What casts its shadow on backdrop and floor."""

    has_arch: bool = False
    """Whether the studio's wall has an arched niche behind the product."""

    arch: Rgb | None = None
    """Colour of the wall around the niche; None: the backdrop's."""

    is_shadowless: bool = False
    """Whether the product throws no shadow."""

    is_afloat: bool = False
    """Whether the product hovers over the floor."""

    is_night: bool = False
    """Whether it is night, wherever the place is."""

    is_round: bool = False
    """Whether the table is a round one; else its far edge is straight."""

    fade: tuple[Rgb, ...] | None = None
    """A gradient asked for the studio's backdrop: its colours from top to bottom, of one () a falling-off."""

    exposure: float = 1.0
    """Factor on the scene's own exposure."""

    warmth: float = 0.0
    """Added to the scene's own warmth."""

    unknown: tuple[str, ...] = ()
    """What the prompt asks for and this picture does not show, in the prompt's own words."""

    upright: tuple[str, ...] = ()
    """What is drawn and yet out of view from straight above, in the prompt's own words."""

    is_default: bool = False
    """Whether no word of the prompt says what to draw, so that the neutral studio is drawn."""

    @property
    def is_uneven(self) -> bool:
        """Whether a shadow falls on more than a flat floor: a stand, steps, the wall with the arch."""
        return bool(self.stand) or self.has_arch


def read(prompt: str, *, negative_prompt: str = "") -> Reading:
    """Understand a prompt.

    Args:
        prompt: In A1111's spelling; weights, brackets and LoRA tags are skipped.
        negative_prompt: Places and floors named here are not used.

    Returns:
        The reading. With no word understood it is the neutral studio and every word is in `unknown`.
    """
    found = Findings(vocabulary())
    degrees, asked = read_degrees(prompt)
    prompt = _NO_SHADOW.sub(" ", _NO_SHADOW_BEHIND.sub(" ", asked))
    for index, words in enumerate(parts(prompt)):
        phrases = noun_phrases(words, found.vocabulary)
        about_product = _about_product(phrases, found.vocabulary) if index == 0 else 0
        for place, phrase in enumerate(phrases):
            found.take(phrase, is_product=place < about_product, is_of_product=place == about_product)
    found.refuse(
        {
            meaning
            for words in parts(negative_prompt)
            for term in terms(words, found.vocabulary)
            for meaning in term.meanings
        }
    )
    reading = _conclude(found)
    is_shadowless = _forbids_shadow(asked, negative_prompt, of_floor=not reading.is_uneven)
    if reading.has_arch:  # the only wall that it falls on, as one with the floor's
        is_shadowless |= _NO_SHADOW_BEHIND.search(asked) is not None
    reading = replace(reading, is_shadowless=is_shadowless)
    return reading if degrees is None else replace(reading, light=degrees, is_light_exact=True)


def _forbids_shadow(prompt: str, negative_prompt: str, *, of_floor: bool) -> bool:
    """Whether no shadow at all is wanted of the product; "no harsh shadows" only says which.

    Args:
        prompt: As it was asked.
        negative_prompt: Its "floor shadow" counts only where `of_floor` is true.
        of_floor: Whether a flat floor is all that a shadow falls on.
    """
    refused = [" ".join(words) for words in parts(negative_prompt)]
    is_refused = any(map(_SHADOW.fullmatch, refused)) or (of_floor and "floor shadow" in refused)
    return _NO_SHADOW.search(prompt) is not None or is_refused


_SHADOW = re.compile(r"(?:(?:the|any|a) )?(?:product |cast |drop[- ])?shadows?", re.IGNORECASE)
_NO_SHADOW = re.compile(
    rf"\b(?:no|without) {_SHADOW.pattern}(?=\s*(?:[,.;:)\]]|$))|\bshadow(?:less|[- ]free)\b", re.IGNORECASE
)
_NO_SHADOW_BEHIND = re.compile(
    rf"\b(?:no|without) {_SHADOW.pattern} (?:on|against) (?:the )?(?:wall|background|backdrop)\b",
    re.IGNORECASE,
)


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
    sets_a_scene = {"scene", "stand", "backdrop", "arch"} | (
        set() if phrases[count].link in support else {"floor"}  # "a towel on marble", "marble with lemons"
    )
    return 0 if head.role == "light" or head.kinds & sets_a_scene else count


def _conclude(found: Findings) -> Reading:
    scene, warmth, exposure, place = _choose_scene(found)
    floor = _choose_floor(found, scene)
    gobo = found.gobo or (found.fall if scene.name == "studio" else "")
    exposure *= DARKER if found.names("darker") else BRIGHTER if found.names("brighter") else 1.0
    unknown = _undrawn(found, {scene.name, place}, floor, gobo)
    warmth += WARMER * found.names("warmer") + COOLER * found.names("cooler")
    return Reading(
        scene=scene,
        floor=floor,
        tint=found.tints.get(floor, found.tints.get("stand")),
        backdrop=_choose_backdrop(found, scene, floor),
        light=found.light,
        gel=None if found.light is None or found.gel is None else found.gel[0],
        quality=found.quality,
        is_wet=found.names("wet") or scene.wet,
        stand=found.vocabulary.stands.get(found.stand, ""),
        gobo=found.vocabulary.gobos.get(gobo),
        has_arch=found.has_arch and scene.name == "studio",
        arch=found.arch,
        is_afloat=found.is_afloat,
        is_night="night" in (*found.places, *found.things, *found.styles),
        is_round=found.is_round,
        fade=_choose_fade(found),
        exposure=exposure,
        warmth=warmth,
        unknown=unknown,
        upright=tuple(x for x in _upright(found, {scene.name, place}, gobo) if x not in unknown),
        is_default=not (
            found.places or found.things or found.styles or found.floors or found.behind or found.stand
        )
        and not (found.light or found.quality or found.aside or found.gobo or found.is_afloat),
    )


def _undrawn(found: Findings, drawn: set[str], floor: str, gobo: str) -> tuple[str, ...]:
    """Return what is asked for and not drawn: things without a picture, and those of another place."""
    told = [
        ask.text
        for ask in found.asks
        if (ask.scene is None or not _is_drawn(found, ask.scene, drawn))
        and (ask.floor is None or ask.floor != floor)
        and not (gobo and ask.gobo == gobo)
    ]
    if found.gel is not None and found.light is None:  # a colour acts on a light from somewhere
        told.append(found.gel[1])
    return tuple(dict.fromkeys(filter(None, told)))


def _is_drawn(found: Findings, place: str, drawn: set[str]) -> bool:
    scenes = found.vocabulary.scenes
    by_hour = (mood for mood in found.vocabulary.moods if mood.scene in drawn)
    is_at_hour = any(mood.fits(place, frozenset({mood.hour})) for mood in by_hour)
    return is_at_hour or any(_shows(scenes[name], scenes[place]) for name in drawn)


def _shows(drawn: Scene, asked: Scene) -> bool:
    """Whether one place's picture shows another: a room's things are in every room."""
    is_alike = asked.name == "interior" or "" in (drawn.drawing, asked.drawing)
    return drawn.panorama == asked.panorama and (is_alike or drawn.drawing == asked.drawing)


def _upright(found: Findings, drawn: set[str], gobo: str) -> tuple[str, ...]:
    """Return what is drawn, but not as a shadow that falls on the ground."""
    told = [
        ask.text
        for ask in found.upright
        if ask.scene is None or (_is_drawn(found, ask.scene, drawn) and not (gobo and ask.gobo == gobo))
    ]
    return tuple(dict.fromkeys(filter(None, told)))


def _choose_scene(found: Findings) -> tuple[Scene, float, float, str]:
    """Return the scene, how its hour changes warmth and exposure, and the place that was asked for.

    A studio beats places, a coloured wall beats hours; then places, things, and what a floor suggests.
    """
    scenes = found.vocabulary.scenes
    hours = [name for name in (*found.places, *found.things) if scenes[name].hour]
    places = [name for name in found.places if not scenes[name].hour]
    places = [name for name in places if name not in found.by_fixture] or places
    is_studio = "studio" in found.behind or (("wall" in found.behind or found.has_arch) and not places)
    if is_studio or (found.stand and not places and set(hours) and set(hours) <= found.by_light):
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
    places.sort(key=lambda name: not scenes[name].prevails)
    if not places:
        name = (hours or ["studio"])[0]
        return scenes[name], 0.0, 1.0, name
    mood = _mood_of(found, places[0], named)
    if mood is None:
        return scenes[places[0]], 0.0, 1.0, places[0]
    return scenes[mood.scene or places[0]], mood.warmth, mood.exposure, places[0]


def _mood_of(found: Findings, place: str, hours: frozenset[str]) -> Mood | None:
    return next((mood for mood in found.vocabulary.moods if mood.fits(place, hours)), None)


def _choose_floor(found: Findings, scene: Scene) -> str:
    aside = [entry.name for entry in found.aside if entry.kind == "floor"]
    in_order = sorted(found.floors, key=lambda name: name not in found.carrying)
    floors = in_order or (aside if not found.behind and scene.name != "studio" else [])
    named = [floor for floor in floors if floor != "sweep" or scene.name == "studio"]
    is_in_water = found.is_in_water and not found.is_on_ground
    if is_in_water and set(named) <= {scene.floor, "water"}:  # "beach, in shallow water"
        return "water"
    # In "marble, white background" the sweep is the background, the marble the floor.
    solid = [floor for floor in named if floor != "sweep"]
    if named:
        return (solid or named)[0] if named[0] == "sweep" else named[0]
    return "asphalt" if found.names("wet") and scene.name in ("city", "citynight") else scene.floor


def _choose_backdrop(found: Findings, scene: Scene, floor: str) -> Rgb | None:
    if scene.name != "studio":
        return None
    asked = found.backdrop or (found.lone_colour if "colour" in found.behind else None)
    if asked is None and (found.names("darker") or floor == "acrylic"):
        return found.vocabulary.colours["charcoal"]
    return asked


def _choose_fade(found: Findings) -> tuple[Rgb, ...] | None:
    if "gradient" not in found.words:
        return None
    shades = tuple(dict.fromkeys(found.shades))
    return shades[:2] if len(shades) > 1 else ()
