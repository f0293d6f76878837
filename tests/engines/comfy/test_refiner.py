"""A refiner takes over where A1111 lets it, in the pass that it refines."""

from __future__ import annotations

from typing import Any

import pytest

from prodgen.engines.comfy.picture_graphs import drawing_graph
from prodgen.engines.comfy.undrawable import refuse_undrawable
from prodgen.server.engine import HiresPass, ModelFile
from prodgen.server.finer_settings import FinerSettings
from prodgen.server.wire import Refused

from .drawn_orders import INFO, Uploads, plain_order, relit_unit, server_models

NAMES = ["a.ckpt", "b-xl.ckpt"]
MODELS = server_models(
    info={
        **INFO,
        "CheckpointLoaderSimple": {"input": {"required": {"ckpt_name": [NAMES]}}},
        "CLIPTextEncodeSDXL": {},
    }
)


def refined(switch_at: float, **changes: Any) -> dict[str, Any]:
    finer = FinerSettings(refiner=ModelFile("b-xl"), refiner_switch_at=switch_at)
    order = plain_order(checkpoint=ModelFile("a"), finer=finer, steps=8, **changes)
    return dict(drawing_graph(order, 0, MODELS, Uploads()).graph)


def samplers(graph: dict[str, Any]) -> list[dict[str, Any]]:
    return [node["inputs"] for node in graph.values() if node["class_type"].startswith("KSampler")]


@pytest.mark.parametrize(("switch_at", "model"), [(0.01, "b-xl.ckpt"), (1.0, "a.ckpt")])
def test_a_refiner_that_takes_over_at_either_end_leaves_one_sampler(switch_at: float, model: str):
    graph = refined(switch_at)

    (only,) = samplers(graph)
    assert graph[only["model"][0]]["inputs"]["ckpt_name"] == model
    assert (only["steps"], only["denoise"]) == (8, 1.0)


def test_a_refiner_of_the_second_pass_has_the_words_and_the_size_of_that_pass():
    graph = refined(0.75, hires=HiresPass(256, 320, "Latent", 0, 0.5, prompt="in the evening"))

    last = graph[samplers(graph)[-1]["positive"][0]]["inputs"]
    assert last["text_g"] == "in the evening"
    assert (last["width"], last["height"]) == (256, 320)


def test_relighting_does_not_go_with_a_refiner():
    finer = FinerSettings(refiner=ModelFile("b-xl"), refiner_switch_at=0.8)
    order = plain_order(checkpoint=ModelFile("a"), finer=finer, relight=relit_unit())

    with pytest.raises(Refused, match="refiner"):
        refuse_undrawable(order, MODELS)


def test_a_refiner_draws_in_the_second_pass_alone_where_there_are_two():
    graph = refined(0.75, hires=HiresPass(256, 320, "Latent", 0, 0.5))

    first, *second = [graph[inputs["model"][0]]["inputs"]["ckpt_name"] for inputs in samplers(graph)]
    assert first == "a.ckpt"
    assert second == ["a.ckpt", "b-xl.ckpt"]
