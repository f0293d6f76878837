"""Templates over a sheet's columns: `{name} on a {surface}`, `{oak|marble}`, `__wildcard__`, `{{` for `{`.

Only a column's name can stand in braces: nothing is looked up in objects, called or formatted. What a cell
holds is put in last, as words: braces, bars and wildcards in it mean nothing, and `<` and `>` become `‹` and
`›`, so that no cell can load a LoRA.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from prodgen.catalogue.columns import known_key
from prodgen.errors import SettingError, shortened
from prodgen.text2image.wildcards import MAX_PROMPT, Wildcards

_STAND_IN = 0xF0000
"""First of the private characters that stand for a cell while alternatives and wildcards are chosen."""

_STAND_INS = re.compile("([\U000f0000-\U000fffff])")
_COLUMN_NAME = re.compile(r"[^\W\d][\w -]*")
_CHOICE = re.compile(r"\{[^{}]*\||__[\w./\\]")
_BRACES = {"{": "\U000ffffc", "}": "\U000ffffd"}
_LITERALS = {private: brace for brace, private in _BRACES.items()}
_WORDS = str.maketrans({"<": "‹", ">": "›", **dict.fromkeys(map(chr, (*range(32), 127)), " ")})
"""What changes in a cell's text on its way into a prompt."""

MAX_NAMES = 200
"""Most columns in one template. Chosen: far above what 8,000 characters of prompt can use."""


@dataclass(frozen=True)
class Template:
    """A template that was read."""

    text: str
    """The template as it is written."""
    names: tuple[str, ...]
    """Keys of the columns that it uses, each once."""
    masked: str
    """The text, with one private character for each column and literal brace."""
    has_choices: bool
    """Whether alternatives or wildcards are in it, which a seed decides."""
    pieces: tuple[str | int, ...]
    """What `masked` is made of: literal text, and places in `names`."""

    def fill(self, cells: Mapping[str, str], *, wildcards: Wildcards, seed: int) -> str:
        """Return the prompt, in one line.

        Args:
            cells: Text by the column's key; each of `names` must be in it.
            wildcards: The lines that stand for `__name__`.
            seed: Decides the alternatives and wildcards.

        Raises:
            SettingError: If a wildcard cannot be filled.
        """
        words = [as_words(cells[name]) for name in self.names]
        pieces = self.pieces
        if self.has_choices:
            pieces = _cut(wildcards.fill(self.masked, seed=seed).text, len(words))
        return " ".join(_joined(pieces, words).split())

    def with_words(self, words: Sequence[str]) -> str:
        """Return the text with `words` in place of `names`, one for each; without choices."""
        return _joined(self.pieces, words)


def _cut(masked: str, names: int) -> tuple[str | int, ...]:
    """Cut a masked text into literal text, and the places of the columns that stand in it."""
    pieces: list[str | int] = []
    for part in _STAND_INS.split(masked):
        place = ord(part) - _STAND_IN if _STAND_INS.fullmatch(part) else -1
        pieces.append(place if 0 <= place < names else _LITERALS.get(part, part))
    return tuple(pieces)


def _joined(pieces: tuple[str | int, ...], words: Sequence[str]) -> str:
    return "".join([words[piece] if isinstance(piece, int) else piece for piece in pieces])


def as_words(cell: str) -> str:
    """Return a cell's text as words of a prompt: in one line, and without what would be a tag."""
    return " ".join(cell.translate(_WORDS).split())


def read_template(text: str) -> Template:
    """Return the template that a text means.

    Raises:
        SettingError: If it is too long, a brace has no other one, or what is in braces is no column's name.
    """
    if len(text) > MAX_PROMPT:
        raise SettingError(f"the template has {len(text):,} characters; {MAX_PROMPT:,} are possible")
    if "{" in text or "}" in text or _STAND_INS.search(text):
        return _read(text)
    return Template(text, (), text, _CHOICE.search(text) is not None, (text,))


@lru_cache(maxsize=1024)
def _read(text: str) -> Template:
    if _STAND_INS.search(text):
        raise SettingError("a template cannot hold private characters of Unicode; remove them")
    names: dict[str, str] = {}
    pieces: list[list[str]] = [[]]
    has_bar: list[bool] = [False]
    place = 0
    while place < len(text):
        letter = text[place]
        if len(pieces) == 1 and text[place : place + 2] in ("{{", "}}"):
            pieces[-1].append(_BRACES[letter])
            place += 1
        elif letter == "{":
            pieces.append([])
            has_bar.append(False)
        elif letter == "}":
            if len(pieces) == 1:
                raise SettingError("the template has a '}' without a '{'; write }} for a brace itself")
            inside = "".join(pieces.pop())
            group = "{" + inside + "}" if has_bar.pop() else _stand_in(inside, names)
            pieces[-1].append(group)
        else:
            has_bar[-1] = has_bar[-1] or letter == "|"
            pieces[-1].append(letter)
        place += 1
    if len(pieces) > 1:
        raise SettingError("the template has a '{' without a '}'; write {{ for a brace itself")
    masked = "".join(pieces[0])
    return Template(text, tuple(names), masked, _CHOICE.search(masked) is not None, _cut(masked, len(names)))


def _stand_in(inside: str, names: dict[str, str]) -> str:
    """Return the private character of the column that stands in braces."""
    if _COLUMN_NAME.fullmatch(inside.strip()) is None:
        shown = shortened(_STAND_INS.sub("...", inside))
        raise SettingError(
            f"{shown} stands in braces, where only a column's name can; {{{{ is a brace itself"
        )
    if len(names) >= MAX_NAMES:
        raise SettingError(f"the template names more than {MAX_NAMES} columns")
    return names.setdefault(known_key(inside), chr(_STAND_IN + len(names)))
