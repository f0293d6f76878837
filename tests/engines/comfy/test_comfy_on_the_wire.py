"""A ComfyUI server as clients of A1111's API see it: what is listed, told in infotexts, and refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from prodgen.client import Client
from prodgen.engines import engine_server
from prodgen.schema import Lora, Txt2Img
from prodgen.server.transport import ApiTransport
from prodgen.server.wire import to_base64

from .drawn_orders import PHOTO, PRODUCT
from .fake_comfy import Answer, FakeComfy, as_json, png
from .graphs_to_run import txt2img
from .typed_commands import address_of, typed

SMALL = {"prompt": "a cup", "steps": 2, "width": 64, "height": 64}


@pytest.fixture
def http(comfy: FakeComfy) -> Iterator[httpx.Client]:
    server = engine_server("comfy", comfy.settings)
    with httpx.Client(transport=ApiTransport(server), base_url="http://comfy", timeout=60) as client:
        yield client
    server.close()


def asked(http: httpx.Client, route: str = "txt2img", **fields: Any) -> httpx.Response:
    return http.post(f"/sdapi/v1/{route}", json={**SMALL, **fields})


def with_workflow(**beside: Any) -> dict[str, Any]:
    args = [{"workflow": txt2img()}]
    return {"alwayson_scripts": {"prodgen workflow": {"args": args}, **beside}}


def test_no_hash_is_told_of_files_that_nobody_has_hashed(http: httpx.Client):
    listed = http.get("/sdapi/v1/sd-models").json()[0]

    answer = asked(http, prompt="a cup <lora:lora_a:0.8>", override_settings={"sd_vae": "vae_random"})

    info = json.loads(answer.json()["info"])
    assert (listed["title"], listed["hash"], listed["sha256"]) == ("sd15_random", None, None)
    assert (info["sd_model_hash"], info["sd_vae_hash"]) == (None, None)
    assert "Model hash" not in info["infotexts"][0]
    assert info["extra_generation_params"]["Lora hashes"] == "lora_a: "


def test_a_lora_that_comfyui_loads_is_not_tried_out_by_further_pictures(comfy: FakeComfy):
    with Client(address_of(comfy)) as client:
        drawn = client.txt2img(
            Txt2Img(prompt="a cup", seed=3, width=64, height=64, loras=(Lora(name="lora_a"),))
        )

    assert drawn.applied.loras == {"lora_a": ""}
    assert len(comfy.posted) == 1


def test_a_workflow_beside_ic_light_is_refused_and_claims_nothing(comfy: FakeComfy, http: httpx.Client):
    product = to_base64(png(PRODUCT)).decode()
    unit = {"enabled": True, "model_type": "IC-Light.SD15.FC", "input_fg": product, "remove_bg": False}

    answer = asked(http, **with_workflow(**{"ic light": {"args": [{**unit, "uploaded_fg": product}]}}))

    assert answer.status_code == 422
    assert "leave out IC-Light" in answer.json()["detail"]
    assert not comfy.posted


def test_a_workflow_is_offered_to_words_alone(comfy: FakeComfy, http: httpx.Client):
    scripts = http.get("/sdapi/v1/scripts").json()
    offered = [x["is_img2img"] for x in http.get("/sdapi/v1/script-info").json() if "workflow" in x["name"]]
    photo = to_base64(png(PHOTO)).decode()

    answer = asked(http, "img2img", init_images=[photo], **with_workflow())

    assert ["prodgen workflow" in scripts[route] for route in ("txt2img", "img2img")] == [True, False]
    assert offered == [False]
    assert answer.status_code == 422
    assert "txt2img" in answer.json()["detail"]
    assert not comfy.posted


def test_a_second_argument_of_the_workflow_is_refused(http: httpx.Client):
    script = {"args": [{"workflow": txt2img()}, {"set": {"sampler.steps": 1}}]}

    answer = asked(http, alwayson_scripts={"prodgen workflow": script})

    assert answer.status_code == 422
    assert "one object" in answer.json()["detail"]


def test_only_those_enlargements_of_latents_are_listed_that_comfyui_makes(http: httpx.Client):
    listed = [x["name"] for x in http.get("/sdapi/v1/latent-upscale-modes").json()]

    assert listed == ["Latent", "Latent (bicubic)", "Latent (nearest-exact)"]


def test_the_doctor_calls_comfyui_by_its_name(comfy: FakeComfy):
    told = typed("doctor", "--quick", address_of(comfy))[1]

    assert "ComfyUI 0.3.64 at" in told
    assert "A1111" not in told
    assert "when it draws" not in told
    assert " ms" not in told


def test_an_empty_list_names_the_server_in_plain_words(comfy: FakeComfy):
    told = typed("list", "styles", "--backend", address_of(comfy))[1]

    assert f"there are no styles on ComfyUI at {address_of(comfy)}" in told


def test_an_error_shows_the_address_that_was_typed(comfy: FakeComfy):
    comfy.failing["KSampler"] = ("ValueError", "no")

    told = typed("generate", "--prompt", "a cup", "--backend", address_of(comfy))[1]

    assert address_of(comfy) in told
    assert "http://127" not in told


@pytest.mark.parametrize("graph", [{"save": "x"}, {"save": {"class_type": "PreviewImage", "inputs": [1]}}])
def test_a_history_without_a_graph_is_no_answer(comfy: FakeComfy, http: httpx.Client, graph: object):
    finish = comfy._routed

    def changed(method: str, path: str, *more: Any) -> Answer:
        answer = finish(method, path, *more)
        if method == "GET" and path.startswith("/history/"):
            told = json.loads(answer.body)
            for entry in told.values():
                entry["prompt"][2] = graph
            return as_json(told)
        return answer

    comfy._routed = changed  # type: ignore[method-assign]  # its answers are changed on their way
    answer = asked(http)

    assert answer.status_code >= 500
    assert "holds no graph" in answer.text
    assert "AttributeError" not in answer.text
