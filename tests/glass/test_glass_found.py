"""A product is taken for glass where words and photograph say so; a white mug never becomes a ghost."""

from __future__ import annotations

import pytest

from prodgen.glass import find_glass, named_glass
from tests.glass.glass_photo import BODY, jar, matte_of_jar, sweep


@pytest.mark.parametrize(
    "prompt",
    [
        "glass bottle on mossy ground",
        "A clear glass jar in a kitchen, morning",
        "wine glass on an oak table",
        "product photo of a transparent bottle beside a stone",
        "empty glass on a bar",
        "glass bottle of water in snow",
        "glass vase on white marble, no people",
        "clear perfume bottle on silk",
    ],
)
def test_a_prompt_that_begins_with_a_thing_of_glass_names_it(prompt: str):
    assert named_glass(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "on a glass table",
        "glass table, morning",
        "white mug next to a glass bottle",
        "mug and a glass jar on linen",
        "a mug with a glass lid",
        "clear sky over a beach",
        "glass bottle of milk on a doorstep",
        "frosted glass jar on marble",
        "fibreglass bowl on sand",
        "glass bottle crate on a truck",
        "box of glass jars on a shelf",
        "poster of a glass bottle on a wall",
        "not a glass jar, on linen",
        "wine glass shelf",
        "white plate or a wine glass on oak",
        "clear coat mug on oak",
        "clear glaze bowl on linen",
        "glass cleaner bottle on tiles",
    ],
)
def test_a_prompt_about_other_glass_names_no_product(prompt: str):
    assert named_glass(prompt) is None


def test_words_and_photograph_together_make_glass():
    found, notice = find_glass(jar(sweep()), matte_of_jar(), "glass jar on moss")

    assert found is not None
    assert found.source == "prompt"
    assert notice is not None
    assert "taken for glass" in notice


def test_the_photograph_alone_does_not():
    assert find_glass(jar(sweep()), matte_of_jar(), "on moss") == (None, None)


def test_the_words_alone_do_not_and_that_is_told():
    found, notice = find_glass(jar(sweep(), is_clear=False), matte_of_jar(), "glass jar on moss")

    assert found is None
    assert notice is not None
    assert "stays opaque" in notice


def test_what_a_user_says_needs_no_words():
    found, notice = find_glass(jar(sweep()), matte_of_jar(), "on moss", is_said=True)

    assert found is not None
    assert notice is not None
    assert "not judged" in notice


def test_glass_that_hardly_shows_its_backdrop_stays_opaque_unless_it_is_said():
    photo = jar(sweep(), is_clear=False)
    rows, columns = BODY
    window = slice(rows.start + 20, rows.start + 45), slice(columns.start + 20, columns.start + 50)
    photo[window] = sweep()[window]

    assert find_glass(photo, matte_of_jar(), "glass jar on moss")[0] is None
    assert find_glass(photo, matte_of_jar(), "on moss", is_said=True)[0] is not None
