"""What a report calls otherwise is understood, what it leaves out is told, what it contradicts is refused."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from prodgen.client.work import fetching
from prodgen.codecs import encode
from prodgen.dialects import read_generation
from prodgen.errors import NotAppliedError
from prodgen.schema import Lora, Txt2Img


def cat(**fields):
    return Txt2Img(**({"prompt": "a cat", "steps": 2, "width": 64, "height": 64, "seed": 42} | fields))


@pytest.fixture
def reporting(recorded, captured):
    """A server whose report has these keys in place of the recorded ones; None leaves a key out."""

    def make(**changes):
        answer = captured("core/txt2img-min")["response"]["json"]
        info = json.loads(answer["info"]) | {"infotexts": [], **changes}
        kept = {key: value for key, value in info.items() if value is not None}
        images = [base64.b64encode(encode("PNG", np.full((64, 64, 3), 0.4, np.float32))).decode()]
        return recorded(txt2img={"images": images, "info": json.dumps(kept)}).client()

    return make


@pytest.mark.parametrize(
    ("asked", "scheduler", "told"),
    [
        ("Euler a", None, "euler_a"),
        ("Euler a", None, "k_euler_a"),  # an alias of the server's list
        ("DPM++ 2M", None, "dpm++ 2m"),
        ("DPM++ 2M", None, "dpmpp_2m"),
        ("DPM++ 2M", "Karras", "DPM++ 2M Karras"),
        ("DPM++ 2M", None, "DPM++ 2M Karras"),
    ],
)
def test_a_sampler_under_another_spelling_is_that_sampler(reporting, asked, scheduler, told):
    client = reporting(sampler_name=told, extra_generation_params={"Schedule type": "Karras"})

    assert client.txt2img(cat(sampler_name=asked, scheduler=scheduler)).applied.sampler == told


@pytest.mark.parametrize("told", ["Euler", "k_euler", "DPM++ 2M SDE", "Heun"])
def test_another_sampler_is_another_under_every_name(reporting, told):
    with pytest.raises(NotAppliedError, match="sampler"):
        reporting(sampler_name=told).txt2img(cat(sampler_name="DPM++ 2M"))


def test_what_a_report_has_no_place_for_is_told_and_not_refused(reporting):
    client = reporting(extra_generation_params=None, sd_vae_name=None)
    request = cat(scheduler="Karras", loras=(Lora(name="more_details"),), vae="random-tiny.vae.safetensors")

    drawn = client.txt2img(request)

    (notice,) = [x for x in drawn.notices if "not told" in x]
    assert notice.endswith("of: VAE, scheduler, LoRA")


@pytest.mark.parametrize("fields", [{"scheduler": "Karras"}, {"loras": (Lora(name="more_details"),)}])
def test_what_a_report_has_a_place_for_and_does_not_name_did_not_run(reporting, fields):
    with pytest.raises(NotAppliedError):
        reporting(extra_generation_params={}).txt2img(cat(**fields))


def test_a_refiner_that_the_infotext_alone_names_ran(reporting):
    text = "a cat\nSteps: 2, Sampler: DPM++ 2M, Seed: 42, Refiner: tiny-sd15, Refiner switch at: 0.5"
    request = cat(refiner_checkpoint="tiny-sd15", refiner_switch_at=0.5)

    assert reporting(extra_generation_params=None, infotexts=[text]).txt2img(request).images
    with pytest.raises(NotAppliedError, match="refiner"):
        reporting(extra_generation_params=None, infotexts=[text.split(", Refiner")[0]]).txt2img(request)


def test_a_lora_that_the_infotext_alone_names_is_proven(reporting):
    text = 'a cat\nSteps: 2, Sampler: DPM++ 2M, Seed: 42, Lora hashes: "more_details: b2a0dd399241"'
    client = reporting(extra_generation_params=None, infotexts=[text])

    drawn = client.txt2img(cat(loras=(Lora(name="more_details"),)))

    assert drawn.applied.loras == {"more_details": "b2a0dd399241"}


def test_answers_to_single_calls_keep_their_places_where_one_of_them_tells_nothing():
    told = {"images": [], "info": {"seed": 7, "infotexts": ["a\nSteps: 1, Seed: 7"], "comments": "slow"}}
    reads = [read_generation(answer, count=1) for answer in ({"images": [], "info": ""}, told)]

    whole = fetching.together(reads)

    assert whole.seeds == (None, 7)
    assert [bool(text) for text in whole.infotexts] == [False, True]
    assert whole.remarks == ("slow",)
