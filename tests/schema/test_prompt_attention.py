"""Weights of words, by A1111's documented examples."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prodgen.schema.prompt_attention import weighted

EXAMPLES = {
    "normal text": [("normal text", 1.0)],
    "an (important) word": [("an ", 1.0), ("important", 1.1), (" word", 1.0)],
    "(unbalanced": [("unbalanced", 1.1)],
    r"\(literal\]": [("(literal]", 1.0)],
    "(unnecessary)(parens)": [("unnecessaryparens", 1.1)],
    "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).": [
        ("a ", 1.0),
        ("house", 1.573),
        (" ", 1.1),
        ("on", 1.0),
        (" a ", 1.1),
        ("hill", 0.55),
        (", sun, ", 1.1),
        ("sky", 1.4641),
        (".", 1.1),
    ],
    "a (b: 1.5 ) c": [("a ", 1.0), ("b", 1.5), (" c", 1.0)],
    "(a:-1.5)": [("a", -1.5)],
    "time 12:30": [("time 12:30", 1.0)],
    "(a:1.2.3)": [("a:1.2.3)", 1.1)],
    r"back\slash": [("backslash", 1.0)],
    "[dim]": [("dim", 1 / 1.1)],
    ")]": [(")]", 1.0)],
    "": [],
}
"""The first six are those of A1111's own documentation."""


@pytest.mark.parametrize("prompt", EXAMPLES)
def test_words_have_the_weights_that_a1111_gives_them(prompt):
    made = [(piece.text, piece.weight) for piece in weighted(prompt)]

    assert [text for text, _ in made] == [text for text, _ in EXAMPLES[prompt]]
    assert [weight for _, weight in made] == pytest.approx([weight for _, weight in EXAMPLES[prompt]])


@given(st.text(alphabet="ab,:()[]\\1. ", max_size=40))
def test_no_prompt_is_refused_and_no_plain_word_is_lost(prompt):
    made = "".join(piece.text for piece in weighted(prompt))

    assert [c for c in made if c in "ab"] == [c for c in prompt if c in "ab"]


def test_break_is_a_piece_of_its_own_inside_brackets_too():
    assert [piece and piece.text for piece in weighted("a BREAK (b BREAK c)")] == ["a", None, "b", None, "c"]
    assert [piece.text for piece in weighted("BREAKFAST")] == ["BREAKFAST"]


@pytest.mark.parametrize(
    ("prompt", "last"),
    [("(a" * 30_000, "a"), ("[a" * 30_000, "a"), ("(:" * 30_000, ":"), (" " * 90_000 + "x", "x")],
)
def test_a_long_prompt_is_read_in_a_moment_whatever_is_in_it(prompt, last):
    begun = time.process_time()

    assert weighted(prompt)[-1].text.endswith(last)
    assert time.process_time() - begun < 5


def test_brackets_that_undo_each_other_leave_the_words_together():
    assert [piece.text for piece in weighted("a [(b)] (c [d)]")] == ["a b ", "c ", "d"]
