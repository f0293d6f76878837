"""One change, one run of the tests that reach it: does any of them notice.

The change is made in a copy of the tree. The libraries are imported once, in this process; each trial is a
fork of it that imports prodgen from the copy, so that a trial costs the tests and little else.
"""

from __future__ import annotations

import compileall
import importlib
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode

import pytest
from sites import Mutant

LIBRARIES = ("numpy", "cv2", "PIL.Image", "pydantic", "httpx", "click", "rich", "tenacity", "yaml")
ENOUGH_S = 20.0
"""Seconds of tests, as timed unchanged, after which a change counts as unnoticed. Only for the sample."""


@dataclass(frozen=True)
class Outcome:
    """What became of one change."""

    mutant: Mutant
    is_killed: bool
    tests: int
    seconds: float


class Copy:
    """A copy of the source tree in which one file at a time is changed."""

    def __init__(self, tree: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mutants-"))
        for name in _sources(tree):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(tree / name, self.folder / name)
        # By content, not by time: a changed file has the age and often the length of the one it replaces.
        compileall.compile_dir(
            self.folder / "prodgen", quiet=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH
        )

    def remove(self) -> None:
        """Delete the copy."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def fails(self, path: str, text: str, tests: list[str], limit_s: float) -> str | None:
        """Run `tests` with `text` in the place of `path`; name what failed, or return None if all passed."""
        file = self.folder / path
        kept = file.read_text("utf-8")
        file.write_text(text, "utf-8")
        record = self.folder / "failed.txt"
        record.unlink(missing_ok=True)
        try:
            process = multiprocessing.get_context("fork").Process(
                target=_run, args=(self.folder, tests, record)
            )
            process.start()
            process.join(limit_s)
            if process.is_alive():
                process.kill()
                process.join()
                return "(no end)"
            if process.exitcode == 0:
                return None
            return record.read_text("utf-8") if record.exists() else "(import)"
        finally:
            file.write_text(kept, "utf-8")

    def collects(self, tests: list[str]) -> bool:
        """Say whether every one of `tests` exists in the copy; this also compiles them, once."""
        words = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *tests]
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        return subprocess.run(words, cwd=self.folder, env=environment, capture_output=True).returncode == 0


def _sources(tree: Path) -> list[Path]:
    """Files of the tree that git does not ignore; without git, all but hidden and cached ones."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=tree, capture_output=True)
    if listed.returncode == 0:
        names = [Path(name) for name in listed.stdout.decode().split("\0") if name]
    else:
        names = [path.relative_to(tree) for path in tree.rglob("*") if "__pycache__" not in path.parts]
        names = [name for name in names if not name.parts[0].startswith(".") and name.parts[0] != "outputs"]
    return [name for name in names if (tree / name).is_file()]


class _FirstFailure:
    """A pytest plugin that writes down which test failed first."""

    def __init__(self, record: Path) -> None:
        self._record = record

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self._record.exists():
            self._record.write_text(report.nodeid, "utf-8")


def warm_up() -> None:
    """Import what every trial needs, once."""
    for name in LIBRARIES:
        importlib.import_module(name)
    sys.modules["cv2"].setNumThreads(1)
    if any(name.split(".")[0] == "prodgen" for name in sys.modules):
        raise RuntimeError("prodgen is imported already: every trial would test the unchanged code")


def _run(folder: Path, tests: list[str], record: Path) -> None:
    os.setsid()
    sys.dont_write_bytecode = True
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = str(folder)
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov", f"--rootdir={folder}"]
    os._exit(int(pytest.main([*options, *tests], plugins=[_FirstFailure(record)])))


class Judge:
    """Tries changes; a test that fails on the unchanged code, too, is not believed."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self._seconds = seconds
        self._sound: set[str] = set()

    def outcome(self, copy: Copy, mutant: Mutant, text: str, tests: list[str]) -> Outcome:
        """Try one change with the tests that reach it.

        Raises:
            RuntimeError: If the test that noticed it fails on the unchanged code as well.
        """
        began = time.monotonic()
        failed = None
        if tests:
            expected = sum(self._seconds.get(test, 0.1) for test in tests)
            failed = copy.fails(mutant.path, mutant.applied_to(text), tests, limit_s=30 + 6 * expected)
        if failed in tests and failed not in self._sound:
            if copy.fails(mutant.path, text, [failed], limit_s=120):
                raise RuntimeError(f"{failed} fails on the unchanged code: mend it first")
            self._sound.add(failed)
        return Outcome(mutant, failed is not None, len(tests), time.monotonic() - began)


def affordable(tests: list[str], seconds: dict[str, float], enough_s: float = ENOUGH_S) -> list[str]:
    """Return the first tests whose times add up to `enough_s`, at least one."""
    taken: list[str] = []
    spent = 0.0
    for test in tests:
        spent += seconds.get(test, 0.1)
        if taken and spent > enough_s:
            continue
        taken.append(test)
    return taken
