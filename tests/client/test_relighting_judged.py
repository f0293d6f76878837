"""What a picture, its neighbours in one answer, and the server's words together tell of a relighting."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from prodgen.client.work import relight_proof
from prodgen.dialects.reading import ReadGeneration
from prodgen.images import as_floats
from prodgen.schema import Capabilities, ICLight, Txt2Img

SIDE = 256
HAVE = Capabilities("a1111", ic_light="dict")
PATCHED = {relight_proof.PATCHED_KEY: "v1-5"}


def unit(colour=(0.7, 0.5, 0.3), half: int = 45) -> ICLight:
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    matte = np.clip(half + 0.5 - np.abs(x - 128), 0, 1) * ((y > 40) & (y < 220))
    stripes = np.where((y // 12) % 2, 1.0, 0.5)[..., None] * np.array(colour)
    return ICLight(foreground=stripes.astype(np.float32), matte=matte.astype(np.float32))


def clutter() -> np.ndarray:
    noise = np.random.default_rng(3).normal(0.5, 0.2, (SIDE, SIDE, 3))
    return cv2.GaussianBlur(noise, (0, 0), 2).astype(np.float32).clip(0, 1)


def shown(product: ICLight) -> np.ndarray:
    alpha = product.matte[..., None]
    return (product.foreground * alpha + clutter() * (1 - alpha)).astype(np.float32)


WHITE = np.full((SIDE, SIDE, 3), 0.99, np.float32)


def judge(product: ICLight, results, *, extras=None, words=None, **more):
    request = Txt2Img(prompt="a", seed=1, width=SIDE, height=SIDE, ic_light=product)
    read = ReadGeneration(("",), (), (1,), ("",), {"extra_generation_params": words or {}}, False)
    extras = [as_floats(relight_proof.on_grey(product))] if extras is None else extras
    return relight_proof.judge(request, HAVE, read, results, extras, **more)


def test_a_product_lost_in_glare_is_delivered_unclaimed_where_the_patched_model_was_seen_drawing():
    found = judge(unit(), [WHITE], words=PATCHED)

    assert (found.failure, found.proof) == (None, None)
    assert "The picture does not show the product" in found.notices[0]


@pytest.mark.parametrize(
    ("picture", "given"),
    [
        (WHITE, {"words": {"IC-Light": "applied"}}),
        (WHITE, {"words": PATCHED, "extras": []}),
        (clutter(), {"words": PATCHED}),
    ],
)
def test_less_than_all_words_or_a_picture_that_contradicts_them_is_no_relighting(picture, given):
    assert judge(unit(), [picture], **given).failure == "absent"


def test_one_picture_of_several_that_does_not_show_the_product_costs_none_of_the_others():
    found = judge(unit(), [shown(unit()), clutter(), shown(unit())])

    assert (found.failure, found.proof) == (None, None)
    assert "Of 3 pictures number 2 does not show" in found.notices[0]


def test_pictures_that_were_drawn_by_one_call_each_do_not_speak_for_one_another():
    found = judge(unit(), [clutter(), shown(unit())], extras=[], can_see_extras=False)

    assert found.failure == "absent"


def test_a_foreground_that_came_back_in_another_size_is_ours():
    small = cv2.resize(as_floats(relight_proof.on_grey(unit())), (128, 128), interpolation=cv2.INTER_NEAREST)

    found = judge(unit(), [shown(unit())], extras=[small])

    assert found.failure is None
    assert found.has_foreground


@pytest.mark.parametrize("size", [128, 256])
def test_the_foreground_of_another_caller_is_not_ours_in_any_size_or_format(size):
    theirs = as_floats(relight_proof.on_grey(unit(colour=(0.1, 0.4, 0.9), half=9)))
    extra = cv2.resize(theirs, (size, size), interpolation=cv2.INTER_AREA)

    mine = unit(half=9)
    found = judge(mine, [shown(mine)], extras=[extra], is_lossless=False)

    assert found.failure == "another's"


def test_a_foreground_of_another_shape_is_not_ours():
    wide = cv2.resize(as_floats(relight_proof.on_grey(unit())), (256, 128))

    assert not judge(unit(), [shown(unit())], extras=[wide]).has_foreground
