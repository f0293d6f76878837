"""Which tests reach a line: from a coverage file with contexts, and how long each takes, from JUnit's report.

A line in a function is tested by the tests that ran it. A constant at the top of a module is run when the
module is imported, by no test in particular; its tests are those that ran a line where its name is read.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

from coverage import CoverageData


class Covering:
    """The tests of each line of a tree that was run under coverage."""

    def __init__(self, tree: Path, coverage_file: Path, junit: Path) -> None:
        self.tree = tree
        self._data = CoverageData(str(coverage_file))
        self._data.read()
        self.seconds = _durations(junit)
        self._files = {Path(name).resolve(): name for name in self._data.measured_files()}

    def tests(self, path: str, line: int) -> list[str]:
        """Return the tests for a line of `path`, those of its own room first, quick ones first."""
        found = self._of_line(path, line) or self._of_constant(path, line)
        room = Path(path).parts[1].removesuffix(".py")
        return sorted(
            found,
            key=lambda test: (
                f"/{room}/" not in test and f"_{room}" not in test,
                self.seconds.get(test, 1.0),
            ),
        )

    def _of_line(self, path: str, line: int) -> set[str]:
        return set(self._contexts(path).get(line, ()))

    @cache  # noqa: B019 (one object a run)
    def _contexts(self, path: str) -> dict[int, set[str]]:
        name = self._files.get((self.tree / path).resolve())
        by_line: dict[int, set[str]] = defaultdict(set)
        if name is None:
            return by_line
        for line, contexts in self._data.contexts_by_lineno(name).items():
            for context in contexts:
                test, _, phase = context.partition("|")
                if phase == "setup":  # a fixture that several tests share runs under the first of them
                    module = test.split("::")[0]
                    by_line[line] |= {other for other in self.seconds if other.startswith(f"{module}::")}
                elif phase == "run":
                    by_line[line].add(test)
        return by_line

    def _of_constant(self, path: str, line: int) -> set[str]:
        names = _assigned_at((self.tree / path).read_text("utf-8"), line)
        found: set[str] = set()
        for other in self.tree.glob("prodgen/**/*.py"):
            text = other.read_text("utf-8")
            place = other.relative_to(self.tree).as_posix()
            for name in names:
                for number in _read_at(text, name) if name in text else ():
                    found |= self._of_line(place, number)
        return found or set().union(*self._contexts(path).values(), set())


def _assigned_at(text: str, line: int) -> list[str]:
    """The names that the top-level (or class-level) statement at a line defines."""
    names: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.FunctionDef | ast.ClassDef):
            if not node.lineno <= line <= (node.end_lineno or node.lineno):
                continue
            if isinstance(node, ast.Assign):
                names += [target.id for target in node.targets if isinstance(target, ast.Name)]
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names.append(node.target.id)
            elif isinstance(node, ast.FunctionDef):
                names.append(node.name)
    return names


def _read_at(text: str, name: str) -> list[int]:
    """Lines where `name` is read, as a name or as an attribute."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if (isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load))
        or (isinstance(node, ast.Attribute) and node.attr == name)
    ]


def _durations(junit: Path) -> dict[str, float]:
    seconds: dict[str, float] = defaultdict(float)
    for case in ET.parse(junit).iter("testcase"):
        name = re.sub(r"\.", "/", case.get("classname", ""))
        seconds[f"{name}.py::{case.get('name')}"] += float(case.get("time", 0))
    return dict(seconds)
