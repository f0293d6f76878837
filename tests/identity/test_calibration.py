"""The calibration benchmark: finds numbers, moves them for everybody who imports them, and says how far."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def calibration() -> ModuleType:
    spec = importlib.util.spec_from_file_location("calibration", ROOT / "benchmarks/calibration.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["calibration"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["calibration"]


@pytest.fixture
def rooms(calibration, tmp_path, monkeypatch):
    """A source tree with one package of two modules, and a room that scores it."""
    (tmp_path / "toyroom").mkdir()
    (tmp_path / "toyroom" / "__init__.py").write_text("")
    (tmp_path / "toyroom" / "numbers.py").write_text(
        'WIDE, TALL = 10.0, 2\n"""Sizes. Measured on two boxes. More words."""\n\n'
        'NAME = "box"\n"""No number."""\n\nIDLE = 5.0\n"""Is used by nothing."""\n'
    )
    (tmp_path / "toyroom" / "sizes.py").write_text(
        "from toyroom.numbers import TALL, WIDE\n\n\ndef area(wide: float = WIDE) -> float:\n"
        "    return wide * TALL\n"
    )
    (tmp_path / "toy.py").write_text(
        'MODULES = ("toyroom",)\n\n\ndef score(module):\n    from toyroom.sizes import area\n\n'
        '    return {"area": (area(), 1.0)}\n'
    )
    monkeypatch.setattr(calibration, "ROOT", tmp_path)
    monkeypatch.setattr(calibration, "ROOMS", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_constant_is_moved_for_modules_that_import_it_and_in_defaults(calibration, rooms):
    found = {one.name: one for one in calibration.constants(("toyroom",))}

    assert calibration.scored("toy").score == {"area": (20.0, 1.0)}
    assert calibration.scored("toy", found["WIDE"], 1.3).score["area"][0] == pytest.approx(26.0)
    # A whole number stays whole: 2 becomes 3, not 2.6.
    assert calibration.scored("toy", found["TALL"], 1.3).score["area"][0] == 30.0


def test_the_docstring_says_what_a_constant_is_and_on_what_it_was_measured(calibration, rooms):
    wide = next(one for one in calibration.constants(("toyroom",)) if one.name == "WIDE")

    assert (wide.says, wide.data) == ("Sizes.", "Measured on two boxes.")


def test_what_holds_no_number_is_no_row_and_what_moves_nothing_is_said_so(calibration, rooms, monkeypatch):
    output = rooms / "toy.md"
    monkeypatch.setattr(sys, "argv", ["calibration.py", "toy", "-o", str(output)])

    calibration.main()

    page = output.read_text()
    assert "NAME" not in page
    assert "| `toyroom.numbers.WIDE` | 10.0 | Sizes. | Measured on two boxes. | area 20 to 14 (6.0)" in page
    assert "moves nothing | moves nothing" in page
    assert "3 constants, 1 of which move nothing here." in page


def test_a_score_that_fails_is_a_finding(calibration, rooms):
    (rooms / "toyroom" / "sizes.py").write_text(
        "from toyroom.numbers import WIDE\n\n\ndef area() -> float:\n    return 1 / (WIDE - 13)\n"
    )
    wide = next(one for one in calibration.constants(("toyroom",)) if one.name == "WIDE")

    assert "ZeroDivisionError in sizes.py" in calibration.scored("toy", wide, 1.3).failure


def test_the_figure_that_moved_most_in_its_own_unit_is_shown(calibration):
    base = {"fine": (1.0, 0.01), "coarse": (100.0, 50.0), "lost": (np.nan, 1.0)}
    there = {"fine": (1.1, 0.01), "coarse": (140.0, 50.0), "lost": (np.nan, 1.0)}

    far, words = calibration.movement(base, there)

    assert (round(far), words) == (10, "fine 1 to 1.1")
    assert calibration.movement(base, base) == (0.0, "moves nothing")


@pytest.mark.parametrize("room", ["cutout", "identity", "light", "shadows"])
def test_every_number_that_decides_says_where_it_comes_from(calibration, room):
    rooms = Path(calibration.ROOMS)
    tree = ast.parse((rooms / f"{room}.py").read_text("utf-8"))
    modules = next(
        ast.literal_eval(node.value) for node in tree.body if calibration._targets(node) == ["MODULES"]
    )
    silent = []
    for one in calibration.constants(modules):
        value = getattr(importlib.import_module(one.module), one.name)
        is_number = repr(calibration.moved(value, 1.3)) != repr(value)
        if is_number and not one.data:
            silent.append(f"{one.module}.{one.name}")

    assert silent == []
