"""The page about what each number catches: made by its script, and true."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def checks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("checks", ROOT / "benchmarks/identity/checks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_clean_result_passes(checks):
    assert checks.measured(None).verdict(checks.PROFILE).status == "pass"


ALONE = [
    ("faint colour blotches", "delta_e_mean"),
    ("black ink turned brown", "delta_e_p95"),
    ("one patch green", "delta_e_worst_region"),
    ("hue turned by 5 degrees", "chroma_error_median"),
    ("orange dye blotched", "chroma_error_p95"),
    ("the seal another green", "hue_error_deg"),
    ("blue darker by a stop and a half", "material_shift_stops"),
    ("blue almost black", "material_shift_stops"),
    ("linen exchanged", "detail"),
    ("linen smoothed to plastic", "detail"),
    ("fine grain", "detail"),
    ("pinstripes moved", "gradient"),
    ("one word displaced", "print_agreement"),
    ("print faded by 18 %", "print_sharpness"),
    ("grown by 2 %", "outline_growth_percent"),
    ("white fringe", "halo"),
    ("highlight over the label", "white_clipping_percent"),
    ("blacks crushed", "black_clipping_percent"),
    ("a part lost with its matte", "missing_percent"),
    ("light made flat", "light_kept"),
    ("lit from the other side", "light_angle_error_deg"),
]

NEEDS_A_READER = {"text_errors_percent"}
"""Told by tesseract where it is installed; strokes drawn as rectangles hold no words for it."""


@pytest.mark.parametrize(("spoiling", "number"), ALONE)
def test_a_spoiling_that_one_number_alone_catches(checks, spoiling, number):
    assert checks.failing(checks.measured(spoiling)) == {number}


def test_no_number_has_a_limit_without_a_spoiling_that_it_alone_catches(checks):
    limited = set(checks.identity.profile_limits(checks.PROFILE))

    assert limited - NEEDS_A_READER == {number for _, number in ALONE}


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
