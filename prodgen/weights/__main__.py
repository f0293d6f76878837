"""The program behind `download_weights.sh`: options in, lines out. Standard library only.

Exit status: 0 everything asked for is here; 1 something failed or is wrong; 2 the options are wrong;
3 everything else is here, but files without a known hash wait for a decision; 130 stopped by the user.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TextIO

from prodgen.weights.download import (
    DownloadOptions,
    DownloadPlan,
    FileState,
    Outcome,
    free_bytes,
    get_all,
    inspect,
    plan,
)
from prodgen.weights.folders import MODELS_VARIABLE, server_models
from prodgen.weights.manifest import (
    LIST_FILE,
    UnknownWeightError,
    Weight,
    WeightsListError,
    choose,
    read_list,
)
from prodgen.weights.progress import ProgressLine
from prodgen.weights.record import Record
from prodgen.weights.transfer import SPARE_BYTES

FAILED, USAGE, UNDECIDED, STOPPED = 1, 2, 3, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        weights = read_list(options.weights)
        accepted = frozenset(weight.name for weight in choose(weights, options.accept_unverified))
        chosen = choose(weights, options.only) if options.only else tuple(w for w in weights if w.default)
    except (WeightsListError, UnknownWeightError) as error:
        return _fail(str(error), USAGE)
    if options.only or not accepted:
        extra: tuple[Weight, ...] = ()
    else:
        extra = tuple(w for w in weights if w.name in accepted and w not in chosen)
    if options.list:
        return _list(weights, options.dir)
    try:
        if options.check:
            return _check(chosen if options.only else weights, options.dir, asked=bool(options.only))
        return _download(chosen + extra, options, accepted)
    except KeyboardInterrupt:
        return _fail("stopped. Run the same command again: it goes on from here", STOPPED)
    except OSError as error:
        return _fail(
            f"cannot use {str(options.dir)!r}: {error.strerror or error}. Choose another folder with --dir",
            FAILED,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="download_weights.sh",
        description="Download the model files that prodgen uses; each is checked before it takes its name.",
    )
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="these files instead of the default set"
    )
    parser.add_argument(
        "--dir", type=Path, default=_default_folder(), help="models folder (default: %(default)s)"
    )
    parser.add_argument(
        "--list", action="store_true", help="say which files there are, their licences and what is here"
    )
    parser.add_argument(
        "--check", action="store_true", help="check the files that are here; download nothing"
    )
    parser.add_argument(
        "--from", dest="offline", type=Path, metavar="DIR", help="copy from this folder; use no network"
    )
    parser.add_argument(
        "--accept-unverified",
        nargs="+",
        default=[],
        metavar="NAME",
        help="take these although no hash of them is known",
    )
    parser.add_argument(
        "--jobs", type=int, choices=range(1, 17), default=3, metavar="N", help="downloads at a time (3)"
    )
    parser.add_argument(
        "--retries", type=int, default=4, metavar="N", help="tries again after a passing fault (4)"
    )
    parser.add_argument(
        "--retry-pause", type=float, default=2.0, metavar="S", help="first pause between tries, seconds (2)"
    )
    parser.add_argument(
        "--weights", type=Path, default=LIST_FILE, metavar="FILE", help="another list of weights"
    )
    return parser


def _default_folder() -> Path:
    """Where install_backend.sh puts its models folder, unless the environment says otherwise."""
    named = os.environ.get(MODELS_VARIABLE)
    return Path(named) if named else server_models()


def _list(weights: Sequence[Weight], folder: Path) -> int:
    for weight in weights:
        size = f"{weight.size / 1e9:.2f} GB" if weight.size else "size unknown"
        marks = [
            size,
            "default" if weight.default else "on request",
            f"commercial use: {weight.commercial}",
            "hash known" if weight.verified else "no hash known",
        ]
        if (folder / weight.file).is_file():
            marks.append("here")
        _say(f"{weight.name}  ({', '.join(marks)})")
        _say(f"    {weight.title}")
        _say(f"    {weight.licence}: {weight.licence_url}")
        if weight.note:
            _say(f"    {weight.note}")
    return 0


def _check(weights: Sequence[Weight], folder: Path, *, asked: bool) -> int:
    record = Record(folder)
    bad = 0
    for weight in weights:
        outcome = inspect(weight, folder, record)
        if outcome.state is FileState.MISSING and not (asked or weight.default):
            continue
        wanted = weight.verified or asked
        bad += outcome.state is FileState.WRONG or (outcome.state is FileState.MISSING and wanted)
        _say_outcome(outcome)
    return FAILED if bad else 0


def _download(weights: Sequence[Weight], options: argparse.Namespace, accepted: frozenset[str]) -> int:
    folder: Path = options.dir
    folder.mkdir(parents=True, exist_ok=True)
    if options.offline and not options.offline.is_dir():
        return _fail(f"--from {str(options.offline)!r} is no folder", USAGE)
    with (folder / ".prodgen-weights.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return _fail(f"another download into {str(folder)!r} is running; wait for it or stop it", FAILED)
        settings = DownloadOptions(
            folder,
            offline=options.offline,
            accepted=accepted,
            retries=options.retries,
            pause_s=options.retry_pause,
            parallel=options.jobs,
        )
        return _run(weights, settings)


def _run(weights: Sequence[Weight], options: DownloadOptions) -> int:
    record = Record(options.folder)
    download_plan = plan(weights, options, record)
    for outcome in download_plan.done:
        if outcome.state is FileState.HERE:
            _say_outcome(outcome)
    for outcome in download_plan.wrong:
        _say(
            f"{outcome.weight.name}: the file that is here {outcome.detail}; "
            "a new one takes its place, it stays as .bad"
        )
    if download_plan.to_get and (shortage := _shortage(download_plan, options.folder)):
        return _fail(shortage, FAILED)
    for weight in download_plan.to_get:
        _say(f"{weight.name}: {weight.licence}, commercial use: {weight.commercial}, {weight.licence_url}")
    progress = ProgressLine(sys.stdout)
    outcomes = get_all(download_plan.to_get, options, record, progress) if download_plan.to_get else []
    for outcome in outcomes:
        _say_outcome(outcome)
    undecided = [outcome for outcome in download_plan.done if outcome.state is FileState.UNDECIDED]
    for outcome in undecided:
        name = outcome.weight.name
        _say(f"left out {name}: {outcome.detail}. To take it: --accept-unverified {name}")
    _say(f"models folder: {options.folder}")
    if any(outcome.state is FileState.FAILED for outcome in outcomes):
        return FAILED
    if options.stop.is_set():
        return _fail("stopped. Run the same command again: it goes on from here", STOPPED)
    return UNDECIDED if undecided else 0


def _shortage(download_plan: DownloadPlan, folder: Path) -> str | None:
    free = free_bytes(folder)
    if download_plan.missing_bytes + SPARE_BYTES <= free:
        return None
    names = ", ".join(weight.name for weight in download_plan.to_get)
    return (
        f"not enough space in {str(folder)!r}: {download_plan.missing_bytes / 1e9:.2f} GB are to come, "
        f"{free / 1e9:.2f} GB are free. Choose another folder with --dir, or fewer of {names} with --only"
    )


def _say_outcome(outcome: Outcome) -> None:
    name, weight = outcome.weight.name, outcome.weight
    if outcome.state is FileState.HERE:
        _say(
            f"ok {name}"
            + ("" if weight.verified else f" (accepted without a known hash; sha256 {outcome.sha256})")
        )
    elif outcome.state is FileState.FETCHED:
        _say(f"ok {name} {outcome.detail}")
        if not weight.verified:
            _say(f"   no hash of {name} is known; what came has sha256 {outcome.sha256}")
    elif outcome.state is FileState.UNDECIDED:
        _say(f"undecided {name}: {outcome.detail}")
    else:
        out = sys.stderr if outcome.state in (FileState.FAILED, FileState.WRONG) else sys.stdout
        text = f"{outcome.state.value} {name}"
        _say(f"{text}: {outcome.detail}" if outcome.detail else text, out)


def _as_interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _fail(text: str, status: int) -> int:
    _say(f"download_weights.sh: {text}", sys.stderr)
    return status


def _say(text: str, out: TextIO | None = None) -> None:
    stream = out or sys.stdout
    stream.write(f"{text}\n")
    stream.flush()


if __name__ == "__main__":
    sys.exit(main())
