"""All-black pictures and a safety filter's: both causes are told, good ones beside them are delivered."""

from __future__ import annotations

import base64

import httpx
import numpy as np
import pytest

from prodgen.codecs import encode
from prodgen.errors import BackendFaultError
from prodgen.schema import Img2Img, Txt2Img


def text_of(level):
    return base64.b64encode(encode("PNG", np.full((64, 64, 3), level, np.float32))).decode()


BLACK, GOOD, WHITE = text_of(0), text_of(0.4), text_of(1)


def cat(**fields):
    return Txt2Img(**({"prompt": "a cat", "steps": 4, "width": 64, "height": 64, "seed": 5} | fields))


@pytest.fixture
def server(recorded):
    def make(images, info=None, **beside):
        answer = {"images": images, "info": info or {"seed": 5}, **beside}
        return recorded(
            txt2img=lambda _: httpx.Response(200, json=answer),
            img2img=lambda _: httpx.Response(200, json=answer),
        ).client()

    return make


def test_a_black_picture_names_both_causes_and_what_the_server_says(server):
    with pytest.raises(
        BackendFaultError,
        match=r"picture 1 is all black, as .*NaN.*safety filter.*'flagged content'.*--no-half.*another seed",
    ):
        server([BLACK], {"comments": "flagged content"}).txt2img(cat())


@pytest.mark.parametrize(
    ("info", "beside"),
    [
        ({"nsfw": True}, {}),
        ({"has_nsfw_concept": [True]}, {}),
        ({"extra_generation_params": {"NSFW detected": "True"}}, {}),
        ({}, {"has_nsfw_concept": [True]}),
    ],
)
def test_a_black_picture_that_the_server_marks_is_its_filters(server, info, beside):
    with pytest.raises(BackendFaultError, match="marks it as not safe for work") as refusal:
        server([BLACK], info, **beside).txt2img(cat())

    assert "--no-half" not in str(refusal.value)


def test_black_ones_of_a_batch_are_left_out_and_the_others_keep_their_seeds(server):
    found = server([GOOD, BLACK, GOOD, BLACK], {"all_seeds": [5, 6, 7, 8]}).txt2img(cat(batch_size=4))

    assert found.seeds == (5, 7)
    assert any("pictures 2, 4 are all black (of 4)" in notice for notice in found.notices)


@pytest.mark.parametrize("mark", [{"nsfw": [False, True]}, {"nsfw_content_detected": [False, "true"]}])
def test_a_picture_that_a_filter_may_have_replaced_is_told(server, mark):
    found = server([GOOD, WHITE], {"all_seeds": [5, 6], **mark}).txt2img(cat(batch_size=2))

    assert len(found.images) == 2
    marked = [notice for notice in found.notices if "not safe for work" in notice]
    assert len(marked) == 1
    assert "picture 2" in marked[0]


@pytest.mark.parametrize("info", [{"nsfw": False}, {"nsfw": [False]}, {"nsfw_score": 0.02}, {"nsfw": None}])
def test_a_filter_that_found_nothing_is_not_told_of(server, info):
    assert not any("not safe" in notice for notice in server([GOOD], info).txt2img(cat()).notices)


@pytest.mark.parametrize("prompt", ["a plain black background", "black", "Pure black, seamless backdrop"])
def test_black_that_was_asked_for_is_delivered_with_a_word(server, prompt):
    found = server([BLACK]).txt2img(cat(prompt=prompt))

    assert not found.image.any()
    assert any("can be what was asked for" in notice for notice in found.notices)


def test_black_that_was_asked_for_is_refused_where_the_server_marks_it_as_its_filters(server):
    with pytest.raises(BackendFaultError, match="not safe for work"):
        server([BLACK], {"nsfw": True}).txt2img(cat(prompt="a plain black background"))


def test_a_thing_before_a_black_background_is_not_all_black(server):
    with pytest.raises(BackendFaultError, match="all black"):
        server([BLACK]).txt2img(cat(prompt="a mug on a black background"))


def test_black_drawn_over_a_black_picture_is_delivered(server):
    black = np.zeros((64, 64, 3), np.float32)
    request = Img2Img(prompt="a mug", seed=5, width=64, height=64, init_image=black)

    assert server([BLACK]).img2img(request).images
    with pytest.raises(BackendFaultError, match="all black"):
        server([BLACK]).img2img(request.model_copy(update={"init_image": black + 0.5}))
