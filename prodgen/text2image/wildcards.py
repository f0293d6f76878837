"""Prompts with holes: `__name__` takes a line of DIR/name.txt, `{a|b|c}` takes one of its parts.

Which one is taken follows from the seed alone, and is told, so that each picture can be made again.
Reads text files below one folder and nothing else; what a line holds is filled in as well, within bounds.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from pathlib import Path

from prodgen.errors import SettingError, UnknownNameError

MAX_DEPTH = 12
"""Lines that lead to lines; deeper ones go in a circle."""

MAX_CHOICES = 500
"""In one prompt; wildcards that name themselves twice would grow for ever."""

MAX_PROMPT = 8000
"""Characters."""

MAX_FILE_BYTES = 16 << 20

_NAME = re.compile(r"__([\w./\\][\w ./\\-]*?)__")
_INNERMOST = re.compile(r"\{([^{}]*\|[^{}]*)\}")
_UNCLOSED = re.compile(r"\{[^{}]*\||\|[^{}]*\}")
"""What is left of alternatives once all whole ones are filled."""

_WEIGHT = re.compile(r"\s*(\d+(?:\.\d+)?)::")


@dataclass(frozen=True)
class Filled:
    """A prompt without holes, and what was put into them."""

    text: str
    choices: tuple[tuple[str, str], ...] = ()
    """(hole, what was taken), in the order in which they were filled."""


@dataclass
class Wildcards:
    """The files of one folder.

    Args:
        folder: Where NAME.txt are; None: only `{a|b}` can be used.
    """

    folder: Path | None = None
    _lines: dict[str, list[str]] = field(default_factory=dict, repr=False)

    def names(self) -> list[str]:
        """Return all names in the folder, sub-folders with a slash; sorted.

        Raises:
            SettingError: If there is no such folder.
        """
        if self.folder is None:
            return []
        if not self.folder.is_dir():
            raise SettingError(f"wildcards: {str(self.folder)!r} is no folder")
        files = sorted(self.folder.rglob("*.txt"))
        return [file.relative_to(self.folder).with_suffix("").as_posix() for file in files]

    def fill(self, prompt: str, *, seed: int) -> Filled:
        """Return a prompt with all its holes filled.

        Args:
            prompt: As written. `{a|b}` takes a part, `{3::a|b}` takes `a` three times as often,
                `__name__` takes a line of name.txt; `{a}` without a bar stays.
            seed: The same one fills the same way, on every machine and Python.

        Raises:
            UnknownNameError: If there is no such file.
            SettingError: If a file is empty or unreadable, outside the folder, the holes never end,
                or a brace of `{a|b}` is missing.
        """
        # Random.random() of a text seed is the one part of `random` that is promised to stay.
        chance = random.Random(f"prodgen wildcards {seed}")  # noqa: S311 - no secret
        choices: list[tuple[str, str]] = []
        text = self._fill(prompt, chance, choices, depth=0)
        if _UNCLOSED.search(text):
            raise SettingError(
                "the prompt has alternatives with a '{' or '}' but not the other: write them as {a|b}"
            )
        return Filled(text, tuple(choices))

    def _fill(self, text: str, chance: random.Random, choices: list[tuple[str, str]], *, depth: int) -> str:
        if depth > MAX_DEPTH:
            raise SettingError(
                f"wildcards: more than {MAX_DEPTH} lead to one another; do they go in a circle?"
            )

        def alternative(match: re.Match[str]) -> str:
            taken = _pick_weighted(match[1].split("|"), chance)
            return self._take(match[0], taken, chance, choices, depth=depth)

        def line(match: re.Match[str]) -> str:
            lines = self._read(match[1])
            taken = lines[int(chance.random() * len(lines))]
            return self._take(match[0], taken, chance, choices, depth=depth)

        while _INNERMOST.search(text):  # from the inside out, so that alternatives may hold alternatives
            text = self._checked(_INNERMOST.sub(alternative, text))
        return self._checked(_NAME.sub(line, text))

    def _take(
        self, hole: str, taken: str, chance: random.Random, choices: list[tuple[str, str]], *, depth: int
    ) -> str:
        if len(choices) >= MAX_CHOICES:
            raise SettingError(
                f"wildcards: more than {MAX_CHOICES} choices in one prompt; do they go in a circle?"
            )
        choices.append((hole, taken))
        return self._fill(taken, chance, choices, depth=depth + 1)

    @staticmethod
    def _checked(text: str) -> str:
        if len(text) > MAX_PROMPT:
            raise SettingError(f"wildcards: the prompt has grown beyond {MAX_PROMPT} characters")
        return text

    def _read(self, name: str) -> list[str]:
        if name in self._lines:
            return self._lines[name]
        if self.folder is None:
            raise SettingError(f"the prompt holds __{name}__; say where {name}.txt is: --wildcards DIR")
        known = self.names()
        path = self.folder / f"{name}.txt"
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise SettingError(f"wildcard {name!r} leads out of {str(self.folder)!r}")
        if name not in known:
            raise UnknownNameError("wildcard", name, known, f"(a file {name}.txt in {str(self.folder)!r})")
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise SettingError(f"wildcard {str(path)!r} is larger than {MAX_FILE_BYTES >> 20} MiB")
            text = path.read_text("utf-8-sig")
        except OSError as error:
            raise SettingError(f"wildcard {str(path)!r} cannot be read: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise SettingError(f"wildcard {str(path)!r} is no UTF-8 text") from error
        lines = [line.strip() for line in text.splitlines()]
        self._lines[name] = [line for line in lines if line and not line.startswith("#")]
        if not self._lines[name]:
            raise SettingError(f"wildcard {str(path)!r} has no line to take; write one choice a line")
        return self._lines[name]


def _pick_weighted(parts: list[str], chance: random.Random) -> str:
    """Return one of the parts, by the weights that some begin with; without one a part weighs 1."""
    weighted = []
    for part in parts:
        told = _WEIGHT.match(part)
        weighted.append((float(told[1]), part[told.end() :]) if told else (1.0, part))
    point = chance.random() * sum(weight for weight, _ in weighted)
    for weight, part in weighted:
        point -= weight
        if point < 0:
            return part.strip()
    return weighted[-1][1].strip()
