"""The mutation job makes the changes that it says, and each leaves a file that Python reads."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

SOURCE = '''"""A docstring with 3 numbers."""

LIMIT = 2.0
TINY = 1e-6


def is_far(values: list[float], index: int = 0) -> bool:
    """Say whether 1 of them is."""
    return any(abs(value) > LIMIT and value is not None for value in values)
'''


@pytest.fixture
def sites(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "mutation"))
    import sites as module

    yield module
    del sys.modules["sites"]


def changed(sites, text: str = SOURCE) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for mutant in sites.mutants("toy.py", text):
        found.setdefault(mutant.kind, []).append(mutant.applied_to(text))
    return found


def test_a_number_is_tripled_cut_to_a_third_and_raised_by_one(sites):
    numbers = [text.splitlines()[2] for text in changed(sites)["number"][:3]]
    assert numbers == ["LIMIT = 6.0", "LIMIT = 0.6", "LIMIT = 3.0"]


def test_guards_docstrings_and_annotations_stay(sites):
    numbers = changed(sites)["number"]
    assert all(
        "TINY = 1e-6" in text and "with 3 numbers" in text and "whether 1 of" in text for text in numbers
    )


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("comparison", "    return any(abs(value) <= LIMIT and value is not None for value in values)"),
        ("and/or", "    return any(abs(value) > LIMIT or value is not None for value in values)"),
        ("abs", "    return any((value) > LIMIT and value is not None for value in values)"),
        ("any/all, min/max", "    return all(abs(value) > LIMIT and value is not None for value in values)"),
        ("return", "    return not (any((abs(value) > LIMIT and value is not None for value in values)))"),
    ],
)
def test_each_kind_of_change_is_made_where_it_stands(sites, kind, line):
    assert line in [text.splitlines()[8] for text in changed(sites)[kind]]


def test_a_dropped_notice_and_a_dropped_refusal_are_changes_too(sites):
    source = "def f(notices: list[str]) -> None:\n    notices.append('x')\n    raise ValueError\n"
    found = changed(sites, source)
    assert found["notice"] == [source.replace("notices.append('x')", "pass")]
    assert found["raise"] == [source.replace("raise ValueError", "pass")]


def test_every_change_leaves_a_file_that_python_reads(sites):
    for name in ("identity/verdict.py", "shading/field.py", "client/client.py"):
        text = (ROOT / "prodgen" / name).read_text("utf-8")
        for mutant in sites.mutants(name, text):
            compile(mutant.applied_to(text), name, "exec")


def test_a_change_for_another_version_of_the_file_is_refused(sites):
    mutant = next(iter(sites.mutants("toy.py", SOURCE)))
    with pytest.raises(ValueError, match="changed since"):
        mutant.applied_to("#" + SOURCE)


def test_each_change_that_once_went_unnoticed_still_has_its_place():
    entries = tomllib.loads((ROOT / "benchmarks" / "mutation" / "named.toml").read_text("utf-8"))["mutant"]
    texts = {entry["file"]: (ROOT / entry["file"]).read_text("utf-8") for entry in entries}

    assert len(entries) >= 12
    for entry in entries:
        found = texts[entry["file"]].count(entry["before"])
        assert found == 1, f"{entry['name']}: its text stands {found} times in {entry['file']}, not once"


@pytest.mark.parametrize(
    ("noticed", "tried", "below"),
    [
        (2, 6, False),
        (0, 6, False),
        (8, 40, True),
        (12, 40, False),
        (0, 40, True),
        (0, 0, False),
        (6, 6, False),
    ],
)
def test_a_sample_fails_the_floor_only_if_that_is_no_accident(
    monkeypatch: pytest.MonkeyPatch, noticed: int, tried: int, below: bool
):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "mutation"))
    import mutants

    assert mutants.is_below(noticed, tried, 0.35) is below
