from __future__ import annotations

import gzip
import hashlib

import pytest

pytest.importorskip("tokenizers")

from prodgen.engines.diffusers.tokenizer import BEGIN, COMMA, END, MERGES_FILE, Tokenizer


def test_the_seven_known_tokens_of_a_photo_of_a_cat():
    ids = [BEGIN, *Tokenizer().ids("a photo of a cat"), END]

    assert ids == [49406, 320, 1125, 539, 320, 2368, 49407]


def test_the_vocabulary_is_clips_whole():
    vocabulary = Tokenizer().vocabulary()

    assert sorted(vocabulary.values()) == list(range(49408))
    assert (vocabulary["!"], vocabulary[",</w>"], vocabulary["<|startoftext|>"]) == (0, COMMA, BEGIN)


@pytest.mark.parametrize(
    "text",
    [
        "it's a DOG's  life, naïve 東京 12345 !!?? 👟 \n\t x_y",
        "don't (((masterpiece))), 8k, <lora:x:1>",
        "é ᚠ Straße",
        "cafe\u0301",  # an accent of its own is put onto its letter (NFC)
        "<|endoftext|> yes",
        "",
    ],
)
def test_it_cuts_as_the_tokenizer_of_transformers_does(text):
    transformers = pytest.importorskip("transformers")
    merges = [tuple(line.split()) for line in gzip.decompress(MERGES_FILE.read_bytes()).decode().splitlines()]
    theirs = transformers.CLIPTokenizer(vocab=Tokenizer().vocabulary(), merges=merges)

    assert Tokenizer().ids(text) == theirs(text, add_special_tokens=False)["input_ids"]


def test_the_packaged_merges_are_the_credited_ones():
    lines = gzip.decompress(MERGES_FILE.read_bytes())
    credit = (MERGES_FILE.parent / "CREDIT.txt").read_text()

    assert lines.count(b"\n") == 48_894
    assert hashlib.sha256(lines).hexdigest() in credit
