"""A user's own workflow: what is put where, what is refused, what comes back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from prodgen.engines.comfy.comfy_engine import ComfyEngine
from prodgen.engines.comfy.node_catalogue import NodeCatalogue
from prodgen.engines.comfy.user_workflow import filled_workflow
from prodgen.engines.comfy.workflow_story import run_story
from prodgen.errors import MissingExtensionError, SettingError
from prodgen.schema.workflow_graphs import api_graph
from prodgen.server.engine import HiresPass, ModelFile
from prodgen.server.finer_settings import ControlOrder, FinerSettings
from prodgen.server.inpainting import RepaintPlan
from prodgen.server.wire import Pixels, Refused
from prodgen.server.workflow_script import WorkflowOrder, read_workflow

from .drawn_orders import INFO, PHOTO, Uploads, plain_order, recorded_workflow, relit_unit
from .fake_comfy import FakeComfy

SEED = 2**63 + 11


def quiet(share: float, preview: Pixels | None = None) -> None:
    pass


def workflow(name: str) -> dict[str, Any]:
    return recorded_workflow(name)["prompt"]


def filled(name: str, **parts: Any) -> dict[str, Any]:
    return filled_graph(workflow(name), **parts)


def filled_graph(graph: dict[str, Any], **parts: Any) -> dict[str, Any]:
    order = WorkflowOrder(graph, **parts)
    return dict(filled_workflow(order, NodeCatalogue(INFO), Uploads()).with_seed(SEED))


ALL = [
    *("a-txt2img", "a-img2img", "b-iclight-fc-kijai", "b-iclight-fc-native", "c-iclight-fbc-kijai"),
    *(
        "e-inpaint-InpaintModelConditioning",
        "f-lora-chain",
        "g-controlnet",
        "h-hires-latent",
        "h-hires-model",
    ),
    *("i-flux-txt2img", "i-flux-txt2img-custom-sampler", "j-flux-kontext-edit", "j-qwen-image-edit"),
]


@pytest.mark.parametrize("name", ALL)
def test_words_and_seed_find_their_places_in_every_recorded_workflow(name: str):
    graph = filled(name, settings={"prompt": "a cup"})

    words = graph["pos"]["inputs"]
    assert words.get("text", words.get("prompt")) == "a cup"
    assert graph.get("neg", {"inputs": {}})["inputs"].get("text", "blurry") == "blurry"
    seeds = [x["inputs"][key] for x in graph.values() for key in ("seed", "noise_seed") if key in x["inputs"]]
    assert set(seeds) == {SEED}


def test_the_workflow_that_was_given_stays_as_it_is():
    given = workflow("a-txt2img")

    filled_graph(given, settings={"prompt": "a cup"})

    assert given == workflow("a-txt2img")


def test_the_recipe_for_flux_takes_size_steps_and_sampler():
    settings = {"size": [832, 1216], "steps": 12, "sampler_name": "DPM++ 2M", "scheduler": "Karras"}
    graph = filled("i-flux-txt2img", settings=settings)

    assert graph["latent"]["inputs"] == {"width": 832, "height": 1216, "batch_size": 1}
    inputs = graph["sampler"]["inputs"]
    assert (inputs["steps"], inputs["sampler_name"], inputs["scheduler"]) == (12, "dpmpp_2m", "karras")


def test_a_negative_prompt_without_a_place_is_refused():
    with pytest.raises(Refused, match="no place for negative_prompt"):
        filled("i-flux-txt2img", settings={"negative_prompt": "blurry"})


def test_a_value_that_another_node_holds_is_changed_there():
    graph = workflow("a-txt2img")
    graph["words"] = {"class_type": "PrimitiveString", "inputs": {"value": "old"}}
    graph["number"] = {"class_type": "PrimitiveInt", "inputs": {"value": 1}}
    graph["pos"]["inputs"]["text"] = ["words", 0]
    graph["sampler"]["inputs"]["seed"] = ["number", 0]

    done = filled_graph(graph, settings={"prompt": "a cup"})

    assert done["words"]["inputs"]["value"] == "a cup"
    assert done["number"]["inputs"]["value"] == SEED
    assert done["pos"]["inputs"]["text"] == ["words", 0]


def test_two_places_with_different_words_are_not_guessed_between():
    graph = workflow("h-hires-latent")
    graph["other"] = {"class_type": "CLIPTextEncode", "inputs": {"text": "the second", "clip": ["ckpt", 1]}}
    graph["second"]["inputs"]["positive"] = ["other", 0]

    with pytest.raises(Refused, match=r"pos\.text, other\.text"):
        filled_graph(graph, settings={"prompt": "a cup"})


@pytest.mark.parametrize("node", ["sampler", "My Sampler", "KSampler"])
def test_an_input_is_named_by_id_title_or_class(node: str):
    graph = workflow("a-txt2img")
    graph["sampler"]["_meta"] = {"title": "My sampler"}

    done = filled_graph(graph, values={f"{node}.steps": "12", f"{node}.cfg": "3.5"})

    assert (done["sampler"]["inputs"]["steps"], done["sampler"]["inputs"]["cfg"]) == (12, 3.5)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("sampler.steps", "many", "a whole number"),
        ("sampler.sampler_name", "eulr", "there are euler"),
        ("sampler.stesp", "12", "it has model"),
        ("smapler.steps", "12", "no node 'smapler'; it has ckpt"),
        ("steps", "12", "NODE.INPUT=VALUE"),
        ("CLIPTextEncode.text", "a cup", "by its id: pos, neg"),
    ],
)
def test_a_wrong_name_or_value_is_refused_with_those_that_there_are(name: str, value: str, words: str):
    with pytest.raises(Refused) as caught:
        filled("a-txt2img", values={name: value})

    assert words in caught.value.detail


def test_a_number_for_a_text_stays_a_text():
    assert filled("a-txt2img", values={"pos.text": "7"})["pos"]["inputs"]["text"] == "7"


@pytest.mark.parametrize("name", ["", "img", "img.image", "LoadImage"])
def test_a_picture_goes_into_the_node_that_loads_it(name: str):
    assert filled("a-img2img", pictures={name: PHOTO})["img"]["inputs"]["image"] == "0.png"


def test_of_several_nodes_that_load_pictures_one_must_be_named():
    with pytest.raises(Refused, match=r"fg \(LoadImage\), bg \(LoadImage\)"):
        filled("c-iclight-fbc-kijai", pictures={"": PHOTO})


def test_a_checkpoint_goes_in_by_its_name_without_ending():
    info = {**INFO, "CheckpointLoaderSimple": {"input": {"required": {"ckpt_name": [["real.ckpt"]]}}}}
    order = WorkflowOrder(workflow("a-txt2img"), settings={"checkpoint": "real"})

    graph = filled_workflow(order, NodeCatalogue(info), Uploads()).graph

    assert graph["ckpt"]["inputs"]["ckpt_name"] == "real.ckpt"


def test_a_workflow_of_the_editor_is_refused_with_the_way_to_export_it():
    with pytest.raises(SettingError, match=r"Export \(API\)"):
        api_graph({"nodes": [{"id": 1}], "links": [], "version": 0.4})


@pytest.mark.parametrize("value", [None, [], {}, {"1": {"inputs": {}}}, {"1": "x"}, "text", {"prompt": {}}])
def test_what_is_no_workflow_is_refused(value: object):
    with pytest.raises(SettingError, match="no ComfyUI workflow"):
        api_graph(value)


@pytest.mark.parametrize(
    "given",
    [
        {"workflow": {"nodes": []}},
        {"work": {}},
        {"workflow": {"1": {"class_type": "X", "inputs": {}}}, "settings": {"steps": "12"}},
        {"workflow": {"1": {"class_type": "X", "inputs": {}}}, "settings": {"size": [1]}},
        {"workflow": {"1": {"class_type": "X", "inputs": {}}}, "settings": {"tiling": 1}},
        {"workflow": {"1": {"class_type": "X", "inputs": {}}}, "set": [1]},
        {"workflow": {"1": {"class_type": "X", "inputs": {}}}, "pictures": {"1": 7}},
    ],
)
def test_wrong_arguments_of_the_script_are_refused(given: object):
    with pytest.raises(Refused):
        read_workflow([given])


def test_a_workflow_is_run_for_each_seed_and_tells_what_it_drew_with(comfy: FakeComfy, engine: ComfyEngine):
    order = plain_order(seeds=(SEED, SEED + 1), workflow=WorkflowOrder(workflow("a-txt2img")))

    pictures = list(engine.draw(order, quiet))

    assert [graph["sampler"]["inputs"]["seed"] for graph in comfy.sent] == [SEED, SEED + 1]
    story = pictures[0].story
    assert (story["Steps"], story["Sampler"], story["Schedule type"]) == (2, "Euler", "Normal")
    assert (story["Size"], story["Model"]) == ("128x128", "sd15_random.safetensors")


def test_all_pictures_of_a_workflow_come_back_the_saved_ones_first(comfy: FakeComfy, engine: ComfyEngine):
    graph = {
        "look": {"class_type": "PreviewImage", "inputs": {"images": ["decode", 0]}},
        **workflow("a-txt2img"),
    }
    shades = {"look": 10, "save": 99}
    comfy.draw = lambda graph, node: [np.full((8, 8, 3), shades[node], np.uint8)]

    (picture,) = engine.draw(plain_order(workflow=WorkflowOrder(graph)), quiet)

    assert picture.pixels[0, 0, 0] == 99
    assert [more[0, 0, 0] for more in picture.more] == [10]


def test_several_pictures_of_a_workflow_without_a_seed_are_refused():
    asked = [{"workflow": workflow("h-upscale-model")}]

    with pytest.raises(Refused, match="no seed"):
        read_workflow(asked, count=2)
    assert read_workflow(asked) is not None


def test_a_seed_that_was_set_by_name_is_not_the_picture_s():
    order = WorkflowOrder(workflow("a-txt2img"), values={"sampler.seed": "5"})

    found = filled_workflow(order, NodeCatalogue(INFO), Uploads())

    assert found.seeds == ()
    assert found.with_seed(9)["sampler"]["inputs"]["seed"] == 5


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_number_that_is_none_is_refused(value: str):
    with pytest.raises(Refused, match="denoise is a number"):
        filled("a-txt2img", values={"sampler.denoise": value})


def test_the_digest_of_a_workflow_changes_with_its_values_and_not_with_the_seed():
    def told(seed: int, **settings: Any) -> str:
        order = WorkflowOrder(workflow("a-txt2img"), settings=settings)
        found = filled_workflow(order, NodeCatalogue(INFO), Uploads())
        return run_story(found.with_seed(seed), PHOTO, found)["Workflow"]

    assert told(1) == told(2)
    assert told(1) != told(1, prompt="a cup")
    assert told(1, steps=5) != told(1, steps=6)


def test_a_workflow_with_a_node_that_is_not_there_names_its_pack(comfy: FakeComfy, engine: ComfyEngine):
    del comfy.object_info["DetailTransfer"]
    engine.inventory()
    order = plain_order(workflow=WorkflowOrder(workflow("b-iclight-fc-kijai-detail")))

    with pytest.raises(MissingExtensionError, match="ComfyUI-IC-Light"):
        list(engine.draw(order, quiet))
    assert not comfy.sent


def test_a_picture_for_a_node_that_loads_none_is_refused_with_those_that_do():
    with pytest.raises(Refused, match=r"loads no picture; those that do: img \(LoadImage\)"):
        filled("a-img2img", pictures={"sampler": PHOTO})


def test_a_value_does_not_take_the_place_of_a_link():
    with pytest.raises(Refused, match=r"'model' of node sampler .* comes from node 'ckpt'"):
        filled("a-txt2img", values={"sampler.model": "other"})


@pytest.mark.parametrize(
    ("beside", "word"),
    [
        ({"relight": relit_unit()}, "IC-Light"),
        ({"finer": FinerSettings(tiling=True)}, "tiling"),
        ({"finer": FinerSettings(refiner=ModelFile("b"))}, "a refiner"),
        ({"finer": FinerSettings(restore_faces="CodeFormer")}, "restore_faces"),
        ({"finer": FinerSettings(controls=(ControlOrder("none", "c", PHOTO),))}, "ControlNet"),
        ({"hires": HiresPass(256, 256, "Latent", 0, 0.5)}, "second pass"),
        ({"loras": ((ModelFile("lora_a"), 1.0),)}, "LoRAs"),
        ({"starts": (RepaintPlan(PHOTO),)}, "init_images"),
        ({"subseed_strength": 0.5}, "subseed"),
    ],
)
def test_what_would_have_no_effect_beside_a_workflow_is_refused(
    comfy: FakeComfy, engine: ComfyEngine, beside: dict[str, Any], word: str
):
    order = plain_order(workflow=WorkflowOrder(workflow("a-txt2img")), **beside)

    with pytest.raises(Refused, match=word):
        list(engine.draw(order, quiet))
    assert not comfy.sent


def test_a_size_goes_to_the_empty_latent_and_not_to_what_enlarges():
    graph = filled("h-hires-model", settings={"size": [64, 96]})

    before = workflow("h-hires-model")
    for name, node in graph.items():
        sides = [node["inputs"].get(side) for side in ("width", "height")]
        is_latent = "Latent" in node["class_type"] and "width" in node["inputs"]
        assert sides == (
            [64, 96] if is_latent else [before[name]["inputs"].get(x) for x in ("width", "height")]
        )


def test_the_guidance_of_flux_is_told_by_forges_word(comfy: FakeComfy, engine: ComfyEngine):
    (picture,) = engine.draw(plain_order(workflow=WorkflowOrder(workflow("i-flux-txt2img"))), quiet)

    assert picture.story["Distilled CFG Scale"] == 3.5
    assert picture.story["CFG scale"] == 1.0
