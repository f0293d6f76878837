"""The page of the usual jobs says what their recipes say, and has a picture of each."""

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
