"""The larger pass of the hires fix: what it begins with, and its own words and sampler."""

from __future__ import annotations

from typing import Any

import pytest

from prodgen.engines.comfy.picture_graphs import OUTPUT, drawing_graph
from prodgen.server.engine import HiresPass, ModelFile
from prodgen.server.finer_settings import ControlOrder, FinerSettings

from .drawn_orders import INFO, PHOTO, Uploads, plain_order, server_models

MODELS = server_models(
    info={
        **INFO,
        "CheckpointLoaderSimple": {
            "input": {"required": {"ckpt_name": [["sd15_random.safetensors", "sdxl.safetensors"]]}}
        },
        "CLIPTextEncodeSDXL": {},
    }
)


def second(
    upscaler: str = "Latent", strength: float = 0.5, *, order: dict[str, Any] | None = None, **own: Any
):
    """The graph of two passes, and the inputs of the second one's sampler."""
    hires = HiresPass(256, 192, upscaler, 0, strength, **own)
    graph = drawing_graph(plain_order(hires=hires, **(order or {})), 0, MODELS, Uploads()).graph
    samplers = [node["inputs"] for node in graph.values() if "KSampler" in node["class_type"]]
    return graph, samplers[-1], len(samplers)


@pytest.mark.parametrize(
    ("upscaler", "node", "method"),
    [
        ("Latent", "LatentUpscale", "bilinear"),
        ("Latent (bicubic)", "LatentUpscale", "bicubic"),
        ("Latent (nearest-exact)", "LatentUpscale", "nearest-exact"),
        ("Nearest", "ImageScale", "nearest-exact"),
        ("Lanczos", "ImageScale", "lanczos"),
    ],
)
def test_the_first_picture_is_enlarged_by_the_method_that_is_named(upscaler: str, node: str, method: str):
    graph, _, _ = second(upscaler)

    (inputs,) = (one["inputs"] for one in graph.values() if one["class_type"] == node)
    assert (inputs["upscale_method"], inputs["width"], inputs["height"]) == (method, 256, 192)


def test_at_strength_0_the_enlarged_picture_is_the_picture():
    graph, _, count = second(strength=0)

    assert count == 1
    decoded = graph[graph[OUTPUT]["inputs"]["images"][0]]["inputs"]["samples"]
    assert graph[decoded[0]]["class_type"] == "LatentUpscale"


def test_sampler_schedule_and_words_may_be_its_own():
    own = {"sampler": "Heun", "schedule": "Karras"}
    graph, inputs, _ = second(**own, prompt="at night", negative_prompt="people")

    assert (inputs["sampler_name"], inputs["scheduler"]) == ("heun", "karras")
    words = [graph[inputs[role][0]]["inputs"]["text"] for role in ("positive", "negative")]
    assert words == ["at night", "people"]


def test_what_it_does_not_say_is_the_first_passs():
    graph, inputs, _ = second()

    assert (inputs["sampler_name"], inputs["cfg"]) == ("euler", 5.0)
    assert sum(node["class_type"] == "CLIPTextEncode" for node in graph.values()) == 2


def test_the_picture_that_steers_is_sent_at_its_size_too():
    unit = ControlOrder("none", "control_sd15_random", PHOTO)
    uploads = Uploads()
    hires = HiresPass(256, 192, "Latent", 0, 0.5)
    order = plain_order(hires=hires, finer=FinerSettings(controls=(unit,)))

    drawing_graph(order, 0, MODELS, uploads)

    assert [picture.shape for picture in uploads.pictures.values()] == [(128, 128, 3), (192, 256, 3)]


def test_sdxl_is_told_the_size_of_each_pass():
    graph, inputs, _ = second(order={"checkpoint": ModelFile("sdxl")})

    told = graph[inputs["positive"][0]]["inputs"]
    assert (told["width"], told["height"], told["target_width"]) == (256, 192, 256)


@pytest.mark.parametrize("upscaler", ["Latent", "Lanczos", "4x_random"])
@pytest.mark.parametrize(("size", "crop"), [((256, 192), "center"), ((256, 256), "disabled")])
def test_a_second_pass_of_another_shape_covers_it_and_is_cut(upscaler: str, size: tuple[int, int], crop: str):
    order = plain_order(hires=HiresPass(*size, upscaler, 0, 0.5))

    graph = drawing_graph(order, 0, MODELS, Uploads()).graph

    assert [one["inputs"]["crop"] for one in graph.values() if "crop" in one["inputs"]] == [crop]
