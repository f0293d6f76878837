"""What is installed: the version, and the files of a source distribution."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib import metadata

import pytest

import prodgen


@pytest.fixture(scope="module")
def project(root) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))


def test_an_installed_prodgen_knows_the_version_it_was_installed_as():
    try:
        installed = metadata.version("prodgen")
    except metadata.PackageNotFoundError:
        pytest.skip("prodgen runs from its source tree and is not installed")
    # An editable installation keeps the commit of its day; the release is the same.
    assert prodgen.__version__.split(".dev")[0] == installed.split(".dev")[0]


def test_the_version_is_not_written_down_a_second_time(project):
    assert "version" not in project["project"]
    assert project["project"]["dynamic"] == ["version"]


def test_a_source_distribution_holds_all_that_its_tests_read(project, root):
    packed = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    named = {
        name
        for path in (root / "tests").rglob("test_*.py")
        for name in re.findall(r'\b(?:root|ROOT) / "([^"]+)"', path.read_text("utf-8"))
    }

    assert [name for name in packed if not (root / name).exists()] == []
    assert sorted({name.split("/")[0] for name in named} - {*packed, "pyproject.toml"}) == []


def test_no_page_sends_people_to_an_address_that_is_not_one(root):
    pages = [root / "README.md", root / "CONTRIBUTING.md", *(root / "docs").rglob("*.md")]
    assert [
        page.name
        for page in pages
        if re.search(r"ADDRESS-OF|<your|example\.com/prodgen", page.read_text("utf-8"))
    ] == []


def test_the_small_network_is_packed_with_its_licence_and_its_credit(project, root):
    folder = root / "prodgen/cutout/u2netp"
    packed = project["tool"]["hatch"]["build"]["targets"]

    assert packed["wheel"]["packages"] == ["prodgen"]
    assert "prodgen" in packed["sdist"]["include"]
    ignored = subprocess.run(["git", "check-ignore", *folder.iterdir()], cwd=root, capture_output=True)
    assert ignored.stdout == b""  # the build leaves out what git ignores
    assert "Apache License" in (folder / "LICENSE.txt").read_text()
    assert "Xuebin Qin" in (folder / "CREDIT.txt").read_text()
    assert {f"prodgen/cutout/u2netp/{name}" for name in ("LICENSE.txt", "CREDIT.txt")} <= set(
        project["project"]["license-files"]
    )


def test_the_merges_of_clip_are_packed_with_their_credit(project, root):
    credit = "prodgen/engines/diffusers/CREDIT.txt"

    assert credit in project["project"]["license-files"]
    assert "Copyright (c) 2021 OpenAI" in (root / credit).read_text()


def test_a_network_needs_no_extra(project):
    assert [x for x in project["project"]["dependencies"] if x.startswith("rembg[cpu]")]
    assert set(project["project"]["optional-dependencies"]) >= {"rembg-gpu"}
    assert "rembg" not in project["project"]["optional-dependencies"]
