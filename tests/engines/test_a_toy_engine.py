"""An engine is one file and one table line: toy_engine.py serves every client that there is."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from prodgen.client import Client
from prodgen.engines import ENGINES, load_engine
from prodgen.errors import UnknownNameError
from prodgen.schema import ICLight, Txt2Img
from prodgen.server.app import ApiServer
from prodgen.server.engine import BatchOrder, DrawnPicture, ModelFile, ReportProgress
from prodgen.server.transport import ApiTransport
from prodgen.server.wire import base64_bytes, decode_picture


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The engine, found by its line in the table."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    monkeypatch.setitem(ENGINES, "toy", "toy_engine:ToyEngine")
    return load_engine("toy")


@pytest.fixture
def server(toy: Any) -> ApiServer:
    return ApiServer(toy)


@pytest.fixture
def client(server: ApiServer) -> Iterator[Client]:
    with Client("http://toy", transport=ApiTransport(server)) as connection:
        yield connection


@pytest.fixture
def get(server: ApiServer) -> Callable[[str], Any]:
    """The answer of a GET route."""

    def ask(path: str) -> Any:
        with httpx.Client(transport=ApiTransport(server), base_url="http://toy") as http:
            return http.get(f"/sdapi/v1/{path}").json()

    return ask


def post(server: ApiServer, path: str, **fields: object) -> Any:
    body = {"prompt": "a mug", "seed": 1, "steps": 2, "width": 64, "height": 64, **fields}
    with httpx.Client(transport=ApiTransport(server), base_url="http://toy", timeout=20) as http:
        return http.post(f"/sdapi/v1/{path}", json=body).json()


def test_a_client_draws_with_an_engine_that_it_has_never_heard_of(client, toy):
    done = client.txt2img(Txt2Img(prompt="a mug", seed=100, width=64, height=64, batch_size=2, steps=3))

    assert [round(float(image.mean()) * 255) for image in done.images] == [100, 101]
    assert [order.seeds for order in toy.orders] == [(100, 101)]
    assert "Toy: yes" in done.infotexts[0]


def test_an_order_holds_all_that_a_diffusion_engine_needs(server, toy):
    fields = {"steps": 7, "cfg_scale": 2.5, "sampler_name": "Heun", "scheduler": "karras", "subseed": 5}
    hires = {"enable_hr": True, "hr_scale": 2, "hr_upscaler": "Toy 4x", "denoising_strength": 0.4}
    answer = post(server, "txt2img", prompt="a <lora:bright:0.7> mug", **fields, **hires)

    order = toy.orders[0]
    assert (order.prompt, order.loras) == ("a mug", ((ModelFile("bright"), 0.7),))
    assert (order.steps, order.cfg_scale, order.sampler, order.schedule) == (7, 2.5, "Heun", "Karras")
    assert (order.checkpoint.name, order.subseeds, order.final_size) == ("toy", (5,), (128, 128))
    assert order.hires is not None
    assert (order.hires.upscaler, order.hires.denoising_strength) == ("Toy 4x", 0.4)
    assert json.loads(answer["info"])["version"] == "toy 1.0"


def test_only_what_an_engine_draws_with_is_listed_and_taken(get, server, toy):
    names = {path: [item["name"] for item in get(path)] for path in ("samplers", "schedulers")}
    refused = post(server, "txt2img", sampler_name="DPM++ 2M", scheduler="beta")

    assert names == {"samplers": ["Euler", "Heun"], "schedulers": ["automatic", "karras"]}
    assert refused["detail"] == "Sampler not found: there is no 'DPM++ 2M'; there are Euler, Heun"
    assert toy.orders == []
    assert [item["name"] for item in get("upscalers")][-1] == "Toy 4x"
    assert get("sd-vae")[0]["model_name"] == "toy.vae"
    assert get("sd-models")[0]["sha256"] == "ab" * 32


def test_a_relighting_order_brings_its_pictures_at_any_size(client, toy):
    photo = np.zeros((64, 64, 3), np.float32)
    matte = np.ones((64, 64), np.float32)
    client.txt2img(
        Txt2Img(
            prompt="x",
            seed=1,
            width=64,
            height=64,
            steps=1,
            sampler_name="Euler",
            scheduler="Karras",
            ic_light=ICLight(foreground=photo, matte=matte),
        )
    )

    assert toy.orders[0].relight is not None
    conditions = toy.orders[0].relight.conditions(32, 48)
    assert conditions is not None
    assert conditions.foreground.shape == (48, 32, 3)
    assert conditions.matte.min() == 255


def test_an_interrupted_engine_may_hand_over_what_it_has(server, toy):
    toy.may_go_on.clear()
    answers: list[dict] = []
    thread = threading.Thread(target=lambda: answers.append(post(server, "txt2img", seed=9, steps=5)))
    thread.start()
    assert toy.is_under_way.wait(20)
    server.machine.state.ask_to_stop(skip=False)
    toy.may_go_on.set()
    thread.join(20)

    assert [record.outcome for record in server.render_log] == ["interrupted"]
    (picture,) = answers[0]["images"]
    assert decode_picture(base64_bytes(picture)).pixels[1, 1, 0] == 255  # the engine's own, not a preview


def test_an_engine_that_draws_too_little_is_an_error_and_no_empty_answer(server, toy, monkeypatch):
    def nothing(order: BatchOrder, progress: ReportProgress) -> Iterator[DrawnPicture]:
        return iter(())

    monkeypatch.setattr(toy, "draw", nothing)

    assert "fewer pictures" in post(server, "txt2img")["errors"]


def test_memory_unloading_and_refreshing_reach_the_engine(get, server, toy):
    post(server, "txt2img")
    assert get("memory")["cuda"] == {"system": {"free": 3, "used": 7, "total": 10}}
    post(server, "unload-checkpoint")
    toy.loras = (*toy.loras, ModelFile("new"))
    before = [item["name"] for item in get("loras")]
    post(server, "refresh-checkpoints")

    assert not toy.is_loaded
    assert (before, [item["name"] for item in get("loras")]) == (["bright"], ["bright", "new"])


def test_a_checkpoint_that_came_later_can_be_named_after_a_refresh(server, toy):
    toy.checkpoints = (*toy.checkpoints, ModelFile("late"))
    post(server, "txt2img", override_settings={"sd_model_checkpoint": "late"})
    post(server, "refresh-checkpoints")
    post(server, "txt2img", override_settings={"sd_model_checkpoint": "late"})

    assert [order.checkpoint.name for order in toy.orders] == ["late"]


def test_an_unknown_engine_is_refused_with_the_known_ones():
    with pytest.raises(UnknownNameError, match=r"'ibm'.*'ibl'"):
        load_engine("ibm")
