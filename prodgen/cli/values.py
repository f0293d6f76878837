"""How words on the command line become values, and how a wrong one is refused.

Nothing of the library is imported until a value must be read or completed.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prodgen.cli.refusal import shown, unknown

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    _Type = click.ParamType[Any]
else:
    _Type = click.ParamType  # generic in new versions of click only

MAX_CHARACTERS = 1000
"""Longest value with a grammar that is read; the longest that means something has some forty."""

MAX_NAME_BYTES, MAX_PATH_BYTES = 255, 4095
"""What Linux takes as one name and as one path; other systems take less, and say so themselves."""

Names = Callable[[], Iterable[str]]
"""Gives the possible words, when they are needed."""


class Text(_Type):
    """Any text that can be written down as UTF-8."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text as it is."""
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            self.fail(f"{shown(value)} is no valid text: it holds bytes that are not UTF-8", param, ctx)
        return value


class Number(_Type):
    """A finite number; what range it must lie in is said by what it is a setting of, or here."""

    name = "number"

    def __init__(self, least: float = -math.inf, most: float = math.inf) -> None:
        self.least, self.most = least, most

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        try:
            number = float(str(value))
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and self.least <= number <= self.most):
            self.fail(f"{shown(value)} is no number{_span(self.least, self.most)}", param, ctx)
        return number


class Whole(_Type):
    """A whole number."""

    name = "integer"

    def __init__(self, least: float = -math.inf, most: float = math.inf) -> None:
        self.least, self.most = least, most

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        try:
            number = int(str(value))
        except ValueError:
            number = None
        if number is None or not self.least <= number <= self.most:
            self.fail(f"{shown(value)} is no whole number{_span(self.least, self.most)}", param, ctx)
        return number


def _span(least: float, most: float) -> str:
    if math.isfinite(least) and math.isfinite(most):
        return f" from {least:.12g} to {most:.12g}"
    return ""


class OneOf(_Type):
    """One of a few words, which shells complete; `or_file` lets a path pass as well."""

    name = "name"

    def __init__(self, kind: str, names: Names, *, or_file: str = "") -> None:
        self.kind, self.names, self.or_file = kind, names, or_file

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word, if it is one of those."""
        known = list(self.names())
        is_path = bool(self.or_file) and value.endswith(self.or_file)
        if value not in known and not is_path:
            hint = f"(or a {self.or_file} file)" if self.or_file else ""
            self.fail(unknown(self.kind, value, known, hint), param, ctx)
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the words that begin so, and let the shell complete files where one may be given."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(name) for name in self.names() if name.startswith(incomplete)]
        return [*found, CompletionItem(incomplete, type="file")] if self.or_file else found


class Checked(_Type):
    """A text with a grammar of its own, checked by the library's reader of it."""

    def __init__(self, name: str, read: Callable[[str], object]) -> None:
        self.name = name
        self.read = read

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text, if it can be read."""
        from prodgen.errors import ProdgenError

        if len(value) > MAX_CHARACTERS:
            self.fail(f"{shown(value)} is too long to be one", param, ctx)
        try:
            self.read(value)
        except ProdgenError as error:
            self.fail(str(error), param, ctx)
        return value


class File(_Type):
    """A path. What is wrong with a file is said by the one place that reads it."""

    name = "file"

    def convert(self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path."""
        text = str(value)
        if not text or "\0" in text:
            self.fail(f"{shown(text)} is no path of a file", param, ctx)
        longest = max(len(os.fsencode(part)) for part in Path(text).parts or (".",))
        if longest > MAX_NAME_BYTES or len(os.fsencode(text)) > MAX_PATH_BYTES:
            self.fail(f"{shown(text)} is too long to be a file's name", param, ctx)
        return Path(text)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Let the shell complete files."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="file")]
