"""Docstrings read alone, and no module grows too long to be read in one go."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import prodgen

HOME = Path(prodgen.__file__).parent
LEANING = ("Of", "The same", "As", "And", "Or", "But", "Nor")
"""Beginnings of a sentence that needs the one before it: it falls when the neighbour moves."""

MOST_LINES = 400


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Every docstring of a file, those below constants and fields too, with its line."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else ():
            value = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield statement.lineno, value.value.strip()


def test_no_docstring_leans_on_its_neighbour():
    leaning = [
        f"{path.relative_to(HOME)}:{line}: {text.splitlines()[0]}"
        for path in sorted(HOME.rglob("*.py"))
        for line, text in docstrings(path)
        if text.startswith(tuple(f"{word} " for word in LEANING))
    ]
    assert not leaning, "\n".join(leaning)


def test_no_module_is_longer_than_can_be_read_in_one_go():
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in HOME.rglob("*.py")}
    assert {str(path.relative_to(HOME)): n for path, n in lengths.items() if n > MOST_LINES} == {}
