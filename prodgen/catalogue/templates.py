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
from prodgen.text2image.wildcards import Wildcards

_STAND_IN = 0xF0000
"""First of the private characters that stand for a cell while alternatives and wildcards are chosen."""

_STAND_INS = re.compile("[\U000f0000-\U000fffff]")
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

    def fill(self, cells: Mapping[str, str], *, wildcards: Wildcards, seed: int) -> str:
        """Return the prompt.

        Args:
            cells: Text by the column's key; each of `names` must be in it.
            wildcards: The lines that stand for `__name__`.
            seed: Decides the alternatives and wildcards.

        Raises:
            SettingError: If a wildcard cannot be filled.
        """
        text = wildcards.fill(self.masked, seed=seed).text if self.has_choices else self.masked
        return self.with_words([as_words(cells[name]) for name in self.names], text)

    def with_words(self, words: Sequence[str], text: str | None = None) -> str:
        """Return the text with `words` in place of `names`, one for each."""

        def word_of(found: re.Match[str]) -> str:
            place = ord(found[0]) - _STAND_IN
            return words[place] if place < len(words) else _LITERALS.get(found[0], "")

        return _STAND_INS.sub(word_of, self.masked if text is None else text)


def as_words(cell: str) -> str:
    """Return a cell's text as words of a prompt: in one line, and without what would be a tag."""
    return " ".join(cell.translate(_WORDS).split())


@lru_cache(maxsize=1024)
def read_template(text: str) -> Template:
    """Return the template that a text means.

    Raises:
        SettingError: If a brace has no other one, or what is in braces is no column's name.
    """
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
    return Template(text, tuple(names), masked, has_choices=_CHOICE.search(masked) is not None)


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
