"""How words on the command line become values, and how a wrong one is refused.

Nothing of the library is imported until a value must be read or completed.
"""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable, Iterable
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from prodgen.cli.refusal import name_of, of_value, shown, unknown

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    _Type = click.ParamType[Any]
else:
    _Type = click.ParamType  # generic in new versions of click only

MAX_CHARACTERS = 1000
"""Longest value with a grammar that is read; the longest that means something has some forty."""


def load(where: str) -> Any:
    """Return what stands at "package.module:name", imported only now."""
    module, _, name = where.partition(":")
    return attrgetter(name)(import_module(module))


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
    described = "number"
    read: ClassVar[Callable[[str], float]] = float

    def __init__(self, least: float = -math.inf, most: float = math.inf) -> None:
        self.least, self.most = least, most

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        try:
            number = type(self).read(str(value))
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and self.least <= number <= self.most):
            # Whole numbers are shown with all their digits.
            ends = (str(x) if isinstance(x, int) else f"{x:.12g}" for x in (self.least, self.most))
            span = f" from {' to '.join(ends)}" if math.isfinite(self.most) else ""
            self.fail(f"{shown(value)} is no {self.described}{span}", param, ctx)
        return number


class Whole(Number):
    """A whole number."""

    name = "integer"
    described = "whole number"
    read = int


class OneOf(_Type):
    """One of a few words, which shells complete; `or_file` lets a path pass as well, `joined` several words.

    The words, or "package.module:name" of what holds or returns them.
    """

    name = "name"

    def __init__(self, kind: str, names: str | Iterable[str], *, or_file: str = "", joined: str = "") -> None:
        self.kind, self.or_file, self.joined = kind, or_file, joined
        self._names = names

    def names(self) -> list[str]:
        """Return the possible words."""
        found = load(self._names) if isinstance(self._names, str) else self._names
        return list(found() if callable(found) else found)

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word, or the words as they are joined, if each is one of those."""
        known = self.names()
        is_path = bool(self.or_file) and value.endswith(self.or_file)
        strange = [
            word for word in (value.split(self.joined) if self.joined else [value]) if word not in known
        ]
        if strange and not is_path:
            hint = f"(or a {self.or_file} file)" if self.or_file else ""
            said = unknown(self.kind, strange[0], known, hint)
            if isinstance(param, click.Argument):
                raise click.UsageError(said, ctx)  # the kind says enough: nobody types an argument's name
            self.fail(said, param, ctx)
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the words that begin so, and let the shell complete files where one may be given."""
        from click.shell_completion import CompletionItem

        before, joint, last = incomplete.rpartition(self.joined) if self.joined else ("", "", incomplete)
        names = [name for name in self.names() if name.startswith(last)]
        found = [CompletionItem(f"{before}{joint}{name}") for name in names]
        return [*found, CompletionItem(incomplete, type="file")] if self.or_file else found


class Checked(_Type):
    """A text with a grammar of its own, checked by the library's reader of it.

    The reader is named as "package.module:name", and gets `rest` after the text.
    """

    def __init__(self, name: str, reader: str, *rest: object) -> None:
        self.name = name
        self.reader = reader
        self.rest = rest

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text, if it can be read."""
        from prodgen.errors import ProdgenError

        if len(value) > MAX_CHARACTERS:
            self.fail(f"{shown(value)} is too long to be one", param, ctx)
        try:
            load(self.reader)(value, *self.rest)
        except ProdgenError as error:
            raise click.UsageError(
                of_value(error, name_of(param) if param else self.name, value), ctx
            ) from error
        return value


class File(_Type):
    """A path. What is wrong with a file is said by the one place that reads it."""

    name = "file"

    def convert(
        self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path | str:
        """Return the path."""
        text = str(value)
        if not text or "\0" in text:
            self.fail(f"{shown(text)} is no path of a file", param, ctx)
        try:
            os.lstat(text)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                self.fail(f"{shown(text)} is too long to be a file's name", param, ctx)
        return Path(text)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Let the shell complete files."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="file")]


class Location(File):
    """A path, or the URL of a place for files, such as s3://bucket/prefix, which stays text."""

    name = "location"

    def convert(
        self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path | str:
        """Return the path or the URL."""
        if isinstance(value, str) and "://" in value:
            return value
        return super().convert(value, param, ctx)


class RunFolder(Location):
    """The folder of a catalogue run, or its URL."""

    def convert(
        self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path | str:
        """Return the path or the URL, if it does not look like the name of pictures."""
        from prodgen.batching.reading_options import check_out
        from prodgen.errors import WrongValueError

        try:
            check_out(value)
        except WrongValueError as error:
            self.fail(f"{shown(error.value)} {error.reason}", param, ctx)
        return super().convert(value, param, ctx)
