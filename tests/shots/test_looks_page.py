"""The page of looks says what the looks' data says."""

from __future__ import annotations

import runpy

import pytest
from PIL import Image

from prodgen.shots.layers import Grade
from prodgen.shots.stages.look import looks


@pytest.fixture(scope="module")
def example(root):
    return runpy.run_path(str(root / "examples" / "looks.py"))


def test_the_page_of_looks_is_up_to_date(example, root):
    assert (root / "docs" / "looks.md").read_text("utf-8") == example["page"](), (
        "run: python examples/looks.py --page-only"
    )


def test_the_page_names_every_look_with_its_words(example):
    text = example["page"]()

    for name, look in looks().items():
        assert f"\n## {name}\n" in text
        assert look.prompt in text
        assert look.negative_prompt in text


def test_a_grade_that_changes_nothing_is_called_none(example):
    assert example["grade_in_words"](Grade()) == "none"


def test_a_grade_is_told_in_per_cent_with_its_direction(example):
    grade = Grade(contrast=1.12, saturation=0.9, warmth=-0.05, lift=0.02)

    told = example["grade_in_words"](grade)

    assert told == "contrast +12 %, saturation -10 %, cooler by 5 %, blacks lifted to 2 %"


def test_the_sheet_of_looks_has_a_place_for_each_and_one_without(root, example):
    with Image.open(root / "docs" / "images" / "looks.jpg") as sheet:
        places = (sheet.width // example["SIDE"]) * (sheet.height // (example["SIDE"] + example["LABEL"]))

    assert places - len(looks()) - 1 in (0, 1, 2)
