"""Fills wildcards and alternatives in prompts: `__name__` by a line of DIR/name.txt, `{a|b|c}` by a part.

The seed alone decides the choice, and the choice is recorded, so that each picture can be made again. Only
text files below one folder are read. A line may hold wildcards and alternatives again, within bounds.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from pathlib import Path

from prodgen.errors import SettingError, UnknownNameError, WrongValueError
from prodgen.files import reason_of

MAX_DEPTH = 12
"""Deepest nesting of lines that name other wildcards. Guard against circles."""

MAX_CHOICES = 500
"""Most choices in one prompt. Guard against wildcards that name themselves twice and so grow for ever."""

MAX_PROMPT = 8000
"""Longest filled prompt, in characters; the same as the longest prompt of a job."""

MAX_FILE_BYTES = 16 << 20
"""Largest wildcard file. Guard: real ones have some kilobytes."""

_NAME = re.compile(r"__([\w./\\][\w ./\\-]*?)__")
_INNERMOST = re.compile(r"\{([^{}]*\|[^{}]*)\}")
_UNCLOSED = re.compile(r"\{[^{}]*\||\|[^{}]*\}")
"""Alternatives with a missing brace, which remain when all whole ones are filled."""

_WEIGHT = re.compile(r"\s*(\d+(?:\.\d+)?)::")


@dataclass(frozen=True)
class Filled:
    """A filled prompt, and the choices that were made."""

    text: str
    choices: tuple[tuple[str, str], ...] = ()
    """(wildcard or alternatives, choice), in the order in which they were filled."""


@dataclass
class Wildcards:
    """The wildcard files of one folder.

    Args:
        folder: Folder of the files NAME.txt; None: only `{a|b}` can be used.
    """

    folder: Path | None = None
    _lines: dict[str, list[str]] = field(default_factory=dict, repr=False)

    def names(self) -> list[str]:
        """Return all names in the folder, sub-folders with a slash; sorted.

        Raises:
            SettingError: If there is no such folder, or it cannot be read.
        """
        if self.folder is None:
            return []
        try:
            if not self.folder.is_dir():
                raise WrongValueError("wildcards", str(self.folder), "must be a folder")
            files = sorted(self.folder.rglob("*.txt"))
        except OSError as error:
            reason = f"cannot be read: {reason_of(error)}"
            raise WrongValueError("wildcards", str(self.folder), reason) from error
        return [file.relative_to(self.folder).with_suffix("").as_posix() for file in files]

    def fill(self, prompt: str, *, seed: int) -> Filled:
        """Return a prompt with its wildcards and alternatives filled.

        Args:
            prompt: As written. `{a|b}` takes a part, `{3::a|b}` takes `a` three times as often,
                `__name__` takes a line of name.txt; `{a}` without a bar stays.
            seed: Decides the choices, alike on every machine and in every Python.

        Raises:
            UnknownNameError: If there is no such file.
            SettingError: If a file is empty, unreadable or outside the folder, the filling does not end, or a
                brace of `{a|b}` is missing.
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
        try:
            if not path.resolve().is_relative_to(self.folder.resolve()):
                raise SettingError(f"wildcard {name!r} leads out of {str(self.folder)!r}")
            if name not in known:
                raise UnknownNameError(
                    "wildcard", name, known, f"(a file {name}.txt in {str(self.folder)!r})"
                )
            if path.stat().st_size > MAX_FILE_BYTES:
                raise SettingError(f"wildcard {str(path)!r} is larger than {MAX_FILE_BYTES >> 20} MiB")
            text = path.read_text("utf-8-sig")
        except OSError as error:
            raise SettingError(f"wildcard {str(path)!r} cannot be read: {reason_of(error)}") from error
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
        match = _WEIGHT.match(part)
        weighted.append((float(match[1]), part[match.end() :]) if match else (1.0, part))
    point = chance.random() * sum(weight for weight, _ in weighted)
    for weight, part in weighted:
        point -= weight
        if point < 0:
            return part.strip()
    return weighted[-1][1].strip()
