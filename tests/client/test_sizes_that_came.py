"""Servers that round or cap sizes: pictures are delivered, or brought back where places matter."""

from __future__ import annotations

import base64

import httpx
import numpy as np
import pytest

from prodgen.client.work import drawn_sizes, fetching
from prodgen.codecs import encode
from prodgen.dialects import Payload
from prodgen.errors import AnswerError
from prodgen.images import Photo
from prodgen.schema import ICLight, Img2Img, Txt2Img


def text_of(width, height):
    ramp = np.linspace(0.1, 0.9, width, dtype=np.float32)
    return base64.b64encode(encode("PNG", np.tile(ramp[None, :, None], (height, 1, 3)))).decode()


def client_that_draws(recorded, width, height):
    answer = {"images": [text_of(width, height)], "info": {"seed": 5}}
    return recorded(
        txt2img=lambda _: httpx.Response(200, json=answer), img2img=lambda _: httpx.Response(200, json=answer)
    ).client()


@pytest.mark.parametrize(
    ("asked", "came", "remedy"),
    [
        ((264, 200), (256, 192), "Ask for 256x192, or other multiples of 64"),
        ((768, 768), (512, 512), "Ask for 512x512, or for less on each side"),
        ((768, 512), (512, 512), "Ask for 512x512, or for less on each side"),
    ],
)
def test_a_picture_of_another_size_is_delivered_with_size_and_remedy(recorded, asked, came, remedy):
    request = Txt2Img(prompt="a cat", seed=5, width=asked[0], height=asked[1])

    found = client_that_draws(recorded, *came).txt2img(request)

    assert found.image.shape == (came[1], came[0], 3)
    (notice,) = [x for x in found.notices if f"drew {came[0]}x{came[1]}" in x]
    assert remedy in notice


def test_a_size_on_the_servers_own_grid_of_eight_is_not_told(recorded):
    request = Txt2Img(
        prompt="a", seed=5, width=88, height=64, enable_hr=True, hr_scale=1.5, denoising_strength=0.5
    )

    found = client_that_draws(recorded, 128, 96).txt2img(request)  # 132x96 on the grid

    assert not any("asked for:" in notice for notice in found.notices)


def test_a_second_pass_that_did_not_run_is_named(recorded):
    request = Txt2Img(prompt="a", seed=5, width=64, height=64, enable_hr=True, denoising_strength=0.5)

    found = client_that_draws(recorded, 64, 64).txt2img(request)

    assert any("second pass (hires fix) did not run: 64x64 came" in notice for notice in found.notices)


def masked(width, height):
    init = np.full((height, width, 3), 0.5, np.float32)
    mask = np.zeros((height, width), np.float32)
    mask[:, : width // 2] = 1
    return Img2Img(prompt="a", seed=5, width=width, height=height, init_image=init, inpaint_mask=mask)


def test_a_masked_picture_is_brought_back_to_where_the_mask_lies(recorded):
    found = client_that_draws(recorded, 256, 192).img2img(masked(264, 200))

    assert found.image.shape == (200, 264, 3)
    assert any("brought back to 264x200" in notice for notice in found.notices)


def test_a_masked_picture_in_other_proportions_is_refused_with_the_reason_and_a_size(recorded):
    with pytest.raises(
        AnswerError, match=r"in other proportions product and mask lie elsewhere.*Ask for 512x512"
    ):
        client_that_draws(recorded, 512, 512).img2img(masked(768, 512))


def test_a_relit_product_is_brought_back_to_its_place():
    product = np.full((96, 128, 3), 0.5, np.float32)
    unit = ICLight(foreground=product, matte=np.ones((96, 128), np.float32))
    request = Txt2Img(prompt="a", seed=5, width=128, height=96, ic_light=unit)
    notices: list[str] = []

    (found,) = drawn_sizes.as_asked("x", request, [Photo(np.ones((48, 64, 3), np.float32))], notices)

    assert found.size == (128, 96)
    assert len(notices) == 1
    with pytest.raises(AnswerError, match="other proportions"):
        drawn_sizes.as_asked("x", request, [Photo(np.ones((64, 64, 3), np.float32))], notices)


def test_transparency_is_brought_back_with_the_picture():
    matte = np.zeros((48, 64), np.float32)
    picture = Photo(np.ones((48, 64, 3), np.float32), matte)

    (found,) = drawn_sizes.as_asked("x", masked(128, 96), [picture], [])

    assert found.matte is not None
    assert found.matte.shape == (96, 128)


def test_a_first_picture_that_is_smaller_than_the_others_is_no_grid():
    small, large = (Photo(np.zeros((side, side, 3), np.float32)) for side in (8, 16))

    assert drawn_sizes.place_of_first([large, small, small], 2) == 1
    assert drawn_sizes.place_of_first([small, large, large], 2) == 0


@pytest.mark.parametrize(("strength", "counts"), [(0.5, "subseed"), (0, "seed")])
def test_pictures_that_are_fetched_one_by_one_count_the_seed_that_a_batch_counts(strength, counts):
    asked = {"seed": 5, "subseed": 7, "subseed_strength": strength, "batch_size": 3}

    single = fetching.payload_for(Payload("/sdapi/v1/txt2img", asked), 2, "name").fields

    assert {key for key in ("seed", "subseed") if single[key] == asked[key] + 2} == {counts}
