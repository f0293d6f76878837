"""CONTRIBUTING.md tells the truth about where things are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
PLACES = re.findall(
    r"^\| ([^|`]+(?:`[^`]+`)?[^|`]*) \| `([^`]+)` \(`([^`]+)`\) \|$", TEXT, flags=re.MULTILINE
)


def test_the_list_has_at_least_twelve_tasks_each_with_one_file():
    rows = TEXT.split("## Where would I change this")[1].split("\n## ")[0].count("\n| ") - 1
    assert len(PLACES) == rows >= 12


@pytest.mark.parametrize(("task", "file", "thing"), PLACES, ids=[task for task, _, _ in PLACES])
def test_what_is_to_be_changed_stands_in_the_file_that_is_named(task, file, thing):
    assert thing in (ROOT / file).read_text("utf-8"), f"to {task}: {thing!r} does not stand in {file}"


def test_every_path_that_is_named_exists():
    named = re.findall(r"`((?:prodgen|docs|tests|benchmarks|\.ci|\.github)/[\w./-]*)`", TEXT)
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE))
    pages = [TEXT, *(path.read_text("utf-8") for path in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")])]
    named = {name for text in pages for name in re.findall(r"(?:^|`)make ([a-z][a-z-]*)\b", text, flags=re.M)}
    assert named - targets == set()
