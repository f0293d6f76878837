"""Brings a set of model files into a models folder: planned, checked, in parallel, and never half.

A file takes its name only after every check. What fails a check is kept beside it as `.bad`, to be
looked at, and is never used. Stopping at any time loses nothing: the next run goes on from the partial files.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from threading import Event

from prodgen.weights import transfer
from prodgen.weights.checks import sha256, what_is_wrong
from prodgen.weights.manifest import Source, Weight
from prodgen.weights.progress import Progress
from prodgen.weights.record import Record

_COPY_BLOCK = 1 << 20


class State(Enum):
    """How a file stands, or how getting it ended."""

    HERE = "here"
    MISSING = "missing"
    WRONG = "wrong"
    FETCHED = "fetched"
    FAILED = "failed"
    UNDECIDED = "no hash known"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Outcome:
    """One file: how it stands and, where there is something to say, why."""

    weight: Weight
    state: State
    detail: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Plan:
    """What a run would do: files that are here, files to get, and files whose user must decide first."""

    done: tuple[Outcome, ...]
    wrong: tuple[Outcome, ...]
    """Files that have the name and fail the checks; what replaces them puts them aside."""
    to_get: tuple[Weight, ...]
    missing_bytes: int
    """Bytes still to come of the files whose size is known."""
    size_unknown: tuple[str, ...]


@dataclass(frozen=True)
class Job:
    """Where to and how: everything about a run but the files themselves."""

    folder: Path
    offline: Path | None = None
    """Take files from this folder and touch no network."""
    accepted: frozenset[str] = frozenset()
    """Names of weights that are taken although no hash is known for them."""
    retries: int = 4
    pause_s: float = 2.0
    parallel: int = 3
    stop: Event = field(default_factory=Event)


def inspect(weight: Weight, folder: Path, record: Record, *, accepted: Collection[str] = ()) -> Outcome:
    """Say how one file stands, hashing it only if it changed since it was last checked."""
    path = folder / weight.file
    if not path.is_file():
        return Outcome(weight, State.MISSING)
    known = record.sha256_of(weight.file, path)
    if known is not None and (known == weight.sha256 or not weight.verified):
        return Outcome(weight, State.HERE, sha256=known)
    if fault := what_is_wrong(path, weight):
        return Outcome(weight, State.WRONG, fault)
    got = weight.sha256 if weight.verified else sha256(path)
    if not weight.verified and weight.name not in accepted:
        return Outcome(weight, State.UNDECIDED, f"a file is here with sha256 {got}", got)
    record.add(weight.file, path, name=weight.name, sha256=got, source="found")
    return Outcome(weight, State.HERE, sha256=got)


def plan(weights: Sequence[Weight], job: Job, record: Record) -> Plan:
    """Look at what is there and say what is left to do; moves nothing."""
    done: list[Outcome] = []
    wrong: list[Outcome] = []
    to_get: list[Weight] = []
    missing = 0
    for weight in weights:
        outcome = inspect(weight, job.folder, record, accepted=job.accepted)
        if outcome.state is State.MISSING and not weight.verified and weight.name not in job.accepted:
            outcome = Outcome(weight, State.UNDECIDED, "no hash of it is known")
        if outcome.state in (State.HERE, State.UNDECIDED):
            done.append(outcome)
            continue
        if outcome.state is State.WRONG:
            wrong.append(outcome)
        to_get.append(weight)
        partial = _partial(job.folder / weight.file)
        missing += max((weight.size or 0) - (partial.stat().st_size if partial.exists() else 0), 0)
    unknown = tuple(weight.name for weight in to_get if weight.size is None)
    return Plan(tuple(done), tuple(wrong), tuple(to_get), missing, unknown)


def get_all(weights: Sequence[Weight], job: Job, record: Record, progress: Progress) -> list[Outcome]:
    """Get these files, several at a time; returns an outcome for each, and never raises for a file's sake.

    A full disk stops the rest: every other file would fail of it too.
    """
    with ThreadPoolExecutor(max_workers=job.parallel, thread_name_prefix="weights") as pool:
        futures: list[Future[Outcome]] = [
            pool.submit(_get, weight, job, record, progress) for weight in weights
        ]
        try:
            while wait(futures, timeout=progress.interval_s).not_done:
                progress.draw()
        except KeyboardInterrupt:
            job.stop.set()
            wait(futures)
    progress.close()
    return [future.result() for future in futures]


def _get(weight: Weight, job: Job, record: Record, progress: Progress) -> Outcome:
    if job.stop.is_set():
        return Outcome(weight, State.STOPPED)
    target = job.folder / weight.file
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return (
            _from_folder(weight, job, record, progress)
            if job.offline
            else _from_sources(weight, job, record, progress)
        )
    except transfer.StoppedError:
        return Outcome(weight, State.STOPPED)
    except transfer.DiskFullError as error:
        job.stop.set()
        return Outcome(
            weight, State.FAILED, f"the disk is full: {error}. Free some space and run this again: it goes on"
        )
    except OSError as error:
        return Outcome(weight, State.FAILED, f"cannot write {str(target)!r}: {error.strerror or error}")


def _from_sources(weight: Weight, job: Job, record: Record, progress: Progress) -> Outcome:
    partial = _partial(job.folder / weight.file)
    faults = []
    for source in weight.sources:
        try:
            _fetch_and_check(weight, source, partial, job, progress)
        except transfer.TransferError as error:
            faults.append(f"{_host(source)}: {error.reason}")
            if source is not weight.sources[-1]:
                progress.note(f"{weight.name}: {faults[-1]}; the next source is tried")
        else:
            return _accept(weight, partial, job, record, source=source.url)
    return Outcome(weight, State.FAILED, "; ".join(faults))


def _fetch_and_check(weight: Weight, source: Source, partial: Path, job: Job, progress: Progress) -> None:
    """Fetch from one source and check it; a file that fails is put aside and counts as that source's fault.

    A resumed file may owe its fault to its older part, so it gets one more try from the beginning.
    """
    for _ in range(2):
        resumed = partial.exists()
        transfer.fetch(
            source,
            partial,
            size=weight.size,
            retries=job.retries,
            pause_s=job.pause_s,
            on_start=lambda have, total: progress.start(weight.name, have, total),
            on_bytes=lambda count: progress.advance(weight.name, count),
            stop=job.stop,
        )
        progress.checking(weight.name)
        fault = what_is_wrong(partial, weight)
        if fault is None:
            return
        _put_aside(partial, job.folder / weight.file)
        if not resumed:
            break
    raise transfer.TransferError(f"gave a file that {fault}")


def _from_folder(weight: Weight, job: Job, record: Record, progress: Progress) -> Outcome:
    assert job.offline is not None  # noqa: S101 - for the type checker: only called with it
    relative = Path(weight.file)
    places = [job.offline / relative, job.offline / relative.name]
    origin = next((place for place in places if place.is_file()), None)
    if origin is None:
        return Outcome(
            weight, State.FAILED, f"neither {relative} nor {relative.name} is in {str(job.offline)!r}"
        )
    if fault := what_is_wrong(origin, weight):
        return Outcome(weight, State.FAILED, f"{str(origin)!r} {fault}")
    partial = _partial(job.folder / weight.file)
    progress.start(weight.name, 0, origin.stat().st_size)
    with origin.open("rb") as source, partial.open("wb") as out:
        while block := source.read(_COPY_BLOCK):
            if job.stop.is_set():
                raise transfer.StoppedError
            out.write(block)
            progress.advance(weight.name, len(block))
        os.fsync(out.fileno())
    if fault := what_is_wrong(partial, weight):
        _put_aside(partial, job.folder / weight.file)
        return Outcome(weight, State.FAILED, f"the copy of {str(origin)!r} {fault}")
    return _accept(weight, partial, job, record, source=str(origin))


def _accept(weight: Weight, partial: Path, job: Job, record: Record, *, source: str) -> Outcome:
    """Give a checked file its name, put aside what had it before, and record it."""
    target = job.folder / weight.file
    got = weight.sha256 if weight.verified else sha256(partial)
    if target.exists():
        target.replace(target.with_name(target.name + ".bad"))
    partial.replace(target)
    transfer.forget(partial)
    record.add(weight.file, target, name=weight.name, sha256=got, source=source)
    return Outcome(weight, State.FETCHED, f"from {source}", got)


def free_bytes(folder: Path) -> int:
    """Return the bytes free on the disk where `folder` is or will be."""
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    return shutil.disk_usage(existing).free


def _put_aside(partial: Path, target: Path) -> None:
    partial.replace(target.with_name(target.name + ".bad"))
    transfer.forget(partial)


def _partial(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _host(source: Source) -> str:
    return source.url.split("/")[2]
