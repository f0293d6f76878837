"""A prompt taken apart into noun phrases, as English builds them: a link ("on"), modifiers, a head.

The head is the last noun: a "kitchen towel" is a towel, a "palm leaf shadow" a shadow.
Owns the grammar alone; what each phrase asks the renderer for is `prompt_reading`'s.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from prodgen.engines.ibl.vocabulary import Entry, Vocabulary, is_symbol, stem, tokens

TYPO_CUTOFF = 0.84
"""Similarity (difflib ratio) from which a word of `SHORTEST_TYPO` letters or more is taken for a known one.
Chosen so that one wrong or missing letter in six is forgiven: "woden", "sunsett", "kichen"."""

SHORTEST_TYPO = 5
"""Letters. Shorter words are too like one another: "sand", "band", "hand"."""

LONGEST_PHRASE = 5
"""Words of the longest phrase in words.toml, such as "from the upper left"."""

_ENDS_OF_PARTS = re.compile(
    r"[,;.|\n!?\u060c\u061b\u3001\u3002\uff0c\uff1b\uff01\uff1f\u2026\u2013\u2014]|\s-\s|:\s"
)
"""What separates parts: Latin, Arabic and Chinese punctuation, and dashes."""

Role = Literal["light", "pattern", "product", "shade", "filler", ""]
"""What a word without a meaning is: light or shadow, a pattern, a product, "dark", of no content, unknown."""


@dataclass(frozen=True)
class Term:
    """A known phrase of the vocabulary, or one other word."""

    words: tuple[str, ...]
    stems: tuple[str, ...]
    meanings: tuple[Entry, ...]
    role: Role

    @property
    def text(self) -> str:
        """The words as they are written."""
        return " ".join(self.words)

    @property
    def kinds(self) -> frozenset[str]:
        """Kinds of its meanings."""
        return frozenset(meaning.kind for meaning in self.meanings)

    def names(self, *kinds: str) -> tuple[str, ...]:
        """Return the names of its meanings of these kinds."""
        return tuple(meaning.name for meaning in self.meanings if meaning.kind in kinds)

    @property
    def is_adjective(self) -> bool:
        """Whether it cannot be what a phrase is about while another word can."""
        return (
            bool(self.meanings)
            and self.role != "light"
            and self.kinds <= {"colour", "style", "light", "quality", "view"}
        )


@dataclass(frozen=True)
class NounPhrase:
    """One thing that a prompt names, with all that is said of it."""

    link: str
    """The word before it that ties it to the phrase before: "on", "with", "no"; "" at the start of a part."""

    terms: tuple[Term, ...]
    """Its words from left to right, fillers such as "the" among them."""

    @property
    def head(self) -> int:
        """Place of the head in `terms`; -1 if there is no word that says anything."""
        telling = [place for place, term in enumerate(self.terms) if term.role not in ("filler", "shade")]
        while len(telling) > 1 and _is_participle(self.terms[telling[-1]]):
            telling.pop()
        nouns = [place for place in telling if not self.terms[place].is_adjective]
        things = [place for place in telling if self.terms[place].kinds & {"colour", "style"}]
        return (nouns or things or telling or [-1])[-1]

    def text(self, *, but: frozenset[int] = frozenset()) -> str:
        """Return the words up to the head, without what only praises at the beginning, and without `but`."""
        told = [x for x in range(self.head + 1) if x not in but]
        while told and self.terms[told[0]].role == "filler":
            told.pop(0)
        return " ".join(self.terms[place].text for place in told)


def _is_participle(term: Term) -> bool:
    """Whether it is such a word as "floating" in "particles floating"."""
    return term.kinds <= {"afloat"} and not term.role and term.text.endswith(("ing", "ed"))


def parts(prompt: str) -> list[list[str]]:
    """Return the words of each part between commas; an emoji is a part. LoRA tags and weights are dropped."""
    plain = re.sub(r"<[^>]*>|:\s*-?\d+(\.\d+)?", " ", prompt)
    plain = re.sub(r"[()\[\]{}\\]|\bBREAK\b|\bAND\b", " ", plain)
    runs = (
        groupby(tokens(part), lambda word: word if is_symbol(word) else "")
        for part in _ENDS_OF_PARTS.split(plain)
    )
    return [list(words) for part in runs for _, words in part]


def noun_phrases(words: Sequence[str], known: Vocabulary) -> list[NounPhrase]:
    """Return the phrases of one part of a prompt, in their order."""
    found: list[tuple[str, list[Term]]] = [("", [])]
    waits_for_owner: list[Term] = []

    def close() -> None:
        found[-1][1].extend(waits_for_owner)
        waits_for_owner.clear()

    for term in terms(words, known):
        word = term.text
        if term.meanings or word not in known.groups["link"] | known.groups["negator"]:
            found[-1][1].append(term)
        elif word == "of":
            close()
            link, before = found.pop()
            is_measure = any(x.words[-1] in known.groups["measure"] for x in before[-1:])
            # "A shadow of leaves" is a leaf shadow; "a slab of marble" is marble.
            waits_for_owner.extend([] if is_measure else before)
            found.append((link, []))
        else:
            close()
            link, before = found[-1]
            if word in ("and", "or"):
                word = link  # what is joined hangs on the same word
            elif not before and link and word not in known.groups["negator"]:
                word = link  # "next to", "in front of"
            if not before:
                found.pop()
            found.append((word, []))
    close()
    return [NounPhrase(link, tuple(held)) for link, held in found if held]


def terms(words: Sequence[str], known: Vocabulary) -> list[Term]:
    """Return the words of one part as terms, the longest known phrase first from the left."""
    found, at = [], 0
    while at < len(words):
        term = _term_at(words, at, known)
        found.append(term)
        at += len(term.words)
    return found


def hex_digits(word: str) -> str:
    """Return the six digits of a colour as CSS writes it, "#2f6f8f" or "#fff"; "" for any other word."""
    if not re.fullmatch(r"#([0-9a-f]{3}|[0-9a-f]{6})", word):
        return ""
    return word[1:] if len(word) == 7 else "".join(digit * 2 for digit in word[1:])


def _term_at(words: Sequence[str], at: int, known: Vocabulary) -> Term:
    for length in range(min(LONGEST_PHRASE, len(words) - at), 0, -1):
        part = tuple(words[at : at + length])
        stems = tuple(stem(word) for word in part)
        if stems in known.entries:
            meanings = known.entries[stems]
            is_light = part[-1] in known.groups["light"] and {x.kind for x in meanings} <= {
                "light",
                "quality",
            }
            return Term(part, stems, meanings, "light" if is_light else "")
    word = words[at]
    if hex_digits(word):
        return Term((word,), (word,), (Entry("colour", ""),), "")
    role = _role(word, known)
    guess = "" if role else _forgive(stem(word), known)
    meanings = known.entries[(guess,)] if guess else ()
    return Term((word,), (guess or stem(word),), meanings, role)


def _role(word: str, known: Vocabulary) -> Role:
    root = stem(word)
    if {word, root} & known.groups["light"]:
        return "light"
    if {word, root} & known.groups["pattern"]:
        return "pattern"
    if word in known.groups["deeper"] | known.groups["paler"]:
        return "shade"
    if root in known.products:
        return "product"
    is_filler = root in known.ignored or word in known.fillers or word.isdigit()
    return "filler" if is_filler or (len(word) == 1 and word.isascii()) else ""


def _forgive(word: str, known: Vocabulary) -> str:
    if len(word) < SHORTEST_TYPO or word in known.lookalikes:
        return ""
    return next(iter(difflib.get_close_matches(word, known.singles, n=1, cutoff=TYPO_CUTOFF)), "")
