"""Downloads model files into a models folder: planned, checked, in parallel, each whole or not at all.

A file gets its name only after every check. One that fails a check is kept as `.bad` for inspection and is
never used. Stopping at any time loses nothing: the next run resumes from the partial files.
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
from prodgen.weights.progress import ProgressLine
from prodgen.weights.record import Record

_COPY_BLOCK = 1 << 20


class FileState(Enum):
    """Whether a file is in the models folder, or how downloading it ended."""

    HERE = "here"
    MISSING = "missing"
    WRONG = "wrong"
    FETCHED = "fetched"
    FAILED = "failed"
    UNDECIDED = "no hash known"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Outcome:
    """One file's state and, where it is not plain, the reason."""

    weight: Weight
    state: FileState
    detail: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class DownloadPlan:
    """What a run would do: files that are here, files to get, and files that the user must accept first."""

    done: tuple[Outcome, ...]
    wrong: tuple[Outcome, ...]
    """Files under the right name that fail the checks; their replacement keeps them as `.bad`."""
    to_get: tuple[Weight, ...]
    missing_bytes: int
    """Bytes still to come of the files whose size is known."""


@dataclass(frozen=True)
class DownloadOptions:
    """Options of one run of the download program."""

    folder: Path
    offline: Path | None = None
    """Take files from this folder and touch no network."""
    accepted: frozenset[str] = frozenset()
    """Names of weights that are taken although no hash is known for them."""
    retries: int = 4
    """How often a source is asked again after a fault that may pass."""
    waits_for_network: bool = True
    """Whether a source that cannot be reached at all is asked again, too."""
    pause_s: float = 2.0
    parallel: int = 3
    stop: Event = field(default_factory=Event)


def inspect(weight: Weight, folder: Path, record: Record, *, accepted: Collection[str] = ()) -> Outcome:
    """Return one file's state; it is hashed only if it changed since it was last checked."""
    path = folder / weight.file
    if not path.is_file():
        return Outcome(weight, FileState.MISSING)
    known = record.sha256_of(weight.file, path)
    if known is not None and (known == weight.sha256 or not weight.sha256_is_known):
        return Outcome(weight, FileState.HERE, sha256=known)
    if fault := what_is_wrong(path, weight):
        return Outcome(weight, FileState.WRONG, fault)
    got = weight.sha256 if weight.sha256_is_known else sha256(path)
    if not weight.verified and weight.name not in accepted:
        return Outcome(weight, FileState.UNDECIDED, f"a file is here with sha256 {got}", got)
    record.add(weight.file, path, name=weight.name, sha256=got, source="found")
    return Outcome(weight, FileState.HERE, sha256=got)


def plan(weights: Sequence[Weight], options: DownloadOptions, record: Record) -> DownloadPlan:
    """Return what is in the folder and what is left to download; changes nothing."""
    done: list[Outcome] = []
    wrong: list[Outcome] = []
    to_get: list[Weight] = []
    missing = 0
    for weight in weights:
        outcome = inspect(weight, options.folder, record, accepted=options.accepted)
        if outcome.state is FileState.MISSING and not weight.verified and weight.name not in options.accepted:
            outcome = Outcome(weight, FileState.UNDECIDED, "no hash of it is known")
        if outcome.state in (FileState.HERE, FileState.UNDECIDED):
            done.append(outcome)
            continue
        if outcome.state is FileState.WRONG:
            wrong.append(outcome)
        to_get.append(weight)
        partial = _partial(options.folder / weight.file)
        missing += max((weight.size or 0) - (partial.stat().st_size if partial.exists() else 0), 0)
    return DownloadPlan(tuple(done), tuple(wrong), tuple(to_get), missing)


def get_all(
    weights: Sequence[Weight], options: DownloadOptions, record: Record, progress: ProgressLine
) -> list[Outcome]:
    """Download these files, several at a time, and return an outcome for each, failures included.

    A full disk stops the run, because every other file would fail for the same reason.
    """
    with ThreadPoolExecutor(max_workers=options.parallel, thread_name_prefix="weights") as pool:
        futures: list[Future[Outcome]] = [
            pool.submit(_get, weight, options, record, progress) for weight in weights
        ]
        try:
            while wait(futures, timeout=progress.interval_s).not_done:
                progress.draw()
        except KeyboardInterrupt:
            options.stop.set()
            wait(futures)
    progress.close()
    return [future.result() for future in futures]


def _get(weight: Weight, options: DownloadOptions, record: Record, progress: ProgressLine) -> Outcome:
    if options.stop.is_set():
        return Outcome(weight, FileState.STOPPED)
    target = options.folder / weight.file
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return (
            _from_folder(weight, options, record, progress)
            if options.offline
            else _from_sources(weight, options, record, progress)
        )
    except transfer.StoppedError:
        return Outcome(weight, FileState.STOPPED)
    except transfer.DiskFullError as error:
        options.stop.set()
        return Outcome(
            weight,
            FileState.FAILED,
            f"the disk is full: {error}. Free some space and run this again: it goes on",
        )
    except OSError as error:
        return Outcome(weight, FileState.FAILED, f"cannot write {str(target)!r}: {error.strerror or error}")


def _from_sources(
    weight: Weight, options: DownloadOptions, record: Record, progress: ProgressLine
) -> Outcome:
    partial = _partial(options.folder / weight.file)
    faults = []
    for source in weight.sources:
        try:
            _fetch_and_check(weight, source, partial, options, progress)
        except transfer.TransferError as error:
            faults.append(f"{_host(source)}: {error.reason}")
            if source is not weight.sources[-1]:
                progress.note(f"{weight.name}: {faults[-1]}; the next source is tried")
        else:
            return _accept(weight, partial, options, record, source=source.url)
    return Outcome(weight, FileState.FAILED, "; ".join(faults))


def _fetch_and_check(
    weight: Weight, source: Source, partial: Path, options: DownloadOptions, progress: ProgressLine
) -> None:
    """Fetch from one source and check; a file that fails is kept as `.bad`, and the source has failed.

    A resumed file may be wrong because of its older part, so it gets one more try from the beginning.
    """
    for _ in range(2):
        resumed = partial.exists()
        transfer.fetch(
            source,
            partial,
            size=weight.size,
            retries=options.retries,
            waits_for_network=options.waits_for_network,
            pause_s=options.pause_s,
            on_start=lambda have, total: progress.start(weight.name, have, total),
            on_bytes=lambda count: progress.advance(weight.name, count),
            stop=options.stop,
        )
        progress.checking(weight.name)
        fault = what_is_wrong(partial, weight)
        if fault is None:
            return
        _put_aside(partial, options.folder / weight.file)
        if not resumed:
            break
    raise transfer.TransferError(f"gave a file that {fault}")


def _from_folder(weight: Weight, options: DownloadOptions, record: Record, progress: ProgressLine) -> Outcome:
    assert options.offline is not None  # noqa: S101 - for the type checker: only called with it
    relative = Path(weight.file)
    places = [options.offline / relative, options.offline / relative.name]
    origin = next((place for place in places if place.is_file()), None)
    if origin is None:
        return Outcome(
            weight, FileState.FAILED, f"neither {relative} nor {relative.name} is in {str(options.offline)!r}"
        )
    if fault := what_is_wrong(origin, weight):
        return Outcome(weight, FileState.FAILED, f"{str(origin)!r} {fault}")
    partial = _partial(options.folder / weight.file)
    progress.start(weight.name, 0, origin.stat().st_size)
    with origin.open("rb") as source, partial.open("wb") as out:
        while block := source.read(_COPY_BLOCK):
            if options.stop.is_set():
                raise transfer.StoppedError
            out.write(block)
            progress.advance(weight.name, len(block))
        os.fsync(out.fileno())
    if fault := what_is_wrong(partial, weight):
        _put_aside(partial, options.folder / weight.file)
        return Outcome(weight, FileState.FAILED, f"the copy of {str(origin)!r} {fault}")
    return _accept(weight, partial, options, record, source=str(origin))


def _accept(
    weight: Weight, partial: Path, options: DownloadOptions, record: Record, *, source: str
) -> Outcome:
    """Give a checked file its name, keep the file that had it before as `.bad`, and record the hash."""
    target = options.folder / weight.file
    got = weight.sha256 if weight.sha256_is_known else sha256(partial)
    if target.exists():
        target.replace(target.with_name(target.name + ".bad"))
    partial.replace(target)
    transfer.forget(partial)
    record.add(weight.file, target, name=weight.name, sha256=got, source=source)
    return Outcome(weight, FileState.FETCHED, f"from {source}", got)


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
