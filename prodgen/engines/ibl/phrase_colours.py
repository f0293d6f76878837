"""Which colour a noun phrase gives its head, and which of its words that takes.

A word is a colour by its place: "terracotta" is one before "wall", and by itself a floor.
"""

from __future__ import annotations

from prodgen.engines.ibl.noun_phrases import NounPhrase, Term, hex_digits
from prodgen.engines.ibl.vocabulary import Rgb, Vocabulary

DEEPER = 0.5
"""Factor on the sRGB values of a colour that is called dark or deep. Chosen by eye."""

PALER = 0.5
"""Share of white in a colour that is called light or pale. Chosen by eye."""


def _is_colour(phrase: NounPhrase, at: int, known: Vocabulary) -> bool:
    """Whether the word there is a colour: "terracotta" is one before "wall", and a floor by itself."""
    term, head = phrase.terms[at], phrase.terms[phrase.head]
    if "colour" not in term.kinds or at == phrase.head:
        return False
    before_pattern = at + 1 < len(phrase.terms) and phrase.terms[at + 1].role == "pattern"
    return term.kinds == {"colour"} or before_pattern or "backdrop" in head.kinds


def colour_of(phrase: NounPhrase, known: Vocabulary) -> tuple[Rgb | None, frozenset[int]]:
    """Return the colour that modifies a phrase's head, and which words it took.

    A noun right before a colour names the shade: "forest green", "ocean blue", "lemon yellow". What stands
    before "pattern" or "print" is no material, and no place.
    """
    colour, spent, held = None, set[int](), phrase.terms
    is_sheet = phrase.head >= 0 and "backdrop" in held[phrase.head].kinds
    for at in range(len(held)):
        if _is_colour(phrase, at, known):
            if at - 1 not in spent:
                colour = shaded(phrase, at, known)
                if at and _names_a_shade(held[at - 1], known, is_sheet=is_sheet) and at < phrase.head:
                    spent.add(at - 1)
            spent.add(at)
        elif held[at].role == "pattern" and at < phrase.head:
            spent |= set(range(at + 1)) if at - 1 not in spent else {at}
    return colour, frozenset(spent)


def _names_a_shade(term: Term, known: Vocabulary, *, is_sheet: bool) -> bool:
    if {*term.words} & (known.groups["deeper"] | known.groups["paler"]):
        return True
    if "floor" in term.kinds:
        return is_sheet or any(name in known.implied for name in term.names("floor"))  # "snow white"
    return (not term.meanings and not term.role) or bool(term.kinds & {"scene", "thing"})


def shaded(phrase: NounPhrase, at: int, known: Vocabulary) -> Rgb:
    """Return the colour of the word there, darker or paler as the word before it says."""
    red, green, blue = _value(phrase.terms[at], known)
    before = set(phrase.terms[at - 1].words) if at else set()
    if before & known.groups["deeper"]:
        return red * DEEPER, green * DEEPER, blue * DEEPER
    if before & known.groups["paler"]:
        return (red + PALER * (1 - red), green + PALER * (1 - green), blue + PALER * (1 - blue))
    return red, green, blue


def _value(term: Term, known: Vocabulary) -> Rgb:
    digits = hex_digits(term.text)
    if not digits:
        return known.colours[" ".join(term.stems)]
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue
