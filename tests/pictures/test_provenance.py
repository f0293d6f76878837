"""What a picture says about itself survives every format, and damage is named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prodgen import files, provenance
from prodgen.errors import ImageError

words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60)


@given(words)
def test_a_story_is_read_back_from_the_xmp_alone(prompt):
    chunks = provenance.text_chunks(
        {"prompt": prompt}, infotext="", source_type=provenance.COMPOSITE_SYNTHETIC
    )

    only_xmp = {provenance.XMP_KEY: chunks[provenance.XMP_KEY]}

    assert provenance.read_story(only_xmp) == {"prompt": prompt}


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".tif"])
def test_every_format_carries_story_and_mark(tmp_path, ending):
    story = {"prompt": '<mug> & "küche" 夕', "seed": 4}
    chunks = provenance.text_chunks(
        story, infotext="a mug\nSteps: 2", source_type=provenance.COMPOSITE_WITH_TRAINED_MEDIA
    )

    files.save(tmp_path / f"a{ending}", np.zeros((8, 8, 3), np.float32), text=chunks)

    back = files.read_text(tmp_path / f"a{ending}")
    assert provenance.read_story(back) == story
    assert provenance.read_source_type(back) == "compositeWithTrainedAlgorithmicMedia"


def test_a_picture_of_another_program_has_no_story():
    with pytest.raises(ImageError, match="no prodgen story"):
        provenance.read_story({"parameters": "a mug"})


@pytest.mark.parametrize("text", ["{", "[]", "nonsense", "[" * 100_000, '{"a":' + "[" * 90 + "]" * 90 + "}"])
def test_a_damaged_story_is_named(text):
    with pytest.raises(ImageError, match="damaged"):
        provenance.read_story({provenance.KEY: text})


def test_the_infotext_is_where_a1111_looks_for_it():
    chunks = provenance.text_chunks(
        {}, infotext="a bag\nSteps: 2", source_type=provenance.COMPOSITE_SYNTHETIC
    )

    assert chunks["parameters"] == "a bag\nSteps: 2"
