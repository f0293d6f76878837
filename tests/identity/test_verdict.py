"""Limits and verdicts: which numbers are judged, in which direction, and what a broken limit records."""

from __future__ import annotations

import pytest

from prodgen import identity
from prodgen.errors import SettingError
from prodgen.identity import BrokenLimit, Likeness, Limit, Verdict, tightest

SAME = Likeness(
    delta_e_mean=0.4,
    delta_e_p95=1.0,
    delta_e_worst_region=0.9,
    worst_region=(0.5, 0.5),
    chroma_error_median=0.2,
    chroma_error_p95=0.6,
    detail=0.99,
    gradient=0.99,
)


@pytest.mark.parametrize("percent", [-3.0, 3.0])
def test_an_outline_may_neither_grow_nor_shrink(percent):
    changed = SAME.model_copy(update={"outline_growth_percent": percent})

    (broken,) = changed.verdict().broken

    # The sign stays: whoever reads it must know whether it grew.
    assert broken == BrokenLimit(
        number="outline_growth_percent", value=percent, bound=2.5, status="fail", is_least=False
    )


def test_a_number_at_its_limit_is_still_within_it():
    limit = Limit(warn=1.0, fail=2.0)

    assert [limit.judge(value) for value in (1.0, 1.01, 2.0, 2.01)] == ["pass", "warn", "warn", "fail"]


def test_where_small_is_bad_smaller_is_worse():
    limit = Limit(warn=0.9, fail=0.8, is_least=True)

    assert [limit.judge(value) for value in (0.95, 0.9, 0.85, 0.8, 0.75)] == [
        "pass",
        "pass",
        "warn",
        "warn",
        "fail",
    ]


def test_the_worst_number_is_the_verdict_and_failures_come_first():
    changed = SAME.model_copy(update={"delta_e_mean": 4.0, "detail": 0.1})

    verdict = changed.verdict()

    assert verdict.status == "fail"
    assert [(limit.number, limit.status) for limit in verdict.broken] == [
        ("detail", "fail"),
        ("delta_e_mean", "warn"),
    ]
    assert [limit.number for limit in verdict.failures] == ["detail"]


def test_what_was_not_measured_is_not_judged():
    assert SAME.print_agreement is None
    assert SAME.verdict("catalogue") == Verdict(profile="catalogue")
    assert SAME.verdict("catalogue").status == "pass"


@pytest.mark.parametrize(("percent", "bound"), [(39.0, 8.0), (41.0, 14.0)])
def test_a_mirror_has_wider_colour_limits_where_the_profile_says_so(percent, bound):
    gaudy = SAME.model_copy(update={"delta_e_mean": 15.0, "mirrored_percent": percent})

    (broken,) = gaudy.verdict("editorial").failures

    assert broken.bound == bound


def test_a_bound_of_warning_is_recorded_for_a_warning():
    (broken,) = SAME.model_copy(update={"delta_e_mean": 4.0}).verdict().broken

    assert (broken.status, broken.bound) == ("warn", 3.0)


def test_a_verdict_survives_json():
    verdict = SAME.model_copy(update={"detail": 0.1}).verdict()

    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


def test_a_limit_with_an_unknown_word_is_refused():
    with pytest.raises((SettingError, ValueError), match="warm"):
        identity.read_limits("[mine]\ndetail = { warm = 1, fail = 2 }")


def test_limits_that_are_no_toml_are_refused_in_one_sentence():
    with pytest.raises(SettingError, match="not valid TOML"):
        identity.read_limits("[mine")


@pytest.mark.parametrize(
    ("limit", "value", "strain"),
    [
        (Limit(warn=3, fail=8), 4.0, 0.5),
        (Limit(warn=3, fail=8), 16.0, 2.0),
        (Limit(warn=0.75, fail=0.5, is_least=True), 0.75, 0.5),
        (Limit(warn=0.75, fail=0.5, is_least=True), 1.2, 0.0),
        (Limit(warn=1.2, fail=2.5, is_magnitude=True), -2.5, 1.0),
    ],
)
def test_strain_is_the_share_of_the_way_from_ideal_to_failure(limit, value, strain):
    assert limit.strain(value) == pytest.approx(strain)


def test_the_tightest_number_is_the_nearest_to_failing_whatever_its_unit():
    numbers = {
        "delta_e_mean": 2.0,
        "detail": 0.64,
        "halo": 3.0,
        "print_agreement": None,
        "worst_region": [0, 0],
    }

    assert tightest(numbers, "editorial") == ("detail", pytest.approx(0.8))
    assert tightest({}, "editorial") is None


def test_a_mirror_is_strained_by_its_own_limits():
    assert tightest({"delta_e_mean": 7.0, "mirrored_percent": 80.0}, "editorial") == ("delta_e_mean", 0.5)
