"""Weights of words and chunks of tokens, by A1111's documented examples."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prodgen.engines.diffusers.prompt_weights import EmbeddingNames, chunks, weighted

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

COMMA = 0


def ids(text):
    """One token a word: its length; a comma is 0."""
    return [0 if word == "," else len(word) for word in text.replace(",", " , ").split()]


def tokens(prompt, **more):
    return [[slot.token for slot in chunk] for chunk in chunks(weighted(prompt), ids, comma=COMMA, **more)]


@pytest.mark.parametrize("prompt", EXAMPLES)
def test_words_have_the_weights_that_a1111_gives_them(prompt):
    made = [(piece.text, piece.weight) for piece in weighted(prompt)]

    assert [text for text, _ in made] == [text for text, _ in EXAMPLES[prompt]]
    assert [weight for _, weight in made] == pytest.approx([weight for _, weight in EXAMPLES[prompt]])


@given(st.text(alphabet="ab,:()[]\\1. ", max_size=40))
def test_no_prompt_is_refused_and_no_plain_word_is_lost(prompt):
    made = "".join(piece.text for piece in weighted(prompt))

    assert [c for c in made if c in "ab"] == [c for c in prompt if c in "ab"]


def test_break_ends_a_chunk_inside_brackets_too():
    assert [piece and piece.text for piece in weighted("a BREAK (b BREAK c)")] == ["a", None, "b", None, "c"]
    assert tokens("aa BREAK bbb (c BREAK dddd:1.2)") == [[2], [3, 1], [4]]
    assert tokens("aBREAKa") == [[7]]


def test_an_empty_prompt_is_one_empty_chunk():
    assert tokens("") == [[]]


def test_a_chunk_has_75_tokens():
    assert [len(chunk) for chunk in tokens("a " * 75)] == [75]
    assert [len(chunk) for chunk in tokens("a " * 76)] == [75, 1]


def test_a_clause_that_would_be_cut_moves_into_the_next_chunk_whole():
    made = tokens("a " * 60 + "," + " bb" * 20)

    assert made == [[1] * 60 + [0], [2] * 20]


def test_a_comma_far_back_moves_nothing():
    assert [len(chunk) for chunk in tokens("a " * 55 + "," + " bb" * 19 + " bb")] == [56, 20]
    assert [len(chunk) for chunk in tokens("a " * 54 + "," + " bb" * 20 + " bb")] == [75, 1]


def test_each_token_keeps_the_weight_of_its_words():
    slots = chunks(weighted("a (bb cc:1.5) d"), ids, comma=COMMA)[0]

    assert [(slot.token, slot.weight) for slot in slots] == [(1, 1.0), (2, 1.5), (2, 1.5), (1, 1.0)]


@dataclass(frozen=True)
class Learned:
    name: str
    rows: int

    @property
    def vectors(self):
        return ([self] * self.rows,)


def test_a_textual_inversion_takes_its_rows_in_place_of_its_name():
    names = EmbeddingNames.of([Learned("xxxxx", 3), Learned("xxxxx yy", 2)], ids)

    slots = chunks(weighted("a (xxxxx:1.2) xxxxx yy b"), ids, comma=COMMA, names=names)[0]

    assert [(slot.embedding and slot.embedding.name, slot.row, slot.weight) for slot in slots] == [
        (None, 0, 1.0),
        ("xxxxx", 0, 1.2),
        ("xxxxx", 1, 1.2),
        ("xxxxx", 2, 1.2),
        ("xxxxx yy", 0, 1.0),
        ("xxxxx yy", 1, 1.0),
        (None, 0, 1.0),
    ]


def test_a_textual_inversion_is_not_cut_by_a_chunks_end():
    names = EmbeddingNames.of([Learned("xxxxx", 4)], ids)

    made = chunks(weighted("a " * 73 + "xxxxx"), ids, comma=COMMA, names=names)

    assert [len(chunk) for chunk in made] == [73, 4]
