"""The page about what each number catches: made by its script, and true."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def checks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("checks", ROOT / "benchmarks/identity/checks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_clean_result_passes(checks):
    assert checks.measured(None).verdict(checks.PROFILE).status == "pass"


@pytest.mark.parametrize(
    ("spoiling", "number"),
    [
        ("hue turned by 8 degrees", "chroma_error_median"),
        ("one patch green", "delta_e_worst_region"),
        ("one word displaced", "print_agreement"),
        ("print faded by a fifth", "print_sharpness"),
        ("fine grain", "gradient"),
        ("highlight over the label", "white_clipping_percent"),
        ("blacks crushed", "black_clipping_percent"),
        ("light made flat", "light_kept"),
        ("lit from the other side", "light_angle_error_deg"),
        ("white fringe", "halo"),
    ],
)
def test_a_spoiling_that_one_number_alone_catches(checks, spoiling, number):
    assert checks.failing(checks.measured(spoiling)) == {number}


@pytest.mark.parametrize(
    "spoiling",
    [
        "hue turned by 40 degrees",
        "half the saturation",
        "blurred by 2.5 px",
        "ghost at 9 px",
        "shifted by 3 px",
        "grown by 2 %",
        "text replaced",
    ],
)
def test_a_seeded_spoiling_fails_the_strict_profile_and_never_passes_the_loose_one(checks, spoiling):
    found = checks.measured(spoiling)

    assert found.verdict("catalogue").status == "fail"
    assert found.verdict("editorial").status != "pass"
