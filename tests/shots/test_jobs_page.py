"""The pages of jobs and controls say what the recipes say, and have the pictures that their examples make."""

from __future__ import annotations

import runpy

import pytest
from PIL import Image

from prodgen.shots import Recipe, builtin_recipes


@pytest.fixture(scope="module")
def example(root):
    return runpy.run_path(str(root / "examples" / "jobs.py"))


def test_the_page_of_jobs_is_up_to_date(example, root):
    assert (root / "docs" / "jobs.md").read_text("utf-8") == example["page"](), (
        "run: python examples/jobs.py --page-only"
    )


def test_the_page_has_every_recipe_that_brings_a_scene(example):
    assert {name for name in builtin_recipes() if Recipe.load(name).prompt} == set(example["JOBS"]) - {
        "packshot"
    }


def test_every_job_has_its_picture(example, root):
    for name in example["JOBS"]:
        with Image.open(root / "docs" / "images" / "jobs" / f"{name}.jpg") as picture:
            assert max(picture.size) == example["SIDE"]


def test_every_sheet_of_controls_is_there_and_shown(root):
    example = runpy.run_path(str(root / "examples" / "controls.py"))
    pages = "".join((root / "docs" / name).read_text("utf-8") for name in ("craft.md", "recipes.md"))

    for file, _pictures in example["SHEETS"].values():
        assert f"(images/{file})" in pages
        with Image.open(root / "docs" / "images" / file) as picture:
            assert picture.width == example["SIDE"] * example["COLUMNS"]
    words = " ".join(pages.split())
    assert [prompt for _photo, prompt in example["SCENES"] if f'"{prompt}"' not in words] == []
