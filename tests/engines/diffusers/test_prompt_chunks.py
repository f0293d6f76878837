"""Chunks of tokens, as A1111 lays them out."""

from __future__ import annotations

from dataclasses import dataclass

from prodgen.engines.diffusers.prompt_chunks import EmbeddingNames, chunks
from prodgen.schema.prompt_attention import weighted

COMMA = 0


def ids(text):
    """One token a word: its length; a comma is 0."""
    return [0 if word == "," else len(word) for word in text.replace(",", " , ").split()]


def tokens(prompt, **more):
    return [[slot.token for slot in chunk] for chunk in chunks(weighted(prompt), ids, comma=COMMA, **more)]


def test_break_ends_a_chunk_inside_brackets_too():
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


def test_a_comma_of_the_chunk_before_moves_nothing():
    assert [len(chunk) for chunk in tokens("a " * 60 + ", BREAK " + "bb " * 76)] == [61, 75, 1]


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
