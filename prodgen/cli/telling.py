"""Everything that commands print, in one place: lines for a person, JSON for a script, files to open."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from prodgen.shots import Result
    from prodgen.text2image import GeneratedPicture
    from prodgen.text2image.workflow_pictures import WorkflowPicture

_KEY = "prodgen.printer"


class Failure(click.ClickException):
    """One sentence on stderr, or a line for each of many faults; exit code 1: it could not be done."""

    def __init__(self, error: Exception | str, *, lines: Iterable[object] = ()) -> None:
        super().__init__("\n".join(" ".join(str(line).split()) for line in (error, *lines)))

    def show(self, file: object = None) -> None:
        """Print it."""
        click.echo(f"prodgen: {harmless(self.format_message())}", err=True)


class Misuse(Failure):
    """One sentence on stderr; exit code 2: the call itself is wrong."""

    exit_code = 2


@dataclass
class Printer:
    """What one call prints, and how: decided by --verbose, --quiet, --json and --open."""

    verbose: bool = False
    quiet: bool = False
    """Only what was made or found; no notes, no progress."""
    as_json: bool = False
    opens: bool = False
    _made: list[Path] = field(default_factory=list)
    _noted: set[str] = field(default_factory=set)

    @property
    def hides_progress(self) -> bool:
        """Whether a progress bar would be in the way."""
        return self.quiet or self.as_json

    def set_log_level(self) -> None:
        """Let the library's own messages through as far as was asked for."""
        level = logging.INFO if self.verbose else logging.ERROR if self.quiet else logging.WARNING
        logging.getLogger().setLevel(level)

    def text(self, text: str) -> None:
        """Print what was asked for, such as a list; also with --quiet."""
        if not self.as_json:
            click.echo(harmless(text))

    def data(self, value: object, *, indent: int | None = None) -> None:
        """Print one JSON value, with --json only."""
        if self.as_json:
            click.echo(json.dumps(value, ensure_ascii=False, indent=indent))

    def fact(self, name: str, value: object) -> None:
        """Print a named fact beside what was asked for."""
        if not (self.as_json or self.quiet):
            click.echo(harmless(f"{name:<9} {value}"))

    def note(self, text: str) -> None:
        """Print a notice, once in a call however many pictures it holds for."""
        if text not in self._noted:
            self._noted.add(text)
            self.fact("note", text)

    def warn(self, text: str) -> None:
        """Print what nobody should miss on stderr, also with --quiet and --json."""
        click.echo(harmless(text), err=True)

    def made(self, name: str, path: Path | str, about: str = "") -> None:
        """Print which file was made, and keep it for --open."""
        self._made.append(Path(path))
        if self.quiet:
            self.text(str(path))
        else:
            self.fact(name, f"{path}  ({about})" if about else path)

    def open_what_was_made(self) -> None:
        """With --open: show the file in its usual program; several in their folder."""
        made, self._made = self._made, []
        if self.opens and made and click.launch(str(made[0]), locate=len(made) > 1) != 0:
            self.warn(f"{made[0]} cannot be opened here: no program for it was found")


def printer(ctx: click.Context | None = None) -> Printer:
    """Return the printer of this call; commands outside of `prodgen` get one that prints everything."""
    ctx = ctx or click.get_current_context(silent=True)
    if ctx is None:
        return Printer()
    found: Printer = ctx.meta.setdefault(_KEY, Printer())
    return found


def tell_shot(result: Result, to: Printer, *, more: dict[str, Any] | None = None) -> None:
    """Print where a shot is and whether the product was kept; `more` goes into the JSON."""
    to.data({**result.as_dict(), **(more or {})})
    height, width = result.image.shape[:2]
    took = sum(result.seconds.values())
    to.made("picture", result.path or "-", f"{width}x{height}, seed {result.seed}, {took:.1f} s")
    if result.verdict.status is not None:
        to.fact("product", result.summary)
    if result.pose is not None:
        to.fact("pose", result.pose)
    if result.route is not None:
        to.fact("route", result.route)
    to.fact("backend", result.origin.backend)
    for notice in result.notices:
        to.note(notice)


def tell_picture(picture: GeneratedPicture, to: Printer, *, more: dict[str, Any] | None = None) -> None:
    """Print where a picture drawn from words is and how it was made; `more` goes into the JSON."""
    to.data({**picture.as_dict(), **(more or {})})
    height, width = picture.image.shape[:2]
    to.made("picture", picture.path or "-", f"{width}x{height}, seed {picture.seed}, {picture.seconds:.1f} s")
    to.fact("backend", picture.backend)
    if picture.planned.filled.choices:
        to.fact("prompt", picture.planned.request.prompt)
    if " > " in picture.planned.sizes.words():
        to.fact("sizes", picture.planned.sizes.words())
    for notice in picture.notices:
        to.note(notice)


def tell_workflow(picture: WorkflowPicture, to: Printer, *, more: dict[str, Any] | None = None) -> None:
    """Print where a workflow's picture is and how it was made; `more` goes into the JSON."""
    to.data({**picture.as_dict(), **(more or {})})
    height, width = picture.image.shape[:2]
    seed = "no seed" if picture.seed is None else f"seed {picture.seed}"
    to.made("picture", picture.path or "-", f"{width}x{height}, {seed}, {picture.seconds:.1f} s")
    to.fact("backend", picture.generation.backend)
    for notice in picture.generation.notices:
        to.note(notice)


def harmless(text: str) -> str:
    """Return the text with what would steer the terminal shown instead of sent."""
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)
