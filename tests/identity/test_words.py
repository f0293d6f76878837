"""What a person reads about a verdict: plain words first, a remedy, the numbers last."""

from __future__ import annotations

import pytest

from prodgen import identity
from prodgen.identity import Likeness, Limit, Verdict

SAME = Likeness(
    delta_e_mean=0.4,
    delta_e_p95=1.0,
    delta_e_worst_region=0.9,
    worst_region=(0.5, 0.5),
    chroma_error_median=0.2,
    chroma_error_p95=0.6,
    detail=0.99,
    gradient=0.99,
    print_agreement=0.98,
    print_sharpness=1.0,
    outline_growth_percent=0.1,
    light_kept=0.95,
)


def changed(**numbers: float) -> Likeness:
    return SAME.model_copy(update=numbers)


def test_a_product_that_passes_is_said_to_have_kept_what_was_measured():
    assert identity.headline(SAME.verdict(), SAME) == (
        "the product kept its colours, its surface, its print and its outline"
    )
    plain = changed(print_agreement=None, outline_growth_percent=None)
    assert identity.headline(plain.verdict(), plain) == "the product kept its colours and its surface"


@pytest.mark.parametrize(
    ("shares", "sentence"),
    [
        (
            {"metal_percent": 62.2},
            "its colours, its surface, its print and its outline; not compared: the colours of 62 % of it,"
            " bare metal",
        ),
        (
            {"metal_percent": 99.8},
            "its surface, its print and its outline; not compared: the colours of 100 % of it, bare metal",
        ),
        (
            {"see_through_percent": 40.0},
            "its colours, its surface, its print and its outline; not compared: 40 % of it, which one sees"
            " through",
        ),
        ({"metal_percent": 0.3}, "its colours, its surface, its print and its outline"),
    ],
)
def test_what_was_not_compared_is_not_said_to_have_been_kept(shares, sentence):
    part = changed(**shares)

    assert identity.headline(part.verdict(), part) == f"the product kept {sentence}"


def test_a_failure_is_said_in_plain_words_with_a_remedy_and_the_numbers_last():
    wrong = changed(delta_e_p95=33.3, hue_error_deg=40.0)

    (reason,) = identity.reasons(wrong.verdict())

    plain, _, rest = reason.partition(": ")
    assert plain == "the product's colours changed" == identity.headline(wrong.verdict(), wrong)
    assert "--blend" in rest
    assert rest.endswith(
        "(failed: colour, 95th percentile 33.30 dE is above 20,"
        " hue of the worst colour 40.00 degrees is above 20)"
    )


def test_no_other_seed_is_advised_where_none_changes_the_picture():
    wrong = changed(
        delta_e_p95=33.3, print_agreement=0.1, detail=0.1, outline_growth_percent=4.0, light_kept=0.1
    )

    drawn, pasted = (" ".join(identity.reasons(wrong.verdict(), is_drawn_by_seed=x)) for x in (True, False))

    assert drawn.count("try another seed") == 5
    assert "seed" not in pasted
    assert ": take less of the scene's light" in pasted


def test_a_number_below_its_least_is_said_to_be_below():
    (reason,) = identity.reasons(changed(detail=0.2).verdict())

    assert "detail 0.20 is below 0.55" in reason


def test_failures_are_said_before_warnings_and_alone_where_only_they_are_asked_for():
    both = changed(delta_e_p95=10.0, print_agreement=0.1).verdict()

    failed, warned = identity.reasons(both)

    assert failed.startswith("the print on the product changed")
    assert "warning" in warned
    assert identity.reasons(both, only_failures=True) == (failed,)
    assert identity.headline(both, SAME) == "the print on the product changed"


def test_a_warning_names_what_to_look_at():
    doubtful = changed(delta_e_p95=10.0, print_agreement=0.8)

    assert identity.headline(doubtful.verdict(), doubtful) == (
        "nearly the same product: look at its colours and its print"
    )


def test_a_product_that_is_not_there_is_said_to_be_not_there():
    missing = Verdict(profile="editorial", is_product_found=False)

    assert missing.status == "fail"
    assert "cannot be found" in identity.headline(missing, None)
    assert "--matte" in identity.reasons(missing)[0]


@pytest.mark.parametrize("profile", identity.profiles())
def test_every_number_with_a_limit_belongs_to_something_a_person_can_look_at(profile):
    for name, limit in identity.profile_limits(profile).items():
        worse = limit.fail - 1 if limit.is_least else limit.fail + 1
        (reason,) = identity.reasons(changed(**{name: worse}).verdict(profile))

        assert "see docs" not in reason, name


def test_a_number_that_only_ones_own_limits_judge_is_said_too():
    verdict = SAME.verdict("mine", limits={"light_contrast": Limit(warn=-2, fail=-1)})

    (reason,) = identity.reasons(verdict)

    assert "contrast of the light 0.00 is above -1" in reason


def test_the_summary_is_one_line_with_words_before_verdict_and_numbers():
    summary = identity.summary(SAME.verdict(), SAME)

    assert summary.startswith("the product kept its colours")
    assert "(pass: colour dE 0.4" in summary
    assert "\n" not in summary


def test_weakened_light_is_a_notice_and_so_is_each_broken_limit():
    mended = changed(repaired_percent=14.3, delta_e_p95=33.0)

    weakened, reason = identity.notices(mended.verdict(), mended)

    assert "weakened on 14 % of the product" in weakened
    assert reason.startswith("the product's colours changed")
    assert identity.notices(SAME.verdict(), SAME) == ()


def test_every_measured_number_has_a_plain_name_of_its_own():
    numbers = [name for name in Likeness.model_fields if name != "worst_region"]

    plain = {name: identity.named(name)[0] for name in numbers}

    assert len(set(plain.values())) == len(numbers)
    assert not [name for name in plain.values() if "_" in name or "delta e" in name]


def test_a_number_of_a_story_that_is_not_known_keeps_its_name():
    assert identity.named("shoe_size", "44") == ("shoe size", "44")
