"""LoRA tags: one grammar, whichever command reads the prompt."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prodgen.errors import SettingError, UnknownNameError
from prodgen.schema import Lora, Txt2Img, prompts
from prodgen.shots.shot import new_shot
from prodgen.text2image import new_job
from prodgen.text2image.planned_pictures import planned_pictures

NAMES = st.text(st.characters(categories=["L", "N"], include_characters=" _-."), min_size=1, max_size=12)
NAMES = NAMES.filter(lambda name: name == name.strip())
WEIGHTS = st.integers(-100, 100).map(lambda hundredths: hundredths / 100)
WORDS = st.text(st.characters(exclude_characters="<>", exclude_categories=["C"]), max_size=20)


@given(WORDS)
def test_a_prompt_without_tags_stays_as_it_is(words):
    assert prompts.read_prompt(words) == prompts.TaggedPrompt(words)


@given(st.lists(st.tuples(WORDS, NAMES, WEIGHTS), max_size=5))
def test_each_lora_is_asked_for_once_with_the_sum_of_its_weights(parts):
    prompt = "".join(f"{words}<lora:{name}:{weight}>" for words, name, weight in parts)

    read = prompts.read_prompt(prompt)

    assert "<" not in read.words
    assert {lora.name: pytest.approx(lora.weight) for lora in read.loras} == {
        name: sum(weight for _, other, weight in parts if other == name) for _, name, _ in parts
    }


@given(st.text(max_size=60).map(lambda text: f"a <lora:{text}"))
def test_whatever_is_written_after_the_word_lora_is_applied_kept_or_refused_but_never_lost(prompt):
    try:
        read = prompts.read_prompt(prompt)
    except SettingError:
        return
    assert read.loras or read.kept_names


@given(st.text("<lora:>= .1-", max_size=40))
def test_a_prompt_that_was_read_holds_no_more_plain_tags(prompt):
    try:
        read = prompts.read_prompt(prompt)
    except SettingError:
        return
    assert prompts.read_prompt(read.words).loras == ()


@given(st.text("<lora:>= .1-", max_size=40))
def test_a_prompt_without_its_unreadable_tags_can_be_read(prompt):
    prompts.read_prompt(prompts.without_unreadable_tags(prompt))


@pytest.mark.parametrize(("text", "weight"), [("", 1.0), (":.5", 0.5), (":+2.", 2.0), (":-0.25", -0.25)])
def test_a_weight_is_written_as_a_number_or_left_out(text, weight):
    (lora,) = prompts.read_prompt(f"a <lora:shiny{text}>").loras

    assert (lora.name, lora.weight) == ("shiny", weight)


@pytest.mark.parametrize("tag", ["<lora:shiny:0.5:1>", "<lora:shiny:te=0.5:unet=1>"])
def test_a_tag_with_several_weights_is_left_to_the_server(tag):
    read = prompts.read_prompt(f"a {tag} mug")

    assert (read.words, read.loras, read.kept_names) == (f"a {tag} mug", (), ("shiny",))


def test_a_tag_that_is_left_to_the_server_still_has_to_name_a_lora_of_it(embedded_client):
    with pytest.raises(UnknownNameError, match="nobody"):
        embedded_client.txt2img(Txt2Img(prompt="a <lora:nobody:0.5:1>", seed=1, width=64, height=64, steps=1))


def test_the_older_name_of_the_tag_is_a_lora_as_on_the_server():
    assert prompts.read_prompt("a <lyco:shiny:0.5>").loras == (Lora(name="shiny", weight=0.5),)


def test_other_networks_and_words_in_angle_brackets_are_left_alone():
    prompt = "a <hypernet:anime:1> mug, 3 < 5, <b>bold</b>"

    assert prompts.read_prompt(prompt) == prompts.TaggedPrompt(prompt)


def test_words_of_several_lines_keep_their_lines():
    assert prompts.read_prompt("a mug\n<lora:shiny:1> on wood").words == "a mug\n on wood"


def test_a_lora_asked_for_beside_the_prompt_and_in_it_is_refused():
    with pytest.raises(SettingError, match="asked for twice"):
        prompts.read_prompt("a <lora:shiny:1>", loras=(Lora(name="shiny"),))


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a mug <lora:more_details:0.5> <lora:more_details:.25> on wood", 0.75),
        ("a mug <lora:more_details> on wood", 1.0),
        ("a mug <lora:more_details:half> on wood", None),
        ("a mug <LoRA:more_details:1> on wood", None),
        ("a mug <lora:more_details:1 on wood", None),
    ],
)
def test_shoot_and_generate_read_a_prompt_alike(prompt, expected, embedded_client):
    def shot():
        return new_shot(photo=Path("mug.jpg"), prompt=prompt)

    def order():
        return planned_pictures(new_job({"prompt": prompt}), [1], embedded_client)[0].request

    if expected is None:
        for read in (shot, order):
            with pytest.raises(SettingError, match="is no LoRA tag"):
                read()
    else:
        assert shot().prompt == order().prompt == "a mug on wood"
        assert shot().loras == order().loras == (Lora(name="more_details", weight=expected),)


@pytest.fixture(scope="module")
def embedded_client():
    from prodgen.client import Client

    with Client("embedded://") as client:
        yield client


@pytest.mark.parametrize(
    ("tag", "weight"),
    [
        ("<lora:a>", 1.0),
        ("<lora:a:0.4>", 0.4),
        ("<lora:a:0.4:0.7>", 0.7),
        ("<lora:a:te=0.4>", 0.4),
        ("<lora:a:0.4:unet=0.9>", 0.9),
        ("<lora:a:te=0.2:0.4:unet=-1>", -1.0),
        ("<lora:a:much>", None),
    ],
)
def test_the_weight_in_the_image_network_is_the_one_that_a1111_takes(tag, weight):
    (read,) = prompts.network_tags(tag)

    assert read.unet_weight == weight
