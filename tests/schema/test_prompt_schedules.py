"""Prompts that change on the way, by A1111's documented examples (with ten steps)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prodgen.schema.prompt_schedules import PromptShare, schedule, split_shares

EXAMPLES = {
    "test": [(10, "test")],
    "a [b:3]": [(3, "a "), (10, "a b")],
    "a [b: 3]": [(3, "a "), (10, "a b")],
    "a [[[b]]:2]": [(2, "a "), (10, "a [[b]]")],
    "[(a:2):3]": [(3, ""), (10, "(a:2)")],
    "a [b : c : 1] d": [(1, "a b  d"), (10, "a  c  d")],
    "a[b:[c:d:2]:1]e": [(1, "abe"), (2, "ace"), (10, "ade")],
    "a [unbalanced": [(10, "a [unbalanced")],
    "a [b:.5] c": [(5, "a  c"), (10, "a b c")],
    "((a][:b:c [d:3]": [(3, "((a][:b:c "), (10, "((a][:b:c d")],
    "[a|(b:1.1)]": [(call, "a" if call % 2 else "(b:1.1)") for call in range(1, 11)],
    "a [b::4] c": [(4, "a b c"), (10, "a  c")],
    "[b:99]": [(10, "")],
    "[a:b:1.0]": [(10, "a")],
    "[a:b:1]": [(1, "a"), (10, "b")],
    "[a:b:0]": [(10, "b")],
    "[a:b:1.e9]": [(10, "a")],
    "[a:b:1e999]": [(10, "a")],
    r"\[b:3\]": [(10, r"\[b:3\]")],
    "a | [b:3]": [(10, "a | [b:3]")],
    "[time 12:30 pm]": [(10, "[time 12:30 pm]")],
}
"""The first eleven are those of A1111's own documentation."""


@pytest.mark.parametrize("prompt", EXAMPLES)
def test_a_prompt_changes_when_a1111s_does(prompt):
    assert list(schedule(prompt, 10)) == EXAMPLES[prompt]


def test_the_long_example_of_a1111_has_its_five_spans():
    prompt = (
        "fantasy landscape with a [mountain:lake:0.25] and [an oak:a christmas tree:0.75]"
        "[ in foreground::0.6][ in background:0.25] [shoddy:masterful:0.5]"
    )

    assert schedule(prompt, 100) == (
        (25, "fantasy landscape with a mountain and an oak in foreground shoddy"),
        (50, "fantasy landscape with a lake and an oak in foreground in background shoddy"),
        (60, "fantasy landscape with a lake and an oak in foreground in background masterful"),
        (75, "fantasy landscape with a lake and an oak in background masterful"),
        (100, "fantasy landscape with a lake and a christmas tree in background masterful"),
    )


@given(st.text(alphabet="ab,:()[]|\\1. ", max_size=40))
def test_every_prompt_has_a_course_to_its_last_call(prompt):
    spans = schedule(prompt, 10)

    assert spans[-1][0] == 10
    assert [last for last, _ in spans] == sorted({last for last, _ in spans})


@given(st.text(alphabet="ab,()\\. ", max_size=40))
def test_a_prompt_without_square_brackets_is_left_alone(prompt):
    assert schedule(prompt, 10) == ((10, prompt),)


def test_and_joins_prompts_with_their_weights():
    assert split_shares("a cat :1.2 AND a dog AND x: y :-1") == (
        PromptShare("a cat", 1.2),
        PromptShare(" a dog", 1.0),
        PromptShare(" x: y", -1.0),
    )
    assert split_shares("sand AND\nstone")[1].text == "\nstone"
    assert split_shares("SAND, a castle:2") == (PromptShare("SAND, a castle:2", 1.0),)


@pytest.mark.parametrize("prompt", ["[" * 50_000 + "cat", "[a [(b] [c:" * 5000])
def test_brackets_that_are_never_closed_are_letters_however_many_there_are(prompt):
    assert schedule(prompt, 20) == ((20, prompt),)


def test_brackets_may_lie_in_each_other_as_deep_as_a_prompt_is_long():
    deep, count = "[" * 20_000, 20_000

    assert schedule(f"{deep}cat{']' * count}", 20) == ((20, f"{deep}cat{']' * count}"),)
    assert schedule(f"{deep}cat{':5]' * count}", 20) == ((5, ""), (20, "cat"))


def test_many_blanks_before_a_weight_of_a_share_cost_no_time():
    assert split_shares(f"a AND {' ' * 50_000}b :1.5")[1].weight == 1.5


@pytest.mark.parametrize(
    ("prompt", "spans"),
    [
        ("[cat:dog:0.5]", [(20, "dog")]),
        ("[cat:dog:1.5]", [(10, "cat"), (20, "dog")]),
        ("[cat:dog:5]", [(20, "dog")]),
        ("[cat:dog:14]", [(4, "cat"), (20, "dog")]),
        ("[cat:dog:1.0]", [(20, "dog")]),
    ],
)
def test_a_hires_pass_goes_on_where_the_first_pass_ended(prompt, spans):
    assert list(schedule(prompt, 20, calls_before=10)) == spans
