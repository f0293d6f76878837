"""ControlNet's maps on the wire: asked for by themselves, and beside the pictures that they steered."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from PIL import Image

from prodgen.client import Client
from prodgen.engines import load_engine
from prodgen.schema import ControlNetUnit, Txt2Img
from prodgen.server.app import ApiServer
from prodgen.server.engine import Engine
from prodgen.server.finer_settings import ControlOrder
from prodgen.server.socket_server import listening
from tests.engines.comfy.fake_comfy import FakeComfy, flat_pictures
from tests.server.engines_at_hand import engine_at_hand

RECORDED = Path(__file__).parent.parent / "captures" / "controlnet"
CANNY = {
    "input": {
        "required": {
            "image": ["IMAGE"],
            "low_threshold": ["FLOAT", {"default": 0.4, "min": 0.01, "max": 0.99, "step": 0.01}],
            "high_threshold": ["FLOAT", {"default": 0.8, "min": 0.01, "max": 0.99, "step": 0.01}],
        }
    },
    "output": ["IMAGE"],
    "name": "Canny",
}
"""ComfyUI's own node, comfy_extras/nodes_canny.py."""


@contextmanager
def comfy_with_canny() -> Iterator[Engine]:
    """ComfyUI as an engine; of what it loads it shows the picture itself, of what it decodes a flat one."""
    fake = FakeComfy()
    fake.object_info["Canny"] = CANNY

    def draw(graph: dict[str, Any], node: str) -> list[np.ndarray]:
        source = graph[graph[node]["inputs"]["images"][0]]
        if source["class_type"] == "Canny":
            source = graph[source["inputs"]["image"][0]]
        if source["class_type"] != "LoadImage":
            return flat_pictures(graph, node)
        return [np.asarray(Image.open(io.BytesIO(fake.files["input", source["inputs"]["image"]])))]

    fake.draw = draw
    made = load_engine("comfy", fake.settings)
    try:
        yield made
    finally:
        made.close()
        fake.stop()


@pytest.fixture(scope="module", params=["comfy", "diffusers"])
def engine(request, tmp_path_factory) -> Iterator[tuple[str, Engine]]:
    """Each engine that has ControlNet with the name of its first model, made once for this module."""
    models = tmp_path_factory.mktemp("models")
    with comfy_with_canny() if request.param == "comfy" else engine_at_hand(request.param, models) as made:
        yield made.inventory().controlnets[0], made


@pytest.fixture
def ask(engine, calling) -> Any:
    return calling(ApiServer(engine[1]))


def answered(response: Any) -> list[np.ndarray]:
    """The pictures of an answer, as arrays."""
    assert response.status_code == 200, response.text
    return [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB"))
        for text in response.json()["images"]
    ]


def detecting(**fields: Any) -> dict[str, Any]:
    return {f"controlnet_{name}": value for name, value in fields.items()}


def steered(model: str, picture: str, **more: Any) -> dict[str, Any]:
    unit = {"model": model, "module": "canny", "image": picture, "processor_res": 64, **more}
    small = {"prompt": "a mug", "seed": 1, "width": 64, "height": 64, "steps": 2}
    return {**small, "alwayson_scripts": {"ControlNet": {"args": [unit]}}}


def recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text("utf-8"))
    return found


def test_a_map_is_answered_as_the_extension_answers_it(ask):
    there = recorded("detect-canny")

    here = ask.post("/controlnet/detect", there["request"]["json"])

    assert here.status_code == there["response"]["status"]
    assert list(here.json()) == list(there["response"]["json"])
    assert here.json()["info"] == "Success"
    assert [one.shape for one in answered(here)] == [(64, 64, 3)]


@pytest.mark.parametrize("name", ["detect-none", "detect-unknown", "detect-missing", "detect-bad-image"])
def test_what_the_extension_was_seen_to_answer_is_answered_here(ask, name):
    there = recorded(name)

    here = ask.post("/controlnet/detect", there["request"]["json"])

    assert here.status_code == there["response"]["status"]
    told = there["response"]["json"]
    if "images" not in told:
        assert here.json() == told
    else:
        sent = base64.b64decode(there["request"]["json"]["controlnet_input_images"][0])
        expected = np.asarray(Image.open(io.BytesIO(sent)).convert("RGB"))
        np.testing.assert_array_equal(answered(here)[0], expected)


def test_each_of_several_pictures_gets_its_map(ask, encode, ramp):
    sent = [encode(ramp), encode(255 - ramp), encode(ramp)]

    response = ask.post("/controlnet/detect", detecting(module="none", input_images=sent))

    for one, expected in zip(answered(response), (ramp, 255 - ramp, ramp), strict=True):
        np.testing.assert_array_equal(one, expected)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"threshold_a": 300}, "Low Threshold goes from 1 to 255, not 300"),
        ({"threshold_b": 0}, "High Threshold goes from 1 to 255, not 0"),
        ({"processor_res": 9000}, "Resolution goes from 64 to 2048, not 9000"),
        ({"masks": ["x"]}, "controlnet_masks are not heeded here"),
    ],
)
def test_a_number_out_of_its_range_is_refused_with_the_range(ask, encode, ramp, fields, said):
    asked = detecting(module="canny", input_images=[encode(ramp)], **fields)

    response = ask.post("/controlnet/detect", asked)

    assert response.status_code == 422
    assert said in response.json()["detail"]


def test_each_preprocessor_is_listed_with_its_numbers_as_the_extension_lists_them(ask):
    there = recorded("module_list")["response"]["json"]["module_detail"]

    here = ask.get("/controlnet/module_list").json()

    assert list(here["module_detail"]) == here["module_list"]
    for name in ("none", "canny"):
        assert here["module_detail"][name] == there[name]


def test_every_number_here_is_the_extensions():
    from prodgen.server.control_sliders import sliders_of

    there = recorded("module_list")["response"]["json"]
    for name, detail in there["module_detail"].items():
        if name in (
            "canny",
            "threshold",
            "tile_resample",
            "blur_gaussian",
            "mlsd",
            "invert",
            "openpose_full",
        ):
            assert [one.listed for one in sliders_of(name)] == detail["sliders"], name


def test_the_map_comes_after_the_pictures_unless_the_unit_or_the_option_says_no(ask, engine, encode, ramp):
    usual = steered(engine[0], encode(ramp))

    shown = answered(ask.txt2img(**usual, batch_size=2))
    not_by_unit = answered(ask.txt2img(**steered(engine[0], encode(ramp), save_detected_map=False)))
    not_by_option = answered(ask.txt2img(**usual, override_settings={"control_net_no_detectmap": True}))

    assert [len(shown), len(not_by_unit), len(not_by_option)] == [3, 1, 1]
    assert shown[-1].shape == (64, 64, 3)


def test_a_finished_map_comes_back_as_it_was_sent(ask, engine, encode, ramp):
    fields = steered(engine[0], encode(ramp), module="none")

    pictures = answered(ask.txt2img(**fields, n_iter=2))

    assert len(pictures) == 3
    np.testing.assert_array_equal(pictures[-1], ramp)


def test_with_a_second_pass_both_maps_come_and_the_larger_one_first(ask, engine, encode, ramp):
    hires = {"enable_hr": True, "hr_scale": 2, "denoising_strength": 0.5, "hr_upscaler": "Nearest"}

    pictures = answered(ask.txt2img(**steered(engine[0], encode(ramp), module="none"), **hires))

    assert [one.shape[:2] for one in pictures][1:] == [(128, 128), (64, 64)]
    np.testing.assert_array_equal(pictures[2], ramp)


def test_the_client_does_not_take_a_map_for_a_picture(engine, ramp):
    picture = ramp.astype(np.float32) / 255
    with listening(ApiServer(engine[1])) as url, Client(url) as client:
        unit = ControlNetUnit(model=engine[0], image=picture)
        drawn = client.txt2img(
            Txt2Img(prompt="a mug", seed=1, width=64, height=64, steps=2, batch_size=2, controlnet=(unit,))
        )
        maps = client.controlnet.detect([picture], module="canny", processor_res=64)

    assert len(drawn.images) == 2
    assert len(drawn.extras) == 1
    np.testing.assert_allclose(drawn.extras[0], picture, atol=1e-6)
    assert maps[0].shape == (64, 64, 3)


def test_webuiapi_asks_for_maps_and_steers_by_them_unchanged(engine, ramp):
    webuiapi = pytest.importorskip("webuiapi", reason="pip install 'prodgen[dev]'")
    picture = Image.fromarray(ramp)
    with listening(ApiServer(engine[1])) as url:
        parts = urlsplit(url)
        webui = webuiapi.WebUIApi(host=parts.hostname, port=parts.port, sampler="Euler", steps=2)
        unit = webuiapi.ControlNetUnit(image=picture, module="none", model=engine[0], processor_res=64)
        small = {"prompt": "a mug", "seed": 1, "width": 64, "height": 64}
        scripts: dict[str, Any] = {}  # a fresh one: webuiapi keeps what it adds to its own default
        drawn = webui.txt2img(**small, controlnet_units=[unit], alwayson_scripts=scripts)
        found = webui.controlnet_detect([picture], module="canny", processor_res=64)

        assert webui.controlnet_version() == 3
        assert engine[0] in webui.controlnet_model_list()
        assert "canny" in webui.controlnet_module_list()
    np.testing.assert_array_equal(np.asarray(drawn.images[1]), ramp)
    assert found.image.size == (64, 64)


def test_canny_is_opencvs_where_the_engine_makes_it_itself(encode):
    pytest.importorskip("torch")
    from prodgen.engines.diffusers.control_maps import detected_map

    square = np.zeros((64, 64, 3), np.uint8)
    square[16:48, 16:48] = 255

    made = detected_map(ControlOrder("canny", "", square, processor_res=64))

    np.testing.assert_array_equal(made.pixels[..., 0], cv2.Canny(square, 100, 200))
