"""`prodgen watch`: makes the photographs of a folder as they come in."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prodgen import stopping
from prodgen.cli import run_words
from prodgen.cli.run_following import Reporting, follow, tell_end
from prodgen.cli.run_options import arguments_of, run_options
from prodgen.cli.telling import Failure, printer
from prodgen.cli.values import File

if TYPE_CHECKING:
    from prodgen.batching.watching import WatchedFolder

TRY_AGAIN_S = 30.0
"""Seconds after which photographs are tried again that no backend could be found for, or no disk space."""


@click.command()
@click.argument("folder", metavar="IN", type=File())
@run_options
def watch(
    folder: Path,
    output: Path | str,
    max_failures: str | None,
    deadline: str | None,
    json_lines: bool,
    webhook: str | None,
    metrics: str | None,
    **options: Any,
) -> None:
    """Make each photograph that is put into the folder IN, and again each that changes, into DIR.

    A file counts once its size and date have stayed as they are for five seconds. Ctrl-C ends it; started
    again, it knows what is done.

    \b
        prodgen watch incoming -o pictures --prompt "on a wooden table"
    """
    from prodgen import batching
    from prodgen.batching.watching import WatchedFolder
    from prodgen.dispatch import StopButton
    from prodgen.errors import BackendError, SheetError, StorageError

    to = printer()
    arguments = arguments_of(options)
    rules = batching.read_rules(max_failures=max_failures, deadline=deadline)
    if folder.is_file():
        raise Failure(f"{folder} is no folder; a sheet that has changed is made by prodgen batch once more")
    watched = WatchedFolder(folder)
    watched.look()  # a folder that cannot be read is said now
    ends = threading.Event()
    title = f"prodgen watch {folder} -> {output}"
    with Reporting(json_lines, webhook, metrics) as reporting:
        while photos := _next_photos(watched, ends, rules.deadline):
            run = replace(rules, stop=StopButton())
            try:
                events = batching.batch(folder, output, photos=photos, rules=run, **arguments)
                outcome = follow(events, to, title=title, stop=run.stop, reporting=reporting)
            except (BackendError, SheetError, StorageError) as error:
                to.warn(f"{error}; tried again in {run_words.duration(TRY_AGAIN_S)}")
            else:
                to.fact("pictures", run_words.counted(outcome.ended.counts))
                if outcome.ended.end in ("stopped", "failures"):
                    tell_end(outcome, to, out=output, json_lines=json_lines)
                if outcome.ended.end == "complete":
                    continue
            watched.return_later(photos)
            with stopping.answered_by(*_ending(ends)):
                ends.wait(TRY_AGAIN_S)
    to.text("stopped")


def _next_photos(watched: WatchedFolder, ends: threading.Event, deadline: float | None) -> frozenset[Path]:
    """Return the next photographs; none if Ctrl-C was pressed meanwhile, or the deadline has come."""
    with stopping.answered_by(*_ending(ends)):
        return watched.wait(stop=ends, until=math.inf if deadline is None else deadline)


def _ending(ends: threading.Event) -> tuple[Callable[[], bool], Callable[[], bool]]:
    """Return what takes Ctrl-C and SIGTERM while nothing is made: a watch ends so, and has not failed."""

    def press() -> bool:
        ends.set()
        return True

    return press, press
