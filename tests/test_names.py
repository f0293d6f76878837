"""Names that stand for one thing: no two public classes of one name, no two modules of one file name."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import prodgen

HOME = Path(prodgen.__file__).parent

SHARED_ON_PURPOSE = ("cli/", "shots/stages/")
"""Folders whose files are named after what they call: a command after the library's verb (`cli/doctor.py`
runs `prodgen.doctor`), a stage after the room that does its work (`stages/identity.py`)."""


def modules() -> list[Path]:
    return sorted(path.relative_to(HOME) for path in HOME.rglob("*.py"))


def public_classes() -> dict[str, list[str]]:
    found = defaultdict(list)
    for path in modules():
        for node in ast.parse((HOME / path).read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(str(path))
    return found


def file_names() -> dict[str, list[str]]:
    """Where each name of a module or a package is used; a package's main module may have its name."""
    found = defaultdict(list)
    for path in modules():
        if path.name == "__init__.py" and len(path.parts) > 1:
            found[path.parent.name].append(str(path))
        elif not path.name.startswith("__") and path.stem != path.parent.name:
            found[path.stem].append(str(path))
    return {
        name: [
            path for path in paths if not path.startswith(SHARED_ON_PURPOSE) or path.endswith("__init__.py")
        ]
        for name, paths in found.items()
    }


def shared(names: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: paths for name, paths in names.items() if len(paths) > 1}


def test_no_two_public_classes_share_a_name():
    assert shared(public_classes()) == {}


def test_no_two_modules_share_a_file_name():
    assert shared(file_names()) == {}


def test_all_modules_were_looked_at():
    assert len(modules()) > 150
    assert len(public_classes()) > 100
