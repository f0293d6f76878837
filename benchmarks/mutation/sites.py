"""Places in a source file where one small change would be a bug, and the text of the file with that change.

Changes are made in the text, at the position that the syntax tree names, so that all other lines stay as they
are and a survivor can be read as a difference. Left out are changes that only crash (an index), that change
nothing (an annotation, a docstring), and guards against division by zero (below `EPSILON`).
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

EPSILON = 1e-4
"""Numbers as small as this keep a division or a logarithm finite; three times as much is the same guard."""

LEAST_CHANGE = 0.3
"""Share of a number by which it is changed at least: less than that, no measured limit is known by."""

OPPOSITES = {
    ast.Lt: ">=",
    ast.GtE: "<",
    ast.Gt: "<=",
    ast.LtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}
"""A comparison and what it becomes. `<` for `<=` is left out: measured values are hardly ever equal."""

TWINS = {
    "any": "all",
    "all": "any",
    "min": "max",
    "max": "min",
    "minimum": "maximum",
    "maximum": "minimum",
}
"""Functions and methods that are exchanged; `abs` is left out altogether."""


@dataclass(frozen=True)
class Mutant:
    """One change: the text `before` at an offset of a file becomes `after`."""

    path: str
    line: int
    kind: str
    start: int
    before: str
    after: str

    @property
    def key(self) -> str:
        """Names the change in the list of those that change no behaviour; it stays when lines move."""
        return f"{self.path}: {self.kind}: {' '.join(self.before.split())} -> {' '.join(self.after.split())}"

    @property
    def rank(self) -> str:
        """A place in a shuffled order that depends on the change alone, not on how many others there are."""
        return hashlib.sha256(f"{self.key}:{self.line}".encode()).hexdigest()

    def applied_to(self, text: str) -> str:
        """Return the file's text with the change made."""
        if not text.startswith(self.before, self.start):
            raise ValueError(f"{self.path} was changed since its places were listed")
        return text[: self.start] + self.after + text[self.start + len(self.before) :]


class _Finder(ast.NodeVisitor):
    def __init__(self, path: str, text: str) -> None:
        self.path, self.text = path, text
        self.found: list[Mutant] = []
        self._starts = [0]
        for line in text.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._lines = text.splitlines(keepends=True)
        self._returns: list[str] = []

    def offset(self, line: int, column_bytes: int) -> int:
        prefix = self._lines[line - 1].encode()[:column_bytes].decode()
        return self._starts[line - 1] + len(prefix)

    def source(self, node: ast.expr | ast.stmt) -> tuple[int, str]:
        start = self.offset(node.lineno, node.col_offset)
        end = self.offset(node.end_lineno or node.lineno, node.end_col_offset or 0)
        return start, self.text[start:end]

    def add(self, node: ast.expr | ast.stmt, kind: str, after: str) -> None:
        start, before = self.source(node)
        self.found.append(Mutant(self.path, node.lineno, kind, start, before, after))

    def between(self, left: ast.expr, right: ast.expr, old: str, new: str, kind: str) -> None:
        """Exchange an operator, which has no position of its own, in the text between its operands."""
        start = self.offset(left.end_lineno or left.lineno, left.end_col_offset or 0)
        end = self.offset(right.lineno, right.col_offset)
        at = self.text[start:end].find(old)
        if at >= 0:
            self.found.append(Mutant(self.path, left.end_lineno or 0, kind, start + at, old, new))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._returns.append(ast.unparse(node.returns) if node.returns else "")
        for child in [*node.args.defaults, *filter(None, node.args.kw_defaults), *node.body]:
            self.visit(child)
        self._returns.pop()

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value:
            self.visit(node.value)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            return  # a docstring
        if isinstance(node.value, ast.Call) and "notice" in ast.unparse(node.value).split("(")[0]:
            self.add(node, "notice", "pass")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if "notice" in ast.unparse(node.target):
            self.add(node, "notice", "pass")
        self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg == "notices" and ast.unparse(node.value) not in ("()", "[]"):
            self.add(node.value, "notice", "()")
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        if node.exc is not None:
            self.add(node, "raise", "pass")

    def visit_Return(self, node: ast.Return) -> None:
        returns = self._returns[-1] if self._returns else ""
        value = ast.unparse(node.value) if node.value else "None"
        if returns == "bool":
            self.add(node, "return", f"return not ({value})")
        elif returns.endswith("| None") and value != "None":
            self.add(node, "return", "return None")
        elif returns.startswith("tuple[") and returns.endswith("...]") and value != "()":
            self.add(node, "return", "return ()")
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self.visit(node.value)
        if isinstance(node.slice, ast.Compare | ast.BoolOp | ast.Call):
            self.visit(node.slice)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float) or 0 < abs(value) <= EPSILON:
            return
        if value == 0:
            self.add(node, "number", "1")
            return
        for after in (value * 3, value * 0.3, value + 1):
            is_whole = isinstance(value, int)
            is_large = abs(after - value) >= LEAST_CHANGE * abs(value)
            if is_large and (not is_whole or after == int(after)):
                self.add(node, "number", repr(int(after)) if is_whole else repr(round(after, 9)))

    def visit_Compare(self, node: ast.Compare) -> None:
        operands = [node.left, *node.comparators]
        for left, operation, right in zip(operands, node.ops, operands[1:], strict=False):
            new = OPPOSITES[type(operation)]
            old = next(text for kind, text in _SPELT.items() if kind is type(operation))
            self.between(left, right, old, new, "comparison")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            self.between(left, right, old, new, "and/or")
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self.add(node, "not", f"({self.source(node.operand)[1]})")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        start, called = self.source(node.func)
        if name == "abs" and len(node.args) == 1:
            self.add(node, "abs", f"({self.source(node.args[0])[1]})")
        elif name in TWINS:
            begin = start + len(called) - len(name)
            self.found.append(
                Mutant(self.path, node.func.end_lineno or 0, "any/all, min/max", begin, name, TWINS[name])
            )
        self.generic_visit(node)


_SPELT = {
    ast.Lt: "<",
    ast.GtE: ">=",
    ast.Gt: ">",
    ast.LtE: "<=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}


def mutants(path: str, text: str) -> Iterator[Mutant]:
    """Yield every change for the source file `path`."""
    finder = _Finder(path, text)
    finder.visit(ast.parse(text))
    yield from (mutant for mutant in finder.found if mutant.before != mutant.after)
