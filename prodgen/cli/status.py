"""`prodgen status`: how a catalogue run is doing, asked from another shell, or after it was killed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prodgen.cli import run_words
from prodgen.cli.telling import printer
from prodgen.cli.values import Location

if TYPE_CHECKING:
    from prodgen.ledger import RunStatus

_ENDS = {
    "complete": "complete",
    "stopped": "stopped by Ctrl-C",
    "deadline": "ended by its deadline",
    "failures": "ended by --max-failures",
    "no place": "ended, as no backend worked any more",
    "storage": "ended, as pictures could not be written any more",
    "interrupted": "interrupted",
    "error": "ended by an error",
    "killed": "killed: the same command goes on where it was",
}


@click.command()
@click.argument("folder", metavar="DIR", type=Location())
def status(folder: Path | str) -> None:
    """Say how the catalogue run in DIR is doing, or how it ended.

    \b
        prodgen status pictures
        prodgen status pictures --json
    """
    from prodgen.ledger import read_status
    from prodgen.storage import open_store

    to = printer()
    found = read_status(open_store(folder))
    to.data(_as_json(found))
    to.fact("run", _state(found))
    said = run_words.counted(found.counts)
    to.text(said if to.quiet else f"pictures  {said}")
    if found.is_running:
        eta = 60 * found.left / found.pictures_a_minute if found.pictures_a_minute else None
        to.fact("speed", run_words.speed(found.pictures_a_minute, eta))
    for place in found.places:
        said = run_words.doing(place, {}) if found.is_running else run_words.many(place.pictures, "picture")
        to.fact("backend", f"{place.name}: {said}; idle for {run_words.share(place.idle_share)}")
    if found.last_failure is not None:
        to.fact("failure", run_words.failure(found.last_failed, found.last_failure))


def _state(found: RunStatus) -> str:
    if found.is_running:
        since = run_words.duration(time.time() - found.started)
        return f"running for {since}, as process {found.pid} on {found.host}"
    said = _ENDS.get(found.end, found.end)
    return said if found.ended is None else f"{said}, at {run_words.clock(found.ended)}"


def _as_json(found: RunStatus) -> dict[str, Any]:
    from prodgen.batching.event_records import place_record

    counts, failure = found.counts, found.last_failure
    return {
        "running": found.is_running,
        "end": found.end,
        "started": found.started,
        "ended": found.ended,
        "pid": found.pid,
        "host": found.host,
        "total": found.total,
        "done": counts.done,
        "failed": counts.failed,
        "left": found.left,
        "pictures_a_minute": round(found.pictures_a_minute, 2),
        "backends": [place_record(place) for place in found.places],
        "last_failure": None
        if failure is None
        else {
            "slot": found.last_failed,
            "kind": failure.kind,
            "reason": failure.reason,
            "whose": failure.whose,
        },
    }
