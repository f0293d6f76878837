"""How far each number that decides moves a room's result: the tables of docs/calibration/.

    python benchmarks/calibration.py ROOM [--only NAME ...] [--jobs 1] [-o docs/calibration/ROOM.md]

A room gives itself a file benchmarks/calibrating/ROOM.py with

    MODULES = ("prodgen.identity", "prodgen.shading")   # packages or modules whose constants are moved
    def score(module: str | None) -> dict[str, tuple[float, float]]: ...
        # figure -> (value, smallest change that matters); all figures, or to save time only those that
        # numbers of `module` can move

Every UPPERCASE constant of those modules that is a number, or holds numbers, is moved by -30 % and by
+30 %, one at a time, each in a process of its own. The constant is changed in its module's source as that
is imported, so whoever imports it, derives from it or has it as a default gets the moved value. Numbers of
whole type stay whole and move by 1 at least. Nothing outside the source tree is needed.

A literal NOTE = "..." there is added below the table.

The table shows, for each constant, the figure that moved most in units of its smallest change that matters.
"Data" is the part of the constant's docstring that begins with one of the words in `SOURCES`.
"""

from __future__ import annotations

import argparse
import ast
import importlib.abc
import importlib.machinery
import importlib.util
import math
import multiprocessing
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
ROOMS = Path(__file__).resolve().parent / "calibrating"
FACTORS = (0.7, 1.3)
SOURCES = ("Measured", "Source", "Standard", "By definition", "Guard", "Speed", "Chosen")
"""First words of the sentence that says where a number comes from."""

STILL = 0.05
"""Movement, in smallest changes that matter, below which a figure is said not to have moved."""

Score = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Constant:
    """One number of a module's source, or several in one name."""

    module: str
    name: str
    about: str
    """Its docstring."""

    @property
    def says(self) -> str:
        """First sentence of the docstring."""
        return re.split(r"(?<=\.)\s", " ".join(self.about.split()))[0]

    @property
    def data(self) -> str:
        """What the docstring says about where the number comes from."""
        sentences = re.split(r"(?<=\.)\s+", " ".join(self.about.split()))
        return " ".join(sentence for sentence in sentences if sentence.startswith(SOURCES))


@dataclass(frozen=True)
class Answer:
    """What one process found."""

    value: str
    """The constant as it was before it was moved."""
    score: Score
    failure: str = ""
    """Why there is no score."""


def constants(modules: Sequence[str]) -> Iterator[Constant]:
    """Find the uppercase names that modules assign at their top level."""
    for name, path in _sources(modules):
        body = ast.parse(path.read_text("utf-8")).body
        for node, after in zip(body, [*body[1:], None], strict=False):
            for target in _targets(node):
                if re.fullmatch(r"_?[A-Z][A-Z0-9_]*", target):
                    yield Constant(name, target, _docstring(after))


def _sources(modules: Sequence[str]) -> Iterator[tuple[str, Path]]:
    for name in modules:
        path = ROOT / Path(*name.split("."))
        if path.is_dir():
            for file in sorted(path.rglob("*.py")):
                inner = file.relative_to(ROOT).with_suffix("").parts
                yield ".".join(inner[:-1] if inner[-1] == "__init__" else inner), file
        else:
            yield name, path.with_suffix(".py")


def _targets(node: ast.stmt) -> list[str]:
    """Names that a statement assigns."""
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        targets: list[ast.expr] = [node.target]
    else:
        targets = list(node.targets) if isinstance(node, ast.Assign) else []
    flat = [x for target in targets for x in (target.elts if isinstance(target, ast.Tuple) else [target])]
    return [target.id for target in flat if isinstance(target, ast.Name)]


def _docstring(node: ast.stmt | None) -> str:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return node.value.value if is_text and isinstance(node.value.value, str) else ""


def moved(value: Any, factor: float) -> Any:
    """Move every number in a value."""
    if isinstance(value, bool | np.bool_ | str) or value is None:
        return value
    if isinstance(value, int | np.integer):
        there = round(value * factor)
        return there if there != value else value + (1 if factor > 1 else -1)
    if isinstance(value, float | np.floating | np.ndarray):
        return value * type(value)(factor) if not isinstance(value, np.ndarray) else value * factor
    if isinstance(value, dict):
        return {key: moved(one, factor) if isinstance(one, float) else one for key, one in value.items()}
    if isinstance(value, tuple | list) and type(value) in (tuple, list):
        return type(value)(moved(one, factor) for one in value)
    return value


class _Mover(importlib.abc.MetaPathFinder):
    """Imports one module with one constant moved, and notes the value that it had."""

    def __init__(self, constant: Constant, factor: float) -> None:
        self.constant, self.factor, self.value = constant, factor, None

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name != self.constant.module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = _Loader(name, spec.origin, self)
        return spec

    def change(self, value: Any) -> Any:
        self.value = value
        return moved(value, self.factor)


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, mover: _Mover) -> None:
        super().__init__(name, path)
        self.mover = mover

    def get_code(self, fullname: str) -> Any:
        """Compile the module with a call that moves the constant right after its assignment."""
        tree = ast.parse(Path(self.path).read_text("utf-8"))
        name = self.mover.constant.name
        for index, node in enumerate(tree.body):
            if name in _targets(node):
                change = ast.parse(f"{name} = __moved__({name})").body[0]
                tree.body.insert(index + 1, ast.copy_location(change, node))
                break
        return compile(ast.fix_missing_locations(tree), self.path, "exec")

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__moved__"] = self.mover.change
        super().exec_module(module)


def _room(name: str) -> ModuleType:
    path = ROOMS / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"calibrating_{name}", path)
    if spec is None or spec.loader is None or not path.is_file():
        known = ", ".join(sorted(file.stem for file in ROOMS.glob("*.py")))
        sys.exit(f"there is no {path.relative_to(ROOT)}; rooms: {known}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _work(room: str, constant: Constant | None, factor: float, pipe: Any) -> None:
    value = ""
    try:
        if constant is not None:
            mover = _Mover(constant, factor)
            sys.meta_path.insert(0, mover)
            importlib.import_module(constant.module)
            value = repr(mover.value)
            if repr(moved(mover.value, 1.3)) == value:
                pipe.send(Answer("", {}))  # it holds no number
                return
        pipe.send(Answer(value, _room(room).score(None if constant is None else constant.module)))
    except Exception as error:  # noqa: BLE001 - any failure is a finding of the table
        file = Path(traceback.extract_tb(error.__traceback__)[-1].filename).name
        pipe.send(Answer(value, {}, f"{type(error).__name__} in {file}: {error}"))


def scored(room: str, constant: Constant | None = None, factor: float = 1.0) -> Answer:
    """Score a room in a process of its own, with one constant moved, or with none."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(room, constant, factor, sender))
    # OpenCV's threads do not come along to a fork, which would wait for them for ever: it begins without any.
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    process.start()
    cv2.setNumThreads(threads)
    sender.close()
    try:
        answer: Answer = receiver.recv()
    except EOFError:
        answer = Answer("", {}, "the process ended without an answer")
    process.join()
    return answer


def movement(base: Score, there: Score) -> tuple[float, str]:
    """How far the most moved figure moved, in smallest changes that matter, and what to print of it."""
    most, words = 0.0, "moves nothing"
    for name, (now, step) in there.items():
        value = base[name][0]
        if math.isnan(value) and math.isnan(now):
            continue
        far = abs(now - value) / step if not math.isnan(now - value) else math.inf
        if far > max(most, STILL):
            most, words = far, f"{name} {value:.3g} to {now:.3g}"
    return most, words


def _cell(base: Score, answer: Answer) -> tuple[float, str]:
    if answer.failure:
        return math.inf, f"fails: {answer.failure}"[:120]
    far, words = movement(base, answer.score)
    return far, words if far == 0 or math.isinf(far) else f"{words} ({far:.1f})"


def _shown(value: str) -> str:
    short = re.sub(r"\s+", " ", value).replace("|", "\\|")
    short = re.sub(r"np\.float\d+\(([^)]*)\)", r"\1", short)
    return short if len(short) <= 48 else short[:45] + "..."


def main() -> None:
    """Move every constant of a room and write its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("room")
    parser.add_argument("--only", nargs="*", default=[], help="Names of constants, or of their modules.")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, help="Default: docs/calibration/ROOM.md.")
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    text = (ROOMS / f"{args.room}.py").read_text("utf-8") if (ROOMS / f"{args.room}.py").is_file() else ""
    # Read, not imported: nothing of prodgen may be loaded before its constants are moved.
    literals = {
        name: ast.literal_eval(node.value)
        for node in ast.parse(text).body
        for name in ("MODULES", "NOTE")
        if name in _targets(node)
    }
    modules = literals.get("MODULES")
    if modules is None:
        sys.exit(f"benchmarks/calibrating/{args.room}.py with a literal MODULES is needed")
    chosen = [
        one
        for one in constants(modules)
        if not args.only or one.name in args.only or one.module.rpartition(".")[2] in args.only
    ]
    base = scored(args.room)
    if base.failure:
        sys.exit(base.failure)
    print(", ".join(f"{name} {value:.3g}" for name, (value, _) in base.score.items()), flush=True)
    rows = []
    with ThreadPoolExecutor(args.jobs) as pool:
        tried = pool.map(lambda one: (one, [scored(args.room, one, factor) for factor in FACTORS]), chosen)
        for one, answers in tried:
            if not answers[0].value:
                continue
            cells = [_cell(base.score, answer) for answer in answers]
            most = max(far for far, _ in cells)
            rows.append((most, one, answers[0].value, [words for _, words in cells]))
            print(f"{one.module}.{one.name} {most:.2f}: {cells[0][1]} | {cells[1][1]}", flush=True)
    if not args.only or args.output:
        page = table(args.room, base.score, rows, literals.get("NOTE", ""))
        output = args.output or ROOT / "docs" / "calibration" / f"{args.room}.md"
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(page, "utf-8")


def table(room: str, base: Score, rows: list[tuple[float, Constant, str, list[str]]], note: str) -> str:
    """The page, as Markdown; what moves the result most comes first."""
    lines = [
        f"# What the numbers of {room} decide",
        "",
        f"Made by `python benchmarks/calibration.py {room}`: each constant is moved by 30 % down and up,",
        f"alone, and the room is scored again (`benchmarks/calibrating/{room}.py`). Shown is the figure that",
        "moved most, and in brackets how far, in smallest changes that matter.",
        "",
        "| figure | value | smallest change that matters |",
        "|---|---|---|",
        *(f"| {name} | {value:.4g} | {step:.3g} |" for name, (value, step) in base.items()),
        "",
        "| constant | value | what it is | data | at -30 % | at +30 % |",
        "|---|---|---|---|---|---|",
    ]
    for _, one, value, cells in sorted(rows, key=lambda row: (-row[0], row[1].module, row[1].name)):
        name = f"`{one.module.removeprefix('prodgen.')}.{one.name}`"
        texts = [one.says, one.data, *cells]
        lines.append(
            f"| {name} | {_shown(value)} | " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"
        )
    still = sum(most == 0 for most, *_ in rows)
    lines += ["", f"{len(rows)} constants, {still} of which move nothing here. {note}".rstrip()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
